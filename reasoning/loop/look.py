"""Looking again: before it answers about a clip that its notes do not show whole, the loop asks for more.

A leading policy calls tools (:mod:`omnisense.reasoning.loop.tools`) in a LangGraph loop of model and tools, in as many
rounds as ``LoopSettings.max_looks`` allows. For a guided one the timeline is searched with the question: it only
chooses among the windows that were found, and these are read. What was looked at has ids and can be cited.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from omnisense.perception.media.clip import Clip
from omnisense.perception.percepts import Percepts
from omnisense.reasoning.loop.appraisal import EvidenceSpan
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.notes import Note
from omnisense.reasoning.loop.retrieval import Window, find_windows, window_prompt
from omnisense.reasoning.loop.state import LoopSettings, State, count_tokens, evidence_text, is_spent, seconds_left
from omnisense.reasoning.loop.tools import ClipTools, PerceiveClosely
from omnisense.reasoning.media import media_parts
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.calibration import CalibratedChooser
from omnisense.reasoning.policies.messages import Messages, message
from omnisense.reasoning.policies.tool_calls import ToolCall, ToolReply, call_tools, result_messages
from omnisense.text import quote

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

RULES = (
    "You answer a question about a clip. The notes show only part of it. Call tools to look at what the question is "
    "about; search first if you do not know when it happens. When you know enough, write only: DONE."
)
_CALL_TOKENS = 160  # for the calls of one round
_MAX_CALLS = 4  # in one round
_WINDOW_TOOLS = ("look", "listen", "read", "who")  # whose arguments are a window of the clip
_OWN_RESULT_CHARS = 800  # of a tool that is not ours
# A message that asks for more than the notes say of a clip, however short it is.
_ASKS_FOR_MORE = re.compile(
    r"\b(?:look|listen|watch|see|hear|check) (?:again|closer|more closely|carefully)\b|\bword for word\b|"
    r"\bverbatim\b|\bexact(?:ly)? (?:words?|what|when)\b|\bat (?:\d+:\d\d|\d+(?:\.\d+)? ?s(?:ec(?:onds?)?)?\b)",
    re.IGNORECASE,
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Looked:
    """What was looked at again.

    Attributes:
        spans: what was found, which can be cited.
        windows: that were looked at, in seconds from the start of the clip.
        notes: for the trace.
        tokens: what it cost.
    """

    spans: tuple[EvidenceSpan, ...] = ()
    windows: tuple[tuple[float, float], ...] = ()
    notes: tuple[str, ...] = ()
    tokens: int = 0


class _Rounds(TypedDict, total=False):
    """The state of the loop of model and tools."""

    prompt: Messages
    tools: Sequence[Any]  # BaseTool, which LangGraph would have to import to read this class
    reply: ToolReply
    spans: tuple[EvidenceSpan, ...]
    windows: tuple[tuple[float, float], ...]
    notes: tuple[str, ...]
    tokens: int
    rounds: int
    deadline_s: float


class LookAgain:
    """Looks at a clip again before an answer, bound to a policy and settings.

    Args:
        policy: calls the tools, or chooses among windows.
        settings: whether the policy leads, and the budget: ``max_looks``, ``timeline_tokens``, ``max_seconds``.
        perceive_closely: perceives a window again, more densely.
        tools: of your own; a leading policy is offered them in every turn.
    """

    def __init__(
        self,
        policy: Policy,
        settings: LoopSettings,
        perceive_closely: PerceiveClosely,
        tools: Sequence[BaseTool] = (),
    ) -> None:
        self._policy, self._settings = policy, settings
        self._perceive_closely, self._own_tools = perceive_closely, tuple(tools)
        self._chooser = CalibratedChooser(policy)
        self._graph: Any = None

    def is_needed(self, question: str, percepts: Percepts | None) -> bool:
        """Whether to look again: the notes do not show the clip whole, more is asked for, or there are own tools."""
        if self._settings.max_looks < 1 or not question.strip():
            return False
        if self._own_tools and not self._settings.is_guided(self._policy):
            return True
        if percepts is None or percepts.clip.kind == "image":
            return False
        return not percepts.timeline().fits(self._settings.timeline_tokens_of(self._policy)) or bool(
            _ASKS_FOR_MORE.search(question)
        )

    def node(self, state: State) -> State:
        """Look again in a turn of the loop, within what is left of its budget."""
        if is_spent(state, self._settings):
            return {}
        evidence = evidence_text(state, self._settings.timeline_tokens_of(self._policy), with_ids=True)
        looked = self.run(
            state["typed"],
            state["percepts"],
            evidence,
            turns=state["turns"],
            facts=state["facts"],
            clip=state["clip"],
            max_seconds=seconds_left(state, self._settings),
        )
        settings = self._settings
        media = state["media"]
        if media and looked.windows:  # what was looked at is shown, too
            media = media_parts(
                state["clip"], state["percepts"], self._policy.modalities, settings.media, looked.windows
            )
        return {
            "looked": looked.spans,
            "media": media,
            "notes": (*state["notes"], *looked.notes),
            "spent_tokens": state["spent_tokens"] + looked.tokens,
        }

    def run(
        self,
        question: str,
        percepts: Percepts | None,
        evidence: str,
        *,
        turns: Sequence[Turn] = (),
        facts: Sequence[Note] = (),
        clip: Clip | None = None,
        max_seconds: float | None = None,
    ) -> Looked:
        """Look again at what a question is about.

        Args:
            question: in words.
            percepts: of the clip, if there is one.
            evidence: what the policy reads of the clip otherwise.
            turns: the conversation so far.
            facts: what the person told in it.
            clip: the clip; by default it is opened by the path in the percepts.
            max_seconds: no round begins later.

        Raises:
            PolicyError: the policy failed.
        """
        clip_tools = ClipTools(percepts, turns, facts, self._perceive_closely, clip)
        left_s = self._settings.max_seconds if max_seconds is None else max_seconds
        if self._settings.is_guided(self._policy):
            return self._read_windows(question, percepts, clip_tools, left_s) if percepts else Looked()
        if self._graph is None:
            self._graph = self._compile()
        done: _Rounds = self._graph.invoke(
            {
                "prompt": [message("system", RULES), message("user", f"{evidence}\n\nQuestion: {quote(question)}")],
                "tools": [*clip_tools.tools(), *self._own_tools],
                "spans": (),
                "windows": (),
                "notes": (),
                "tokens": 0,
                "rounds": 0,
                "deadline_s": time.monotonic() + left_s,
            }
        )
        spans = {span.id: span for span in done["spans"]}
        return Looked(tuple(spans.values()), done["windows"], done["notes"], done["tokens"])

    # --- a leading policy: model and tools in turn ----------------------------------------------------------

    def _compile(self) -> Any:
        from langgraph.graph import END, START, StateGraph

        graph: Any = StateGraph(_Rounds)
        graph.add_node("ask", self._ask)
        graph.add_node("tools", self._call)
        graph.add_edge(START, "ask")
        graph.add_conditional_edges("ask", lambda s: "tools" if _asks_for_tools(s["reply"]) else END, ["tools", END])
        graph.add_conditional_edges("tools", lambda s: "ask" if self._may_go_on(s) else END, ["ask", END])
        return graph.compile()

    def _may_go_on(self, state: _Rounds) -> bool:
        return state["rounds"] < self._settings.max_looks and time.monotonic() < state["deadline_s"]

    def _ask(self, state: _Rounds) -> _Rounds:
        prompt = state["prompt"]
        left_s = max(1.0, state["deadline_s"] - time.monotonic())
        reply = call_tools(self._policy, prompt, state["tools"], max_new_tokens=_CALL_TOKENS, max_seconds=left_s)
        written = [reply.text, *(str(call.arguments) for call in reply.calls)]
        return {
            "reply": reply,
            "rounds": state["rounds"] + 1,
            "tokens": state["tokens"] + count_tokens([prompt], written),
        }

    def _call(self, state: _Rounds) -> _Rounds:
        """Make the calls of a round; what a tool returns, or why it failed, is told to the policy."""
        reply, tools = state["reply"], {tool.name: tool for tool in state["tools"]}
        calls = reply.calls[:_MAX_CALLS]
        results, spans, notes = [], list(state["spans"]), list(state["notes"])
        windows = list(state["windows"])
        for call in calls:
            result, found = _make_call(call, tools[call.name], len(spans))
            results.append(result)
            spans += found
            if found and call.name in _WINDOW_TOOLS:
                windows.append((float(call.arguments["start_s"]), float(call.arguments["end_s"])))
            notes.append(f"looked again: {call.name}({', '.join(f'{k}={v}' for k, v in call.arguments.items())})")
        made = ToolReply(reply.text, calls, reply.invalid)
        return {
            "prompt": [*state["prompt"], *result_messages(made, results)],
            "spans": tuple(spans),
            "windows": tuple(windows),
            "notes": tuple(notes),
        }

    # --- a guided policy: the windows that a search finds ---------------------------------------------------

    def _read_windows(self, question: str, percepts: Percepts, tools: ClipTools, left_s: float) -> Looked:
        windows, note = find_windows(percepts, question)
        notes, tokens = [note] if note else [], 0
        weight = self._settings.profile_of(self._policy).weights_of("window")["policy"]
        if len(windows) > 1 and weight > 0:
            windows, tokens = self._rank(question, windows, weight, left_s)
        spans: dict[str, EvidenceSpan] = {}
        windows = windows[: self._settings.max_looks]
        for window in windows:
            notes.append(f"looked again: {window.start_s:.1f}-{window.end_s:.1f} s")
            for span in (*window.spans, *tools.examine(window.start_s, window.end_s, window.channels)):
                spans[span.id] = span
        return Looked(tuple(spans.values()), tuple((w.start_s, w.end_s) for w in windows), tuple(notes), tokens)

    def _rank(self, question: str, windows: Sequence[Window], weight: float, left_s: float) -> tuple[list[Window], int]:
        """Return windows, the best first: the search's scores pooled with the policy's choice."""
        texts = [window.text for window in windows]
        prompt, options = window_prompt(question, texts)
        neutral, _ = window_prompt("(no question)", texts)
        [choice] = self._chooser.choose([prompt], [options], [neutral], max_seconds=left_s)
        if not choice.readable:
            _log.warning("the policy did not choose a part of the clip: the search's order is kept")
            return list(windows), count_tokens([prompt], options)
        pooled = [w.share * max(p, 1e-3) ** weight for w, p in zip(windows, choice.probabilities, strict=True)]
        order = sorted(range(len(windows)), key=lambda i: -pooled[i])
        return [windows[i] for i in order], count_tokens([prompt], options)


def _asks_for_tools(reply: ToolReply) -> bool:
    return bool(reply.calls or reply.invalid)


def _make_call(call: ToolCall, tool: BaseTool, number: int) -> tuple[str, list[EvidenceSpan]]:
    """Make a call; return its result as text and the spans in it."""
    request = {"type": "tool_call", "id": f"call{number}", "name": call.name, "args": call.arguments}
    try:
        told = tool.invoke(request)
    except Exception as error:  # of a tool of the user's choice: the policy may do without it
        _log.warning("the tool %s failed", call.name, exc_info=True)
        return f"{call.name} failed ({type(error).__name__}: {error})", []
    text = str(told.content)
    if isinstance(told.artifact, list) and all(isinstance(span, EvidenceSpan) for span in told.artifact):
        return text, told.artifact
    if told.status == "error":
        return text, []
    short = text[:_OWN_RESULT_CHARS]
    return short, [EvidenceSpan(f"{call.name}{number + 1}", None, None, short)]
