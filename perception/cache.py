"""Percepts on disk, by the content of the clip, the settings, the models and the extractors.

They are of people, so only their owner may read them, and they do not stay for ever: those not used for
``OMNISENSE_PERCEPTS_DAYS`` (90) go, and above ``OMNISENSE_PERCEPTS_MB`` (2,000) those not used for the longest time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from omnisense.errors import InputError, OmniSenseError
from omnisense.files import home_dir, make_private_folder, sha256_of, write_atomically
from omnisense.perception.media.clip import Clip
from omnisense.perception.percepts import Percepts
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import ClipInfo

CACHE_FORMAT = 9  # increment when an extractor's results change for the same models and settings
_IN_USE_S = 3600.0  # percepts that were read or written so recently stay, whatever the limits
_log = logging.getLogger(__name__)


def cache_path(
    clip: Clip, info: ClipInfo, settings: PerceptionSettings, versions: dict[str, str], own: dict[str, str]
) -> Path:
    """Return the file in which the percepts of a clip are cached.

    Args:
        clip: the clip or window.
        info: on the same clip.
        settings: of perception.
        versions: of the models, by role.
        own: versions of the user's extractors, by name.
    """
    window = [clip.start_s, clip.duration_s]
    parts: list[Any] = [CACHE_FORMAT, info.sha256, window, asdict(settings), versions]
    key = json.dumps([*parts, own] if own else parts, sort_keys=True)
    return _folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


def read_percepts(path: Path) -> Percepts | None:
    """Return cached percepts; None where there are none that can be used."""
    from pydantic import ValidationError

    try:
        percepts = Percepts.from_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValidationError, OmniSenseError, OSError) as error:  # of an older format, or damaged: extract again
        _log.debug("cached percepts cannot be used: %s", type(error).__name__)
        return None
    _log.debug("percepts read from %s", path)
    with contextlib.suppress(OSError):  # a read-only cache
        os.utime(path)  # when they were last used
    return replace(percepts, provenance=replace(percepts.provenance, from_cache=True))


def write_percepts(path: Path, percepts: Percepts) -> Percepts:
    """Write percepts to the cache and return them, with a note if the cache cannot be written."""
    try:
        make_private_folder(path.parent)
        kept = replace(percepts, clip=replace(percepts.clip, path=_absolute(percepts.clip.path)))
        write_atomically(path, kept.to_json(), private=True)
    except (OSError, ValueError) as error:  # a full or read-only disk, no JSON: what was perceived is still good
        cause = (error.strerror if isinstance(error, OSError) else "") or error
        note = f"not cached: {path.parent} cannot be written ({cause})"
        _log.warning("percepts were %s; the next run extracts them again", note)
        return replace(percepts, provenance=replace(percepts.provenance, notes=(note,)))
    _remove_oldest(path.parent, *cache_limits())
    return percepts


# --- retention ----------------------------------------------------------------------------------------------


def cache_limits() -> tuple[float, float]:
    """Return how much the cache may hold, in megabytes, and for how many days without use.

    Raises:
        InputError: ``OMNISENSE_PERCEPTS_MB`` or ``OMNISENSE_PERCEPTS_DAYS`` is not a number of 0 or more.
    """
    return _limit("OMNISENSE_PERCEPTS_MB", 2000.0), _limit("OMNISENSE_PERCEPTS_DAYS", 90.0)


def _limit(variable: str, default: float) -> float:
    given = os.environ.get(variable) or default
    try:
        limit = float(given)
    except ValueError:
        limit = -1.0
    if not limit >= 0:
        raise InputError(f"{variable} is {given!r}", "Give a number, 0 or more.")
    return limit


def _remove_oldest(folder: Path, max_mb: float, max_days: float) -> None:
    now, sizes = time.time(), dict[Path, tuple[float, int]]()
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another process removed it
            found = path.stat()
            sizes[path] = (now - found.st_mtime, found.st_size)
    total = sum(size for _, size in sizes.values())
    for path, (idle_s, size) in sorted(sizes.items(), key=lambda item: -item[1][0]):
        too_old = idle_s > max_days * 86_400 or path.suffix != ".json"  # embeddings and leftovers of earlier versions
        if idle_s > _IN_USE_S and (too_old or total > max_mb * 1e6):
            total -= _remove(path) * size


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError as error:
        _log.warning("%s cannot be removed from the cache (%s)", path, error.strerror or error)
        return False
    return True


# --- forgetting ---------------------------------------------------------------------------------------------


def forget_clip(path: str | os.PathLike[str]) -> int:
    """Remove all cached percepts of a clip, of any window and settings; the clip itself stays.

    Args:
        path: the clip. If it is no longer there, percepts that were made from a file of this path are removed.

    Returns:
        The number of percepts that were removed.

    Raises:
        InputError: some of them cannot be removed.
    """
    found = Path(path).expanduser()
    digests = [sha256_of(found)] if os.path.isfile(found) else []
    return forget_percepts({str(found), _absolute(str(found))}, digests)


def forget_percepts(paths: Collection[str] = (), digests: Collection[str] = ()) -> int:
    """Remove cached percepts of clips.

    Args:
        paths: of the clips.
        digests: SHA-256 of their files.

    Returns:
        The number of percepts that were removed.

    Raises:
        InputError: some of them cannot be removed.
    """
    values = [("path", path) for path in paths] + [("sha256", digest) for digest in digests if digest]
    marks = [f'"{key}":{json.dumps(value, ensure_ascii=False)}'.encode("utf-8", "replace") for key, value in values]
    # They hold the clip's path and digest as JSON without spaces; reading it all takes longer.
    return _remove_all([path for path in _files() if any(mark in _content(path) for mark in marks)])


def forget_all_percepts() -> int:
    """Remove everything that is cached of any clip; see :func:`forget_percepts`."""
    return _remove_all(_files())


def _files() -> list[Path]:
    try:
        return sorted(_folder().iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(f"it cannot be read ({error.strerror or error})", "Make it readable.", _folder()) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # another process removed it
        return b""
    except OSError as error:
        raise InputError(f"it cannot be read ({error.strerror or error})", "Make it readable.", path) from error


def _remove_all(paths: list[Path]) -> int:
    stayed = [path for path in paths if not _remove(path) and path.exists()]
    if stayed:
        raise InputError("cached percepts cannot be removed", "Remove this folder yourself.", stayed[0].parent)
    return sum(path.suffix == ".json" for path in paths)


def _folder() -> Path:
    return home_dir() / "percepts"


def _absolute(path: str) -> str:
    return str(Path(path).resolve())
