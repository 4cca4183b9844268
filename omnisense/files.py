"""Files: the folders for what is kept, lines of text, atomic writes and checksums."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import platform
import re
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

from omnisense.errors import StorageError

_GZIP = b"\x1f\x8b"  # how a gzipped file begins (RFC 1952)
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]  # process ids are of one machine
_LEFTOVER = re.compile(rf"(?:\..*\.|omnisense-){_HOST}-(?P<process>\d+)-.*")


def home_dir() -> Path:
    """Return the folder for models and cached percepts, which can be made again.

    It is ``OMNISENSE_HOME`` if that is set, else in the user's cache.
    """
    import platformdirs

    return Path(os.environ.get("OMNISENSE_HOME") or platformdirs.user_cache_dir("omnisense"))


def data_dir() -> Path:
    """Return the folder for conversations, which cannot be made again.

    It is ``OMNISENSE_HOME`` if that is set, else among the user's data, where no cleaner of caches comes.
    """
    import platformdirs

    return Path(os.environ.get("OMNISENSE_HOME") or platformdirs.user_data_dir("omnisense"))


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file, which may be gzipped, each with its end.

    Raises:
        OSError: it cannot be read, or is damaged.
        UnicodeDecodeError: it is no UTF-8.
    """
    data = path.read_bytes()
    try:
        text = gzip.decompress(data) if data.startswith(_GZIP) else data
    except (EOFError, zlib.error) as error:
        raise OSError(f"it is damaged: {error}") from error
    return list(io.StringIO(text.decode("utf-8"), newline=""))  # str.splitlines splits at form feeds and the like too


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner can read; one that is there already becomes so.

    Raises:
        OSError: it cannot be made, or belongs to somebody else.
    """
    make_missing_folders(path)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


def make_missing_folders(path: Path) -> None:
    """Make a folder and those above it that are not there, for their owner only, whatever the umask; others stay.

    Raises:
        OSError: one cannot be made.
    """
    for folder in (*reversed(path.absolute().parents), path.absolute()):
        if not folder.is_dir():  # pathlib's own `parents` leaves the mode of those above to the umask
            folder.mkdir(mode=0o700, exist_ok=True)


def private_opener(name: str, flags: int) -> int:
    """Return the descriptor of an opened file, as an ``opener`` of ``open``; a new one is its owner's only."""
    return os.open(name, flags, 0o600)


def write_atomically(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file so that a killed process leaves the old content or the new, never a part of it.

    The content goes to a temporary file in the same folder, is flushed to disk, and the file is renamed. Temporary
    files that killed processes left in that folder are removed.

    Args:
        path: the file; its folder must exist.
        content: text (written as UTF-8) or bytes.
        private: whether only its owner may read it.

    Raises:
        OSError: the disk is full, or the folder cannot be written; the old content stays.
    """
    data = content.encode() if isinstance(content, str) else content
    remove_leftovers(path.parent)
    temporary = path.with_name(f".{path.name}.{_HOST}-{os.getpid()}-{threading.get_ident()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(temporary, flags, 0o600 if private else 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def reporting_storage(path: Path) -> Iterator[None]:
    """Run a block that writes files; a disk that is full, read-only or gone becomes an error with a remedy.

    Args:
        path: the file or folder that is written.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"it cannot be written ({error.strerror or error})",
            "Free some space, or name another folder, then run the same command again.",
            path,
        ) from error


def temporary_prefix() -> str:
    """Return how the names of this process's temporary files begin, for :func:`remove_leftovers` to know them."""
    return f"omnisense-{_HOST}-{os.getpid()}-"


def remove_leftovers(folder: Path) -> None:
    """Remove what processes of this machine that no longer run left in a folder: parts of files, temporary media."""
    import psutil

    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _LEFTOVER.fullmatch(entry.name)
            if found and not psutil.pid_exists(int(found["process"])):
                with contextlib.suppress(OSError):  # another user's, or gone already
                    os.unlink(entry.path)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
