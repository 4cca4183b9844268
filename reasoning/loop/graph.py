"""The loop as a LangGraph graph: perceive, guard, appraise, respond, reflect (and revise), release.

::

    [perceive ->] guard -+-> characteristics -> emotion -> context -> need -> strategy -> respond <-> reflect -> release
                         +-> care (a risk was found)
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, Literal, get_args

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph

from omnisense.reasoning.loop import gates
from omnisense.reasoning.loop.appraiser import Appraiser
from omnisense.reasoning.loop.gates import PerceiveClip
from omnisense.reasoning.loop.reply import ReplyWriter
from omnisense.reasoning.loop.state import LoopSettings, State
from omnisense.reasoning.policies.base import Policy

Stage = Literal[
    "perceive",
    "guard",
    "characteristics",
    "emotion",
    "context",
    "need",
    "strategy",
    "respond",
    "reflect",
    "release",
    "care",
]
STAGES: tuple[Stage, ...] = get_args(Stage)
_APPRAISALS = STAGES[2:7]
_log = logging.getLogger(__name__)


def build_graph(policy: Policy, perceive: PerceiveClip, settings: LoopSettings | None = None) -> Any:
    """Compile the loop.

    Args:
        policy: the model behind the decisions and the reply.
        perceive: turns a clip into percepts.
        settings: budgets and revision limits.

    Returns:
        A compiled LangGraph graph over :class:`omnisense.reasoning.loop.state.State`. With ``stream_mode="custom"`` it
        emits ``{"stream": (name, stream, seconds)}`` as each stream is perceived and ``{"token": text}`` while the
        first draft is written.
    """
    settings = settings or LoopSettings()
    appraiser, writer = Appraiser(policy, settings), ReplyWriter(policy, settings)

    def perceive_node(state: State) -> State:
        emit = get_stream_writer()
        return gates.perceive(state, perceive, lambda *stream: emit({"stream": stream}))

    def respond_node(state: State) -> State:
        emit = get_stream_writer()
        return writer.respond(state, lambda token: emit({"token": token}))

    nodes: dict[Stage, Callable[[State], State]] = {
        "perceive": perceive_node,
        "guard": gates.guard,
        "characteristics": appraiser.characteristics,
        "emotion": appraiser.emotion,
        "context": appraiser.context,
        "need": appraiser.need,
        "strategy": appraiser.strategy,
        "respond": respond_node,
        "reflect": writer.reflect,
        "release": gates.release,
        "care": gates.care,
    }
    graph: Any = StateGraph(State)
    for name, node in nodes.items():
        graph.add_node(name, _timed(name, node))
    _add_edges(graph, writer)
    return graph.compile()


def _add_edges(graph: Any, writer: ReplyWriter) -> None:
    graph.add_conditional_edges(START, lambda s: "perceive" if s["clip"] else "guard", ["perceive", "guard"])
    graph.add_edge("perceive", "guard")
    graph.add_conditional_edges(
        "guard", lambda s: "care" if s["safety"].category else _APPRAISALS[0], ["care", _APPRAISALS[0]]
    )
    for before, after in zip(_APPRAISALS, [*_APPRAISALS[1:], "respond"], strict=True):
        graph.add_edge(before, after)
    graph.add_edge("respond", "reflect")
    graph.add_conditional_edges(
        "reflect", lambda s: "respond" if writer.wants_revision(s) else "release", ["respond", "release"]
    )
    graph.add_edge("release", END)
    graph.add_edge("care", END)


def _timed(name: Stage, node: Callable[[State], State]) -> Callable[[State], State]:
    """Return the node, with its seconds logged."""

    @functools.wraps(node)
    def run(state: State) -> State:
        began = time.perf_counter()
        update = node(state)
        _log.debug("%s: %.3f s", name, time.perf_counter() - began)
        return update

    return run
