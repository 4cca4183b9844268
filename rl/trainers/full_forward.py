"""Log-probabilities from a model's complete forward pass, with logits only for the positions that are scored.

TRL's fused LM head runs a model's text backbone. An omni model is more than that: with transformers 4.57 its media are
silently left out of the loss, with 5.x the forward pass fails. Here the model's own forward runs, which merges media
and rope positions; its LM head receives no positions at all, and TRL's head then scores the completion alone.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import torch
from trl.trainer.utils import add_fused_lm_head

from omnisense.errors import InputError


def unwrap_model(model: Any) -> Any:
    """Return the model inside a PEFT wrapper, or the model itself."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


class _FullForwardProxy:
    """Takes the model's place where TRL adds its head: the backbone is the full forward pass up to the LM head."""

    def __init__(self, model: Any, full_forward: Callable[..., Any]) -> None:
        self._model, self._full_forward = model, full_forward
        self.forward = full_forward
        self.model = self.base_model = self._hidden_states  # TRL's backbone, before transformers 5 and since

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_model"], name)

    def _hidden_states(
        self, *args: Any, last_positions: int | None = None, states: torch.Tensor | None = None, **inputs: Any
    ) -> Any:
        captured: list[Any] = []

        def capture(_: Any, hidden: tuple[Any, ...]) -> tuple[Any, ...]:
            captured.append(hidden[0])
            return (hidden[0][:, :0],)

        hook = self._model.get_output_embeddings().register_forward_pre_hook(capture)
        try:
            outputs = self._full_forward(*args, **inputs)
        finally:
            hook.remove()
        hidden = captured[0]
        if states is not None:
            hidden = hidden.flatten(0, 1)[states]
        elif last_positions is not None:
            hidden = hidden[:, -last_positions - 1 : -1]
        router_logits = getattr(outputs, "router_logits", None)
        if inputs.get("output_router_logits") and router_logits is None:
            raise InputError("this model does not return the logits of its expert router", "Omit router_aux_loss_coef.")
        return types.SimpleNamespace(last_hidden_state=hidden, router_logits=router_logits)


def add_scoring_head(model: Any, temperature: float = 1.0, outputs: tuple[str, ...] = ("log_probs",)) -> None:
    """Let ``model(..., fused_lm_head=True)`` score labels through the model's full forward pass.

    With ``labels`` (B, T) every position that has a label is scored, as in TRL. With ``shift_labels`` (B, C) and
    ``last_positions=C`` only the last C tokens are: label i is scored from the position before it. With ``states``
    (B, C) label i is scored from the state with that index among all states of the batch, row after row.

    Args:
        model: the model itself, not its PEFT wrapper.
        temperature, outputs: as TRL's ``add_fused_lm_head`` takes them.
    """
    full_forward = types.MethodType(type(model).forward, model)
    proxy = type("_ModelProxy", (_FullForwardProxy,), {"forward": type(model).forward})(model, full_forward)
    add_fused_lm_head(proxy, temperature=temperature, outputs=outputs)

    @functools.wraps(type(model).forward)
    def forward(_: Any, *args: Any, **inputs: Any) -> Any:
        # Accelerate binds forward to the model again when it adds mixed precision, so `self` is ignored here.
        return proxy.forward(*args, **inputs)

    model.forward = types.MethodType(forward, model)
