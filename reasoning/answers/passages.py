"""Which passages of a reply can hold its answer: not the prompt's words, a question, an offer or another turn."""

from __future__ import annotations

import re

from omnisense.reasoning.answers.normalize import fold_words
from omnisense.reasoning.answers.option_marks import option_texts

# a base model goes on with a question of its own, or writes the user's next turn
_NEXT_QUESTION = re.compile(
    r"\n\W*(?:(?:next\s+|new\s+)?(?:question|q|task)\s*\d{0,3}\s*(?:[:：]|\n)|\b(?:question|q|task|clip|video|example)\s*\d{1,3}\s*[.)]\s|(?:exercise|problem|quiz|übung|aufgabe|frage|exercice)\s*\d{1,3}\s*[:：]|(?:human|user|assistant|问题)\s*\d{0,3}\s*[:：])",
    re.IGNORECASE,
)
_END_OF_TURN = re.compile(
    r"<\|(?:eot_id|im_end|endoftext|end_of_text|return|start_header_id|user|im_start)\|>|</s>|<end_of_turn>"
)
# "Would you like me to explain why option A is wrong?"
_OFFER = re.compile(
    r"(?:(?<=[.!?。]\s)|(?<=\n))\W{0,4}(?:would\s+you\s+like|do\s+you\s+want|want\s+me\s+to|shall\s+i|should\s+i|(?:please\s+)?let\s+me\s+know"
    r"|(?:please\s+)?feel\s+free|(?:just\s+)?tell\s+me|if\s+you(?:'d|\s+would)?\s+(?:like|want|need|prefer|wish|have)"
    r"|i(?:'d|'m|'ll|\s+would|\s+am|\s+will)\s+(?:also\s+)?(?:be\s+)?(?:happy|glad)\s+to|i\s+(?:can|could)\s+also|happy\s+to"
    r"|(?:i\s+)?hope\s+(?:this|that|it|you)|is\s+there\s+anything|wenn\s+du|soll\s+ich|möchte(?:n\s+sie|st\s+du)|souhaitez|si\s+quieres"
    r"|如果你|如果您|需要我)",
    re.IGNORECASE,
)
# 'Answer with the option's letter, e.g. "A"'
_INSTRUCTION = re.compile(
    r"\b(?:answer|respond|reply)\s+(?:(?:only|directly|just)\s+)?(?:with|using)\s+(?:only\s+)?(?:the|(?-i:a)|an|one|your)\b[^.\n]{0,200}"
    r"(?:e\.g\.[^\n]{0,40})?|\bexample\s*:[^\n]{0,80}|\be\.g\.[^\n.)]{0,40}",
    re.IGNORECASE,
)
_ASKED_FIRST = re.compile(r"\AQ\s?:\s[^\n]{0,300}?\sA\s?:\s")  # "Q: ... A: fearful"
_SENTENCE = re.compile(r"(?<=[.!?;\n。！？\u2600-\u27bf\U0001f300-\U0001faff])")
# "It's B, isn't it?"
_TAG_QUESTION = re.compile(
    r",\s*(?:\w+n't\s+(?:it|he|she|they|that)|right|correct|no|oder|nicht\s+wahr|non|n'est-ce\s+pas|verdad|né|vero)\s*\?",
    re.IGNORECASE,
)
_AFFIRMED = re.compile(r"\W*(?:yes|yep|exactly|indeed|correct|right)\b", re.IGNORECASE)
_OR_ELSE = re.compile(
    r"\W*or\s+(?:is|was|are|were|maybe|perhaps|could|might)\b", re.IGNORECASE
)  # "three... or is it four?"
_QUOTED = re.compile(r"\"[^\"\n]{1,200}\"|«[^«»\n]{1,200}»|„[^„“”\"\n]{1,200}[“”\"]|“[^“”\n]{1,200}”")
_CUT_OFF = re.compile(r"[^\W\d_]+[,;]?\s*\Z|[,;:(–-]\s*\Z")
_ENDS_MIDWAY = re.compile(
    r"\s(?:which|(?<!all\s)that|the|an?|and|or|but|to|of|in|on|at|with|is|are|was|because|and\s+then|his|their|as|for|by|from|who|while|if|she|he|it|they)\s*,?\Z|\w\s?[,(]\s*\Z"
)
_BREAK = re.compile(r"[.!?。]\s|\n")


def before_end_of_turn(text: str) -> str:
    """Return what stands before the first token that ends a turn, as far as that holds any words."""
    for found in _END_OF_TURN.finditer(text):
        if re.search(r"\w", text[: found.start()]):
            return text[: found.start()]
    return text


def own_passages(text: str) -> list[str]:
    """Return what stands before a question that the reply goes on with, and before what it offers to do next.

    Args:
        text: without markup.

    Returns:
        The shorter passage first; empty where the reply is all of one piece.
    """
    ends = sorted({found.start() for pattern in (_NEXT_QUESTION, _OFFER) if (found := pattern.search(text))})
    return [own for end in ends if (own := text[:end].strip())]


def drop_instructions(text: str) -> str:
    """Return a text without sentences that tell how to answer, which weak models copy; as it is if nothing is left."""
    kept = _INSTRUCTION.sub(" ", _ASKED_FIRST.sub("", text))
    return kept if re.search(r"\w", kept) else text


def drop_questions(text: str) -> str:
    """Return a text without its questions, but for one that is affirmed next; as it is if they are all there is."""
    if "?" not in text and "？" not in text:
        return text
    text = _TAG_QUESTION.sub(".", text)
    pieces = _SENTENCE.split(text)
    following = [*pieces[1:], ""]
    kept = [
        " " if piece.endswith(("?", "？")) and not _AFFIRMED.match(after[:20]) and not _OR_ELSE.match(piece) else piece
        for piece, after in zip(pieces, following, strict=True)
    ]
    return _if_any(kept, text)


# "she says 'I am so happy'"
_SPEECH = re.compile(
    r"\b((?:say|said|ask|answer|repl(?:y|ie)|shout|yell|whisper|sing|read|tell|told|call|caption|lyric|text|think|thought|add|murmur|exclaim|remark|comment|phrase|dit|sagt|dice)\w{0,4}"
    r"(?:\s+(?:\w+\s+){0,2}|\W{1,3}))(?:\"[^\"\n]{1,200}\"|'(?:[^'\n]|(?<=\w)'(?=\w)){1,200}'(?!\w)|«[^«»\n]{1,200}»)",
    re.IGNORECASE,
)


_OPENS_QUOTE = re.compile(r"(?<!\w)'")
# '"I am so happy", she says'
_SPOKEN = re.compile(
    r"(?:\"[^\"\n]{1,200}\"|«[^«»\n]{1,200}»)(?=,?\s(?:\w+\s+){1,3}(?:say|said|ask|answer|repl(?:y|ie)|shout|yell|whisper|sing|scream|cr(?:y|ie)|mutter|exclaim|murmur)\w{0,4}\b)"
)


def drop_speech(text: str, options: tuple[str, ...] = ()) -> str:
    """Return a text without quotations of what somebody in the clip says; as it is if nothing else is left.

    Args:
        text: without markup.
        options: of the question; a quotation that is one of them, and no single word, stays.
    """
    if not any(quote in text for quote in '"«') and not _OPENS_QUOTE.search(text):
        return text
    sayings = {option for option in option_texts(options) if " " in option}

    def drop(match: re.Match[str]) -> str:
        verb = match[1] if match.re is _SPEECH else ""
        is_option = bool(sayings) and fold_words(match[0][len(verb) :]) in sayings
        return match[0] if is_option or _IS_OWN.match(match[0]) else f"{verb} "

    return _if_any([_SPOKEN.sub(drop, _SPEECH.sub(drop, text))], text)


_IS_OWN = re.compile(r"(?:answer|read)\W", re.IGNORECASE)  # "answer: 'B'"


def drop_quotes(text: str) -> str:
    """Return a text without what it quotes, which others say; as it is if that is all there is."""
    return _if_any([_QUOTED.sub(" ", text)], text)


def _if_any(kept: list[str], text: str) -> str:
    joined = "".join(kept)
    return joined if re.search(r"[^\W_]|[\ue000-\ue119]", joined) else text


def is_cut_off(text: str) -> bool:
    """Whether a reply of several sentences ends in the middle of one."""
    return bool(_CUT_OFF.search(text[-40:]) and _BREAK.search(text)) and len(text.rpartition("\n")[2].split()) > 3


def ends_midway(text: str) -> bool:
    """Whether a reply ends with a word that must be followed by another one."""
    return bool(_ENDS_MIDWAY.search(text))
