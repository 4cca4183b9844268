"""Percepts on disk, by the content of the clip, the settings, the models and the extractors."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from omnisense.errors import OmniSenseError
from omnisense.files import home_dir
from omnisense.perception.media.clip import Clip
from omnisense.perception.percepts import Percepts
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import ClipInfo

CACHE_FORMAT = 3  # increment when an extractor's results change for the same models and settings
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
    return home_dir() / "percepts" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


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
    return replace(percepts, provenance=replace(percepts.provenance, from_cache=True))


def write_percepts(path: Path, percepts: Percepts) -> Percepts:
    """Write percepts to the cache and return them, with a note if the cache cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        percepts.save(path)
    except OSError as error:  # the disk is full or read-only: what was perceived is still good
        note = f"not cached: {path.parent} cannot be written ({error.strerror or error})"
        _log.warning("percepts were %s; the next run extracts them again", note)
        return replace(percepts, provenance=replace(percepts.provenance, notes=(note,)))
    return percepts
