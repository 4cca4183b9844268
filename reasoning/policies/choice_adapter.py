"""A LoRA adapter that is used for the choices it was trained on, and for nothing else.

A small model that is trained on one decision gets worse at others. Its adapter therefore stays beside the model's
weights, and acts only while the model chooses among options that ``choices.json`` in its folder names:
``{"options": ["sadness", "joy"]}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.errors import ModelError
from omnisense.files import write_atomically
from omnisense.reasoning.policies.loading import load_adapter
from omnisense.reasoning.policies.prefix_cache import PrefixCache
from omnisense.text import parse_json

OPTIONS_FILE = "choices.json"
_CACHE_BYTES = 32 * 2**20  # its prompts are short


def read_options(adapter: str | Path) -> tuple[str, ...]:
    """Return the options that an adapter is for; none where it is for everything.

    Args:
        adapter: a folder or listed name.

    Raises:
        ModelError: there is no such adapter, or its file of options cannot be read.
    """
    file = models.fetch_adapter(adapter) / OPTIONS_FILE
    if not file.is_file():
        return ()
    try:
        options = parse_json(file.read_text("utf-8"))["options"]
        if not options or not all(isinstance(option, str) for option in options):
            raise ValueError("no list of texts")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the options of this adapter cannot be read ({error})", 'Correct the file: {"options": ["a", "b"]}.', file
        ) from error
    return tuple(options)


def write_options(folder: Path, options: Sequence[str]) -> None:
    """Let an adapter be used for choices among these options only."""
    write_atomically(folder / OPTIONS_FILE, json.dumps({"options": list(options)}) + "\n")


class ChoiceAdapter:
    """An adapter for choices among given options.

    Args:
        model: to which the adapter's weights are added; they do not act outside of :meth:`acting`.
        adapter: a folder or listed name.
        options: that it was trained to choose among.

    ``prefixes`` caches recent prompts, which the model reads differently with the adapter.

    Raises:
        ModelError: the adapter is missing, cannot be loaded or does not fit the model.
    """

    def __init__(self, model: Any, adapter: str | Path, options: Sequence[str]) -> None:
        self._tuner = load_adapter(model, adapter).base_model
        self._tuner.disable_adapter_layers()
        self._options = frozenset(options)
        self.prefixes = PrefixCache(_CACHE_BYTES)

    def fits(self, options: Sequence[str]) -> bool:
        """Return whether a choice is among the adapter's options only."""
        return self._options.issuperset(options)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Let the adapter act on the model for a while."""
        self._tuner.enable_adapter_layers()
        try:
            yield
        finally:
            self._tuner.disable_adapter_layers()
