"""Diarization error rates, by pyannote.metrics."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnisense.benchmarks.perception.conversations import TUNED_ON, Conversation, compose_conversations
from omnisense.benchmarks.perception.progress import Progress
from omnisense.perception.emotion.tables import read_labels
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import AudioStream, SpeakerTurn, Transcript

if TYPE_CHECKING:  # imports torch
    from pyannote.core import Annotation

COLLAR_S = 0.25
_CONVERSATIONS = 8
_SENTENCE_PAUSE_S = 1.0  # from which what follows is another sentence
# Diarization error rate of pyannote/speaker-diarization-3.1 on AMI's whole test set, without a collar, overlap scored,
# from its model card.
PUBLISHED_AMI = {"headset mix": 0.188, "one distant microphone": 0.224}


def call(folder: Path, perception: Perception) -> dict[str, Any]:
    """Return the error rates on the two-speaker call."""
    return error_rates(perception.perceive(folder / "sample.wav"), folder / "sample.rttm", "sample")


def ami(folder: Path, perception: Perception) -> dict[str, Any]:
    """Return the error rates on two excerpts of meetings, and on both together."""
    parts = {
        "dev00": error_rates(perception.perceive(folder / "dev00.flac"), folder / "debug.development.rttm", "dev00"),
        "trn01": error_rates(perception.perceive(folder / "trn01.flac"), folder / "debug.train.rttm", "trn01"),
    }
    speech_s = sum(p["speech s"] for p in parts.values())
    pooled = sum(p["der"] * p["speech s"] for p in parts.values()) / speech_s
    return {**parts, "both, no collar": round(pooled, 3), "pyannote 3.1 on AMI, published": PUBLISHED_AMI}


def conversations(emodb: Path, progress: Progress | None = None, *, held_out: bool = True) -> dict[str, Any]:
    """Return the error rates on conversations of emotional speech.

    ``overlap found``: of the seconds in which two speak, those in which two voices are found.

    Args:
        emodb: the folder of EmoDB.
        progress: of a run that was stopped.
        held_out: of speakers that no constant was chosen on; else of the others.
    """
    perception = Perception(PerceptionSettings(streams=("audio",), voice_emotion_model=None), cache=False)
    everybody, progress = {row["speaker"] for row in read_labels(emodb / "labels.csv")}, progress or Progress()
    speakers = tuple(sorted(everybody - set(TUNED_ON))) if held_out else TUNED_ON
    parts = []
    for conversation in compose_conversations(emodb, speakers, _CONVERSATIONS):

        def measure(conversation: Conversation = conversation) -> dict[str, float]:
            return _seconds(conversation, perception)

        parts.append(progress.get(conversation.name, measure))
    total = {key: sum(part[key] for part in parts) for key in parts[0]}
    return {
        "speakers": ", ".join(speakers),
        "conversations": len(parts),
        "der": round((total["missed"] + total["false alarm"] + total["confused"]) / total["speech"], 3),
        **{key: round(total[key] / total["speech"], 3) for key in ("missed", "false alarm", "confused")},
        "number of voices right": f"{sum(part['voices'] == part['speakers'] for part in parts)} of {len(parts)}",
        "overlap found": round(total["overlap found"] / total["overlap"], 3),
    }


def _seconds(conversation: Conversation, perception: Perception) -> dict[str, float]:
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate
    from scipy.io import wavfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "conversation.wav"
        wavfile.write(path, SAMPLE_RATE_HZ, conversation.samples)
        percepts = perception.perceive(path)
    assert isinstance(percepts.audio, AudioStream), percepts.missing()
    truth, found = _annotation(conversation.truth), _annotation(percepts.audio.speaker_turns)
    whole = Timeline([Segment(0.0, percepts.audio.duration_s)])
    parts = DiarizationErrorRate()(truth, found, uem=whole, detailed=True)
    both = truth.get_overlap()
    return {
        "missed": parts["missed detection"],
        "false alarm": parts["false alarm"],
        "confused": parts["confusion"],
        "speech": parts["total"],
        "voices": len(found.labels()),
        "speakers": len(truth.labels()),
        "overlap": both.duration(),
        "overlap found": both.crop(found.get_overlap()).duration(),
    }


def _annotation(turns: Iterable[SpeakerTurn]) -> Annotation:
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for number, turn in enumerate(turns):
        annotation[Segment(turn.start_s, turn.end_s), number] = turn.speaker
    return annotation


def error_rates(percepts: Percepts, rttm: Path, uri: str) -> dict[str, Any]:
    """Return the diarization error rates with and without a collar, how many voices were found, and seconds of speech.

    Args:
        percepts: of the recording.
        rttm: file with who speaks when.
        uri: the recording's name in it.
    """
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    lines = [fields for line in rttm.read_text().splitlines() if (fields := line.split())[1] == uri]
    truth = _annotation(SpeakerTurn(float(f[3]), float(f[3]) + float(f[4]), f[7]) for f in lines)
    assert isinstance(percepts.audio, AudioStream), percepts.missing()
    found = _annotation(percepts.audio.speaker_turns)
    whole = Timeline([Segment(0.0, percepts.audio.duration_s)])
    # pyannote.metrics takes the collar's whole width.
    rates = [float(DiarizationErrorRate(collar=2 * c)(truth, found, uem=whole)) for c in (COLLAR_S, 0.0)]
    return {
        f"der, {COLLAR_S} s collar": round(rates[0], 3),
        "der": round(rates[1], 3),
        "voices": f"{len(found.labels())} of {len(truth.labels())}",
        "speech s": round(sum(s.duration for s in truth.itersegments()), 1),
        "sentences of several voices": _shared_sentences(percepts),
    }


def _shared_sentences(percepts: Percepts) -> str:
    """Return how many sentences were given to more than one voice, of how many."""
    segments = percepts.transcript.segments if isinstance(percepts.transcript, Transcript) else ()
    parted = [
        a.speaker != b.speaker and a.text[-1:] not in ".?!" and b.start_s - a.end_s < _SENTENCE_PAUSE_S
        for a, b in itertools.pairwise(segments)
    ]
    return f"{sum(parted)} of {len(segments) - sum(parted)}"
