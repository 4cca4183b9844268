"""Write ``rl/results/times.md``: what the recipes for any laptop take. ``python scripts/recipe_times.py [RECIPE...]``.

CPU time is that of one thread, so that other work on the machine changes it little. Recipes that are not named keep
their rows. The commands that make a recipe's data are run first, and are not counted.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from omnisense.rl.recipe import read_recipe

RESULTS = Path(__file__).resolve().parents[1] / "rl" / "results"
COMMANDS = {"tiny": "curriculum", "herm-tiny": "sft"}


def measure(recipe: str, command: str) -> dict[str, float | str]:
    """Return CPU minutes of a recipe, and the largest memory of a process in GB."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        for line in read_recipe(recipe).setup:
            subprocess.run(line.replace("python ", f"{sys.executable} "), shell=True, cwd=folder, check=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "omnisense.agent.cli", "train", command, recipe, "--output", "run"],
            cwd=folder, check=True, env=environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "recipe": recipe,
        "command": f"omnisense train {command} {recipe}",
        "cpu_minutes": round(seconds / 60, 1),
        "memory_gb": round(after.ru_maxrss / 1e6, 1),
    }


def main() -> None:
    """Measure, and write the table."""
    kept = RESULTS / "times.json"
    rows = {row["recipe"]: row for row in json.loads(kept.read_text())} if kept.exists() else {}
    for recipe in sys.argv[1:] or COMMANDS:
        rows[recipe] = measure(recipe, COMMANDS[recipe])
    kept.write_text(json.dumps(list(rows.values()), indent=1) + "\n")
    table = [f"| {r['recipe']} | `{r['command']}` | {r['cpu_minutes']} | {r['memory_gb']} |" for r in rows.values()]
    head = ["| recipe | command | CPU minutes, one thread | memory, GB |", "| --- | --- | --- | --- |"]
    text = "# What the tiny recipes take\n\n`python scripts/recipe_times.py`, on a machine with two cores.\n\n"
    (RESULTS / "times.md").write_text(text + "\n".join([*head, *table]) + "\n")


if __name__ == "__main__":
    main()
