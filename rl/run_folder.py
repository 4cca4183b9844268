"""A training run's folder: its lock, its recipe, its log, and what to say when the disk is full."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omnisense.benchmarks.harness.run_folder import claim
from omnisense.errors import InputError
from omnisense.files import write_atomically
from omnisense.logging import log_to_file
from omnisense.rl.data.choice_split import ChoiceSplit
from omnisense.rl.data.split import Split
from omnisense.rl.recipe import Recipe
from omnisense.rl.trainers.distributed import is_main_process
from omnisense.text import parse_json

_FULL_BELOW_BYTES = 1 << 20
_NOT_IDENTITY = {
    "description", "requirements", "setup", "evaluation", "prefetch_threads", "completion_samples", "stages",
}  # fmt: skip


@contextmanager
def open_run_folder(folder: Path) -> Iterator[None]:
    """Create and lock a run folder, and log to its ``run.log``. The processes of one run share folder and log.

    Raises:
        InputError: another run is using the folder, or it cannot be written.
    """
    if not is_main_process():
        folder.mkdir(parents=True, exist_ok=True)
        with log_to_file(folder / "run.log"):
            yield
        return
    lock = claim(folder)
    try:
        with log_to_file(folder / "run.log"):
            yield
    finally:
        lock.release()


def write_or_check_recipe(folder: Path, recipe: Recipe, split: Split | ChoiceSplit) -> None:
    """Write ``recipe.json``, or check that the one in the folder is the same, so that the run can continue.

    Raises:
        InputError: the folder holds a run with other settings or other data.
    """
    if not is_main_process():
        return
    identity = recipe.model_dump(mode="json", exclude=_NOT_IDENTITY)
    wanted = {"recipe": identity, "data": split.fingerprint}
    path = folder / "recipe.json"
    try:
        found = parse_json(path.read_text("utf-8"))
        earlier = dict(found["recipe"])
    except FileNotFoundError:
        write_atomically(path, json.dumps(wanted, indent=1, ensure_ascii=False) + "\n")
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"it is damaged ({error})", "Name another --output.", path) from error
    if found != wanted:
        changed = sorted(key for key in identity | earlier if identity.get(key) != earlier.get(key))
        changed += ["data files"] if found.get("data") != split.fingerprint else []
        raise InputError(f"it holds a run with other settings ({', '.join(changed)})", "Name another --output.", folder)


@contextmanager
def explain_full_disk(folder: Path) -> Iterator[None]:
    """Turn the errors of a full disk into one. Three libraries write checkpoints, each with another error for it.

    Raises:
        InputError: the disk is full.
    """
    try:
        yield
    except Exception as error:
        full = "No space left" in str(error) or shutil.disk_usage(folder).free < _FULL_BELOW_BYTES
        if not full:
            raise
        raise InputError(
            "the disk is full; the last checkpoint is kept",
            "Make room, then run the same command again: it resumes from there.",
            folder,
        ) from error
