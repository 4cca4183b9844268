"""``POST /v1/chat/completions`` and ``GET /v1/models``, in OpenAI's form."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response, StreamingResponse

from omnisense.agent.events import AgentEvent, Finished, StageDone, StreamPerceived
from omnisense.agent.response import Response as Reply
from omnisense.agent.service.access import owner_of, service_of
from omnisense.agent.service.chat_requests import MODEL, ChatRequest, TurnRequest, turn_request
from omnisense.agent.service.errors import ServiceError, service_error
from omnisense.agent.service.service import Service
from omnisense.errors import OmniSenseError
from omnisense.perception.types import Missing
from omnisense.reasoning.loop.state import CHARS_PER_TOKEN

_KEEP_ALIVE_S = 10.0  # proxies close connections on which nothing comes for a minute
router = APIRouter(prefix="/v1", tags=["chat"])


@router.get("/models")
async def list_models(_: Annotated[str, Depends(owner_of)], service: Annotated[Service, Depends(service_of)]) -> Any:
    """List the models: the agent, by the name that requests give."""
    return {"object": "list", "data": [_model(service)]}


@router.get("/models/{name}")
async def get_model(
    name: str, _: Annotated[str, Depends(owner_of)], service: Annotated[Service, Depends(service_of)]
) -> Any:
    """Describe one model."""
    if name != MODEL:
        raise ServiceError(404, f"there is no model '{name}' here: use '{MODEL}'", "model_not_found", "model")
    return _model(service)


def _model(service: Service) -> dict[str, Any]:
    return {
        "id": MODEL,
        "object": "model",
        "created": service.started_at,
        "owned_by": "omnisense",
        "policy": service.agent.policy.name,
    }


@router.post("/chat/completions", response_model=None)
async def complete(
    body: ChatRequest,
    owner: Annotated[str, Depends(owner_of)],
    service: Annotated[Service, Depends(service_of)],
) -> Response:
    """Reply to the last message of a conversation.

    Its media go through perception, and the field ``omnisense`` of the answer holds what the reply rests on: the
    appraisal with the events that it cites, the safety finding, the events of the clip's timeline, and the trace. A
    turn that has begun runs to its end, even if the client leaves; in a thread it is then in the history.
    """
    service.stored_name(owner, body.omnisense.thread_id)
    asked = await asyncio.to_thread(
        turn_request,
        body,
        service.settings,
        lambda name: service.clips.open(owner, name),
        service.agent.perception.open,
    )
    events: asyncio.Queue[AgentEvent] | None = asyncio.Queue() if body.stream and body.omnisense.events else None
    turn = service.queue.submit(owner, _work(service, owner, body, asked, events))
    if not body.stream:
        reply = await turn
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": reply.response, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
        return JSONResponse(
            {
                **_head("chat.completion"),
                "choices": [choice],
                "usage": _usage(reply),
                "omnisense": _evidence(reply, body, asked),
            }
        )
    return StreamingResponse(_stream(body, asked, turn, events), media_type="text/event-stream")


def _work(
    service: Service, owner: str, body: ChatRequest, asked: TurnRequest, events: asyncio.Queue[AgentEvent] | None
) -> Callable[[], Reply]:
    """Return the function that runs the turn in a thread."""
    thread_id = body.omnisense.thread_id
    loop = asyncio.get_running_loop()

    def work() -> Reply:
        def tell(event: AgentEvent) -> None:
            if events is not None:
                loop.call_soon_threadsafe(events.put_nowait, event)

        return service.run_turn(owner, asked.clip, asked.text, thread_id, asked.history, tell if events else None)

    return work


async def _stream(
    body: ChatRequest, asked: TurnRequest, turn: asyncio.Future[Reply], events: asyncio.Queue[AgentEvent] | None
) -> AsyncIterator[str]:
    head = _head("chat.completion.chunk")

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**head, "choices": [choice], **more})

    yield chunk({"role": "assistant", "content": ""})
    try:
        async for line in _progress(head, turn, events):
            yield line
        reply = turn.result()
    except ServiceError as error:
        yield _event(error.body())
        return
    except OmniSenseError as error:
        yield _event(service_error(error).body())
        return
    for piece in re.findall(r"\S+\s*|\s+", reply.response):
        yield chunk({"content": piece})
    yield chunk({}, "stop", omnisense=_evidence(reply, body, asked))
    if body.stream_options and body.stream_options.include_usage:
        yield _event({**head, "choices": [], "usage": _usage(reply)})
    yield "data: [DONE]\n\n"


async def _progress(
    head: dict[str, Any], turn: asyncio.Future[Reply], events: asyncio.Queue[AgentEvent] | None
) -> AsyncIterator[str]:
    """Yield the stages of the turn until it is over, and comments while nothing else comes."""
    waiting: asyncio.Future[Any] | None = None
    while True:
        if events is not None:
            waiting = waiting or asyncio.ensure_future(events.get())
        pending = {turn, waiting} if waiting else {turn}
        done, _ = await asyncio.wait(pending, timeout=_KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            yield ": the turn is running\n\n"
        if waiting in done and waiting is not None:
            described = describe_event(waiting.result())
            waiting = None
            if described:
                yield _event({**head, "choices": [], "omnisense": {"event": described}})
        elif turn in done:
            if waiting:
                waiting.cancel()
            return


def describe_event(event: AgentEvent) -> dict[str, Any] | None:
    """Return what a client is told of an event of a turn; None for pieces of drafts, which are not the reply."""
    if isinstance(event, StreamPerceived):
        reason = event.stream.reason if isinstance(event.stream, Missing) else None
        return {"type": "stream", "name": event.name, "seconds": event.seconds, "missing": reason}
    if isinstance(event, StageDone):
        return {"type": "stage", "name": event.stage, "seconds": round(event.seconds, 4)}
    if isinstance(event, Finished):
        return {"type": "finished"}
    return None


def _evidence(reply: Reply, body: ChatRequest, asked: TurnRequest) -> dict[str, Any]:
    """Return what the reply rests on, under the client's own name of the thread."""
    values = reply.to_dict()
    percepts = values.pop("percepts")
    events = reply.percepts.timeline().events if reply.percepts else ()
    values |= {
        "thread_id": body.omnisense.thread_id,
        "events": [event.__dict__ for event in events],
        "missing": dict(reply.percepts.missing()) if reply.percepts else {},
        "ignored": list(asked.ignored),
    }
    if body.omnisense.percepts:
        if percepts:
            percepts["clip"]["path"] = ""
        values["percepts"] = percepts
    return values


def _usage(reply: Reply) -> dict[str, int]:
    """Return estimates, at four characters a token: the calls of a turn are many, and of several kinds."""
    written = max(1, len(reply.response) // CHARS_PER_TOKEN)
    read = max(0, reply.trace.tokens - written)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _head(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": MODEL}


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"
