"""Training that is killed and started again ends as if nothing had stopped it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omnisense.benchmarks.trust.losses import run_and_kill
from omnisense.errors import InputError, OmniSenseError
from omnisense.files import sha256_of, write_atomically

if TYPE_CHECKING:
    from omnisense.rl.recipe import Recipe

_STEPS, _SEED = 20, 4
_IN_START_EVERY = 5  # one kill in so many comes while a run starts, the others after its next checkpoint
_TIMES = ("encoding/wait_s", "step_time")  # differ between any two runs
_NOTHING = {"kills": 0, "runs": 0, "kills while starting": 0, "steps begun again": 0, "with other weights": 0,
            "with another log": 0}  # fmt: skip


def kill_training(work: Path, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Kill runs of GRPO on a tiny model, which save at each step, until there were so many kills.

    Each run that ends must have the weights of a run that nothing stopped, to the bit, and its log: the same steps in
    order, none twice, with the same loss, gradient, reward and entropy. A kill must never lose a complete checkpoint.

    Args:
        work: a folder; what an earlier call did there counts, so that the measurement can be stopped and go on.
        count: of kills, those of earlier calls included.
        say: receives a line now and then.

    Raises:
        OmniSenseError: a run failed by itself; that is not a kill.
    """
    recipe, whole, state = _prepare(work, say), work / "whole", work / "state.json"
    found: dict[str, int] = json.loads(state.read_text("utf-8")) if state.exists() else dict(_NOTHING)
    expected = _weights(whole), _log(whole)
    start_s, step_s = json.loads((whole / "pace.json").read_text("utf-8"))
    output = work / "run"
    while found["kills"] < count or output.exists():
        before, chosen = _step(output), random.Random(_SEED + found["kills"])
        in_start = before > 0 and chosen.randrange(_IN_START_EVERY) == 0
        told = _ended(
            lambda told: _train(recipe, output, told),
            None if found["kills"] >= count else chosen.uniform(0, start_s if in_start else 2 * step_s),
            (lambda: True) if in_start else (lambda at=before: _step(output) > at),  # type: ignore[misc]
        )
        if told:
            found["runs"] += 1
            found["with other weights"] += _weights(output) != expected[0]
            found["with another log"] += _log(output) != expected[1]
            shutil.rmtree(output)
        else:
            found["kills"] += 1
            found["kills while starting"] += in_start
            found["steps begun again"] += _step(output) < before
        write_atomically(state, json.dumps(found))
        say(f"{found['kills']} of {count} kills, {found['runs']} runs ended, the current one at step {_step(output)}")
    return {
        **found,
        "steps of a run": len(expected[1]),
        "with a gradient": sum(r["grad_norm"] > 0 for r in expected[1]),
    }


def _prepare(work: Path, say: Callable[[str], None]) -> Recipe:
    """Write data and model unless they are there, and train once without a kill; return the recipe.

    SFT comes before: a random model answers nothing, has no reward, and would not change.
    """
    from omnisense.rl.recipe import expand_stages, read_recipe
    from omnisense.rl.tiny import make_data
    from omnisense.testing.tiny_models import tiny_omni

    work.mkdir(parents=True, exist_ok=True)
    form, data = work / "form", work / "data"
    stages = expand_stages(
        read_recipe("tiny", [
            f"policy={work / 'tiny'}", f"data.files=[{data / 'video.json'}]", "trainer.save_steps=1",
            f"stages.form.data.files=[{data / 'cold.json'}]", "stages.form.trainer.save_steps=30",
            f"trainer.max_steps={_STEPS}", "trainer.per_device_train_batch_size=16", "evaluation.run=false",
        ])
    )  # fmt: skip
    formed, video = (next(stage.recipe for stage in stages if stage.name == name) for name in ("form", "video"))
    recipe = video.model_copy(update={"policy": str(form / "final")})
    whole = work / "whole"
    if not (whole / "pace.json").exists():
        if any(work.iterdir()):
            raise InputError("it has files, but no run to compare with", "Give an empty or new folder.", work)
        say("training once without a kill, to compare with")
        tiny_omni(work / "tiny")
        make_data(data, each=12)
        _ended(lambda told: _train(formed, form, told), None)
        began, first = time.monotonic(), work / "first"
        _ended(lambda told: _train(recipe, first, told), 0.0, lambda: _step(first) > 0)
        start_s = time.monotonic() - began
        shutil.rmtree(first)
        _ended(lambda told: _train(recipe, whole, told), None)
        took = [float(row["step_time"]) for row in json.loads((whole / "final" / "log.json").read_text("utf-8"))[:-1]]
        write_atomically(whole / "pace.json", json.dumps([start_s, sum(took) / len(took)]))
    return recipe


def _train(recipe: Recipe, output: Path, told: int) -> None:
    import torch

    from omnisense.rl.train import train

    torch.set_num_threads(1)  # threads of the process that this is a fork of are not here
    said = os.open(output.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(said, sys.stderr.fileno())  # warnings of libraries, at each start
    train(recipe, output)
    os.write(told, b"done")


def _step(output: Path) -> int:
    """Return the step of the last complete checkpoint; 0 without one."""
    from omnisense.rl.trainers.checkpoints import last_complete_checkpoint

    last = last_complete_checkpoint(output / "checkpoints")
    return int(last.name.rpartition("-")[2]) if last else 0


def _weights(output: Path) -> list[str]:
    return [sha256_of(file) for file in sorted((output / "final").glob("*.safetensors"))]


def _log(output: Path) -> list[dict[str, float]]:
    """Return what was logged of each step, without times and without the line at the end."""
    rows = json.loads((output / "final" / "log.json").read_text("utf-8"))
    return [{name: value for name, value in row.items() if name not in _TIMES} for row in rows if "loss" in row]


def _ended(run: Callable[[int], None], after_s: float | None, ready: Callable[[], bool] = lambda: True) -> str:
    """Run something as ``run_and_kill`` does; return what it told."""
    told, code = run_and_kill(run, after_s, ready)
    if code not in (0, -signal.SIGKILL):
        raise OmniSenseError(
            f"a run of training ended with exit code {code}", "Its error is in a .log file of --state."
        )
    if after_s is None and code:
        raise OmniSenseError("a run of training was killed by something else", "Is there enough memory?")
    return told
