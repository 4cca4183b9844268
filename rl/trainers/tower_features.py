"""What frozen towers compute from a prompt's images, video and audio: once a round, for every pass of the model.

A round of GRPO generates from a prompt, scores it with the reference and with the policy, and the latter once for each
update. Towers that are not trained compute the same in all of these passes.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from omnisense.reasoning.policies.batching import to_device
from omnisense.reasoning.policies.encoding import EncodedPrompt
from omnisense.rl.trainers.weights import TOWERS

# Methods of transformers' models that run a tower, and the input without which a prompt has nothing for it.
_METHODS = {
    "get_image_features": "pixel_values",
    "get_video_features": "pixel_values_videos",
    "get_audio_features": "input_features",
}


def has_frozen_towers(model: Any) -> bool:
    """Whether a model has towers that can be run by themselves, none of which is trained."""
    towers = [parameter for name, parameter in model.named_parameters() if TOWERS.search(name)]
    return bool(towers) and not any(parameter.requires_grad for parameter in towers)


class TowerFeatures:
    """Keeps the features of prompts' media, and gives them to the model in place of running its towers.

    Args:
        model: the model itself, not its PEFT wrapper.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._methods: dict[str, Callable[..., Any]] = {}
        self._known: dict[tuple[int, str], Any] = {}
        self._prompts: list[EncodedPrompt] = []  # whose ids are keys
        self._current: Sequence[EncodedPrompt] = ()
        self.attach(model)

    def attach(self, model: Any) -> None:
        """Give the features to a model with the same towers, such as the reference."""
        for module in model.modules():
            for name in _METHODS:
                if hasattr(type(module), name):
                    method = getattr(module, name)
                    setattr(module, name, functools.partial(self._run, name, method))
                    if model is self._model:
                        self._methods.setdefault(name, method)

    def compute(self, prompts: Sequence[EncodedPrompt]) -> None:
        """Compute the features of a round's prompts, each distinct one once, and forget those of the round before."""
        self._known.clear()
        self._prompts = list({id(prompt): prompt for prompt in prompts}.values())
        for prompt in self._prompts:
            inputs = to_device(self._model, prompt.inputs) if prompt.has_media else {}
            for name, method in self._methods.items():
                if _METHODS[name] in inputs:
                    taken = {key: inputs[key] for key in inspect.signature(method).parameters if key in inputs}
                    with torch.no_grad():
                        self._known[id(prompt), name] = method(**taken)

    @contextlib.contextmanager
    def of(self, prompts: Sequence[EncodedPrompt]) -> Iterator[None]:
        """Give the features of these prompts, in this order, while the model runs on them."""
        self._current = prompts
        try:
            yield
        finally:
            self._current = ()

    def give(self, prompts: Sequence[EncodedPrompt], call: Callable[..., Any], *args: Any, **inputs: Any) -> Any:
        """Call a function in which the model runs on these prompts."""
        with self.of(prompts):
            return call(*args, **inputs)

    def _run(self, name: str, method: Callable[..., Any], *args: Any, **inputs: Any) -> Any:
        wanted = [prompt for prompt in self._current if _METHODS[name] in prompt.inputs]
        found = [self._known[id(prompt), name] for prompt in wanted if (id(prompt), name) in self._known]
        if not wanted or len(found) < len(wanted):
            return method(*args, **inputs)
        return _join(found)


def _join(parts: Sequence[Any]) -> Any:
    """Return what a tower would have returned for all prompts together.

    A tensor has a row for each token. A tuple of tensors has one for each image or video; any other tuple or list has
    one part for each layer that gives features.
    """
    first = parts[0]
    if first is None:
        return None
    if isinstance(first, torch.Tensor):
        return torch.cat(list(parts))
    if isinstance(first, dict):  # an output of transformers
        return type(first)(**{key: _join([part[key] for part in parts]) for key in first})
    if isinstance(first, tuple) and all(isinstance(item, torch.Tensor) for item in first):
        return tuple(item for part in parts for item in part)
    return type(first)(_join(items) for items in zip(*parts, strict=True))
