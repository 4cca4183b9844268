"""Write ``benchmarks/results/install.md``: what an installation takes on disk.

    python scripts/install_sizes.py COMPLETE LEAN

Both are environments: one with everything (others' packages in it do not count), one made from requirements-lean.txt.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from omnisense import models

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def needed(requirements: Iterable[str], installed: dict[str, Distribution]) -> dict[str, Distribution]:
    """Return what requirements ask for, and what that asks for in turn."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for text in installed[name].requires or []:
            requirement = Requirement(text)
            if any(
                requirement.marker is None or requirement.marker.evaluate({"extra": extra})
                for extra in ("", *wanted.extras)
            ) and (canonicalize_name(requirement.name) not in found or requirement.extras):
                waiting.append(requirement)
        found[name] = installed[name]
    return found


def environment(folder: str) -> dict[str, Distribution]:
    """Return the packages of an environment by name."""
    [site] = Path(folder).glob("lib/python*/site-packages")
    return {canonicalize_name(found.metadata["Name"]): found for found in distributions(path=[str(site)])}


def gigabytes(packages: Iterable[Distribution]) -> float:
    """Return the size of all files of packages, in GB."""
    files = {Path(str(package.locate_file(file))) for package in packages for file in package.files or []}
    return round(sum(file.stat().st_size for file in files if file.is_file()) / 1e9, 2)


def rows(complete: str, lean: str) -> Iterator[dict[str, str | float]]:
    """Yield the rows of the table."""
    installed = environment(complete)
    everything = needed([text for text in installed["omnisense"].requires or [] if "extra ==" not in text], installed)
    yield {"what": "complete", "gb": gigabytes(everything.values())}
    cuda = [package for name, package in everything.items() if name.startswith("nvidia-") or name == "triton"]
    yield {"what": "of that, CUDA's libraries, which torch built for the CPU is without", "gb": gigabytes(cuda)}
    lines = (ROOT / "requirements-lean.txt").read_text("utf-8").splitlines()
    wanted = needed([line for line in lines if line and not line.startswith("#")], environment(lean))
    yield {"what": "lean", "gb": gigabytes(wanted.values())}
    fetched = [file for name in models.DEFAULTS for file in models.fetch(name).rglob("*") if file.is_file()]
    yield {"what": "the default models", "gb": round(sum(file.stat().st_size for file in fetched) / 1e9, 2)}


if __name__ == "__main__":
    made = list(rows(*sys.argv[1:3]))
    (RESULTS / "install.json").write_text(json.dumps({str(row["what"]): row["gb"] for row in made}, indent=1) + "\n")
    text = "# What an installation takes on disk\n\n`python scripts/install_sizes.py COMPLETE LEAN`, Linux, Python "
    text += f"{sys.version_info.major}.{sys.version_info.minor}, versions of `constraints.txt`.\n\n"
    table = "\n".join(f"| {row['what']} | {row['gb']} |" for row in made)
    (RESULTS / "install.md").write_text(f"{text}| what | GB |\n| --- | --- |\n{table}\n")
