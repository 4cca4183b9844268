"""A Hugging Face model as a policy: batched generation, and choices by likelihood.

Text models for now. Everything that depends on the kind of model is in ``_load`` and ``_encode``: a vision or omni
model adds its processor there, and the verbs stay as they are.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.errors import ModelError, PolicyError
from omnisense.reasoning.policy import DEFAULT_POLICY, Choice, Messages, OnToken, cut_at, text_of


class TransformersPolicy:
    """Any causal language model of transformers 4.57 or 5.x, with a chat template.

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

    modalities = frozenset({"text"})
    likelihoods = True

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
        self._loaded: tuple[Any, Any] | None = None

    @property
    def small(self) -> bool:
        """Under a billion parameters: such models lose the thread of a long prompt (loads the model to count)."""
        return int(self.load()[0].num_parameters()) < 1_000_000_000

    def load(self) -> tuple[Any, Any]:
        """The model and its tokenizer, loaded now if they were not.

        Raises:
            ModelError: unknown, not to be had, without a chat template, or an adapter that does not fit.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = _load(
                    models.ensure(self._model_name, self._say), self._adapter, self._dtype, self._device_map
                )
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
        """Continue each prompt; see :class:`omnisense.reasoning.policy.Policy`.

        Sampling depends on how prompts fall into batches: the same call gives the same replies.
        """
        import torch

        replies = [""] * len(prompts)
        with self._lock, torch.inference_mode(), torch.random.fork_rng():
            model, tokenizer = self.load()
            torch.manual_seed(self._seed * 1_000_003 + seed)
            texts = [_chat_text(tokenizer, prompt) for prompt in prompts]
            for batch in _batches([len(text) for text in texts], self._batch_size):
                inputs = _encode(tokenizer, [texts[i] for i in batch]).to(model.device)
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
                    **({"stop_strings": list(stop), "tokenizer": tokenizer} if stop else {}),
                    **settings,
                )
                new = output[:, inputs["input_ids"].shape[1] :]
                for i, text in zip(batch, tokenizer.batch_decode(new, skip_special_tokens=True), strict=True):
                    replies[i] = cut_at(text, stop)
        return replies

    def choose(self, prompts: Sequence[Messages], options: Sequence[Sequence[str]]) -> list[Choice]:
        """Take the option with the highest mean log-probability a token; probabilities are their softmax.

        A prompt is computed once, whatever the number of its options.
        """
        import torch

        if any(not row for row in options) or len(options) != len(prompts):
            raise PolicyError("a prompt has no options", "Give at least one option for each prompt.")
        choices: list[Choice] = [Choice(0, (1.0,))] * len(prompts)
        with self._lock, torch.inference_mode():
            model, tokenizer = self.load()
            texts = [_chat_text(tokenizer, prompt) for prompt in prompts]
            for batch in _batches([len(text) for text in texts], self._batch_size):
                scores = _option_scores(model, tokenizer, [texts[i] for i in batch], [options[i] for i in batch])
                for i, row in zip(batch, scores, strict=True):
                    probabilities = torch.softmax(torch.tensor(row, dtype=torch.float64), 0).tolist()
                    choices[i] = Choice(max(range(len(row)), key=row.__getitem__), tuple(probabilities))
        return choices


def _load(folder: Path, adapter: str | Path | None, dtype: str, device_map: Any) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, device_map=device_map or ("cuda:0" if torch.cuda.is_available() else "cpu")
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"it cannot be loaded as a causal language model ({reason})",
            "Give a text model; omni and vision models can be served and named as chat:PROVIDER:MODEL.",
            folder,
        ) from error
    if not tokenizer.chat_template:
        raise ModelError("its tokenizer has no chat template", "Give an instruction-tuned model.", folder)
    if adapter is not None:
        model = _with_adapter(model, adapter)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.eval(), tokenizer


def _with_adapter(model: Any, adapter: str | Path) -> Any:
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"this adapter does not load ({str(error).strip().splitlines()[0]})",
            "Give a LoRA folder that was trained on this very model.",
            adapter,
        ) from error


def _chat_text(tokenizer: Any, prompt: Messages) -> str:
    media = sorted({part["type"] for m in prompt for part in m["content"]} - {"text"})
    if media:
        raise PolicyError(
            f"this policy reads text, and the prompt holds {', '.join(media)}",
            "Render the percepts to text, or use a model that takes them.",
        )
    flat = [{"role": m["role"], "content": text_of(m)} for m in prompt]
    inside = flat[-1]["role"] == "assistant"
    text: str = tokenizer.apply_chat_template(
        flat, tokenize=False, add_generation_prompt=not inside, continue_final_message=inside
    )
    return text


def _encode(tokenizer: Any, texts: list[str]) -> Any:
    # The template has written the special tokens already.
    return tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False, return_token_type_ids=False)


def _batches(lengths: list[int], size: int) -> Iterator[list[int]]:
    """Indices in groups of like length, so that little of a batch is padding; within a group in order."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for at in range(0, len(order), size):
        yield sorted(order[at : at + size])


def _option_scores(model: Any, tokenizer: Any, texts: list[str], options: Sequence[Sequence[str]]) -> list[list[float]]:
    """Mean log-probability a token of each option after its prompt.

    The prompts run once; their cache is copied to the options, which follow as right-padded rows. Only their own
    positions get logits.
    """
    import torch

    prompt = _encode(tokenizer, texts).to(model.device)
    position = (prompt["attention_mask"].cumsum(1) - 1).clamp(min=0)  # a bare forward would count the padding too
    first = model(**prompt, position_ids=position, use_cache=True, logits_to_keep=1)
    rows = [(row, _option_tokens(tokenizer, texts[row], option)) for row, opts in enumerate(options) for option in opts]
    owner = torch.tensor([row for row, _ in rows], device=model.device)
    longest = max(len(tokens) for _, tokens in rows)
    ids = torch.full((len(rows), longest), tokenizer.pad_token_id, device=model.device)
    real = torch.zeros_like(ids, dtype=torch.bool)
    for i, (_, tokens) in enumerate(rows):
        ids[i, : len(tokens)] = torch.tensor(tokens, device=model.device)
        real[i, : len(tokens)] = True
    logits = first.logits[owner, -1:].float()
    if longest > 1:
        cache = first.past_key_values
        cache.batch_select_indices(owner)
        mask = torch.cat([prompt["attention_mask"][owner], real.long()], dim=1)[:, :-1]
        position = prompt["attention_mask"].sum(1)[owner, None] + torch.arange(longest - 1, device=model.device)
        after = model(input_ids=ids[:, :-1], attention_mask=mask, position_ids=position, past_key_values=cache)
        logits = torch.cat([logits, after.logits.float()], dim=1)
    log_probs = torch.log_softmax(logits, dim=-1).gather(2, ids[..., None])[..., 0]
    means = ((log_probs * real).sum(1) / real.sum(1)).tolist()
    ends = [0, *torch.tensor([len(opts) for opts in options]).cumsum(0).tolist()]
    return [means[a:b] for a, b in itertools.pairwise(ends)]


def _option_tokens(tokenizer: Any, text: str, option: str) -> list[int]:
    glue = "" if text[-1:].isspace() else " "
    tokens: list[int] = tokenizer(glue + option, add_special_tokens=False)["input_ids"]
    if not tokens:
        raise PolicyError(f"the option {option!r} is empty", "Give options with text.")
    return tokens


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
