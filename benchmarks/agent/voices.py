"""Tone heads that have not heard the speaker who is asked about.

All speakers of EmoDB at hand trained the shipped head. A question about one of them is perceived with a head that was
trained in the same way on the others.
"""

from __future__ import annotations

from pathlib import Path

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.perception.emotion.tables import read_labels

_EMODB_NAME = 7  # characters of EmoDB's names, such as 03a01Fa: the speaker, the sentence, the emotion, the version


def speaker_of(sample: Sample) -> str:
    """Return the speaker of EmoDB whose voice a question is about; empty for other questions."""
    stem = Path(sample.media).stem if sample.media else ""
    is_emodb = sample.modality == "audio" and len(stem) == _EMODB_NAME and stem[:2].isdigit()
    return stem[:2] if is_emodb else ""


def unheard_heads(data: Path, folder: Path) -> dict[str, Path]:
    """Return a head for each speaker of EmoDB, trained on all others; made once, in about ten minutes on one core.

    Args:
        data: with ``speech/emodb/``.
        folder: where the heads are kept.

    Raises:
        MediaError: a recording cannot be read.
    """
    emodb = data / "speech" / "emodb"
    if not (emodb / "labels.csv").is_file():
        return {}
    from omnisense.perception.emotion.train_voice import save_unseen_heads

    return save_unseen_heads(emodb, read_labels(emodb / "labels.csv"), folder)
