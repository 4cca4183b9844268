"""A trainer's steps and checkpoints in the run's log."""

from __future__ import annotations

import logging
from typing import Any

from transformers import TrainerCallback

_log = logging.getLogger(__name__)


class StepLogCallback(TrainerCallback):
    """Logs the trainer's arguments, each step's values and each checkpoint at INFO, from the main process."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Log the arguments."""
        if state.is_world_process_zero:
            _log.info("trainer arguments: %s", args.to_json_string().replace("\n", ""))
            _log.info("training from step %d to %d", state.global_step, state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Log a step's values."""
        if state.is_world_process_zero:
            values = [f"{key} {value:.6g}" for key, value in (logs or {}).items() if isinstance(value, (int, float))]
            _log.info("step %d of %d: %s", state.global_step, state.max_steps, ", ".join(values))

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Log a checkpoint."""
        if state.is_world_process_zero:
            _log.info("checkpoint saved at step %d", state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Log the end."""
        if state.is_world_process_zero:
            _log.info("training ended at step %d", state.global_step)
