"""Run folders: one writer at a time, a manifest that identifies the run, and records that survive a kill.

``records.jsonl`` is only ever appended to, a batch at a time, and each batch is on disk before the next is counted. A
run that is killed leaves at most one torn line, which is cut off when the run is resumed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omnisense.benchmarks.harness.records import Outcome, read_record_file
from omnisense.errors import InputError
from omnisense.files import reporting_storage, write_atomically
from omnisense.text import parse_json


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Identity(_Part):
    suite: str
    data: str = ""
    system: dict[str, Any] = Field(default_factory=dict)


class _Data(_Part):
    path: str
    questions: int = 0
    groups: dict[str, list[str]] = Field(default_factory=dict)
    is_official: bool = False


class _Selection(_Part):
    questions: int
    tasks: list[str] = Field(default_factory=list)
    limit: int | None = None
    not_asked: dict[str, int] = Field(default_factory=dict)


class _Manifest(_Part):
    """What is read of a manifest; what is not in one of an earlier version has a default."""

    identity: _Identity
    system: str
    data: _Data = Field(default_factory=lambda: _Data(path=""))
    selection: _Selection
    started: str
    model: str = ""
    omnisense: str = ""


class RunFolder:
    """A run on disk: its manifest, its records, and the frames that the model saw.

    Args:
        path: the folder; created if it does not exist.
        manifest: everything needed to repeat the run. What is under ``identity`` must agree with a manifest that is
            already there; the rest is updated.
        shard: ``i/n`` for one of n runs that share the folder; each writes a file of its own.

    Raises:
        InputError: the folder holds another run, is in use, or cannot be written.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], shard: str = "") -> None:
        self.path = path
        suffix = f".{shard.replace('/', '-of-')}" if shard else ""
        self._file = path / f"records{suffix}.jsonl"
        self._lock = claim(path, f".lock{suffix}")
        write_manifest(path, manifest)
        cut_torn_line(self._file)
        self._out = self._file.open("ab", buffering=0)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()
        self._lock.release()

    def append(self, outcomes: Iterable[Outcome]) -> None:
        """Write records; they are on disk when this returns.

        Raises:
            InputError: the disk is full or gone. What was written before stays.
        """
        outcomes = list(outcomes)
        try:
            for outcome in outcomes:
                if outcome.contact_sheet:
                    (self.path / "frames").mkdir(exist_ok=True)
                    (self.path / "frames" / f"{outcome.record.id}.jpg").write_bytes(outcome.contact_sheet)
            lines = "".join(outcome.record.to_line() for outcome in outcomes)
            data = lines.encode("utf-8", "replace")  # a service may have cut a reply in the middle of a surrogate pair
            while data:
                data = data[self._out.write(data) :]
            os.fsync(self._out.fileno())
        except OSError as error:
            raise InputError(
                f"the records cannot be written ({error.strerror}); those before are kept",
                "Free some space, then run the same command again: it continues from there.",
                self.path,
            ) from error

    def drop_errors(self) -> int:
        """Remove this file's error records, so that their questions are asked again; return how many."""
        kept, dropped = [], 0
        for record in read_record_file(self._file):
            if record.status == "error":
                dropped += 1
            else:
                kept.append(record.to_line())
        if dropped:
            self._out.close()
            write_atomically(self._file, "".join(kept))
            self._out = self._file.open("ab", buffering=0)
        return dropped


def claim(folder: Path, name: str = ".lock") -> FileLock:
    """Lock a run folder for this process, creating it if it does not exist; ``release`` the lock to let go.

    Raises:
        InputError: another process holds it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / name, blocking=False)
        lock.acquire()
    except Timeout as error:
        raise InputError(
            "another process is writing this run", "Wait for it, or name another --output.", folder
        ) from error
    except OSError as error:
        raise InputError(f"it cannot be written ({error.strerror})", "Name another --output.", folder) from error
    return lock


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write a run's manifest, or update it; the run keeps its time of start.

    Raises:
        InputError: the folder holds a run with another ``identity``.
        StorageError: it cannot be written.
    """
    if (folder / "manifest.json").is_file():
        found = _read_json(folder)
        before, now = found["identity"], manifest["identity"]
        differ = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        if differ:
            raise InputError(
                f"it holds another run (different {', '.join(differ)})",
                "Name another --output, or remove it.",
                folder,
            )
        manifest = manifest | {"started": found["started"]}
    with reporting_storage(folder):
        write_atomically(folder / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a run's manifest.

    Raises:
        InputError: there is none, or it is damaged.
    """
    try:
        return _Manifest.model_validate(_read_json(folder)).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        said = first["msg"].partition(" or instance of")[0]
        raise InputError(f"its manifest.json is not a run's ({where}: {said})", "Give the folder of a run.",
                         folder) from error  # fmt: skip


def _read_json(folder: Path) -> dict[str, Any]:
    """Return the manifest of an evaluation or of a run of annotations."""
    try:
        manifest = parse_json((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("it is not a run folder", "Give the folder of a run.", folder) from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("identity"), dict) or "started" not in manifest:
        raise InputError("its manifest.json is not a run's", "Give the folder of a run.", folder)
    return manifest


def write_reports(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files of a report, by name, into a folder, which is created if it does not exist.

    Raises:
        InputError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_atomically(folder / name, text)
    except OSError as error:
        raise InputError(f"it cannot be written ({error.strerror})", "Name another folder.", folder) from error


def read_measured(file: Path) -> list[dict[str, Any]]:
    """Return what was measured, an object in each line; nothing where there is no file. A torn last line is skipped.

    Raises:
        InputError: another line is damaged.
    """
    rows = []
    for number, line in enumerate(file.read_text("utf-8").split("\n")[:-1] if file.is_file() else [], 1):
        try:
            row = parse_json(line or "{}")
        except ValueError as error:
            raise InputError(f"line {number} is damaged ({error})", "Remove it: what it held is measured again.",
                             file) from error  # fmt: skip
        rows += [row] if row else []
    return rows


def cut_torn_line(file: Path) -> None:
    """Cut off what a kill left of a last line."""
    if not file.is_file():
        return
    data = file.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with file.open("r+b") as out:
            out.truncate(whole)
            os.fsync(out.fileno())
