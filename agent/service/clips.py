"""``/v1/clips``: upload a clip, follow its perception, read its percepts and its timeline, delete it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from omnisense.agent.service.access import owner_of, service_of
from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.service import Service
from omnisense.agent.service.timeline_view import timeline_view

_POLL_S = 0.1
# What a browser may play, by how the file begins (offset, bytes); anything else is bytes. Never HTML or SVG.
_TYPES = (
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (8, b"WAVE", "audio/wav"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\x89PNG", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
)
router = APIRouter(prefix="/v1/clips", tags=["clips"])
Owner = Annotated[str, Depends(owner_of)]
Services = Annotated[Service, Depends(service_of)]


@router.post("", status_code=201)
async def upload(
    request: Request,
    owner: Owner,
    service: Services,
    name: Annotated[str, Query(max_length=1000, description="of the file, to show")] = "clip",
) -> Any:
    """Upload a clip: the body is the file itself. Its perception begins at once; see ``/v1/clips/{id}/events``."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ServiceError(415, "the body is a form: send the file itself (curl --data-binary @clip.mp4)", "not_a_file")
    uploaded = await service.clips.receive(owner, name, request.stream())
    try:
        job = service.queue.submit(owner, lambda: service.clips.perceive(owner, uploaded))
    except BaseException:
        service.clips.delete(owner, uploaded.id)
        raise
    job.add_done_callback(lambda done: done.cancelled() or done.exception())  # a bug is in the log already
    return asdict(uploaded)


@router.get("")
async def list_clips(owner: Owner, service: Services) -> Any:
    """List the clips that are here, the newest first."""
    found = await asyncio.to_thread(service.clips.list, owner)
    return {"object": "list", "data": [asdict(clip) for clip in found]}


@router.get("/{clip_id}")
async def get_clip(clip_id: str, owner: Owner, service: Services) -> Any:
    """Describe a clip: what it is, and which streams are perceived."""
    return asdict(service.clips.get(owner, clip_id))


@router.get("/{clip_id}/events", response_model=None)
async def follow(clip_id: str, owner: Owner, service: Services) -> StreamingResponse:
    """Follow the perception of a clip: server-sent events, each the clip's description, until it is done."""
    service.clips.get(owner, clip_id)

    async def events() -> AsyncIterator[str]:
        told = ""
        while True:
            try:
                known = service.clips.get(owner, clip_id)
            except ServiceError as error:  # it was deleted meanwhile
                yield f"data: {json.dumps(error.body())}\n\n"
                return
            described = json.dumps(asdict(known))
            if described != told:
                told = described
                yield f"data: {described}\n\n"
            if known.status != "perceiving":
                return
            await asyncio.sleep(_POLL_S)

    return StreamingResponse(events(), media_type="text/event-stream")


@router.get("/{clip_id}/percepts", response_model=None)
async def percepts(clip_id: str, owner: Owner, service: Services) -> Response:
    """Return all that was perceived, as ``omnisense perceive --json`` prints it."""
    found = await asyncio.to_thread(service.clips.percepts, owner, clip_id)
    values = found.to_dict()
    values["clip"]["path"] = ""
    return Response(json.dumps(values), media_type="application/json")


@router.get("/{clip_id}/timeline")
async def timeline(clip_id: str, owner: Owner, service: Services) -> Any:
    """Return the events of the clip's timeline, in lanes: speech by person, expression, tone, gestures, conflicts."""
    return timeline_view(await asyncio.to_thread(service.clips.percepts, owner, clip_id))


@router.get("/{clip_id}/content", response_model=None)
async def content(clip_id: str, owner: Owner, service: Services) -> FileResponse:
    """Return the file, for a player."""
    path = service.clips.path(owner, clip_id)
    return FileResponse(
        path,
        media_type=media_type_of(path),
        headers={"Cache-Control": "private, no-store", "Content-Disposition": "inline"},
    )


@router.delete("/{clip_id}", status_code=204)
async def delete(clip_id: str, owner: Owner, service: Services) -> None:
    """Delete a clip and its percepts for good."""
    service.clips.get(owner, clip_id)
    await asyncio.to_thread(service.clips.delete, owner, clip_id)


def media_type_of(path: Path) -> str:
    """Return the type of a file that a browser may play; that of bytes for any other."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((kind for at, known, kind in _TYPES if head[at:].startswith(known)), "application/octet-stream")
