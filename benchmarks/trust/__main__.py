"""The benchmark's command: ``python -m omnisense.benchmarks.trust [--parts ...] [--output trust.md]``.

Parts: ``perception`` (figures of the ``perception.json`` that ``omnisense.benchmarks.perception`` wrote), ``attacks``
(tests, which need a checkout), ``media`` (damaged files), ``risk`` (as ``omnisense.reasoning.safety`` recorded it), and
the slow ones: ``concurrent`` and ``growth`` (conversations), ``restarts`` (a Postgres server of its own that crashes),
``chat``, ``writes``, ``perceive``, ``eval``, ``annotate``, ``pull`` and ``train`` (kills; not on Windows), and
``turns`` (memory). What earlier runs measured stays in ``trust.json`` beside the report; ``train`` can be stopped, and
the same command goes on from its folder.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omnisense.benchmarks.trust import attacks, losses, media, postgres, risk, runs, training
from omnisense.benchmarks.trust.report import render
from omnisense.errors import InputError, OmniSenseError
from omnisense.files import write_atomically

_PERCEPTION = Path(__file__).resolve().parents[1] / "results" / "perception.json"
_FAST, _SLOW = (
    ("perception", "attacks", "media", "risk"),
    ("chat", "concurrent", "restarts", "growth", "writes", "perceive", "eval", "annotate", "pull", "train", "turns"),
)
_TURNS_EACH = 50  # of each of the agents that talk at once
# Figures that say nothing of people who were not met: speed, and what heads reach on the speakers they were made from.
_OTHER = ("a minute of talk", "live words", "long files", "vocal emotion")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=(*_FAST, *_SLOW), default=list(_FAST))
    parser.add_argument("--files", type=int, default=500, help="damaged files")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--turns", type=int, default=5000)
    parser.add_argument("--postgres", default="", help="address of a database for the part `concurrent`, beside SQLite")
    parser.add_argument("--perception", type=Path, default=_PERCEPTION, help="perception.json")
    parser.add_argument(
        "--state", type=Path, default=Path("runs/trust-train"), help="folder of the part `train`, which goes on there"
    )
    parser.add_argument("--output", type=Path, default=Path("trust.md"))
    given = parser.parse_args()
    kept = given.output.with_suffix(".json")
    found: dict[str, Any] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    try:
        for part in given.parts:
            found[part] = _measure(part, given)
            write_atomically(kept, json.dumps(found, indent=1))
    except OmniSenseError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    write_atomically(given.output, render(found))
    print(f"written: {given.output}, {kept}")


def _measure(part: str, given: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="omnisense-trust-") as folder:
        work = Path(folder)
        measures: dict[str, Callable[[], dict[str, Any]]] = {
            "perception": lambda: _unseen(given.perception),
            "attacks": lambda: attacks.measure(_say),
            "media": lambda: media.measure(work, given.files, _say),
            "risk": risk.measure,
            "chat": lambda: losses.kill_chats(work, given.kills, _say),
            "concurrent": lambda: _concurrent(work, given.postgres),
            "restarts": lambda: postgres.measure(_TURNS_EACH, given.kills, _say),
            "growth": lambda: losses.growth(work),
            "writes": lambda: losses.kill_writes(work, given.kills, _say),
            "perceive": lambda: losses.kill_perceive(work, given.kills, _say),
            "eval": lambda: runs.kill_evaluations(work, given.kills, _say),
            "annotate": lambda: runs.kill_annotations(work, given.kills, _say),
            "pull": lambda: runs.kill_fetches(work, given.kills, _say),
            "train": lambda: training.kill_training(given.state, given.kills, _say),
            "turns": lambda: losses.many_turns(given.turns, _say),
        }
        return measures[part]()


def _concurrent(work: Path, postgres: str) -> dict[str, Any]:
    found = {"SQLite": losses.concurrent_turns(work, 8, _TURNS_EACH)}
    return {**found, "Postgres": losses.concurrent_turns(work, 8, _TURNS_EACH, postgres)} if postgres else found


def _unseen(path: Path) -> dict[str, Any]:
    """Return the figures of perception on people, voices and pictures that nothing was made from.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        figures: dict[str, Any] = json.loads(path.read_text("utf-8"))["figures"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"it has no figures ({error})", "Run `python -m omnisense.benchmarks.perception` first.", path
        ) from error
    return {
        name: value for name, value in figures.items() if name not in _OTHER and not name.endswith("people tuned on")
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
