"""Load a policy by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.errors import InputError, ModelError
from omnisense.reasoning.policies.base import DEFAULT_POLICY, Policy
from omnisense.reasoning.policies.scripted import ScriptedPolicy

DEFAULT_ADAPTER = "default"  # the one that the model list names for the model, if any
MODEL_ARGS = ("dtype", "device_map", "attn_implementation", "quantization")


def load_policy(
    name: str = DEFAULT_POLICY,
    *,
    adapter: str | Path | None = DEFAULT_ADAPTER,
    modalities: Iterable[str] = (),
    batch_size: int = 8,
    seed: int = 0,
    model_args: Mapping[str, str] | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Policy:
    """Load a policy by name. What it needs is fetched now, not after a clip has been perceived.

    Args:
        name: a language model of ``omnisense models list``, a folder, a hub id ``owner/name``, a GGUF file;
            ``chat:PROVIDER:MODEL`` for any LangChain chat model (``chat:openai:gpt-4.1-mini``,
            ``chat:ollama:qwen2.5``); ``scripted`` or ``scripted:FILE.json``.
        adapter: a LoRA adapter to load on top of a local model that is no GGUF file: a folder or a listed name.
            ``default`` is the one that the model list names for the model, where it names one; None leaves it out.
        modalities: what a chat model accepts besides text: ``image``, ``audio``. Local models know theirs.
        batch_size: prompts in a batch for a local model; concurrent requests for a chat model.
        seed: for sampling.
        model_args: how a Hugging Face model is loaded, by name: ``dtype``, ``device_map``, ``attn_implementation``,
            ``quantization``.
        on_progress: receives one line per step when the model has to be fetched; by default they are logged.

    Raises:
        ModelError: no such model or adapter, it cannot be fetched, or a file is no GGUF file.
        InputError: the name is malformed, a modality is unknown, or an adapter is given for a GGUF model, or a model
            argument is unknown or does not fit the kind of model.
    """
    arguments, adapter = _checked(model_args or {}), resolve_adapter(name, adapter)
    kind, _, rest = name.partition(":")
    if arguments and kind in ("scripted", "chat"):
        raise InputError(f"model arguments do not apply to {name}", "Leave them out.")
    if kind == "scripted":
        return ScriptedPolicy.from_file(rest) if rest else ScriptedPolicy()
    if kind == "chat":
        from omnisense.reasoning.policies.chat_model import ChatModelPolicy

        return ChatModelPolicy.from_name(rest, modalities=set(modalities), max_concurrency=batch_size)
    if adapter is not None:
        models.fetch_adapter(adapter, on_progress)
    if _is_gguf(models.fetch(name, on_progress)):
        from omnisense.reasoning.policies.gguf import GgufPolicy

        if adapter is not None:
            raise InputError("adapters do not fit GGUF models", "Give the model as a Hugging Face folder.", adapter)
        if arguments:
            raise InputError("model arguments do not fit GGUF models", "Give the model as a Hugging Face folder.")
        return GgufPolicy(name, seed=seed, on_progress=on_progress)
    from omnisense.reasoning.policies.transformers import TransformersPolicy

    return TransformersPolicy(
        name, adapter=adapter, batch_size=batch_size, seed=seed, on_progress=on_progress, **arguments
    )


def resolve_adapter(policy: str, adapter: str | Path | None) -> str | None:
    """Return the folder or listed name of the adapter that a policy is to have; None for none.

    Args:
        policy: its name, as :func:`load_policy` takes it.
        adapter: ``default`` for the one that the model list names for this model, if any; ``none`` or None for none;
            else the adapter itself.
    """
    if adapter is None or str(adapter) == "none":
        return None
    if str(adapter) != DEFAULT_ADAPTER:
        return str(adapter)
    spec = models.list_models().get(policy)
    return spec.adapter if spec else None


def _checked(arguments: Mapping[str, str]) -> dict[str, Any]:
    if unknown := sorted(arguments.keys() - set(MODEL_ARGS)):
        raise InputError(f"unknown model argument {', '.join(unknown)}", f"Choose from {', '.join(MODEL_ARGS)}.")
    return dict(arguments)


def _is_gguf(found: Path) -> bool:
    """Return whether a model is a GGUF file, or a folder that holds no other form of it.

    Raises:
        ModelError: it is a file of another kind.
    """
    if not found.is_file():
        return any(found.glob("*.gguf")) and not (found / "config.json").exists()
    with found.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelError("it is not a GGUF file", "Give a GGUF file, or the folder of a Hugging Face model.", found)
    return True
