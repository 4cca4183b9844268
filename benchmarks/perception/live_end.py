"""What a live stream gives once it has ended, beside the file of the same sound; one algorithm perceives both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omnisense.benchmarks.perception.diarization import error_rates
from omnisense.benchmarks.perception.transcription import normalize_spoken
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.perception.streaming.session import Chunk, LivePerception
from omnisense.perception.types import Transcript

_CHUNK = SAMPLE_RATE_HZ // 10


def live_against_file(speech: Path, perception: Perception) -> dict[str, Any]:
    """Return for a call and a meeting how far the words and the voices of the stream are from those of the file.

    Args:
        speech: contains ``two_speaker_call/`` and ``ami/``.
        perception: that is measured.

    Returns:
        For each recording the words of the file, the word error rate of the stream against them, and the diarization
        error rates of both against the truth, without a collar.
    """
    call, meetings = speech / "two_speaker_call", speech / "ami"
    return {
        "call": _compare(call / "sample.wav", call / "sample.rttm", "sample", perception),
        "meeting": _compare(meetings / "dev00.flac", meetings / "debug.development.rttm", "dev00", perception),
    }


def _compare(recording: Path, truth: Path, name: str, perception: Perception) -> dict[str, Any]:
    import jiwer

    samples, live = open_clip(recording).audio(), LivePerception(perception)
    for at in range(0, len(samples), _CHUNK):
        live.feed(Chunk(at / SAMPLE_RATE_HZ, samples[at : at + _CHUNK]))
    live.finish()
    found = {"file": perception.perceive(recording), "live": live.percepts()}
    words = {how: _words(percepts) for how, percepts in found.items()}
    rates = {how: error_rates(percepts, truth, name)["der"] for how, percepts in found.items()}
    return {
        "words of the file": len(words["file"].split()),
        "words that differ": round(jiwer.wer(words["file"], words["live"]), 3),
        "der, file": rates["file"],
        "der, live": rates["live"],
    }


def _words(percepts: Percepts) -> str:
    assert isinstance(percepts.transcript, Transcript)
    return normalize_spoken(percepts.transcript.text)
