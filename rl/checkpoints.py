"""Checkpoints that a run goes on from exactly: the last whole one, read so that no weight is left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class ExactCheckpoints:
    """For trainers: reads back every weight that was saved."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        trainer: Any = self
        model, folder = model or trainer.model, Path(resume_from_checkpoint)
        if trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
        elif hasattr(model, "peft_config"):
            # transformers reads either the adapter or, where TRL has put a copy of its start beside it, the copy alone.
            for name in model.peft_config:
                at = folder if name == model.active_adapter else folder / name
                model.load_adapter(at, name, is_trainable=name == model.active_adapter)
        else:  # transformers does it, since from 5.21 on a thinker is saved under other names than it has
            saved = type(model).from_pretrained(folder, dtype=model.dtype)
            model.load_state_dict(saved.state_dict())


def last_whole(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end: its state is written last. None where there is none."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    return next((path for path in found if _is_whole(path)), None)


def _is_whole(checkpoint: Path) -> bool:
    try:
        return "global_step" in json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
