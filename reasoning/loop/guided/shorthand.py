"""Writes out how people type in chats: "im" and "dont" with their apostrophes, "u" and "tmrw" as words."""

from __future__ import annotations

import re

# Contractions without their apostrophe. Those that are other words too ("ill", "id", "were", "well") are left.
_CONTRACTIONS = {
    "im": "I'm",
    "ive": "I've",
    "dont": "don't",
    "doesnt": "doesn't",
    "didnt": "didn't",
    "isnt": "isn't",
    "arent": "aren't",
    "wasnt": "wasn't",
    "werent": "weren't",
    "hasnt": "hasn't",
    "havent": "haven't",
    "hadnt": "hadn't",
    "cant": "can't",
    "couldnt": "couldn't",
    "wouldnt": "wouldn't",
    "shouldnt": "shouldn't",
    "wont": "won't",
    "aint": "ain't",
    "youre": "you're",
    "youve": "you've",
    "theyre": "they're",
    "theyve": "they've",
    "weve": "we've",
    "hes": "he's",
    "shes": "she's",
    "thats": "that's",
    "theres": "there's",
    "whats": "what's",
    "wheres": "where's",
    "hows": "how's",
    "lets": "let's",
}
_ABBREVIATIONS = {
    "u": "you",
    "ur": "your",
    "pls": "please",
    "plz": "please",
    "tmrw": "tomorrow",
    "tmr": "tomorrow",
    "tmw": "tomorrow",
    "bc": "because",
    "cuz": "because",
    "coz": "because",
    "rn": "right now",
    "idk": "I don't know",
    "wyd": "what are you doing",
    "hbu": "how about you",
    "wbu": "what about you",
    "thx": "thanks",
    "ty": "thank you",
    "tysm": "thank you so much",
    "acc": "actually",
    "whatcha": "what are you",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "have to",
    "kinda": "kind of",
    "bf": "boyfriend",
    "gf": "girlfriend",
    "bff": "best friend",
    "bday": "birthday",
    "ppl": "people",
    "goin": "going",
    "doin": "doing",
    "nothin": "nothing",
    "somethin": "something",
    "comin": "coming",
    "gettin": "getting",
    "feelin": "feeling",
    "mornin": "morning",
    "embarassed": "embarrassed",
    "embarrased": "embarrassed",
    "msg": "message",
    "thru": "through",
    "tho": "though",
}
_WORDS = _CONTRACTIONS | _ABBREVIATIONS
_WORD = re.compile(rf"(?<![\w'@#.-])(?:{'|'.join(_WORDS)})(?![\w'@-])", re.IGNORECASE)
# "r" is a word only beside "you", and so is a child's "ar"; "its" is "it's" before what cannot be owned.
_ARE = re.compile(r"\b(?:(?:r|ar) (?=(?:u|you)\b)|(?<=\bu )r\b|(?<=\byou )r\b)", re.IGNORECASE)
_IT_IS = re.compile(
    r"\bits (?=(?:a|an|the|not|so|just|been|my|me|like|too|all|fine|ok|okay|whatever|only|really|very|such|about)\b)",
    re.IGNORECASE,
)
# Somebody's contraction: "dads been quiet"; more than one would have been.
_HAS_BEEN = re.compile(
    r"\b(mum|mom|dad|nan|gran|grandad|grandpa|grandma|brother|sister|husband|wife|friend|mate)s (?=been\b)", re.I
)
_EVEN_THOUGH = re.compile(r"\beven (?:tho|though)\b", re.I)
_ASIDES = re.compile(r"[, ]*\b(?:tbh|ngl|imo|fr)\b[,]?", re.IGNORECASE)
_LATIN = re.compile(r"^[\x00-\u024f\u2000-\u206f]*$")


def written_out(text: str) -> str:
    """Return an English text with its chat shorthand written out.

    Args:
        text: without emoji. "ID", "US" and other words in capitals stay as they are.
    """
    text = text.replace("\u2019", "'")
    if not _LATIN.match(text):
        return text
    text = _ARE.sub(lambda found: "are " if found[0].endswith(" ") else "are", text)
    text = _IT_IS.sub(lambda found: "It's " if found[0][0] == "I" else "it's ", _ASIDES.sub("", text))
    text = _EVEN_THOUGH.sub("although", _HAS_BEEN.sub(r"\1's ", text))
    return _WORD.sub(_full, text).strip()


def _full(found: re.Match[str]) -> str:
    word = found[0]
    full = _WORDS[word.lower()]
    if len(word) > 1 and word.isupper() and word.lower() in _ABBREVIATIONS:
        return word
    return full[0].upper() + full[1:] if word[0].isupper() else full
