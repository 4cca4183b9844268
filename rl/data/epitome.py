"""EPITOME (Sharma et al., 2020): pairs of post and reply, labeled with the levels of three mechanisms of empathy."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from omnisense.errors import InputError
from omnisense.files import read_lines
from omnisense.rl.data.published import require_files

MECHANISMS = {
    "emotional reactions": "Does the reply express warmth, compassion or concern for the person?",
    "interpretations": "Does the reply show that it understands what the person feels and lives through?",
    "explorations": "Does the reply ask about what the person feels or lives through and has not said?",
}
"""The question that asks for each mechanism."""

_USAGE = "Give the folder with EPITOME's three files as published."
FILES = {
    "emotional reactions": "emotional-reactions-reddit.csv",
    "interpretations": "interpretations-reddit.csv",
    "explorations": "explorations-reddit.csv",
}


@dataclass(frozen=True)
class EmpathyPair:
    """A post, a reply to it, and the level of each mechanism: 0 (none), 1 (weak) or 2 (strong)."""

    post_id: str
    post: str
    reply: str
    levels: dict[str, int]


def read_pairs(folder: Path) -> list[EmpathyPair]:
    """Return the pairs that are labeled for all three mechanisms.

    Args:
        folder: with EPITOME's three files, plain or gzipped.

    Raises:
        InputError: a file is missing or not as published, or no pair has all three labels.
    """
    pairs: dict[tuple[str, str], EmpathyPair] = {}
    for mechanism, name in FILES.items():
        file = require_files(folder, name, "EPITOME")[0]
        try:
            for line in csv.DictReader(read_lines(file)):
                key = (line["sp_id"], line["rp_id"])
                pair = pairs.setdefault(key, EmpathyPair(key[0], line["seeker_post"], line["response_post"], {}))
                pair.levels[mechanism] = int(line["level"])
        except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
            cause = f"{type(error).__name__}: {error}"
            raise InputError(f"this is not EPITOME as published ({cause})", _USAGE, file) from error
    found = [pair for pair in pairs.values() if pair.levels.keys() == FILES.keys()]
    if not found:
        raise InputError("no pair of post and reply is labeled for all three mechanisms", _USAGE, folder)
    return found
