"""``omnisense threads``, ``notes`` and ``forget``: what is kept of conversations and clips, and removing it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from omnisense.agent.cli.options import JSON, MEMORY, PATH, print_json, print_text
from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.agent.agent import Agent

_WAIT_S = 10.0  # for a turn that is running


@click.command("threads")
@MEMORY
@JSON
def threads_command(memory: str | None, as_json: bool) -> None:
    """List the conversations that are remembered: turns, the time of the last one, size.

    \b
    Examples:
      omnisense threads
      omnisense threads --memory other.sqlite --json
    """
    with _open_memory(memory) as agent:
        threads = agent.threads()
    if as_json:
        print_json({"threads": [thread.to_dict() for thread in threads]})
        return
    for thread in threads:
        last = thread.last_at.astimezone().strftime("%Y-%m-%d %H:%M") if thread.last_at else "time unknown"
        interrupted = "  (the last turn was interrupted)" if thread.interrupted else ""
        size_kb = max(1, round(thread.size_bytes / 1000))
        print_text(f"{thread.turns:5} turns  {size_kb:7,} kB  {last:16}  {thread.thread_id}{interrupted}")
    if not threads:
        print_text("There are no conversations.")


@click.command("notes")
@click.option("--thread", required=True, metavar="ID", help="Conversation whose notes are shown.")
@click.option("--delete", type=int, metavar="NUMBER", help="Delete the note with this number first.")
@MEMORY
@JSON
def notes_command(thread: str, delete: int | None, memory: str | None, as_json: bool) -> None:
    """Show what the agent has noted of a person in a conversation, or delete a note.

    \b
    Examples:
      omnisense notes --thread ana
      omnisense notes --thread ana --delete 3
    """
    with _open_memory(memory) as agent:
        if delete is not None:
            agent.forget_note(thread, delete)
        notes = agent.notes(thread)
    if as_json:
        print_json({"thread_id": thread, "notes": [asdict(note) for note in notes]})
        return
    for note in notes:
        print_text(f"{note.id:3}  turn {note.turn + 1:<4} {note.text}")
    if not notes:
        print_text(f"There are no notes in the conversation '{thread}'.")


@click.command("forget")
@click.option("--thread", metavar="ID", help="Remove a conversation, with what is cached of its clips.")
@click.option("--clip", type=PATH, metavar="FILE", help="Remove what is cached of a clip.")
@click.option("--all", "everything", is_flag=True, help="Remove all conversations, and what is cached of any clip.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@MEMORY
def forget_command(thread: str | None, clip: Path | None, everything: bool, yes: bool, memory: str | None) -> None:
    """Remove what is kept of a conversation or a clip, for good.

    Clips themselves, and files that were written with --output, stay.

    \b
    Examples:
      omnisense forget --thread ana
      omnisense forget --clip clip.mp4 --yes
      omnisense forget --all
    """
    if (thread is not None) + (clip is not None) + everything != 1:
        raise InputError("it is not clear what to forget", "Give one of --thread ID, --clip FILE and --all.")
    if clip is not None:
        if _confirmed(f"Remove everything that is cached of {clip}?", yes):
            _forget_clip(clip)
    elif thread is not None:
        if _confirmed(f"Remove the conversation '{thread}' and everything that is cached of its clips?", yes):
            with _open_memory(memory) as agent:
                agent.forget(thread)
            print_text(f"removed the conversation '{thread}'")
    elif _confirmed("Remove all conversations and everything that is cached of clips?", yes):
        with _open_memory(memory) as agent:
            print_text(f"removed {agent.forget_all()} conversations, and everything that was cached of clips")


def _forget_clip(clip: Path) -> None:
    from omnisense.perception.cache import forget_clip

    removed = forget_clip(clip)
    print_text(f"removed what was cached of {clip}" if removed else f"nothing is cached of {clip}")


def _confirmed(question: str, yes: bool) -> bool:
    from omnisense.text import strip_control_characters

    if yes or click.confirm(strip_control_characters(question), err=True):
        return True
    print_text("nothing was removed")
    return False


def _open_memory(memory: str | None) -> Agent:
    from omnisense.agent.agent import Agent
    from omnisense.reasoning.policies.scripted import ScriptedPolicy

    # No model is needed.
    return Agent(ScriptedPolicy(), memory="" if memory is None else memory, turn_wait_s=_WAIT_S)
