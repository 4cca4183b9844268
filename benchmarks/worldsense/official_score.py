"""The scoring of WorldSense in public harnesses, which its authors name for evaluation.

Set phrases before an answer ("The answer is", "Option:") are dropped; then the first of the capital letters A to D in
the reply is its answer, wherever it stands: ``Actually, B`` is read as A. Where there is none, one harness asks a judge
model, and another counts the reply as A. Here it is wrong, and the report says how many replies that concerns, and what
the accuracy would be were they counted as A.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from omnisense.benchmarks.harness.records import Record
from omnisense.benchmarks.harness.suite import OfficialMetric, OfficialRun

_PHRASES = re.compile(
    r"The (?:best|correct) (?:answer|option) is|The answer(?: is)?|Best (?:answer|option):|Answer:|Option:"
)
_LETTER = re.compile(r"[ABCD]")


def letter_of(reply: str) -> str:
    """Return the letter that is read from a reply; empty where there is none."""
    found = _LETTER.search(_PHRASES.sub("", reply.strip()))
    return found[0] if found else ""


def score_run(records: Sequence[Record], is_complete: bool) -> OfficialRun:
    """Return how many replies hold no letter, and what counting them as A would give."""
    answered = [record for record in records if record.status == "answered"]
    unread = [record for record in answered if not letter_of(record.reply)]
    if not answered:
        return OfficialRun({}, [])
    right = sum(record.official or 0.0 for record in answered)
    as_a = right + sum(record.gold == "A" for record in unread)
    note = f"{len(unread)} of {len(answered)} replies"
    return OfficialRun(
        {},
        [
            OfficialMetric("replies without a letter", len(unread) / len(answered), note),
            OfficialMetric("accuracy, those counted as A", as_a / len(answered)),
        ],
    )
