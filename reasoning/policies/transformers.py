"""A Hugging Face model as a policy: batched generation, and choices by likelihood.

For text, vision-language, audio and omni models. What differs between them is in ``families`` and ``encoding``.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.errors import ModelError, first_line
from omnisense.reasoning.policies.base import DEFAULT_POLICY, Choice, OnToken, check_options, no_choice
from omnisense.reasoning.policies.batching import batch_groups, collate, length_batches, to_device
from omnisense.reasoning.policies.choice_adapter import ChoiceAdapter, read_options
from omnisense.reasoning.policies.encoding import EncodedPrompt, Encoder, media_token_ids
from omnisense.reasoning.policies.families import TEXT_FAMILY, family_of
from omnisense.reasoning.policies.loading import load_adapter, load_model
from omnisense.reasoning.policies.messages import Messages, Modality, PreparedPrompt, truncate_at_stop
from omnisense.reasoning.policies.model_names import SMALL_PARAMETERS
from omnisense.reasoning.policies.prefix_cache import CachedBatch, PrefixCache
from omnisense.reasoning.policies.scoring import head_at_last, score_options, score_options_uncached

_log = logging.getLogger(__name__)


class TransformersPolicy:
    """Any instruction-tuned model of transformers 4.57 or 5.x: text, vision-language, audio, or omni (its thinker).

    Args:
        model: a name from the model list, a folder or a hub id.
        adapter: folder, listed name or hub id of a LoRA adapter, merged when the model is loaded; one that is for given
            choices only (:mod:`.choice_adapter`) stays beside the model.
        dtype: a name such as ``bfloat16``; ``auto`` for the checkpoint's own.
        device_map: as transformers takes it; by default the first GPU if there is one, else the CPU.
        batch_size: prompts in a batch; batches are formed from prompts of similar length.
        seed: combined with the seed of each call.
        attn_implementation: of attention, as transformers names it; None for the model's own choice.
        quantization: ``4bit`` or ``8bit`` weights by bitsandbytes; None for the checkpoint's own.
        cache_mib: how much memory the caches of recent prompts may take. A text prompt that begins like one of them
            is computed from where they differ. 0 keeps none. Prompts of multimodal models are not kept, since their
            positions depend on media; nor are those of models with sliding windows or recurrent states.
        on_progress: receives one line per step when the model has to be fetched; by default they are logged.

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
        attn_implementation: str | None = None,
        quantization: str | None = None,
        batch_size: int = 8,
        seed: int = 0,
        cache_mib: int = 256,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        self.name = str(model) if adapter is None else f"{model}+{adapter}"
        self._model_name, self._adapter, self._dtype, self._device_map = str(model), adapter, dtype, device_map
        self._attention, self._quantization = attn_implementation, quantization
        self._batch_size, self._seed, self._on_progress = batch_size, seed, on_progress
        self._lock = threading.RLock()
        self._prefixes = PrefixCache(cache_mib * 2**20)
        self._choice_adapter: ChoiceAdapter | None = None
        self._loaded: tuple[Any, Encoder] | None = None

    @functools.cached_property
    def modalities(self) -> frozenset[Modality]:
        """The part types that the model accepts, from its configuration (fetches the model if needed)."""
        folder = models.fetch(self._model_name, self._on_progress)
        try:
            return family_of(folder).modalities
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"its configuration cannot be read ({first_line(error)})",
                "Give the folder or id of a Hugging Face model.",
                folder,
            ) from error

    @property
    def parameters(self) -> int:
        """How many parameters the model has (loads it to count)."""
        return int(self.load()[0].num_parameters())

    @property
    def needs_guidance(self) -> bool:
        """Whether the model has under a billion parameters: too small for long prompts."""
        return self.parameters < SMALL_PARAMETERS

    def load(self) -> tuple[Any, Encoder]:
        """Return the model and the encoder of its prompts; load them if needed.

        Raises:
            ModelError: the model is unknown, cannot be fetched or loaded, or has no chat template; or the adapter
                does not fit it.
        """
        import torch

        with self._lock:
            if self._loaded is None:
                folder, began = models.fetch(self._model_name, self._on_progress), time.perf_counter()
                device = "cuda:0" if torch.cuda.is_available() else "cpu"
                model, encoder = load_model(
                    folder, self._dtype, self._device_map or device, self._attention, self._quantization
                )
                if self._adapter and (options := read_options(self._adapter)):
                    self._choice_adapter = ChoiceAdapter(model, self._adapter, options)
                elif self._adapter:
                    model = load_adapter(model, self._adapter).merge_and_unload().eval()
                self._loaded = model, encoder
                _log.info("policy %s loaded on %s in %.1f s", self.name, model.device, time.perf_counter() - began)
            return self._loaded

    def prompt_tokens(self, prompt: PreparedPrompt) -> int:
        """Return the number of tokens of a prompt that :meth:`prepare` returned, those of its media included."""
        return int(prompt.inputs.inputs["input_ids"].shape[-1])

    def text_tokens(self, text: str) -> int:
        """Return the number of tokens of a text that is not part of a template, such as a reply."""
        return len(self.load()[1].text_tokens(text))

    def write(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        on_token: OnToken | None = None,
        schema: Mapping[str, Any] | None = None,
        max_seconds: float | None = None,
    ) -> list[str]:
        """Continue each prompt; see :class:`omnisense.reasoning.policies.base.Policy`.

        Sampling depends on how prompts fall into batches: the same call gives the same replies. A schema is not
        enforced. After ``max_seconds`` reading a text prompt is interrupted too: its reply is then empty. What a model
        sees or hears is read in one piece.
        """
        import torch

        deadline = math.inf if max_seconds is None else time.perf_counter() + max_seconds
        replies = [""] * len(prompts)
        rows = self._encode(prompts)
        with self._lock, torch.inference_mode(), torch.random.fork_rng():
            model, encoder = self.load()
            tokenizer = encoder.tokenizer
            torch.manual_seed(self._seed * 1_000_003 + seed)
            for batch in self._batches(rows):
                began = time.perf_counter()
                asked = self._begin([rows[i] for i in batch], deadline) if began < deadline else None
                if asked is None:
                    _log.warning(
                        "%s: the time is up after %g s, %d replies are empty", self.name, max_seconds, len(batch)
                    )
                    continue
                streamer = _RowStreamer(tokenizer, batch.index(0), on_token) if on_token and 0 in batch else None
                output = self._generate(
                    asked,
                    max_new_tokens=max_new_tokens,
                    pad_token_id=tokenizer.pad_token_id,
                    streamer=streamer,
                    max_time=None if max_seconds is None else deadline - time.perf_counter(),
                    suppress_tokens=media_token_ids(model.config) or None,
                    **({"stop_strings": list(stop), "tokenizer": tokenizer} if stop else {}),
                    **_sampling_settings(temperature),
                )
                new = output[:, asked.inputs["input_ids"].shape[1] :]
                for i, text in zip(batch, tokenizer.batch_decode(new, skip_special_tokens=True), strict=True):
                    replies[i] = truncate_at_stop(text, stop)
                self._log_call("write", [rows[i] for i in batch], new.numel(), began)
        return replies

    def choose(
        self, prompts: Sequence[Messages], options: Sequence[Sequence[str]], *, max_seconds: float | None = None
    ) -> list[Choice]:
        """Take the option with the highest mean log-probability per token; probabilities are the softmax of the means.

        An option is scored as the whole reply; see :meth:`.encoding.Encoder.option_tokens`.

        A text model computes a prompt once for all its options; other models compute it once for each option. After
        ``max_seconds`` reading a text prompt is interrupted too. What a model sees or hears is read in one piece.
        """
        import torch

        check_options(prompts, options)
        deadline = math.inf if max_seconds is None else time.perf_counter() + max_seconds
        choices = [no_choice(row) for row in options]
        rows = self._encode(prompts)
        with self._lock, torch.inference_mode():
            for batch, adapter in self._choice_batches(rows, options):
                began = time.perf_counter()
                batch_rows, batch_options = [rows[i] for i in batch], [options[i] for i in batch]
                with adapter.acting() if adapter else contextlib.nullcontext():
                    prefixes = adapter.prefixes if adapter else self._prefixes
                    scores = self._score(batch_rows, batch_options, prefixes, deadline)
                self._log_call("choose", batch_rows, 0, began)
                if len(scores) < len(batch):
                    late = len(batch) - len(scores)
                    _log.warning("%s: the time is up after %g s, %d are not chosen", self.name, max_seconds, late)
                for i, row in zip(batch, scores, strict=False):  # the last ones may be missing
                    probabilities = torch.softmax(torch.tensor(row, dtype=torch.float64), 0).tolist()
                    choices[i] = Choice(max(range(len(row)), key=row.__getitem__), tuple(probabilities))
        return choices

    def _choice_batches(
        self, rows: list[EncodedPrompt], options: Sequence[Sequence[str]]
    ) -> Iterator[tuple[list[int], ChoiceAdapter | None]]:
        """Yield batches of choices, and the adapter that is to act on them."""
        self.load()
        adapter = self._choice_adapter
        own = [i for i, texts in enumerate(options) if adapter is not None and adapter.fits(texts)]
        others = sorted(set(range(len(rows))).difference(own))
        for part, acting in ((own, adapter), (others, None)):
            for batch in self._batches([rows[i] for i in part]):
                yield [part[i] for i in batch], acting

    def _score(
        self, rows: list[EncodedPrompt], options: Sequence[Sequence[str]], prefixes: PrefixCache, deadline: float
    ) -> list[list[float]]:
        """Return the score of each option of each prompt; those that the deadline leaves out are missing at the end."""
        model, encoder = self.load()
        if encoder.family is TEXT_FAMILY:
            return score_options(model, encoder, rows, options, prefixes, deadline) or []
        return [
            score_options_uncached(model, encoder, row, texts)
            for row, texts in zip(rows, options, strict=True)
            if time.perf_counter() < deadline
        ]

    def clear_cache(self) -> None:
        """Forget the caches of earlier prompts. Call it after the weights of the loaded model have been changed."""
        with self._lock:
            self._prefixes.clear()
            if self._choice_adapter is not None:
                self._choice_adapter.prefixes.clear()

    def _begin(self, rows: Sequence[EncodedPrompt], deadline: float) -> CachedBatch | None:
        model, encoder = self.load()
        if encoder.family is TEXT_FAMILY:
            return self._prefixes.begin_by(model, rows, encoder.tokenizer.pad_token_id, deadline)
        return CachedBatch(to_device(model, collate(rows, encoder.tokenizer.pad_token_id)), None, 0)

    def _generate(self, batch: CachedBatch, **settings: Any) -> Any:
        model, _ = self.load()
        known = {} if batch.cache is None else {"past_key_values": batch.cache}
        with head_at_last(model, 1):
            output = model.generate(**batch.inputs, **known, **settings)
        self._prefixes.keep(batch)
        return output

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Decode and encode a prompt, on the CPU; see :class:`omnisense.reasoning.policies.base.Policy`."""
        return PreparedPrompt(prompt, *self.load()[1].encode(prompt))

    def _encode(self, prompts: Sequence[Messages]) -> list[EncodedPrompt]:
        return [(p if isinstance(p, PreparedPrompt) else self.prepare(p)).inputs for p in prompts]

    def _batches(self, rows: list[EncodedPrompt]) -> Iterator[list[int]]:
        for group in batch_groups(rows, self.load()[1].family):
            for batch in length_batches([rows[i].length for i in group], self._batch_size):
                yield [group[i] for i in batch]

    def _log_call(self, verb: str, rows: Sequence[EncodedPrompt], new_tokens: int, began: float) -> None:
        _log.debug(
            "%s %s: %d prompts, %d tokens read, %d written, %.2f s",
            self.name,
            verb,
            len(rows),
            sum(row.length for row in rows),
            new_tokens,
            time.perf_counter() - began,
        )


def _sampling_settings(temperature: float) -> dict[str, Any]:
    """Return the arguments of ``generate`` for greedy decoding (0) or sampling."""
    if temperature > 0:
        return {"do_sample": True, "temperature": temperature, "top_p": 0.95}
    return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}


class _RowStreamer:
    """Streams one row's text while a batch is generated (transformers' own streamers take a single row)."""

    def __init__(self, tokenizer: Any, row: int, on_token: OnToken) -> None:
        self._tokenizer, self._row, self._on_token = tokenizer, row, on_token
        self._ids: list[int] = []
        self._shown = ""
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        """Receive the prompt (first call), then one token for each row."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        self._ids.append(int(value.reshape(-1)[self._row]))
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        if len(text) > len(self._shown) and not text.endswith("\N{REPLACEMENT CHARACTER}"):
            self._on_token(text[len(self._shown) :])
            self._shown = text

    def end(self) -> None:
        """Do nothing: no text is held back."""
