"""Options that several commands share, and how commands print."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omnisense.errors import InputError
from omnisense.text import escape_c1, strip_control_characters

if TYPE_CHECKING:
    from rich.console import Console

    from omnisense.agent.voice.base import Voice
    from omnisense.perception.media.clip import Clip
    from omnisense.perception.pipeline import Isolation, Perception

Command = Callable[..., Any]
FOLDER = click.Path(path_type=Path, file_okay=False)
PATH = click.Path(path_type=Path)

JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
MEMORY = click.option(
    "--memory",
    metavar="FILE|URL",
    help="Conversation store: a SQLite file or a postgres:// URL. [default: in the user's data folder]",
)
VOICE = click.option(
    "--voice",
    default="hibari",
    show_default=True,
    metavar="NAME",
    help="Voice of the agent: hibari (offline), omni:MODEL (its talker), or speech:MODEL:VOICE (OpenAI-compatible).",
)
POLICY = click.option(
    "--policy",
    default="smollm2-135m-instruct",
    show_default=True,
    metavar="MODEL",
    help="Language model: a listed name, folder, hub id or GGUF file; chat:PROVIDER:MODEL; scripted[:FILE].",
)

ADAPTER = click.option(
    "--adapter",
    default="default",
    show_default=True,
    metavar="DIR",
    help="LoRA adapter for a local model. `default`: the one that comes with the model, if any; `none`: without it.",
)


@dataclass(frozen=True)
class AgentOptions:
    """Values of the options that :func:`agent_options` adds."""

    policy: str
    adapter: str = "default"
    memory: str | None = None
    no_store: bool = False
    seed: int = 0


@dataclass(frozen=True)
class PerceptionOptions:
    """Values of the options that :func:`perception_options` adds."""

    streams: str
    fps: float
    speech_model: str
    language: str | None
    speaker_model: str
    num_speakers: int | None
    voice_emotion_model: str
    text_emotion_model: str
    asd_model: str | None
    no_cache: bool

    def load(self, isolation: Isolation = "none") -> Perception:
        """Return the perception pipeline; its models are loaded on first use.

        Args:
            isolation: where files are decoded, as in :class:`Perception`.

        Raises:
            InputError: an option has a value that cannot be used.
        """
        from omnisense.perception.media.sampling import Sampling
        from omnisense.perception.pipeline import Perception
        from omnisense.perception.settings import PerceptionSettings, parse_streams

        settings = PerceptionSettings(
            streams=parse_streams([name.strip() for name in self.streams.split(",") if name.strip()]),
            sampling=Sampling(fps=self.fps),
            speech_model=self.speech_model,
            language=self.language,
            speaker_model=self.speaker_model,
            num_speakers=self.num_speakers,
            voice_emotion_model=self.voice_emotion_model,
            text_emotion_model=self.text_emotion_model,
            asd_model=self.asd_model,
        )
        return Perception(settings, not self.no_cache, print_status, isolation=isolation)


_AGENT = (
    POLICY,
    ADAPTER,
    MEMORY,
    click.option("--no-store", is_flag=True, help="Store nothing: neither the conversation nor percepts."),
    click.option("--seed", default=0, show_default=True, metavar="N", help="Random seed for sampling the drafts."),
)
_PERCEPTION = (
    click.option(
        "--streams",
        default="visual,audio,transcript",
        show_default=True,
        metavar="LIST",
        help="Streams to extract, comma-separated.",
    ),
    click.option("--fps", default=2.0, show_default=True, metavar="RATE", help="Frames analyzed per second of video."),
    click.option(
        "--speech-model",
        default="whisper-tiny.en",
        show_default=True,
        metavar="MODEL",
        help="Whisper model in CTranslate2 format: a listed name, folder or hub id.",
    ),
    click.option("--language", metavar="CODE", help="Language of the speech, such as en. [default: detected]"),
    click.option(
        "--speaker-model",
        default="campplus",
        show_default=True,
        metavar="MODEL",
        help="Speaker embedding model or pyannote pipeline, for diarization.",
    ),
    click.option("--num-speakers", type=click.IntRange(1), metavar="N", help="Number of speakers. [default: detected]"),
    click.option(
        "--voice-emotion-model",
        default="shipped",
        show_default=True,
        metavar="MODEL",
        help="Vocal emotion model: shipped, or a Hugging Face audio classification model.",
    ),
    click.option(
        "--text-emotion-model",
        default="shipped",
        show_default=True,
        metavar="MODEL",
        help="Text emotion model: shipped, or a Hugging Face text classifier.",
    ),
    click.option("--asd-model", metavar="PATH", help="Light-ASD weights, for active speaker detection."),
    click.option("--no-cache", is_flag=True, help="Neither read nor write cached percepts."),
)


def agent_options(command: Command) -> Command:
    """Add the options of an agent; the command receives them as ``agent``, an :class:`AgentOptions`."""
    return _add_options(command, "agent", AgentOptions, _AGENT)


def perception_options(command: Command) -> Command:
    """Add the options of perception; the command receives them as ``perception``, a :class:`PerceptionOptions`."""
    return _add_options(command, "perception", PerceptionOptions, _PERCEPTION)


def _add_options(command: Command, argument: str, values: type[Any], options: Sequence[Command]) -> Command:
    names = [field.name for field in fields(values)]

    @functools.wraps(command)
    def collect(**given: Any) -> Any:
        grouped = values(**{name: given.pop(name) for name in names})
        return command(**given, **{argument: grouped})

    for option in reversed(options):
        collect = option(collect)
    return collect


def must_open(path: Path) -> Clip:
    """Return the opened clip, so that a file that cannot be opened is reported before any model is loaded.

    Raises:
        MediaError: the file cannot be opened as media.
    """
    from omnisense.perception.media.clip import open_clip

    return open_clip(path)


def load_speaker(name: str) -> Voice:
    """Return a voice that makes sound, loaded before anything else takes time.

    Raises:
        InputError: there is no such voice, or it makes no sound.
        ModelError: it cannot be loaded.
    """
    from omnisense.agent.voice.load import load_voice

    voice = load_voice(name)
    if not voice.sample_rate:
        raise InputError(f"the voice '{name}' makes no sound", "Give hibari, or leave --voice out.")
    return voice


def print_json(value: Any) -> None:
    """Print a value as one line of JSON on standard output."""
    click.echo(escape_c1(json.dumps(value, ensure_ascii=False)))


def print_text(text: str, err: bool = False) -> None:
    """Print a text that others may have written, without its control characters."""
    click.echo(strip_control_characters(text), err=err)


def print_status(line: str) -> None:
    """Print a status line on standard error, without control characters."""
    print_text(line, err=True)


def make_console() -> Console:
    """Return a console on standard output."""
    from rich.console import Console

    return Console(highlight=False)
