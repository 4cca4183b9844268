"""Log-probabilities from a model's own forward: no media lost, and no logits for positions that are not scored.

TRL's fused head runs a model's text backbone. That is not all of an omni model: in transformers 4.57 its media would be
left out of the loss without a word, in 5.x it fails. Here the model's own forward runs, which merges media and rope
positions; its head is handed no position at all, and TRL's head then scores the completion alone.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from trl.trainer.utils import add_fused_lm_head

from omnisense.errors import InputError


def bare_model(model: Any) -> Any:
    """The model inside a PEFT wrapper, or the model itself."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


class _FullForward:
    """Stands in for a model where TRL adds its head: TRL's backbone is the model's own forward up to the head."""

    def __init__(self, model: Any, own: Callable[..., Any]) -> None:
        self._model, self._own = model, own
        self.forward = own
        self.model = self.base_model = self._hidden_states  # TRL's backbone, before transformers 5 and since

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_model"], name)

    def _hidden_states(self, *args: Any, last_positions: int | None = None, **inputs: Any) -> Any:
        kept: list[Any] = []

        def keep(_: Any, hidden: tuple[Any, ...]) -> tuple[Any, ...]:
            kept.append(hidden[0])
            return (hidden[0][:, :0],)

        hook = self._model.get_output_embeddings().register_forward_pre_hook(keep)
        try:
            outputs = self._own(*args, **inputs)
        finally:
            hook.remove()
        states = kept[0] if last_positions is None else kept[0][:, -last_positions - 1 : -1]
        router_logits = getattr(outputs, "router_logits", None)
        if inputs.get("output_router_logits") and router_logits is None:
            raise InputError("this model does not say how it routed its experts", "Leave router_aux_loss_coef out.")
        return types.SimpleNamespace(last_hidden_state=states, router_logits=router_logits)


def add_scoring_head(model: Any, temperature: float = 1.0, outputs: tuple[str, ...] = ("log_probs",)) -> None:
    """Let ``model(..., fused_lm_head=True)`` score labels through the model's own forward.

    With ``labels`` (B, T) every position that has one is scored, as in TRL. With ``shift_labels`` (B, C) and
    ``last_positions=C`` only the last C tokens are: label i is scored from the position before it.

    Args:
        model: the bare model, not its PEFT wrapper.
        temperature, outputs: as TRL's ``add_fused_lm_head`` takes them.
    """
    own = types.MethodType(type(model).forward, model)
    stand_in = type("_OwnForward", (_FullForward,), {"forward": type(model).forward})(model, own)
    add_fused_lm_head(stand_in, temperature=temperature, outputs=outputs)

    @functools.wraps(type(model).forward)
    def forward(_: Any, *args: Any, **inputs: Any) -> Any:
        # Accelerate binds a forward anew to the model when it adds mixed precision: this one does not ask to whom.
        return stand_in.forward(*args, **inputs)

    model.forward = types.MethodType(forward, model)
