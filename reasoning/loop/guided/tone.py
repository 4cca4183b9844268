"""The persona's tone in composed replies: which sentences are chosen, how they are written, and what is added.

The sentences of ``replies.toml`` are warm. A neutral tone leaves out what is effusive, a formal one also what is casual
and short forms, and a playful one adds a light sentence where nothing is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from omnisense.reasoning.loop.guided.parts import Composed, Register, Situation, join
from omnisense.reasoning.loop.guided.phrases import Picker, phrases, split_sentences

# The first that a word of the tone names counts: "warm and formal" is formal.
_NAMED: tuple[tuple[Register, str], ...] = (
    ("formal", r"formal|polite|professional|business-?like|respectful|courteous"),
    ("playful", r"playful|funny|humorous|humou?r|cheerful|light|light-?hearted|witty"),
    ("neutral", r"neutral|calm|sober|factual|matter-of-fact|plain|objective|reserved|quiet|dry|serious"),
    ("warm", r"warm|kind|attentive|gentle|caring|friendly|empathetic|compassionate|supportive|tender|soft"),
)
_EFFUSIVE = re.compile(r"!|\b(?:how|so very|deeply|wonderful|lovely|nice|gladly|happy news|no wonder)\b", re.IGNORECASE)
_CASUAL = re.compile(rf"{_EFFUSIVE.pattern}|\b(?:hi|ha|okay|got it|all ears|see you|not so much)\b", re.IGNORECASE)
_AVOIDED = {"neutral": _EFFUSIVE, "formal": _CASUAL}
_LONG_FORMS = (
    (r"\bcan't\b", "cannot"),
    (r"\bwon't\b", "will not"),
    (r"\b(\w+)n't\b", r"\1 not"),
    (r"\b(I)'m\b", r"\1 am"),
    (r"\b(you|we|they)'re\b", r"\1 are"),
    (r"\b(I|you|we|they)'ve\b", r"\1 have"),
    (r"\b(\w+)'ll\b", r"\1 will"),
    (r"\b(let)'s\b", r"\1 us"),
    (r"\b(that|what|here|there)'s\b", r"\1 is"),  # not he's or it's: "he's lost" has another long form
)
_PLAYFUL = re.compile(r"^(?P<occasion>greeting|thanks|goodbye|small talk|joke)\b|: (?P<joy>joy)$")


def register_of(tone: str) -> Register | None:
    """Return the tone that a persona's words for it name; None where composed replies know none of them."""
    found = (name for name, words in _NAMED if re.search(rf"\b(?:{words})\b", tone, re.IGNORECASE))
    return next(found, None)


def avoided_in(register: Register) -> re.Pattern[str] | None:
    """Return what marks sentences that are not chosen where there are others."""
    return _AVOIDED.get(register)


def in_register(composed: Composed, situation: Situation, register: Register, picker: Picker) -> Composed:
    """Return a reply in a tone; what is quoted stays as it is."""
    text = composed.text
    if register == "playful":
        return replace(composed, text=_with_light_sentence(composed, situation, picker))
    if register in ("neutral", "formal"):
        text = _outside_quotes(text, lambda part: part.replace("!", "."))
    if register == "formal":
        text = _outside_quotes(text, _written_out)
    return replace(composed, text=text)


def _with_light_sentence(composed: Composed, situation: Situation, picker: Picker) -> str:
    occasion = _PLAYFUL.search(composed.shape)
    is_negative = situation.reading is not None and situation.reading.valence == "negative"
    if occasion is None or is_negative:
        return composed.text
    light = picker.pick(phrases()["playful"][occasion["occasion"] or occasion["joy"]], "playful")
    *before, last = split_sentences(composed.text)
    return join(*before, light, last) if last.endswith("?") else join(composed.text, light)


def _written_out(text: str) -> str:
    for short, long in _LONG_FORMS:
        text = re.sub(short, long, text, flags=re.IGNORECASE)
    return text


def _outside_quotes(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if part.startswith('"') else change(part) for part in re.split(r'("[^"]*")', text))
