"""Conversations of earlier versions: in a folder for caches, and as LangGraph checkpoints with all turns in each.

Checkpoints are read as plain values: LangGraph's serializer can be made to import and call what a crafted file names.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omnisense.agent.database import Execute
from omnisense.errors import StorageError
from omnisense.files import make_missing_folders
from omnisense.reasoning.loop.appraisal import EMOTIONS

_TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes", "writes")
_CHANNELS = {"turns", "typed", "clip", "branch:to:answer", "__start__"}
_LATEST = """
    SELECT c.thread_id, {columns} FROM checkpoints c JOIN (
        SELECT thread_id, max(checkpoint_id) AS latest FROM checkpoints WHERE checkpoint_ns = '' GROUP BY thread_id
    ) l ON c.thread_id = l.thread_id AND c.checkpoint_id = l.latest WHERE c.checkpoint_ns = ''
"""
_log = logging.getLogger(__name__)


def move_database(old: Path, new: Path) -> None:
    """Move a SQLite database, unless there is one at its new place; make the one that is there its owner's alone.

    Raises:
        StorageError: it cannot be moved, or a process of an earlier version has it open.
    """
    from filelock import FileLock

    try:
        make_missing_folders(new.parent)
        if old != new and old.is_file():
            with FileLock(new.with_name(f".{new.name}.moving"), mode=0o600):
                if new.exists():
                    _log.warning("conversations of an earlier version stay in %s: there are newer ones in %s", old, new)
                elif old.is_file():
                    _move_closed(old, new)
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError, PermissionError):
                new.with_name(new.name + suffix).chmod(0o600)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            f"conversations cannot be moved to {new} ({error})",
            "End other omnisense processes and make both folders writable, or give another file with --memory.",
            old,
        ) from error


def _move_closed(old: Path, new: Path) -> None:
    connection = sqlite3.connect(old, timeout=5.0)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")  # all in one file; fails while another process has it open
    finally:
        connection.close()
    try:
        old.rename(new)
    except OSError:  # another file system
        part = new.with_name(f".{new.name}.part")
        shutil.copyfile(old, part)
        os.replace(part, new)
        old.unlink()
    shutil.rmtree(old.with_name(f"{old.name}.locks"), ignore_errors=True)
    _log.info("conversations were moved from %s to %s", old, new)


@dataclass(frozen=True)
class OldConversation:
    """A thread as it was kept: the values of its turns, and of the one that was interrupted, if any."""

    thread_id: str
    turns: list[dict[str, Any]]
    pending: dict[str, Any] | None


def take_checkpoints(execute: Execute, tables: frozenset[str]) -> list[OldConversation]:
    """Return the conversations among the checkpoints of a database, and delete those checkpoints.

    Checkpoints of other applications in the same database stay.

    Raises:
        StorageError: a checkpoint cannot be read, or holds other than plain values; nothing is deleted then.
    """
    if "checkpoints" not in tables:
        return []
    found = []
    for thread_id, values in _latest_values(execute, tables):
        if values.keys() <= _CHANNELS and values.keys() & {"turns", "typed"}:
            pending = {"typed": values["typed"], "clip": values["clip"]} if "branch:to:answer" in values else None
            found.append(OldConversation(thread_id, [_with_risk(t) for t in values.get("turns", [])], pending))
    for table in tables.intersection(_TABLES):
        for conversation in found:
            execute(f"DELETE FROM {table} WHERE thread_id = ?", (conversation.thread_id,))
    return found


def _latest_values(execute: Execute, tables: frozenset[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "checkpoint_blobs" not in tables:  # SQLite: everything is in one value
        for thread_id, kind, blob in execute(_LATEST.format(columns="c.type, c.checkpoint")).fetchall():
            yield thread_id, _unpack(thread_id, kind, blob)["channel_values"]
        return
    for thread_id, checkpoint in execute(_LATEST.format(columns="c.checkpoint")).fetchall():
        values = dict(checkpoint["channel_values"])
        sql = "SELECT channel, version, type, blob FROM checkpoint_blobs WHERE thread_id = ? AND checkpoint_ns = ''"
        for channel, version, kind, blob in execute(sql, (thread_id,)).fetchall():
            if checkpoint["channel_versions"].get(channel) == version and kind != "empty":
                values[channel] = _unpack(thread_id, kind, blob)
        yield thread_id, values


def _unpack(thread_id: str, kind: str, blob: bytes) -> Any:
    import ormsgpack

    try:
        if kind == "msgpack":
            return ormsgpack.unpackb(blob)  # without a hook for extension types, which name code to call
        cause = f"it is of type {kind!r}"
    except (ValueError, TypeError) as error:
        cause = str(error)
    raise StorageError(
        f"the conversation {thread_id!r} of an earlier version cannot be read ({cause})",
        "Restore the database from a copy, or keep conversations elsewhere with --memory (memory= in Python).",
    )


def _with_risk(turn: dict[str, Any]) -> dict[str, Any]:
    """Return a stored turn; before version 0.2 the emotion of a turn with a risk was the kind of risk."""
    if turn["emotion"] in (*EMOTIONS, "unknown"):
        return turn
    return turn | {"emotion": "unknown", "risk": turn["emotion"]}
