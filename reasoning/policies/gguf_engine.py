"""A GGUF model in llama.cpp, inside this process: its tokens, its chat template, its completions and likelihoods.

The binding is xllamacpp, whose wheels need no compiler. It runs llama.cpp's server on a thread. Completions are called
directly; only tokens and the model's properties are asked for over HTTP, from a random port of 127.0.0.1 with a random
key.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import mmap
import os
import re
import secrets
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omnisense.errors import InputError, ModelError, PolicyError

_HEADER_BYTES = 64 << 20  # metadata come first; with the largest vocabularies they take some 20 MB
_KEPT_PROMPTS_MB = 512  # prompts whose caches are kept in memory when another takes their place
_LISTED = 2000  # likeliest next tokens that are asked for: more than a few thousand take longer than to read a token
_MARK = re.compile(r"<[^<>\s]{1,60}>|\[[^\[\]\s]{1,60}\]")  # how the tokens between turns are spelled
_UBATCH = 256  # tokens between two looks at the clock while a prompt is read


class TimeUpError(PolicyError):
    """The time was up before the model had done what it was asked for."""


class GgufEngine:
    """A loaded model.

    Args:
        path: the GGUF file; of a split model, the first.
        context: most tokens of a prompt and its reply together.
        threads: of the CPU; by default ``OMP_NUM_THREADS``, else llama.cpp's own choice.

    Raises:
        InputError: the extra ``gguf`` is not installed.
        ModelError: the file cannot be loaded, or has no chat template.
    """

    def __init__(self, path: Path, context: int, threads: int | None = None) -> None:
        try:
            import xllamacpp
        except ImportError as error:
            raise InputError("GGUF models need llama.cpp", "Run `pip install 'omnisense[gguf]'`.", path) from error
        _check_header(path)
        self._key = secrets.token_hex(16)
        try:
            self._server = xllamacpp.Server(_parameters(xllamacpp, path, context, threads, self._key))
        except RuntimeError as error:
            raise ModelError(
                "llama.cpp cannot load it",
                "Check that the file is whole, and that its architecture is supported.",
                path,
            ) from error
        properties = self._ask("/props")
        self.template: str = properties["chat_template"]
        self.special: dict[str, str] = {name: properties[name] for name in ("bos_token", "eos_token")}
        meta = self._ask("/v1/models")["data"][0]["meta"]
        self.parameters, self._vocabulary = int(meta["n_params"]), int(meta["n_vocab"])
        self._tokens = functools.lru_cache(4096)(self._ask_for_tokens)
        self._turn_tokens: re.Pattern[str] | None = None
        self.tokens_read = self.tokens_written = 0  # since it was loaded; what was in a cache was not read

    def split_turn_tokens(self, turns: str) -> None:
        """Keep the tokens between turns out of texts, also where the file does not call them control tokens.

        A file may list them as a user's own tokens, which llama.cpp finds in any text.

        Args:
            turns: the chat template's output for a conversation of plain text, which shows these tokens.
        """
        found = [mark for mark in dict.fromkeys(_MARK.findall(turns)) if len(self.tokens(mark)) == 1]
        self._turn_tokens = re.compile("|".join(map(re.escape, found))) if found else None

    def tokens(self, text: str, control: bool = False, begin: bool = False) -> list[int]:
        """Return the tokens of a text.

        Args:
            text: any text.
            control: whether control strings in it become control tokens.
            begin: whether the tokens that the model expects at the beginning are added.
        """
        if control or self._turn_tokens is None:
            return list(self._tokens(text, control, begin))
        cuts = [0, *(found.start() + 1 for found in self._turn_tokens.finditer(text)), len(text)]
        parts = [text[a:b] for a, b in itertools.pairwise(cuts)]
        return [i for at, part in enumerate(parts) for i in self._tokens(part, control, begin and at == 0)]

    def option_tokens(self, text: str) -> list[int]:
        """Return the tokens of a text inside a line; some tokenizers begin a text with a space of their own."""
        line, tokens = self.tokens("\n"), self.tokens("\n" + text)
        return tokens[len(line) :] if tokens[: len(line)] == line else self.tokens(text)

    def complete(
        self, tokens: Sequence[int], settings: Mapping[str, Any], on_text: Callable[[str], None], deadline: float
    ) -> None:
        """Continue a prompt, and stop when the time is up, also while the prompt is read.

        Args:
            tokens: the prompt's.
            settings: those of llama.cpp's ``/v1/completions``.
            on_text: receives the reply piece by piece.
            deadline: of ``time.perf_counter``.

        Raises:
            PolicyError: the prompt is longer than the context, or the settings are invalid.
        """

        def on_choice(choice: dict[str, Any]) -> None:
            if choice["text"]:
                on_text(choice["text"])

        self._stream(tokens, settings, on_choice, deadline)

    def log_likelihoods(
        self,
        tokens: Sequence[int],
        options: Sequence[Sequence[int]],
        end: Sequence[int],
        deadline: float = math.inf,
    ) -> list[list[float]]:
        """Return, for each option, the log-probability of each of its tokens after the prompt, and of the turn's end.

        They come from the model's logits over the whole vocabulary, before any sampling. The prompt is read once, and
        its cache is kept. That gives the options' first tokens, where they are among the likeliest; the other tokens
        are taken one by one.

        Raises:
            TimeUpError: of ``time.perf_counter`` it is later than ``deadline``; reading the prompt is interrupted.
        """
        likeliest = self._likeliest(tokens, _LISTED, deadline)
        scores = []
        for option in options:
            known = [likeliest[option[0]]] if option[0] in likeliest else []
            rest = range(len(known), len(option))
            scores.append(
                [*known, *(self._log_probability([*tokens, *option[:at]], option[at], deadline) for at in rest)]
            )
            scores[-1] += [self._listed([*tokens, *option], token, deadline) for token in end]
        return scores

    def _listed(self, tokens: Sequence[int], token: int, deadline: float) -> float:
        """Return the log-probability of a control token, which llama.cpp lists, and does not report as taken."""
        likeliest = self._likeliest(tokens, _LISTED, deadline)
        return likeliest[token] if token in likeliest else self._likeliest(tokens, self._vocabulary, deadline)[token]

    def _log_probability(self, tokens: Sequence[int], token: int, deadline: float) -> float:
        """Return the log-probability of a token: a bias makes llama.cpp take it, and it reports what it is without."""
        # A grammar of token ids could take several at once, but fails at tokens that are parts of a character.
        taken = self._take(tokens, token, 1, deadline)
        if taken is None:  # part of a character, which llama.cpp holds back: slower, by listing the whole vocabulary
            return self._likeliest(tokens, self._vocabulary, deadline)[token]
        return float(taken["logprob"])

    def _likeliest(self, tokens: Sequence[int], count: int, deadline: float) -> dict[int, float]:
        """Return the log-probabilities of the likeliest next tokens."""
        [letter, *_] = self.tokens("a")  # which token is taken does not matter, if only it is no part of a character
        taken: Any = self._take(tokens, letter, count, deadline)
        return {int(token["id"]): float(token["logprob"]) for token in taken["top_logprobs"]}

    def _take(self, tokens: Sequence[int], token: int, count: int, deadline: float) -> dict[str, Any] | None:
        """Make llama.cpp take a token; return what it tells of it, or None where it holds the token back."""
        found: list[dict[str, Any]] = []

        def on_choice(choice: dict[str, Any]) -> None:
            if choice.get("logprobs"):
                found.append(choice["logprobs"]["content"][0])

        settings = {"max_tokens": 1, "logprobs": count, "logit_bias": [[token, 1e6]], "ignore_eos": True}
        self._stream(tokens, {"temperature": 0.0, "cache_prompt": True, **settings}, on_choice, deadline)
        if not found and time.perf_counter() >= deadline:
            raise TimeUpError("the time was up before the options were compared", "Allow more seconds.")
        if found and found[0]["id"] != token:
            raise PolicyError("llama.cpp did not take an option's token", "Update it: `pip install -U xllamacpp`.")
        return found[0] if found else None

    def _stream(
        self,
        tokens: Sequence[int],
        settings: Mapping[str, Any],
        on_choice: Callable[[dict[str, Any]], None],
        deadline: float,
    ) -> None:
        """Continue a prompt piece by piece, and stop when the time is up, also while the prompt is read."""
        failed: list[BaseException] = []

        def on_chunk(chunk: dict[str, Any]) -> bool:
            try:
                on_choice(_checked(chunk)["choices"][0])
                if timings := chunk.get("timings"):  # of the last piece; those before have none
                    self.tokens_read += timings["prompt_n"]
                    self.tokens_written += timings["predicted_n"]
            except BaseException as error:  # it cannot pass through llama.cpp: it is raised below
                failed.append(error)
            return bool(failed) or time.perf_counter() >= deadline

        body = {"prompt": list(tokens), "stream": True, "return_progress": True, **settings}
        self._server.handle_completions(body, on_chunk)
        if failed:
            raise failed[0]

    def _ask_for_tokens(self, text: str, control: bool, begin: bool) -> tuple[int, ...]:
        body = {"content": text, "parse_special": control, "add_special": begin}
        return tuple(self._ask("/tokenize", body)["tokens"])

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._server.listening_address + path, data, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
        with opener.open(request) as response:
            return json.load(response)


def _parameters(xllamacpp: Any, path: Path, context: int, threads: int | None, key: str) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = context
    parameters.n_parallel = 1
    parameters.n_ubatch = _UBATCH
    # On a CPU it reads 7% faster and writes 5% slower, after 500 tokens of a 1.5B model; most of a turn is writing.
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.cache_ram_mib = _KEPT_PROMPTS_MB
    parameters.api_keys = [key]
    parameters.ui = parameters.warmup = False
    parameters.verbosity = -1
    if threads := threads or int(os.environ.get("OMP_NUM_THREADS", "0").partition(",")[0] or 0):
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    return parameters


def _check_header(path: Path) -> None:
    """Check what llama.cpp does not: without a chat template it takes another model's."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            is_gguf = content[:4] == b"GGUF"
            has_template = content.find(b"tokenizer.chat_template", 0, _HEADER_BYTES) >= 0
    except (OSError, ValueError) as error:  # ValueError: it is empty
        raise ModelError(f"it cannot be read ({error})", "Give the path of a GGUF file.", path) from error
    if not is_gguf:
        raise ModelError("it is not a GGUF file", "Give the path of a GGUF file.", path)
    if not has_template:
        raise ModelError("it has no chat template", "Give an instruction-tuned model.", path)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        message = answer["error"].get("message", answer["error"])
        raise PolicyError(
            f"llama.cpp refuses the prompt ({message})", "Shorten it, or load the model with a larger context."
        )
    return answer
