"""The short graph: a question about a clip, answered from what was perceived, as think and answer.

::

    think (a capable model writes; for a small one, what was measured) -> conclude (what was written, or a choice)
"""

from __future__ import annotations

from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from omnisense.perception.percepts import Percepts
from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.answers.perception_prior import PerceptionPrior, perception_prior
from omnisense.reasoning.answers.question import Question, question_text, strip_letter
from omnisense.reasoning.policies.base import Choice, Policy
from omnisense.reasoning.policies.messages import Messages, message

_NOTHING = "(nothing is known)"
_EVIDENCE_TOKENS = 500
_FLOOR = 0.02  # an opinion never rules an answer out


def evidence_of(percepts: Percepts | None, transcript: str = "") -> str:
    """What the policy reads of a clip: its rendered percepts, or the transcript that stands for it."""
    return (percepts.render(_EVIDENCE_TOKENS) if percepts else transcript.strip()) or _NOTHING


class AnswerState(TypedDict, total=False):
    """What the graph carries: texts and small values only."""

    question: Question
    evidence: str
    prior: PerceptionPrior
    thinking: str
    answer: str
    probabilities: dict[str, float] | None


class AnswerGraph:
    """Answers questions with a policy.

    Args:
        policy: the model behind it. Small ones choose from the evidence; others think in writing first.
        max_new_tokens: for the thinking.
        seed: for sampling.
    """

    def __init__(self, policy: Policy, max_new_tokens: int = 256, seed: int = 0) -> None:
        self._policy, self._max_new_tokens, self._seed = policy, max_new_tokens, seed
        graph = StateGraph(AnswerState)
        graph.add_node("think", self._think)
        graph.add_node("conclude", self._conclude)
        graph.add_edge(START, "think")
        graph.add_edge("think", "conclude")
        graph.add_edge("conclude", END)
        self._graph = graph.compile()

    def answer(
        self, question: Question, percepts: Percepts | None, transcript: str = ""
    ) -> tuple[str, dict[str, float] | None]:
        """Answer one question.

        Args:
            question: what is asked.
            percepts: what was perceived in the clip; None when there is none.
            transcript: what stands for the clip when there is none.

        Returns:
            ``<think>...</think><answer>...</answer>``, and the probability of each answer where one was to be chosen.
        """
        evidence = evidence_of(percepts, transcript)
        state = self._graph.invoke(
            {"question": question, "evidence": evidence, "prior": perception_prior(question, percepts)}
        )
        return f"<think>{state['thinking']}</think><answer>{state['answer']}</answer>", state["probabilities"]

    def _think(self, state: AnswerState) -> AnswerState:
        question, found = state["question"], state["prior"]
        lines = [found.why] if found.why else []
        if self._policy.needs_guidance:
            # Its writing would add nothing that is known: it only chooses.
            return {"thinking": "; ".join(lines) or "nothing that was measured bears on it", "answer": ""}
        asked = question_text(question, think=True, thought_pattern=True)
        notes = "\n".join([f"Notes on the clip:\n{state['evidence']}", *(f"Measured: {line}" for line in lines)])
        written = self._policy.write(
            [[message("user", f"{notes}\n\n{asked}")]], max_new_tokens=self._max_new_tokens, seed=self._seed
        )[0]
        read = parse(written, question.kind, question.options)
        return {"thinking": read.thinking or written.strip(), "answer": read.value}

    def _conclude(self, state: AnswerState) -> AnswerState:
        question = state["question"]
        if state["answer"]:  # it was written; nobody was asked how likely the others are
            return {"answer": state["answer"], "probabilities": None}
        if question.kind == "several":
            return {"answer": self._several(state), "probabilities": None}
        opinion = self._opinion(state["evidence"], question, question.candidates(), question.options)
        weights = state["prior"].weights
        pooled = {a: weights.get(a, 1.0) * max(p, _FLOOR) ** (0.5 if weights else 1.0) for a, p in opinion.items()}
        total = sum(pooled.values())
        shares = {answer: round(value / total, 5) for answer, value in pooled.items()}
        return {"answer": max(shares, key=shares.__getitem__), "probabilities": shares}

    def _several(self, state: AnswerState) -> str:
        """Each option is asked for by itself; at least the likeliest is taken."""
        question, likely = state["question"], {}
        for letter, option in zip(question.letters, question.options, strict=True):
            single = Question(f"{question.text}\nIs this right: {strip_letter(option)}?", "yes_no")
            likely[letter] = self._opinion(state["evidence"], single, ("yes", "no"), ())["yes"]
        taken = [letter for letter, p in likely.items() if p > 0.5]
        return "".join(taken) or max(likely, key=likely.__getitem__)

    def _opinion(
        self, evidence: str, question: Question, answers: tuple[str, ...], options: tuple[str, ...]
    ) -> dict[str, float]:
        """The policy's choice, its bias for the options' wording taken off where it compares likelihoods."""
        named = list(options) or list(answers)
        prompts = [_prompt(evidence, question)]
        if self._policy.scores_likelihoods:
            prompts.append(_prompt(_NOTHING, question))
        choices = self._policy.choose(prompts, [named] * len(prompts))
        bias = choices[1].probabilities if len(choices) == 2 else (1.0,) * len(named)
        raw = {a: p / max(b, 1e-6) for a, p, b in zip(answers, _floored(choices[0]), bias, strict=True)}
        total = sum(raw.values())
        return {answer: value / total for answer, value in raw.items()}


def _floored(choice: Choice) -> tuple[float, ...]:
    return tuple(max(p, 1e-6) for p in choice.probabilities)


def _prompt(evidence: str, question: Question) -> Messages:
    return [message("user", f"Notes on the clip:\n{evidence}\n\n{question_text(question)}")]
