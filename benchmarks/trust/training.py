"""Training that is killed and started again ends as if nothing had stopped it."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omnisense.benchmarks.trust.losses import run_and_kill
from omnisense.errors import OmniSenseError
from omnisense.files import sha256_of

_STEPS, _SEED = 6, 4
_LONGEST_S = 12.0  # after which a run is killed, at the latest: some end before


def kill_training(work: Path, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Kill runs of GRPO on a tiny model, which saves at each step; each that ends must have the weights of a whole one.

    Args:
        work: an empty folder.
        count: of kills.
        say: receives a line now and then.

    Raises:
        OmniSenseError: a run failed by itself; that is not a kill.
    """
    from omnisense.rl.recipe import read_recipe
    from omnisense.rl.tiny import make_data
    from omnisense.rl.train import train
    from omnisense.testing.tiny_models import tiny_omni

    tiny_omni(work / "tiny")
    make_data(work / "data", each=12)
    recipe = read_recipe(
        "tiny",
        [
            f"policy={work / 'tiny'}", f"data.files=[{work / 'data' / 'video.json'}]", "stages=[]",
            f"trainer.max_steps={_STEPS}", "trainer.save_steps=1", "trainer.per_device_train_batch_size=4",
            "trainer.num_generations=2", "evaluation.run=false",
        ],
    )  # fmt: skip

    def run(output: Path, told: int) -> None:
        import torch

        torch.set_num_threads(1)  # threads of the process that this is a fork of are not here
        train(recipe, output)
        os.write(told, b"done")

    def weights(output: Path) -> list[str]:
        return [sha256_of(file) for file in sorted((output / "final").glob("*.safetensors"))]

    _ended(lambda told: run(work / "whole", told), None)
    whole, chosen, killed, runs, other = weights(work / "whole"), random.Random(_SEED), 0, 0, 0
    assert whole, "the run that nothing stopped has no weights"
    while killed < count:
        output, runs, done = work / f"run-{runs}", runs + 1, ""
        while killed < count and not done:
            done = _ended(lambda told, o=output: run(o, told), chosen.uniform(0.5, _LONGEST_S))  # type: ignore[misc]
            killed += not done
            if killed and killed % 20 == 0 and not done:
                say(f"{killed} kills, {runs} runs")
        if not done:
            _ended(lambda told, o=output: run(o, told), None)  # type: ignore[misc]
        other += weights(output) != whole
    return {"kills": count, "runs": runs, "with other weights": other}


def _ended(run: Callable[[int], None], after_s: float | None) -> str:
    """Run something as ``run_and_kill`` does; return what it told."""
    told, code = run_and_kill(run, after_s)
    if code not in (0, -signal.SIGKILL):
        raise OmniSenseError(f"a run of training ended with exit code {code}", "Its error is above.")
    if after_s is None and code:
        raise OmniSenseError("a run of training was killed by something else", "Is there enough memory?")
    return told
