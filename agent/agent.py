"""The agent: a clip, a text, or both go in; an empathetic response with its evidence comes out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.graph import START

from omnisense.agent.memory import default_memory, open_memory
from omnisense.errors import InputError, MediaError, OmniSenseError
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.pipeline import Perception
from omnisense.perception.types import STREAMS, Percepts
from omnisense.reasoning.loop.graph import STAGES, build_graph
from omnisense.reasoning.loop.nodes import OnStream
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.load import DEFAULT_POLICY, load_policy

_APPRAISALS = ("characteristics", "emotion", "context", "need", "strategy")
_TURN_START: dict[str, Any] = {
    "percepts": None,
    "characteristics": {},
    "emotion": {},
    "context": {},
    "need": {},
    "strategy": {},
    "drafts": [],
    "revisions": 0,
    "best": {},
    "safety": {},
    "response": "",
    "spent_tokens": 0,
    "notes": [],
}


@dataclass(frozen=True)
class Response:
    """The answer to one turn, and everything it rests on.

    Attributes:
        response: what to say to the person.
        appraisal: characteristics, emotion, context, need, strategy; each with ``value``, ``detail``,
            ``confidence`` and ``evidence`` (spans of the timeline). Empty when the safety gate answered.
        safety: category and quote of a risk, ``escalate`` for the host application, attempts to command the agent.
        percepts: what was perceived in the clip; None for a turn of text.
        trace: the drafts with their scores and faults, and how the reply came about.
        timings_s: seconds by stage.
    """

    response: str
    appraisal: dict[str, Any]
    safety: dict[str, Any]
    percepts: Percepts | None
    trace: dict[str, Any]
    timings_s: dict[str, float] = field(default_factory=dict)
    thread_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON-ready values."""
        return {
            "response": self.response,
            "appraisal": self.appraisal,
            "safety": self.safety,
            "percepts": self.percepts.to_dict() if self.percepts else None,
            "trace": self.trace,
            "timings_s": self.timings_s,
            "thread_id": self.thread_id,
        }


@dataclass(frozen=True)
class StreamPerceived:
    """A stream of the clip is done (or missing)."""

    name: str
    stream: Any
    seconds: float


@dataclass(frozen=True)
class StageDone:
    """A step of the loop is done; ``update`` is what it added to the state."""

    stage: str
    update: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class Token:
    """A piece of the first draft while it is written. The final reply may be another draft."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The turn is over."""

    response: Response


AgentEvent = StreamPerceived | StageDone | Token | Finished


class Agent:
    """A conversational agent.

    Args:
        policy: a policy, or a name for :func:`omnisense.load_policy`.
        perception: how clips are perceived.
        memory: where conversations are kept: a SQLite file, a ``postgres://`` URL, or None for this process only. By
            default ``conversations.sqlite`` in :func:`omnisense.files.home_dir`.
        settings: budgets, revision limits and guidance of the loop.

    ``with Agent() as agent:`` closes the memory at the end.
    """

    def __init__(
        self,
        policy: Policy | str = DEFAULT_POLICY,
        perception: Perception | None = None,
        memory: str | Path | None = "",
        settings: LoopSettings | None = None,
    ) -> None:
        self.policy = load_policy(policy) if isinstance(policy, str) else policy
        self.perception = perception or Perception()
        self._memory = open_memory(default_memory() if memory == "" else memory)
        self._loop = build_graph(self.policy, self._perceive, settings)
        # The same graph over the memory. A turn is checkpointed where it begins and where it ends, not at each of its
        # steps: a tenth of the writes, and a turn that was cut off starts again with its percepts from the cache.
        self._threads = build_graph(self.policy, self._perceive, settings, self._memory)

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the memory's connection, if it has one."""
        connection = getattr(self._memory, "conn", None)  # only the database savers have one
        if connection is not None:
            connection.close()

    def respond(
        self, clip: Clip | str | Path | None = None, text: str | None = None, thread_id: str | None = None
    ) -> Response:
        """Answer one turn.

        Args:
            clip: a clip, a window of one, or a path.
            text: what the person typed.
            thread_id: the conversation that the turn belongs to; None for a turn that is not remembered.

        Raises:
            MediaError: the clip cannot be opened, or nothing at all can be perceived in it and there is no text.
            InputError: neither clip nor text.
            PolicyError, ModelError: the policy failed; the turn can be taken up again with :meth:`resume`.
        """
        return _last(self._turn(clip, text, thread_id, live=False))

    def stream(
        self, clip: Clip | str | Path | None = None, text: str | None = None, thread_id: str | None = None
    ) -> Iterator[AgentEvent]:
        """The same turn as events while it happens; the last is :class:`Finished`."""
        return self._turn(clip, text, thread_id, live=True)

    def _turn(
        self, clip: Clip | str | Path | None, text: str | None, thread_id: str | None, live: bool
    ) -> Iterator[AgentEvent]:
        text = (text or "").strip()
        if clip is None and not text:
            raise InputError("there is neither a clip nor a text", "Give at least one of them.")
        if clip is not None and not isinstance(clip, Clip):
            clip = open_clip(clip)
        turn = {"typed": text, "clip": _reference(clip, needed=not text) if clip else None}
        if thread_id is None:
            yield from self._run(turn, {}, None, live)
            return
        before = self._threads.get_state(_config(thread_id))
        notes = []
        if before.next:
            notes = self._finish_interrupted(thread_id)
            before = self._threads.get_state(_config(thread_id))
        self._threads.update_state(_config(thread_id), turn, as_node=START)
        yield from self._run(turn | {"notes": notes}, before.values, thread_id, live)

    async def arespond(
        self, clip: Clip | str | Path | None = None, text: str | None = None, thread_id: str | None = None
    ) -> Response:
        """:meth:`respond` for asyncio: the work runs in a thread."""
        return await asyncio.to_thread(self.respond, clip, text, thread_id)

    async def astream(
        self, clip: Clip | str | Path | None = None, text: str | None = None, thread_id: str | None = None
    ) -> AsyncIterator[AgentEvent]:
        """:meth:`stream` for asyncio: the work runs in a thread, events arrive as they happen."""
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[AgentEvent | BaseException | None] = asyncio.Queue()

        def work() -> None:
            try:
                for event in self.stream(clip, text, thread_id):
                    loop.call_soon_threadsafe(events.put_nowait, event)
                loop.call_soon_threadsafe(events.put_nowait, None)
            except BaseException as error:
                loop.call_soon_threadsafe(events.put_nowait, error)

        worker = asyncio.create_task(asyncio.to_thread(work))
        while (event := await events.get()) is not None:
            if isinstance(event, BaseException):
                raise event
            yield event
        await worker

    def interrupted(self, thread_id: str) -> bool:
        """Whether the thread's last turn was cut off before its reply."""
        return bool(self._threads.get_state(_config(thread_id)).next)  # empty after a turn's last step

    def resume(self, thread_id: str) -> Response | None:
        """Finish a turn that was cut off, from its last finished step; None when there is none."""
        state = self._threads.get_state(_config(thread_id))
        return _last(self._run({}, state.values, thread_id, live=False)) if state.next else None

    def history(self, thread_id: str) -> list[dict[str, Any]]:
        """The thread's turns: what was heard and typed, the clip, the reply, the emotion."""
        turns: list[dict[str, Any]] = self._threads.get_state(_config(thread_id)).values.get("turns", [])
        return turns

    def _finish_interrupted(self, thread_id: str) -> list[str]:
        try:
            return ["an interrupted turn was finished first"] if self.resume(thread_id) else []
        except OmniSenseError as error:  # it must not stand in the way of the turn that is asked for now
            return [f"an interrupted turn was dropped: {error}"]

    def _run(
        self, turn: dict[str, Any], before: dict[str, Any], thread_id: str | None, live: bool
    ) -> Iterator[AgentEvent]:
        """Run a turn after the thread's state ``before`` it; an empty turn is the one that this state holds."""
        kept = {key: before[key] for key in ("turns", "typed", "clip") if key in before}
        state = _TURN_START | kept | turn
        timings: dict[str, float] = {}
        began = time.perf_counter()
        # Without "custom" LangGraph runs each step in this thread, which halves what the loop itself costs.
        for mode, item in self._loop.stream(state, stream_mode=["updates", "custom"] if live else ["updates"]):
            if mode == "custom":
                yield Token(item["token"]) if "token" in item else StreamPerceived(*item["stream"])
                continue
            for stage, update in item.items():
                seconds, began = time.perf_counter() - began, time.perf_counter()
                timings[stage] = round(timings.get(stage, 0.0) + seconds, 4)
                state |= update
                yield StageDone(stage, update, seconds)
        if thread_id is not None:  # the turns are what a conversation is; drafts and appraisals went to the caller
            self._threads.update_state(_config(thread_id), {"turns": state["turns"]}, as_node="release")
        yield Finished(self._response(state, timings, thread_id))

    def _response(self, state: dict[str, Any], timings: dict[str, float], thread_id: str | None) -> Response:
        path = state.get("percepts")
        percepts = Percepts.from_json(Path(path).read_bytes()) if path else None
        timings = {stage: timings[stage] for stage in STAGES if stage in timings}
        trace = {
            "policy": self.policy.name,
            "reply": state.get("best", {}),
            "drafts": state.get("drafts", []),
            "revisions": max(0, state.get("revisions", 0) - 1),
            "tokens": state.get("spent_tokens", 0),
            "notes": state.get("notes", []),
        }
        return Response(
            response=state["response"],
            appraisal={k: state[k] for k in _APPRAISALS if state.get(k)},
            safety=state["safety"],
            percepts=percepts,
            trace=trace,
            timings_s=timings | {"total": round(sum(timings.values()), 4)},
            thread_id=thread_id,
        )

    def _perceive(self, reference: dict[str, Any], on_stream: OnStream | None) -> str:
        clip = open_clip(reference["path"])
        if clip.kind != "image":
            clip = clip[reference["start_s"] : reference["end_s"]]
        percepts = self.perception.perceive(clip, on_stream)
        if reference["needed"] and len(percepts.missing()) == len(STREAMS):
            raise MediaError(
                "nothing in it could be seen or heard: "
                + "; ".join(f"{name}: {reason}" for name, reason in percepts.missing().items()),
                "Give another clip.",
                clip.path,
            )
        # A stream that is missing for now keeps percepts out of the cache; the turn still needs them on disk.
        path = self.perception.stored(clip, percepts.clip)
        if not path.is_file():
            path = path.with_suffix(".partial.json")
            percepts.save(path)
        return str(path)


def _reference(clip: Clip, needed: bool) -> dict[str, Any]:
    """A clip as checkpoints hold it; ``needed``: there is no text to answer if nothing is perceived in it."""
    return {
        "path": str(clip.path.resolve()),
        "start_s": clip.start_s,
        "end_s": clip.start_s + clip.duration_s,
        "needed": needed,
    }


def _config(thread_id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread_id}}


def _last(events: Iterator[AgentEvent]) -> Response:
    response: Response | None = None
    for event in events:
        if isinstance(event, Finished):
            response = event.response
    assert response is not None, "a turn always ends with Finished"
    return response
