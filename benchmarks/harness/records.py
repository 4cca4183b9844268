"""Records: one answered or failed question each, and the run folder that keeps them.

``records.jsonl`` is only ever appended to, a batch at a time, and each batch is on disk before the next is counted. A
run that is killed leaves at most one torn line, which is cut off when the run is taken up again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from omnisense.errors import InputError
from omnisense.files import write_atomically


@dataclass(frozen=True)
class Record:
    """What became of one question.

    Attributes:
        id, task, level, kind, gold, question, options, form: of the item; a record needs no dataset to be read.
        status: ``answered``, or ``error``: the system was never heard, so it is neither right nor wrong.
        reply: the reply as it came; ``thinking`` and ``answer`` are what was read off it, ``how`` by which rule.
        strict: the strict score; ``reason`` says why. ``official``: the authors' score; None if not counted.
        probabilities: of the answers, where the system chose among them.
        prompt: SHA-256 (12 digits) of the words the model was given.
        frames: how many frames reached the model, ``times_s`` when; ``audio_s`` seconds of sound that reached it.
        length_s: of the clip, as far as the data says.
        parser: version of the answer parser.
        notes: what was not as asked for.
        seconds: the share of the batch's time.
        error: kind, cause, and whether another try may go better.
    """

    id: str
    task: str
    level: int
    kind: str
    gold: str
    question: str
    options: tuple[str, ...]
    status: Literal["answered", "error"]
    form: str = ""
    reply: str = ""
    thinking: str = ""
    answer: str = ""
    how: str = ""
    strict: float = 0.0
    reason: str = ""
    official: float | None = None
    probabilities: dict[str, float] | None = None
    prompt: str = ""
    frames: int = 0
    times_s: tuple[float, ...] = ()
    audio_s: float = 0.0
    length_s: float = 0.0
    parser: int = 0
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    error: dict[str, Any] | None = None

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Done:
    """A record, and a picture of the frames that the model saw (JPEG), where there were any."""

    record: Record
    strip: bytes | None = field(default=None, repr=False)


class RunFolder:
    """A run on disk: its manifest, its records, and the frames that were seen.

    Args:
        path: the folder; made if it is not there.
        manifest: everything needed to repeat the run. What is under ``identity`` must agree with a manifest that is
            already there; the rest is brought up to date.
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

    def append(self, done: Iterable[Done]) -> None:
        """Put records on disk; they are there when this returns.

        Raises:
            InputError: the disk is full or gone. What was written before stays.
        """
        done = list(done)
        try:
            for one in done:
                if one.strip:
                    (self.path / "frames").mkdir(exist_ok=True)
                    (self.path / "frames" / f"{one.record.id}.jpg").write_bytes(one.strip)
            data = "".join(one.record.line() for one in done).encode()
            while data:
                data = data[self._out.write(data) :]
            os.fsync(self._out.fileno())
        except OSError as error:
            raise InputError(
                f"the records cannot be written ({error.strerror}); those before are kept",
                "Make room, then run the same command again: it goes on from there.",
                self.path,
            ) from error

    def forget_errors(self) -> int:
        """Drop this file's error records, so that their questions are asked again. Says how many."""
        kept, dropped = [], 0
        for record in _read_file(self._file):
            if record.status == "error":
                dropped += 1
            else:
                kept.append(record.line())
        if dropped:
            self._out.close()
            write_atomically(self._file, "".join(kept))
            self._out = self._file.open("ab", buffering=0)
        return dropped


def claim(folder: Path, name: str = ".lock") -> FileLock:
    """A run folder for this process alone, made if it is not there; let go by ``release``.

    Raises:
        InputError: another process has it, or it cannot be written.
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
    """Write a run's manifest, or bring it up to date; the run keeps the start that it had.

    Raises:
        InputError: the folder holds a run with another ``identity``.
    """
    if (folder / "manifest.json").is_file():
        found = read_manifest(folder)
        before, now = found["identity"], manifest["identity"]
        differ = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        if differ:
            raise InputError(
                f"it holds another run (unlike in {', '.join(differ)})",
                "Name another --output, or remove it.",
                folder,
            )
        manifest = manifest | {"started": found["started"]}
    write_atomically(folder / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def read_manifest(folder: Path) -> dict[str, Any]:
    """A run's manifest.

    Raises:
        InputError: there is none, or it is damaged.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("it is not a run folder", "Give the folder of a run.", folder) from error
    if not isinstance(manifest, dict) or "identity" not in manifest:
        raise InputError("its manifest.json is not a run's", "Give the folder of a run.", folder)
    return manifest


def read_records(folder: Path) -> list[Record]:
    """All records of a run, of all its shards, ordered by id. A torn last line, left by a kill, is passed over.

    Raises:
        InputError: a line in the middle of a file is damaged.
    """
    by_id: dict[str, Record] = {}
    for file in sorted(folder.glob("records*.jsonl")):
        for record in _read_file(file):
            by_id.setdefault(record.id, record)
    return [by_id[key] for key in sorted(by_id)]


def _read_file(file: Path) -> list[Record]:
    if not file.is_file():
        return []
    records = []
    lines = file.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line or number == len(lines):  # after the last newline: nothing, or a torn line
            continue
        try:
            fields = json.loads(line)
            for name in ("times_s", "notes", "options"):
                fields[name] = tuple(fields[name])
            records.append(Record(**fields))
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"line {number} is no record ({error})", "Remove the line; its question will be asked again.", file
            ) from error
    return records


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
