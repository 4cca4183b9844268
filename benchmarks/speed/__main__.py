"""Measure speed: ``python -m omnisense.benchmarks.speed [--runs 5] [--output DIR]``, or ``make speed``.

Writes ``speed.json`` and ``speed.md`` and prints the table. Seconds are this machine's; the ratios are what to quote.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from omnisense.benchmarks.speed import measure
from omnisense.benchmarks.speed.clips import talking_clip
from omnisense.benchmarks.speed.measure import Timing

_PACKAGES = ("omnisense", "torch", "whisperx", "faster-whisper", "ctranslate2", "decord2", "av", "torchcodec",
             "onnxruntime", "langgraph")  # fmt: skip


@click.command()
@click.option("--runs", default=5, show_default=True, help="Counted runs of each thing.")
@click.option("--seconds", default=60.0, show_default=True, help="Length of the talking clip.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default="runs/speed", show_default=True)
def main(runs: int, seconds: float, output: Path) -> None:
    """Measure OmniSense beside its parts and its peers."""
    with tempfile.TemporaryDirectory() as folder:
        clip = talking_clip(Path(folder) / "talking.mp4", seconds)
        timings = [
            *measure.start_up(runs), *measure.agent_overhead(runs), *measure.sampling(clip, 24, runs),
            *measure.sampling(clip, 120, runs), *measure.perception(clip, runs)]  # fmt: skip
    report = summarize(timings, seconds)
    output.mkdir(parents=True, exist_ok=True)
    (output / "speed.json").write_text(json.dumps(report, indent=1) + "\n")
    (output / "speed.md").write_text(as_table(report))
    click.echo(as_table(report))
    click.echo(f"written to {output}")


def summarize(timings: list[Timing], clip_s: float) -> dict[str, Any]:
    """Return medians, all runs, and the ratios that have a target."""
    median = {(t.group, t.name): t.median_s for t in timings}
    rounds = {(t.group, t.name): t.seconds for t in timings}
    parts = [median["perception", name] for name in
             ("decoding alone (decord)", "faces alone (CenterFace)", "WhisperX alone")]  # fmt: skip
    all_streams = median["perception", "omnisense, three streams"]
    ratios = {
        "three streams / clip length (at most 0.25)": all_streams / clip_s,
        "with people read too / clip length (at most 0.5)": median["perception", "omnisense, people read too"] / clip_s,
        "three streams / parts one after another (at most 0.9)": all_streams / sum(parts),
        "agent overhead a turn in ms, no memory (at most 5)": 1000 * (
            median["agent, a turn", "omnisense, no memory"] - median["agent, a turn", "the policy alone"]),
        "agent overhead a turn in ms, SQLite (at most 5)": 1000 * (
            median["agent, a turn", "omnisense, SQLite memory"] - median["agent, a turn", "the policy alone"]),
        "omnisense --help in s (under 0.5)": median["start-up", "omnisense --help"],
    }  # fmt: skip
    for group in ("sampling 24 frames", "sampling 120 frames"):
        peer = min(("decord", "PyAV, seeking", "PyAV, decoding all"), key=lambda name: median[group, name])
        # Round by round, as neighbours in time: the machine's drift falls out of the ratio.
        pairs = zip(rounds[group, peer], rounds[group, "omnisense"], strict=True)
        ratios[f"{group}: speed of {peer}, the faster peer (at least 0.95)"] = statistics.median(
            a / b for a, b in pairs
        )
    machine = {"python": platform.python_version(), "system": platform.system(), "cpu_count": os.cpu_count(),
               "packages": {name: version(name) for name in _PACKAGES}}  # fmt: skip
    rows = [{"group": t.group, "name": t.name, "median_s": t.median_s, "runs_s": t.seconds} for t in timings]
    return {"clip_s": clip_s, "machine": machine, "ratios": ratios, "timings": rows}


def as_table(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [f"{report['machine']['cpu_count']} cores, Python {report['machine']['python']}, a clip of "
             f"{report['clip_s']:.0f} s at 1280x720; medians of {len(report['timings'][0]['runs_s'])} warm runs.", "",
             "| what | value |", "| --- | --- |"]  # fmt: skip
    lines += [f"| {name} | {value:.3f} |" for name, value in report["ratios"].items()]
    lines += ["", "| group | what | median s | min | max |", "| --- | --- | --- | --- | --- |"]
    for row in report["timings"]:
        lines.append(f"| {row['group']} | {row['name']} | {row['median_s']:.4f} | {min(row['runs_s']):.4f} | "
                     f"{max(row['runs_s']):.4f} |")  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
