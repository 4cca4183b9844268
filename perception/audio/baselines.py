"""Baselines: the usual prosody of a speaker or a clip, and prosody relative to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from omnisense.perception.audio.prosody import ProsodyFrames, mean_level_db
from omnisense.perception.types import Prosody, SpeakerTurn, Utterance

_MIN_UTTERANCES = 2  # within one utterance pitch and level just run down: there is nothing to compare with


def measure_baseline(frames: ProsodyFrames, speech: np.ndarray, utterances: Sequence[Prosody]) -> Prosody:
    """Return median pitch and mean level of the frames with speech (F,), and the median rate of utterances."""
    if not speech.any():
        return Prosody()
    f0_hz = frames.f0_hz[speech]
    f0_hz = f0_hz[~np.isnan(f0_hz)]
    rates = [p.rate_syllables_s for p in utterances if p.rate_syllables_s]
    return Prosody(
        f0_hz=round(float(np.median(f0_hz)), 1) if len(f0_hz) else None,
        loudness_db=round(mean_level_db(frames.level_db[speech]), 1),
        rate_syllables_s=round(float(np.median(rates)), 2) if rates else None,
    )


def measure_speaker_baselines(
    frames: ProsodyFrames, speech: np.ndarray, turns: Sequence[SpeakerTurn], prosodies: Sequence[Prosody]
) -> dict[str, Prosody]:
    """Return each speaker's baseline, from speech in which no other speaker overlaps.

    Args:
        frames: of the clip.
        speech: (F,) whether there is speech in each frame.
        turns: of all speakers.
        prosodies: of the turns.
    """
    baselines = {}
    for speaker in sorted({turn.speaker for turn in turns} - {""}):
        own = [turn for turn in turns if turn.speaker == speaker]
        others = [turn for turn in turns if turn.speaker != speaker]
        alone = speech & frames.mask(own) & ~frames.mask(others)
        own_prosodies = [p for turn, p in zip(turns, prosodies, strict=True) if turn.speaker == speaker]
        baselines[speaker] = measure_baseline(frames, alone, own_prosodies)
    return baselines


def median_baselines(utterances: Sequence[Utterance]) -> tuple[dict[str, Prosody], Prosody]:
    """Return the median prosody of each speaker, and of all, from utterances that were measured one by one."""
    speakers = sorted({u.speaker for u in utterances} - {""})
    by_speaker = {s: _median_prosody([u.prosody for u in utterances if u.speaker == s]) for s in speakers}
    return by_speaker, _median_prosody([u.prosody for u in utterances])


def _median_prosody(prosodies: Sequence[Prosody]) -> Prosody:
    def median(name: str) -> float | None:
        values = [value for p in prosodies if (value := getattr(p, name)) is not None]
        return round(float(np.median(values)), 2) if values else None

    return Prosody(median("f0_hz"), median("loudness_db"), median("rate_syllables_s"))


def compare_with_baselines(
    utterances: Sequence[Utterance], baselines: dict[str, Prosody], overall: Prosody
) -> list[Utterance]:
    """Return utterances with prosody relative to their speakers' baselines, and with arousal.

    Args:
        utterances: with absolute prosody.
        baselines: by speaker.
        overall: the baseline where the speaker is unknown.
    """
    usual = usual_prosody(baselines, overall, [u.speaker for u in utterances])
    compared = []
    for utterance in utterances:
        prosody = relative_prosody(utterance.prosody, usual[utterance.speaker])
        value = estimate_arousal(prosody)
        compared.append(replace(utterance, prosody=prosody, arousal=None if value is None else round(value, 3)))
    return compared


def usual_prosody(baselines: dict[str, Prosody], overall: Prosody, speakers: Sequence[str]) -> dict[str, Prosody]:
    """Return the prosody that is usual of each speaker, with None in all fields where there is too little to tell.

    Args:
        baselines: by speaker.
        overall: the baseline where the speaker is unknown.
        speakers: of each utterance; ``""`` where it is unknown.
    """
    counts = Counter(speakers)
    return {s: baselines.get(s, overall) if n >= _MIN_UTTERANCES else Prosody() for s, n in counts.items()}


def relative_prosody(prosody: Prosody, baseline: Prosody) -> Prosody:
    """Return the prosody with its ``_rel`` fields, relative to a baseline."""

    def pair(name: str) -> tuple[float, float] | None:
        value, usual = getattr(prosody, name), getattr(baseline, name)
        return None if value is None or usual is None else (value, usual)

    f0, level, rate = pair("f0_hz"), pair("loudness_db"), pair("rate_syllables_s")
    return replace(
        prosody,
        f0_rel_st=round(12 * float(np.log2(f0[0] / f0[1])), 2) if f0 else None,
        loudness_rel_db=round(level[0] - level[1], 1) if level else None,
        rate_rel=round(rate[0] / rate[1], 2) if rate else None,
    )


def estimate_arousal(prosody: Prosody) -> float | None:
    """Return arousal relative to the speaker's baseline, -1 to 1; 3 semitones or 4.5 dB make about half of the scale.

    Pitch and loudness carry most of it (Juslin and Laukka, "Communication of emotions in vocal expression and music
    performance", Psychological Bulletin 2003). None where they are unknown.
    """
    if prosody.f0_rel_st is None or prosody.loudness_rel_db is None:
        return None
    return float(np.tanh(prosody.f0_rel_st / 6 + prosody.loudness_rel_db / 9))
