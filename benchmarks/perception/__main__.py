"""One command, every figure: ``python -m omnisense.benchmarks.perception DATA [--output DIR]``.

DATA holds ``grid/``, ``faces/``, ``speech/`` (``two_speaker_call/``, ``ami/``, ``emodb/``, ``jfk/``) and
``text/goemotions/``; what is not there is left out, and the table says so. Writes ``perception.json``, with the
manifest, and ``perception.md``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from omnisense.benchmarks.perception import cost, faces
from omnisense.benchmarks.perception import diarization as voices
from omnisense.benchmarks.perception import emotion as feelings
from omnisense.benchmarks.perception import pose as bodies
from omnisense.benchmarks.perception import transcription as words
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.version import __version__

_DIR = click.Path(path_type=Path, file_okay=False, exists=True)
_PARTS = ("words", "voices", "faces", "bodies", "feelings", "cost", "live", "long")


@click.command()
@click.argument("data", type=_DIR)
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default="runs/perception", show_default=True
)
@click.option("--part", "parts", multiple=True, type=click.Choice(_PARTS), help="Only this; several times for more.")
@click.option("--minutes", default="15,60", show_default=True, help="Lengths of the long files.")
@click.option("--asd-model", type=click.Path(path_type=Path, exists=True), help="Light-ASD's weights, to compare.")
def main(data: Path, output: Path, parts: tuple[str, ...], minutes: str, asd_model: Path | None) -> None:
    """Measure perception on the real clips in DATA. Parts that are measured again replace those in OUTPUT."""
    if not importlib.util.find_spec("jiwer"):
        raise click.UsageError("jiwer, which counts word errors, is not installed: pip install 'omnisense[benchmarks]'")
    perception = Perception(cache=False)
    measures = _measures(data, perception, tuple(int(m) for m in minutes.split(",")), asd_model)
    output.mkdir(parents=True, exist_ok=True)
    kept = output / "perception.json"
    found: dict[str, Any] = json.loads(kept.read_text())["figures"] if kept.is_file() else {}
    for part, name, folder, measure in measures:
        if parts and part not in parts:
            continue
        if not (data / folder).exists():
            found[name] = {"left out": f"{folder} is not there"}
        else:
            began = time.perf_counter()
            found[name] = {**measure(), "took s": round(time.perf_counter() - began, 1)}
        click.echo(f"{name}: {json.dumps(found[name])}")
        kept.write_text(json.dumps({"manifest": _manifest(perception), "figures": found}, indent=1) + "\n")
    (output / "perception.md").write_text(as_table(found, _manifest(perception)))
    click.echo(as_table(found, _manifest(perception)))


def _measures(
    data: Path, perception: Perception, minutes: tuple[int, ...], asd_model: Path | None
) -> list[tuple[str, str, str, Callable[[], dict[str, Any]]]]:
    """Part, name, the folder it needs, and how it is measured."""
    speech = data / "speech"
    measures: list[tuple[str, str, str, Callable[[], dict[str, Any]]]] = [
        ("words", "words, GRID", "grid", lambda: words.grid(data / "grid", perception)),
        (
            "words",
            "words, call",
            "speech/two_speaker_call",
            lambda: words.speaker_attributed(speech / "two_speaker_call", perception),
        ),
        (
            "voices",
            "voices, call",
            "speech/two_speaker_call",
            lambda: voices.call(speech / "two_speaker_call", perception),
        ),
        ("voices", "voices, AMI", "speech/ami", lambda: voices.ami(speech / "ami", perception)),
        ("faces", "who is talking", "grid", lambda: faces.who_is_talking(data / "grid", perception)),
        ("faces", "expression", "faces", lambda: faces.expression(data / "faces", perception)),
        ("bodies", "joints, COCO", "people_images", lambda: bodies.joints(data / "people_images", perception)),
        ("bodies", "hands at the face", "faces", lambda: bodies.hands(data, perception)),
        ("feelings", "vocal emotion", "speech/emodb", lambda: feelings.voice(speech / "emodb")),
        ("feelings", "text emotion", "text/goemotions", lambda: feelings.texts(data / "text" / "goemotions")),
        ("cost", "a minute of talk", "grid", lambda: cost.minute(perception, _talking(data))),
        ("live", "live words", "speech/two_speaker_call", lambda: cost.live(_sounds(speech), perception)),
        ("long", "long files", "grid", lambda: cost.long_files(_talking(data), minutes)),
    ]
    if asd_model:
        helped = Perception(PerceptionSettings(asd_model=str(asd_model)), cache=False)
        measures.append(
            ("faces", "who is talking, with Light-ASD", "grid", lambda: faces.who_is_talking(data / "grid", helped))
        )
    return measures


def _talking(data: Path) -> Path:
    """A clip of somebody who talks, to be looped."""
    return sorted((data / "grid").glob("*.mpg"))[0]


def _sounds(speech: Path) -> list[Path]:
    return [p for p in (speech / "jfk" / "jfk.wav", speech / "two_speaker_call" / "sample.wav") if p.is_file()]


def _manifest(perception: Perception) -> dict[str, Any]:
    packages = ("whisperx", "faster-whisper", "torch", "onnxruntime", "ai-edge-litert", "swift-f0", "pocketsphinx")
    return {
        "omnisense": __version__,
        "command": "python -m omnisense.benchmarks.perception DATA",
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "models": perception.registry.versions(),
        "packages": {name: version(name) for name in packages},
    }


def as_table(found: dict[str, Any], manifest: dict[str, Any]) -> str:
    """The figures as Markdown, a row each."""
    lines = [
        f"Measured on {manifest['machine']}, by `{manifest['command']}`.",
        "",
        "| what | figure | value |",
        "| --- | --- | --- |",
    ]
    for name, figures in found.items():
        for key, value in figures.items():
            if key != "took s":
                lines.append(f"| {name} | {key} | {_cell(value)} |")
    models = ", ".join(f"{role}: {name}" for role, name in manifest["models"].items())
    packages = ", ".join(f"{name} {number}" for name, number in manifest["packages"].items())
    return "\n".join([*lines, "", f"Models: {models}.", "", f"Packages: {packages}.", ""])


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_cell(v)}" for key, v in value.items()) or "none"
    return ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    main()
