"""Checkpoints from which a run continues exactly: find the last complete one, and load every weight of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omnisense.compat import refuse_model_code
from omnisense.text import parse_json


class ExactCheckpointMixin:
    """For trainers: loads every weight that was saved, where transformers leaves some out."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        trainer: Any = self
        model, folder = model or trainer.model, Path(resume_from_checkpoint)
        if trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
        elif hasattr(model, "peft_config"):
            # transformers loads the adapter, or, where TRL has saved a copy of the initial adapter, that copy alone.
            for name in model.peft_config:
                adapter = folder if name == model.active_adapter else folder / name
                model.load_adapter(adapter, name, is_trainable=name == model.active_adapter)
        else:  # by from_pretrained: from transformers 5.21 on, a thinker is saved under other names than it has
            refuse_model_code(folder)
            model.load_state_dict(type(model).from_pretrained(folder, dtype=model.dtype).state_dict())


def last_complete_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written completely, or None if there is none."""
    found = sorted((p for p in folder.glob("checkpoint-*") if p.name[11:].isdecimal()), key=lambda p: -int(p.name[11:]))
    return next((path for path in found if _is_complete(path)), None)


def _is_complete(checkpoint: Path) -> bool:
    try:  # the trainer's state is written last
        return "global_step" in parse_json((checkpoint / "trainer_state.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
