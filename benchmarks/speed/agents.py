"""An agent whose turn costs nothing but the loop and its storage."""

from __future__ import annotations

from pathlib import Path

from omnisense.agent.agent import Agent
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.reasoning.policies.base import Policy


def agent_without_models(policy: Policy, memory: str | Path | None) -> Agent:
    """Return an agent that reads no emotion off typed words, which takes a model 12 ms of CPU time.

    Args:
        policy: one that costs nothing.
        memory: as for :class:`omnisense.Agent`.
    """
    return Agent(policy, Perception(PerceptionSettings(text_emotion_model=None)), memory)
