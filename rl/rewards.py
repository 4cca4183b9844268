"""What a completion earns. The accuracy reward is the scorer of the evaluation; an error is never a zero.

A reward takes what TRL hands it (completions, and the dataset's columns by name) and returns a number for each
completion, or None for one that it cannot score. Its reasons go to the log beside the completion.
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from omnisense.benchmarks.harness.scorer import score
from omnisense.errors import InputError, OmniSenseError
from omnisense.reasoning.answers.parser import is_think_then_answer, parse
from omnisense.reasoning.answers.question import UNSCORED_KINDS, Question

Completions = Sequence[Sequence[Mapping[str, str]]]
Reward = Callable[..., list[float | None]]
_WORDS_A_PHRASE = 4


class RewardError(OmniSenseError):
    """A reward that failed: the run stops, for a zero in its place would teach the model something false."""


def reply_of(completion: Sequence[Mapping[str, str]]) -> str:
    """The text of a completion."""
    return completion[-1]["content"]


def questions(
    question: Sequence[str], kind: Sequence[Any], options: Sequence[Sequence[str]], form: Sequence[str] = ()
) -> list[Question]:
    """The questions of a batch, from the dataset's columns."""
    forms = form or [""] * len(question)
    return [Question(q, k, tuple(o or ()), f) for q, k, o, f in zip(question, kind, options, forms, strict=True)]


def accuracy(
    completions: Completions,
    question: Sequence[str],
    kind: Sequence[str],
    options: Sequence[Sequence[str]],
    gold: Sequence[str],
    form: Sequence[str] = (),
    log_extra: Callable[..., None] | None = None,
    log_metric: Callable[..., None] | None = None,
    **_: Any,
) -> list[float | None]:
    """The strict score of each reply (0, 0.5 or 1); None where there is no right answer."""
    asked = zip(completions, questions(question, kind, options, form), gold, strict=True)
    found = [score(reply_of(c), q, right) if right and q.kind not in UNSCORED_KINDS else None for c, q, right in asked]
    if log_extra:
        log_extra("answer", [one.answer.value if one else "" for one in found])
        log_extra("reason", [one.reason if one else "no right answer" for one in found])
    read = [bool(one.answer.value) for one in found if one]
    if log_metric and read:
        log_metric("unparseable", 1 - sum(read) / len(read))
    return [one.value if one else None for one in found]


def think_then_answer(completions: Completions, **_: Any) -> list[float | None]:
    """1 for one think block and then one answer block, neither of them empty, with nothing else around; else 0."""
    return [float(is_well_formed(reply_of(completion))) for completion in completions]


def is_well_formed(reply: str) -> bool:
    """Whether a reply is one think block and then one answer block, neither of them empty."""
    if not is_think_then_answer(reply):
        return False
    read = parse(reply, "open")
    return bool(read.thinking) and bool(read.value)


class Length(BaseModel):
    """A soft length of the thinking in words: 1 from ``low`` to ``high``, falling to 0 towards none and twice ``high``.

    Words in phrases that were said before do not count towards ``low``: to repeat oneself is no reasoning.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: int = Field(default=10, ge=1)
    high: int = Field(default=200, ge=1)

    def __call__(self, completions: Completions, **_: Any) -> list[float | None]:
        """See the class."""
        return [self._of(parse(reply_of(completion), "open").thinking.split()) for completion in completions]

    def _of(self, words: list[str]) -> float:
        excess = max(0, len(words) - self.high) / self.high
        return min(1.0, _fresh(words) / self.low) * max(0.0, 1.0 - excess)


def _fresh(words: list[str]) -> int:
    """Words that do not end a phrase which was there before."""
    seen: set[tuple[str, ...]] = set()
    fresh = 0
    for end in range(1, len(words) + 1):
        phrase = tuple(word.casefold() for word in words[max(0, end - _WORDS_A_PHRASE) : end])
        fresh += phrase not in seen and len(set(phrase)) > len(phrase) // 2
        seen.add(phrase)
    return fresh


class Guarded:
    """A reward by name, held to its contract: one finite number or None for each completion, or the run stops."""

    def __init__(self, name: str, reward: Reward) -> None:
        self.__name__, self._reward = name, reward

    def __call__(self, completions: Completions, **given: Any) -> list[float | None]:
        """Call the reward.

        Raises:
            RewardError: it raised, or returned something that is no reward.
        """
        try:
            found = list(self._reward(completions=completions, **given))
        except OmniSenseError:
            raise
        except Exception as error:
            raise self._failed(f"{type(error).__name__}: {error}") from error
        if len(found) != len(completions):
            raise self._failed(f"{len(found)} values for {len(completions)} completions")
        for value in found:
            if value is not None and not (isinstance(value, (int, float)) and math.isfinite(value)):
                raise self._failed(f"{value!r} is no reward")
        return found

    def _failed(self, cause: str) -> RewardError:
        return RewardError(
            f"the reward '{self.__name__}' failed ({cause})",
            "Mend it and run the same command again: it goes on from the last checkpoint.",
        )


def build_rewards(wanted: Mapping[str, Any]) -> tuple[list[Guarded], list[float]]:
    """The rewards of a recipe, and their weights.

    Args:
        wanted: by name, a weight, or ``{weight: 1.0, ...}`` with the reward's own settings. Names are ``accuracy``,
            ``format``, ``length``, ``context``, ``logic``, ``empathy``, or ``module:function`` for one of yours.

    Raises:
        InputError: an unknown name or setting.
    """
    from omnisense.rl.judge_rewards import Context, Empathy, Logic

    ours: dict[str, Any] = {
        "accuracy": accuracy, "format": think_then_answer, "length": Length,
        "context": Context, "logic": Logic, "empathy": Empathy,
    }  # fmt: skip
    rewards, weights = [], []
    for name, given in wanted.items():
        settings = dict(given) if isinstance(given, Mapping) else {"weight": given}
        try:
            weights.append(float(settings.pop("weight", 1.0)))
            found = ours[name] if name in ours else _imported(name, sorted(ours))
            rewards.append(Guarded(name, found(**settings) if isinstance(found, type) else _plain(found, settings)))
        except (TypeError, ValueError) as error:
            cause = " ".join(str(error).split())
            raise InputError(
                f"the reward '{name}' cannot be set up so ({cause})", "See the recipe's rewards."
            ) from error
    if not rewards:
        raise InputError("there are no rewards", "Give at least one, such as accuracy: 1.0.")
    return rewards, weights


def _plain(function: Reward, settings: Mapping[str, Any]) -> Reward:
    if settings:
        raise ValueError(f"it takes no {', '.join(settings)}")
    return function


def _imported(name: str, known: Sequence[str]) -> Any:
    module, _, attribute = name.partition(":")
    if not attribute:
        raise InputError(
            f"there is no reward '{name}'", f"Choose from {', '.join(known)}, or name one of yours: module:function."
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"the reward '{name}' cannot be imported ({error})", "Put its folder on PYTHONPATH."
        ) from error
    if inspect.iscoroutinefunction(found):
        raise InputError(f"the reward '{name}' is asynchronous", "Give one that returns its values.")
    return found
