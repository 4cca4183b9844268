"""A Hugging Face model as a policy: batched generation, and choices by likelihood.

Text, vision-language, audio and omni models. What differs between them, from prompt to tensors, is in ``encoding``.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.errors import ModelError, PolicyError
from omnisense.reasoning.policies.base import Choice, OnToken
from omnisense.reasoning.policies.batching import batch_groups, collate, to_device
from omnisense.reasoning.policies.encoding import EncodedPrompt, Encoder, media_token_ids
from omnisense.reasoning.policies.families import family_of
from omnisense.reasoning.policies.load import DEFAULT_POLICY
from omnisense.reasoning.policies.loading import load_adapter, load_model
from omnisense.reasoning.policies.messages import Messages, PreparedPrompt, truncate_at_stop
from omnisense.reasoning.policies.scoring import score_options, score_options_uncached


class TransformersPolicy:
    """Any instruction-tuned model of transformers 4.57 or 5.x: text, vision-language, audio, or omni (its thinker).

    Args:
        model: a name of the model list, a folder or a hub id.
        adapter: a LoRA adapter folder or hub id, merged on load.
        dtype: ``auto`` takes the checkpoint's own.
        device_map: as transformers takes it; by default the first GPU if there is one, else the CPU.
        batch_size: prompts computed at once; batches are made of prompts of like length.
        seed: mixed into each call's own.
        say: receives a line when the model has to be fetched.

    The model is loaded on first use. Calls from several threads take turns.
    """

    scores_likelihoods = True

    def __init__(
        self,
        model: str | Path = DEFAULT_POLICY,
        *,
        adapter: str | Path | None = None,
        dtype: str = "auto",
        device_map: str | dict[str, Any] | None = None,
        batch_size: int = 8,
        seed: int = 0,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.name = str(model) if adapter is None else f"{model}+{adapter}"
        self._model_name, self._adapter, self._dtype, self._device_map = str(model), adapter, dtype, device_map
        self._batch_size, self._seed, self._say = batch_size, seed, say
        self._lock = threading.RLock()
        self._loaded: tuple[Any, Encoder] | None = None

    @functools.cached_property
    def modalities(self) -> frozenset[str]:
        """The part types that the model takes, from its configuration (fetches the model if it is not here)."""
        folder = models.fetch(self._model_name, self._say)
        try:
            return family_of(folder).modalities
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"its configuration cannot be read ({str(error).strip().splitlines()[0][:200]})",
                "Give the folder or id of a Hugging Face model.",
                folder,
            ) from error

    @property
    def needs_guidance(self) -> bool:
        """Under a billion parameters: such models lose the thread of a long prompt (loads the model to count)."""
        return int(self.load()[0].num_parameters()) < 1_000_000_000

    def load(self) -> tuple[Any, Encoder]:
        """The model and the encoder of its prompts, loaded now if they were not.

        Raises:
            ModelError: unknown, not to be had, without a chat template, or an adapter that does not fit.
        """
        import torch

        with self._lock:
            if self._loaded is None:
                folder = models.fetch(self._model_name, self._say)
                device = "cuda:0" if torch.cuda.is_available() else "cpu"
                model, encoder = load_model(folder, self._dtype, self._device_map or device)
                self._loaded = self._with_adapter(model), encoder
            return self._loaded

    def write(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        on_token: OnToken | None = None,
    ) -> list[str]:
        """Continue each prompt; see :class:`omnisense.reasoning.policies.base.Policy`.

        Sampling depends on how prompts fall into batches: the same call gives the same replies.
        """
        import torch

        replies = [""] * len(prompts)
        rows = self._encoded(prompts)
        with self._lock, torch.inference_mode(), torch.random.fork_rng():
            model, encoder = self.load()
            tokenizer = encoder.tokenizer
            torch.manual_seed(self._seed * 1_000_003 + seed)
            for batch in self._batches(rows):
                inputs = to_device(model, collate([rows[i] for i in batch], tokenizer.pad_token_id))
                streamer = _RowStreamer(tokenizer, batch.index(0), on_token) if on_token and 0 in batch else None
                settings = (
                    {"do_sample": True, "temperature": temperature, "top_p": 0.95}
                    if temperature > 0
                    else {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
                )
                output = model.generate(
                    **inputs,
                    max_new_tokens=max_new_tokens,
                    pad_token_id=tokenizer.pad_token_id,
                    streamer=streamer,
                    suppress_tokens=media_token_ids(model.config) or None,
                    **({"stop_strings": list(stop), "tokenizer": tokenizer} if stop else {}),
                    **settings,
                )
                new = output[:, inputs["input_ids"].shape[1] :]
                for i, text in zip(batch, tokenizer.batch_decode(new, skip_special_tokens=True), strict=True):
                    replies[i] = truncate_at_stop(text, stop)
        return replies

    def choose(self, prompts: Sequence[Messages], options: Sequence[Sequence[str]]) -> list[Choice]:
        """Take the option with the highest mean log-probability a token; probabilities are their softmax.

        A text prompt is computed once, whatever the number of its options; a prompt of any other model once for each.
        """
        import torch

        if any(not row for row in options) or len(options) != len(prompts):
            raise PolicyError("a prompt has no options", "Give at least one option for each prompt.")
        choices: list[Choice] = [Choice(0, (1.0,))] * len(prompts)
        rows = self._encoded(prompts)
        with self._lock, torch.inference_mode():
            model, encoder = self.load()
            for batch in self._batches(rows):
                asked, offered = [rows[i] for i in batch], [options[i] for i in batch]
                if encoder.family.modalities == {"text"}:
                    scores = score_options(model, encoder, asked, offered)
                else:
                    scores = [
                        score_options_uncached(model, encoder, *pair) for pair in zip(asked, offered, strict=True)
                    ]
                for i, row in zip(batch, scores, strict=True):
                    probabilities = torch.softmax(torch.tensor(row, dtype=torch.float64), 0).tolist()
                    choices[i] = Choice(max(range(len(row)), key=row.__getitem__), tuple(probabilities))
        return choices

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Decode and encode a prompt, on the CPU; see :class:`omnisense.reasoning.policies.base.Policy`."""
        return PreparedPrompt(prompt, *self.load()[1].encode(prompt))

    def _with_adapter(self, model: Any) -> Any:
        return load_adapter(model, self._adapter).merge_and_unload().eval() if self._adapter else model

    def _encoded(self, prompts: Sequence[Messages]) -> list[EncodedPrompt]:
        return [(p if isinstance(p, PreparedPrompt) else self.prepare(p)).inputs for p in prompts]

    def _batches(self, rows: list[EncodedPrompt]) -> Iterator[list[int]]:
        for group in batch_groups(rows, self.load()[1].family):
            for batch in _batches([rows[i].length for i in group], self._batch_size):
                yield [group[i] for i in batch]


def _batches(lengths: list[int], size: int) -> Iterator[list[int]]:
    """Indices in groups of like length, so that little of a batch is padding; within a group in order."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for at in range(0, len(order), size):
        yield sorted(order[at : at + size])


class _RowStreamer:
    """Hands one row's text on while a batch is generated (transformers' own streamers take a single row)."""

    def __init__(self, tokenizer: Any, row: int, on_token: OnToken) -> None:
        self._tokenizer, self._row, self._on_token = tokenizer, row, on_token
        self._ids: list[int] = []
        self._shown = ""
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        """Take the prompt (first call), then one token a row."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        self._ids.append(int(value.reshape(-1)[self._row]))
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        if len(text) > len(self._shown) and not text.endswith("\N{REPLACEMENT CHARACTER}"):
            self._on_token(text[len(self._shown) :])
            self._shown = text

    def end(self) -> None:
        """Nothing is held back."""
