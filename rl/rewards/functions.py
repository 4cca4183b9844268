"""Reward functions. The accuracy reward is the scorer of the evaluation, and an error is never a zero.

A reward takes what TRL passes (completions, and the dataset's columns by name) and returns a number for each
completion, or None for one that it cannot score. Its reasons are logged beside the completion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from omnisense.benchmarks.harness.scorer import score
from omnisense.errors import OmniSenseError
from omnisense.reasoning.answers.parser import is_think_then_answer, parse
from omnisense.reasoning.answers.question import UNSCORED_KINDS, Kind, Question

Completions = Sequence[Sequence[Mapping[str, str]]]
Reward = Callable[..., list[float | None]]
LogColumn = Callable[[str, list[str]], None]
LogMetric = Callable[[str, float], None]
_PHRASE_WORDS = 4


class RewardError(OmniSenseError):
    """A reward that failed. The run stops: a zero in its place would train the model on a false signal."""


def completion_text(completion: Sequence[Mapping[str, str]]) -> str:
    """Return the text of a completion."""
    return completion[-1]["content"]


def accuracy_reward(
    completions: Completions,
    question: Sequence[str],
    kind: Sequence[Kind],
    options: Sequence[Sequence[str]],
    gold: Sequence[str],
    form: Sequence[str] = (),
    log_extra: LogColumn | None = None,
    log_metric: LogMetric | None = None,
    **_: Any,
) -> list[float | None]:
    """Return the strict score of each reply (0, 0.5 or 1); None where there is no right answer.

    Args:
        completions: the replies.
        question, kind, options, gold, form: columns of :class:`omnisense.rl.data.rows.TrainingRow`.
        log_extra: receives a column of the completions table: the parsed answers, and the reasons of the scores.
        log_metric: receives the rate of unparseable replies.
    """
    questions = _questions(question, kind, options, form)
    scores = [
        score(completion_text(completion), asked, right) if right and asked.kind not in UNSCORED_KINDS else None
        for completion, asked, right in zip(completions, questions, gold, strict=True)
    ]
    if log_extra:
        log_extra("answer", [found.answer.value if found else "" for found in scores])
        log_extra("reason", [found.reason if found else "no right answer" for found in scores])
    parseable = [bool(found.answer.value) for found in scores if found]
    if log_metric and parseable:
        log_metric("unparseable", 1 - sum(parseable) / len(parseable))
    return [found.value if found else None for found in scores]


def _questions(
    question: Sequence[str], kind: Sequence[Kind], options: Sequence[Sequence[str]], form: Sequence[str]
) -> list[Question]:
    forms = form or [""] * len(question)
    return [Question(q, k, tuple(o or ()), f) for q, k, o, f in zip(question, kind, options, forms, strict=True)]


def format_reward(completions: Completions, **_: Any) -> list[float | None]:
    """Return 1 for a think block followed by an answer block, both non-empty and with nothing else around; else 0."""
    return [float(is_well_formed(completion_text(completion))) for completion in completions]


def is_well_formed(reply: str) -> bool:
    """Return whether a reply is a think block followed by an answer block, both non-empty."""
    if not is_think_then_answer(reply):
        return False
    answer = parse(reply, "open")
    return bool(answer.thinking) and bool(answer.value)


class LengthReward(BaseModel):
    """A soft limit on the thinking in words: 1 from ``low`` to ``high``, falling to 0 at none and at twice ``high``.

    Words in phrases that have occurred before do not count towards ``low``, so that repetition earns nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: int = Field(default=10, ge=1)
    high: int = Field(default=200, ge=1)

    def __call__(self, completions: Completions, **_: Any) -> list[float | None]:
        """Return the reward of each completion."""
        return [self._score(parse(completion_text(c), "open").thinking.split()) for c in completions]

    def _score(self, words: list[str]) -> float:
        excess = max(0, len(words) - self.high) / self.high
        return min(1.0, _count_novel_words(words) / self.low) * max(0.0, 1.0 - excess)


def _count_novel_words(words: list[str]) -> int:
    """Return how many words end a phrase that has not occurred before, and that does not mostly repeat one word."""
    seen: set[tuple[str, ...]] = set()
    novel = 0
    for end in range(1, len(words) + 1):
        phrase = tuple(word.casefold() for word in words[max(0, end - _PHRASE_WORDS) : end])
        novel += phrase not in seen and len(set(phrase)) > len(phrase) // 2
        seen.add(phrase)
    return novel


class CheckedReward:
    """A reward by name that stops the run unless it returns one finite number or None for each completion."""

    def __init__(self, name: str, reward: Reward) -> None:
        self.__name__, self._reward = name, reward

    def __call__(self, completions: Completions, **columns: Any) -> list[float | None]:
        """Return the rewards of a batch.

        Raises:
            RewardError: the reward raised an exception, or returned something that is not a reward.
        """
        try:
            values = list(self._reward(completions=completions, **columns))
        except OmniSenseError:
            raise
        except Exception as error:
            raise self._error(f"{type(error).__name__}: {error}") from error  # run.log gets both tracebacks
        if len(values) != len(completions):
            raise self._error(f"{len(values)} values for {len(completions)} completions")
        for value in values:
            if value is not None and not (isinstance(value, (int, float)) and math.isfinite(value)):
                raise self._error(f"{value!r} is not a finite number or None")
        return values

    def _error(self, cause: str) -> RewardError:
        return RewardError(
            f"the reward '{self.__name__}' failed ({cause})",
            "Fix it and run the same command again: it resumes from the last checkpoint.",
        )
