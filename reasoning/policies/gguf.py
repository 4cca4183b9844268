"""A GGUF file as a policy, run by llama.cpp in this process: capable models, quantised, on a laptop."""

from __future__ import annotations

import logging
import math
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omnisense import models
from omnisense.errors import ModelError, PolicyError
from omnisense.reasoning.policies.base import Choice, OnToken, check_options, no_choice
from omnisense.reasoning.policies.encoding import PROBE, PROBED_ROLES, reply_tokens, text_after_reply
from omnisense.reasoning.policies.gguf_engine import GgufEngine, TimeUpError
from omnisense.reasoning.policies.messages import (
    Messages,
    Modality,
    PreparedPrompt,
    media_of,
    message,
    text_of,
    truncate_at_stop,
)
from omnisense.reasoning.policies.model_names import SMALL_PARAMETERS

_SPLIT = re.compile(r"-(\d{5})-of-\d{5}\.gguf$", re.IGNORECASE)
# A small model that may write any whitespace writes nothing else. llguidance, which enforces the schema, reads this.
_JSON_FORM = {"x-guidance": {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Encoded:
    """A prompt's tokens; ``text`` is the output of the chat template."""

    text: str
    tokens: list[int]


class GgufPolicy:
    """Any instruction-tuned text model as a GGUF file. Needs the extra ``gguf``.

    Replies are written one after the other. The cache of what prompts have in common is kept between calls. Nobody's
    words become control tokens: the text of messages is tokenised without them.

    Args:
        model: a GGUF file, a folder with one, or a name from the model list.
        context: most tokens of a prompt and its reply together.
        threads: of the CPU; by default ``OMP_NUM_THREADS``, else llama.cpp's own choice.
        seed: combined with the seed of each call.
        on_progress: receives one line per step when the model has to be fetched; by default they are logged.

    The model is loaded on first use. Calls from several threads take turns.
    """

    scores_likelihoods = True
    modalities: frozenset[Modality] = frozenset({"text"})

    def __init__(
        self,
        model: str | Path,
        *,
        context: int = 8192,
        threads: int | None = None,
        seed: int = 0,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        self.name = str(model)
        self._context, self._threads, self._seed, self._on_progress = context, threads, seed, on_progress
        self._lock = threading.RLock()
        self._engine: GgufEngine | None = None

    @property
    def parameters(self) -> int:
        """How many parameters the model has (loads it to count)."""
        return self.load().parameters

    @property
    def needs_guidance(self) -> bool:
        """Whether the model has under a billion parameters: too small for long prompts."""
        return self.parameters < SMALL_PARAMETERS

    @property
    def processed_tokens(self) -> tuple[int, int]:
        """Tokens that the model has read and written since it was loaded; what a cache held was not read."""
        engine = self.load()
        return engine.tokens_read, engine.tokens_written

    def load(self) -> GgufEngine:
        """Return the model in llama.cpp; load it if needed.

        Raises:
            InputError: the extra ``gguf`` is not installed.
            ModelError: the model is unknown, cannot be fetched or loaded, or has no chat template.
        """
        with self._lock:
            if self._engine is None:
                began, path = time.perf_counter(), self._path()
                engine = GgufEngine(path, self._context, self._threads)
                turns = [message(role, PROBE) for role in PROBED_ROLES]
                engine.split_turn_tokens(_render(engine, turns, [PROBE] * len(turns)))
                self._engine = engine
                _log.info("policy %s loaded in %.1f s", self.name, time.perf_counter() - began)
            return self._engine

    def _path(self) -> Path:
        folder = models.fetch(self.name, self._on_progress)
        if folder.is_file():
            return folder
        found = gguf_files(folder)
        if len(found) != 1:
            listed = ", ".join(file.name for file in found)
            raise ModelError(
                f"the folder has {len(found)} GGUF models{f' ({listed})' if found else ''}",
                "Give the path of one of its files.",
                folder,
            )
        return found[0]

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Tokenise a prompt; see :class:`omnisense.reasoning.policies.base.Policy`."""
        if media := media_of(prompt):
            raise PolicyError(
                f"this model accepts text; the prompt holds {media[0]['type']}",
                "Render the percepts as text, or use a model that accepts these parts.",
            )
        engine = self.load()
        with self._lock:
            return PreparedPrompt(prompt, _encode(engine, prompt))

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

        A schema is enforced. With ``max_seconds``, reading a prompt is interrupted too: its reply is then empty.
        """
        settings: dict[str, Any] = {
            "max_tokens": max_new_tokens,
            "temperature": temperature,
            "stop": list(stop),
            **({"json_schema": {**_JSON_FORM, **schema}} if schema is not None else {}),
            # The sampling of TransformersPolicy, but for top_k: to sort all of a large vocabulary takes 5% of the time.
            **({"top_p": 0.95, "top_k": 64, "min_p": 0.0} if temperature > 0 else {}),
        }
        deadline = math.inf if max_seconds is None else time.perf_counter() + max_seconds
        replies = []
        for at, row in enumerate(self._encoded(prompts)):
            pieces: list[str] = []
            settings["seed"] = (self._seed * 1_000_003 + seed * 1_009 + at) % 2**31

            def on_text(text: str, at: int = at, pieces: list[str] = pieces) -> None:
                pieces.append(text)
                if on_token and at == 0:
                    on_token(text)

            with self._lock:
                began = time.perf_counter()
                if began < deadline:
                    self.load().complete(row.tokens, settings, on_text, deadline)
            seconds = time.perf_counter() - began
            _log.debug("%s write: %d tokens read, %d pieces, %.2f s", self.name, len(row.tokens), len(pieces), seconds)
            replies.append(truncate_at_stop("".join(pieces), stop))
        return replies

    def choose(
        self, prompts: Sequence[Messages], options: Sequence[Sequence[str]], *, max_seconds: float | None = None
    ) -> list[Choice]:
        """Take the option with the highest mean log-probability per token; probabilities are the softmax of the means.

        As :class:`omnisense.TransformersPolicy` does. The log-probabilities are the model's own, over the whole
        vocabulary; a prompt is read once for all its options. With ``max_seconds``, reading it is interrupted too.
        """
        check_options(prompts, options)
        deadline = math.inf if max_seconds is None else time.perf_counter() + max_seconds
        choices: list[Choice] = []
        engine = self.load()
        for row, texts in zip(self._encoded(prompts), options, strict=True):
            with self._lock:
                began = time.perf_counter()
                tokens = reply_tokens(row.text, texts, engine.option_tokens)
                try:
                    found = engine.log_likelihoods(row.tokens, tokens, _end_of_turn(engine), deadline)
                except TimeUpError:
                    _log.warning("%s: the time is up after %g s, a choice is not made", self.name, max_seconds)
                    choices.append(no_choice(texts))
                    continue
                means = [sum(scores) / len(scores) for scores in found]
            weights = [math.exp(mean - max(means)) for mean in means]
            choices.append(Choice(means.index(max(means)), tuple(weight / sum(weights) for weight in weights)))
            _log.debug("%s choose: %d options, %.2f s", self.name, len(texts), time.perf_counter() - began)
        return choices

    def _encoded(self, prompts: Sequence[Messages]) -> list[_Encoded]:
        return [(p if isinstance(p, PreparedPrompt) else self.prepare(p)).inputs for p in prompts]


def gguf_files(folder: Path) -> list[Path]:
    """Return a folder's GGUF models; of a model that is split over several files, the first."""
    files = sorted(file for file in folder.glob("*.gguf") if not file.name.startswith("mmproj"))
    return [file for file in files if not (part := _SPLIT.search(file.name)) or int(part[1]) == 1]


def _encode(engine: GgufEngine, prompt: Messages) -> _Encoded:
    """Render a prompt and tokenise it, so that only the chat template writes control tokens."""
    texts = [text_of(m) for m in prompt]
    rendered = _render(engine, prompt, texts)
    begin = not rendered.startswith(engine.special["bos_token"] or "\0")
    said = "\n".join(texts)
    if engine.tokens(said, control=True) == engine.tokens(said):
        return _Encoded(rendered, engine.tokens(rendered, control=True, begin=begin))
    # The texts hold control strings. Texts and what the template writes around them are tokenised apart.
    nonce = secrets.token_hex(16)
    pieces = re.split(rf"{nonce}n(\d+)e", _render(engine, prompt, [f"{nonce}n{i}e" for i in range(len(texts))]))
    tokens: list[int] = []
    for at, piece in enumerate(pieces):
        written_by_template = at % 2 == 0
        text = piece if written_by_template else texts[int(piece)]
        if text:
            tokens += engine.tokens(text, control=written_by_template, begin=begin and at == 0)
    return _Encoded(rendered, tokens)


def _end_of_turn(engine: GgufEngine) -> list[int]:
    """Return the token that the chat template writes after a reply, if any."""
    turns = [message(role, PROBE) for role in PROBED_ROLES]
    return engine.tokens(text_after_reply(_render(engine, turns, [PROBE] * len(turns))), control=True)[:1]


def _render(engine: GgufEngine, prompt: Messages, texts: Sequence[str]) -> str:
    from jinja2 import TemplateError
    from transformers.utils.chat_template_utils import render_jinja_template

    inside = prompt[-1]["role"] == "assistant"
    conversation = [{"role": m["role"], "content": text} for m, text in zip(prompt, texts, strict=True)]
    try:
        rendered: Any = render_jinja_template(
            [conversation],
            chat_template=engine.template,
            add_generation_prompt=not inside,
            continue_final_message=inside,
            **engine.special,
        )
    except (TemplateError, ValueError) as error:
        raise PolicyError(
            f"the model's chat template refuses the prompt ({error})", "Use messages as the model expects them."
        ) from error
    return str(rendered[0][0])
