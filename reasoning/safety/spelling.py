"""What a text may say when its letters hide it: look-alikes, digits for letters, gaps, marks, characters without width.

Each way in which a text may be read is a reading; the gate reads them all, so that none of them can take a risk away.
"""

from __future__ import annotations

import re
import unicodedata

# Letters that look like Latin ones (Unicode Technical Standard #39, "Unicode Security Mechanisms", confusables),
# small capitals, and Latin letters with a stroke.
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u051b\u051d\u043a\u043c\u0442\u043d\u0432\u0433\u0438\u043f\u0457\u0451"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u0391"
    "\u03b1\u03bf\u03c1\u03bd\u03b9\u03ba\u03c4\u03c5\u03c7\u03b5\u03b7\u03c9\u03c2\u03bc"
    "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18\u0280\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22"
    "\u0142\u0131\u0251\u0261\u03b3",
    "aeopcyxijsdhqwkmthbrunie"
    "ABEKMHOPCTYXIJSBEZHIKMNOPTYXA"
    "aopviktuxenwcu" + "abcdefghijklmnoprstuvwyz" + "liagy",
)  # fmt: skip
# Letters in black circles and squares, which compatibility normalization leaves; blanks that are no spaces.
_ENCLOSED = {first + k: chr(ord("a") + k) for first in (0x1F150, 0x1F170) for k in range(26)}
_BLANKS = dict.fromkeys([0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0])
_DIGITS = str.maketrans("0134578@$!|+\u20ac", "oieastbasilte")
_MARKUP = re.compile(r"\[/?[A-Z]+\]|<\|\w+\|>|</?\w+>")
_LATIN = re.compile(r"[A-Za-z]")
# A word with digits or signs between its letters, a digit before three letters or before others with a sign, a sign
# before any, or both after them: "k1ll", "5uicide", "1e@ve", "@nd", "k!11"; no "covid19", no "4am".
_MIXED = re.compile(
    r"(?<![\w@$])(?:[^\W\d_]+[0134578@$!|+\u20ac]+[^\W\d_]|[0134578][^\W\d_]{3}|[0134578][^\W\d_]+[@$!|]+[^\W\d_]"
    r"|[@$!][^\W\d_]|[^\W\d_]+[@$!|]+[0134578])[\w@$!|+\u20ac]*(?<![!|+])"
)
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[ ._*\-/\u00b7][^\W\d_]){3,}(?![^\W_])")
# A word with a sign between letters ("s.uicide") or several hyphens ("su-i-c-ide"); no address, no "self-harm".
_SPLIT = re.compile(r"(?<![\w@/.])[^\W\d_]+(?:[.*\u00b7~_][^\W\d_]+)+(?![\w@/.])|(?<![\w-])[^\W\d_]+(?:-[^\W\d_]+){2,}")
_SIGN = re.compile(r"[._*\-\u00b7~]")
_LONG = re.compile(r"([^\W\d_])\1{2,}")


def readings(text: str) -> tuple[str, ...]:
    """Return the ways in which a text may be read, the plain one first; one for ordinary text.

    Args:
        text: what was typed, said or written.
    """
    plain = plain_letters(text)
    # Markup may part sentences, words, or the letters of a word.
    found = [_MARKUP.sub(mark, plain) for mark in ("\n", " ", "")] if _MARKUP.search(plain) else [plain]
    undisguised = [
        _shortened(_lettered(_joined(_latin(one)), letter), repeated)
        for one in found
        for letter in ("i", "l")  # a 1 may be either
        for repeated in (r"\1", r"\1\1")
    ]
    return tuple(dict.fromkeys(found + undisguised))


def plain_letters(text: str) -> str:
    """Return a text in compatible characters (NFKC), without characters or marks that only disguise it."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text).translate(_ENCLOSED).translate(_BLANKS)
    # Cf: without width, or turning the direction; Mn: marks left over, since those of real letters are composed now.
    return "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Mn")).replace("\u2019", "'")


def _latin(text: str) -> str:
    """Return a text with look-alikes as Latin letters, if it has Latin letters beside them."""
    return text.translate(_LOOK_ALIKES) if not text.isascii() and _LATIN.search(text) else text


def _joined(text: str) -> str:
    """Return a text with the letters of a word joined: "k i l l", "su-i-c-ide"."""
    spaced = _SPACED.sub(lambda found: found[0][::2], text)
    return _SPLIT.sub(lambda found: _SIGN.sub("", found[0]), spaced)


def _lettered(text: str, one: str) -> str:
    """Return a text with digits and signs in words as the letters that they look like, a 1 as the one given."""
    return _MIXED.sub(lambda found: found[0].translate(_DIGITS | {ord("1"): one, ord("|"): one}), text)


def _shortened(text: str, repeated: str) -> str:
    """Return a text without letters that are drawn out, as in "dieeee" and "killl"."""
    return _LONG.sub(repeated, text)
