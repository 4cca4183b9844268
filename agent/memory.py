"""Conversations by thread, in SQLite by default: a row for each turn, each note, and the turn that is being answered.

Turns of one thread are answered one after the other, in all processes that share the database: a turn holds its thread
from where it begins until it is recorded. A turn that begins leaves a row with a mark of its own, and is recorded only
while that row is there; so a turn that returned is in the history, whatever happened to the lock. A row without a
holder is a turn that was interrupted; it runs again with its percepts from the cache. Rows hold JSON in ASCII.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
import uuid
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omnisense.agent import notes, threads
from omnisense.agent.database import Database, Execute, PostgresDatabase, SQLiteDatabase
from omnisense.agent.migration import move_database, take_checkpoints
from omnisense.agent.rows import PendingTurn, read_pending, read_turn
from omnisense.agent.threads import ThreadSummary
from omnisense.errors import ConflictError, InputError, StorageError
from omnisense.files import data_dir, home_dir
from omnisense.perception.cache import forget_percepts
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.notes import Note
from omnisense.text import parse_json

_SCHEMA = (
    "CREATE TABLE omnisense_turns (thread_id TEXT NOT NULL, position INTEGER NOT NULL, mark TEXT NOT NULL,"
    " turn TEXT NOT NULL, PRIMARY KEY (thread_id, position))",
    "CREATE TABLE omnisense_pending (thread_id TEXT PRIMARY KEY, mark TEXT NOT NULL, turn TEXT NOT NULL)",
)
_SETTING_UP = "\0set up"  # no thread can have this name
_SET_UP_S = 60.0
_THREADS_IN_MEMORY = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conversation:
    """A thread's turns, the one that has begun and not ended, if any, and what the person told in them."""

    turns: tuple[Turn, ...] = ()
    pending: PendingTurn | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class _Known:
    """The turns of a thread that were read before, and the mark of the last of them."""

    mark: str = ""
    turns: tuple[Turn, ...] = ()


class ConversationMemory:
    """Reads and writes conversations; safe to use from any thread.

    Args:
        database: where they are kept; see :func:`open_memory`.

    Raises:
        StorageError: its tables cannot be made, or conversations of an earlier version cannot be read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._known: dict[str, _Known] = {}  # the thread used last is the last
        self._locks: weakref.WeakValueDictionary[str, _ThreadLock] = weakref.WeakValueDictionary()
        if not database.lock(_SETTING_UP, _SET_UP_S):
            raise ConflictError("another process is setting the conversation database up", "Try again.")
        try:
            if _set_up(database):
                database.compact()
        finally:
            database.unlock(_SETTING_UP)

    @contextlib.contextmanager
    def hold(self, thread_id: str, timeout_s: float) -> Iterator[None]:
        """Keep a thread's other turns waiting, in this process and in others.

        Raises:
            InputError: this cannot be the name of a thread.
            ConflictError: another turn of the thread was still running after ``timeout_s``.
            StorageError: the lock cannot be taken.
        """
        _check_name(thread_id)
        deadline = time.monotonic() + timeout_s
        with self._guard:
            lock = self._locks.setdefault(thread_id, _ThreadLock())
        conflict = ConflictError(
            f"another turn of the conversation {thread_id!r} is still running",
            "Try again when it has ended, or use another thread.",
        )
        if not lock.lock.acquire(timeout=timeout_s):
            raise conflict
        try:
            if not self._database.lock(thread_id, max(0.0, deadline - time.monotonic())):
                raise conflict
            try:
                yield
            finally:
                self._database.unlock(thread_id)
        finally:
            lock.lock.release()

    def load(self, thread_id: str) -> Conversation:
        """Return a thread's conversation; an unknown thread has no turns.

        Raises:
            InputError: this cannot be the name of a thread.
            StorageError: the database cannot be read, or a row of it is damaged.
        """
        _check_name(thread_id)

        with self._guard:
            known = self._known.get(thread_id, _Known())

        def read(execute: Execute) -> tuple[list[Any], list[Any], tuple[Note, ...]]:
            pending = execute("SELECT turn FROM omnisense_pending WHERE thread_id = ?", (thread_id,)).fetchall()
            sql = "SELECT mark, turn FROM omnisense_turns WHERE thread_id = ? AND position >= ? ORDER BY position"
            rows = execute(sql, (thread_id, max(0, len(known.turns) - 1))).fetchall()
            return rows, pending, notes.read_notes(execute, thread_id)

        damaged = StorageError(
            f"the conversation {thread_id!r} is damaged",
            "Restore the conversation database from a copy, or use another thread.",
            self._database.path,
        )
        try:
            rows, pending, told = self._database.run(read)
        except ValueError as error:  # a note
            raise damaged from error
        if known.turns and not (rows and rows[0][0] == known.mark):  # the thread was deleted meanwhile
            with self._guard:
                self._known.pop(thread_id, None)
            return self.load(thread_id)
        try:
            new = parse_json(f"[{','.join(turn for _, turn in rows[1 if known.turns else 0 :])}]")
            turns = (*known.turns, *map(read_turn, new))
            conversation = Conversation(turns, read_pending(parse_json(pending[0][0])) if pending else None, told)
        except (KeyError, TypeError, ValueError) as error:
            raise damaged from error
        if rows:
            self._remember(thread_id, _Known(rows[-1][0], turns))
        return conversation

    def _remember(self, thread_id: str, known: _Known) -> None:
        """Keep the turns of the threads that were used last, so that a turn reads only what is new."""
        with self._guard:
            self._known.pop(thread_id, None)
            self._known[thread_id] = known
            while len(self._known) > _THREADS_IN_MEMORY:
                del self._known[next(iter(self._known))]

    def begin(self, thread_id: str, turn: PendingTurn) -> str:
        """Record that a turn begins, in place of one that was interrupted; return its mark for :meth:`finish`.

        Raises:
            StorageError: it cannot be recorded.
        """
        mark = uuid.uuid4().hex
        self._database.run(lambda execute: _insert_pending(execute, thread_id, mark, asdict(turn)), write=True)
        return mark

    def finish(self, thread_id: str, mark: str, turn: Turn, told: Sequence[str] = ()) -> None:
        """Record a turn that has ended.

        Args:
            thread_id: its thread.
            mark: what :meth:`begin` returned.
            turn: the turn.
            told: facts that the person told in it, each of which becomes a note.

        Raises:
            ConflictError: another process has taken the turn for interrupted; this one is not recorded.
            StorageError: it cannot be recorded; the turn can be resumed.
        """

        def append(execute: Execute) -> None:
            key = (thread_id, mark)
            if execute("DELETE FROM omnisense_pending WHERE thread_id = ? AND mark = ?", key).rowcount != 1:
                if execute("SELECT 1 FROM omnisense_turns WHERE thread_id = ? AND mark = ?", key).fetchall():
                    return  # recorded already: the connection was lost before the answer came
                raise ConflictError(
                    f"another turn of the conversation {thread_id!r} has overtaken this one", "Send it again."
                )
            sql = "SELECT coalesce(max(position) + 1, 0) FROM omnisense_turns WHERE thread_id = ?"
            position = execute(sql, (thread_id,)).fetchall()[0][0]
            _insert_turn(execute, thread_id, position, mark, asdict(turn) | {"ended_at": time.time()})
            notes.add_notes(execute, thread_id, position, told)

        self._database.run(append, write=True)

    def forget_note(self, thread_id: str, note_id: int) -> bool:
        """Delete a note of a thread; return whether it was there.

        Raises:
            InputError: this cannot be the name of a thread.
            StorageError: it cannot be deleted.
        """
        _check_name(thread_id)
        return self._database.run(lambda execute: notes.delete_note(execute, thread_id, note_id), write=True)

    def threads(self) -> list[ThreadSummary]:
        """Return all threads in order of name.

        Raises:
            StorageError: the database cannot be read.
        """
        return self._database.run(threads.list_threads)

    def forget(self, thread_id: str, timeout_s: float) -> bool:
        """Delete a thread for good, with its notes, its interrupted turn and the percepts of its clips.

        Returns:
            Whether there was anything of it.

        Raises:
            InputError: this cannot be the name of a thread, or percepts cannot be removed; the thread is still there.
            ConflictError: a turn of the thread was still running after ``timeout_s``.
            StorageError: it cannot be deleted, or not yet from all files.
        """
        with self.hold(thread_id, timeout_s):
            forget_percepts(*self._database.run(lambda execute: threads.clips_of(execute, thread_id)))
            known = self._database.run(lambda execute: threads.delete_thread(execute, thread_id), write=True)
            with self._guard:
                self._known.pop(thread_id, None)
        self._erase()
        return known

    def forget_all(self) -> int:
        """Delete all threads for good, but not percepts; return their number. A turn that is running is not recorded.

        Raises:
            StorageError: they cannot be deleted, or not yet from all files.
        """
        deleted = self._database.run(threads.delete_all, write=True)
        with self._guard:
            self._known.clear()
        self._erase()
        return deleted

    def _erase(self) -> None:
        if not self._database.compact():
            raise StorageError(
                "what was deleted is still in the conversation database's log, which another process is reading",
                "Run this again when that has ended.",
            )

    def close(self) -> None:
        """Close the database."""
        self._database.close()


class _ThreadLock:
    """A lock that is forgotten when nobody holds or awaits it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def default_memory() -> Path:
    """Return the SQLite file that holds conversations unless another is given."""
    return data_dir() / "conversations.sqlite"


def open_memory(where: str | Path | None) -> ConversationMemory:
    """Open a memory of conversations, and bring those of an earlier version into today's form.

    Args:
        where: a file for SQLite, a ``postgresql://`` URL, or None to remember only until the process ends.

    Raises:
        InputError: its driver is not installed.
        StorageError: it cannot be opened.
    """
    if str(where).startswith(("postgres://", "postgresql://")):
        database: Database = PostgresDatabase(str(where))
    else:
        path = None if where is None else Path(where).expanduser()
        if path == default_memory():
            move_database(home_dir() / path.name, path)
        database = SQLiteDatabase(path)
    try:
        return ConversationMemory(database)
    except BaseException:
        database.close()
        raise


def _set_up(database: Database) -> bool:
    """Make the tables if they are not there; return whether conversations of an earlier version were brought over."""

    def make(execute: Execute) -> bool:
        tables = frozenset(row[0] for row in execute(database.tables_sql).fetchall())
        if notes.TABLE not in tables:
            execute(notes.CREATE)
        if "omnisense_turns" in tables:
            return False
        for statement in _SCHEMA:
            execute(statement)
        old = take_checkpoints(execute, tables)
        for conversation in old:
            for position, turn in enumerate(conversation.turns):
                _insert_turn(execute, conversation.thread_id, position, uuid.uuid4().hex, turn)
            if conversation.pending:
                _insert_pending(execute, conversation.thread_id, uuid.uuid4().hex, conversation.pending)
        if old:
            _log.info("%d conversations of an earlier version were brought over", len(old))
        return bool(old)

    return database.run(make, write=True)


def _insert_turn(execute: Execute, thread_id: str, position: int, mark: str, turn: dict[str, Any]) -> None:
    sql = "INSERT INTO omnisense_turns (thread_id, position, mark, turn) VALUES (?, ?, ?, ?)"
    execute(sql, (thread_id, position, mark, json.dumps(turn)))


def _insert_pending(execute: Execute, thread_id: str, mark: str, turn: dict[str, Any]) -> None:
    sql = (
        "INSERT INTO omnisense_pending (thread_id, mark, turn) VALUES (?, ?, ?)"
        " ON CONFLICT (thread_id) DO UPDATE SET mark = excluded.mark, turn = excluded.turn"
    )
    execute(sql, (thread_id, mark, json.dumps(turn)))


def _check_name(thread_id: str) -> None:
    if "\0" in thread_id or any("\ud800" <= c <= "\udfff" for c in thread_id):
        raise InputError(
            f"{thread_id!r} cannot be the name of a conversation", "Leave out NUL and unpaired surrogates."
        )
