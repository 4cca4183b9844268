"""Uploaded clips: a private folder for each, with the file, what is known of it, and its percepts."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import AsyncIterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.media import open_within_limits
from omnisense.agent.service.settings import ServiceSettings
from omnisense.errors import OmniSenseError, StorageError
from omnisense.files import data_dir, make_private_folder, private_opener, write_atomically
from omnisense.perception.cache import forget_clip
from omnisense.perception.media.clip import Clip
from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.perception.types import Missing
from omnisense.text import parse_json

_ID = re.compile(r"[0-9a-f]{32}")
KEEP_ALIVE_S = 5.0  # how often a server tells others that it still perceives its clips
_DEAD_S = 30.0  # after so long without that, it has ended before the clip was perceived
_log = logging.getLogger(__name__)
Status = Literal["perceiving", "ready", "failed"]


@dataclass
class UploadedClip:
    """An uploaded clip.

    Attributes:
        id: that requests give, as the URL ``clip:ID``.
        name: of the file on the client's machine; shown, never used as a path.
        kind: ``video``, ``audio`` or ``image``.
        duration_s: of the clip.
        width: of the frames in pixels, likewise ``height``; 0 without frames.
        size_bytes: of the file.
        created_at: Unix time.
        status: whether it is being perceived.
        streams: those that are done: their seconds, and why one is missing.
        error: why it could not be perceived.
    """

    id: str
    name: str
    kind: str
    duration_s: float
    width: int
    height: int
    size_bytes: int
    created_at: float
    status: Status = "perceiving"
    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: str | None = None


class ClipStore:
    """Keeps uploaded clips by owner, for as long as the settings say.

    Several servers may share the folder: each sees the others' clips, and how far their perception is.

    Args:
        settings: with the folder and the limits.
        perception: opens and perceives them.
    """

    def __init__(self, settings: ServiceSettings, perception: Perception) -> None:
        self._settings, self._perception = settings, perception
        self._root = settings.uploads or data_dir() / "uploads"
        self._guard = threading.Lock()
        self._perceiving: dict[tuple[str, str], UploadedClip] = {}  # by this server

    async def receive(self, owner: str, name: str, body: AsyncIterable[bytes]) -> UploadedClip:
        """Write the body of a request to a file, and check that it is a clip within the limits.

        Raises:
            ServiceError: it is over a limit, or the owner's clips are.
            MediaError: it is no clip.
            StorageError: it cannot be written.
        """
        self._check_room(owner)
        clip_id = uuid.uuid4().hex
        folder = self._folder(owner, clip_id)
        try:
            make_private_folder(self._root)
            make_private_folder(folder.parent)
            make_private_folder(folder)
            with open(folder / "media", "wb", opener=private_opener) as file:
                async for chunk in body:
                    file.write(chunk)
            clip = await asyncio.to_thread(open_within_limits, folder / "media", self._settings, self._perception.open)
            size = (folder / "media").stat().st_size
            name = name.replace("\\", "/").rpartition("/")[2][:200] or "clip"
            known = UploadedClip(
                clip_id, name, clip.kind, round(clip.duration_s, 3), clip.width, clip.height, size, time.time()
            )
            self._save(owner, known)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StorageError(f"the upload cannot be kept ({error.strerror})", "Check the server's disk.") from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with self._guard:
            self._perceiving[owner, clip_id] = known
        return known

    def _check_room(self, owner: str) -> None:
        """Check that the clips of an owner are not over the limit together."""
        kept, limit = sum(clip.size_bytes for clip in self.list(owner)) / 2**20, self._settings.max_uploads_mb
        if kept >= limit:
            raise ServiceError(
                413, f"clips of {kept:.0f} MiB are kept, and {limit:g} MiB are allowed: delete some", "uploads_full"
            )

    def perceive(self, owner: str, uploaded: UploadedClip) -> None:
        """Perceive a clip, and keep its percepts beside it; what goes wrong is its ``error``."""

        def on_stream(name: str, stream: object, seconds: float) -> None:
            reason = stream.reason if isinstance(stream, Missing) else None
            uploaded.streams = uploaded.streams | {name: {"seconds": seconds, "missing": reason}}
            with contextlib.suppress(OSError):  # what follows tells of a full disk
                self._save(owner, uploaded)

        folder = self._folder(owner, uploaded.id)
        try:
            percepts = self._perception.perceive(folder / "media", on_stream)
            write_atomically(folder / "percepts.json", percepts.to_json(), private=True)
            uploaded.status = "ready"
        except (OmniSenseError, OSError) as error:
            uploaded.status = "failed"
            uploaded.error = error.problem if isinstance(error, OmniSenseError) else "the percepts cannot be kept"
            _log.warning("an uploaded clip could not be perceived: %s", type(error).__name__, exc_info=True)
        finally:
            with self._guard:
                self._perceiving.pop((owner, uploaded.id), None)
            with contextlib.suppress(OSError):  # then it counts as not perceived after a while
                self._save(owner, uploaded)

    def keep_alive(self) -> None:
        """Tell other servers that this one still perceives its clips; to be called every :data:`KEEP_ALIVE_S`."""
        with self._guard:
            perceiving = list(self._perceiving)
        for owner, clip_id in perceiving:
            with contextlib.suppress(OSError):  # it is being deleted
                os.utime(self._folder(owner, clip_id) / "clip.json")

    def list(self, owner: str) -> list[UploadedClip]:
        """Return an owner's clips, the newest first, after those whose time is over were removed."""
        found = []
        for folder in self._folder(owner, "").glob("*"):
            with contextlib.suppress(ServiceError):
                found.append(self.get(owner, folder.name))
        return sorted(found, key=lambda clip: -clip.created_at)

    def get(self, owner: str, clip_id: str) -> UploadedClip:
        """Return one of an owner's clips.

        Raises:
            ServiceError: 404, there is no such clip, or no longer.
        """
        missing = ServiceError(404, f"there is no clip '{clip_id[:40]}' of yours here", "clip_not_found")
        if not _ID.fullmatch(clip_id):
            raise missing
        known = _read(self._folder(owner, clip_id))
        if known is None:
            raise missing
        if time.time() - known.created_at > self._settings.upload_hours * 3600:
            self.delete(owner, clip_id)
            raise missing
        return known

    def path(self, owner: str, clip_id: str) -> Path:
        """Return the file of a clip; raises as :meth:`get`."""
        return self._folder(owner, self.get(owner, clip_id).id) / "media"

    def open(self, owner: str, clip_id: str) -> Clip:
        """Open a clip; raises as :meth:`get`."""
        return self._perception.open(self.path(owner, clip_id))

    def percepts(self, owner: str, clip_id: str) -> Percepts:
        """Return the percepts of a clip.

        Raises:
            ServiceError: 404, there is no such clip; 409, it is still being perceived, or could not be.
        """
        known = self.get(owner, clip_id)
        if known.status != "ready":
            raise ServiceError(409, known.error or "the clip is still being perceived", f"clip_{known.status}")
        return Percepts.from_json((self._folder(owner, clip_id) / "percepts.json").read_bytes())

    def delete(self, owner: str, clip_id: str) -> None:
        """Remove a clip for good, with its percepts here and in the cache."""
        folder = self._folder(owner, clip_id)
        with contextlib.suppress(OmniSenseError):
            forget_clip(folder / "media")
        shutil.rmtree(folder, ignore_errors=True)
        with self._guard:
            self._perceiving.pop((owner, clip_id), None)

    def remove_expired(self) -> None:
        """Remove the clips of all owners whose time is over."""
        for folder in self._root.glob("*/*"):
            known = _read(folder)
            if time.time() - (known.created_at if known else _written_at(folder)) > self._settings.upload_hours * 3600:
                with contextlib.suppress(OmniSenseError):
                    forget_clip(folder / "media")
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, owner: str, clip_id: str) -> Path:
        return self._root / hashlib.sha256(owner.encode()).hexdigest()[:16] / clip_id

    def _save(self, owner: str, known: UploadedClip) -> None:
        folder = self._folder(owner, known.id)
        if folder.is_dir():  # it was not deleted meanwhile
            write_atomically(folder / "clip.json", json.dumps(asdict(known)), private=True)


def _written_at(folder: Path) -> float:
    """Return when an upload that is not complete was last written to; a running one must not be removed."""
    for path in (folder / "media", folder):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return time.time()  # it is gone


def _read(folder: Path) -> UploadedClip | None:
    """Read what is known of a clip; one whose perception a killed server did not end has failed."""
    file = folder / "clip.json"
    try:
        known = UploadedClip(**parse_json(file.read_text("utf-8")))
        age_s = time.time() - file.stat().st_mtime
    except (OSError, ValueError, TypeError):
        return None
    if known.status == "perceiving" and age_s > _DEAD_S:
        known.status, known.error = "failed", "the server ended before the clip was perceived: upload it again"
    return known
