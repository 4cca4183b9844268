"""The ``omnisense`` command. Exit codes: 0 done, 1 some items failed, 2 bad input, 130 interrupted."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from omnisense import __version__
from omnisense.agent.cli.annotate import annotate_command
from omnisense.agent.cli.evaluate import eval_group, report, score_group
from omnisense.agent.cli.options import JSON, LANGUAGE, NO_CACHE, SPEECH, make_console, must_open, print_json
from omnisense.agent.cli.options import say as say_line
from omnisense.agent.cli.perceive import perceive_command
from omnisense.agent.cli.train import train_group
from omnisense.compat import set_library_defaults
from omnisense.errors import InputError, OmniSenseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from omnisense.agent.agent import Agent, Response

_POLICY = click.option(
    "--policy",
    default="smollm2-135m-instruct",
    show_default=True,
    metavar="NAME",
    help="Model: a listed name, folder or hub id; chat:PROVIDER:MODEL; scripted[:FILE].",
)
_ADAPTER = click.option("--adapter", metavar="DIR", help="LoRA adapter for a local model.")
_MEMORY = click.option(
    "--memory", metavar="FILE|URL", help="Where conversations are kept (SQLite file or postgres://)."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="omnisense")
@click.option("-v", "--verbose", is_flag=True, help="Log what happens inside.")
def cli(verbose: bool) -> None:
    """Watch, listen to and read a clip of a person, and answer with care."""
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(name)s: %(message)s")


@cli.command()
@click.argument("clip", type=click.Path(path_type=Path), required=False)
@click.option("--text", metavar="TEXT", help="What the person wrote, with the clip or without one.")
@click.option("--thread", metavar="ID", help="Continue this conversation.")
@_POLICY
@_ADAPTER
@_MEMORY
@SPEECH
@LANGUAGE
@NO_CACHE
@click.option("--seed", default=0, show_default=True, help="For sampling the drafts.")
@JSON
def respond(
    clip: Path | None,
    text: str | None,
    thread: str | None,
    policy: str,
    adapter: str | None,
    memory: str | None,
    speech_model: str,
    language: str | None,
    no_cache: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Answer a CLIP, a text (--text), or both."""
    if clip is None and not (text or "").strip():
        raise InputError("there is neither a clip nor a text", "Give a CLIP, or --text TEXT.")
    if clip is not None:
        must_open(clip)
    with _agent(policy, adapter, memory, speech_model, language, no_cache, seed) as agent:
        if as_json:
            print_json(agent.respond(clip, text, thread).to_dict())
        else:
            _show_turn(make_console(), agent, clip, text, thread)


@cli.command()
@click.option("--thread", default="chat", show_default=True, metavar="ID", help="The conversation to open.")
@_POLICY
@_ADAPTER
@_MEMORY
@SPEECH
@LANGUAGE
@click.option("--seed", default=0, show_default=True, help="For sampling the drafts.")
def chat(
    thread: str,
    policy: str,
    adapter: str | None,
    memory: str | None,
    speech_model: str,
    language: str | None,
    seed: int,
) -> None:
    """Talk in the terminal: type text, or the path of a clip (text may follow it)."""
    console = make_console()
    with _agent(policy, adapter, memory, speech_model, language, False, seed) as agent:
        turns = len(agent.history(thread))
        console.print(
            f"Conversation '{thread}', {turns} turn{'' if turns == 1 else 's'} so far. An empty line ends it.",
            highlight=False,
        )
        if agent.interrupted(thread):
            console.print("The last turn was interrupted: finishing it.")
            _show_finished(console, agent.resume(thread))
        while line := _ask():
            clip, text = _split_line(line)
            try:
                with console.status("thinking ..."):
                    response = agent.respond(clip, text or None, thread)
            except OmniSenseError as error:  # one bad line does not end a conversation
                console.print(f"[yellow]{error}[/yellow]", highlight=False)
                continue
            _show_finished(console, response)


@cli.command()
@_POLICY
@click.option("--no-cache", is_flag=True, help="Perceive anew.")
def demo(policy: str, no_cache: bool) -> None:
    """Answer the clip that ships with OmniSense."""
    from importlib.resources import as_file, files

    console = make_console()
    with (
        as_file(files("omnisense.agent").joinpath("demo.mp4")) as clip,
        _agent(policy, None, None, "whisper-tiny.en", None, no_cache, 0) as agent,
    ):
        console.print(f"The demo clip: {clip}\n", highlight=False, soft_wrap=True)
        _show_turn(console, agent, clip, None, None)


@cli.group()
def models() -> None:
    """List, fetch and find models."""


@models.command("list")
@JSON
def models_list(as_json: bool) -> None:
    """The models that have a short name."""
    from omnisense import models as catalogue

    rows = [
        {
            "name": name,
            "role": spec.role,
            "source": spec.source,
            "licence": spec.licence,
            "about": spec.about,
            "path": str(found) if (found := catalogue.find(name)) else None,
        }
        for name, spec in catalogue.catalogue().items()
    ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("name", "role", "here", "source"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row["name"], row["role"], "yes" if row["path"] else "no", row["source"])
    make_console().print(table)


@models.command("pull")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def models_pull(names: tuple[str, ...]) -> None:
    """Fetch models (`default` for all that the offline demo needs) and print their folders."""
    from omnisense import models as catalogue

    for name in (n for given in names for n in (catalogue.DEFAULTS if given == "default" else [given])):
        click.echo(catalogue.ensure(name, say_line))


@models.command("path")
@click.argument("name")
def models_path(name: str) -> None:
    """Print the folder of a model that is already here."""
    from omnisense import models as catalogue
    from omnisense.errors import ModelError

    found = catalogue.find(name)
    if found is None:
        raise ModelError(f"model '{name}' is not on this machine", f"Run `omnisense models pull {name}`.")
    click.echo(found)


for _command in (eval_group, score_group, report, train_group, annotate_command, perceive_command):
    cli.add_command(_command)


def main() -> None:
    """Run the command and turn errors into exit codes: no traceback for what a user can mend."""
    set_library_defaults()
    try:
        cli.main(standalone_mode=False)
    except OmniSenseError as error:
        click.echo(f"omnisense: {' '.join(str(error).split())}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader, `head` for instance, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _agent(
    policy: str,
    adapter: str | None,
    memory: str | None,
    speech_model: str,
    language: str | None,
    no_cache: bool,
    seed: int,
) -> Iterator[Agent]:
    from omnisense.agent.agent import Agent
    from omnisense.perception.pipeline import Perception, PerceptionSettings
    from omnisense.reasoning.loop.state import LoopSettings
    from omnisense.reasoning.policies.load import load_policy

    perception = Perception(PerceptionSettings(speech_model=speech_model, language=language), not no_cache, say_line)
    with Agent(
        load_policy(policy, adapter=adapter, say=say_line),
        perception,
        "" if memory is None else memory,
        LoopSettings(seed=seed),
    ) as agent:
        yield agent


def _show_turn(console: Console, agent: Agent, clip: Path | None, text: str | None, thread: str | None) -> None:
    from omnisense.agent.agent import Finished, StageDone, StreamPerceived
    from omnisense.agent.cli.render import show_appraisal, show_percepts, show_reply, show_stage, show_stream

    with console.status("looking, listening, reading, thinking ..."):
        for event in agent.stream(clip, text, thread):
            if isinstance(event, StreamPerceived):
                show_stream(console, event)
            elif isinstance(event, StageDone):
                show_stage(console, event)
            elif isinstance(event, Finished):
                response = event.response
    console.print()
    if response.percepts:
        show_percepts(console, response.percepts)
        console.print()
    if response.appraisal:
        show_appraisal(console, response)
        console.print()
    show_reply(console, response)


def _show_finished(console: Console, response: Response | None) -> None:
    from omnisense.agent.cli.render import show_reply

    if response is not None:
        show_reply(console, response)


def _ask() -> str:
    try:
        return click.prompt("you", default="", show_default=False, prompt_suffix="> ").strip()
    except click.Abort:  # end of input, or Ctrl-C at the prompt: the conversation is kept
        click.echo()
        return ""


def _split_line(line: str) -> tuple[Path | None, str]:
    """A line that is, or begins with, the path of an existing file gives a clip; the rest is text."""
    if Path(line).expanduser().is_file():
        return Path(line).expanduser(), ""
    first, _, rest = line.partition(" ")
    if ("/" in first or "." in first) and Path(first).expanduser().is_file():
        return Path(first).expanduser(), rest
    return None, line


if __name__ == "__main__":
    main()
