"""How well a mouth's movement fits speech: expected lip shapes, correlation, and the delay between image and audio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from omnisense.perception.types import SpeakerTurn
from omnisense.perception.vision.landmarks import LANDMARK_FPS


class _Fits(NamedTuple):
    """How well mouths fit speech: means, and variances over one second, of those that speak it and of others."""

    right: float
    right_variance: float
    wrong: float
    wrong_variance: float


# Lips that do not close for these are not those that speak (used against forged faces by Agarwal et al., "Detecting
# Deep-Fake Videos from Phoneme-Viseme Mismatches", CVPR Workshops 2020).
_CLOSED = ("P", "B", "M")
# How far open the mouth is for a phone, 0 closed to 1 wide (lip heights of English vowels and consonants, as ranked by
# Montgomery and Jackson, "Physical characteristics of the lips underlying vowel lipreading performance", JASA 1983).
_OPENING = {
    **dict.fromkeys(_CLOSED, 0.0),
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
_CLOSURE_WEIGHT = 0.5
_LOUDER_WEIGHT, _LOUDER_ALONE_WEIGHT = 1.0, 2.0
_CLOSURE_SLACK_S = 0.06  # of forced alignment
_MARGIN_S = 0.3
# Fits of mouths that speak and of others: their means, and their variances over one second. Measured on four people of
# GRID with their own, others' and shifted voices.
_WITH_PHONES, _WITH_LOUDNESS = _Fits(0.51, 0.015, 0.06, 0.036), _Fits(0.39, 0.03, 0.06, 0.061)
_MOVES = 0.5  # evidence of a mouth that moves during speech, where nothing says what lips should do
_STILL_PER_S, _STILL_MAX = 3.0, 6.0
_MIN_MOVEMENT = 0.03  # in face heights per second; lips that speak move by .05 to .25
MIN_TALKING = -1.0  # Light-ASD's score under which a mouth does not speak
_MIN_PHONE_COVERAGE = 0.5

Phone = tuple[str, float, float]  # ARPAbet name, start and end in seconds


@dataclass(frozen=True)
class Expectation:
    """An interval of speech and what lips should do in it.

    Attributes:
        times_s: (T,) at ``LANDMARK_FPS``, with a margin.
        loudness: (T,) in dB, smoothed; constant where it is unknown.
        opening: (T,) expected opening, in any unit; None where the phones are unknown, as is the width.
        width: (T,) expected width.
        closures_s: start and end of each phone for which lips must close.
    """

    start_s: float
    end_s: float
    speaker: str
    times_s: np.ndarray
    loudness: np.ndarray
    opening: np.ndarray | None = None
    width: np.ndarray | None = None
    closures_s: tuple[tuple[float, float], ...] = ()

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
    covered_s = sum(max(min(p[2], turn.end_s) - max(p[1], turn.start_s), 0.0) for p in inside)
    level_db = _smooth(np.interp(times_s, *loudness) if len(loudness[0]) else np.zeros(len(times_s)))
    heard = Expectation(turn.start_s, turn.end_s, turn.speaker, times_s, level_db)
    if covered_s < _MIN_PHONE_COVERAGE * (turn.end_s - turn.start_s):
        return heard
    opening, width = np.full(len(times_s), _OPENING_SILENT), np.full(len(times_s), _WIDTH_OTHER)
    for name, start_s, end_s in inside:
        during = (times_s >= start_s) & (times_s < end_s)
        opening[during] = _OPENING.get(name, _OPENING_OTHER)
        width[during] = _WIDTH.get(name, _WIDTH_OTHER)
    closures_s = tuple((start_s, end_s) for name, start_s, end_s in inside if name in _CLOSED)
    return replace(heard, opening=_smooth(opening), width=_smooth(width), closures_s=closures_s)


def _smooth(values: np.ndarray) -> np.ndarray:
    return np.convolve(np.pad(values, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")


def mouth_evidence(speech: Expectation, mouth: LipSeries, delays_s: np.ndarray) -> np.ndarray | None:
    """Return how much likelier an interval of speech is if this mouth speaks than if it does not.

    Args:
        speech: the interval.
        mouth: a face's lips.
        delays_s: (D,) by which the images may run ahead of the audio.

    Returns:
        Natural logarithms (D,) of the likelihood ratios; None where the mouth is not visible. 0 says nothing.
    """
    found = [_log_ratio(speech, mouth, delay_s) for delay_s in delays_s.tolist()]
    known = [value for value in found if value is not None]
    if not known:
        return None
    return np.array([float(np.mean(known)) if value is None else value for value in found])


def _log_ratio(speech: Expectation, mouth: LipSeries, delay_s: float) -> float | None:
    lips = mouth.at(speech.times_s - delay_s)
    if lips is None:
        return None
    if _movement(lips[0]) < _MIN_MOVEMENT:
        return still_log_ratio(speech.duration_s)
    fit = _fit(speech, lips)
    if fit is None:
        return _MOVES
    fits = _WITH_LOUDNESS if speech.opening is None else _WITH_PHONES
    # A fit above that of most speaking mouths speaks no less for the mouth.
    of_right = _log_density(min(fit - fits.right, 0.0), fits.right_variance / speech.duration_s)
    of_wrong = _log_density(fit - fits.wrong, fits.wrong_variance / speech.duration_s)
    return max(of_right - of_wrong, still_log_ratio(speech.duration_s))


def _log_density(deviation: float, variance: float) -> float:
    """Return the logarithm of a normal density, but for a constant."""
    return -0.5 * (math.log(variance) + deviation**2 / variance)


def still_log_ratio(seconds: float) -> float:
    """Return the evidence on a mouth that does not move in so many seconds of speech: the least there is."""
    return -min(_STILL_MAX, 1.0 + _STILL_PER_S * seconds)


def _fit(speech: Expectation, lips: tuple[np.ndarray, np.ndarray]) -> float | None:
    """Return the correlation of lips with the expected movement, -1 to 1; None where it cannot be computed."""
    opening = np.log(lips[0] + 0.004)  # small openings are as informative as wide ones
    # Lips open as speech gets louder: when it does tells more than how loud it is.
    speed, louder = np.diff(lips[0]), _correlation(np.diff(lips[0]), np.diff(speech.loudness))
    if speech.opening is None or speech.width is None:
        terms = [(1.0, _correlation(opening, speech.loudness)), (_LOUDER_ALONE_WEIGHT, louder)]
    else:
        terms = [
            (1.0, _correlation(opening, speech.opening)),
            (_WIDTH_WEIGHT, _correlation(lips[1], speech.width)),
            (_SPEED_WEIGHT, _correlation(speed, np.diff(speech.opening))),
            (_CLOSURE_WEIGHT, _closing(speech, lips[0])),
            (_LOUDER_WEIGHT, louder),
        ]
    known = [(weight, value) for weight, value in terms if value is not None]
    return sum(w * v for w, v in known) / sum(w for w, _ in known) if known else None


def _closing(speech: Expectation, opening: np.ndarray) -> float | None:
    """Return how far the lips close where they must, -1 (at their widest) to 1 (closed); None where they need not."""
    rank = np.argsort(np.argsort(opening)) / len(opening)
    during = [
        (speech.times_s >= start_s - _CLOSURE_SLACK_S) & (speech.times_s <= end_s + _CLOSURE_SLACK_S)
        for start_s, end_s in speech.closures_s
    ]
    lowest = [float(rank[here].min()) for here in during if here.any()]
    return 1 - 2 * float(np.mean(lowest)) if lowest else None


def _movement(opening: np.ndarray) -> float:
    """Return the mean speed of the opening, in face heights per second."""
    return float(np.abs(np.diff(opening)).mean() * LANDMARK_FPS)


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return the correlation of two series; None where one of them is constant."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-4 and b.std() > 1e-4 else None
