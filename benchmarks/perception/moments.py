"""How much of what happens in a long clip a few frames show: ``Sampling.moments`` beside even spacing.

``python -m omnisense.benchmarks.perception.moments DATA [--output DIR]``. DATA contains ``faces/``, ``grid/``,
``pedestrians/`` and ``speech/emodb/``. The clips are composed once and kept in DIR with their events; writes
``moments.json`` and ``moments.md``.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from omnisense.benchmarks.perception.long_clips import ClipComposer, PlantedEvent
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings

TOLERANCE_S = 1.0  # a frame this long after an onset shows the event
_COUNTS = (8, 16, 24, 48)
_COUNT = 24
_DIR = click.Path(path_type=Path, file_okay=False, exists=True)


class _Recipe(NamedTuple):
    """A clip: seed of its shots, people of GRID in it, speaker of EmoDB; ``tuned`` if constants were set on it."""

    name: str
    seed: int
    heads: tuple[int, ...]
    speaker: str
    tuned: bool = False


_RECIPES = (
    _Recipe("a", 0, (0, 1), "03", tuned=True),
    _Recipe("b", 1, (2, 3), "08"),
    _Recipe("c", 2, (4, 5), "09"),
    _Recipe("d", 3, (6, 2), "10"),
)


@click.command()
@click.argument("data", type=_DIR)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default="runs/moments", show_default=True)
@click.option("--minutes", default=10.0, show_default=True, help="Length of the clips, about.")
def main(data: Path, output: Path, minutes: float) -> None:
    """Compose clips with known events from DATA, perceive them, and count which events the chosen frames show."""
    perception = Perception(PerceptionSettings(streams=("visual", "audio")))
    output.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {}
    for recipe in _RECIPES:
        path, events = _composed(recipe, data, output, minutes)
        figures[recipe.name] = {"tuned": recipe.tuned, **measure(perception.perceive(open_clip(path)), events)}
        click.echo(f"{recipe.name}: {json.dumps(figures[recipe.name])}")
    manifest = {
        "command": "python -m omnisense.benchmarks.perception.moments DATA",
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "models": perception.registry.versions(),
    }
    (output / "moments.json").write_text(json.dumps({"manifest": manifest, "clips": figures}, indent=1) + "\n")
    (output / "moments.md").write_text(as_table(figures, minutes))
    click.echo(as_table(figures, minutes))


def _composed(recipe: _Recipe, data: Path, folder: Path, minutes: float) -> tuple[Path, tuple[PlantedEvent, ...]]:
    """Return a clip and its events; they are composed where they are not there yet."""
    path, record = (folder / f"{recipe.name}-{minutes:g}-min.{ending}" for ending in ("mp4", "events.json"))
    if path.is_file() and record.is_file():
        return path, tuple(PlantedEvent(**event) for event in json.loads(record.read_text()))
    events = ClipComposer(data, recipe.seed, recipe.heads, recipe.speaker).compose(path, minutes)
    record.write_text(json.dumps([asdict(event) for event in events], indent=1) + "\n")
    return path, events


def measure(percepts: Percepts, events: Sequence[PlantedEvent]) -> dict[str, Any]:
    """Return the shares of events that frames at moments and evenly spread ones show, and which the former miss."""
    duration_s = percepts.clip.duration_s

    def times(sampling: Sampling) -> np.ndarray:
        return sampling.plan(duration_s, percepts.clip.frame_rate, 0, 0, 0).times_s

    chosen = {n: times(Sampling.moments(percepts, n)) for n in _COUNTS}
    spread = {n: times(Sampling(rule="count", count=n)) for n in _COUNTS}
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for event in events:
        by_kind[event.kind].append(is_shown(event, chosen[_COUNT]))
    return {
        "seconds": round(duration_s, 1),
        "events": len(events),
        "moments": {n: _share(events, chosen[n]) for n in _COUNTS},
        "even": {n: _share(events, spread[n]) for n in _COUNTS},
        "moments, while it lasts": _share_of_spans(events, chosen[_COUNT], duration_s),
        "even, while it lasts": _share_of_spans(events, spread[_COUNT], duration_s),
        "by kind": {kind: f"{sum(shown)} of {len(shown)}" for kind, shown in sorted(by_kind.items())},
        "longest stretch without a frame, s": round(float(np.diff([0, *chosen[_COUNT], duration_s]).max()), 1),
        "not shown": [f"{e.kind} at {e.onset_s:.1f} s" for e in events if not is_shown(e, chosen[_COUNT])],
    }


def is_shown(event: PlantedEvent, times_s: np.ndarray) -> bool:
    """Whether a frame lies within a second after an event's onset."""
    return bool(((times_s >= event.onset_s) & (times_s <= event.onset_s + TOLERANCE_S)).any())


def _share(events: Sequence[PlantedEvent], times_s: np.ndarray) -> float:
    return round(sum(is_shown(event, times_s) for event in events) / len(events), 3)


def _share_of_spans(events: Sequence[PlantedEvent], times_s: np.ndarray, duration_s: float) -> float:
    """Return the share of events with a frame before the next event: however late, it shows what came of them."""
    onsets = [event.onset_s for event in events] + [duration_s]
    shown = [((times_s >= a) & (times_s < b)).any() for a, b in itertools.pairwise(onsets)]
    return round(float(np.mean(shown)), 3)


def as_table(figures: dict[str, Any], minutes: float = 10.0) -> str:
    """Return the figures of clips of so many minutes as Markdown."""
    length = "ten minutes" if minutes == 10 else f"{minutes:g} minutes"
    held_out = [f for f in figures.values() if not f["tuned"]]
    events = sum(f["events"] for f in held_out)

    def pooled(how: str, count: int = 0) -> float:
        return float(sum((f[how][count] if count else f[how]) * f["events"] for f in held_out) / events)

    lines = [
        f"What a few frames of {length} show, by `python -m omnisense.benchmarks.perception.moments DATA`: clips",
        "composed of real ones, mostly still, with cuts, faces that enter and leave, changes of expression and",
        f"speakers. An event is shown by a frame from its onset to {TOLERANCE_S:g} s after it. The constants of",
        "`Sampling.moments` were set on clip a; the others have other people of GRID, voices and orders, but the",
        "same two people whose expression changes. *While it lasts*: a frame before the next event, however late.",
        "*Gap*: the longest stretch without a chosen frame.",
        "",
        f"{_COUNT} frames:",
        "",
        "| clip | seconds | events | moments | even | moments, while it lasts | even, while it lasts | gap, s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, f in figures.items():
        label = f"{name} (tuned on)" if f["tuned"] else name
        stretch = f["longest stretch without a frame, s"]
        shares = f"{f['moments'][_COUNT]:.2f} | {f['even'][_COUNT]:.2f}"
        shares += f" | {f['moments, while it lasts']:.2f} | {f['even, while it lasts']:.2f}"
        lines.append(f"| {label} | {f['seconds']:.0f} | {f['events']} | {shares} | {stretch} |")
    shares = f"{pooled('moments', _COUNT):.2f} | {pooled('even', _COUNT):.2f}"
    shares += f" | {pooled('moments, while it lasts'):.2f} | {pooled('even, while it lasts'):.2f}"
    lines += [f"| all but a | | {events} | {shares} | |", "", "| frames (all but a) | moments | even |"]
    lines += ["| --- | --- | --- |"]
    lines += [f"| {n} | {pooled('moments', n):.2f} | {pooled('even', n):.2f} |" for n in _COUNTS]
    lines.append("")
    for name, f in figures.items():
        kinds = ", ".join(f"{kind} {shown}" for kind, shown in f["by kind"].items())
        lines.append(f"- {name}: {kinds}; not shown: {'; '.join(f['not shown']) or 'none'}.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
