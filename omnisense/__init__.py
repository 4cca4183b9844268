"""OmniSense: omni-modal agents that perceive video, audio and text of people and respond with empathy.

The code is in five folders at the top of the repository, each a subpackage here. A folder imports only from those above
it in this list:

- ``omnisense.perception``: clip -> visual, audio and transcript streams -> one timeline
- ``omnisense.reasoning``: policies, the LangGraph loop, answers, safety
- ``omnisense.benchmarks``: evaluation and speed
- ``omnisense.rl``: training with SFT and GRPO
- ``omnisense.agent``: the Python API and the ``omnisense`` command

The public names below are imported on first use, so that ``import omnisense`` is instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from omnisense.compat import disable_telemetry
from omnisense.errors import (
    ConflictError,
    InputError,
    MediaError,
    ModelError,
    OmniSenseError,
    PolicyError,
    StorageError,
)
from omnisense.version import __version__

if TYPE_CHECKING:
    from omnisense.agent.agent import Agent
    from omnisense.agent.response import Response
    from omnisense.perception.cache import forget_clip
    from omnisense.perception.extractors import Extractor
    from omnisense.perception.media.clip import Clip, open_clip
    from omnisense.perception.media.sampling import Sampling
    from omnisense.perception.percepts import Percepts
    from omnisense.perception.pipeline import Perception, perceive
    from omnisense.perception.types import ChannelEvent
    from omnisense.reasoning.loop.appraisal import Appraisal, SafetyFinding
    from omnisense.reasoning.loop.emotion_set import EmotionSet
    from omnisense.reasoning.loop.extensions import Node, SafetyCheck
    from omnisense.reasoning.loop.state import LoopSettings
    from omnisense.reasoning.loop.strategies import StrategySet
    from omnisense.reasoning.media import MediaBudget
    from omnisense.reasoning.persona import Persona
    from omnisense.reasoning.policies.base import Choice, Policy
    from omnisense.reasoning.policies.chat_model import ChatModelPolicy
    from omnisense.reasoning.policies.gguf import GgufPolicy
    from omnisense.reasoning.policies.load import load_policy
    from omnisense.reasoning.policies.messages import PreparedPrompt
    from omnisense.reasoning.policies.scripted import ScriptedPolicy
    from omnisense.reasoning.policies.transformers import TransformersPolicy
    from omnisense.reasoning.profile import PolicyProfile

_LAZY = {
    "Agent": "omnisense.agent.agent",
    "Appraisal": "omnisense.reasoning.loop.appraisal",
    "ChannelEvent": "omnisense.perception.types",
    "ChatModelPolicy": "omnisense.reasoning.policies.chat_model",
    "Choice": "omnisense.reasoning.policies.base",
    "Clip": "omnisense.perception.media.clip",
    "EmotionSet": "omnisense.reasoning.loop.emotion_set",
    "Extractor": "omnisense.perception.extractors",
    "GgufPolicy": "omnisense.reasoning.policies.gguf",
    "LoopSettings": "omnisense.reasoning.loop.state",
    "MediaBudget": "omnisense.reasoning.media",
    "Node": "omnisense.reasoning.loop.extensions",
    "Perception": "omnisense.perception.pipeline",
    "Percepts": "omnisense.perception.percepts",
    "Persona": "omnisense.reasoning.persona",
    "Policy": "omnisense.reasoning.policies.base",
    "PolicyProfile": "omnisense.reasoning.profile",
    "PreparedPrompt": "omnisense.reasoning.policies.messages",
    "Response": "omnisense.agent.response",
    "SafetyCheck": "omnisense.reasoning.loop.extensions",
    "SafetyFinding": "omnisense.reasoning.loop.appraisal",
    "Sampling": "omnisense.perception.media.sampling",
    "ScriptedPolicy": "omnisense.reasoning.policies.scripted",
    "StrategySet": "omnisense.reasoning.loop.strategies",
    "TransformersPolicy": "omnisense.reasoning.policies.transformers",
    "forget_clip": "omnisense.perception.cache",
    "load_policy": "omnisense.reasoning.policies.load",
    "open_clip": "omnisense.perception.media.clip",
    "perceive": "omnisense.perception.pipeline",
}

disable_telemetry()

__all__ = [
    "Agent",
    "Appraisal",
    "ChannelEvent",
    "ChatModelPolicy",
    "Choice",
    "Clip",
    "ConflictError",
    "EmotionSet",
    "Extractor",
    "GgufPolicy",
    "InputError",
    "LoopSettings",
    "MediaBudget",
    "MediaError",
    "ModelError",
    "Node",
    "OmniSenseError",
    "Perception",
    "Percepts",
    "Persona",
    "Policy",
    "PolicyError",
    "PolicyProfile",
    "PreparedPrompt",
    "Response",
    "SafetyCheck",
    "SafetyFinding",
    "Sampling",
    "ScriptedPolicy",
    "StorageError",
    "StrategySet",
    "TransformersPolicy",
    "__version__",
    "forget_clip",
    "load_policy",
    "open_clip",
    "perceive",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'omnisense' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
