"""Rewards by the names that recipes use."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from omnisense.errors import InputError
from omnisense.rl.rewards.functions import CheckedReward, LengthReward, Reward, accuracy_reward, format_reward
from omnisense.rl.rewards.judge import ContextReward, EmpathyReward, LogicReward
from omnisense.rl.rewards.replies import (
    EmpathyHeadReward,
    ReplyLengthReward,
    checks_reward,
    diversity_reward,
    faultless_reward,
    feeling_reward,
    strategy_reward,
)

REWARDS: dict[str, Any] = {
    "accuracy": accuracy_reward,
    "format": format_reward,
    "length": LengthReward,
    "context": ContextReward,
    "logic": LogicReward,
    "empathy": EmpathyReward,
    "reply_checks": checks_reward,
    "reply_faultless": faultless_reward,
    "reply_feeling": feeling_reward,
    "reply_strategy": strategy_reward,
    "reply_diversity": diversity_reward,
    "reply_length": ReplyLengthReward,
    "reply_empathy": EmpathyHeadReward,
}
"""Reward functions, and classes whose instances are rewards and whose fields are settings."""


def build_rewards(wanted: Mapping[str, float | Mapping[str, Any]]) -> tuple[list[CheckedReward], list[float]]:
    """Return the rewards of a recipe, and their weights.

    Args:
        wanted: by name, a weight, or ``{weight: 1.0, ...}`` with the reward's own settings. A name is a key of
            :data:`REWARDS`, or ``module:function`` for a reward of your own.

    Raises:
        InputError: an unknown name or setting.
    """
    rewards, weights = [], []
    for name, given in wanted.items():
        settings = dict(given) if isinstance(given, Mapping) else {"weight": given}
        try:
            weights.append(float(settings.pop("weight", 1.0)))
            rewards.append(CheckedReward(name, _create(name, settings)))
        except (TypeError, ValueError) as error:
            cause = " ".join(str(error).split())
            raise InputError(
                f"invalid settings of the reward '{name}' ({cause})", "Fix the recipe's rewards."
            ) from error
    if not rewards:
        raise InputError("there are no rewards", "Give at least one, such as accuracy: 1.0.")
    return rewards, weights


def _create(name: str, settings: Mapping[str, Any]) -> Reward:
    found = REWARDS[name] if name in REWARDS else _import(name)
    if isinstance(found, type):
        reward: Reward = found(**settings)
        return reward
    if settings:
        raise ValueError(f"it has no setting {', '.join(settings)}")
    function: Reward = found
    return function


def _import(name: str) -> Any:
    module, _, attribute = name.partition(":")
    if not attribute:
        raise InputError(
            f"there is no reward '{name}'", f"Choose from {', '.join(sorted(REWARDS))}, or give module:function."
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"the reward '{name}' cannot be imported ({error})", "Add its folder to PYTHONPATH."
        ) from error
    if inspect.iscoroutinefunction(found):
        raise InputError(f"the reward '{name}' is asynchronous", "Give a function that returns its values directly.")
    return found
