"""Answers a question about a clip from its percepts, as a LangGraph graph of two nodes.

::

    think (a capable model writes; a small one gets what was measured) -> conclude (the written answer, or a choice)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from omnisense.perception.percepts import Percepts
from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.answers.perception_prior import PerceptionPrior, perception_prior
from omnisense.reasoning.answers.question import Question, question_text, strip_letter
from omnisense.reasoning.media import with_media
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.calibration import CalibratedChooser
from omnisense.reasoning.policies.messages import Messages, Part, message

_NOTHING = "(nothing is known)"
_EVIDENCE_TOKENS = 500
_MIN_PROBABILITY = 0.02  # the policy never rules an answer out


def evidence_of(percepts: Percepts | None, transcript: str = "") -> str:
    """Return what the policy reads of a clip: its rendered percepts, or the transcript in their place."""
    return (percepts.render(_EVIDENCE_TOKENS) if percepts else transcript.strip()) or _NOTHING


class AnswerState(TypedDict, total=False):
    """The graph's state."""

    question: Question
    evidence: str
    media: Sequence[Part]
    prior: PerceptionPrior
    thinking: str
    answer: str
    probabilities: dict[str, float] | None


class AnswerGraph:
    """Answers questions with a policy.

    Args:
        policy: a small one chooses from the evidence; others write their thinking first.
        max_new_tokens: for the thinking.
        seed: for sampling.
    """

    def __init__(self, policy: Policy, max_new_tokens: int = 256, seed: int = 0) -> None:
        self._policy, self._max_new_tokens, self._seed = policy, max_new_tokens, seed
        self._chooser = CalibratedChooser(policy)
        # Most of the time that a worker process of an evaluation takes to import: only the agent needs it.
        from langgraph.graph import END, START, StateGraph

        graph = StateGraph(AnswerState)
        graph.add_node("think", self._think)
        graph.add_node("conclude", self._conclude)
        graph.add_edge(START, "think")
        graph.add_edge("think", "conclude")
        graph.add_edge("conclude", END)
        self._graph = graph.compile()

    def answer(
        self, question: Question, percepts: Percepts | None, transcript: str = "", media: Sequence[Part] = ()
    ) -> tuple[str, dict[str, float] | None]:
        """Answer one question.

        Args:
            question: the question.
            percepts: of the clip; None when there are none.
            transcript: used in place of percepts when there are none.
            media: parts of the clip that the policy is shown beside the evidence, as
                :func:`omnisense.reasoning.media.media_parts` gives them.

        Returns:
            ``<think>...</think><answer>...</answer>``, and the probability of each answer if one was chosen.
        """
        evidence = evidence_of(percepts, transcript)
        state = self._graph.invoke(
            {
                "question": question,
                "evidence": evidence,
                "media": media,
                "prior": perception_prior(question, percepts),
            }
        )
        return f"<think>{state['thinking']}</think><answer>{state['answer']}</answer>", state["probabilities"]

    def _think(self, state: AnswerState) -> AnswerState:
        question, prior = state["question"], state["prior"]
        lines = [prior.reason] if prior.reason else []
        if self._policy.needs_guidance:
            # Its writing would add no information: it only chooses.
            return {"thinking": "; ".join(lines) or "nothing that was measured bears on it", "answer": ""}
        request = question_text(question, think=True, thought_pattern=True)
        notes = "\n".join([f"Notes on the clip:\n{state['evidence']}", *(f"Measured: {line}" for line in lines)])
        asked = with_media(message("user", f"{notes}\n\n{request}"), state["media"])
        written = self._policy.write([[asked]], max_new_tokens=self._max_new_tokens, seed=self._seed)[0]
        read = parse(written, question.kind, question.options)
        return {"thinking": read.thinking or written.strip(), "answer": read.value}

    def _conclude(self, state: AnswerState) -> AnswerState:
        question = state["question"]
        if state["answer"]:  # it was written: the other answers have no probabilities
            return {"answer": state["answer"], "probabilities": None}
        if question.kind == "several":
            return {"answer": self._choose_several(state), "probabilities": None}
        chosen = self._probabilities(state, question, question.candidates(), question.options)
        weights = state["prior"].weights
        pooled = {
            a: weights.get(a, 1.0) * max(p, _MIN_PROBABILITY) ** (0.5 if weights else 1.0) for a, p in chosen.items()
        }
        total = sum(pooled.values())
        shares = {answer: round(value / total, 5) for answer, value in pooled.items()}
        return {"answer": max(shares, key=shares.__getitem__), "probabilities": shares}

    def _choose_several(self, state: AnswerState) -> str:
        """Ask about each option separately; return those that are likelier than not, at least the likeliest."""
        question, likely = state["question"], {}
        for letter, option in zip(question.letters, question.options, strict=True):
            single = Question(f"{question.text}\nIs this right: {strip_letter(option)}?", "yes_no")
            likely[letter] = self._probabilities(state, single, ("yes", "no"), ())["yes"]
        taken = [letter for letter, p in likely.items() if p > 0.5]
        return "".join(taken) or max(likely, key=likely.__getitem__)

    def _probabilities(
        self, state: AnswerState, question: Question, answers: tuple[str, ...], options: tuple[str, ...]
    ) -> dict[str, float]:
        """Return the policy's probabilities; its bias for wording is divided out."""
        named = list(options) or list(answers)
        prompt, neutral = _prompt(state["evidence"], question, state["media"]), _prompt(_NOTHING, question)
        [choice] = self._chooser.choose([prompt], [named], [neutral])
        return dict(zip(answers, choice.probabilities, strict=True))


def _prompt(evidence: str, question: Question, media: Sequence[Part] = ()) -> Messages:
    return [with_media(message("user", f"Notes on the clip:\n{evidence}\n\n{question_text(question)}"), media)]
