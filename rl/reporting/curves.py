"""A trainer's log as figures: a summary of each curve, and a plot of all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omnisense.rl.reporting.results import CurveSummary, LogSummary

LogEntry = Mapping[str, Any]
"""What the trainer logs at a step: ``step``, and values by name."""

_TITLES = {
    "reward": "reward", "kl": "KL divergence from the start", "completions/mean_length": "completion length (tokens)",
    "unparseable": "unparseable answers", "frac_reward_zero_std": "groups without variance", "entropy": "entropy",
    "loss": "loss", "mean_token_accuracy": "token accuracy",
}  # fmt: skip


def summarize_log(log: Sequence[LogEntry]) -> LogSummary:
    """Return means of every curve over the run and its first and last tenth, with steps, time and tokens."""
    reward_keys = sorted({key for entry in log for key in entry if key.startswith("rewards/")})
    curves = {
        key: _summarize(values)
        for key in [*_TITLES, "step_time", *reward_keys]
        if (values := [value for _, value in _points(log, key) if math.isfinite(value)])
    }
    end: LogEntry = next((entry for entry in reversed(log) if "train_runtime" in entry), {})
    return LogSummary(
        steps=max((int(entry.get("step", 0)) for entry in log), default=0),
        seconds=end.get("train_runtime"),
        tokens=next((entry["num_tokens"] for entry in reversed(log) if "num_tokens" in entry), None),
        curves=curves,
    )


def draw_curves(log: Sequence[LogEntry], path: Path) -> None:
    """Plot every curve of the log in its own panel, and every reward in one too; nothing if there are no curves.

    Args:
        log: what the trainer logged, in order.
        path: of the image; its folder is created.
    """
    from matplotlib.figure import Figure

    rewards = sorted({key for entry in log for key in entry if key.startswith("rewards/") and key.endswith("/mean")})
    titles = _TITLES | {key: key.removeprefix("rewards/").removesuffix("/mean") for key in rewards}
    series = {title: points for key, title in titles.items() if len(points := _points(log, key)) > 1}
    if not series:
        return
    rows = math.ceil(len(series) / 3)
    figure = Figure(figsize=(12, 2.6 * rows), layout="constrained")
    for place, (title, points) in enumerate(series.items(), 1):
        axes = figure.add_subplot(rows, 3, place)
        axes.plot(*zip(*points, strict=True), linewidth=1.2, color="#1f5fa8")
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _points(log: Sequence[LogEntry], key: str) -> list[tuple[int, float]]:
    """Return (step, value) pairs of a curve."""
    return [(int(e.get("step", 0)), float(e[key])) for e in log if isinstance(e.get(key), (int, float))]


def _summarize(values: Sequence[float]) -> CurveSummary:
    tenth = max(1, len(values) // 10)
    return CurveSummary(
        first=round(sum(values[:tenth]) / tenth, 5),
        last=round(sum(values[-tenth:]) / tenth, 5),
        mean=round(sum(values) / len(values), 5),
    )
