"""``/v1/threads``: list, read, export and delete the conversations that are remembered."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from omnisense.agent.service.access import owner_of, service_of
from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.service import Service
from omnisense.agent.threads import ThreadSummary

router = APIRouter(prefix="/v1/threads", tags=["threads"])
Owner = Annotated[str, Depends(owner_of)]
Services = Annotated[Service, Depends(service_of)]


@router.get("")
async def list_threads(owner: Owner, service: Services) -> Any:
    """List the threads of the key's owner: turns, time of the last one, size."""
    found = await asyncio.to_thread(service.threads, owner)
    return {"object": "list", "data": [_summary(name, summary) for name, summary in found]}


@router.get("/{thread_id:path}/export", response_model=None)
async def export(thread_id: str, owner: Owner, service: Services) -> JSONResponse:
    """Return all that is kept of a thread, as a file to save."""
    kept = await asyncio.to_thread(_read, service, owner, thread_id)
    return JSONResponse(kept, headers={"Content-Disposition": 'attachment; filename="thread.json"'})


@router.get("/{thread_id:path}")
async def read(thread_id: str, owner: Owner, service: Services) -> Any:
    """Return a thread: its turns, the notes on the person, and whether its last turn was interrupted."""
    return await asyncio.to_thread(_read, service, owner, thread_id)


@router.delete("/{thread_id:path}", status_code=204)
async def delete(thread_id: str, owner: Owner, service: Services) -> None:
    """Delete a thread for good, with its notes and the percepts of its clips."""
    stored = _find(service, owner, thread_id).thread_id
    await asyncio.to_thread(service.agent.forget, stored)


def _find(service: Service, owner: str, thread_id: str) -> ThreadSummary:
    for name, summary in service.threads(owner):
        if name == thread_id:
            return summary
    raise ServiceError(404, "there is no such thread of yours here", "thread_not_found")


def _read(service: Service, owner: str, thread_id: str) -> dict[str, Any]:
    summary = _find(service, owner, thread_id)
    turns = [asdict(turn) for turn in service.agent.history(summary.thread_id)]
    for turn in turns:
        if turn["clip"]:
            turn["clip"]["path"] = turn["clip"]["path"].replace("\\", "/").rpartition("/")[2]
    notes = [asdict(note) for note in service.agent.notes(summary.thread_id)]
    return _summary(thread_id, summary) | {"items": turns, "notes": notes}


def _summary(name: str, summary: ThreadSummary) -> dict[str, Any]:
    return {"object": "thread", **summary.to_dict(), "thread_id": name}
