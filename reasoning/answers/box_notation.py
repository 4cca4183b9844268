"""How a model writes boxes: the unit of its coordinates, and the size at which it sees an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from omnisense.errors import InputError
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.answers.boxes import BOX_UNITS
from omnisense.reasoning.policies.families import BoxUnit, family_of
from omnisense.text import parse_json


class Notation(NamedTuple):
    """The unit of a model's box coordinates, and the size (width, height) at which it sees an image."""

    unit: BoxUnit
    seen_size: Callable[[int, int], tuple[int, int]]

    def form(self, width: int, height: int) -> str:
        """Return the format for an image of this size in pixels."""
        if self.unit != "pixels":
            return self.unit
        seen_width, seen_height = self.seen_size(width, height)
        return f"pixels {seen_width}x{seen_height}"


def notation_of(unit: BoxUnit | Literal["auto"], folder: Path | None, max_pixels: int | None = None) -> Notation:
    """Return how a model writes boxes.

    Args:
        unit: ``auto`` for what the model's family was trained on, or thousandths where that is unknown.
        folder: of the model; None for a remote one.
        max_pixels: images are scaled down to this before the model's own processor gets them.

    Raises:
        InputError: an unknown unit.
    """
    if unit not in (*BOX_UNITS, "auto"):
        raise InputError(f"unknown box unit '{unit}'", f"Choose from auto, {', '.join(BOX_UNITS)}.")
    capped = Sampling(rule="count", count=1, max_pixels=max_pixels)
    resize = _processor_resize(folder)

    def seen_size(width: int, height: int) -> tuple[int, int]:
        plan = capped.plan(0.0, 0.0, 1, width, height)
        return resize(plan.width, plan.height)

    if unit == "auto":
        unit = family_of(folder).box_unit if folder else "thousandths"
    return Notation(unit, seen_size)


def _processor_resize(folder: Path | None) -> Callable[[int, int], tuple[int, int]]:
    """Return how the processor of a Qwen-VL model resizes images; other processors are assumed to keep the size."""
    settings: dict[str, Any] = {}
    for name in ("processor_config.json", "preprocessor_config.json"):  # since transformers 5, and before
        if folder is not None and (folder / name).is_file():
            found = parse_json((folder / name).read_text("utf-8"))
            settings |= found.get("image_processor", found)
    size = settings.get("size") or {}
    min_pixels = settings.get("min_pixels") or size.get("shortest_edge")
    max_pixels = settings.get("max_pixels") or size.get("longest_edge")
    if not (min_pixels and max_pixels and settings.get("merge_size")):
        return lambda width, height: (width, height)
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    multiple = int(settings["patch_size"]) * int(settings["merge_size"])

    def resize(width: int, height: int) -> tuple[int, int]:
        high, wide = smart_resize(height, width, multiple, min_pixels, max_pixels)
        return int(wide), int(high)

    return resize
