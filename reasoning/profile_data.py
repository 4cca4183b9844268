"""Write the rows on which the profiles that ship are measured, of sets that are free to train on.

    python -m omnisense.reasoning.profile_data GOEMOTIONS EMODB FOLDER
    omnisense calibrate --policy smollm2-135m-instruct FOLDER \\
      --output reasoning/profiles/smollm2-135m-instruct_smollm2-135m-agent.json
    omnisense calibrate --policy smollm2-135m-instruct --adapter none FOLDER \\
      --output reasoning/profiles/smollm2-135m-instruct.json

Texts are training comments of GoEmotions that neither the text emotion heads nor the adapter saw (every twentieth), up
to 45 an emotion. Clips are up to four utterances an emotion of each EmoDB speaker, perceived with a tone head that has
not heard the speaker: a quarter as they are, others with white noise at 20 or 10 dB or in a telephone's band, because
people do not talk to the agent in a studio. The folder gets the rows, these recordings and the heads.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.errors import OmniSenseError
from omnisense.perception.emotion.tables import membership, read_goemotions, read_labels
from omnisense.perception.emotion.text import EKMAN
from omnisense.perception.emotion.train_voice import save_unseen_heads
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ

_HELD_OUT_STRIDE = 20  # as the text emotion heads were trained: 1 in 5, and of these 1 in 4
_TEXTS, _CLIPS = 45, 4  # an emotion; an emotion and speaker
_EMOTION_OF = {"anger": "anger", "happiness": "joy", "neutral": "neutral", "sadness": "sadness"}


def text_rows(data: Path, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield held-out training comments of GoEmotions that have one emotion."""
    fine = tuple((data / "labels.txt").read_text("utf-8").split())
    texts, truth = read_goemotions(data / "train.tsv.gz", len(fine))
    groups = truth[::_HELD_OUT_STRIDE] @ membership(fine) > 0
    chosen = texts[::_HELD_OUT_STRIDE]
    random = np.random.default_rng(seed)
    for k, emotion in enumerate(EKMAN):
        candidates = np.flatnonzero(groups[:, k] & (groups.sum(axis=1) == 1))
        for i in random.permutation(candidates)[:_TEXTS].tolist():
            yield {"text": chosen[i], "emotion": emotion, "group": f"goemotions-{i}", "task": "comments"}


def degrade(recording: np.ndarray, number: int) -> np.ndarray:
    """Return a recording (N,) at 16 kHz as it is, with white noise at 20 or 10 dB, or in a telephone's band."""
    from scipy.signal import butter, sosfiltfilt

    condition = number % 4
    if condition == 3:
        band: np.ndarray = sosfiltfilt(butter(4, (300, 3400), "bandpass", fs=16_000, output="sos"), recording)
        return band.astype(np.float32)
    if condition == 0:
        return recording
    level = float(np.sqrt(np.mean(recording**2))) * 10 ** (-(20 if condition == 1 else 10) / 20)
    noise = np.random.default_rng(number).normal(0, level, len(recording))
    noisy: np.ndarray = (recording + noise).astype(np.float32)
    return noisy


def clip_rows(data: Path, folder: Path, heads: Path | None = None) -> Iterator[dict[str, Any]]:
    """Yield utterances of EmoDB.

    Args:
        data: folder of EmoDB.
        folder: of the rows; gets the recordings.
        heads: folder of tone heads by the speaker whom they have not heard, made where one is missing; by default
            inside ``folder``.
    """
    from scipy.io import wavfile

    rows = read_labels(data / "labels.csv")
    files = save_unseen_heads(data, rows, heads or folder / "heads")
    (folder / "clips").mkdir(exist_ok=True)
    taken: dict[tuple[str, str], int] = defaultdict(int)
    for number, row in sorted(enumerate(rows), key=lambda entry: entry[1]["speaker"]):  # each head is loaded once
        key = row["speaker"], row["emotion"]
        taken[key] += 1
        if taken[key] <= _CLIPS:
            clip = Path("clips") / Path(row["file"]).with_suffix(".wav").name
            recording = degrade(open_clip(data / row["file"]).audio(), number)
            wavfile.write(folder / clip, SAMPLE_RATE_HZ, recording.astype(np.float32))
            yield {
                "clip": clip.as_posix(),
                "emotion": _EMOTION_OF[row["emotion"]],
                "group": f"emodb-{row['speaker']}",
                "task": "utterances",
                "voice_emotion_model": os.path.relpath(files[row["speaker"]], folder),
            }


def main(arguments: list[str]) -> int:
    """Run the command in the module's docstring; return its exit code."""
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    comments, speech, folder = map(Path, arguments)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        rows = [*text_rows(comments), *clip_rows(speech, folder)]
    except OmniSenseError as error:
        print(error, file=sys.stderr)
        return 2
    output = folder / "rows.jsonl"
    output.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), "utf-8")
    print(f"{len(rows)} rows in {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
