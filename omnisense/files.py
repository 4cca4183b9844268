"""Files written so that a killed process leaves the old content or the new, never half of it."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file beside its place, flush it to disk, and rename it.

    Args:
        path: the file; its folder must exist.
        content: text (written as UTF-8) or bytes.

    Raises:
        OSError: the disk is full, or the folder cannot be written; the old content stays.
    """
    data = content.encode() if isinstance(content, str) else content
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
