"""Replies to what the person tells: of themself or of others, in earnest, in irony, or playing it down.

A feeling is named where it was appraised, and a cheerful sentence stands only where the words are positive.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from omnisense.reasoning.loop.appraisal import Emotion
from omnisense.reasoning.loop.emotion_lexicon import emotion_cues
from omnisense.reasoning.loop.guided.followups import follow_ups
from omnisense.reasoning.loop.guided.long_texts import READ, read_about
from omnisense.reasoning.loop.guided.mirror import BUT, LONG_WORDS, STARTS_OWN, WEEPS, Mirror, mirror, said_again, shows
from omnisense.reasoning.loop.guided.parts import Composed, Situation, join, upper
from omnisense.reasoning.loop.guided.phrases import Picker, Topic, find_topics, phrases, shown_valences
from omnisense.reasoning.loop.guided.reading import (
    FEELS_GOOD,
    RELATIONS,
    Clause,
    Reading,
    begins_with_relation,
    is_of_a_child,
)
from omnisense.reasoning.loop.guided.restating import (
    has_subject,
    named,
    opposite_feelings,
    restate,
    restate_about,
)
from omnisense.reasoning.loop.guided.third_person import WONDERS, says_fine, third_person, wondered
from omnisense.reasoning.loop.paraphrase import to_second_person

_NEGATIVE_EMOTIONS = frozenset({"sadness", "anger", "fear", "disgust"})
_ELLIPTIC = re.compile(
    r"^(?:my|our|he|she|they|the|nobody)\b.* (?:didn't|doesn't|isn't|wasn't|hasn't|won't|can't)$", re.I
)
_GREETS = re.compile(
    r"(?:h+i+|he+y+|hello+|good (?:morning|evening|afternoon)|(?:morning|evening|afternoon)(?=[.!,]))\b", re.IGNORECASE
)
_NOT_BAD = frozenset({"joy", "neutral", "surprise"})
_FEW_CLAUSES, _LEAST = 4, 3
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
_HAS_SUBJECT = re.compile(
    r"^(you|your|you're|you've|it|it's|the|he|she|they|there|this|that|nobody|everybody|\w+'s)\b", re.I
)
_CONTRAST = re.compile(r"\b(but|though|although|yet|however|while|at the same time)\b", re.IGNORECASE)
_DENIED = re.compile(r"\bnot (?:\w+ )?(?:sorry|sad|angry|upset|worried|scared|afraid|lonely)\b", re.IGNORECASE)
_AT_SELF = re.compile(
    r"\b(?:i(?:'m| am| feel)?|feel) (?:(?:so|proper|really|such an?|a bit|very) )*(?:stupid|daft|silly|foolish"
    r"|useless|idiot)\b",
    re.IGNORECASE,
)
_DENIES = re.compile(r"\b(?:not|\w+n't|never|no one|nobody|any ?more)\b", re.IGNORECASE)
_GLAD = 0.15  # of the clause that is said again as good news
_CLEAR, _PLAINLY = 0.1, 0.2  # sentiment of a clause that carries a feeling, and of one that shows it plainly


def told(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    """Return the reply to what the person tells."""
    is_long = len(reading.text.split()) > LONG_WORDS
    if reading.manner == "ironic":
        return _ironic(reading, picker)
    if reading.manner == "open":
        said = picker.pick(phrases()["open"]["say"], "say", word=reading.word)
        return Composed(join(said, picker.pick(phrases()["open"]["ask"], "ask")), "open praise")
    if reading.manner == "understated" and not is_long:
        return _understated(reading, picker)
    is_loss = any(topic.name in _LOSSES for topic, _ in find_topics(reading)) and not _LOSS_OF_OTHERS.search(
        reading.text
    )
    if reading.is_child:
        return _child(reading, picker)
    if mixed := _mixed(reading, picker):
        return mixed
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
        "restate": said_again(reading, restated, frames, picker),
        "interpret": picker.pick(topic.say, "say", **filled) if topic else "",
        "validate": picker.pick(sentences["say"], "validate"),
        "ask": picker.pick(_asks(topic, filled, sentences["ask"], reading, feeling), "ask"),
    }
    name = named(reading.text)
    hello = picker.pick(phrases()["name"]["say"], "name", name=name) if name else _greeted(reading)
    if is_long:
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
    text = join(hello, *(parts[part] for part in shape.split(", ")))
    tone = feeling if feeling in ("joy", "neutral") else "negative"
    return Composed(text, f"{shape}: {tone}", may_continue=True)


def _is_bad(clause: Clause) -> bool:
    return clause.sentiment <= -_CLEAR or any(cue.emotion != "joy" for cue in emotion_cues(clause.text))


def _is_glad_of(reading: Reading, told_again: Mirror) -> bool:
    """Whether what is said again is glad: by itself, or as the kind of event that is told, or shouted for joy."""
    if not told_again.text:
        return False
    is_shown = bool(FEELS_GOOD.search(reading.text)) or "!!" in reading.text or reading.lean == "positive"
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
    if valence == "positive" or (is_glad and valence == "any"):
        return "joy"
    lowest = min((clause.sentiment for clause in reading.clauses), default=-1.0)
    if valence == "any" and (_DENIED.search(reading.text) or (lowest > -_PLAINLY and _weeps_only(reading))):
        return "neutral"
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


def _ironic(reading: Reading, picker: Picker) -> Composed:
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


def _understated(reading: Reading, picker: Picker) -> Composed:
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


def _mixed(reading: Reading, picker: Picker) -> Composed | None:
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
    is_contrast |= bool(FEELS_GOOD.search(reading.text) and WEEPS.search(reading.text))
    is_one_sided = not (len(sides) <= _FEW_CLAUSES and is_contrast and {-1, 1} <= set(sides))
    if not is_one_sided:
        ordered = sorted((sides.index(1), sides.index(-1)))
    elif (place := _contrasted(reading, sides)) >= 0:
        ordered = [place, place + 1]
    else:
        return None
    texts = [reading.clauses[i].text for i in ordered]
    first, second = map(_said, texts)
    if first and not second and _ELLIPTIC.search(texts[1]):  # "I got in, but my friend didn't"
        second = to_second_person(texts[1])
    if not first or not second or (is_one_sided and not all(map(_HAS_SUBJECT.match, (first, second)))):
        return None
    said = picker.pick(section["say"], "say", first=first, second=second, First=upper(first))
    return Composed(join(upper(said), ask), "mixed: two sides")


def _said(clause: str) -> str:
    """Return a clause that has a subject, or whose subject is the person, turned to "you"; else empty."""
    return restate(clause) or (restate_about(clause) if has_subject(clause) else "")


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


def _child(reading: Reading, picker: Picker) -> Composed:
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
