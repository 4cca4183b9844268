"""Conversations by thread, kept as LangGraph checkpoints: in SQLite by default.

A turn is checkpointed where it begins and where it ends, not at each node of the loop: a tenth of the writes, and an
interrupted turn runs again with its percepts from the cache. Checkpoints hold plain JSON values only, so that they can
be read without this package.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict, get_args

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph

from omnisense.errors import InputError
from omnisense.files import home_dir
from omnisense.reasoning.loop.appraisal import EmotionValue
from omnisense.reasoning.loop.conversation import ClipReference, Turn


@dataclass(frozen=True)
class PendingTurn:
    """A turn that has begun and not ended."""

    typed: str
    clip: ClipReference | None


@dataclass(frozen=True)
class Conversation:
    """A thread's turns, and the one that was interrupted before its reply, if any."""

    turns: tuple[Turn, ...] = ()
    pending: PendingTurn | None = None


class _Checkpoint(TypedDict, total=False):
    """What is checkpointed: plain values."""

    turns: list[dict[str, Any]]
    typed: str
    clip: dict[str, Any] | None


class ConversationMemory:
    """Reads and writes conversations.

    Args:
        saver: a LangGraph checkpointer; see :func:`open_memory`.
    """

    def __init__(self, saver: Any) -> None:
        self._saver = saver
        # A graph of one node that is never run: only LangGraph's record of what is pending is used.
        graph = StateGraph(_Checkpoint)
        graph.add_node("answer", lambda state: state)
        graph.add_edge(START, "answer")
        graph.add_edge("answer", END)
        self._graph = graph.compile(checkpointer=saver)

    def load(self, thread_id: str) -> Conversation:
        """Return a thread's conversation; an unknown thread has no turns."""
        snapshot = self._graph.get_state(_config(thread_id))
        turns = tuple(_read_turn(turn) for turn in snapshot.values.get("turns", []))
        if not snapshot.next:  # the last turn has ended
            return Conversation(turns)
        values = snapshot.values
        clip = values.get("clip")
        reference = ClipReference(clip["path"], clip["start_s"], clip["end_s"]) if clip else None
        return Conversation(turns, PendingTurn(values["typed"], reference))

    def begin(self, thread_id: str, turn: PendingTurn) -> None:
        """Record that a turn begins."""
        values = {"typed": turn.typed, "clip": asdict(turn.clip) if turn.clip else None}
        self._graph.update_state(_config(thread_id), values, as_node=START)

    def finish(self, thread_id: str, turns: Sequence[Turn]) -> None:
        """Record that a turn has ended, with all turns of its thread."""
        self._graph.update_state(_config(thread_id), {"turns": [asdict(turn) for turn in turns]}, as_node="answer")

    def close(self) -> None:
        """Close the database connection, if there is one."""
        connection = getattr(self._saver, "conn", None)  # only the database savers have one
        if connection is not None:
            connection.close()


def default_memory() -> Path:
    """Return the SQLite file that holds conversations unless another is given."""
    return home_dir() / "conversations.sqlite"


def open_memory(where: str | Path | None) -> ConversationMemory:
    """Open a memory of conversations.

    Args:
        where: a file for SQLite, a ``postgres://`` URL, or None to remember only until the process ends.

    Raises:
        InputError: it cannot be opened, or its driver is not installed.
    """
    if where is None:
        from langgraph.checkpoint.memory import InMemorySaver

        return ConversationMemory(InMemorySaver())
    if str(where).startswith(("postgres://", "postgresql://")):
        return ConversationMemory(_open_postgres(str(where)))
    return ConversationMemory(_open_sqlite(Path(where).expanduser()))


def _open_sqlite(path: Path) -> Any:
    import sqlite3

    from langgraph.checkpoint.sqlite import SqliteSaver

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, check_same_thread=False, timeout=30)
        # Write-ahead logging survives a killed process and saves a disk sync at each write.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return SqliteSaver(connection)
    except (sqlite3.Error, OSError) as error:
        raise InputError(
            f"conversations cannot be kept there ({error})", "Give another file with --memory.", path
        ) from error


def _open_postgres(url: str) -> Any:
    try:
        import psycopg
        from langgraph.checkpoint.postgres import PostgresSaver
        from psycopg.rows import dict_row
    except ImportError as error:
        raise InputError("the Postgres driver is not installed", "Run `pip install 'omnisense[postgres]'`.") from error
    try:
        saver = PostgresSaver(psycopg.connect(url, autocommit=True, prepare_threshold=0, row_factory=dict_row))
        saver.setup()
        return saver
    except psycopg.Error as error:
        raise InputError(f"the conversation database cannot be opened ({error})", "Check the URL.") from error


def _read_turn(stored: dict[str, Any]) -> Turn:
    """Return a stored turn; before version 0.2 the emotion of a turn with a risk was the kind of risk."""
    if stored["emotion"] not in get_args(EmotionValue):
        stored = stored | {"emotion": "unknown", "risk": stored["emotion"]}
    turn: Turn = _turn_adapter().validate_python(stored)
    return turn


@functools.lru_cache(maxsize=1)
def _turn_adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Turn)


def _config(thread_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id}}
