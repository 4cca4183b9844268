"""The loop as a LangGraph graph: perceive, guard, appraise, respond, reflect (and revise), release.

::

    [perceive ->] guard -+-> characteristics -> emotion -> context -> need -> strategy -> respond <-> reflect -> release
                         +-> care (a risk was found)
"""

from __future__ import annotations

from typing import Any

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph

from omnisense.reasoning.loop.nodes import Nodes, PerceiveClip
from omnisense.reasoning.loop.state import LoopSettings, State
from omnisense.reasoning.policies.base import Policy

STAGES = (
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
)
_APPRAISALS = STAGES[2:7]


def build_graph(
    policy: Policy, perceive: PerceiveClip, settings: LoopSettings | None = None, checkpointer: Any = None
) -> Any:
    """Compile the loop.

    Args:
        policy: the model behind the decisions and the reply.
        perceive: turns a clip (path, start_s, end_s) into the path of its stored percepts.
        settings: budgets and revision limits.
        checkpointer: a LangGraph checkpointer, for conversations that survive the process.

    Returns:
        A compiled LangGraph graph over :class:`omnisense.reasoning.loop.state.State`. With ``stream_mode="custom"`` it
        emits ``{"stream": (name, stream, seconds)}`` as each stream is perceived and ``{"token": text}`` while the
        first draft is written.
    """
    nodes = Nodes(policy, settings or LoopSettings(), perceive)

    def perceiving(state: State) -> State:
        write = get_stream_writer()
        return nodes.perceive(state, lambda name, stream, seconds: write({"stream": (name, stream, seconds)}))

    def responding(state: State) -> State:
        write = get_stream_writer()
        return nodes.respond(state, lambda token: write({"token": token}))

    steps = {name: getattr(nodes, name) for name in STAGES} | {"perceive": perceiving, "respond": responding}
    graph = StateGraph(State)
    for name, step in steps.items():
        graph.add_node(name, step)
    graph.add_conditional_edges(START, lambda s: "perceive" if s.get("clip") else "guard", ["perceive", "guard"])
    graph.add_edge("perceive", "guard")
    graph.add_conditional_edges(
        "guard", lambda s: "care" if s["safety"]["category"] else _APPRAISALS[0], ["care", _APPRAISALS[0]]
    )
    for before, after in zip(_APPRAISALS, [*_APPRAISALS[1:], "respond"], strict=True):
        graph.add_edge(before, after)
    graph.add_edge("respond", "reflect")
    graph.add_conditional_edges(
        "reflect", lambda s: "respond" if nodes.wants_revision(s) else "release", ["respond", "release"]
    )
    graph.add_edge("release", END)
    graph.add_edge("care", END)
    return graph.compile(checkpointer=checkpointer)
