"""Which weights are trained: by default a LoRA adapter on the language layers, what sees and hears left as it is."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from omnisense.errors import InputError

# The projections of the language model's layers, not those of the towers that see and hear, which have the same names.
LANGUAGE_LAYERS = (
    r"(?!.*(?:visual|vision|audio)).*layers\.\d+\.(?:self_attn|mlp)\.(?:.*\.)?(?:q|k|v|o|gate|up|down)_proj"
)
_TOWERS = re.compile(r"(?:^|\.)(?:visual|vision_tower|vision_model|audio_tower|multi_modal_projector)\.")


class Weights(BaseModel):
    """What is trained.

    Attributes:
        train: an ``adapter`` (LoRA), or the ``full`` model.
        towers: whether what sees and hears is trained too.
        r, alpha, dropout: of the adapter (Hu et al., 2022).
    """

    model_config = ConfigDict(extra="forbid")

    train: Literal["adapter", "full"] = "adapter"
    towers: bool = False
    r: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    def apply(self, model: Any, adapter: str | None = None) -> Any:
        """The model, ready to be trained.

        Args:
            model: freshly loaded.
            adapter: a LoRA folder to go on from.

        Raises:
            ModelError: the adapter does not fit the model.
            InputError: an adapter to go on from, and all weights to be trained.
        """
        if self.train == "full":
            if adapter is not None:
                raise InputError(
                    "all weights are to be trained, and the start is an adapter", "Set weights.train to adapter."
                )
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(self.towers or not _TOWERS.search(name))
            return model
        if adapter is not None:
            from omnisense.reasoning.policies.loading import load_adapter

            return load_adapter(model, adapter, trainable=True)
        from peft import LoraConfig, get_peft_model

        targets = "all-linear" if self.towers else LANGUAGE_LAYERS
        config = LoraConfig(
            r=self.r, lora_alpha=self.alpha, lora_dropout=self.dropout, target_modules=targets, task_type="CAUSAL_LM"
        )
        return get_peft_model(model, config)
