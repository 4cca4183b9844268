"""Scores of a run to TensorBoard or Weights & Biases, where a user names one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from omnisense.benchmarks.harness.figures import RunSummary
from omnisense.errors import InputError

_LOGIN = "Run wandb login, or set WANDB_MODE=offline."
TRACKERS = ("tensorboard", "wandb")


def check_tracker(name: str) -> None:
    """Check that a tracker's package is installed, and that the user is logged in where it needs that.

    Raises:
        InputError: it is unknown or not installed, or there is no login.
    """
    if name not in TRACKERS:
        raise InputError(f"there is no tracker '{name}'", f"Choose from {', '.join(TRACKERS)}.")
    if importlib.util.find_spec(name) is None:
        raise InputError(f"{name} is not installed", f"Install it: pip install 'omnisense[{name}]'.")
    if name == "wandb":
        import wandb

        try:
            wandb.login()
        except wandb.Error as error:
            raise InputError(f"there is no login to W&B ({error})", _LOGIN) from error


def scores_of(summary: RunSummary) -> dict[str, float]:
    """Return the figures of a run by name: accuracies by score and task, and the rates of errors and unread replies."""
    found = {f"rate/{name}": float(value) for name, value in summary["rates"].items()}  # type: ignore[arg-type]
    for way in ("strict", "official"):
        scores = summary["strict" if way == "strict" else "official"]
        figures = {"all": scores["micro"], **scores["tasks"], **scores["groups"]}
        found |= {f"{way}/{name}": f["mean"] for name, f in figures.items() if f["mean"] is not None}
    return found


def log_scores(tracker: str, folder: Path, summary: RunSummary) -> None:
    """Log the scores of a run.

    Args:
        tracker: ``tensorboard`` writes below the run folder; ``wandb`` uses the user's own login, or with
            ``WANDB_MODE=offline`` keeps the run below the run folder.
        folder: of the run.
        summary: its figures.

    Raises:
        InputError: the tracker is unknown or not installed, or W&B does not take the scores.
    """
    check_tracker(tracker)
    scores = scores_of(summary)
    if tracker == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(folder / "tensorboard")) as writer:
            for name, value in scores.items():
                writer.add_scalar(name, value)
        return
    import wandb

    name = f"{summary['benchmark']}: {summary['system']}"
    try:
        with wandb.init(project="omnisense", name=name, dir=str(folder)) as run:
            run.log(scores)
    except wandb.Error as error:
        remedy = f"{_LOGIN} The same command then logs the finished run."
        raise InputError(f"W&B did not take the scores ({error})", remedy, folder) from error
