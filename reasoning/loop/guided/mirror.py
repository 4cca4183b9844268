"""What of the person's words is said again: the clause that tells most and, of a short text, the one beside it.

A feeling that is told plainly comes first; else the point of a story stands at its end ("I still get two teabags out"),
and good news at its beginning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from omnisense.reasoning.loop.emotion_lexicon import emotion_cues
from omnisense.reasoning.loop.guided.parts import upper
from omnisense.reasoning.loop.guided.phrases import Picker, Topic, phrases
from omnisense.reasoning.loop.guided.reading import Clause, Reading
from omnisense.reasoning.loop.guided.restating import begins_as_own, has_subject, named, restate, restate_about
from omnisense.reasoning.loop.safety import check_reply

LONG_WORDS = 80  # of a text of which one clause is said again
_LONG_CLAUSE, _LEAST = 6, 3  # words of a clause of a long text, and of any
_MOST_OF_A_FRAGMENT = 4  # words
_CLEAR = 0.1  # sentiment of a clause that carries a feeling
# A clause that begins with a noun needs a verb that is surely one: "my salary slip of all things" has none.
_NOUN_FIRST = re.compile(
    r"(?:my|our|the|an?|his|her|their|some|all|both|half|most|another|every|one|two|three"
    r"|(?!(?:We|He|She|They|It|I)\b)[A-Z]\w+ \w+)\b"
)
_HAS_VERB = re.compile(
    r"(?:[\w'-]+ ){1,6}?(?:is|are|was|were|has|have|had|will|won't|can|can't|could|couldn't|would|didn't"
    r"|doesn't|isn't|wasn't|hasn't"
    r"|says?|said|told|tells|got|gets|went|goes|came|comes|made|makes|left|leaves|gave|gives|keeps?|kept|asks"
    r"|thinks|wants|knows"
    r"|lives?|rang|lost|found|sent|put|broke|knew|took|takes|[a-z]{3,}ed)\b|[\w-]+'s (?!\w+$)",
    re.IGNORECASE,
)
_MIRRORED = 24  # words of two clauses that are said again together
_QUOTE = (3, 16)  # words of a clause that is quoted, at least and at most
# Of a long text, a clause that says little by itself: it points to another one, or is about the writing.
_DANGLING = re.compile(r"\b(it|which|this|that|they|he|she)\b|\b(writing|know what|tell you)\b", re.IGNORECASE)
WEEPS = re.compile(r"\b(cried|crying|cry|tears|sobb\w+)\b(?! (?:of joy|with joy|laughing))", re.IGNORECASE)
STARTS_OWN = re.compile(r"(?:\w+ ){0,2}?(?:i|i'm|i've|i'd|we|we're|we've)\b", re.IGNORECASE)
BUT = re.compile(r"\b(but|though|although|yet)\b", re.IGNORECASE)


class Mirror(NamedTuple):
    """What is said again, the sentiment of the clause that was chosen, and the word that joins another clause to it."""

    text: str
    sentiment: float
    joint: str = ""


def said_again(reading: Reading, restated: str, frames: Sequence[str], picker: Picker, *, is_glad: bool = False) -> str:
    """Return a sentence with what the person told: turned to "you" where that works, else in their own words."""
    if restated:
        return picker.pick(frames, "restate", you=restated, Mirror=upper(restated))
    if len(reading.text.split()) > LONG_WORDS:
        return ""
    clauses = [
        c.text
        for c in reading.clauses
        if _QUOTE[0] <= len(c.text.split()) <= _QUOTE[1] and '"' not in c.text and not named(c.text)
    ]
    quote = max(clauses, key=len, default="")
    return (
        picker.pick(phrases()["restate"]["quoted_glad" if is_glad else "quoted"], "quoted", quote=quote)
        if quote
        else ""
    )


def mirror(reading: Reading, is_bad: bool, topic: Topic | None) -> Mirror:
    """Return the clause that says most, turned to "you", with its sentiment; of a short text with the one beside it.

    It is the one that shows the topic (a glad one, or of a long text), else one with the feeling, else the last: a
    story's point stands at its end, and good news at its beginning.
    """
    is_long = len(reading.text.split()) > LONG_WORDS
    sign = -1 if is_bad else 1
    restated = ["" if _is_of_another(reading, i) or _is_fragment(c.text) else _restated(reading, c, topic, is_long)
                for i, c in enumerate(reading.clauses)]  # fmt: skip
    if not any(restated) and not is_long:
        restated = [restate_about(c.text) if len(c.text.split()) > _LEAST and _may_be_said(reading, i) else ""
                    for i, c in enumerate(reading.clauses)]  # fmt: skip
    first_counts = is_long or (topic is not None and topic.valence == "positive") or reading.valence == "positive"
    options = [
        (is_shown, sign * c.sentiment if is_long else _weight(c, sign), -i if first_counts else i, i)
        for i, (c, text) in enumerate(zip(reading.clauses, restated, strict=True))
        for is_shown in [shows(topic, c.text) and (is_long or _has_valence(topic))]
        if text and (not is_long or (len(text.split()) >= _LONG_CLAUSE and (is_shown or not _DANGLING.search(text))))
    ]
    for *_, place in sorted(options, reverse=True):
        if check_reply(f"{upper(restated[place])}.") is None:  # out of its context it may read as harm: it is left out
            told = Mirror(restated[place], reading.clauses[place].sentiment)
            return told if is_long else _with_neighbour(reading, told, place)
    return Mirror("", 0.0)


def _with_neighbour(reading: Reading, told: Mirror, place: int) -> Mirror:
    """Return what is said again of a clause, with the clause before or after it where both are short enough."""
    places = [i for i in range(len(reading.clauses)) if i != place and _may_be_said(reading, i)]
    for other in sorted(places, key=lambda i: (abs(i - place), i > place)):
        clause = reading.clauses[other].text
        text = restate(clause) or (restate_about(clause) if has_subject(clause) else "")
        if (
            len(text.split()) < _LEAST
            or named(clause)
            or len(f"{told.text} {text}".split()) > _MIRRORED
            or text.lower() in told.text.lower()
        ):
            continue
        between = re.escape(reading.clauses[min(other, place)].text) + r"\W*\b(?P<word>\w+)\b"
        joint = re.search(between, reading.text.replace("\u2019", "'"), re.IGNORECASE)
        word = "but" if joint and BUT.fullmatch(joint["word"]) else "and"
        pair = f"{text}, {word} {told.text}" if other < place else f"{told.text}, {word} {text}"
        if check_reply(f"{upper(pair)}.") is None:
            return told._replace(text=pair, joint=word)
    return told


def _may_be_said(reading: Reading, place: int) -> bool:
    """Whether a clause has a subject of its own, or a verb whose subject is surely the person."""
    text = reading.clauses[place].text
    return has_subject(text) and is_whole(text) and not _is_of_another(reading, place)


def is_whole(clause: str) -> bool:
    """Whether a clause that begins with a noun has a verb that is surely one; any other clause is taken for whole."""
    return not _NOUN_FIRST.match(clause) or bool(_HAS_VERB.match(clause))


def _is_fragment(clause: str) -> bool:
    """Whether a clause names somebody or something and says nothing of them: ``My own aunt.``"""
    is_short = len(clause.split()) <= _MOST_OF_A_FRAGMENT
    return is_short and bool(_NOUN_FIRST.match(clause[:1].lower() + clause[1:])) and not _HAS_VERB.match(clause)


def _is_of_another(reading: Reading, place: int) -> bool:
    """Whether a clause without a subject goes on from one about somebody else: ``he left. Took the kettle.``"""
    before = reading.clauses[place - 1].text if place else ""
    return bool(before) and begins_as_own(reading.clauses[place].text) and not (
        STARTS_OWN.match(before) or begins_as_own(before)
    )  # fmt: skip


def _weight(clause: Clause, sign: int) -> float:
    """Return how much a clause of a short text says of the feeling."""
    is_felt = sign < 0 and bool(WEEPS.search(clause.text) or emotion_cues(clause.text))
    return float(sign * clause.sentiment > _CLEAR or is_felt)


def _restated(reading: Reading, clause: Clause, topic: Topic | None, is_long: bool) -> str:
    if _has_valence(topic) and shows(topic, clause.text) and (said := restate_about(clause.text)):
        return said  # what the reply is about is said again
    return restate(clause.text) or ("" if is_long else _restate_effect(clause.text, len(reading.clauses)))


def _has_valence(topic: Topic | None) -> bool:
    return topic is not None and topic.valence != "any"


def shows(topic: Topic | None, text: str) -> bool:
    """Whether a text shows a topic."""
    return topic is not None and bool(topic.pattern.search(text))


def _restate_effect(clause: str, clauses: int) -> str:
    """Return a clause of which the person is not the subject, where it speaks of them or is all that they say."""
    is_theirs = clauses == 1 or re.search(r"\b(me|my|us|our)\b", clause, re.IGNORECASE)
    return restate_about(clause) if is_theirs and has_subject(clause) else ""
