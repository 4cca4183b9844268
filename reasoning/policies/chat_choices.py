"""Choices of chat services: what is asked for, and which option an answer names, in whatever form it comes."""

from __future__ import annotations

import json
import math
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.answers.question import strip_letter
from omnisense.reasoning.policies.base import Choice, no_choice

_KEYS = ("option", "choice", "answer", "label", "value")
_CERTAINTY = 0.95  # a stated confidence counts up to this
_STEM = 3  # letters in common that make a word stand for an option
_UNCLEAR = 0.1  # more probability than this on tokens that begin several options: nothing can be concluded


def choice_schema(options: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of a choice among some options."""
    return {
        "title": "Choice",
        "description": "The option that fits best.",
        "type": "object",
        "properties": {
            "option": {"type": "string", "enum": list(options)},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": ["option", "confidence"],
        "additionalProperties": False,
    }


def choice_request(options: Sequence[str]) -> str:
    """Return what is asked for in words, for services that do not enforce the schema."""
    listed = json.dumps(list(options), ensure_ascii=False)
    return f'Take one of: {listed}. Answer with JSON: {{"option": "...", "confidence": 0 to 1}}.'


def read_choice(answer: str, options: Sequence[str], logprobs: Sequence[Mapping[str, Any]] = ()) -> Choice:
    """Read a service's answer to :func:`choice_request`.

    The option may be named by its text, its letter (A is the first) or its number (from 1), in JSON or in words.

    Args:
        answer: the answer's text.
        options: those that were offered.
        logprobs: the answer's tokens with their alternatives, as OpenAI's API returns them, if the service does.

    Returns:
        The choice. Its probabilities come from ``logprobs``, else from the stated confidence within bounds (never below
        chance, never certainty); the other options share the rest. An answer that names no option is not ``readable``.
    """
    if len(options) == 1:
        return Choice(0, (1.0,))
    value, confidence = _value_of(answer)
    index = _index_of(value, options)
    if index is None:
        return no_choice(options)
    measured = _measured(logprobs, options)
    if measured and measured[index] == max(measured):
        return Choice(index, measured)
    own = min(max(confidence, 1 / len(options)), _CERTAINTY)
    rest = (1 - own) / (len(options) - 1)
    return Choice(index, tuple(own if i == index else rest for i in range(len(options))))


def _value_of(answer: str) -> tuple[str, float]:
    """Return what the answer names, and how sure it says to be (1 where it does not)."""
    decoder = json.JSONDecoder()
    text = re.sub(r"<think>.*?</think>", "", answer, flags=re.DOTALL).strip()
    for begin in [match.start() for match in re.finditer(r"[{\"\[]", text)][:20]:
        try:
            value, end = decoder.raw_decode(text, begin)
        except ValueError:
            continue
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, str) and begin == 0 and not text[end:].strip(" .\n`"):
            return value, 1.0
        if isinstance(value, dict):
            named = next((value[key] for key in _KEYS if isinstance(value.get(key), str | int)), None)
            if named is not None:
                return str(named), _confidence(value.get("confidence"))
    return text, 1.0


def _confidence(stated: Any) -> float:
    try:
        value = float(str(stated).removesuffix("%"))
    except ValueError:
        return 1.0
    value = value / 100 if str(stated).endswith("%") or value > 1 else value
    return value if math.isfinite(value) else 1.0


def _index_of(value: str, options: Sequence[str]) -> int | None:
    folded = [_fold(option) for option in options]
    bare = [_fold(strip_letter(option)) for option in options]
    for wanted in (_fold(value), _fold(strip_letter(value))):
        for texts in (folded, bare):
            if wanted and texts.count(wanted) == 1:
                return texts.index(wanted)
    word = _fold(value)
    if len(word) >= _STEM and " " not in word:  # "sad" for "sadness", "joyful" for "joy"
        alike = [
            i for i, text in enumerate(bare) if text.startswith(word) or (len(text) >= _STEM and word.startswith(text))
        ]
        if len(alike) == 1:
            return alike[0]
    number = re.fullmatch(r"(?:option|number)?\s*#?(\d{1,3})[.)]?", value.strip(), re.IGNORECASE)
    if number and 1 <= int(number[1]) <= len(options):
        return int(number[1]) - 1
    letters = string.ascii_uppercase[: len(options)]
    if len(letters) < len(options):
        return None
    labelled = [f"{letter}. {strip_letter(option)}" for letter, option in zip(letters, options, strict=True)]
    found = parse(value, "one", labelled).value
    return letters.index(found) if found and found in letters else None


def _fold(text: str) -> str:
    return " ".join(re.sub(r"[\s_*`\"'“”‘’.,;:!()\[\]]+", " ", text.casefold()).split())


def _measured(logprobs: Sequence[Mapping[str, Any]], options: Sequence[str]) -> tuple[float, ...] | None:
    """Return the options' probabilities where the answer's first token of the option tells them apart."""
    text = "".join(str(token["token"]) for token in logprobs)
    begins = re.search(r'"option"\s*:\s*"', text)
    if not begins:
        return None
    at, wanted = 0, begins.end()
    for token in logprobs:
        lead = text[at:wanted]
        at += len(str(token["token"]))
        if at > wanted:
            return _shares(token.get("top_logprobs") or (), lead, [option.casefold() for option in options])
    return None


def _shares(tokens: Sequence[Mapping[str, Any]], lead: str, options: list[str]) -> tuple[float, ...] | None:
    shares, unclear = [0.0] * len(options), 0.0
    for token in tokens:
        piece = str(token["token"]).removeprefix(lead).casefold()
        if not piece or not str(token["token"]).startswith(lead):
            continue
        matches = [i for i, option in enumerate(options) if f'{option}"'.startswith(piece) or piece.startswith(option)]
        probability = math.exp(float(token["logprob"]))
        if len(matches) == 1:
            shares[matches[0]] += probability
        elif matches:
            unclear += probability
    if unclear > _UNCLEAR or sum(shares) < 0.5:
        return None
    rest = max(1 - sum(shares), 1e-3) / len(options)  # what the service did not list
    total = sum(shares) + rest * len(options)
    return tuple((share + rest) / total for share in shares)
