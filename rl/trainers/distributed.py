"""The processes of a distributed run."""

from __future__ import annotations

import os
from typing import Any


def is_main_process() -> bool:
    """Return whether this is the main process of a distributed run, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def prepare_reference(trainer: Any, model: Any) -> Any:
    """Return a reference model, distributed as the trainer's own model is."""
    if trainer.is_deepspeed_enabled:
        from trl.models import prepare_deepspeed

        return prepare_deepspeed(model, trainer.accelerator)
    if trainer.is_fsdp_enabled:
        from trl.models import prepare_fsdp

        return prepare_fsdp(model, trainer.accelerator)
    return trainer.accelerator.prepare_model(model.eval(), evaluation_mode=True)


def shards_weights(trainer: Any) -> bool:
    """Return whether a process holds only a part of the weights, so that no part of the model runs by itself."""
    from transformers.integrations import is_deepspeed_zero3_enabled

    return bool(trainer.is_fsdp_enabled or is_deepspeed_zero3_enabled())
