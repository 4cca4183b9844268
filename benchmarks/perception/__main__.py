"""The benchmark's command: ``python -m omnisense.benchmarks.perception DATA [--output DIR]``.

DATA contains ``grid/``, ``faces/``, ``people_images/``, ``speech/`` (``two_speaker_call/``, ``ami/``, ``emodb/``,
``jfk/``) and ``text/goemotions/``; figures whose data are missing are left out, and the table says so. Writes
``perception.json``, with the manifest, and ``perception.md``.
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
from typing import Any, NamedTuple

import click

from omnisense.benchmarks.perception import cost, diarization, emotion, faces, language, pose, transcription, voice
from omnisense.benchmarks.perception.garments import garments
from omnisense.benchmarks.perception.live_end import live_against_file
from omnisense.benchmarks.perception.neutral_faces import neutral_faces
from omnisense.benchmarks.perception.progress import Progress, source_version
from omnisense.benchmarks.perception.shown_faces import shown_faces
from omnisense.files import write_atomically
from omnisense.perception.emotion.reliability import reliability_table
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.version import __version__

_DIR = click.Path(path_type=Path, file_okay=False, exists=True)
_PARTS = (
    "transcription",
    "diarization",
    "faces",
    "pose",
    "emotion",
    "text",
    "voice",
    "language",
    "cost",
    "live",
    "ended",
    "long",
)
Figures = dict[str, Any]  # by name; as they are written to perception.json


@click.command()
@click.argument("data", type=_DIR)
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default="runs/perception", show_default=True
)
@click.option("--part", "parts", multiple=True, type=click.Choice(_PARTS), help="Run only this part; repeat for more.")
@click.option("--minutes", default="15,60", show_default=True, help="Lengths of the long files, comma-separated.")
@click.option("--asd-model", type=click.Path(path_type=Path, exists=True), help="Light-ASD's weights, for comparison.")
def main(data: Path, output: Path, parts: tuple[str, ...], minutes: str, asd_model: Path | None) -> None:
    """Measure perception on the real clips in DATA. Parts that are run again replace their figures in OUTPUT.

    A run that was stopped goes on with the clip where it was, as long as the code and the models are the same.
    """
    if not importlib.util.find_spec("jiwer"):
        raise click.UsageError(
            "jiwer, which computes word error rates, is not installed. Run: pip install 'omnisense[benchmarks]'"
        )
    perception = Perception(cache=False)
    measures = _measures(data, perception, tuple(int(m) for m in minutes.split(",")), asd_model)
    output.mkdir(parents=True, exist_ok=True)
    results = output / "perception.json"
    found: dict[str, Figures] = json.loads(results.read_text("utf-8"))["figures"] if results.is_file() else {}
    for measure in measures:
        if parts and measure.part not in parts:
            continue
        if not (data / measure.folder).exists():
            found[measure.name] = {"left out": f"{measure.folder} does not exist"}
        else:
            started = time.perf_counter()
            measured = f"{source_version()} {data.resolve()} {asd_model} {json.dumps(perception.registry.versions())}"
            progress = Progress(output / "progress" / f"{measure.name.replace(' ', '_')}.jsonl", measured)
            found[measure.name] = {**measure.run(progress), "took s": round(time.perf_counter() - started, 1)}
            progress.finish()
        click.echo(f"{measure.name}: {json.dumps(found[measure.name])}")
        content = {"manifest": _manifest(perception), "figures": found}
        write_atomically(results, json.dumps(content, indent=1) + "\n")  # a kill leaves the figures of other parts
    write_atomically(output / "perception.md", as_table(found, _manifest(perception)))
    click.echo(as_table(found, _manifest(perception)))


class _Measure(NamedTuple):
    """A measurement: its part, its name in the results, the folder of DATA it needs, and how to run it."""

    part: str
    name: str
    folder: str
    run: Callable[[Progress], Figures]


def _measures(data: Path, perception: Perception, minutes: tuple[int, ...], asd_model: Path | None) -> list[_Measure]:
    measures = [*_of_speech(data, perception), *_of_pictures(data, perception), *_of_emotion(data, perception)]
    measures += _of_cost(data, perception, minutes)
    if asd_model:
        with_asd = Perception(PerceptionSettings(asd_model=str(asd_model)), cache=False)
        name = "who is talking, with Light-ASD"
        measures.append(
            _Measure("faces", name, "grid", lambda p: faces.active_speaker(data / "grid", with_asd, p)),
        )
    return measures


def _of_speech(data: Path, perception: Perception) -> list[_Measure]:
    grid, speech = data / "grid", data / "speech"
    call = speech / "two_speaker_call"
    return [
        _Measure("transcription", "words, GRID", "grid", lambda _: transcription.grid(grid, perception)),
        _Measure(
            "transcription",
            "words, call",
            "speech/two_speaker_call",
            lambda _: transcription.speaker_attributed(call, perception),
        ),
        _Measure(
            "diarization", "voices, call", "speech/two_speaker_call", lambda _: diarization.call(call, perception)
        ),
        _Measure("diarization", "voices, AMI", "speech/ami", lambda _: diarization.ami(speech / "ami", perception)),
        _Measure(
            "diarization",
            "voices, emotional conversations",
            "speech/emodb",
            lambda p: diarization.conversations(speech / "emodb", p),
        ),
        _Measure(
            "diarization",
            "voices, emotional conversations, people tuned on",
            "speech/emodb",
            lambda p: diarization.conversations(speech / "emodb", p, held_out=False),
        ),
    ]


def _of_pictures(data: Path, perception: Perception) -> list[_Measure]:
    grid, face_clips, images = data / "grid", data / "faces", data / "people_images"
    wordless = Perception(PerceptionSettings(streams=("visual", "audio")), cache=False)  # as of an unknown language
    return [
        _Measure("faces", "who is talking", "grid", lambda p: faces.active_speaker(grid, perception, p)),
        _Measure(
            "faces",
            "who is talking, people tuned on",
            "grid",
            lambda p: faces.active_speaker(grid, perception, p, held_out=False),
        ),
        _Measure("faces", "who is talking, no words known", "grid", lambda p: faces.active_speaker(grid, wordless, p)),
        _Measure("faces", "expression", "faces", lambda _: faces.expression(face_clips, perception)),
        _Measure("faces", "faces that show something", "faces", lambda _: shown_faces(face_clips, perception)),
        _Measure("faces", "neutral faces", "grid", lambda _: neutral_faces(grid, perception)),
        _Measure("pose", "joints, COCO", "people_images", lambda _: pose.joints(images, perception)),
        _Measure("pose", "garments and views, COCO", "people_images", lambda _: garments(images)),
        _Measure("pose", "hands at the face", "faces", lambda _: pose.hands(data, perception)),
    ]


def _of_emotion(data: Path, perception: Perception) -> list[_Measure]:
    speech, goemotions = data / "speech", data / "text" / "goemotions"
    return [
        _Measure("emotion", "vocal emotion", "speech/emodb", lambda _: emotion.voice(speech / "emodb")),
        _Measure("text", "text emotion", "text/goemotions", lambda _: emotion.text_heads(goemotions)),
        _Measure("text", "text emotion, dialogue", "text/meld", lambda _: emotion.dialogue(data / "text" / "meld")),
        _Measure(
            "voice",
            "tone of unheard speakers",
            "speech/emodb",
            lambda p: voice.in_conditions(data, perception, p),
        ),
        _Measure("language", "language", "speech/emodb", lambda p: language.languages(data, p)),
    ]


def _of_cost(data: Path, perception: Perception, minutes: tuple[int, ...]) -> list[_Measure]:
    speech = data / "speech"
    return [
        _Measure("cost", "a minute of talk", "grid", lambda _: cost.minute(perception, _talking_clip(data))),
        _Measure("live", "live words", "speech/two_speaker_call", lambda _: cost.live(_recordings(speech), perception)),
        _Measure(
            "ended", "ended live stream against file", "speech/ami", lambda _: live_against_file(speech, perception)
        ),
        _Measure("long", "long files", "grid", lambda _: cost.long_files(_talking_clip(data), minutes)),
    ]


def _talking_clip(data: Path) -> Path:
    """Return a clip of a person who talks, to be looped."""
    return sorted((data / "grid").glob("*.mpg"))[0]


def _recordings(speech: Path) -> list[Path]:
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
    """Return the figures as a Markdown table with a row each, and reliability diagrams as tables of their own."""
    lines = [
        f"Measured on {manifest['machine']}, by `{manifest['command']}`.",
        "",
        "| what | figure | value |",
        "| --- | --- | --- |",
    ]
    diagrams = []
    for name, figures in found.items():
        for key, value in figures.items():
            if isinstance(value, dict) and "bins" in value:
                lines.append(f"| {name} | calibration error | {value['ece']} |")
                diagrams += [f"## Reliability: {name}", "", reliability_table(value), ""]
            elif key != "took s":
                lines.append(f"| {name} | {key} | {_cell(value)} |")
    models = ", ".join(f"{role}: {name}" for role, name in manifest["models"].items())
    packages = ", ".join(f"{name} {number}" for name, number in manifest["packages"].items())
    intro = ["How often what has the highest score is right, by that score.", ""] if diagrams else []
    return "\n".join([*lines, "", *intro, *diagrams, f"Models: {models}.", "", f"Packages: {packages}.", ""])


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_cell(v)}" for key, v in value.items()) or "none"
    return ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    main()
