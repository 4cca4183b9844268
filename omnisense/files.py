"""Files: the folder for cached data, atomic writes and checksums."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path


def home_dir() -> Path:
    """Return the folder for models, cached percepts and conversations; the variable ``OMNISENSE_HOME`` moves it."""
    import platformdirs

    return Path(os.environ.get("OMNISENSE_HOME") or platformdirs.user_cache_dir("omnisense"))


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a killed process leaves the old content or the new, never a part of it.

    The content goes to a temporary file in the same folder, is flushed to disk, and the file is renamed.

    Args:
        path: the file; its folder must exist.
        content: text (written as UTF-8) or bytes.

    Raises:
        OSError: the disk is full, or the folder cannot be written; the old content stays.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
