"""The databases that keep conversations: SQLite and Postgres, behind one interface.

Both give short transactions, and a lock by name that holds across processes and that a killed process gives up: a file
lock beside a SQLite file, an advisory lock in Postgres. All their failures are :class:`omnisense.StorageError`.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

from omnisense.errors import InputError, StorageError
from omnisense.files import make_missing_folders

_BUSY_S = 30.0  # how long one transaction waits for other writers, and a turn for a restarting server
_POLL_S = 0.01  # between tries for a lock that another process holds
_POOL_SIZE = 10
# After so long the pool gives a try up, and we begin another: its own come ever later, up to minutes.
_RECONNECT_S = 1.0
# A host that vanished without a word is noticed after 25 s, by the client and by the server, which then gives up its
# locks: by default that takes hours.
_CONNECTING: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # ms
}
_SESSION = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
_OTHER_FILE = "or give another file with --memory (memory= in Python)"
_SQLITE_REMEDIES = {
    sqlite3.SQLITE_FULL: ("the disk is full", f"Free some space, {_OTHER_FILE}."),
    sqlite3.SQLITE_IOERR: ("the disk cannot be read or written", f"Check the disk and its free space, {_OTHER_FILE}."),
    sqlite3.SQLITE_READONLY: ("it is read-only", f"Make the file and its folder writable, {_OTHER_FILE}."),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", f"Make the file and its folder writable, {_OTHER_FILE}."),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", f"Restore it from a copy, {_OTHER_FILE}."),
    sqlite3.SQLITE_NOTADB: ("it is not a SQLite database", f"Restore it from a copy, {_OTHER_FILE}."),
    sqlite3.SQLITE_BUSY: (f"other processes kept it locked for {_BUSY_S:.0f} s", "Try again."),
}
Execute = Callable[..., Any]  # (SQL with ? for values, values) -> a cursor with fetchall() and rowcount
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Database(Protocol):
    """What conversations need of a database; safe to use from any thread.

    Attributes:
        path: its file; None where it has none of its own.
        tables_sql: lists the names of the tables.
    """

    path: Path | None
    tables_sql: str

    def run(self, work: Callable[[Execute], _T], write: bool = False) -> _T:
        """Run ``work`` in one transaction, which is undone if it raises; it may run twice if a connection is lost."""

    def lock(self, name: str, timeout_s: float) -> bool:
        """Take the lock of this name from other processes; return whether it was free within that time.

        Threads of one process must exclude each other before they call this.
        """

    def unlock(self, name: str) -> None:
        """Give a lock back; any thread may do so."""

    def compact(self) -> bool:
        """Remove what was deleted from the files; return whether nothing of it is left in them."""

    def close(self) -> None:
        """Close all connections."""


class SQLiteDatabase:
    """A SQLite file with a folder of lock files beside it, or a database in memory.

    Write-ahead logging survives a killed process. After a power failure the last turns may be missing: disk writes are
    not waited for.

    Args:
        path: the file, which is made if it is not there; None for a database that ends with this object.

    Raises:
        StorageError: it cannot be opened.
    """

    tables_sql = "SELECT name FROM sqlite_master WHERE type = 'table'"

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._guard = threading.Lock()
        self._held: dict[str, Any] = {}
        with self._translated():
            if path is not None:
                make_missing_folders(path.parent)
                self._lock_folder.mkdir(mode=0o700, exist_ok=True)
                if not path.exists():
                    path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                path or ":memory:", check_same_thread=False, timeout=_BUSY_S, isolation_level=None
            )
        try:
            with self._translated(), self._opening():
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=NORMAL")
                self._connection.execute("PRAGMA secure_delete=ON")  # deleted rows become zeros
        except BaseException:
            self._connection.close()
            raise

    def run(self, work: Callable[[Execute], _T], write: bool = False) -> _T:
        """See :meth:`Database.run`."""
        connection = self._connection
        with self._guard, self._translated():
            try:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                result = work(connection.execute)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        return result

    def lock(self, name: str, timeout_s: float) -> bool:
        """See :meth:`Database.lock`."""
        if self.path is None:
            return True
        from filelock import FileLock, Timeout

        file = self._lock_folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock"
        # A stream of events may be read, and with it the lock given back, in another thread.
        lock = FileLock(file, thread_local=False, mode=0o600)
        with self._translated():
            try:
                lock.acquire(timeout=timeout_s, poll_interval=_POLL_S)
            except Timeout:
                return False
        self._held[name] = lock
        return True

    def unlock(self, name: str) -> None:
        """See :meth:`Database.unlock`."""
        if self.path is not None:
            self._held.pop(name).release()

    def compact(self) -> bool:
        """See :meth:`Database.compact`; lock files that nobody holds go too, for their names are made of thread ids."""
        with self._guard, self._translated():
            self._connection.execute("VACUUM")
            is_busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._remove_locks()
        return not is_busy

    def _remove_locks(self) -> None:
        from filelock import FileLock, Timeout

        for file in self._lock_folder.glob("*.lock") if self.path is not None else ():
            # Whoever opened the file just now may hold it beside the next: what they record is checked for that.
            with contextlib.suppress(Timeout, OSError), FileLock(file, timeout=0):
                file.unlink()

    def close(self) -> None:
        """See :meth:`Database.close`."""
        with self._guard:
            self._connection.close()

    @property
    def _lock_folder(self) -> Path:
        assert self.path is not None
        return self.path.with_name(f"{self.path.name}.locks")

    @contextlib.contextmanager
    def _opening(self) -> Iterator[None]:
        """Let one process at a time switch the file to write-ahead logging: SQLite does not wait for that."""
        name = "\0open"
        if not self.lock(name, _BUSY_S):
            raise StorageError("other processes keep it locked", "Try again.", self.path)
        try:
            yield
        finally:
            self.unlock(name)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            default = f"the conversation database failed ({error})", f"Check the file, {_OTHER_FILE}."
            problem, remedy = _SQLITE_REMEDIES.get(code, default)
            raise StorageError(f"conversations cannot be kept there: {problem}", remedy, self.path) from error
        except UnicodeDecodeError as error:  # names in its schema, or SQLite's message on them
            problem, remedy = _SQLITE_REMEDIES[sqlite3.SQLITE_CORRUPT]
            raise StorageError(f"conversations cannot be kept there: {problem}", remedy, self.path) from error
        except OSError as error:
            raise StorageError(
                f"conversations cannot be kept there ({error.strerror or error})",
                f"Make the folder writable and free some space, {_OTHER_FILE}.",
                self.path,
            ) from error


class PostgresDatabase:
    """A Postgres database behind a pool of connections, which are opened again when they are lost.

    Args:
        url: ``postgresql://...``

    Raises:
        InputError: the driver is not installed.
        StorageError: the database cannot be reached.
    """

    path: Path | None = None
    tables_sql = "SELECT tablename FROM pg_tables WHERE schemaname = ANY(current_schemas(false))"

    def __init__(self, url: str) -> None:
        try:
            import psycopg
            import psycopg_pool
        except ImportError as error:
            raise InputError(
                "the Postgres driver is not installed", "Run `pip install 'omnisense[postgres]'`."
            ) from error
        self._error, self._lost = psycopg.Error, psycopg.OperationalError
        self._timeout = psycopg_pool.PoolTimeout
        self._no_connection = (psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed)
        self._guard = threading.Lock()
        self._lock_connection: Any = None
        with self._translated():
            address = {**_CONNECTING, **psycopg.conninfo.conninfo_to_dict(url)}
            psycopg.connect(**address).close()  # the pool would time out without saying why
            self._pool: Any = psycopg_pool.ConnectionPool(
                min_size=1,
                max_size=_POOL_SIZE + 1,  # one of them holds the locks
                timeout=_BUSY_S,
                reconnect_timeout=_RECONNECT_S,
                kwargs={**address, "autocommit": True},
                configure=_configure,
                check=psycopg_pool.ConnectionPool.check_connection,
                open=True,
            )

    def run(self, work: Callable[[Execute], _T], write: bool = False) -> _T:
        """See :meth:`Database.run`."""

        def attempt() -> _T:
            with self._connection() as connection, connection.transaction():
                return work(lambda sql, values=(): connection.execute(sql.replace("?", "%s"), values))

        with self._translated():
            try:
                return attempt()
            except self._no_connection:
                raise
            except self._lost:  # the server was restarted
                _log.info("a connection to the conversation database was lost; trying again")
                return attempt()

    def _take(self) -> Any:
        """Return a connection of the pool, waiting for a server that is being restarted."""
        waited_s = self._pool.timeout
        deadline = time.monotonic() + waited_s
        while True:
            try:
                return self._pool.getconn(min(waited_s, 2 * _RECONNECT_S))
            except self._timeout as error:
                if time.monotonic() >= deadline:
                    raise self._timeout(f"no connection within {waited_s:g} s") from error

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        connection = self._take()
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    def lock(self, name: str, timeout_s: float) -> bool:
        """See :meth:`Database.lock`.

        If the connection that holds the locks is lost, they are; what a turn records is checked for that.
        """
        deadline = time.monotonic() + timeout_s
        while not self._ask("SELECT pg_try_advisory_lock(%s)", name):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def unlock(self, name: str) -> None:
        """See :meth:`Database.unlock`."""
        try:
            self._ask("SELECT pg_advisory_unlock(%s)", name)
        except StorageError:  # the server gives up the locks of a connection that is lost
            _log.info("a lock could not be given back: the conversation database is out of reach")

    def compact(self) -> bool:
        """Leave it to the server's autovacuum, and its files to its owner."""
        return True

    def close(self) -> None:
        """See :meth:`Database.close`."""
        with self._guard:
            if self._lock_connection is not None:
                self._pool.putconn(self._lock_connection)
                self._lock_connection = None
        self._pool.close()  # with its connections, which gives up their locks

    def _ask(self, sql: str, name: str) -> bool:
        """Ask on the one connection that holds all locks of this object, opening it again if it is lost."""
        key = int.from_bytes(hashlib.sha256(f"omnisense {name}".encode()).digest()[:8], signed=True)
        with self._guard, self._translated():
            for last in (False, True):
                if self._lock_connection is None:
                    self._lock_connection = self._take()
                try:
                    return bool(self._lock_connection.execute(sql, (key,)).fetchone()[0])
                except self._lost:
                    self._lock_connection.close()
                    self._pool.putconn(self._lock_connection)
                    self._lock_connection = None
                    if last:
                        raise
        raise AssertionError("the second try returns or raises")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise StorageError(
                f"the conversation database failed ({' '.join(str(error).split())})",
                "Check the URL, the server and its disk, then try again.",
            ) from error


def _configure(connection: Any) -> None:
    """Let no statement of a new connection wait for ever for a row that another transaction holds."""
    for name, value in {**_SESSION, "lock_timeout": f"{_BUSY_S * 1000:.0f}"}.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
