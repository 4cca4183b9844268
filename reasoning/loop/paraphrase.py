"""Template-based paraphrase: the clause that carries most, changed from "I" to "you".

Restatement is one of the support strategies of Hill's helping-skills model (Hill, "Helping Skills", 2009; used for
ESConv, Liu et al., 2021). Templates give a small model something true to build on.
"""

from __future__ import annotations

import re

from omnisense.reasoning.loop.emotion_lexicon import emotion_cues

_MAX_WORDS = 14
_SECOND_PERSON = {
    "i": "you",
    "i'm": "you're",
    "i've": "you've",
    "i'll": "you'll",
    "i'd": "you'd",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "we": "you",
    "we're": "you're",
    "we've": "you've",
    "we'll": "you'll",
    "we'd": "you'd",
    "our": "your",
    "ours": "yours",
    "ourselves": "yourselves",
    "us": "you",
    "am": "are",
}
_FIRST_PERSON = {"i", "i'm", "i've", "i'd", "i'll", "my", "we", "we're", "we've", "we'll", "we'd", "our"}
_SELF_REFERENCES = _FIRST_PERSON | {"me", "us", "myself", "ourselves"}
_LEADING_WORDS = re.compile(
    r"^(and|but|so|well|oh|yeah|yes|no|because|you know|then|also|actually|honestly|though|although)[,\s]+", re.I
)
# A comma parts clauses where a subject or a conjunction follows, and else items of a list ("a long, boring talk").
_BETWEEN_CLAUSES = re.compile(
    r",\s+(?=(?:and|but|so|because|though|although|then|now|i|i'm|i've|we|he|she|they|it|it's|my|our|the|that|this|there"
    r"|you|nobody|everybody|everyone)\b)|\s+(?:but|though|although)\s+|\s+and\s+(?=(?:i|i'm|we|my)\b)",
    re.IGNORECASE,
)
_BARE_SUBJECT = re.compile(r"(^|\s)(my|our) \w+$|^me$", re.IGNORECASE)
_NAME = re.compile(r"^(my name is|i am called|i'm called)\b", re.IGNORECASE)
_STOP_WORDS = frozenset(
    """a about all am an and any are as at be because been but by can could did do does don't for from get got had
    has have he her him his how i i'm if in is it it's its just let me my no not of on or our out she so some
    that the their them then there they this to too up us very was we were what when where which who why will
    with would you your yours you're""".split()
)


def content_words(text: str) -> set[str]:
    """Return the words of a text that carry its topic, in lower case."""
    words = re.findall(r"[a-z][a-z']+", text.lower().replace("\u2019", "'"))
    return {word for word in words if word not in _STOP_WORDS and len(word) > 2}


def paraphrase(text: str) -> str:
    """Return the most informative first-person clause as ``you got the job``; empty when none fits a template."""
    best, best_weight = "", 0.0
    for position, clause in enumerate(split_clauses(text)):
        words = clause.split()
        if (
            _NAME.match(clause)
            or not 3 <= len(words) <= _MAX_WORDS
            or not _SELF_REFERENCES & {w.lower() for w in words}
        ):
            continue
        cues = emotion_cues(clause)
        if not (words[0].lower() in _FIRST_PERSON or cues) or "you" in clause.lower().split():
            continue
        # What happened says more than the emotion alone: "nobody listens to me" before "I am so angry"; and what comes
        # first is often what the rest is about.
        cause = content_words(clause) - {word for cue in cues for word in cue.text.split()}
        weight = 1.0 + 0.5 * sum(cue.weight for cue in cues) + 0.4 * len(cause) + (0.3 if position == 0 else 0.0)
        if weight > best_weight:
            best, best_weight = clause, weight
    return to_second_person(best) if best else ""


def first_words(text: str, count: int = 24) -> str:
    """Return the first words of a text, with an ellipsis where it is cut."""
    words = text.split()
    return " ".join(words[:count]) + (" ..." if len(words) > count else "")


def split_clauses(text: str) -> list[str]:
    """Return the clauses of a text's statements, without words that only lead into them; questions are left out."""
    sentences = re.split(r"(?<=[.!?])\s+|;", text.replace("\u2019", "'").strip())
    clauses = []
    for sentence in sentences:
        if not sentence.rstrip().endswith("?"):
            clauses += _clauses_of(re.sub(r"[.!]+$", "", sentence.strip()))
    return clauses


def _clauses_of(sentence: str) -> list[str]:
    """Return the clauses of one sentence."""
    joined: list[str] = []
    for clause in _BETWEEN_CLAUSES.split(sentence):
        while (shorter := _LEADING_WORDS.sub("", clause)) != clause:
            clause = shorter
        clause = clause.strip(" ,.!")
        if joined and _BARE_SUBJECT.search(joined[-1]):
            clause = f"{joined.pop()} and {clause}"  # "my husband and I are arguing" is one clause
        joined.append(clause)
    return [c for c in joined if c]


def to_second_person(clause: str) -> str:
    """Return a clause about "I" as one about "you": ``my train was late`` becomes ``your train was late``."""
    words = clause.split()
    changed = []
    for i, word in enumerate(words):
        bare, tail = re.fullmatch(r"(.*?)([,.]*)", word).groups()  # type: ignore[union-attr]
        low = bare.lower()
        if low in ("was", "wasn't") and i and words[i - 1].lower() == "i":
            changed.append(low.replace("was", "were") + tail)
        elif low in _SECOND_PERSON:
            changed.append(_SECOND_PERSON[low] + tail)
        else:
            changed.append(
                (low if i == 0 and (bare == "A" or (bare[1:].islower() and not bare.isupper())) else bare) + tail
            )
    return " ".join(changed)
