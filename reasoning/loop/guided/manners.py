"""Replies where the manner counts: praise that is not meant, what is played down, two sides, and a child's words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

from omnisense.reasoning.loop.guided.events import MIXED
from omnisense.reasoning.loop.guided.mirror import BUT, WEEPS, is_whole, mirror
from omnisense.reasoning.loop.guided.parts import Composed, join, upper
from omnisense.reasoning.loop.guided.phrases import Picker, find_topics, phrases, shown_valences
from omnisense.reasoning.loop.guided.reading import FEELS_GOOD, Clause, Reading, is_of_a_child
from omnisense.reasoning.loop.guided.restating import has_subject, opposite_feelings, restate, restate_about
from omnisense.reasoning.loop.paraphrase import to_second_person

_ELLIPTIC = re.compile(
    r"^(?:my|our|he|she|they|the|nobody)\b.* (?:didn't|doesn't|isn't|wasn't|hasn't|won't|can't)$", re.I
)
_FEW_CLAUSES = 4
_HAS_SUBJECT = re.compile(
    r"^(you|your|you're|you've|it|it's|the|he|she|they|there|this|that|nobody|everybody|\w+'s)\b", re.I
)
_CONTRAST = re.compile(r"\b(but|though|although|yet|however|while|at the same time)\b", re.IGNORECASE)
_DENIES = re.compile(r"\b(?:not|\w+n't|never|no one|nobody|any ?more)\b", re.IGNORECASE)
_CLEAR, _PLAINLY = 0.1, 0.2  # sentiment of a clause that carries a feeling, and of one that shows it plainly


def ironic(reading: Reading, picker: Picker) -> Composed:
    """Return the reply to praise that is not meant."""
    clauses = [c.text for c in reading.clauses if reading.word.lower() not in c.text.lower()]
    after = next((c.text.partition(",")[2] for c in reading.clauses if "," in c.text), "")
    rest = restate_about(clauses[0] if clauses else after)
    said = picker.pick(phrases()["ironic"]["say"], "say", word=reading.word, rest=f": {rest}" if rest else "")
    topic = find_topics(reading)
    extra = picker.pick(topic[0][0].say, "topic", **topic[0][1]) if topic else ""
    ask = (
        picker.pick(topic[0][0].ask, "ask", **topic[0][1])
        if topic
        else picker.pick(phrases()["understated"]["ask"], "ask")
    )
    return Composed(join(said, extra, ask), "irony")


def understated(reading: Reading, picker: Picker) -> Composed:
    """Return the reply to words that play down what they tell."""
    others = [c for c in reading.clauses if not re.search(rf"\b{re.escape(reading.word)}\b", c.text, re.I)]
    restated = next((text for c in others if (text := _said(c.text))), "")
    section, word = phrases()["understated"], reading.word.lower()
    if " " in word and word not in ("all right", "no big deal", "not a big deal", "used to it"):
        said = picker.pick(
            section["waved" if restated else "waved_plain"], "say", word=word, Word=upper(word), you=restated
        )
        return Composed(join(said, picker.pick(section["ask"], "ask")), "understatement")
    said = (
        picker.pick(section["say"], "say", word=word, Word=upper(word), you=restated, Mirror=upper(restated))
        if restated
        else picker.pick(section["plain"], "say", word=word)
    )
    return Composed(join(said, picker.pick(section["ask"], "ask")), "understatement")


def mixed(reading: Reading, picker: Picker) -> Composed | None:
    """Return the reply to words of which one side is glad and the other is not; None for others."""
    section, ask = phrases()["mixed"], picker.pick(phrases()["mixed"]["ask"], "ask")
    pair = opposite_feelings(reading.text)
    if pair:
        said = picker.pick(section["names"], "names", first=pair[0], second=pair[1])
        others = (c.text for c in reading.clauses if not any(name in c.text.lower() for name in pair))
        restated = next((text for text in map(restate, others) if text), "")
        about = f"{upper(restated)}." if restated else ""
        return Composed(join(about, upper(said), ask), "mixed: two feelings named")
    sides = [_side(clause) for clause in reading.clauses]
    is_contrast = bool(_CONTRAST.search(reading.text)) or all(shown_valences(clause.text) for clause in reading.clauses)
    is_contrast |= bool(FEELS_GOOD.search(reading.text) and WEEPS.search(reading.text)) or reading.event == MIXED
    is_one_sided = not (len(sides) <= _FEW_CLAUSES and is_contrast and {-1, 1} <= set(sides))
    if not is_one_sided:
        ordered = sorted((sides.index(1), sides.index(-1)))
    elif (place := _contrasted(reading, sides)) >= 0:
        ordered = [place, place + 1]
    else:
        return _both(reading, picker)
    texts = [reading.clauses[i].text for i in ordered]
    first, second = map(_said, texts)
    if first and not second and _ELLIPTIC.search(texts[1]):  # "I got in, but my friend didn't"
        second = to_second_person(texts[1])
    if not first or not second or (is_one_sided and not all(map(_HAS_SUBJECT.match, (first, second)))):
        return _both(reading, picker)
    said = picker.pick(section["say"], "say", first=first, second=second, First=upper(first))
    return Composed(join(upper(said), ask), "mixed: two sides")


def _both(reading: Reading, picker: Picker) -> Composed | None:
    """Return the reply to words that are glad and sad as a whole; None for others."""
    if reading.event != MIXED:
        return None
    restated = mirror(reading, False, None).text
    section = phrases()["mixed"]
    about = f"{upper(restated)}." if restated else ""
    return Composed(
        join(about, picker.pick(section["both"], "both"), picker.pick(section["ask"], "ask")), "mixed: told"
    )


def _said(clause: str) -> str:
    """Return a clause that has a subject, or whose subject is the person, turned to "you"; else empty."""
    return restate(clause) or (restate_about(clause) if has_subject(clause) and is_whole(clause) else "")


def _contrasted(reading: Reading, sides: Sequence[int]) -> int:
    """Return the place of a clause that the next one is set against, where one of them is glad and the other is not."""
    for place, (first, second) in enumerate(itertools.pairwise(reading.clauses)):
        between = re.escape(first.text) + r"\W*\b(?P<word>\w+)\b\W*" + re.escape(second.text)
        found = re.search(between, reading.text.replace("\u2019", "'"), re.IGNORECASE)
        if found and BUT.fullmatch(found["word"]) and {sides[place], sides[place + 1]} in ({1, 0}, {1, -1}):
            return place
    return -1


def _side(clause: Clause) -> int:
    """Return 1 for a clause that is positive by itself, -1 for a negative one, else 0."""
    shown = shown_valences(clause.text)
    if len(shown) == 1:
        return 1 if shown == {"positive"} else -1
    if FEELS_GOOD.search(clause.text):
        return 1
    if WEEPS.search(clause.text):
        return -1
    return 1 if clause.sentiment >= _PLAINLY else -1 if clause.sentiment <= -_CLEAR else 0


def child(reading: Reading, picker: Picker) -> Composed:
    """Return a reply in short, plain words."""
    found = sorted(find_topics(reading), key=lambda one: not (one[0].of_children or one[0].child_say))
    topic, filled = found[0] if found else (None, {})
    is_glad = reading.valence == "positive" and not _DENIES.search(reading.text)
    is_glad |= topic is not None and topic.valence == "positive"
    is_bad = reading.valence == "negative" or (topic is not None and topic.valence == "negative")
    tone = "positive" if is_glad else "negative" if is_bad else "neutral"
    others = replace(reading, clauses=tuple(c for c in reading.clauses if not is_of_a_child(c.text)))  # not the age
    told_again = mirror(others, tone == "negative", None)
    restated = "" if topic else told_again.text
    tone = "neutral" if restated and BUT.search(reading.text) else tone
    say, ask = phrases()["child"][tone], phrases()["child"][f"{tone}_ask"]
    if topic and topic.child_say:
        say, ask = topic.child_say, topic.child_ask
    elif topic and topic.of_children:
        say, ask = topic.say, topic.ask
    about = f"{upper(restated)}{'!' if tone == 'positive' else '.'}" if restated else ""
    return Composed(join(about, picker.pick(say, "say", **filled), picker.pick(ask, "ask", **filled)), f"child: {tone}")
