"""Replies to what the person tells: of themself or of others, in earnest, in irony, or playing it down.

A feeling is named where it was appraised, and a cheerful sentence stands only where the words are positive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from omnisense.reasoning.loop.appraisal import Emotion
from omnisense.reasoning.loop.emotion_lexicon import emotion_cues
from omnisense.reasoning.loop.guided.events import ORDINARY
from omnisense.reasoning.loop.guided.followups import follow_ups
from omnisense.reasoning.loop.guided.long_texts import READ, read_about
from omnisense.reasoning.loop.guided.manners import child, ironic, mixed, understated
from omnisense.reasoning.loop.guided.mirror import (
    LONG_WORDS,
    STARTS_OWN,
    WEEPS,
    Mirror,
    mirror,
    said_again,
    shows,
)
from omnisense.reasoning.loop.guided.parts import Composed, Situation, join, upper
from omnisense.reasoning.loop.guided.phrases import Picker, Topic, find_topics, phrases
from omnisense.reasoning.loop.guided.reading import (
    FEELS_GOOD,
    RELATIONS,
    Clause,
    Reading,
    begins_with_relation,
)
from omnisense.reasoning.loop.guided.restating import (
    named,
)
from omnisense.reasoning.loop.guided.third_person import WONDERS, says_fine, third_person, wondered

_NEGATIVE_EMOTIONS = frozenset({"sadness", "anger", "fear", "disgust"})
_GREETS = re.compile(
    r"(?:h+i+|he+y+|hello+|good (?:morning|evening|afternoon)|(?:morning|evening|afternoon)(?=[.!,]))\b", re.IGNORECASE
)
_NOT_BAD = frozenset({"joy", "neutral", "surprise"})
_LEAST = 3
_SURE = 0.6  # confidence from which a joy that no clause shows plainly is spoken of
_LOSSES = frozenset({"bereavement", "loss of a pet", "loss of a pregnancy or child"})
_LOSS_OF_OTHERS = re.compile(
    r"\b(?:her|his|their) (?:[a-z]+ ){1,2}?(?:just |has |had )*(?:died|passed away)\b"
    r"|\b(?:death|funeral) of (?:her|his|their)\b|\blost (?:her|his|their) (?:\w+ )?"
    rf"(?:{'|'.join(RELATIONS)})\b",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(r"\b(he|she|they|him|her|them|his|their|who|you|somebody|someone|people)\b", re.IGNORECASE)
_STATE = re.compile(r"^i(?:'m| am|'ve been| have been| feel|'ve felt| keep| can't| cannot)\b", re.IGNORECASE)
_DENIED = re.compile(r"\bnot (?:\w+ )?(?:sorry|sad|angry|upset|worried|scared|afraid|lonely)\b", re.IGNORECASE)
_AT_SELF = re.compile(
    r"\b(?:i(?:'m| am| feel)?|feel) (?:(?:so|proper|really|such an?|a bit|very) )*(?:stupid|daft|silly|foolish"
    r"|useless|idiot)\b",
    re.IGNORECASE,
)
_GLAD = 0.15  # of the clause that is said again as good news
_CLEAR, _PLAINLY = 0.1, 0.2  # sentiment of a clause that carries a feeling, and of one that shows it plainly


def told(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    """Return the reply to what the person tells."""
    is_long = len(reading.text.split()) > LONG_WORDS
    if reading.manner == "ironic":
        return ironic(reading, picker)
    if reading.manner == "open":
        said = picker.pick(phrases()["open"]["say"], "say", word=reading.word)
        return Composed(join(said, picker.pick(phrases()["open"]["ask"], "ask")), "open praise")
    if reading.manner == "understated" and not is_long:
        return understated(reading, picker)
    is_loss = any(topic.name in _LOSSES for topic, _ in find_topics(reading)) and not _LOSS_OF_OTHERS.search(
        reading.text
    )
    if reading.is_child:
        return child(reading, picker)
    if two_sides := mixed(reading, picker):
        return two_sides
    if not (is_long or is_loss) and (doubted := says_fine(reading, picker)):
        return doubted
    if reading.relation and WONDERS.search(reading.text):
        return wondered(reading, picker)
    ends_with_self = reading.valence != "positive" and any(STARTS_OWN.match(c.text) for c in reading.clauses[-1:])
    feels = any(STARTS_OWN.match(c.text) and _is_bad(c) for c in reading.clauses)
    if reading.act.name == "third person" and not (is_long or is_loss or ends_with_self or feels):
        about = third_person(reading, picker)
        if about:
            return about
    return plain(situation, reading, picker)


def plain(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    """Return the reply to what the person tells of themself in earnest."""
    found, emotion = find_topics(reading), situation.emotion
    is_sure = reading.valence == "positive" or (reading.valence == "neutral" and emotion.confidence >= _SURE)
    if emotion.value == "joy" and is_sure:
        found = [(t, filled) for t, filled in found if t.valence != "negative" or t.feeling == "sadness"]
    is_long = len(reading.text.split()) > LONG_WORDS
    if is_long:  # of many words some always fall on what has no feeling of its own
        found = [(t, filled) for t, filled in found if t.valence != "any"]
    if reading.act.name == "third person":
        found = [(t, filled) for t, filled in found if not t.feeling or t.name in _LOSSES or _is_own(t, reading)]
    found.sort(key=lambda one: one[0].valence == "any")  # what has a valence of its own says more
    topic, filled = found[0] if found else (None, {})
    feeling = _feeling(situation.emotion, reading, topic)
    if topic and not topic.is_light and topic.valence == "any" and feeling in ("joy", "neutral"):
        topic = None  # what is said of it is meant for bad days
    is_bad = feeling not in _NOT_BAD
    told_again = mirror(reading, is_bad, topic)
    restated = told_again.text
    if told_again.joint == "but":  # neither side of it is cheered or pitied
        topic, feeling, is_bad = None, "neutral", False
    elif not topic and not (_is_glad_of(reading, told_again) if feeling == "joy" else restated):
        feeling, is_bad = "neutral", False  # nothing that can be said again shows it
    sentences = phrases()["feeling"][feeling]
    is_milder = is_bad and told_again.sentiment > -_CLEAR
    frames = phrases()["restate"][
        "pair" if told_again.joint and feeling != "joy" else "negative" if is_milder else feeling
    ]
    parts = {
        "react": picker.pick(sentences["react"], "react"),
        "restate": said_again(reading, restated, frames, picker, is_glad=feeling == "joy"),
        "interpret": picker.pick(topic.say, "say", **filled) if topic else "",
        "validate": picker.pick(sentences["say"], "validate"),
        "ask": picker.pick(_asks(topic, filled, sentences["ask"], reading, feeling), "ask"),
    }
    shape, parts = _shaped(reading, found, topic, feeling, restated, parts, picker)
    text = join(*(parts[part] for part in ("hello", *shape.split(", "))))
    tone = feeling if feeling in ("joy", "neutral") else "negative"
    return Composed(text, f"{shape}: {tone}", may_continue=True)


def _is_own(topic: Topic, reading: Reading) -> bool:
    """Whether a topic is told of the person, and not only of one of theirs: ``my brother lost his job``."""
    return any(topic.pattern.search(c.text) and not begins_with_relation(c.text) for c in reading.clauses)


def _shaped(
    reading: Reading,
    found: Sequence[tuple[Topic, Mapping[str, str]]],
    topic: Topic | None,
    feeling: str,
    restated: str,
    parts: dict[str, str],
    picker: Picker,
) -> tuple[str, dict[str, str]]:
    """Return the shape of a reply and its sentences by their names, as they fit the shape.

    Args:
        reading: of the words.
        found: topics, the first counts; topic: that one, where it is spoken of.
        feeling: that is answered.
        restated: what is said again; empty where it is quoted or left out.
        parts: the sentences.
        picker: chooses the shape.
    """
    name = named(reading.text)
    hello = picker.pick(phrases()["name"]["say"], "name", name=name) if name else _greeted(reading)
    if len(reading.text.split()) > LONG_WORDS:
        hello = READ if shows(topic, restated) else read_about(reading.text)
        if len(found) > 1:
            parts["validate"] = picker.pick(found[1][0].say, "say more", **found[1][1])
        shape = "restate, interpret, validate, ask"
    else:
        shapes = _shapes(topic, bool(restated if topic else parts["restate"]), feeling)
        shape = shapes[picker.index(len(shapes), "shape")]
    if "react" in shape and restated:
        parts["restate"] = f"{upper(restated)}{'!' if feeling == 'joy' else '.'}"
    if "sorry" in parts["interpret"]:
        parts["react"] = ""
    return shape, parts | {"hello": hello}


def _is_bad(clause: Clause) -> bool:
    return clause.sentiment <= -_CLEAR or any(cue.emotion != "joy" for cue in emotion_cues(clause.text))


def _is_glad_of(reading: Reading, told_again: Mirror) -> bool:
    """Whether what is said again is glad: by itself, or as the kind of event that is told; a quote if it is shouted."""
    if not told_again.text:
        return "!!" in reading.text and reading.valence == "positive"  # it is quoted
    is_shown = bool(FEELS_GOOD.search(reading.text)) or reading.lean == "positive"
    return is_shown or told_again.sentiment >= _GLAD


def _asks(
    topic: Topic | None, filled: Mapping[str, str], of_feeling: Sequence[str], reading: Reading, feeling: str
) -> list[str]:
    """Return the questions to choose from: the topic's, about the concrete thing that is told, or the feeling's.

    Of the feeling's, those about other people are for words about some, and "since when" is for a state.
    """
    concrete = [] if topic and not topic.is_event else follow_ups(reading.clauses, feeling not in _NOT_BAD)
    if concrete:
        return concrete
    if topic:
        return [ask.format(**filled) for ask in topic.ask]
    if reading.event == ORDINARY and feeling == "neutral":
        return list(phrases()["small talk"]["ask"])
    is_about_people = bool(reading.relation or _SOMEBODY.search(reading.text))
    is_state = any(_STATE.search(clause.text) for clause in reading.clauses)
    return [
        ask
        for ask in of_feeling
        if (is_about_people or " them " not in ask) and (is_state or not ask.startswith("Since when"))
    ]


def _shapes(topic: Topic | None, restates: bool, feeling: str) -> tuple[str, ...]:
    """Return the shapes that a reply may have: the sentences in their order."""
    if topic and topic.is_light:
        return ("interpret, ask",)
    if topic and topic.of_children:
        return ("interpret, ask", "react, interpret, ask")
    if topic and restates and topic.is_event:  # what is said of a kind of event fits many: what is told comes with it
        return ("restate, interpret, ask", "restate, ask", "react, restate, ask")
    if topic and restates and feeling == "joy":
        return ("react, restate, ask", "restate, react, ask", "restate, interpret, ask")
    if topic and restates:
        return ("restate, interpret, ask", "react, restate, interpret, ask")
    if topic:
        return ("react, interpret, ask",)  # without the person's words, nothing else shows that they were heard
    if feeling == "neutral":
        return ("restate, ask",) if restates else ("react, ask",)
    if restates:
        return ("react, restate, ask", "restate, validate, ask", "restate, ask")
    return ("react, validate, ask", "react, ask")


def _feeling(emotion: Emotion, reading: Reading, topic: Topic | None) -> str:
    """Return the key of the feeling's sentences: cheerful only where the words are positive."""
    valence = topic.valence if topic else "any"
    is_glad = emotion.value in ("joy", "neutral", "surprise") and reading.valence == "positive"
    if valence == "positive" or (valence == "any" and (is_glad or reading.lean == "positive")):
        return "joy"
    lowest = min((clause.sentiment for clause in reading.clauses), default=-1.0)
    if valence == "any" and (_DENIED.search(reading.text) or (lowest > -_PLAINLY and _weeps_only(reading))):
        return "neutral"
    if emotion.value == "joy" and valence == "any":
        return "neutral"  # the words sound bad and the feeling is read as a glad one: neither is told
    is_sigh = reading.act.explicit and reading.act.name == "feeling"
    is_bad = is_sigh or (reading.valence == "negative" and (emotion.value in _NEGATIVE_EMOTIONS or lowest <= -_PLAINLY))
    is_plain = emotion.value == "sadness" and lowest <= -_PLAINLY
    is_shown = is_plain or emotion.value in {cue.emotion for cue in emotion_cues(reading.text)}
    if is_bad or valence == "negative":
        if topic and topic.feeling:
            return topic.feeling
        if reading.clauses and begins_with_relation(reading.clauses[0].text):
            return "negative"  # the feeling that is named may be theirs
        is_shown &= not _AT_SELF.search(reading.text)
        return emotion.value if emotion.value in _NEGATIVE_EMOTIONS and is_shown else "negative"
    return "neutral"


def _weeps_only(reading: Reading) -> bool:
    """Whether tears are all that is bad in the words: they may be glad ones."""
    others = [clause.sentiment for clause in reading.clauses if not WEEPS.search(clause.text)]
    return bool(WEEPS.search(reading.text)) and bool(others) and min(others) > -_CLEAR


def _greeted(reading: Reading) -> str:
    """Return a greeting for words that begin with one."""
    return "Hello!" if _GREETS.match(reading.text) and len(reading.text.split()) > _LEAST else ""
