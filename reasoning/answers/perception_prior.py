"""What perception itself says to a question's answers, before any model is asked.

Four kinds of question can be read off the percepts: what is felt, what is said, who speaks, and how many people are
there. For all others there is no opinion here.
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

_FLOOR = 0.05  # nothing measured rules an answer out
_FEELING = re.compile(r"\b(emotion|feel|feels|feeling|felt|mood|expression|looks?)\b", re.IGNORECASE)
_TO_SHOW = re.compile(r"\b(should|respond|reply|strategy|react)\b", re.IGNORECASE)
_SAID = re.compile(r"\b(say|says|said|words?|sentence|spoken)\b", re.IGNORECASE)
_SPEAKS = re.compile(r"\b(speak|speaks|speaking|talk|talks|talking|speaker)\b", re.IGNORECASE)
_PEOPLE = re.compile(r"\bhow many\b.*\b(people|persons?|faces?|men|women)\b", re.IGNORECASE)
_NOBODY = re.compile(r"\b(nobody|no one|none|neither|no person)\b", re.IGNORECASE)
_FIRST = re.compile(r"\b(beginning|start|at first|initially)\b", re.IGNORECASE)
_DIGITS = "zero one two three four five six seven eight nine".split()
_EVEN = {"neutral", "calm", "indifferent"}


class PerceptionPrior(NamedTuple):
    """A weight for each answer (empty: no opinion), and what was measured, in words."""

    weights: dict[str, float]
    why: str


def perception_prior(question: Question, percepts: Percepts | None) -> PerceptionPrior:
    """What was measured that bears on a question's answers."""
    if percepts is None:
        return PerceptionPrior({}, "")
    rules = (_felt, _said, _speaking, _people)
    return next((found for rule in rules if (found := rule(question, percepts)).weights), PerceptionPrior({}, ""))


def _options(question: Question) -> Iterator[tuple[str, str]]:
    return zip(question.letters, question.options, strict=True)


def _felt(question: Question, percepts: Percepts) -> PerceptionPrior:
    if not _FEELING.search(question.text) or _TO_SHOW.search(question.text):
        return PerceptionPrior({}, "")
    feelings = {letter: _feeling(strip_letter(option)) for letter, option in _options(question)}
    if len(set(feelings.values()) - {None}) < 2:
        return PerceptionPrior({}, "")
    if _FIRST.search(question.text) and isinstance(percepts.visual, VisualStream):
        scores, why = _first_expression(percepts.visual)
    else:
        channels, phases = emotion.measure(percepts, percepts.timeline().events, "")
        felt = emotion.pool(channels, None, phases) if channels else None
        scores = felt.probabilities if felt else {}
        why = "; ".join(f"{c.name}: {c.reason}" for c in channels)
    weights = (
        {letter: max(scores.get(f, 0.0) if f else 0.0, _FLOOR) for letter, f in feelings.items()} if scores else {}
    )
    return PerceptionPrior(weights, why)


def _feeling(option: str) -> EmotionName | None:
    words = set(re.findall(r"[a-z]+", option.lower()))
    cues = emotion_cues(option.replace("happiness", "happy").replace("anger", "angry").replace("sadness", "sad"))
    if words & _EVEN:
        return "neutral"
    return cues[0].emotion if cues else None


def _first_expression(visual: VisualStream) -> tuple[dict[EmotionName, float], str]:
    face: FaceTrack | None = emotion.main_face(visual)
    if face is None or not face.expression:
        return {}, ""
    phase = expression_phases(face, visual.expression_labels)[0]
    value = emotion.OF_EXPRESSION[phase.expression]
    return {value: phase.score}, f"at first the face looks {phase.expression} ({phase.score:.2f})"


def _said(question: Question, percepts: Percepts) -> PerceptionPrior:
    if not _SAID.search(question.text) or not isinstance(percepts.transcript, Transcript) or not question.options:
        return PerceptionPrior({}, "")
    heard = _spelled(percepts.transcript.text)
    weights = {}
    for letter, option in _options(question):
        likeness = difflib.SequenceMatcher(None, heard, _spelled(strip_letter(option)), autojunk=False).ratio()
        weights[letter] = max(likeness**8, _FLOOR**2)  # of two near misses the nearer one should clearly win
    return PerceptionPrior(weights if heard else {}, f'heard: "{percepts.transcript.text}"')


def _spelled(text: str) -> str:
    """Letters alone, numbers as words: what is heard as ``F2`` may be written ``f two``."""
    words = re.findall(r"[^\W\d_]+|\d", text.lower())
    return " ".join(_DIGITS[int(word)] if word.isdigit() else word for word in words)


def _speaking(question: Question, percepts: Percepts) -> PerceptionPrior:
    visual, audio = percepts.visual, percepts.audio
    if not _SPEAKS.search(question.text) or not isinstance(visual, VisualStream) or not isinstance(audio, AudioStream):
        return PerceptionPrior({}, "")
    if not audio.speech:
        silent = {a: 1.0 if _NOBODY.search(strip_letter(o)) else _FLOOR for a, o in _options(question)}
        return PerceptionPrior(silent if len(set(silent.values())) > 1 else {}, "no voice is heard")
    sides = {face.id: describe_position(face, visual.faces).split()[-1] for face in visual.faces}
    spoke: dict[str, float] = defaultdict(float)
    for part in percepts.speaker_segments:
        if part.face:
            spoke[sides[part.face]] += part.end_s - part.start_s
    total = sum(spoke.values())
    weights = {
        letter: max(sum(s / total for side, s in spoke.items() if side in strip_letter(option).lower()), _FLOOR)
        for letter, option in _options(question)
        if total
    }
    said = ", ".join(f"{side} {seconds:.1f} s" for side, seconds in spoke.items())
    return PerceptionPrior(
        weights if total and len(set(weights.values())) > 1 else {}, f"mouths that moved with speech: {said}"
    )


def _people(question: Question, percepts: Percepts) -> PerceptionPrior:
    if question.kind != "number" or not _PEOPLE.search(question.text) or not isinstance(percepts.visual, VisualStream):
        return PerceptionPrior({}, "")
    seen = min(len(percepts.visual.faces), 10)
    if not seen:  # people may be there though no face is near enough to be found
        return PerceptionPrior({}, "")
    weights = {n: 1.0 if int(n) == seen else 0.3 if int(n) == seen + 1 else _FLOOR for n in question.candidates()}
    return PerceptionPrior(weights, f"{seen} face{'s' if seen > 1 else ''} followed")
