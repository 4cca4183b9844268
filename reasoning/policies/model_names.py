"""What the name of a model tells of it: which one it is, and how many parameters it has."""

from __future__ import annotations

import re

SMALL_PARAMETERS = 1_000_000_000  # a model with fewer needs guidance
# What names carry beside the model's own: the form of the file, how the weights are stored.
_FORM = re.compile(r"[-_.](?:gguf|awq|gptq|mlx|onnx|fp?16|bf16|fp8|int[48]|[48]bit|i?q\d(?:_\w+)?)$")
_TUNED = re.compile(r"-(?:instruct|chat|it)$")
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)([mb])(?![a-z0-9])")
_UNITS = {"m": 1e6, "b": 1e9}
_LEAST_PARAMETERS = 10e6  # a smaller figure is something else: 1m is a context of a million tokens


def bare_model_name(name: str) -> str:
    """Return a model's own name, as services and files write it: ``chat:owner/SmolLM2-135M-Instruct-Q8_0.gguf`` is
    ``smollm2-135m``, like ``chat:smollm2:135m`` and ``smollm2-135m-instruct``.
    """
    found = re.split(r"[/\\]", name.lower().removeprefix("chat:"))[-1].replace(":", "-")
    while (shorter := _FORM.sub("", found)) != found:
        found = shorter
    return _TUNED.sub("", found)


def parameters_in_name(name: str) -> float | None:
    """Return how many parameters a model's name says that it has (``qwen2.5:0.5b``); None where it does not say."""
    sizes = [float(number) * _UNITS[unit] for number, unit in _SIZE.findall(bare_model_name(name))]
    return max((size for size in sizes if size >= _LEAST_PARAMETERS), default=None)
