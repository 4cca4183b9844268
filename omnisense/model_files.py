"""The files of a fetched model: their SHA-256 is taken once, and again when a file's time or size has changed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omnisense.errors import ModelError
from omnisense.files import sha256_of, write_atomically
from omnisense.text import parse_json

_MANIFEST = "omnisense.json"


def write_manifest(folder: Path, about: Mapping[str, str]) -> None:
    """Write what a model's folder holds: for each file its size, SHA-256 and time of change."""
    files = [file for file in sorted(folder.iterdir()) if file.name != _MANIFEST]
    manifest: dict[str, Any] = {
        **about,
        "bytes": {file.name: file.stat().st_size for file in files},
        "sha256": {file.name: sha256_of(file) for file in files},
        "changed_ns": {file.name: file.stat().st_mtime_ns for file in files},
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1))


def is_complete(folder: Path, listed: Mapping[str, str] | None = None) -> bool:
    """Return whether every file in the folder's manifest is there in full, and is the one that was fetched.

    Args:
        folder: of the model.
        listed: SHA-256 by name of file, where the model list states it.

    Raises:
        ModelError: a file is another one than was fetched.
    """
    try:
        manifest: dict[str, Any] = parse_json((folder / _MANIFEST).read_text())
        files = {name: (folder / name).stat() for name in manifest["bytes"]}
        if any(files[name].st_size != size for name, size in manifest["bytes"].items()):
            return False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    times, digests = manifest.setdefault("changed_ns", {}), manifest.setdefault("sha256", {})
    changed = [name for name, file in files.items() if times.get(name) != file.st_mtime_ns or name not in digests]
    for name in changed:  # copied, or changed: only the content tells
        digest = sha256_of(folder / name)
        if digest != digests.get(name, digest) or digest != (listed or {}).get(name, digest):
            raise ModelError(
                f"{name} is not the file that was fetched (its SHA-256 differs)",
                f"Remove this folder, and run `omnisense models pull {folder.name}`.",
                folder,
            )
        digests[name], times[name] = digest, files[name].st_mtime_ns
    if changed:
        with contextlib.suppress(OSError):  # a read-only folder: it is checked again next time
            write_atomically(folder / _MANIFEST, json.dumps(manifest, indent=1))
    return True
