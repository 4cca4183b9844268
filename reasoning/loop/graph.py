"""The loop as a LangGraph graph: perceive, guard, appraise, reply, check (and revise), release.

A leading policy writes the whole appraisal and the reply in one pass; a guided one decides step by step, and goes on
from an opening. One that only answers leads where something is asked, and is guided where the person tells something
(:class:`omnisense.reasoning.profile.PolicyProfile` says which it is).

::

    [perceive ->] guard -+-> characteristics [-> look_again] -+-> compose <-> review -+-------------> release
                         |                                    |                       | (twice no list)
                         |                                    +-> emotion <-----------+
                         |                                           -> context -> need -> strategy
                         |                                           -> respond <-> reflect --------> release
                         +-> answer (the message is a multiple-choice question) --------------------> release
                         +-> care (a risk was found, and is not doubtful)
"""

from __future__ import annotations

import functools
import itertools
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph

from omnisense.errors import InputError
from omnisense.perception.media.clip import Clip
from omnisense.perception.percepts import Percepts
from omnisense.reasoning.answers.multiple_choice import find_choice
from omnisense.reasoning.loop import gates
from omnisense.reasoning.loop.appraisal import SafetyFinding
from omnisense.reasoning.loop.appraiser import Appraiser
from omnisense.reasoning.loop.choice_answer import ChoiceAnswer
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.extensions import Node, SafetyCheck
from omnisense.reasoning.loop.gates import PerceiveClip
from omnisense.reasoning.loop.look import LookAgain
from omnisense.reasoning.loop.one_pass import OnePass
from omnisense.reasoning.loop.reply import ReplyWriter
from omnisense.reasoning.loop.risk_vote import RiskVote
from omnisense.reasoning.loop.state import LoopSettings, State, Written
from omnisense.reasoning.loop.tools import PerceiveClosely
from omnisense.reasoning.loop.words import ReadEmotion
from omnisense.reasoning.media import media_parts
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.safety.help_lines import help_lines

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

STAGES = (
    "perceive",
    "guard",
    "characteristics",
    "look_again",
    "compose",
    "review",
    "emotion",
    "context",
    "need",
    "strategy",
    "respond",
    "reflect",
    "answer",
    "release",
    "care",
)
_GUIDED = ("emotion", "context", "need", "strategy", "respond")
_log = logging.getLogger(__name__)


class _Given(TypedDict):
    clip: Clip | None
    turns: tuple[Turn, ...]


class _Guarded(TypedDict):
    typed: str
    safety: SafetyFinding


class _Perceived(TypedDict):
    clip: Clip | None
    typed: str
    turns: tuple[Turn, ...]
    percepts: Percepts | None


def build_graph(
    policy: Policy,
    perceive: PerceiveClip,
    settings: LoopSettings | None = None,
    nodes: Sequence[Node] = (),
    safety_checks: Sequence[SafetyCheck] = (),
    read_emotion: ReadEmotion | None = None,
    tools: Sequence[BaseTool] = (),
    perceive_closely: PerceiveClosely | None = None,
) -> Any:
    """Compile the loop.

    Args:
        policy: the model behind the decisions and the reply.
        perceive: turns a clip into percepts.
        settings: budgets, persona and revision limits.
        nodes: of your own: each replaces a node or follows one.
        safety_checks: of your own, after the built-in one.
        read_emotion: adds the emotion of typed sentences, as :meth:`Perception.add_text_emotion` does; without it only
            feelings that are named are read.
        tools: of your own, which a leading policy may call before it answers.
        perceive_closely: perceives a window of the clip again, more densely; by default as ``perceive`` does.

    Returns:
        A compiled LangGraph graph over :class:`omnisense.reasoning.loop.state.State`. With ``stream_mode="custom"`` it
        emits ``{"stream": (name, stream, seconds)}`` as each stream is perceived, and while the first draft is written
        ``{"token": text}`` and, where the policy leads, ``{"sentence": CheckedSentence}``.

    Raises:
        InputError: a node has the name of none in the loop and follows none, or has the name of another; or no
            help lines are listed for the country of the settings.
    """
    settings = settings or LoopSettings()
    help_lines(settings.country)  # an unknown country is refused before anybody needs it
    closely = perceive_closely or (lambda clip, streams: perceive(clip, None))
    look = LookAgain(policy, settings, closely, tools)
    ours = _nodes(policy, perceive, settings, safety_checks, read_emotion, look)
    replaced = {node.name: node.run for node in nodes if node.after is None}
    added = [node for node in nodes if node.after is not None]
    _check_nodes(ours, nodes)
    graph: Any = StateGraph(State)
    for name, run in {**ours, **replaced, **{node.name: node.run for node in added}}.items():
        graph.add_node(name, _timed(name, run))
    _add_edges(_Edges(graph, added), policy, settings, look)
    return graph.compile()


def _nodes(
    policy: Policy,
    perceive: PerceiveClip,
    settings: LoopSettings,
    checks: Sequence[SafetyCheck],
    read_emotion: ReadEmotion | None,
    look: LookAgain,
) -> dict[str, Callable[[State], State]]:
    guided = replace(settings, guided=True)  # a policy that led so far may have to be guided
    appraiser = Appraiser(policy, guided, read_emotion)
    writer, one_pass = ReplyWriter(policy, guided), OnePass(policy, settings, checks)
    vote = RiskVote(policy, settings)

    def perceive_node(state: State) -> State:
        emit = get_stream_writer()
        update = gates.perceive(state, perceive, lambda *stream: emit({"stream": stream}))
        return {**update, "media": media_parts(state["clip"], update["percepts"], policy.modalities, settings.media)}

    def guard_node(state: State) -> State:
        update = gates.guard(state, checks)
        return {**update, **vote.raised({**state, **update})}

    def compose_node(state: State) -> State:
        emit = get_stream_writer()
        return one_pass.compose(
            state, lambda token: emit({"token": token}), lambda sentence: emit({"sentence": sentence})
        )

    def respond_node(state: State) -> State:
        emit = get_stream_writer()
        return writer.respond(state, lambda token: emit({"token": token}))

    return {
        "perceive": perceive_node,
        "guard": guard_node,
        "characteristics": appraiser.characteristics,
        "look_again": look.node,
        "compose": compose_node,
        "review": one_pass.review,
        "emotion": appraiser.emotion,
        "context": appraiser.context,
        "need": appraiser.need,
        "strategy": appraiser.strategy,
        "respond": respond_node,
        "reflect": writer.reflect,
        "answer": ChoiceAnswer(policy, settings, look, read_emotion).node,
        "release": lambda state: gates.release(state, checks, settings.country),
        "care": lambda state: gates.care(state, settings.country),
    }


def _check_nodes(ours: Collection[str], nodes: Sequence[Node]) -> None:
    known = set(ours)
    for node in nodes:
        if (node.after is None) != (node.name in ours) or (node.after is not None and node.after not in known):
            raise InputError(
                f"the node '{node.name}' replaces no node of the loop and follows none of it",
                f"Give it the name of one of {', '.join(ours)} to replace it, or a new name and `after` one of these.",
            )
        known.add(node.name)


class _Edges:
    """Adds edges; behind a node that own nodes follow, the way leads through these first."""

    def __init__(self, graph: Any, added: Sequence[Node]) -> None:
        self._graph = graph
        self._last: dict[str, str] = {}
        for node in added:
            assert node.after is not None, "only added nodes come here"
            graph.add_edge(self._last.get(node.after, node.after), node.name)
            self._last[node.after] = node.name

    def add(self, before: str, after: str) -> None:
        self._graph.add_edge(self._last.get(before, before), after)

    def branch(self, before: str, decide: Callable[[Any], str], targets: list[str]) -> None:
        self._graph.add_conditional_edges(self._last.get(before, before), decide, targets)


def _add_edges(edges: _Edges, policy: Policy, settings: LoopSettings, look: LookAgain) -> None:
    writer, one_pass = ReplyWriter(policy, settings), OnePass(policy, settings)

    @functools.cache  # it may load the model, and then it reads a file
    def is_guided(malformed: int) -> bool:
        return settings.is_guided(policy, malformed)

    def first_decision(state: Any) -> str:
        leads = not is_guided(sum(turn.malformed for turn in state["turns"]))
        return "compose" if leads and one_pass.writes(state) else _GUIDED[0]

    # LangGraph reads as much of the state for a branch as the annotation names.
    def after_start(state: _Given) -> str:
        return "perceive" if state["clip"] else "guard"

    def after_guard(state: _Guarded) -> str:
        if state["safety"].category and not state["safety"].doubtful:
            return "care"
        return "answer" if find_choice(state["typed"]) else "characteristics"

    def after_characteristics(state: _Perceived) -> str:
        return "look_again" if look.is_needed(state["typed"], state["percepts"]) else first_decision(state)

    def after_look_again(state: _Perceived) -> str:
        return first_decision(state)

    def after_review(state: Written) -> str:
        if not state["drafts"]:  # what was written is of no use
            return _GUIDED[0]
        return "compose" if one_pass.wants_revision(state) else "release"

    def after_reflect(state: Written) -> str:
        return "respond" if writer.wants_revision(state) else "release"

    edges.branch(START, after_start, ["perceive", "guard"])
    edges.add("perceive", "guard")
    edges.branch("guard", after_guard, ["care", "answer", "characteristics"])
    edges.branch("characteristics", after_characteristics, ["look_again", "compose", _GUIDED[0]])
    edges.branch("look_again", after_look_again, ["compose", _GUIDED[0]])
    for before, after in itertools.pairwise((*_GUIDED, "reflect")):
        edges.add(before, after)
    edges.add("compose", "review")
    edges.branch("review", after_review, ["compose", _GUIDED[0], "release"])
    edges.branch("reflect", after_reflect, ["respond", "release"])
    edges.add("answer", "release")
    edges.add("release", END)
    edges.add("care", END)


def _timed(name: str, node: Callable[[State], State]) -> Callable[[State], State]:
    """Return the node, with its seconds logged."""

    def run(state: State) -> State:
        began = time.perf_counter()
        update = node(state)
        _log.debug("%s: %.3f s", name, time.perf_counter() - began)
        return update

    return run
