"""``/v1/runs``: evaluation runs in the folder that the operator names, to read while they are written or later."""

from __future__ import annotations

import asyncio
import functools
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse

from omnisense.agent.service.access import owner_of, service_of
from omnisense.agent.service.clips import media_type_of
from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.service import Service
from omnisense.benchmarks.harness.records import Record
from omnisense.benchmarks.harness.run_folder import read_manifest
from omnisense.benchmarks.harness.summary import load_run
from omnisense.errors import InputError, OmniSenseError

Outcome = Literal["right", "partly right", "wrong", "unreadable", "error"]
_MAX_DEPTH = 3
_FULL = 0.999  # strict scores are fractions where several answers or boxes are asked for
router = APIRouter(prefix="/v1/runs", tags=["runs"], dependencies=[Depends(owner_of)])
Services = Annotated[Service, Depends(service_of)]


@router.get("")
async def list_runs(service: Services) -> Any:
    """List the runs: system, benchmark, start, and how many questions were answered."""
    return {"object": "list", "data": await asyncio.to_thread(_list, service)}


@router.get("/{run:path}/records/{record_id}/frames", response_model=None)
async def frames(run: str, record_id: str, service: Services) -> FileResponse:
    """Return the frames that the model saw, as one picture."""
    file = _folder(service, run) / "frames" / f"{record_id}.jpg"
    if not re.fullmatch(r"[\w.-]+", record_id) or not file.is_file():
        raise ServiceError(404, "this record has no frames", "frames_not_found")
    return FileResponse(file, media_type="image/jpeg")


@router.get("/{run:path}/records/{record_id}/media/{number}", response_model=None)
async def medium(run: str, record_id: str, number: int, service: Services) -> FileResponse:
    """Return a medium of the prompt, for a player: the file that the record names, where it is still there."""
    missing = ServiceError(404, "this medium is not here", "medium_not_found")
    media = (await _find(service, run, record_id)).media
    if not 0 <= number < len(media):
        raise missing
    path = Path(str(media[number].get("path", "")))
    try:
        await asyncio.to_thread(service.agent.perception.open, path)  # a record can name any file: media only
    except OmniSenseError as error:
        raise missing from error
    return FileResponse(path, media_type=media_type_of(path), headers={"Content-Disposition": "inline"})


@router.get("/{run:path}/records/{record_id}")
async def read_record(run: str, record_id: str, service: Services) -> Any:
    """Return one record: question, options, right answer, prompt, media, reply, reasoning and scores."""
    record = await _find(service, run, record_id)
    has_frames = (_folder(service, run) / "frames" / f"{record_id}.jpg").is_file()
    return record.to_dict() | {"outcome": _outcome(record), "has_frames": has_frames}


@router.get("/{run:path}/records")
async def list_records(
    run: str,
    service: Services,
    task: Annotated[str | None, Query(description="of the question")] = None,
    outcome: Annotated[Outcome | None, Query(description="what became of it")] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Any:
    """List the records of a run, as far as they are written, and how many there are by task and outcome."""
    records = await asyncio.to_thread(_records, _folder(service, run))
    found = [r for r in records if task in (None, r.task) and outcome in (None, _outcome(r))]
    shown = [
        {"id": r.id, "task": r.task, "question": r.question, "answer": r.answer, "gold": r.gold, "outcome": _outcome(r)}
        for r in found[offset : offset + limit]
    ]
    return {
        "object": "list",
        "total": len(found),
        "tasks": dict(sorted(Counter(r.task for r in records).items())),
        "outcomes": {name: sum(_outcome(r) == name for r in records) for name in get_args(Outcome)},
        "data": shown,
    }


@router.get("/{run:path}")
async def read_run(run: str, service: Services) -> Any:
    """Return the manifest of a run: everything that is needed to repeat it."""
    return await asyncio.to_thread(read_manifest, _folder(service, run))


def _list(service: Service) -> list[dict[str, Any]]:
    root = service.settings.runs
    if root is None:
        return []
    found = []
    for depth in range(_MAX_DEPTH):
        for file in sorted(root.glob("*/" * depth + "manifest.json")):
            try:
                manifest = read_manifest(file.parent)
                lines = sum(_count_lines(path) for path in file.parent.glob("records*.jsonl"))
            except (InputError, OSError):  # another folder's manifest, or a run that is being removed
                continue
            found.append(
                {
                    "run": file.parent.relative_to(root).as_posix(),
                    "system": manifest.get("system", ""),
                    "benchmark": manifest["identity"].get("suite", ""),
                    "started": manifest.get("started", ""),
                    "questions": manifest.get("selection", {}).get("questions", 0),
                    "records": lines,
                }
            )
    return sorted(found, key=lambda run: str(run["started"]), reverse=True)


def _folder(service: Service, run: str) -> Path:
    """Return the folder of a run, which is inside that of the operator."""
    missing = ServiceError(404, "there is no such run here", "run_not_found")
    root = service.settings.runs
    if root is None:
        raise missing
    folder = (root / run).resolve()
    if not folder.is_relative_to(root.resolve()) or not (folder / "manifest.json").is_file():
        raise missing
    return folder


async def _find(service: Service, run: str, record_id: str) -> Record:
    for record in await asyncio.to_thread(_records, _folder(service, run)):
        if record.id == record_id:
            return record
    raise ServiceError(404, "the run has no such record", "record_not_found")


def _records(folder: Path) -> tuple[Record, ...]:
    stamps = tuple((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(folder.glob("records*.jsonl")))
    return _read_records(folder, stamps)


@functools.lru_cache(maxsize=8)
def _read_records(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> tuple[Record, ...]:
    return tuple(load_run(folder)[1])


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _outcome(record: Record) -> Outcome:
    if record.status == "error":
        return "error"
    if not record.answer:
        return "unreadable"
    if record.strict >= _FULL:
        return "right"
    return "partly right" if record.strict > 0 else "wrong"
