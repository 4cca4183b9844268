"""The table: accuracies of every way to write options, to normalise their likelihoods, and to take their bias away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from omnisense.benchmarks.choices.measure import CONTENT_FREE, EVIDENCE, LETTER, LETTERED, NOTHING, SPACE, START
from omnisense.benchmarks.harness.statistics import Accuracies, compare

Record = Mapping[str, Any]
NORMALISATIONS = ("sum", "mean", "per byte")
_RESAMPLES = 500
_BIASES = ("kept", NOTHING, CONTENT_FREE)
# Before: mean over the option's own tokens, less the bias against a note that nothing is known. After: what is shipped.
BEFORE = {"emotion": (START, NOTHING), "yes or no": (START, NOTHING), "story": (LETTERED, NOTHING)}
AFTER = {"emotion": (SPACE, CONTENT_FREE), "yes or no": ("with a capital", NOTHING), "story": (LETTER, NOTHING)}


def reduce_tokens(tokens: Sequence[float], option: str, normalisation: str, end: bool = True) -> float:
    """Return an option's score from the log-probabilities of its tokens, of which the last ends the turn."""
    counted = tokens if end else tokens[:-1]
    size = {"sum": 1, "mean": len(counted), "per byte": len(option.encode())}[normalisation]
    return sum(counted) / size


def option_scores(record: Record, told: str, way: str, normalisation: str, end: bool = True) -> np.ndarray:
    """Return the score of each option."""
    return np.array([
        reduce_tokens(tokens, option[:1] if way == LETTER else option, normalisation, end)
        for tokens, option in zip(record["scores"][told][way], record["options"], strict=True)
    ])  # fmt: skip


def choose(record: Record, way: str, normalisation: str, bias: str, end: bool = True) -> int:
    """Return the index of the option that is taken."""
    scores = option_scores(record, EVIDENCE, way, normalisation, end)
    return int(np.argmax(scores if bias == "kept" else scores - option_scores(record, bias, way, normalisation, end)))


def render(records: Sequence[Record], command: str, note: str = "") -> str:
    """Return the page."""
    lines = [
        "How the options of a choice are scored. On one half the way was chosen, on the other it is reported; the "
        "intervals are 95% bootstrap intervals. *Share* is how often the option that is taken most is taken: near 1, "
        "the policy does not read the evidence. *Separation* is free of any bias towards an option: the probability "
        "that a question whose answer is an option gives it a higher score than another question (AUC, the mean over "
        f"options, all questions; chance is .5). Made by `{command}`. {note}".strip(), ""]  # fmt: skip
    for policy in dict.fromkeys(r["policy"] for r in records):
        chosen = [r for r in records if r["policy"] == policy]
        lines += [f"## {policy}", "", *_before_and_after(chosen), ""]
        for task in dict.fromkeys(r["task"] for r in chosen):
            lines += [*_ways(task, [r for r in chosen if r["task"] == task]), ""]
    return "\n".join(lines)


def _before_and_after(records: Sequence[Record]) -> list[str]:
    lines = ["| task, held-out half | n | chance | before | share | after | share | difference | p |", "|---" * 9 + "|"]
    for task in dict.fromkeys(r["task"] for r in records):
        rows = [r for r in records if r["task"] == task and r["held_out"]]
        if not rows:
            continue
        pairs = [BEFORE[task], AFTER[task]]
        taken = [
            [choose(r, way, "mean", bias, end) for r in rows]
            for (way, bias), end in zip(pairs, (False, True), strict=True)
        ]
        before, after = right = [
            {str(i): float(t == r["gold"]) for i, (t, r) in enumerate(zip(ts, rows, strict=True))} for ts in taken
        ]
        found = compare(before, after)
        cells = [f"{_interval(list(r.values()))} | {_share(ts)}" for r, ts in zip(right, taken, strict=True)]
        d = found.difference
        lines.append(
            f"| {task} | {len(rows)} | {1 / len(rows[0]['options']):.3f} | {cells[0]} | {cells[1]} | "
            f"{d.mean:+.3f} ({d.low:+.3f} to {d.high:+.3f}) | {found.p_value:.3f} |"
        )
    return lines


def _ways(task: str, records: Sequence[Record]) -> list[str]:
    halves = [[r for r in records if r["held_out"] is held_out] for held_out in (False, True)]
    lines = [
        f"### {task}: accuracy on the half for choosing / held out ({len(halves[0])} / {len(halves[1])})", "",
        "| option written | end of turn | normalised by | bias kept | less nothing's | less N/A's | separation |",
        "|---" * 7 + "|"]  # fmt: skip
    for way in records[0]["scores"][EVIDENCE]:
        for end in (False, True):
            for normalisation in NORMALISATIONS:
                cells = [
                    " / ".join(_accuracy(half, way, normalisation, bias, end) for half in halves) for bias in _BIASES
                ]
                cells.append("-" if task == "story" else _separation(records, way, normalisation, end))
                lines.append(f"| {way} | {'scored' if end else 'left out'} | {normalisation} | {' | '.join(cells)} |")
    return lines


def _accuracy(records: Sequence[Record], way: str, normalisation: str, bias: str, end: bool) -> str:
    known = [r for r in records if bias in ("kept", *r["scores"])]
    right = [choose(r, way, normalisation, bias, end) == r["gold"] for r in known]
    return f"{np.mean(right):.3f}" if right else "-"


def _separation(records: Sequence[Record], way: str, normalisation: str, end: bool) -> str:
    scores = np.array([option_scores(r, EVIDENCE, way, normalisation, end) for r in records])
    shares = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    gold = np.array([r["gold"] for r in records])
    rng = np.random.default_rng(0)
    drawn = [_mean_auc(shares[rows], gold[rows]) for rows in rng.integers(len(gold), size=(_RESAMPLES, len(gold)))]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{_mean_auc(shares, gold):.3f} ({low:.3f} to {high:.3f})"


def _mean_auc(scores: np.ndarray, gold: np.ndarray) -> float:
    """Return the mean over options of the area under the ROC curve (Mann-Whitney U / n1 n2)."""
    from scipy.stats import rankdata

    areas = []
    for k in sorted(set(gold.tolist())):
        right = gold == k
        n = int(right.sum())
        if n < len(gold):
            areas.append((rankdata(scores[:, k])[right].sum() - n * (n + 1) / 2) / (n * (len(gold) - n)))
    return float(np.mean(areas)) if areas else 0.5


def _interval(scores: Sequence[float]) -> str:
    found = Accuracies({"": scores}).task("")
    return f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"


def _share(taken: Sequence[int]) -> str:
    return f"{Counter(taken).most_common(1)[0][1] / len(taken):.2f}"
