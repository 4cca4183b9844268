"""A training run in one file: what is trained, on what, for which rewards; ``key=value`` on the command line wins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omnisense.errors import InputError
from omnisense.rl.data.split import DataSettings
from omnisense.rl.weights import Weights

Method = Literal["grpo", "sft"]
_WHOLE = ("rewards", "ratios")


class _Loader(yaml.SafeLoader):
    """YAML 1.2 in two things: 1e-6 is a number, not a text, and `no` is a text, not false."""


_BOOL, _FLOAT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"
_Loader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != _BOOL]
    for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(_FLOAT, re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))


class Evaluation(BaseModel):
    """How base and trained policy are compared on the held-out questions.

    Attributes:
        run: whether they are compared at all.
        method: let the policy ``write``, or ``choose`` the likeliest answer.
        max_new_tokens, batch_size: of writing.
    """

    model_config = ConfigDict(extra="forbid")

    run: bool = True
    method: Literal["write", "choose"] = "write"
    max_new_tokens: int = Field(default=256, ge=1)
    batch_size: int = Field(default=8, ge=1)


class Recipe(BaseModel):
    """A training run.

    Attributes:
        about: what it does.
        needs: what it takes: hardware, data, time.
        method: GRPO, or supervised fine-tuning on traces.
        policy: the model, as ``--policy`` takes it.
        adapter: a LoRA folder to start from.
        dtype: of the weights; ``auto`` takes the checkpoint's own.
        data: which questions.
        weights: what of the model is trained.
        rewards: by name, for GRPO (:func:`omnisense.rl.rewards.build_rewards`).
        trainer: settings of TRL's ``GRPOConfig`` or ``SFTConfig``, by their own names.
        evaluation: of base and trained policy.
        threads: prompts that are decoded at once, ahead of need.
        samples: completions that are written to the log with their frames, each time it is written.
        seed: of the split and of training.
        stages: for a curriculum: changes to this recipe, each with a ``name``; every stage starts from the last.
    """

    model_config = ConfigDict(extra="forbid")

    about: str = ""
    needs: str = ""
    method: Method = "grpo"
    policy: str
    adapter: str | None = None
    dtype: str = "auto"
    data: DataSettings
    weights: Weights = Weights()
    rewards: dict[str, Any] = {"accuracy": 1.0, "format": 1.0}
    trainer: dict[str, Any] = {}
    evaluation: Evaluation = Evaluation()
    threads: int = Field(default=4, ge=1)
    samples: int = Field(default=4, ge=0)
    seed: int = 0
    stages: list[dict[str, Any]] = []


class Stage(BaseModel):
    """A stage of a curriculum: its name, and the recipe it comes to."""

    name: str
    recipe: Recipe


def read_recipe(name: str, changes: Iterable[str] = (), method: Method | None = None) -> Recipe:
    """A recipe that ships with OmniSense, by name, or of one's own, by path.

    Args:
        name: ``tiny`` for ``recipes/tiny.yaml``, or the path of a YAML file.
        changes: ``key=value``, ``a.b=value`` or ``stages.NAME.a.b=value``, the value as YAML.
        method: what the command is for.

    Raises:
        InputError: no such recipe, or one that cannot be used; it names the key.
    """
    path, values = _read(name)
    for change in changes:
        _set(values, change)
    if method is not None:
        values.setdefault("method", method)
        if values["method"] != method:
            raise InputError(
                f"this recipe is for {values['method']}", f"Run: omnisense train {values['method']}.", path
            )
    return _validated(values, path)


def stages_of(recipe: Recipe) -> list[Stage]:
    """The stages of a curriculum.

    Raises:
        InputError: there are none, or one of them has no name or an unknown key.
    """
    if not recipe.stages:
        raise InputError("this recipe has no stages", "Run it with `omnisense train grpo` or `omnisense train sft`.")
    base = recipe.model_dump(mode="json", exclude={"stages"}, exclude_unset=True)
    found: list[Stage] = []
    for changes in recipe.stages:
        name = str(changes.get("name", ""))
        if not name or name in {stage.name for stage in found} or not name.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"a stage is named {name!r}", "Give each stage a name of its own: letters, digits, -, _.")
        # Settings of one of TRL's trainers are nothing to another one.
        other = changes.get("method", recipe.method) != recipe.method
        start = {key: value for key, value in base.items() if not (other and key == "trainer")}
        values = _merged(start, {key: value for key, value in changes.items() if key != "name"})
        found.append(Stage(name=name, recipe=_validated(values, f"stage {name}")))
    return found


def shipped() -> dict[str, Recipe]:
    """The recipes that ship with OmniSense, by name."""
    folder = files("omnisense.rl").joinpath("recipes")
    names = sorted(str(entry.name) for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return {name.removesuffix(".yaml"): read_recipe(name.removesuffix(".yaml")) for name in names}


def _read(name: str) -> tuple[str, dict[str, Any]]:
    packaged = files("omnisense.rl").joinpath("recipes", f"{name}.yaml")
    path = Path(name)
    try:
        text = packaged.read_text("utf-8") if "/" not in name and packaged.is_file() else path.read_text("utf-8")
        values = yaml.load(text, _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        known = sorted(e.name.removesuffix(".yaml") for e in files("omnisense.rl").joinpath("recipes").iterdir())
        cause = " ".join(str(error).split())
        raise InputError(
            f"this recipe cannot be read ({cause})", f"Give a YAML file, or one of {', '.join(known)}.", name
        ) from error
    if not isinstance(values, dict):
        raise InputError("this recipe is no table of keys", "Write `policy: ...`, `data: ...`.", name)
    return name, values


def _set(values: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise InputError(f"'{change}' changes nothing", "Write key=value, such as trainer.max_steps=20.")
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise InputError(f"the value of '{change}' is no YAML", "Put it in quotes.") from error
    *place, last = key.split(".")
    inner: Any = values
    for part in place:
        inner = _inside(inner, part, key)
    if not isinstance(inner, dict):
        raise InputError(f"'{key}' cannot be set", "Look at the recipe for its form.")
    inner[last] = value


def _inside(values: Any, part: str, key: str) -> Any:
    """Where a part of a key leads: in a table to its entry, made if it is not there; in stages to the one so named."""
    if isinstance(values, list):
        found = next((entry for entry in values if isinstance(entry, dict) and entry.get("name") == part), None)
    else:
        found = values.setdefault(part, {}) if isinstance(values, dict) else None
    if found is None:
        raise InputError(f"'{key}': there is no {part}", "Look at the recipe for its form.")
    return found


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the changes laid over it; tables are merged, but for rewards and ratios, which are a whole."""
    found = dict(base)
    for key, value in changes.items():
        deep = isinstance(value, Mapping) and isinstance(found.get(key), Mapping) and key not in _WHOLE
        found[key] = _merged(found[key], value) if deep else value
    return found


def _validated(values: dict[str, Any], where: str) -> Recipe:
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InputError(f"'{key}': {first['msg'].lower()}", "Mend the recipe, or the key=value.", where) from error
