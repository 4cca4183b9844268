"""Diarization error rates, by pyannote.metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omnisense.perception.pipeline import Perception
from omnisense.perception.types import AudioStream

COLLAR_S = 0.25
# Diarization error rate of pyannote/speaker-diarization-3.1 on AMI's whole test set, without a collar, overlap scored,
# from its model card.
PUBLISHED_AMI = {"headset mix": 0.188, "one distant microphone": 0.224}


def call(folder: Path, perception: Perception) -> dict[str, Any]:
    """Return the error rates on the two-speaker call."""
    return _error_rates(folder / "sample.wav", folder / "sample.rttm", "sample", perception)


def ami(folder: Path, perception: Perception) -> dict[str, Any]:
    """Return the error rates on two excerpts of meetings, and on both together."""
    parts = {
        "dev00": _error_rates(folder / "dev00.flac", folder / "debug.development.rttm", "dev00", perception),
        "trn01": _error_rates(folder / "trn01.flac", folder / "debug.train.rttm", "trn01", perception),
    }
    speech_s = sum(p["speech s"] for p in parts.values())
    pooled = sum(p["der"] * p["speech s"] for p in parts.values()) / speech_s
    return {**parts, "both, no collar": round(pooled, 3), "pyannote 3.1 on AMI, published": PUBLISHED_AMI}


def _error_rates(recording: Path, rttm: Path, uri: str, perception: Perception) -> dict[str, Any]:
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    truth = Annotation()
    for number, line in enumerate(rttm.read_text().splitlines()):
        fields = line.split()
        if fields[1] == uri:
            truth[Segment(float(fields[3]), float(fields[3]) + float(fields[4])), number] = fields[7]
    percepts = perception.perceive(recording)
    assert isinstance(percepts.audio, AudioStream), percepts.missing()
    found = Annotation()
    for number, turn in enumerate(percepts.audio.speaker_turns):
        found[Segment(turn.start_s, turn.end_s), number] = turn.speaker
    whole = Timeline([Segment(0.0, percepts.audio.duration_s)])
    # pyannote.metrics takes the collar's whole width.
    rates = [float(DiarizationErrorRate(collar=2 * c)(truth, found, uem=whole)) for c in (COLLAR_S, 0.0)]
    return {
        f"der, {COLLAR_S} s collar": round(rates[0], 3),
        "der": round(rates[1], 3),
        "voices": f"{len(found.labels())} of {len(truth.labels())}",
        "speech s": round(sum(s.duration for s in truth.itersegments()), 1),
    }
