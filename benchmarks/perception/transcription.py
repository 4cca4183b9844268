"""Word error rates, word times, and speaker-attributed word error rates."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.perception.types import Transcript

_DIGITS = dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True))
_ALIGN_UNITS_S = 25_000  # GRID's word times are samples at 25 kHz


def normalize_spoken(text: str) -> str:
    """Return words as they are spoken, separated and in lower case: ``F2`` is "f two"."""
    separated = re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", text.lower())
    return " ".join(_DIGITS.get(word, word) for word in re.findall(r"[a-z']+|\d", separated))


def _transcript(percepts: Percepts) -> Transcript:
    assert isinstance(percepts.transcript, Transcript), percepts.missing()
    return percepts.transcript


def grid(folder: Path, perception: Perception) -> dict[str, Any]:
    """Return the word error rate over the clips, and the error of word starts in the clip with known times."""
    import jiwer

    with (folder / "transcripts.csv").open() as file:
        rows = list(csv.DictReader(file))
    heard = [_transcript(perception.perceive(folder / row["file"])).text for row in rows]
    wer = jiwer.wer([normalize_spoken(row["transcript"]) for row in rows], [normalize_spoken(text) for text in heard])
    return {"clips": len(rows), "wer": round(float(wer), 3), **_word_starts(folder, perception)}


def _word_starts(folder: Path, perception: Perception) -> dict[str, Any]:
    """Return the errors of word starts; each known word is paired with the nearest equal word."""
    lines = [line.split() for line in (folder / "swwp2s.align").read_text().splitlines()]
    gold = [(word, int(start) / _ALIGN_UNITS_S) for start, _, word in lines if word not in ("sil", "sp")]
    transcript = _transcript(perception.perceive(folder / "id2_vcd_swwp2s.mpg"))
    found = [(normalize_spoken(w.text), w.start_s) for s in transcript.segments for w in s.words]
    errors = []
    for word, start_s in gold:
        same = [abs(at_s - start_s) for heard, at_s in found if heard == word]
        errors += [min(same)] if same else []
    return {
        "words timed": len(errors),
        "word start error ms": round(1000 * float(np.mean(errors)), 1),
        "worst ms": round(1000 * max(errors), 1),
        "word times by": transcript.word_times,
    }


def speaker_attributed(folder: Path, perception: Perception) -> dict[str, Any]:
    """Return the word error rates of the call: of all words in order, and of each speaker's words.

    The latter is the concatenated minimum-permutation word error rate (Watanabe et al., "CHiME-6 Challenge", 2020).
    """
    import jiwer
    from scipy.optimize import linear_sum_assignment

    reference: dict[str, list[str]] = defaultdict(list)
    order = []
    for line in (folder / "sample.stm").read_text().splitlines():
        _, _, speaker, _, _, text = line.split(maxsplit=5)
        reference[speaker].append(normalize_spoken(text))
        order.append(normalize_spoken(text))
    transcript = _transcript(perception.perceive(folder / "sample.wav"))
    heard: dict[str, list[str]] = defaultdict(list)
    for segment in transcript.segments:
        heard[segment.speaker or "nobody"].append(normalize_spoken(segment.text))
    truth = [" ".join(words) for words in reference.values()]
    guesses = [" ".join(words) for words in heard.values()]
    guesses += [""] * (len(truth) - len(guesses))
    errors = np.array([[_errors(jiwer.process_words(t, g)) if g else len(t.split()) for g in guesses] for t in truth])
    rows, columns = linear_sum_assignment(errors)
    left_over = sum(len(guesses[k].split()) for k in set(range(len(guesses))) - set(columns.tolist()))
    words = sum(len(t.split()) for t in truth)
    return {
        "wer": round(float(jiwer.wer(" ".join(order), normalize_spoken(transcript.text))), 3),
        "speaker-attributed wer": round(float(errors[rows, columns].sum() + left_over) / words, 3),
        "speakers": f"{len(heard)} of {len(reference)}",
    }


def _errors(measured: Any) -> int:
    return int(measured.substitutions + measured.deletions + measured.insertions)
