"""Emoji as words, by their Unicode names."""

from __future__ import annotations

import re
import unicodedata

# Pictures of faces, gestures, hearts and things; flags, keycaps and the marks that join or vary emoji.
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\u2190-\u21ff\U000e0020-\U000e007f\u200d\ufe0f\u20e3]+"
)
# After "is" or "so", and before more words, an emoji stands for a word.
_INLINE = re.compile(rf"(?:(?<=\b(?:is|am|so|re))|(?<=\bwas))\s*{_EMOJI.pattern}\s*(?=[a-z])")
# Unicode names say what is drawn; these say what it stands for.
_MEANINGS = {
    "loudly crying face": "crying",
    "crying face": "crying",
    "face with tears of joy": "laughing",
    "rolling on the floor laughing": "laughing",
    "face holding back tears": "touched",
    "broken heart": "heartbroken",
    "party popper": "celebrating",
    "clinking glasses": "celebrating",
    "upside-down face": "not really fine",
    "thumbs up sign": "okay",
    "thumbs down sign": "not good",
    "ok hand sign": "okay",
    "person with folded hands": "please or thank you",
    "pouting face": "furious",
    "angry face": "angry",
    "face with symbols on mouth": "furious",
    "face screaming in fear": "terrified",
    "fearful face": "afraid",
    "smiling face with open mouth and cold sweat": "relieved",
    "pensive face": "sad",
    "disappointed face": "disappointed",
    "weary face": "exhausted",
    "tired face": "exhausted",
    "smiling face with smiling eyes": "happy",
    "smiling face with heart-shaped eyes": "in love",
    "grinning face": "happy",
    "slightly smiling face": "smiling",
    "white heavy check mark": "done",
    "flexed biceps": "strong",
    "skull": "exhausting",
    "skull and crossbones": "exhausting",
}


def emoji_words(text: str) -> str:
    """Return the emoji of a text as words, each kind once: ``crying, house``."""
    names: list[str] = []
    for character in "".join(_EMOJI.findall(text)):
        name = unicodedata.name(character, "").lower()
        if name and unicodedata.category(character) == "So" and "modifier" not in name:
            names.append(_MEANINGS.get(name, name.removesuffix(" sign").removesuffix(" face")))
    return ", ".join(dict.fromkeys(names))


def with_inline_words(text: str) -> str:
    """Return a text whose emoji that stand for a word are that word: ``work was exhausting today``."""
    return _INLINE.sub(lambda found: f" {emoji_words(found[0])} ", text)


def without_emoji(text: str) -> str:
    """Return a text without its emoji."""
    return re.sub(r"\s{2,}", " ", _EMOJI.sub(" ", text)).strip()


def is_emoji_only(text: str) -> bool:
    """Whether a text has emoji, and no letter or digit beside them."""
    return bool(emoji_words(text)) and not re.search(r"\w", without_emoji(text))
