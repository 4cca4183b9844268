"""When a turn is over: one rule for how it sounds, what was said, and where the person looks.

At each pause the words give the log-odds that the turn is complete: those of a language model that a sentence can end
there, moved by hesitations, punctuation and fragments. To them come 0.4 of the log-odds of the Smart Turn model, which
hears the voice (all of them where the language model cannot judge the words), and the gaze: a speaker who looks up at
the end of an utterance yields the turn, one who looks away keeps it (Kendon, 1967). The sum becomes the silence that
ends the turn: ``min_endpointing_s`` where it is surely complete, ``max_endpointing_s`` where it more likely is not,
between them ``min + (max - min) * (1 - sum / 5) ** 2``.

A person who goes on after a pause at which the turn had seemed complete pauses longer than others: from then on no
silence that is shorter than that pause ends a turn, and less so with every turn (:class:`Patience`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from omnisense.agent.live.turn_words import has_words, word_evidence

_AUDIO_LIMIT = 0.97  # more says no more: pauses within a sentence reach .99 too
_AUDIO_WEIGHT = 0.4  # of its log-odds beside those of the words; set, as the next two, on hesitations of its own
_LOOKS_AT, _LOOKS_AWAY = 0.5, -0.7
_FACING, _NOT_FACING = 0.6, 0.3  # of ``facing_camera``, as on the timeline
_SURE_ODDS, _CURVE = 5.0, 2.0  # log-odds that are surely complete, and how soon less than that makes for long silences
_SEEMED_COMPLETE = 0.9
_LONGER_S = 0.2  # than the pause after which somebody went on
_KEPT = 0.5  # of the patience, from turn to turn


@dataclass(frozen=True)
class TurnEvidence:
    """What is known at a pause.

    Attributes:
        audio: Smart Turn's probability that the turn is complete.
        words: of the turn so far; empty where nothing was recognized.
        sentence_ends: the log-odds that a sentence ends after the words; None where they are unknown.
        facing_camera: how much the speaker looks into the camera at the pause, 0 to 1; None where unknown.
        was_asked: whether the agent's last words were a question.
    """

    audio: float
    words: str
    sentence_ends: float | None = None
    facing_camera: float | None = None
    was_asked: bool = False


@dataclass(frozen=True)
class Completeness:
    """How complete a turn seems.

    Attributes:
        log_odds: that it is complete.
        reason: in words.
    """

    log_odds: float
    reason: str

    @property
    def probability(self) -> float:
        """That it is complete."""
        return round(1 / (1 + math.exp(-self.log_odds)), 3)


def completeness(evidence: TurnEvidence) -> Completeness:
    """Combine what is known at a pause."""
    odds, words = word_evidence(evidence.words, evidence.sentence_ends, evidence.was_asked)
    reasons = [f"audio {evidence.audio:.2f}", words]
    if evidence.facing_camera is not None and evidence.facing_camera >= _FACING:
        odds += _LOOKS_AT
        reasons.append("looks at the camera")
    elif evidence.facing_camera is not None and evidence.facing_camera < _NOT_FACING:
        odds += _LOOKS_AWAY
        reasons.append("looks away")
    audio = min(max(evidence.audio, 1 - _AUDIO_LIMIT), _AUDIO_LIMIT)
    words_are_judged = evidence.sentence_ends is not None and has_words(evidence.words)
    weight = _AUDIO_WEIGHT if words_are_judged else 1.0
    return Completeness(odds + weight * math.log(audio / (1 - audio)), ", ".join(reasons))


def required_silence_s(complete: Completeness, min_s: float, max_s: float) -> float:
    """Return the silence that ends a turn.

    Args:
        complete: how complete it seems.
        min_s: where it surely is.
        max_s: where it more likely is not.
    """
    share = min(max(complete.log_odds / _SURE_ODDS, 0.0), 1.0)
    return min_s + (max_s - min_s) * float((1.0 - share) ** _CURVE)


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
