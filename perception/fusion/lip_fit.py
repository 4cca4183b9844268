"""How well a mouth's movement fits speech: expected lip shapes, correlation, and the delay between image and audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omnisense.perception.types import SpeakerTurn
from omnisense.perception.vision.landmarks import LANDMARK_FPS

# How far open the mouth is for a phone, 0 closed to 1 wide (lip heights of English vowels and consonants, as ranked by
# Montgomery and Jackson, "Physical characteristics of the lips underlying vowel lipreading performance", JASA 1983).
_OPENING = {
    **dict.fromkeys(("P", "B", "M"), 0.0),
    **dict.fromkeys(("F", "V"), 0.15),
    **dict.fromkeys(("AA", "AE", "AO", "AW", "AY"), 1.0),
    **dict.fromkeys(("EH", "AH", "EY"), 0.75),
    **{"IH": 0.5, "IY": 0.45, "OW": 0.45, "OY": 0.5, "ER": 0.4, "UH": 0.35, "UW": 0.3, "W": 0.25, "R": 0.35},
    **dict.fromkeys(("SH", "CH", "JH", "ZH"), 0.3),
}
_OPENING_OTHER, _OPENING_SILENT = 0.4, 0.15
# And how wide: 0 rounded to 1 spread (same source).
_WIDTH = {
    **dict.fromkeys(("W", "UW"), 0.0),
    **dict.fromkeys(("SH", "CH", "JH", "ZH", "UH", "R", "OY"), 0.2),
    **{"OW": 0.15, "ER": 0.25, "AO": 0.3, "S": 0.7, "Z": 0.7, "IH": 0.8, "AE": 0.8, "EY": 0.9, "IY": 1.0},
}
_WIDTH_OTHER = 0.5
_WIDTH_WEIGHT = 0.5  # the width of a mouth follows its phones less closely than its opening
_SPEED_WEIGHT = 1.0  # when lips open and close is as informative as how far
_MAX_DELAY_S, _DELAY_STEP_S = 0.6, 0.02
_DELAY_COST = 0.1  # in correlation, of a delay of half a second: without evidence there is none
_MARGIN_S = 0.16
_MIN_MOVEMENT = 0.03  # in face heights per second; lips that speak move by .05 to .25
_MIN_TALKING = -1.0  # Light-ASD's score under which a mouth does not speak
_MIN_DELAY_SPEECH_S = 0.3
_MAX_DELAY_INTERVALS = 40  # the longest intervals, from which the delay is estimated
_MIN_PHONE_COVERAGE = 0.5

Phone = tuple[str, float, float]  # ARPAbet name, start and end in seconds


@dataclass(frozen=True)
class Expectation:
    """An interval of speech and what lips should do in it.

    Attributes:
        times_s: (T,) at ``LANDMARK_FPS``, with a margin.
        opening: (T,) expected opening, in any unit.
        width: (T,) expected width; None where the phones are unknown.
    """

    start_s: float
    end_s: float
    speaker: str
    times_s: np.ndarray
    opening: np.ndarray
    width: np.ndarray | None

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class LipSeries:
    """A face's lips over the clip: times (T,) in seconds, opening and width (T,) in face heights."""

    track: str
    times_s: np.ndarray
    opening: np.ndarray
    width: np.ndarray

    def at(self, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return opening and width at some times; None where most of them were not measured."""
        here = slice(
            int(np.searchsorted(self.times_s, times_s[0] - 1.0)), int(np.searchsorted(self.times_s, times_s[-1] + 1.0))
        )
        known_s = self.times_s[here]
        if len(known_s) < 2:
            return None
        after = np.searchsorted(known_s, times_s)
        gap_s = np.minimum(
            np.abs(known_s[np.clip(after, 0, len(known_s) - 1)] - times_s),
            np.abs(known_s[np.clip(after - 1, 0, None)] - times_s),
        )
        if (gap_s > 2 / LANDMARK_FPS).mean() > 0.5:
            return None
        return np.interp(times_s, known_s, self.opening[here]), np.interp(times_s, known_s, self.width[here])


@dataclass(frozen=True)
class MouthEvidence:
    """What one mouth does in an interval of speech.

    Attributes:
        movement: mean speed of the opening, in face heights per second.
        fit: correlation with the expected movement, -1 to 1.
        talking: Light-ASD's score, where its weights are given.
    """

    movement: float
    fit: float
    talking: float | None = None

    @property
    def moves(self) -> bool:
        """Whether the mouth moves as in speech."""
        return self.movement >= _MIN_MOVEMENT and (self.talking is None or self.talking > _MIN_TALKING)

    @property
    def support(self) -> float:
        """How well the mouth fits; negative for one that does not move."""
        return self.fit if self.moves else -0.5


def expected_movement(
    turn: SpeakerTurn, phones: Sequence[Phone], loudness: tuple[np.ndarray, np.ndarray]
) -> Expectation:
    """Return what lips should do in a turn, from its phones or, where too few are known, its loudness.

    Args:
        turn: of one speaker.
        phones: in and around the turn.
        loudness: times (T,) in seconds and levels (T,) in dB.
    """
    times_s = np.arange(turn.start_s - _MARGIN_S, turn.end_s + _MARGIN_S, 1 / LANDMARK_FPS)
    inside = [p for p in phones if p[2] > times_s[0] and p[1] < times_s[-1] and p[0] != "SIL"]
    covered_s = sum(min(p[2], turn.end_s) - max(p[1], turn.start_s) for p in inside)
    if covered_s < _MIN_PHONE_COVERAGE * (turn.end_s - turn.start_s):  # lips open with loudness, roughly
        level_db = np.interp(times_s, *loudness) if len(loudness[0]) else np.zeros(len(times_s))
        return Expectation(turn.start_s, turn.end_s, turn.speaker, times_s, _smooth(level_db), None)
    opening, width = np.full(len(times_s), _OPENING_SILENT), np.full(len(times_s), _WIDTH_OTHER)
    for name, start_s, end_s in inside:
        during = (times_s >= start_s) & (times_s < end_s)
        opening[during] = _OPENING.get(name, _OPENING_OTHER)
        width[during] = _WIDTH.get(name, _WIDTH_OTHER)
    return Expectation(turn.start_s, turn.end_s, turn.speaker, times_s, _smooth(opening), _smooth(width))


def _smooth(values: np.ndarray) -> np.ndarray:
    return np.convolve(np.pad(values, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")


def estimate_delay_s(speech: Sequence[Expectation], lips: Sequence[LipSeries]) -> float:
    """Return how far the images run ahead of the audio: the delay at which the best mouths fit best."""
    usable = sorted((s for s in speech if s.duration_s >= _MIN_DELAY_SPEECH_S), key=lambda s: -s.duration_s)
    usable = usable[:_MAX_DELAY_INTERVALS]
    if not lips or not usable:
        return 0.0
    candidates = np.arange(-_MAX_DELAY_S, _MAX_DELAY_S + 1e-6, _DELAY_STEP_S).tolist()
    totals = []
    for delay_s in candidates:
        fits = [max(_fit(interval, mouth, delay_s) for mouth in lips) for interval in usable]
        mean = float(np.average(fits, weights=[interval.duration_s for interval in usable]))
        totals.append(mean - _DELAY_COST * abs(delay_s) / 0.5)
    best: float = candidates[int(np.argmax(totals))]
    return best


def mouth_evidence(speech: Expectation, mouth: LipSeries, delay_s: float) -> MouthEvidence | None:
    """Return how a mouth fits an interval of speech; None where it is not visible."""
    lips = mouth.at(speech.times_s - delay_s)
    return None if lips is None else MouthEvidence(_movement(lips[0]), _fit(speech, mouth, delay_s))


def _fit(speech: Expectation, mouth: LipSeries, delay_s: float) -> float:
    """Return the correlation of lips with the expected movement, -1 to 1; 0 where it cannot be computed."""
    lips = mouth.at(speech.times_s - delay_s)
    if lips is None or _movement(lips[0]) < _MIN_MOVEMENT:
        return 0.0
    opening = np.log(lips[0] + 0.004)  # small openings are as informative as wide ones
    terms = [(1.0, _correlation(opening, speech.opening))]
    if speech.width is not None:
        terms.append((_WIDTH_WEIGHT, _correlation(lips[1], speech.width)))
        terms.append((_SPEED_WEIGHT, _correlation(np.diff(lips[0]), np.diff(speech.opening))))
    known = [(weight, value) for weight, value in terms if value is not None]
    return sum(w * v for w, v in known) / sum(w for w, _ in known) if known else 0.0


def _movement(opening: np.ndarray) -> float:
    """Return the mean speed of the opening, in face heights per second."""
    return float(np.abs(np.diff(opening)).mean() * LANDMARK_FPS)


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return the correlation of two series; None where one of them is constant."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-4 and b.std() > 1e-4 else None
