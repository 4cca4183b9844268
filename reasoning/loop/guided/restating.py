"""The person's own clauses, turned to "you"; only those that stay true and grammatical when they are."""

from __future__ import annotations

import re

from omnisense.reasoning.loop.paraphrase import to_second_person

_MAX_WORDS = 20
_MIN_WORDS = 3
_WHEN = r"(?:(?:today|yesterday|tonight|this morning|this evening|last night|last week|on \w+day|sometimes),? )?"
_SUBJECT = re.compile(rf"^{_WHEN}(i|i'm|i've|i'd|i'll|we|we're|we've|my|our)\b", re.IGNORECASE)
_UNFIT = re.compile(
    r"\byou\b|\byour\b|[\"()\[\]{}<>|/:]"
    r"|^(if|because|when|that|which|what|who|why|where|how|is|are|do|does|did|can|could|should|would|will|give|show|tell"
    r"|help|don't|to|for|with|in|at|on|please|let|i guess|i hope|i wonder|i mean"
    r"|i know|i can't believe|my name)\b"
    r"|^(i|we) would(n't| not)? have to\b"
    r"|^\w+ (?:[\w']+ )?\w+ (?:it|that|this|one)$"
    r"|\b(?:isn't|hasn't|doesn't|aren't|wasn't|won't|can't|don't|didn't|is|has|does|can) (?:it|they|he|she|i)$"
    r"|^i(?:'m| am) (such )?an? (joke|failure|loser|burden|idiot|mess|disappointment|nobody)\b"
    r"|\b(lol|haha\w*|idk|omg)\b|\b(and|but|or|the|a|my|of|to|because|if|that|when|since|with|\w+n't|did|does|do)$",
    re.IGNORECASE,
)
# A feeling that is named without a subject: "Restless.", "so nervous my hands are shaking".
_FELT = re.compile(
    r"^(?P<felt>(?:(?:so|very|really|super|real|too|quite|a bit|a little|kind of|pretty|just|still|feeling) )*"
    r"(?:restless|nervous|anxious|worried|scared|afraid|sad|angry|lonely|tired|exhausted|bored|happy|glad|proud|excited|relieved|jealous"
    r"|embarrassed|ashamed|guilty|confused|stressed|overwhelmed|hurt|furious|fuming|livid|annoyed|frustrated|grateful"
    r"|hopeful|hopeless|homesick|heartbroken|gutted|upset|content|calm|peaceful|numb|empty|lost|torn|disappointed|shaken"
    r"|tense|uneasy|miserable|grumpy|giddy|thrilled|delighted|over the moon|chuffed|knackered|low|down|flat|blue))\b"
    r"(?=\W*$|,| (?:i|my|that|about|for|because|today|tonight|now|right now|lately|again|all (?:day|week|night)"
    r"|at|with|of|since|this)\b)",
    re.IGNORECASE,
)
# A statement that begins with the past of a verb is the person's own: "got the job", "just passed".
_PAST = (
    "got went made lost won found had took did came saw told sat ran fell broke spent slept left met bought sold wrote "
    "woke felt forgot heard gave ate drove put cut hit stood spoke paid read passed finished failed missed"
).split()
_IMPLIED = re.compile(
    rf"^(?P<adverb>(?:just|finally|only|also|then|still|almost|nearly|already|literally) )?(?:{'|'.join(_PAST)}"
    r"|(?!(?:tired|bored|excited|exhausted|stressed|annoyed|worried|scared|confused|used|supposed|red|bed|need|indeed|feed"
    r"|seed|speed|\w*eed|hundred|wicked|sacred|naked|bloody|cursed|ted|ned|fred|med|relieved|frustrated|overwhelmed"
    r"|disappointed|embarrassed|depressed|ashamed|delighted|thrilled|gutted|chuffed|knackered|fed)\b)"
    r"[a-z]{3,}ed) (?!by\b|of\b)",
    re.IGNORECASE,
)
# What a clause may begin with to be said as a sentence.
_HAS_SUBJECT = re.compile(
    r"^(?:i|we|my|our|i'm|i've|i'd|i'll|we're|we've|it|it's|he|she|they|he's|she's|they're|there|there's|the|this|that"
    r"|his|her|their|an?|nobody|everybody|everyone|no one|somebody|someone|something|nothing|everything|people|one|two"
    r"|three|four|five|six|some|all|both|half|most|another|every"
    r"|(?:today|tomorrow|yesterday|tonight)(?= (?:is|was|would|will|marks?)\b)|[A-Z][\w'-]+"
    r"(?= (?:[a-z]{3,}s|[a-z]+ed|said|told|got|went|was|has|had|is|came|made|left|gave)\b))\b"
)
_LEADS_IN = re.compile(r"^(?:omg|lol|ngl|tbh|oh my (?:god|gosh)|guess what)[,!]? ", re.IGNORECASE)
_CAPITALS = re.compile(r"\b[A-Z]{4,}\b")  # they shout, and are not shouted back
_NAME = re.compile(
    r"(?:\b[Mm]y name(?: is|'s)|\bI(?: am|'m) called|^(?:[Hh](?:i|ello|ey)[,!.]? )(?:I'm|I am|it's|this is)"
    r"|\bI'm(?= [A-Z][a-z]+[.!]*$)) (?P<name>[A-Z][\w-]+)"
)
_FEELINGS = {
    "positive": "relieved happy glad excited proud hopeful grateful thrilled joyful calm delighted thankful".split(),
    "negative": (
        "terrified scared afraid sad anxious nervous worried lonely guilty angry exhausted ashamed heartbroken"
    ).split(),
}
# "You're so angry" can be a reproach, and the check of harmful replies takes it for one; "you feel so angry" cannot.
_STATE = re.compile(
    r"^i(?:'m| am)(?= (?:(?:so|very|really|too|quite|still|a bit|a little) )*"
    rf"(?:{'|'.join([*_FEELINGS['positive'], *_FEELINGS['negative']])}"
    r"|upset|mad|furious|livid|fuming|enraged|frustrated|tired|stressed|overwhelmed|hurt|depressed|disappointed|jealous|embarrassed|confused)\b"
    r"(?! (?:i|so|not)\b))",
    re.IGNORECASE,
)
_OWN = re.compile(
    rf"\bi(?:'m| am| feel| was) (?:(?:so|very|really|a|an|little|bit|also|both|just) )*"
    rf"(?P<name>{'|'.join([*_FEELINGS['positive'], *_FEELINGS['negative']])})\b",
    re.IGNORECASE,
)
_TWO = re.compile(
    r"\b(?P<a>{words})\b(?: for (?:him|her|them))? (?:and|but)(?: also)?(?: so| very| a bit)? (?P<b>{words})\b".replace(
        "{words}", "|".join([*_FEELINGS["positive"], *_FEELINGS["negative"]])
    ),
    re.IGNORECASE,
)


def restate(clause: str) -> str:
    """Return a clause of which the person is the subject as ``you feel lonely``; empty where that does not work."""
    clause = _mild(_LEADS_IN.sub("", clause.strip(" ,.!").replace("\u2019", "'")))
    if felt := _FELT.match(clause):
        return f"you feel {felt['felt'].lower().removeprefix('feeling ')}"
    clause = _with_subject(_shortened(clause))
    if not _SUBJECT.match(clause) or not _fits(clause):
        return ""
    plain = re.sub(r"^(i|we) (just|really|only|kind of|sort of) ", r"\1 ", clause, flags=re.IGNORECASE)
    return to_second_person(_STATE.sub("I feel", plain))


def restate_about(clause: str) -> str:
    """Return a clause about anything (``my brother lost his job``) as ``your brother lost his job``; empty likewise."""
    clause = _mild(_LEADS_IN.sub("", clause.strip(" ,.!").replace("\u2019", "'")))
    if _FELT.match(clause):
        return restate(clause)
    clause = _shortened(clause)
    return to_second_person(_with_subject(clause)) if _fits(clause, least=2) else ""


def _shortened(clause: str) -> str:
    """Return a clause that is too long up to an "and" or "because", where what stands before it says something."""
    if len(clause.split()) <= _MAX_WORDS:
        return clause
    first = re.split(r",? (?:and|but|because|so|while|when|as)\b", clause, maxsplit=1)[0]
    return first if len(first.split()) > _MIN_WORDS else clause


def has_subject(clause: str) -> bool:
    """Whether a clause begins as a sentence does: with a subject, or with a verb whose subject is the person."""
    plain = clause.strip()
    return bool(_HAS_SUBJECT.match(plain) or _HAS_SUBJECT.match(plain[:1].lower() + plain[1:]) or _IMPLIED.match(plain))


def begins_as_own(clause: str) -> bool:
    """Whether a clause begins with a verb of the person's own, without a subject: ``passed my test``."""
    return bool(_IMPLIED.match(clause.strip()))


def _with_subject(clause: str) -> str:
    """Return a clause that begins with a verb of the person's with one: ``got the job`` as ``I got the job``."""
    clause = re.sub(r"^(?:yet|still|anyway|basically|literally),? (?=i\b|we\b|my\b)", "", clause, flags=re.IGNORECASE)
    clause = re.sub(
        r"^(?=(?:don't know|can't|cannot|couldn't|haven't|didn't) (?!you\b))", "I ", clause, flags=re.IGNORECASE
    )
    if not _IMPLIED.match(clause):
        return clause
    return f"I {clause[0].lower()}{clause[1:]}"


def _mild(clause: str) -> str:
    """Return "I'm sick of it" as "I'm fed up with it": turned to "you", the first reads as an insult."""
    clause = clause.lower() if clause.isupper() else clause
    clause = _CAPITALS.sub(lambda word: word[0].lower(), clause)
    return re.sub(r"\b(I(?:'m| am)(?: \w+)?) sick (?:and tired )?of\b", r"\1 fed up with", clause, flags=re.IGNORECASE)


def named(text: str) -> str:
    """Return the name by which the person calls themself; empty where they do not."""
    found = _NAME.search(text.replace("\u2019", "'").strip())
    return found["name"] if found else ""


def opposite_feelings(text: str) -> tuple[str, str] | None:
    """Return two feelings of opposite valence that the person names of themself, such as relieved and terrified."""
    found = _TWO.search(text)
    if found:
        named_two = [found["a"].lower(), found["b"].lower()]
    else:
        named_two = [feeling["name"].lower() for feeling in _OWN.finditer(text.replace("\u2019", "'"))]
    is_positive = [name in _FEELINGS["positive"] for name in named_two]
    if len(set(is_positive)) < 2:
        return None
    return named_two[is_positive.index(is_positive[0])], named_two[is_positive.index(not is_positive[0])]


def _fits(clause: str, least: int = _MIN_WORDS) -> bool:
    return least <= len(clause.split()) <= _MAX_WORDS and not _UNFIT.search(clause)
