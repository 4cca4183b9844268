"""Makes systems under test from their settings."""

from __future__ import annotations

from collections.abc import Sequence

from omnisense.benchmarks.harness.agent_system import AgentSystem
from omnisense.benchmarks.harness.baselines import Baseline
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import LoadTemplates, PromptSettings
from omnisense.benchmarks.harness.systems import PolicySystem, System, SystemSettings
from omnisense.reasoning.policies.load import load_policy


def build_system(
    settings: SystemSettings,
    prompting: PromptSettings,
    load_templates: LoadTemplates | None = None,
    samples: Sequence[Sample] = (),
) -> System:
    """Return the system that the settings name.

    Args:
        settings: which system.
        prompting: how it is asked.
        load_templates: the suite's reader of its authors' prompts.
        samples: what the majority baseline counts.
    """
    if settings.kind == "baseline":
        return Baseline(settings, samples)
    policy = load_policy(
        settings.policy,
        adapter=settings.adapter,
        modalities=settings.modalities,
        batch_size=settings.batch_size,
        seed=settings.seed,
        model_args=settings.model_args,
    )
    if settings.kind == "agent":
        return AgentSystem(settings, prompting, policy, load_templates)
    return PolicySystem(settings, prompting, policy, load_templates)
