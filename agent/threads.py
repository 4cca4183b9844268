"""The threads of a conversation database: listing them, and deleting all that is kept of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from omnisense.agent import notes
from omnisense.agent.database import Execute
from omnisense.text import parse_json

_TABLES = ("omnisense_turns", "omnisense_pending", notes.TABLE)
_LAST_TURNS = """
    SELECT t.thread_id, s.turns, s.size, t.turn FROM omnisense_turns t JOIN (
        SELECT thread_id, count(*) AS turns, sum(length(turn)) AS size, max(position) AS last
        FROM omnisense_turns GROUP BY thread_id
    ) s ON t.thread_id = s.thread_id AND t.position = s.last
"""


@dataclass(frozen=True)
class ThreadSummary:
    """What is kept of a thread.

    Attributes:
        thread_id: its name.
        turns: the number of turns that ended.
        last_at: when the last of them ended, in UTC; None if it was recorded by a version that did not note it.
        size_bytes: of its turns and notes in the database.
        interrupted: whether a turn has begun and not ended.
    """

    thread_id: str
    turns: int
    last_at: datetime | None
    size_bytes: int
    interrupted: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values."""
        return {**self.__dict__, "last_at": self.last_at.isoformat(timespec="seconds") if self.last_at else None}


def list_threads(execute: Execute) -> list[ThreadSummary]:
    """Return all threads in order of name."""
    ended = {row[0]: row[1:] for row in execute(_LAST_TURNS).fetchall()}
    pending = dict(execute("SELECT thread_id, length(turn) FROM omnisense_pending").fetchall())
    noted = dict(execute(f"SELECT thread_id, sum(length(note)) FROM {notes.TABLE} GROUP BY thread_id").fetchall())
    found = []
    for thread_id in sorted({*ended, *pending, *noted}, key=str):  # in a damaged file a name may be no text
        turns, size, last = ended.get(thread_id, (0, 0, "{}"))
        size += pending.get(thread_id, 0) + noted.get(thread_id, 0)
        found.append(ThreadSummary(str(thread_id), turns, _time_of(last), int(size), thread_id in pending))
    return found


def delete_thread(execute: Execute, thread_id: str) -> bool:
    """Delete everything of a thread; return whether there was anything."""
    deleted = [execute(f"DELETE FROM {table} WHERE thread_id = ?", (thread_id,)).rowcount for table in _TABLES]
    return any(deleted)


def delete_all(execute: Execute) -> int:
    """Delete everything of all threads; return how many there were."""
    known = len(list_threads(execute))
    for table in _TABLES:
        execute(f"DELETE FROM {table}")
    return known


def clips_of(execute: Execute, thread_id: str) -> tuple[set[str], set[str]]:
    """Return the paths and the SHA-256 of a thread's clips, as far as they are known; a damaged row has none."""
    paths, digests = set[str](), set[str]()
    for table in ("omnisense_turns", "omnisense_pending"):
        for (row,) in execute(f"SELECT turn FROM {table} WHERE thread_id = ?", (thread_id,)).fetchall():
            for clip in _clips_in(row):
                paths.add(str(clip.get("path", "")))
                digests.add(str(clip.get("sha256", "")))
    return paths - {""}, digests - {""}


def _clips_in(row: str) -> Iterator[dict[str, Any]]:
    turn = _parse(row)
    if isinstance(turn, dict) and isinstance(clip := turn.get("clip"), dict):
        yield clip


def _time_of(row: str) -> datetime | None:
    turn = _parse(row)
    ended_at = turn.get("ended_at") if isinstance(turn, dict) else None
    try:
        return datetime.fromtimestamp(ended_at, UTC) if isinstance(ended_at, int | float) else None
    except (OverflowError, ValueError, OSError):  # damaged: no time that there is
        return None


def _parse(row: str) -> Any:
    try:
        return parse_json(row)
    except ValueError:  # damaged: it is listed and deleted all the same
        return None
