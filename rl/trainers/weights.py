"""Which weights are trained: by default a LoRA adapter on the language layers, with the media encoders frozen."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from omnisense.errors import InputError

# The projections of the language model's layers. Those of the vision and audio towers have the same names.
_LANGUAGE_LAYERS = (
    r"(?!.*(?:visual|vision|audio)).*layers\.{number}\.(?:self_attn|mlp)\.(?:.*\.)?(?:q|k|v|o|gate|up|down)_proj"
)
_LAYER = re.compile(r"\blayers\.(\d+)\.")
TOWERS = re.compile(r"(?:^|\.)(?:visual|vision_tower|vision_model|audio_tower|multi_modal_projector)\.")


class TrainableWeights(BaseModel):
    """Which weights are trained.

    Attributes:
        train: an ``adapter`` (LoRA), or the ``full`` model.
        towers: whether the vision and audio towers are trained too.
        first_layer: layers of the language model below this one stay as they are, and so do the embeddings. The
            backward pass ends there.
        r, alpha, dropout: of the adapter (Hu et al., 2022).
    """

    model_config = ConfigDict(extra="forbid")

    train: Literal["adapter", "full"] = "adapter"
    towers: bool = False
    first_layer: int = Field(default=0, ge=0)
    r: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _check(self) -> TrainableWeights:
        if self.towers and self.first_layer:
            raise ValueError("first_layer and towers cannot be combined")
        return self

    def apply(self, model: Any, adapter: str | None = None) -> Any:
        """Return the model, ready to be trained.

        Args:
            model: freshly loaded.
            adapter: a LoRA adapter folder to start from.

        Raises:
            ModelError: the adapter does not fit the model.
            InputError: all weights are to be trained, and there is an adapter to start from.
        """
        if self.train == "full":
            if adapter is not None:
                raise InputError(
                    "weights.train is 'full', and training starts from an adapter", "Set weights.train to adapter."
                )
            for name, parameter in model.named_parameters():
                in_tower = bool(TOWERS.search(name))
                parameter.requires_grad_(self.towers if in_tower else not self._is_below(name))
            return model
        if adapter is not None:
            from omnisense.reasoning.policies.loading import load_adapter

            return load_adapter(model, adapter, trainable=True)
        from peft import LoraConfig, get_peft_model
        from transformers.integrations import is_deepspeed_zero3_enabled

        targets = "all-linear" if self.towers else language_layers(self.first_layer)
        config = LoraConfig(
            r=self.r, lora_alpha=self.alpha, lora_dropout=self.dropout, target_modules=targets, task_type="CAUSAL_LM"
        )
        # As in load_adapter: under ZeRO-3 the adapter has the type of the weights.
        return get_peft_model(model, config, autocast_adapter_dtype=not is_deepspeed_zero3_enabled())

    def _is_below(self, name: str) -> bool:
        """Whether a parameter of the language model belongs to what ``first_layer`` leaves as it is."""
        layer = _LAYER.search(name)
        return int(layer[1]) < self.first_layer if layer else bool(self.first_layer) and "embed" in name

    def describe(self) -> str:
        """Return which weights are trained, in words."""
        what = f"a LoRA adapter (r={self.r})" if self.train == "adapter" else "all weights"
        layers = f" on layers {self.first_layer} and up" if self.first_layer else ""
        return f"{what}{layers}, {'with' if self.towers else 'without'} the vision and audio towers"


def language_layers(first: int = 0) -> str:
    """Return a pattern of the names of the projections of the language model's layers, from the first on."""
    below = "|".join(map(str, range(first)))
    number = rf"(?!(?:{below})\.)\d+" if first else r"\d+"
    return _LANGUAGE_LAYERS.replace("{number}", number)
