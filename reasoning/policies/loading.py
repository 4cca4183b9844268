"""Load saved models and LoRA adapters, with the encoder of their prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.compat import refuse_model_code
from omnisense.errors import InputError, ModelError, first_line
from omnisense.reasoning.policies.encoding import Encoder
from omnisense.reasoning.policies.families import TEXT_FAMILY, family_of
from omnisense.reasoning.policies.rope import patch_rope_index


def load_model(
    folder: Path,
    dtype: str = "auto",
    device_map: Any = None,
    attention: str | None = None,
    quantization: str | None = None,
) -> tuple[Any, Encoder]:
    """Load a saved model and the encoder of its prompts; omni models get rope positions row by row.

    Args:
        folder: the saved model.
        dtype, device_map: as transformers takes them; without a map the model stays on the CPU.
        attention: implementation of attention, as transformers names it (``sdpa``, ``eager``, ``flash_attention_2``);
            None for its own choice.
        quantization: ``4bit`` or ``8bit`` weights by bitsandbytes; None for the checkpoint's own.

    Raises:
        ModelError: it cannot be loaded, has no chat template, or code of its own.
        InputError: an unknown dtype or quantization, or the package for it is missing.
    """
    import torch
    import transformers
    from jinja2 import TemplateError

    if dtype != "auto" and not isinstance(getattr(torch, dtype, None), torch.dtype):
        raise InputError(f"unknown dtype '{dtype}'", "Choose auto, float32, bfloat16 or float16.")
    quantized = {"quantization_config": _quantization(quantization)} if quantization else {}
    transformers.utils.logging.disable_progress_bar()
    refuse_model_code(folder)
    try:
        family = family_of(folder)
        reader = transformers.AutoTokenizer if family is TEXT_FAMILY else transformers.AutoProcessor
        processor = reader.from_pretrained(folder, trust_remote_code=False)
        model = getattr(transformers, family.loader).from_pretrained(
            folder,
            dtype=dtype,
            device_map=device_map,
            attn_implementation=attention,
            trust_remote_code=False,
            **quantized,
        )
    except Exception as error:  # each library has types of its own, for damaged weights for instance
        raise ModelError(
            f"it cannot be loaded ({first_line(error)})",
            "Copy it again if it is damaged, or give a text, vision-language, audio or omni model that writes text.",
            folder,
        ) from error
    if not (processor.chat_template or getattr(processor, "tokenizer", processor).chat_template):
        raise ModelError("it has no chat template", "Give an instruction-tuned model.", folder)
    if "omni" in model.config.model_type:
        patch_rope_index(model)
    try:
        return model.eval(), Encoder(processor, family)
    except (TemplateError, OverflowError) as error:  # jinja's sandbox refuses what reaches beyond a template
        reason = f"its chat template cannot be rendered ({error})"
        raise ModelError(reason, "Give a model with another template.", folder) from error


def _quantization(name: str) -> Any:
    import importlib.util

    from transformers import BitsAndBytesConfig

    if name not in ("4bit", "8bit"):
        raise InputError(f"unknown quantization '{name}'", "Choose 4bit or 8bit.")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise InputError("quantization needs bitsandbytes", "Install it: pip install bitsandbytes.")
    return BitsAndBytesConfig(**{f"load_in_{name}": True})


def load_adapter(model: Any, adapter: str | Path, trainable: bool = False) -> Any:
    """Load a LoRA adapter on top of a model.

    Raises:
        ModelError: the adapter is missing, cannot be loaded or does not fit the model.
    """
    from peft import PeftModel
    from transformers.integrations import is_deepspeed_zero3_enabled

    # PEFT makes the adapter float32 beside half-precision weights; under ZeRO-3 a layer is then gathered in two types,
    # which fails.
    in_float32 = not is_deepspeed_zero3_enabled()
    # PEFT alone takes any name for a hub id and tries the network for half a minute.
    folder = models.fetch_adapter(adapter)
    try:
        return PeftModel.from_pretrained(model, str(folder), is_trainable=trainable, autocast_adapter_dtype=in_float32)
    except Exception as error:  # as above
        raise ModelError(
            f"the adapter cannot be loaded ({first_line(error)})",
            "Copy it again if it is damaged, or give the folder of a LoRA adapter that was trained on this model.",
            adapter,
        ) from error
