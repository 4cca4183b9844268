"""What the commands share: options, the console, and what is printed for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
SPEECH = click.option(
    "--speech-model",
    default="whisper-tiny.en",
    show_default=True,
    metavar="NAME",
    help="Whisper model in CTranslate2 form: a listed name, folder or hub id.",
)
LANGUAGE = click.option("--language", metavar="CODE", help="Language of the speech; found by itself if left out.")
NO_CACHE = click.option("--no-cache", is_flag=True, help="Perceive anew.")


def must_open(clip: Path) -> None:
    """Fail before any model is loaded when a clip cannot be opened."""
    from omnisense.perception.media.clip import open_clip

    open_clip(clip)


def print_json(value: Any) -> None:
    """One line for machines, on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False))


def say(line: str) -> None:
    """A remark, on standard error."""
    click.echo(line, err=True)


def make_console() -> Console:
    """Where people read."""
    from rich.console import Console

    return Console(highlight=False)
