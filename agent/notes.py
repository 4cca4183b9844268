"""The notes of a conversation in its database: facts that the person told, each with the turn that it comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence

from omnisense.agent.database import Execute
from omnisense.reasoning.loop.notes import Note, is_name
from omnisense.text import parse_json

TABLE = "omnisense_notes"
CREATE = (
    f"CREATE TABLE {TABLE} (thread_id TEXT NOT NULL, id INTEGER NOT NULL, turn INTEGER NOT NULL,"
    " note TEXT NOT NULL, PRIMARY KEY (thread_id, id))"
)
_KEPT = 200  # of one conversation; the oldest make room


def read_notes(execute: Execute, thread_id: str) -> tuple[Note, ...]:
    """Return a conversation's notes, in the order in which they were told.

    Raises:
        ValueError: a row is damaged.
    """
    rows = execute(f"SELECT id, turn, note FROM {TABLE} WHERE thread_id = ? ORDER BY id", (thread_id,)).fetchall()
    notes = tuple(Note(number, turn, parse_json(note)) for number, turn, note in rows)
    if not all(isinstance(note.text, str) and isinstance(note.turn, int) for note in notes):
        raise ValueError("a note is no text, or its turn no number")
    return notes


def add_notes(execute: Execute, thread_id: str, turn: int, told: Sequence[str]) -> None:
    """Add the facts that were told in a turn; what is known already is not added again."""
    known = read_notes(execute, thread_id) if told else ()
    number = max((note.id for note in known), default=0)
    for text in told:
        if text.casefold() in {note.text.casefold() for note in known}:
            continue
        if is_name(text):  # people are called one thing: the last that they said
            for note in [note for note in known if is_name(note.text)]:
                delete_note(execute, thread_id, note.id)
        number += 1
        row = (thread_id, number, turn, json.dumps(text))  # ASCII, as the turns
        execute(f"INSERT INTO {TABLE} (thread_id, id, turn, note) VALUES (?, ?, ?, ?)", row)
        known = read_notes(execute, thread_id)
    for note in known[:-_KEPT]:
        delete_note(execute, thread_id, note.id)


def delete_note(execute: Execute, thread_id: str, note_id: int) -> bool:
    """Delete a note; return whether it was there."""
    return bool(execute(f"DELETE FROM {TABLE} WHERE thread_id = ? AND id = ?", (thread_id, note_id)).rowcount)
