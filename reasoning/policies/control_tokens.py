"""Keep the text of messages from becoming control tokens: nobody's words open a turn or stand for media.

A tokenizer turns ``<|im_end|>`` into the same token whether the chat template or a person wrote it, and processors
replace ``<|IMAGE|>`` by an image wherever it occurs. So before the template is rendered, control strings in the text of
messages are replaced by placeholders that nobody can guess. The rendered prompt is encoded with one existing token in
the place of each placeholder, and that token is then replaced by the ordinary tokens of the string. A prompt without
control strings is encoded as the tokenizer or processor does it by itself.

Some tokenizers normalise a text (to lower case, or look-alike characters to one: NFKC) before they look for tokens that
were added as ``normalized``. A text that holds a control string only then is replaced by its normalised form, which has
the same tokens, and treated in the same way.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from omnisense.errors import PolicyError

# Strings that processors of transformers write for media in between, and replace by the media's tokens afterwards
# (``processing_*.py``).
_PROCESSOR_STRINGS = (
    "<|placeholder|>",
    "<placeholder>",
    "<|image_placeholder|>",
    "<|video_placeholder|>",
    "<|audio_placeholder|>",
)


class ControlTokens:
    """The control strings of one tokenizer, and prompts encoded so that only the chat template writes them.

    Control strings are the tokenizer's special tokens, what its processor takes for media, and the added tokens that
    the chat template writes between turns.

    Args:
        tokenizer: the model's tokenizer.
        processor: its processor; for text models the tokenizer again.
        turns: the chat template's output for a conversation of plain text, which shows the tokens between turns.
    """

    def __init__(self, tokenizer: Any, processor: Any, turns: str) -> None:
        self._tokenizer = tokenizer
        added = list(tokenizer.added_tokens_decoder.values())
        media = set() if processor is tokenizer else {*_PROCESSOR_STRINGS, *_token_attributes(processor)}
        media |= _token_attributes(tokenizer)
        special = {str(token) for token in tokenizer.all_special_tokens}
        special |= {token.content for token in added if token.special}
        written = {token.content for token in added if token.content in turns}
        # The longest first: of two strings that begin alike, the tokenizer finds the longer one.
        self.strings: tuple[str, ...] = tuple(sorted((media | special | written) - {""}, key=lambda s: (-len(s), s)))
        self._pattern = re.compile("|".join(map(re.escape, self.strings)) or r"(?!)")
        nonce = secrets.token_hex(16)
        self._placeholders = {s: f"{nonce}n{i}e" for i, s in enumerate(self.strings)}
        self._placeholder = re.compile(rf"{nonce}n(\d+)e")
        self._carriers = [t.content for t in added if t.special and not (t.lstrip or t.rstrip or t.single_word)]
        self._carriers = [carrier for carrier in self._carriers if carrier not in media]
        ids = {i for i, token in tokenizer.added_tokens_decoder.items() if token.content in self._placeholders}
        # Computed once, here: a fast tokenizer changes its own state to split special tokens, which other threads see.
        self._ids = {string: self._ordinary_ids(string, ids) for string in self.strings}
        self._encode("")  # changes that state back
        normalize = _normalizer(tokenizer)
        found_late = [t.content for t in added if t.normalized and t.content in self._ids] if normalize else []
        self._normalize = normalize if found_late else None
        self._named = {s: s for s in self.strings}
        if normalize:
            self._named = {form: s for s in found_late if (form := normalize(s))} | self._named
        longest_first = sorted(self._named, key=len, reverse=True)
        self._named_pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def replace(self, texts: Sequence[str]) -> list[str]:
        """Return adjacent texts with placeholders for their control strings, also for one that is spread over two."""
        joined, pieces, taken = "".join(texts), [], 0
        if (shown := self._hidden(joined)) is not None:
            replaced = self._named_pattern.sub(lambda found: self._placeholders[self._named[found[0]]], shown)
            return [replaced, *([""] * (len(texts) - 1))]
        found = [match.span() for match in self._pattern.finditer(joined)]
        for text in texts:
            begin, end = taken, taken + len(text)
            piece, at = "", begin
            for start, stop in found:
                if start < begin < stop:  # it began in an earlier text, where its placeholder is
                    at = min(stop, end)
                elif begin <= start < end:
                    piece += joined[at:start] + self._placeholders[joined[start:stop]]
                    at = min(stop, end)
            pieces.append(piece + joined[at:end])
            taken = end
        return pieces

    def restore(self, text: str) -> str:
        """Return a text with its control strings again."""
        return self._placeholder.sub(lambda found: self.strings[int(found[1])], text)

    def encode(self, text: str, encode: Callable[[str], dict[str, Any]], per_token: frozenset[str]) -> dict[str, Any]:
        """Encode the chat template's output.

        Args:
            text: the output, with placeholders.
            encode: the tokenizer or processor, from a text to its tensors with a batch dimension of one.
            per_token: the names of tensors with one entry per token.

        Returns:
            What ``encode`` returns, with ordinary tokens for each placeholder.

        Raises:
            PolicyError: the tokenizer has no token that can stand for a placeholder.
        """
        if not self._placeholder.search(text):
            return encode(text)
        for carrier in sorted(self._carriers, key=lambda token: token in text):
            written = self._placeholder.sub(lambda _, token=carrier: token, text)  # type: ignore[misc]
            inputs = encode(written)
            token_id = self._tokenizer.convert_tokens_to_ids(carrier)
            ids = [int(i) for i in inputs["input_ids"][0]]
            if ids.count(token_id) == written.count(carrier):  # neither the tokenizer nor the processor adds any
                replaced = iter(self._occurrences(text, carrier))
                insert = {at: self._ids[s] for at, i in enumerate(ids) if i == token_id and (s := next(replaced))}
                return {
                    key: _expand(value, insert, key) if key in per_token else value for key, value in inputs.items()
                }
        raise PolicyError(
            "the text holds control tokens of this model, and its tokenizer cannot write them as text",
            "Remove them from the text, or use another model.",
        )

    def text_ids(self, text: str) -> list[int]:
        """Return the tokens of a text that no template surrounds; its control strings are ordinary tokens."""
        pattern = self._pattern
        if (shown := self._hidden(text)) is not None:
            text, pattern = shown, self._named_pattern
        if not pattern.search(text):
            return self._encode(text)
        ids, at = [], 0
        for found in pattern.finditer(text):
            ids += [*self._encode(text[at : found.start()]), *self._ids[self._named[found[0]]]]
            at = found.end()
        return [*ids, *self._encode(text[at:])]

    def _hidden(self, text: str) -> str | None:
        """Return a text as the tokenizer normalises it, if only that brings a control string to light; else None."""
        if self._normalize is None:
            return None
        if not self._named_pattern.search(self._normalize(self._pattern.sub(" ", text))):
            return None
        return self._normalize(text)

    def _occurrences(self, text: str, carrier: str) -> Iterable[str]:
        """Yield, for each carrier in the encoded text, the control string it stands for; empty for a real one."""
        for found in re.finditer(rf"{self._placeholder.pattern}|{re.escape(carrier)}", text):
            yield self.strings[int(found[1])] if found[1] else ""

    def _encode(self, text: str, **settings: Any) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, **settings)["input_ids"] if text else []
        return ids

    def _ordinary_ids(self, string: str, control: set[int]) -> list[int]:
        """Return a control string's ordinary tokens; of one that is not flagged as special, those of its two halves."""
        ids = self._encode(string, split_special_tokens=True)
        for at in range(1, len(string)):
            if control.isdisjoint(ids):
                return ids
            ids = [
                *self._encode(string[:at], split_special_tokens=True),
                *self._encode(string[at:], split_special_tokens=True),
            ]
        return [i for i in ids if i not in control]


def _normalizer(tokenizer: Any) -> Callable[[str], str] | None:
    """Return what a tokenizer does to a text before it looks for tokens; None where it does nothing."""
    found = getattr(getattr(tokenizer, "backend_tokenizer", None), "normalizer", None)
    return None if found is None else found.normalize_str


def _token_attributes(owner: Any) -> set[str]:
    """Return the strings that a processor or tokenizer holds as names of tokens (``image_token``, ...)."""
    names = [name for name in vars(owner) if name.endswith(("_token", "_tag")) and not name.startswith("_")]
    return {str(value) for name in names if isinstance(value := getattr(owner, name), str)}


def _expand(values: Any, insert: dict[int, list[int]], key: str) -> Any:
    """Return a row of per-token values with ordinary tokens in the place of some; other values are repeated."""
    import torch

    row: list[int] = []
    for at, value in enumerate(torch.as_tensor(values)[0].tolist()):
        ids = insert.get(at, [value])
        row += ids if key == "input_ids" else [value] * len(ids)
    return torch.tensor([row])
