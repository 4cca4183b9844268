"""Validate the gate: ``python -m omnisense.reasoning.safety.validate GOEMOTIONS COUNSELCHAT``.

Each source of sentences (``heads.SOURCES``) is left out in turn: the heads are fitted on all the others, as
:mod:`omnisense.reasoning.safety.train` does, and the whole gate reads the source. The figures go to
``validation.json``; the thresholds of the gate were chosen on them.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omnisense.files import write_atomically
from omnisense.reasoning.loop import safety
from omnisense.reasoning.safety.heads import FOLDER, SOURCES, HarmHead, RiskHeads, RiskScores, calmed, leave_out
from omnisense.reasoning.safety.reliability import Claims, diagrams, harm_claims, risk_claims
from omnisense.reasoning.safety.train import Data

VALIDATION = FOLDER / "validation.json"
_EXPLICIT = ("explicit", "slang", "spoken")
_LANGUAGES = ("spanish", "french", "german")


class Read(NamedTuple):
    """A sentence that the gate has read.

    Attributes:
        row: of ``sentences.csv``.
        alarm: whether it escalates.
        grade: that the gate gave.
        asked: whether it escalates in doubt, and the person is asked.
    """

    row: Mapping[str, str]
    alarm: bool
    grade: str
    asked: bool = False

    @property
    def is_risk(self) -> bool:
        """Whether it was written as a risk."""
        return self.row["grade"] in ("risk", "imminent")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("goemotions", type=Path)
    parser.add_argument("counselchat", type=Path)
    given = parser.parse_args()
    data = Data(given.goemotions, given.counselchat)
    found: dict[str, Any] = {}
    claims: dict[str, Claims] = defaultdict(list)
    for source in SOURCES:
        found[source], claimed = validated(source, data)
        for head, made in claimed.items():
            claims[head] += made
        print(source, json.dumps(found[source], indent=1), flush=True)
    kept = {"sources": found, "reliability": diagrams(claims)}
    write_atomically(VALIDATION, json.dumps(kept, indent=1) + "\n")


def validated(source: str, data: Data) -> tuple[dict[str, Any], dict[str, Claims]]:
    """Return the figures of a source by heads that are fitted on all the others, and what each head claimed."""
    rows, replies = leave_out("sentences.csv", source), leave_out("replies.csv", source)
    heads = data.risk_heads(rows.others)
    read = read_rows(rows.own, heads, data)
    found = {"sentences": len(read), "near copies left out": rows.near_copies, **figures(read)}
    claims = risk_claims(heads, rows.own, data)
    if replies.own:
        harm = data.harm_head(replies.others)
        found |= reply_figures(replies.own, harm, data)
        claims |= harm_claims(harm, replies.own, data)
    return found, claims


def read_rows(rows: Sequence[Mapping[str, str]], heads: RiskHeads, data: Data) -> list[Read]:
    """Return what the gate finds in sentences with heads of one's own."""

    def score(sentences: tuple[str, ...]) -> tuple[RiskScores, ...]:
        return heads.scores(data.embed(sentences), data.reader(sentences)) if sentences else ()

    findings = [safety.check_input(row["text"], scorer=score) for row in rows]
    return [Read(row, f.escalate, f.grade, f.doubtful) for row, f in zip(rows, findings, strict=True)]


def figures(read: Sequence[Read]) -> dict[str, str]:
    """Return recall and precision as text with counts."""
    english = [one for one in read if one.row["style"] not in _LANGUAGES]
    foreign = [one for one in read if one.row["style"] in _LANGUAGES]

    def recall(of: Sequence[Read], *styles: str) -> str:
        return share(one.alarm for one in of if one.is_risk and (not styles or one.row["style"] in styles))

    def precision(of: Sequence[Read]) -> str:
        return share(one.is_risk for one in of if one.alarm)

    calm = [one for one in read if one.row["grade"] == "none"]
    return {
        "risks found, English": recall(english),
        "explicit and slang": recall(english, *_EXPLICIT),
        "implied": recall(english, "implied"),
        "alarms that are right, English": precision(english),
        "of the alarms, English: risks in doubt": share(one.asked for one in english if one.alarm and one.is_risk),
        "of the alarms, English: others in doubt": share(one.asked for one in english if one.alarm and not one.is_risk),
        "Spanish, French, German: found": recall(foreign),
        "Spanish, French, German: alarms that are right": precision(foreign),
        "risks taken for distress at least": share(one.grade != "none" for one in read if one.is_risk),
        "ordinary sentences taken for distress or risk": share(one.grade != "none" for one in calm),
    }


def reply_figures(rows: Sequence[Mapping[str, str]], head: HarmHead, data: Data) -> dict[str, str]:
    """Return the shares of harmful replies that are blocked and of safe ones that are replaced."""

    def score(texts: Sequence[str]) -> tuple[tuple[str, float], ...]:
        calm = [calmed(text) for text in texts]
        return head.scores(data.embed(calm), data.reader(calm)) if calm else ()

    def blocked(text: str) -> bool:
        return safety.check_reply(text, score) is not None

    found = [(row["harm"] != "none", blocked(row["text"])) for row in rows]
    return {
        "harmful replies blocked": share(block for is_harm, block in found if is_harm),
        "safe replies replaced": share(block for is_harm, block in found if not is_harm),
    }


def share(values: Iterable[bool]) -> str:
    """Return a share with its counts: ``0.91 (40 of 44)``."""
    listed = list(values)
    return f"{sum(listed) / len(listed):.2f} ({sum(listed)} of {len(listed)})" if listed else "-"


if __name__ == "__main__":
    main()
