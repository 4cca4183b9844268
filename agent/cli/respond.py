"""``omnisense respond``, ``chat`` and ``demo``: turns of the agent."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from omnisense.agent.cli.options import (
    JSON,
    PATH,
    POLICY,
    VOICE,
    AgentOptions,
    PerceptionOptions,
    agent_options,
    load_speaker,
    make_console,
    must_open,
    perception_options,
    print_json,
    print_status,
)
from omnisense.errors import InputError, OmniSenseError
from omnisense.text import strip_control_characters

if TYPE_CHECKING:
    from rich.console import Console

    from omnisense.agent.agent import Agent
    from omnisense.agent.response import Response
    from omnisense.agent.voice.base import Voice
    from omnisense.perception.media.clip import Clip
    from omnisense.reasoning.policies.base import Policy

_QUOTED = re.compile(r"""(["'])(.+?)\1(?:\s+|$)""")
_log = logging.getLogger(__name__)


@click.command("respond")
@click.argument("clip", type=PATH, required=False)
@click.option("--text", metavar="TEXT", help="What the person typed, with or without a clip.")
@click.option("--thread", metavar="ID", help="Conversation to continue.")
@click.option(
    "--speak", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Speak it to a WAV file."
)
@VOICE
@agent_options
@perception_options
@JSON
def respond_command(
    clip: Path | None,
    text: str | None,
    thread: str | None,
    speak: Path | None,
    voice: str,
    agent: AgentOptions,
    perception: PerceptionOptions,
    as_json: bool,
) -> None:
    """Respond to a video, audio or image CLIP, to a text, or to both.

    \b
    Examples:
      omnisense respond clip.mp4
      omnisense respond --text "My dog died." --json
      omnisense respond clip.mp4 --text "How do I look?" --thread ana
      omnisense respond clip.mp4 --speak reply.wav
    """
    if clip is None and not (text or "").strip():
        raise InputError("neither a clip nor a text is given", "Give a CLIP, or --text TEXT.")
    opened = None if clip is None else must_open(clip)
    speaker = None if speak is None else load_speaker(voice)
    with load_agent(agent, perception) as loaded:
        if as_json:
            response = loaded.respond(opened, text, thread)
            print_json(response.to_dict())
        else:
            response = _respond_and_show(make_console(), loaded, opened, text, thread)
    if speak is not None and speaker is not None:
        _speak(response, speaker, speak)


def _speak(response: Response, voice: Voice, path: Path) -> None:
    """Write the reply as speech, at the pace and pitch of its strategy."""
    from omnisense.agent.voice.base import speak
    from omnisense.agent.voice.styles import style_of
    from omnisense.perception.media.encode import write_wav

    style = style_of(response.appraisal.strategy, response.safety)
    write_wav(path, speak(voice, response.response, style), voice.sample_rate)
    print_status(f"spoken to {path} (pace {style.pace:g}, pitch {style.pitch_st:+g} semitones)")


@click.command("chat")
@click.option("--thread", default="chat", show_default=True, metavar="ID", help="Conversation to start or continue.")
@agent_options
@perception_options
def chat_command(thread: str, agent: AgentOptions, perception: PerceptionOptions) -> None:
    """Chat in the terminal.

    Type a text, or the path of a clip (in quotation marks if it has spaces), which a text may follow. An empty line
    ends the conversation; it is stored, and the same --thread continues it, unless --no-store is given.

    \b
    Examples:
      omnisense chat
      omnisense chat --thread ana --policy chat:openai:gpt-4o-mini
    """
    from rich.text import Text

    console = make_console()
    with load_agent(agent, perception) as loaded:
        turns = len(loaded.history(thread))
        console.print(
            strip_control_characters(
                f"Conversation '{thread}', {turns} turn{'' if turns == 1 else 's'} so far. An empty line ends it."
            ),
            highlight=False,
            markup=False,
        )
        if loaded.interrupted(thread):
            console.print("Finishing the last turn, which was interrupted.")
            _show_reply(console, loaded.resume(thread))
        while line := _read_line():
            clip, text = _split_line(line)
            try:
                with console.status("thinking ..."):
                    response = loaded.respond(clip, text or None, thread)
            except OmniSenseError as error:  # one bad line does not end a conversation
                _log.debug("the turn failed", exc_info=True)
                console.print(Text(strip_control_characters(str(error)), style="yellow"))
                continue
            _show_reply(console, response)


@click.command("demo")
@POLICY
@perception_options
def demo_command(policy: str, perception: PerceptionOptions) -> None:
    """Respond to the demo clip that ships with OmniSense."""
    from importlib.resources import as_file, files

    console = make_console()
    with (
        as_file(files("omnisense.agent").joinpath("demo.mp4")) as clip,
        load_agent(AgentOptions(policy), perception) as agent,
    ):
        console.print(f"Demo clip: {clip}\n", highlight=False, soft_wrap=True, markup=False)
        _respond_and_show(console, agent, must_open(clip), None, None)


def load_agent(options: AgentOptions, perception: PerceptionOptions, is_service: bool = False) -> Agent:
    """Return the agent that the options describe; its models are loaded on first use.

    Args:
        options: of the agent.
        perception: of its perception.
        is_service: whether strangers use it, several at once: files are decoded in processes of their own, and calls of
            a local model are joined to batches.

    Raises:
        InputError: options contradict each other, or one has a value that cannot be used.
    """
    from omnisense.agent.agent import Agent
    from omnisense.reasoning.loop.state import LoopSettings
    from omnisense.reasoning.policies.load import load_policy

    if options.no_store and options.memory is not None:
        raise InputError("--no-store and --memory contradict each other", "Leave out one of them.")
    memory = None if options.no_store else options.memory or ""
    policy = load_policy(options.policy, adapter=options.adapter, on_progress=print_status)
    return Agent(
        _share(policy) if is_service else policy,
        replace(perception, no_cache=perception.no_cache or options.no_store).load("process" if is_service else "none"),
        memory,
        LoopSettings(seed=options.seed),
    )


def _share(policy: Policy) -> Policy:
    """Return a policy whose calls are joined where that is quicker: that of a local model."""
    from omnisense.reasoning.policies.shared import SharedPolicy
    from omnisense.reasoning.policies.transformers import TransformersPolicy

    return SharedPolicy(policy) if isinstance(policy, TransformersPolicy) else policy


def _respond_and_show(
    console: Console, agent: Agent, clip: Clip | None, text: str | None, thread: str | None
) -> Response:
    from omnisense.agent.cli.render import show_appraisal, show_percepts, show_reply, show_stage, show_stream
    from omnisense.agent.events import Finished, StageDone, StreamPerceived

    with console.status("thinking ..." if clip is None else "perceiving and thinking ..."):
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
    if not response.safety.category or response.safety.doubtful:  # a sure risk is answered without an appraisal
        show_appraisal(console, response)
        console.print()
    show_reply(console, response)
    return response


def _show_reply(console: Console, response: Response | None) -> None:
    from omnisense.agent.cli.render import show_reply

    if response is not None:
        show_reply(console, response)


def _read_line() -> str:
    """Return the next line, empty at the end of input or on Ctrl-C: the conversation is stored already."""
    try:
        return click.prompt("you", default="", show_default=False, prompt_suffix="> ").strip()
    except click.Abort:
        click.echo()
        return ""


def _split_line(line: str) -> tuple[Path | None, str]:
    """Split a line into the path of an existing file, if it is or begins with one, and the text after it."""
    if _is_file(line):
        return Path(line).expanduser(), ""
    quoted = _QUOTED.match(line)
    first, rest = (quoted[2], line[quoted.end() :].strip()) if quoted else line.partition(" ")[::2]
    if ("/" in first or "." in first) and _is_file(first):
        return Path(first).expanduser(), rest
    return None, line


def _is_file(text: str) -> bool:
    # pathlib raises where a text is too long for a path, or names a user that does not exist.
    return os.path.isfile(os.path.expanduser(text))
