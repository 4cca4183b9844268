"""A Postgres server of one's own on the loopback interface, for tests and measurements."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from omnisense.errors import InputError

_DEBIAN = Path("/usr/lib/postgresql")


class PostgresServer:
    """A cluster in a folder, started and stopped at will; it trusts whoever connects from this machine.

    Args:
        programs: folder with ``initdb`` and ``pg_ctl``.
        folder: an empty folder, which the server's user comes to own.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        if self._user:
            shutil.chown(folder, self._user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._run("initdb", "-D", folder / "data", "-U", "omnisense", "-A", "trust", "--no-sync")

    def control(self, action: str, *arguments: str) -> None:
        """Run ``pg_ctl`` and wait for it: ``start``, ``stop`` or ``restart``, with ``-m immediate`` as a crash."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        log = self._folder / "log"
        self._run("pg_ctl", "-D", self._folder / "data", "-o", options, "-l", log, "-w", *arguments, action)

    def database(self, name: str) -> str:
        """Make a database; return its URL."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://omnisense@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [str(self._programs / program), *map(str, arguments)],
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise InputError(
                f"Postgres's {program} failed ({' '.join(done.stdout.decode(errors='replace').split())})",
                "Check the installation of Postgres.",
            )


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a Postgres server in a temporary folder, with the programs of ``PATH`` or of a Debian package.

    Raises:
        InputError: no Postgres server is installed, or it does not start.
    """
    programs = find_programs()
    if programs is None:
        raise InputError("no Postgres server is installed", "Run `apt-get install postgresql`.")
    folder = Path(tempfile.mkdtemp(prefix="omnisense-postgres-"))
    try:
        server = PostgresServer(programs, folder)
        server.control("start")
        try:
            yield server
        finally:
            server.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def find_programs() -> Path | None:
    """Return the folder with Postgres's server programs; None where they are not installed."""
    found = shutil.which("pg_ctl")
    places = [Path(found).resolve().parent] if found else []
    places += sorted((path.parent for path in _DEBIAN.glob("*/bin/pg_ctl")), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)
