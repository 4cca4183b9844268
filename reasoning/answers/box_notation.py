"""How a model writes boxes: the unit of its coordinates, and the size at which it sees an image."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from omnisense.errors import InputError
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.answers.boxes import BOX_UNITS
from omnisense.reasoning.policies.families import BoxUnit, family_of


class Notation(NamedTuple):
    """What plain numbers mean to a model, and the size at which it sees a picture of some width and height."""

    unit: BoxUnit
    shown: Callable[[int, int], tuple[int, int]]

    def form(self, width: int, height: int) -> str:
        """The form for a picture of so many pixels."""
        if self.unit != "pixels":
            return self.unit
        shown = self.shown(width, height)
        return f"pixels {shown[0]}x{shown[1]}"


def notation_of(unit: BoxUnit | Literal["auto"], folder: Path | None, max_pixels: int | None = None) -> Notation:
    """How boxes are put to a model.

    Args:
        unit: ``auto`` takes what the model's family was trained on, and thousandths where that is not known.
        folder: of the model; None for a remote one.
        max_pixels: what pictures are scaled down to before the model's own processor sees them.

    Raises:
        InputError: an unknown unit.
    """
    if unit not in (*BOX_UNITS, "auto"):
        raise InputError(f"there is no notation '{unit}'", f"Choose from auto, {', '.join(BOX_UNITS)}.")
    capped = Sampling(rule="count", count=1, max_pixels=max_pixels)
    resized = _resizing(folder)

    def shown(width: int, height: int) -> tuple[int, int]:
        plan = capped.plan(0.0, 0.0, 1, width, height)
        return resized(plan.width, plan.height)

    if unit == "auto":
        unit = family_of(folder).box_unit if folder else "thousandths"
    return Notation(unit, shown)


def _resizing(folder: Path | None) -> Callable[[int, int], tuple[int, int]]:
    """What the processor of a Qwen-VL model makes of a picture's size; others are taken to leave it alone."""
    settings: dict[str, Any] = {}
    for name in ("processor_config.json", "preprocessor_config.json"):  # since transformers 5, and before
        if folder is not None and (folder / name).is_file():
            found = json.loads((folder / name).read_text("utf-8"))
            settings |= found.get("image_processor", found)
    size = settings.get("size") or {}
    least = settings.get("min_pixels") or size.get("shortest_edge")
    most = settings.get("max_pixels") or size.get("longest_edge")
    if not (least and most and settings.get("merge_size")):
        return lambda width, height: (width, height)
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    multiple = int(settings["patch_size"]) * int(settings["merge_size"])

    def resized(width: int, height: int) -> tuple[int, int]:
        high, wide = smart_resize(height, width, multiple, least, most)
        return int(wide), int(high)

    return resized
