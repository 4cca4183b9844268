"""When a turn is over: one rule for how it sounds, what was said, and where the person looks.

At each pause the Smart Turn model gives the probability that the turn is complete. Its log-odds are moved by what the
words say (they end on "because", they are a whole question) and by the gaze (a speaker who looks up at the end of an
utterance yields the turn, one who looks away keeps it: Kendon, 1967). The sum becomes the silence that ends the turn:
``min_endpointing_s`` where it is surely complete, the longest where it is surely not, between them in proportion. The
longest is ``max_endpointing_s`` where both voice and words say that the turn goes on, and half way to it where only
one of them does: each by itself errs (a telephone voice, a misheard last word), and seldom do both at once.

A person who goes on after a pause at which the turn had seemed complete pauses longer than others: from then on no
silence that is shorter than that pause ends a turn, and less so with every turn (:class:`Patience`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from omnisense.agent.live.turn_words import word_evidence

_AUDIO_LIMIT = 0.97  # more says no more: pauses within a sentence reach .99 too
_LOOKS_AT, _LOOKS_AWAY = 0.5, -0.7
_FACING, _NOT_FACING = 0.6, 0.3  # of ``facing_camera``, as on the timeline
# Probabilities between which the required silence falls from the longest to the shortest.
_SURELY_NOT, _SURELY = 0.1, 0.7
_SEEMED_COMPLETE = 0.5
_LONGER_S = 0.2  # than the pause after which somebody went on
_KEPT = 0.5  # of the patience, from turn to turn


@dataclass(frozen=True)
class TurnEvidence:
    """What is known at a pause.

    Attributes:
        audio: Smart Turn's probability that the turn is complete.
        words: of the turn so far; empty where nothing was recognized.
        facing_camera: how much the speaker looks into the camera at the pause, 0 to 1; None where unknown.
        was_asked: whether the agent's last words were a question.
    """

    audio: float
    words: str
    facing_camera: float | None = None
    was_asked: bool = False


@dataclass(frozen=True)
class Completeness:
    """How complete a turn seems.

    Attributes:
        probability: that it is complete.
        reason: in words.
        goes_on: whether both the voice and the words say that it goes on.
    """

    probability: float
    reason: str
    goes_on: bool = False


def completeness(evidence: TurnEvidence) -> Completeness:
    """Combine what is known at a pause."""
    shift, words = word_evidence(evidence.words, evidence.was_asked)
    goes_on = evidence.audio < 0.5 and shift < 0  # 0.5 is the model's own cut-off
    reasons = [f"audio {evidence.audio:.2f}", words]
    if evidence.facing_camera is not None and evidence.facing_camera >= _FACING:
        shift += _LOOKS_AT
        reasons.append("looks at the camera")
    elif evidence.facing_camera is not None and evidence.facing_camera < _NOT_FACING:
        shift += _LOOKS_AWAY
        reasons.append("looks away")
    audio = min(max(evidence.audio, 1 - _AUDIO_LIMIT), _AUDIO_LIMIT)
    odds = math.log(audio / (1 - audio)) + shift
    return Completeness(round(1 / (1 + math.exp(-odds)), 3), ", ".join(reasons), goes_on)


def required_silence_s(complete: Completeness, min_s: float, max_s: float) -> float:
    """Return the silence that ends a turn.

    Args:
        complete: how complete it seems.
        min_s: where it surely is.
        max_s: where voice and words say that it is not.
    """
    longest_s = max_s if complete.goes_on else (min_s + max_s) / 2
    share = min(max((complete.probability - _SURELY_NOT) / (_SURELY - _SURELY_NOT), 0.0), 1.0)
    return longest_s - (longest_s - min_s) * share


@dataclass
class Patience:
    """What is learned of how long somebody pauses within a turn.

    Attributes:
        seconds: of silence that do not end a turn, whatever else says so.
    """

    seconds: float = 0.0

    def went_on(self, complete: Completeness | None, gap_s: float, longest_s: float) -> None:
        """Learn from a person who goes on after a pause.

        Args:
            complete: how complete the turn seemed at the pause; None where that was not known yet.
            gap_s: how long the pause was.
            longest_s: more is not learned.
        """
        if complete is not None and complete.probability >= _SEEMED_COMPLETE:
            self.seconds = max(self.seconds, min(gap_s + _LONGER_S, longest_s))

    def turn_is_over(self) -> None:
        """Forget a part."""
        self.seconds *= _KEPT
