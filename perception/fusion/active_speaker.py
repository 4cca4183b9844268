"""Who is talking: voices given to the mouths that make them.

A mouth that stands still is nobody's voice. Of several that move, the one that fits the sounds speaks: lips close for
p, b and m, open wide for "ah", round for "oo". What lips should do is read off the forced alignment of the words (for
English) or, without one, off the loudness of the speech; how well each mouth follows it decides. Pictures and sound of
a file are often not quite together, by the same delay throughout: it is found on the way. What one voice shows over a
whole clip is counted together. Light-ASD (Liao et al., "A Light Weight Model for Active Speaker Detection", CVPR
2023) takes part where its weights are given.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from omnisense.perception.types import AudioStream, Span, SpeakerSegment, SpeakerTurn, Transcript
from omnisense.perception.vision.landmarks import WATCH_FPS, LandmarkTrack

# How far open the mouth is for a sound, 0 closed to 1 wide (lip heights of English vowels and consonants, as ranked by
# Montgomery and Jackson, "Physical characteristics of the lips underlying vowel lipreading performance", JASA 1983).
_OPENING = {
    **dict.fromkeys(("P", "B", "M"), 0.0),
    **dict.fromkeys(("F", "V"), 0.15),
    **dict.fromkeys(("AA", "AE", "AO", "AW", "AY"), 1.0),
    **dict.fromkeys(("EH", "AH", "EY"), 0.75),
    **{"IH": 0.5, "IY": 0.45, "OW": 0.45, "OY": 0.5, "ER": 0.4, "UH": 0.35, "UW": 0.3, "W": 0.25, "R": 0.35},
    **dict.fromkeys(("SH", "CH", "JH", "ZH"), 0.3),
}
_OPENING_ELSE, _OPENING_SILENT = 0.4, 0.15
# And how wide: 0 rounded to 1 spread (same source).
_WIDTH = {
    **dict.fromkeys(("W", "UW"), 0.0),
    **dict.fromkeys(("SH", "CH", "JH", "ZH", "UH", "R", "OY"), 0.2),
    **{"OW": 0.15, "ER": 0.25, "AO": 0.3, "S": 0.7, "Z": 0.7, "IH": 0.8, "AE": 0.8, "EY": 0.9, "IY": 1.0},
}
_WIDTH_ELSE = 0.5
_WIDTH_WEIGHT = 0.5  # the width of a mouth follows its sounds less closely than its opening
_SPEED_WEIGHT = 1.0  # when lips open and close tells as much as how far
_MAX_DELAY_S, _DELAY_STEP_S = 0.6, 0.02
_DELAY_COST = 0.1  # of correlation, for a delay of half a second: without evidence there is none
_MARGIN_S = 0.16
_STILL = 0.03  # lips that move by less than this (face heights a second) do not speak; those that do, by .05 to .25
_FITS = 0.1  # correlation from which a mouth fits what is heard; of GRID's right mouths, .3 to .7
_CLEAR = 0.25  # difference of fit at which one mouth is clearly meant
_MIN_SPEECH_S = 0.3
_ENOUGH_PIECES = 40  # longest stretches that the delay is looked for in
_PHONES_COVER = 0.5
_NEAR_S = 1.0
_OVER_CLIP = 0.25  # weight of what a voice shows over the clip beside the stretch's own evidence
_ALONE_FITS = -0.2  # the only mouth that moves must contradict the sound this much to be ruled out

Phone = tuple[str, float, float]
TalkScorer = Callable[[str, float, float], float | None]  # track, start, end to a score, over 0 for talking


@dataclass(frozen=True)
class _Piece:
    """A stretch of speech to be given to somebody, with what lips should do in it."""

    span: Span
    voice: str
    times_s: np.ndarray
    opening: np.ndarray
    width: np.ndarray | None


def who_speaks(
    watched: Sequence[LandmarkTrack],
    audio: AudioStream,
    loudness: tuple[np.ndarray, np.ndarray],
    phones: Sequence[Phone],
    transcript: Transcript | None = None,
    talking: TalkScorer | None = None,
) -> list[SpeakerSegment]:
    """Give each stretch of speech to a face, or off screen.

    Args:
        watched: the faces' lips.
        audio: voice activity and voices.
        loudness: times (T,) in seconds and levels (T,) in dB of the sound.
        phones: forced alignment, name and times of each sound (ARPAbet); empty where there is none.
        transcript: its sentences part long turns, as a voice may change where no pause is.
        talking: Light-ASD's score of a track over a stretch, where its weights are given.
    """
    starts_s = [phone[1] for phone in phones]
    pieces = []
    for turn in _stretches(audio, transcript):
        first, last = bisect.bisect_left(starts_s, turn.start_s - 1.0), bisect.bisect_left(starts_s, turn.end_s + 1.0)
        pieces.append(_piece(turn, phones[first:last], loudness))
    if not pieces:
        return []
    mouths = [_Lips(w.track, np.array(w.times_s), np.array(w.opening), np.array(w.width)) for w in watched]
    delay_s = _delay_s(pieces, mouths)
    evidence = [_evidence(piece, mouths, delay_s, talking) for piece in pieces]
    of_voice = _together(pieces, evidence)
    given = [_given(piece, found, of_voice.get(piece.voice)) for piece, found in zip(pieces, evidence, strict=True)]
    return _filled(given, [bool(found) for found in evidence])


def _stretches(audio: AudioStream, transcript: Transcript | None) -> list[SpeakerTurn]:
    """Turns of voices, or without voices the voice activity, cut where a sentence ends."""
    turns = audio.voices or tuple(SpeakerTurn(s.start_s, s.end_s, "") for s in audio.speech)
    cuts = [(a.end_s, b.start_s) for a, b in itertools.pairwise(transcript.segments)] if transcript else []
    parts: list[SpeakerTurn] = []
    for turn in turns:
        inside = [
            begins_s
            for ends_s, begins_s in cuts
            if turn.start_s < ends_s and turn.start_s + _MIN_SPEECH_S < begins_s < turn.end_s - _MIN_SPEECH_S
        ]
        edges = [turn.start_s, *inside, turn.end_s]
        parts += [SpeakerTurn(a, b, turn.voice) for a, b in itertools.pairwise(edges)]
    return parts


def _piece(turn: SpeakerTurn, phones: Sequence[Phone], loudness: tuple[np.ndarray, np.ndarray]) -> _Piece:
    times_s = np.arange(turn.start_s - _MARGIN_S, turn.end_s + _MARGIN_S, 1 / WATCH_FPS)
    span = Span(turn.start_s, turn.end_s)
    here = [p for p in phones if p[2] > times_s[0] and p[1] < times_s[-1] and p[0] != "SIL"]
    spoken_s = sum(min(p[2], turn.end_s) - max(p[1], turn.start_s) for p in here)
    if spoken_s < _PHONES_COVER * span.duration_s:  # not recognised: lips open with loud sounds, roughly
        level_db = np.interp(times_s, *loudness) if len(loudness[0]) else np.zeros(len(times_s))
        return _Piece(span, turn.voice, times_s, _smooth(level_db), None)
    opening, width = np.full(len(times_s), _OPENING_SILENT), np.full(len(times_s), _WIDTH_ELSE)
    for name, start_s, end_s in here:
        during = (times_s >= start_s) & (times_s < end_s)
        opening[during] = _OPENING.get(name, _OPENING_ELSE)
        width[during] = _WIDTH.get(name, _WIDTH_ELSE)
    return _Piece(span, turn.voice, times_s, _smooth(opening), _smooth(width))


def _smooth(values: np.ndarray) -> np.ndarray:
    return np.convolve(np.pad(values, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")


def _filled(given: list[SpeakerSegment], watched: list[bool]) -> list[SpeakerSegment]:
    """Stretches in which no mouth could be watched go with the same voice's nearest stretch in which one could."""
    known = [part for part, seen in zip(given, watched, strict=True) if seen]

    def filled(part: SpeakerSegment) -> SpeakerSegment:
        same = [(max(k.start_s - part.end_s, part.start_s - k.end_s), i) for i, k in enumerate(known)]
        gap_s, at = min(((gap, i) for gap, i in same if known[i].voice == part.voice), default=(np.inf, 0))
        if gap_s > _NEAR_S:
            return part
        near = known[at]
        return replace(part, face=near.face, off_screen=near.off_screen, certainty=round(near.certainty / 2, 2))

    return [part if seen else filled(part) for part, seen in zip(given, watched, strict=True)]


# --- evidence -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Lips:
    """A face's lips over the clip: times (T,) in seconds, opening and width (T,) in face heights."""

    track: str
    times_s: np.ndarray
    opening: np.ndarray
    width: np.ndarray


@dataclass(frozen=True)
class _Mouth:
    """What one mouth did in a stretch: its movement, how it fits the sound, Light-ASD's word on it."""

    movement: float
    fit: float
    talking: float | None

    @property
    def moves(self) -> bool:
        return self.movement >= _STILL and (self.talking is None or self.talking > -1.0)


def _delay_s(pieces: Sequence[_Piece], watched: Sequence[_Lips]) -> float:
    """By how much the pictures run ahead of the sound: where the best mouths of all stretches fit best."""
    telling = sorted((p for p in pieces if p.span.duration_s >= _MIN_SPEECH_S), key=lambda p: -p.span.duration_s)
    telling = telling[:_ENOUGH_PIECES]
    if not watched or not telling:
        return 0.0
    candidates = np.arange(-_MAX_DELAY_S, _MAX_DELAY_S + 1e-6, _DELAY_STEP_S).tolist()
    totals = []
    for delay_s in candidates:
        fits = [max(_fit(piece, mouth, delay_s) for mouth in watched) for piece in telling]
        mean = float(np.average(fits, weights=[piece.span.duration_s for piece in telling]))
        totals.append(mean - _DELAY_COST * abs(delay_s) / 0.5)
    best: float = candidates[int(np.argmax(totals))]
    return best


def _at(mouth: _Lips, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The lips' opening and width at some times; None where most of them were not seen."""
    here = slice(np.searchsorted(mouth.times_s, times_s[0] - 1.0), np.searchsorted(mouth.times_s, times_s[-1] + 1.0))
    seen = mouth.times_s[here]
    if len(seen) < 2:
        return None
    near = np.searchsorted(seen, times_s)
    gap = np.minimum(
        np.abs(seen[np.clip(near, 0, len(seen) - 1)] - times_s), np.abs(seen[np.clip(near - 1, 0, None)] - times_s)
    )
    if (gap > 2 / WATCH_FPS).mean() > 0.5:
        return None
    return np.interp(times_s, seen, mouth.opening[here]), np.interp(times_s, seen, mouth.width[here])


def _fit(piece: _Piece, mouth: _Lips, delay_s: float) -> float:
    """Correlation of the lips with what the sounds ask of them, -1 to 1; 0 where nothing can be said."""
    lips = _at(mouth, piece.times_s - delay_s)
    if lips is None:
        return 0.0
    if _movement(lips[0]) < _STILL:
        return 0.0
    opening = np.log(lips[0] + 0.004)  # small openings tell as much as wide ones
    terms = [(1.0, _correlation(opening, piece.opening))]
    if piece.width is not None:
        terms.append((_WIDTH_WEIGHT, _correlation(lips[1], piece.width)))
        terms.append((_SPEED_WEIGHT, _correlation(np.diff(lips[0]), np.diff(piece.opening))))
    known = [(weight, value) for weight, value in terms if value is not None]
    return sum(w * v for w, v in known) / sum(w for w, _ in known) if known else 0.0


def _movement(opening: np.ndarray) -> float:
    """How fast lips open and close, in face heights a second."""
    return float(np.abs(np.diff(opening)).mean() * WATCH_FPS)


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Of two series; None where one of them does not change."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-4 and b.std() > 1e-4 else None


def _evidence(piece: _Piece, watched: Sequence[_Lips], delay_s: float, talking: TalkScorer | None) -> dict[str, _Mouth]:
    found = {}
    for mouth in watched:
        lips = _at(mouth, piece.times_s - delay_s)
        if lips is None:
            continue
        moved = _movement(lips[0])
        said = talking(mouth.track, piece.span.start_s - delay_s, piece.span.end_s - delay_s) if talking else None
        found[mouth.track] = _Mouth(moved, _fit(piece, mouth, delay_s), said)
    return found


def _together(pieces: Sequence[_Piece], evidence: Sequence[dict[str, _Mouth]]) -> dict[str, dict[str, float]]:
    """For each voice, how well each face fits it over the whole clip, weighted by time."""
    sums: dict[str, dict[str, list[float]]] = {}
    for piece, mouths in zip(pieces, evidence, strict=True):
        if piece.voice:
            for track, mouth in mouths.items():
                entry = sums.setdefault(piece.voice, {}).setdefault(track, [0.0, 0.0])
                entry[0] += _support(mouth) * piece.span.duration_s
                entry[1] += piece.span.duration_s
    return {v: {t: total / max(s, 1e-9) for t, (total, s) in tracks.items()} for v, tracks in sums.items()}


def _support(mouth: _Mouth) -> float:
    """How much speaks for a mouth: its fit, and against a still one."""
    return mouth.fit if mouth.moves else -0.5


# --- decision -----------------------------------------------------------------------------------------------


def _given(piece: _Piece, mouths: dict[str, _Mouth], of_voice: dict[str, float] | None) -> SpeakerSegment:
    """The stretch's speaker: its own evidence and, with less weight, what the voice shows over the clip."""

    def made(face: str | None, off_screen: bool, certainty: float) -> SpeakerSegment:
        return SpeakerSegment(
            round(piece.span.start_s, 3),
            round(piece.span.end_s, 3),
            piece.voice,
            face,
            off_screen,
            round(min(max(certainty, 0.0), 1.0), 2),
        )

    moving = {track: mouth for track, mouth in mouths.items() if mouth.moves}
    if not moving:
        return made(None, True, 1.0 if mouths else 0.9)
    support = {t: _support(m) + _OVER_CLIP * (of_voice or {}).get(t, 0.0) for t, m in moving.items()}
    ranked = sorted(support, key=lambda track: -support[track])
    best = ranked[0]
    if len(ranked) == 1:
        if support[best] < _ALONE_FITS:
            return made(None, True, 0.3)
        return made(best, False, 0.6 + max(support[best], 0.0))
    lead = support[best] - support[ranked[1]]
    if support[best] < _FITS and piece.span.duration_s >= 1.0:
        return made(None, False, 0.0)
    return made(best, False, 0.5 + lead / _CLEAR / 2)
