"""Conversations of two to four people, made of EmoDB's emotional utterances: some follow, some talk over the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omnisense.perception.audio.chunks import voice_activity
from omnisense.perception.emotion.tables import read_labels
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.types import SpeakerTurn

TUNED_ON = ("03", "08", "09", "10")  # EmoDB's speakers on whose conversations thresholds were chosen; the others test
_UTTERANCES = 16
_OVERLAPPED = 0.3  # of the utterances begin before the last has ended: about what meetings have (AMI)
_OVERLAP_S, _GAP_S, _LEVEL_DB = (0.3, 1.5), (0.05, 1.0), (-4.0, 4.0)
_ROOM_DB = -60.0  # noise of the room, under the loudest sample


@dataclass(frozen=True)
class Conversation:
    """Samples (N,) at 16 kHz, and who speaks when."""

    name: str
    samples: np.ndarray
    truth: tuple[SpeakerTurn, ...]


def compose_conversations(emodb: Path, speakers: tuple[str, ...], count: int) -> Iterator[Conversation]:
    """Yield conversations of these speakers: of two, of three, and so on up to all of them, in turns.

    Args:
        emodb: the folder of EmoDB.
        speakers: of its ``labels.csv``.
        count: how many.
    """
    rows = [row for row in read_labels(emodb / "labels.csv") if row["speaker"] in speakers]
    for number in range(count):
        rng = np.random.default_rng([number, *(int(speaker) for speaker in speakers)])
        people = 2 + number % (len(speakers) - 1)
        chosen = sorted(rng.choice(speakers, people, replace=False))
        yield _compose(emodb, [row for row in rows if row["speaker"] in chosen], rng, f"{number}-{'-'.join(chosen)}")


def _compose(emodb: Path, rows: list[dict[str, str]], rng: np.random.Generator, name: str) -> Conversation:
    speakers = sorted({row["speaker"] for row in rows})
    pieces: list[tuple[float, np.ndarray]] = []
    truth: list[SpeakerTurn] = []
    end_s, last = 0.3, ""
    for number in range(_UTTERANCES):
        others = [s for s in speakers if s != last]
        last = speakers[number] if number < len(speakers) else str(rng.choice(others))  # everybody speaks
        utterances = [row for row in rows if row["speaker"] == last]
        samples = open_clip(emodb / utterances[int(rng.integers(len(utterances)))]["file"]).audio()
        spoken = voice_activity(samples)
        samples = samples * 10 ** (rng.uniform(*_LEVEL_DB) / 20)
        is_overlapped = number > 0 and rng.random() < _OVERLAPPED
        gap_s = -rng.uniform(*_OVERLAP_S) if is_overlapped else rng.uniform(*_GAP_S)
        start_s = max(end_s + gap_s - spoken[0].start_s, 0.0)  # between their speech, not between the files
        pieces.append((start_s, samples))
        truth += [SpeakerTurn(start_s + span.start_s, start_s + span.end_s, last) for span in spoken]
        end_s = max(end_s, truth[-1].end_s)
    return Conversation(name, _sum(pieces, rng), tuple(truth))


def _sum(pieces: list[tuple[float, np.ndarray]], rng: np.random.Generator) -> np.ndarray:
    length = max(round(start_s * SAMPLE_RATE_HZ) + len(samples) for start_s, samples in pieces)
    heard = np.zeros(length, np.float32)
    for start_s, samples in pieces:
        first = round(start_s * SAMPLE_RATE_HZ)
        heard[first : first + len(samples)] += samples
    heard *= 0.5 / (float(np.abs(heard).max()) + 1e-9)
    return heard + (rng.standard_normal(length) * 0.5 * 10 ** (_ROOM_DB / 20)).astype(np.float32)
