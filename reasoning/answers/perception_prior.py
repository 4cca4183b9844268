"""A prior over a question's answers from the percepts, before any model is asked.

Four kinds of question can be answered from the percepts: which emotion, which words, who speaks, and how many people.
For all others the prior is empty.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from omnisense.perception.fusion.people import describe_position
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, FaceTrack, Transcript, VisualStream
from omnisense.perception.vision.expressions import expression_phases
from omnisense.reasoning.answers.question import Question, strip_letter
from omnisense.reasoning.loop import emotion
from omnisense.reasoning.loop.appraisal import EmotionName
from omnisense.reasoning.loop.emotion_lexicon import emotion_cues

_MIN_WEIGHT = 0.05  # no measurement rules an answer out
_ASKS_EMOTION = re.compile(r"\b(emotion|feel|feels|feeling|felt|mood|expression|looks?)\b", re.IGNORECASE)
_ASKS_RESPONSE = re.compile(r"\b(should|respond|reply|strategy|react)\b", re.IGNORECASE)
_ASKS_WORDS = re.compile(r"\b(say|says|said|words?|sentence|spoken)\b", re.IGNORECASE)
_ASKS_SPEAKER = re.compile(r"\b(speak|speaks|speaking|talk|talks|talking|speaker)\b", re.IGNORECASE)
_ASKS_COUNT = re.compile(r"\bhow many\b.*\b(people|persons?|faces?|men|women)\b", re.IGNORECASE)
_NOBODY = re.compile(r"\b(nobody|no one|none|neither|no person)\b", re.IGNORECASE)
_ASKS_BEGINNING = re.compile(r"\b(beginning|start|at first|initially)\b", re.IGNORECASE)
_DIGITS = "zero one two three four five six seven eight nine".split()
_NEUTRAL_WORDS = {"neutral", "calm", "indifferent"}


class PerceptionPrior(NamedTuple):
    """A weight for each answer (empty: no prior), and what was measured, in words."""

    weights: dict[str, float]
    reason: str


def perception_prior(question: Question, percepts: Percepts | None) -> PerceptionPrior:
    """Return the prior over a question's answers."""
    if percepts is None:
        return PerceptionPrior({}, "")
    rules = (_emotion_prior, _words_prior, _speaker_prior, _count_prior)
    return next((found for rule in rules if (found := rule(question, percepts)).weights), PerceptionPrior({}, ""))


def _options(question: Question) -> Iterator[tuple[str, str]]:
    return zip(question.letters, question.options, strict=True)


def _emotion_prior(question: Question, percepts: Percepts) -> PerceptionPrior:
    if not _ASKS_EMOTION.search(question.text) or _ASKS_RESPONSE.search(question.text):
        return PerceptionPrior({}, "")
    emotions = {letter: _option_emotion(strip_letter(option)) for letter, option in _options(question)}
    if len(set(emotions.values()) - {None}) < 2:
        return PerceptionPrior({}, "")
    if _ASKS_BEGINNING.search(question.text) and isinstance(percepts.visual, VisualStream):
        scores, reason = _first_expression(percepts.visual)
    else:
        channels, phases = emotion.measure(percepts, percepts.timeline().events, "")
        estimate = emotion.pool(channels, None, phases) if channels else None
        scores = estimate.probabilities if estimate else {}
        reason = "; ".join(f"{c.name}: {c.reason}" for c in channels)
    weights = (
        {letter: max(scores.get(f, 0.0) if f else 0.0, _MIN_WEIGHT) for letter, f in emotions.items()} if scores else {}
    )
    return PerceptionPrior(weights, reason)


def _option_emotion(option: str) -> EmotionName | None:
    words = set(re.findall(r"[a-z]+", option.lower()))
    cues = emotion_cues(option.replace("happiness", "happy").replace("anger", "angry").replace("sadness", "sad"))
    if words & _NEUTRAL_WORDS:
        return "neutral"
    return cues[0].emotion if cues else None


def _first_expression(visual: VisualStream) -> tuple[dict[EmotionName, float], str]:
    face: FaceTrack | None = emotion.main_face(visual)
    if face is None or not face.expression:
        return {}, ""
    phase = expression_phases(face, visual.expression_labels)[0]
    value = emotion.OF_EXPRESSION[phase.expression]
    return {value: phase.score}, f"at first the face looks {phase.expression} ({phase.score:.2f})"


def _words_prior(question: Question, percepts: Percepts) -> PerceptionPrior:
    if not _ASKS_WORDS.search(question.text) or not isinstance(percepts.transcript, Transcript) or not question.options:
        return PerceptionPrior({}, "")
    heard = _spell_digits(percepts.transcript.text)
    weights = {}
    for letter, option in _options(question):
        similarity = difflib.SequenceMatcher(None, heard, _spell_digits(strip_letter(option)), autojunk=False).ratio()
        weights[letter] = max(
            similarity**8, _MIN_WEIGHT**2
        )  # of two similar options the more similar one should clearly win
    return PerceptionPrior(weights if heard else {}, f'heard: "{percepts.transcript.text}"')


def _spell_digits(text: str) -> str:
    """Return the words with digits spelled out: ``F2`` in a transcript may be ``f two`` in an option."""
    words = re.findall(r"[^\W\d_]+|\d", text.lower())
    return " ".join(_DIGITS[int(word)] if word.isdigit() else word for word in words)


def _speaker_prior(question: Question, percepts: Percepts) -> PerceptionPrior:
    visual, audio = percepts.visual, percepts.audio
    if (
        not _ASKS_SPEAKER.search(question.text)
        or not isinstance(visual, VisualStream)
        or not isinstance(audio, AudioStream)
    ):
        return PerceptionPrior({}, "")
    if not audio.speech:
        silent = {a: 1.0 if _NOBODY.search(strip_letter(o)) else _MIN_WEIGHT for a, o in _options(question)}
        return PerceptionPrior(silent if len(set(silent.values())) > 1 else {}, "no voice is heard")
    sides = {face.id: describe_position(face, visual.faces).split()[-1] for face in visual.faces}
    seconds_by_side: dict[str, float] = defaultdict(float)
    for part in percepts.speaker_segments:
        if part.face:
            seconds_by_side[sides[part.face]] += part.end_s - part.start_s
    total = sum(seconds_by_side.values())
    weights = {
        letter: max(
            sum(s / total for side, s in seconds_by_side.items() if side in strip_letter(option).lower()), _MIN_WEIGHT
        )
        for letter, option in _options(question)
        if total
    }
    times = ", ".join(f"{side} {seconds:.1f} s" for side, seconds in seconds_by_side.items())
    return PerceptionPrior(
        weights if total and len(set(weights.values())) > 1 else {}, f"mouths that moved with speech: {times}"
    )


def _count_prior(question: Question, percepts: Percepts) -> PerceptionPrior:
    if (
        question.kind != "number"
        or not _ASKS_COUNT.search(question.text)
        or not isinstance(percepts.visual, VisualStream)
    ):
        return PerceptionPrior({}, "")
    seen = min(len(percepts.visual.faces), 10)
    if not seen:  # people may be present though no face is large enough to be detected
        return PerceptionPrior({}, "")
    weights = {n: 1.0 if int(n) == seen else 0.3 if int(n) == seen + 1 else _MIN_WEIGHT for n in question.candidates()}
    return PerceptionPrior(weights, f"{seen} face{'s' if seen > 1 else ''} followed")
