"""Recipes: what is trained, on which data, for which rewards. A YAML file each; ``key=value`` arguments override it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omnisense.errors import InputError
from omnisense.rl.data.settings import DataSettings
from omnisense.rl.overrides import apply_override, merge, parse_yaml
from omnisense.rl.rollouts.workers import RolloutSettings
from omnisense.rl.trainers.weights import TrainableWeights

Method = Literal["grpo", "sft", "choice", "reply", "reply-sft"]


class EvaluationSettings(BaseModel):
    """How the base model and the trained one are compared on the held-out questions.

    Attributes:
        run: whether they are compared at all.
        method: ``write`` for free generation, or ``choose`` for the likeliest of the possible answers.
        max_new_tokens, batch_size: of generation.
    """

    model_config = ConfigDict(extra="forbid")

    run: bool = True
    method: Literal["write", "choose"] = "write"
    max_new_tokens: int = Field(default=256, ge=1)
    batch_size: int = Field(default=8, ge=1)


class AlarmSettings(BaseModel):
    """Limits beyond which a run of GRPO raises an alarm; the run continues.

    Attributes:
        kl: nats a token from the start.
        entropy_share: of the entropy at the first step.
        audit_share: of what a feature that no reward uses (``audit/...``) was at first, but for ``audit/copied``.
        copied: share of the five-word runs of replies that stand in what the person said.
    """

    model_config = ConfigDict(extra="forbid")

    kl: float = Field(default=1.0, gt=0)
    entropy_share: float = Field(default=0.25, ge=0, lt=1)
    audit_share: float = Field(default=0.5, ge=0, lt=1)
    copied: float = Field(default=0.3, gt=0)


class Recipe(BaseModel):
    """A training run. A file may also have ``extends``: another recipe, by name or path, whose keys it overrides.

    Attributes:
        description: what it does.
        requirements: hardware, data and time.
        setup: commands that create the recipe's files, shown by ``omnisense train recipes`` and when a file is missing.
        method: GRPO, supervised fine-tuning, or ``choice``: cross-entropy over the scores that ``choose`` compares, on
            what the agent asks (``data.files`` are those of ``omnisense train data agent``).
            ``reply`` is GRPO on the replies of a guided policy, from the same files, and ``reply-sft`` supervised
            fine-tuning on those of them that have a reply to learn (``omnisense train data drafts``).
        policy: the model, as ``--policy`` takes it.
        adapter: a LoRA adapter folder to start from.
        dtype: of the weights; ``auto`` for the checkpoint's own.
        attention: implementation of attention, as transformers names it; None for its own choice.
        data: the questions.
        weights: which weights are trained.
        rewards: by name, for GRPO: a weight, or a mapping of ``weight`` and the reward's own settings
            (:func:`omnisense.rl.rewards.registry.build_rewards`).
        trainer: settings of TRL's ``GRPOConfig`` or ``SFTConfig``, or for choices of transformers'
            ``TrainingArguments``, by their own names.
        evaluation: of the base model and the trained one.
        share_prompts: whether GRPO computes a prompt once for the completions that are generated or scored together,
            and the features of frozen towers once for both.
        generate_at_once: completions that are generated together at most (always all of one prompt), so that their
            key-value caches fit into memory; None for all of a round.
        rollouts: workers that generate for GRPO in place of the trainer
            (:class:`omnisense.rl.rollouts.workers.RolloutSettings`).
        prefetch_threads: prompts that are decoded and encoded at once, ahead of the model.
        completion_samples: completions written to the run folder with their frames, each time that the trainer logs.
        seed: of the split and of training.
        alarms: limits at which a run of GRPO says that something may go wrong.
        stages: for a curriculum: overrides of this recipe, each with a ``name``; a stage starts from the one before.
    """

    model_config = ConfigDict(extra="forbid")

    description: str = ""
    requirements: str = ""
    setup: list[str] = []
    method: Method = "grpo"
    policy: str
    adapter: str | None = None
    dtype: str = "auto"
    attention: str | None = None
    data: DataSettings
    weights: TrainableWeights = TrainableWeights()
    rewards: dict[str, float | dict[str, Any]] = {"accuracy": 1.0, "format": 1.0}
    trainer: dict[str, Any] = {}
    evaluation: EvaluationSettings = EvaluationSettings()
    share_prompts: bool = True
    generate_at_once: int | None = Field(default=None, ge=1)
    rollouts: RolloutSettings | None = None
    prefetch_threads: int = Field(default=4, ge=1)
    completion_samples: int = Field(default=4, ge=0)
    seed: int = 0
    alarms: AlarmSettings = AlarmSettings()
    stages: list[dict[str, Any]] = []


class Stage(BaseModel):
    """A stage of a curriculum: its name, and its complete recipe."""

    name: str
    recipe: Recipe


def read_recipe(name: str, overrides: Iterable[str] = (), method: Method | None = None) -> Recipe:
    """Return a recipe, by the name of a packaged one or by the path of a YAML file.

    Args:
        name: ``tiny`` for ``recipes/tiny.yaml``, or a path.
        overrides: ``key=value``, ``a.b=value`` or ``stages.NAME.a.b=value``, the value as YAML.
        method: the method that the recipe must have; None for any.

    Raises:
        InputError: no such recipe, or an invalid one; the message names the key.
    """
    values = _read(name)
    for override in overrides:
        apply_override(values, override)
    if method is not None:
        values.setdefault("method", method)
        if values["method"] != method:
            raise InputError(
                f"this recipe is for {values['method']}", f"Run: omnisense train {values['method']}.", name
            )
    return _validate(values, name)


def expand_stages(recipe: Recipe) -> list[Stage]:
    """Return the stages of a curriculum, each with the recipe that its overrides give.

    Raises:
        InputError: there are none, or one of them has no name or an unknown key.
    """
    if not recipe.stages:
        raise InputError("this recipe has no stages", "Run it with `omnisense train grpo` or `omnisense train sft`.")
    base = recipe.model_dump(mode="json", exclude={"stages"}, exclude_unset=True)
    stages: list[Stage] = []
    for overrides in recipe.stages:
        name = str(overrides.get("name", ""))
        if not name.replace("-", "").replace("_", "").isalnum() or name in {stage.name for stage in stages}:
            raise InputError(
                f"'{name}' cannot be the name of a stage", "Give each stage its own name, of letters, digits, - and _."
            )
        # GRPOConfig's settings are not SFTConfig's: a stage with another method starts without them.
        method_changes = overrides.get("method", recipe.method) != recipe.method
        start = {key: value for key, value in base.items() if not (method_changes and key == "trainer")}
        values = merge(start, {key: value for key, value in overrides.items() if key != "name"})
        stages.append(Stage(name=name, recipe=_validate(values, f"stage {name}")))
    return stages


def packaged_recipes() -> dict[str, Recipe]:
    """Return the recipes that ship with OmniSense, by name."""
    return {name: read_recipe(name) for name in _packaged_names()}


def packaged_text(name: str) -> str:
    """Return the YAML text of a recipe that ships with OmniSense.

    Raises:
        InputError: no such recipe.
    """
    if name not in _packaged_names():
        raise InputError(f"there is no recipe '{name}'", f"Choose from {', '.join(_packaged_names())}.")
    return _packaged(name).read_text("utf-8")


def _packaged(name: str) -> Traversable:
    return files("omnisense.rl").joinpath("recipes", f"{name}.yaml")


def _packaged_names() -> list[str]:
    folder = files("omnisense.rl").joinpath("recipes")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def _read(name: str, extended_by: tuple[str, ...] = ()) -> dict[str, Any]:
    if name not in _packaged_names() and not Path(name).exists():
        raise InputError(
            "there is no such recipe", f"Give a YAML file, or one of {', '.join(_packaged_names())}.", name
        )
    try:
        text = _packaged(name).read_text("utf-8") if name in _packaged_names() else Path(name).read_text("utf-8")
        values = parse_yaml(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        cause = " ".join(str(error).split())
        raise InputError(
            f"this recipe cannot be read ({cause})",
            f"Give a YAML file, or one of {', '.join(_packaged_names())}.",
            name,
        ) from error
    if not isinstance(values, dict):
        raise InputError("this recipe is not a mapping of keys", "Write `policy: ...`, `data: ...`.", name)
    parent = values.pop("extends", None)
    if parent is None:
        return values
    if parent not in _packaged_names() and name not in _packaged_names():
        parent = str(Path(name).parent / str(parent))  # as seen from the file that names it
    if parent in (*extended_by, name):
        raise InputError(f"this recipe extends itself (through '{parent}')", "Change `extends`.", name)
    return merge(_read(str(parent), (*extended_by, name)), values)


def _validate(values: dict[str, Any], source: str) -> Recipe:
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InputError(f"'{key}': {first['msg'].lower()}", "Fix the recipe or the key=value.", source) from error
