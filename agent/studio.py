"""The loop as LangGraph Studio and other LangGraph servers open it (``langgraph.json``): text in, the reply out."""

from __future__ import annotations

import functools
from typing import Any, TypedDict

from omnisense.agent.agent import Agent
from omnisense.perception.media.clip import open_clip
from omnisense.reasoning.loop.state import State, appraisal_of, initial_state


class TurnInput(TypedDict, total=False):
    """What a turn is given.

    Attributes:
        text: what the person typed.
        clip: the path of a clip.
    """

    text: str
    clip: str


class TurnOutput(TypedDict, total=False):
    """What a turn answers.

    Attributes:
        response: what to say to the person.
        emotion: the appraised emotion; likewise ``need`` and ``strategy``.
        evidence: the events of the timeline that the emotion rests on, in words.
        escalate: whether the host application should bring in a person.
    """

    response: str
    emotion: str
    need: str
    strategy: str
    evidence: list[str]
    escalate: bool


@functools.cache  # a server asks for the graph at every run; the models are loaded once
def make_graph() -> Any:
    """Return the graph of a turn with the default policy and no memory: what ``langgraph.json`` names."""
    return turn_graph(Agent(memory=None))


def turn_graph(agent: Agent) -> Any:
    """Compile a graph of one turn, a message in and the reply out, around the loop of an agent."""
    from langgraph.graph import END, START, StateGraph

    loop = agent.graph

    def turn(request: TurnInput) -> TurnOutput:
        clip = request.get("clip")
        state: State = loop.invoke(initial_state(open_clip(clip) if clip else None, request.get("text", "").strip()))
        found = appraisal_of(state)
        return {
            "response": state["response"],
            "emotion": found.emotion.value,
            "need": found.need.value,
            "strategy": found.strategy.value,
            "evidence": [span.text for span in found.emotion.evidence],
            "escalate": state["safety"].escalate,
        }

    # The loop runs inside a node: its state holds media handles, which a server could not store between steps.
    graph: Any = StateGraph(TurnOutput, input_schema=TurnInput, output_schema=TurnOutput)
    graph.add_node("turn", turn)
    graph.add_edge(START, "turn")
    graph.add_edge("turn", END)
    return graph.compile(name="omnisense")
