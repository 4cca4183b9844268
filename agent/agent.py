"""The agent: a clip, a text, or both go in; an empathetic response with its evidence comes out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omnisense.agent.background import iterate_in_thread
from omnisense.agent.events import AgentEvent, Finished, StageDone, StreamPerceived, Token
from omnisense.agent.memory import Conversation, ConversationMemory, default_memory, open_memory
from omnisense.agent.response import Response
from omnisense.agent.rows import PendingTurn
from omnisense.agent.threads import ThreadSummary
from omnisense.errors import ConflictError, InputError, OmniSenseError, StorageError
from omnisense.perception.cache import forget_all_percepts
from omnisense.perception.media.clip import Clip, ClipSource
from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.reasoning.loop.appraisal import Trace
from omnisense.reasoning.loop.conversation import ClipReference, Turn
from omnisense.reasoning.loop.extensions import Node, SafetyCheck
from omnisense.reasoning.loop.gates import append_turn
from omnisense.reasoning.loop.graph import build_graph
from omnisense.reasoning.loop.notes import Note
from omnisense.reasoning.loop.sentence_gate import CheckedSentence
from omnisense.reasoning.loop.state import LoopSettings, State, appraisal_of, initial_state
from omnisense.reasoning.policies.base import DEFAULT_POLICY, Policy
from omnisense.reasoning.policies.load import load_policy

if TYPE_CHECKING:
    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_core.tools import BaseTool

__all__ = ["Agent", "AgentEvent", "Finished", "StageDone", "StreamPerceived", "Token"]

_log = logging.getLogger(__name__)


class Agent:
    """A conversational agent.

    Args:
        policy: a policy, or a name for :func:`omnisense.load_policy`.
        perception: how clips are perceived.
        memory: where conversations are kept: a SQLite file, a ``postgres://`` URL, or None for this process only. By
            default ``conversations.sqlite`` in :func:`omnisense.files.data_dir`. It is opened when the first thread is
            named, and not before.
        settings: budgets, persona, revision limits and guidance of the loop.
        nodes: of your own in the loop's graph, to add or to replace one.
        safety_checks: of your own, after the built-in one.
        tools: LangChain tools of your own, which a policy that leads may call before it answers.
        callbacks: LangChain callback handlers (a tracer, for instance): they see every node and chat model call of a
            turn. Nothing is traced unless one is given.
        turn_wait_s: how long a turn waits for an earlier one of the same thread, here or in another process, before it
            is refused with a ConflictError.

    ``graph`` is the compiled LangGraph graph of the loop.

    An agent may be used from several threads at once: turns of one conversation follow each other, others run side by
    side. ``with Agent() as agent:`` closes the memory at the end.
    """

    def __init__(
        self,
        policy: Policy | str = DEFAULT_POLICY,
        perception: Perception | None = None,
        memory: str | Path | None = "",
        settings: LoopSettings | None = None,
        turn_wait_s: float = 300.0,
        nodes: Sequence[Node] = (),
        safety_checks: Sequence[SafetyCheck] = (),
        tools: Sequence[BaseTool] = (),
        callbacks: Sequence[BaseCallbackHandler] = (),
    ) -> None:
        self.policy = load_policy(policy) if isinstance(policy, str) else policy
        self.perception = perception or Perception()
        self._where = default_memory() if memory == "" else memory
        self._opened: ConversationMemory | None = None
        self._opening = threading.Lock()
        self._turn_wait_s = turn_wait_s
        self._max_text_chars = (settings or LoopSettings()).max_text_chars
        self.graph = build_graph(
            self.policy,
            self.perception.perceive,
            settings,
            nodes,
            safety_checks,
            self.perception.add_text_emotion,
            tools,
            self.perception.perceive_closely,
        )
        self._config = {"callbacks": list(callbacks), "run_name": "omnisense turn"}

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the memory; it is opened again when a thread is named."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def respond(
        self,
        clip: Clip | ClipSource | None = None,
        text: str | None = None,
        thread_id: str | None = None,
        history: Sequence[Turn] = (),
    ) -> Response:
        """Answer one turn.

        Args:
            clip: an open clip, a window of one, a path (which is opened once), bytes, or a binary file object
                (which are not kept: such a turn cannot be resumed once it is interrupted).
            text: what the person typed; unpaired surrogates, which no encoding can hold, become U+FFFD.
            thread_id: the conversation that the turn belongs to; None for a turn that is not remembered.
            history: the turns before this one, for a conversation that the caller remembers; not with a thread.

        Raises:
            MediaError: the clip cannot be opened, or nothing at all can be perceived in it and there is no text.
            InputError: neither clip nor text, too long a text, a clip of another type, a thread id with NUL or unpaired
                surrogates, or both a thread and a history.
            PolicyError, ModelError: the policy failed; :meth:`resume` runs the turn again.
            ConflictError: another turn of the thread did not end in time, or has overtaken this one.
            StorageError: the conversation cannot be read or written; nothing of it is lost.
        """
        return _last(self._turn(clip, text, thread_id, history, live=False))

    def stream(
        self,
        clip: Clip | ClipSource | None = None,
        text: str | None = None,
        thread_id: str | None = None,
        history: Sequence[Turn] = (),
    ) -> Iterator[AgentEvent]:
        """Answer one turn, as events while it happens; the last is :class:`Finished`.

        Other turns of the thread wait until the events are read to the end, or the iterator is closed, which interrupts
        the turn.
        """
        return self._turn(clip, text, thread_id, history, live=True)

    def answer(
        self, percepts: Percepts | None, text: str, turns: Sequence[Turn], facts: Sequence[Note] = ()
    ) -> Iterator[AgentEvent]:
        """Answer one turn from what was perceived already, as events; :meth:`open_turn` records what came of it.

        Args:
            percepts: of the person's turn; None for a turn of text.
            text: what the person typed; may be empty where there are percepts.
            turns: the conversation so far.
            facts: what the person told in earlier turns.
        """
        return self._run(initial_state(None, text, turns, facts=facts, percepts=percepts), None, None, live=True)

    @contextlib.contextmanager
    def open_turn(self, thread_id: str, heard: str) -> Iterator[Callable[[Turn, Sequence[str]], None]]:
        """Begin a turn of a thread whose answer the caller runs; yields a function that records it.

        Args:
            thread_id: the conversation; its other turns wait meanwhile.
            heard: what the person said and typed; :meth:`resume` answers it if this turn is never recorded.

        Raises:
            ConflictError, StorageError: as :meth:`respond`.
        """
        memory = self._memory()
        with memory.hold(thread_id, self._turn_wait_s):
            mark = memory.begin(thread_id, PendingTurn(heard, None))
            yield lambda turn, told: memory.finish(thread_id, mark, turn, told)

    async def arespond(
        self,
        clip: Clip | ClipSource | None = None,
        text: str | None = None,
        thread_id: str | None = None,
        history: Sequence[Turn] = (),
    ) -> Response:
        """:meth:`respond` for asyncio: the work runs in a thread."""
        return await asyncio.to_thread(self.respond, clip, text, thread_id, history)

    async def astream(
        self,
        clip: Clip | ClipSource | None = None,
        text: str | None = None,
        thread_id: str | None = None,
        history: Sequence[Turn] = (),
    ) -> AsyncIterator[AgentEvent]:
        """:meth:`stream` for asyncio: the work runs in a thread, events arrive as they happen.

        Closing the iterator, or cancelling the task that reads it, interrupts the turn at its next event.
        """
        async for event in iterate_in_thread(lambda: self._turn(clip, text, thread_id, history, live=True)):
            yield event

    def interrupted(self, thread_id: str) -> bool:
        """Whether the thread's last turn was interrupted before its reply; one that is still running was not."""
        try:
            with self._memory().hold(thread_id, timeout_s=0):
                return self._memory().load(thread_id).pending is not None
        except ConflictError:  # it is running
            return False

    def resume(self, thread_id: str) -> Response | None:
        """Run an interrupted turn again, its percepts from the cache; None when there is none."""
        with self._memory().hold(thread_id, self._turn_wait_s):
            return self._resume(thread_id, self._memory().load(thread_id))

    def history(self, thread_id: str) -> Sequence[Turn]:
        """Return the thread's turns: what was heard and typed, the clip, the reply, the emotion."""
        return self._memory().load(thread_id).turns

    def notes(self, thread_id: str) -> Sequence[Note]:
        """Return what the person told about themselves in the thread: short facts, each with its turn."""
        return self._memory().load(thread_id).notes

    def forget_note(self, thread_id: str, note_id: int) -> None:
        """Delete one of :meth:`notes`; the turn that it comes from stays in the history.

        Raises:
            InputError: the thread has no such note.
        """
        if not self._memory().forget_note(thread_id, note_id):
            raise InputError(f"the conversation {thread_id!r} has no note {note_id}", "List its notes first.")

    def threads(self) -> Sequence[ThreadSummary]:
        """Return what is kept of each conversation: its name, number of turns, time of the last one, and size."""
        return self._memory().threads()

    def forget(self, thread_id: str) -> None:
        """Remove a conversation for good: turns, notes, and all percepts of its clips. The clips themselves stay.

        Raises:
            InputError: there is no such conversation, or percepts cannot be removed.
            ConflictError: a turn of it did not end in time.
            StorageError: it cannot be removed, or not yet from all files.
        """
        if not self._memory().forget(thread_id, self._turn_wait_s):
            raise InputError(f"there is no conversation {thread_id!r}", "List them with `omnisense threads`.")

    def forget_all(self) -> int:
        """Remove all conversations and all cached percepts for good; return the number of conversations."""
        forget_all_percepts()
        return self._memory().forget_all()

    def _memory(self) -> ConversationMemory:
        with self._opening:
            if self._opened is None:
                self._opened = open_memory(self._where)
            return self._opened

    def _turn(
        self,
        clip: Clip | ClipSource | None,
        text: str | None,
        thread_id: str | None,
        history: Sequence[Turn],
        live: bool,
    ) -> Generator[AgentEvent, None, None]:
        # A pair of surrogates becomes the character that it stands for.
        typed = (text or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
        if clip is None and not typed:
            raise InputError("there is neither a clip nor a text", "Give at least one of them.")
        if len(typed) > self._max_text_chars:
            raise InputError(
                f"the text has {len(typed):,} characters; at most {self._max_text_chars:,} are read in a turn",
                "Shorten it, or raise LoopSettings.max_text_chars.",
            )
        if history and thread_id is not None:
            raise InputError("both a thread and a history are given", "Give one: a thread has its own history.")
        if clip is not None and not isinstance(clip, Clip):
            clip = self.perception.open(clip)
        if thread_id is None:
            yield from self._run(initial_state(clip, typed, history), None, None, live)
            return
        memory = self._memory()
        with memory.hold(thread_id, self._turn_wait_s):
            conversation = memory.load(thread_id)
            notes: list[str] = []
            if conversation.pending:
                notes = self._finish_interrupted(thread_id, conversation)
                conversation = memory.load(thread_id)
            mark = memory.begin(thread_id, PendingTurn(typed, ClipReference.of(clip) if clip else None))
            state = initial_state(clip, typed, conversation.turns, notes, conversation.notes)
            yield from self._run(state, thread_id, mark, live)

    def _resume(self, thread_id: str, conversation: Conversation) -> Response | None:
        """Run the interrupted turn of a thread that is held."""
        pending = conversation.pending
        if pending is None:
            return None
        clip = pending.clip.open() if pending.clip else None
        mark = self._memory().begin(thread_id, pending)  # whoever ran it before can no longer record it
        state = initial_state(clip, pending.typed, conversation.turns, facts=conversation.notes)
        return _last(self._run(state, thread_id, mark, live=False))

    def _finish_interrupted(self, thread_id: str, conversation: Conversation) -> list[str]:
        """Resume the interrupted turn; return notes on it. Its failure does not stop the turn that is asked for now."""
        try:
            self._resume(thread_id, conversation)
            return ["an interrupted turn was finished first"]
        except (ConflictError, StorageError):  # the turn that is asked for now cannot be recorded either
            raise
        except OmniSenseError as error:
            _log.warning("an interrupted turn was dropped", exc_info=True)
            return [f"an interrupted turn was dropped: {error}"]

    def _run(self, state: State, thread_id: str | None, mark: str | None, live: bool) -> Iterator[AgentEvent]:
        """Run the loop over a turn's initial state; record it in its thread if it has begun there (``mark``)."""
        timings: dict[str, float] = {}
        began, earlier = time.perf_counter(), len(state["turns"])
        # Without "custom" LangGraph runs each node in this thread, which halves what the loop itself costs.
        modes = ["updates", "custom"] if live else ["updates"]
        for mode, item in self.graph.stream(state, self._config, stream_mode=modes):
            if mode == "custom":
                yield _custom_event(item)
                continue
            for stage, update in item.items():
                seconds, began = time.perf_counter() - began, time.perf_counter()
                timings[stage] = round(timings.get(stage, 0.0) + seconds, 4)
                state = cast("State", {**state, **update})
                yield StageDone(stage, update, seconds)
        if len(state["turns"]) == earlier:  # a node of the user's own stands in place of ours
            state = {**state, "turns": append_turn(state, state["response"], state["emotion"].value)}
        if thread_id is not None and mark is not None:
            self._memory().finish(thread_id, mark, state["turns"][-1], state["told"])
        yield Finished(self._response(state, timings, thread_id), state["turns"][-1], state["told"])

    def _response(self, state: State, timings: dict[str, float], thread_id: str | None) -> Response:
        best = state["best"]
        assert best is not None, "every path through the loop ends with a reply"
        trace = Trace(
            policy=self.policy.name,
            reply=best,
            drafts=state["drafts"],
            revisions=max(0, state["revisions"] - 1),
            tokens=state["spent_tokens"],
            notes=state["notes"],
            looked=state["looked"],
        )
        return Response(
            response=state["response"],
            appraisal=appraisal_of(state),
            safety=state["safety"],
            percepts=state["percepts"],
            trace=trace,
            timings_s=timings | {"total": round(sum(timings.values()), 4)},
            extra=state["extra"],
            thread_id=thread_id,
        )


def _custom_event(item: dict[str, Any]) -> AgentEvent:
    """Return the event that a node of the loop emitted."""
    if "token" in item:
        return Token(item["token"])
    if "sentence" in item:
        sentence: CheckedSentence = item["sentence"]
        return sentence
    return StreamPerceived(*item["stream"])


def _last(events: Iterator[AgentEvent]) -> Response:
    response: Response | None = None
    for event in events:
        if isinstance(event, Finished):
            response = event.response
    assert response is not None, "a turn always ends with Finished"
    return response
