"""Checks of a recipe that need no model, so that a missing file is reported at once and by its name."""

from __future__ import annotations

from pathlib import Path

from omnisense import models
from omnisense.errors import InputError, ModelError
from omnisense.rl.recipe import Recipe
from omnisense.rl.rewards.registry import build_rewards


def check_recipe(recipe: Recipe) -> None:
    """Check a recipe's files, adapter and rewards.

    Raises:
        InputError: a file or folder is missing, or a reward cannot be created.
    """
    if recipe.method in ("grpo", "reply"):
        build_rewards(recipe.rewards)
    check_inputs(recipe)


def check_inputs(recipe: Recipe) -> None:
    """Check that the recipe's data and adapter exist.

    Raises:
        InputError: one of them is missing; the message names it, and the command that creates it.
    """
    for path in (*recipe.data.files, *recipe.data.test_files):
        if not path.exists():
            raise InputError("the recipe's data are missing", _remedy(recipe, "data.files=[FILE]"), path)
    if recipe.data.images is not None and not recipe.data.images.is_dir():
        raise InputError("the folder of images is missing", "Set it with data.images=FOLDER.", recipe.data.images)
    if recipe.adapter is not None:
        _check_adapter(recipe.adapter)


def _remedy(recipe: Recipe, override: str) -> str:
    own = f"set {override} to your own"
    if not recipe.setup:
        return f"{own[0].upper()}{own[1:]}."
    return f"Create them with `{'; '.join(recipe.setup)}`, or {own}."


def _check_adapter(adapter: str) -> None:
    folder = Path(adapter)
    if folder.is_dir():
        if not (folder / "adapter_config.json").is_file():
            raise InputError("this folder holds no LoRA adapter", "Give one with adapter_config.json.", folder)
        return
    try:
        models.fetch(adapter)  # an adapter may also be in the list of models or on the hub
    except ModelError as error:
        raise InputError(
            "the adapter folder is missing, and no model has this name",
            "Give the folder with adapter_config.json.",
            folder,
        ) from error
