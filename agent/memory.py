"""Where conversations are kept: LangGraph checkpoints by thread, in SQLite by default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omnisense.errors import InputError
from omnisense.files import home_dir


def default_memory() -> Path:
    """The SQLite file that holds conversations unless another is named."""
    return home_dir() / "conversations.sqlite"


def open_memory(where: str | Path | None) -> Any:
    """A LangGraph checkpointer.

    Args:
        where: a file for SQLite, a ``postgres://`` URL, or None to remember only as long as the process lives.

    Raises:
        InputError: the place cannot be opened, or its driver is not installed.
    """
    if where is None:
        from langgraph.checkpoint.memory import InMemorySaver

        return InMemorySaver()
    if str(where).startswith(("postgres://", "postgresql://")):
        return _open_postgres(str(where))
    return _open_sqlite(Path(where).expanduser())


def _open_sqlite(path: Path) -> Any:
    import sqlite3

    from langgraph.checkpoint.sqlite import SqliteSaver

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, check_same_thread=False, timeout=30)
        # Write-ahead logging survives a killed process and spares a disk sync at each of the loop's steps.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return SqliteSaver(connection)
    except (sqlite3.Error, OSError) as error:
        raise InputError(
            f"conversations cannot be kept there ({error})", "Name another file with --memory.", path
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
