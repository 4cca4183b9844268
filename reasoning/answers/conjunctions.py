"""The words and signs that join options in a list, by language, as alternatives of a regular expression.

The words of one letter ("e", "y") are the letters of options, too: they join only what stands between two options.
"""

from __future__ import annotations

_AND_WORDS = (
    r"and|as\s+well\s+as|along\s+with|together\s+with|plus|und|sowie|et|ainsi\s+que|y|e|así\s+como|assim\s+como|oltre\s+a"
    r"|og|och|samt|en|ve|i|oraz|и|та"
)
_AND_SIGNS = r"和|与|以及|及|と|그리고"
_OR_WORDS = r"or|oder|ou|o|u|of|eller|veya|lub|или"
_OR_SIGNS = r"或者?|还是|または"
AND = rf"(?:\b(?:{_AND_WORDS})\b|{_AND_SIGNS})"
OR = rf"(?:\b(?:{_OR_WORDS})\b|{_OR_SIGNS})"
