"""A Hugging Face model as a policy: batched generation, and choices by likelihood.

Text, vision-language, audio and omni models. What differs between them, from prompt to tensors, is in ``encoding``.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.errors import ModelError, PolicyError
from omnisense.reasoning.policies.base import Choice, OnToken
from omnisense.reasoning.policies.encoding import (
    ALONG_TOKENS,
    EncodedPrompt,
    Encoder,
    batch_groups,
    collate,
    family_of,
    media_token_ids,
    on_device,
    positions_row_by_row,
)
from omnisense.reasoning.policies.load import DEFAULT_POLICY
from omnisense.reasoning.policies.messages import Messages, PreparedPrompt, cut_at


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
        self._loaded: tuple[Any, Encoder] | None = None

    @functools.cached_property
    def modalities(self) -> frozenset[str]:
        """The part types that the model takes, from its configuration (fetches the model if it is not here)."""
        folder = models.ensure(self._model_name, self._say)
        try:
            return family_of(folder).modalities
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"its configuration cannot be read ({str(error).strip().splitlines()[0][:200]})",
                "Give the folder or id of a Hugging Face model.",
                folder,
            ) from error

    @property
    def small(self) -> bool:
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
                folder = models.ensure(self._model_name, self._say)
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
                inputs = on_device(model, collate([rows[i] for i in batch], tokenizer.pad_token_id))
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
                    replies[i] = cut_at(text, stop)
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
                    scores = _option_scores(model, encoder, asked, offered)
                else:
                    scores = [_whole_scores(model, encoder, *pair) for pair in zip(asked, offered, strict=True)]
                for i, row in zip(batch, scores, strict=True):
                    probabilities = torch.softmax(torch.tensor(row, dtype=torch.float64), 0).tolist()
                    choices[i] = Choice(max(range(len(row)), key=row.__getitem__), tuple(probabilities))
        return choices

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Decode and encode a prompt, on the CPU; see :class:`omnisense.reasoning.policies.base.Policy`."""
        return PreparedPrompt(prompt, *self.load()[1].encode(prompt))

    def _with_adapter(self, model: Any) -> Any:
        return with_adapter(model, self._adapter).merge_and_unload().eval() if self._adapter else model

    def _encoded(self, prompts: Sequence[Messages]) -> list[EncodedPrompt]:
        return [(p if isinstance(p, PreparedPrompt) else self.prepare(p)).inputs for p in prompts]

    def _batches(self, rows: list[EncodedPrompt]) -> Iterator[list[int]]:
        for group in batch_groups(rows, self.load()[1].family):
            for batch in _batches([rows[i].length for i in group], self._batch_size):
                yield [group[i] for i in batch]


def load_model(folder: Path, dtype: str = "auto", device_map: Any = None) -> tuple[Any, Encoder]:
    """A saved model and the encoder of its prompts; omni models get rope positions row by row.

    Args:
        folder: where it was saved.
        dtype, device_map: as transformers takes them; without a map the model stays on the CPU.

    Raises:
        ModelError: it cannot be loaded, or has no chat template.
    """
    import transformers

    transformers.utils.logging.disable_progress_bar()
    try:
        family = family_of(folder)
        reader = transformers.AutoTokenizer if family.modalities == {"text"} else transformers.AutoProcessor
        processor = reader.from_pretrained(folder)
        model = getattr(transformers, family.loader).from_pretrained(folder, dtype=dtype, device_map=device_map)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"it cannot be loaded ({reason[:200]})",
            "Give a text, vision-language, audio or omni model that writes text.",
            folder,
        ) from error
    if not (processor.chat_template or getattr(processor, "tokenizer", processor).chat_template):
        raise ModelError("it has no chat template", "Give an instruction-tuned model.", folder)
    if "omni" in model.config.model_type:
        positions_row_by_row(model)
    return model.eval(), Encoder(processor, family)


def with_adapter(model: Any, adapter: str | Path, trainable: bool = False) -> Any:
    """A model with a LoRA adapter on it.

    Raises:
        ModelError: the adapter is not there, does not load or does not fit.
    """
    from peft import PeftModel

    folder = models.ensure(str(adapter))  # left to itself, PEFT takes any name for a hub's and asks for half a minute
    try:
        return PeftModel.from_pretrained(model, str(folder), is_trainable=trainable)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"this adapter does not load ({str(error).strip().splitlines()[0]})",
            "Give a LoRA folder that was trained on this very model.",
            adapter,
        ) from error


def _batches(lengths: list[int], size: int) -> Iterator[list[int]]:
    """Indices in groups of like length, so that little of a batch is padding; within a group in order."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for at in range(0, len(order), size):
        yield sorted(order[at : at + size])


def _option_scores(
    model: Any, encoder: Encoder, prompts: list[EncodedPrompt], options: Sequence[Sequence[str]]
) -> list[list[float]]:
    """Mean log-probability a token of each option after its text prompt.

    The prompts run once; their cache is copied to the options, which follow as right-padded rows. Only their own
    positions get logits.
    """
    import torch

    prompt = on_device(model, collate(prompts, encoder.tokenizer.pad_token_id))
    position = (prompt["attention_mask"].cumsum(1) - 1).clamp(min=0)  # a bare forward would count the padding too
    first = model(**prompt, position_ids=position, use_cache=True, logits_to_keep=1)
    rows = [
        (row, encoder.option_tokens(prompts[row].text, option)) for row, opts in enumerate(options) for option in opts
    ]
    owner = torch.tensor([row for row, _ in rows], device=model.device)
    longest = max(len(tokens) for _, tokens in rows)
    ids = torch.full((len(rows), longest), encoder.tokenizer.pad_token_id, device=model.device)
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


def _whole_scores(model: Any, encoder: Encoder, prompt: EncodedPrompt, options: Sequence[str]) -> list[float]:
    """The same for one prompt of a model with media: prompt and option run as one row for each option.

    Where positions depend on media, only the model's own forward from the first token is sure to have them right. The
    head sees the options' positions alone: logits for thousands of media tokens would not fit.
    """
    import torch

    tokens = [encoder.option_tokens(prompt.text, option) for option in options]
    longest = max(map(len, tokens))
    rows = [_followed_by(prompt, row) for row in tokens]
    head = model.get_output_embeddings()
    keep = head.register_forward_pre_hook(lambda _, args: (args[0][:, -longest - 1 :],))
    try:
        logits = model(
            **on_device(model, collate(rows, encoder.tokenizer.pad_token_id)), use_cache=False
        ).logits.float()
    finally:
        keep.remove()
    log_probs = torch.log_softmax(logits, dim=-1)
    return [
        float(torch.stack([log_probs[i, at - len(row) - 1, t] for at, t in enumerate(row)]).mean())
        for i, row in enumerate(tokens)
    ]


def _followed_by(prompt: EncodedPrompt, tokens: list[int]) -> EncodedPrompt:
    import torch

    inputs = dict(prompt.inputs)
    for key in inputs.keys() & ALONG_TOKENS:
        value = inputs[key]
        more = tokens if key == "input_ids" else [int(key == "attention_mask")] * len(tokens)
        inputs[key] = torch.cat([value, torch.tensor([more], dtype=value.dtype)], dim=1)
    return EncodedPrompt(prompt.text, inputs)


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
