"""The scoring of WorldSense in VLMEvalKit (``vlmeval/dataset/utils/worldsense.py``), which its authors name for it.

Six set phrases are dropped, one after the other, upper and lower case as they are; then the first of the capital
letters A to D in the reply is its answer, wherever it stands: ``Actually, B`` is read as A. In VLMEvalKit's list two
commas are missing between phrases, so that "The best option is", "The correct option is", "Best answer:" and "Best
option:" are not dropped: ``Best answer: C`` is read as B. Where there is no letter, VLMEvalKit asks a judge model if
one is configured, and lmms-eval (``lmms_eval/tasks/worldsense/utils.py``) counts the reply as A. Here it is wrong, and
the report says how many replies that concerns, and what the accuracy would be were they counted as A.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from omnisense.benchmarks.harness import problem_rows
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.records import Record
from omnisense.benchmarks.harness.suite import OfficialMetric, OfficialRun

_PHRASES = ("The best answer is", "The correct answer is", "The answer is", "The answer", "Answer:", "Option:")
_LETTER = re.compile(r"[ABCD]")


def official_score(sample: Sample, reply: str, think: bool) -> float | None:
    """Return the score of the script that reads rows of the sample's form; ``think`` has no effect."""
    if problem_rows.is_problem(sample.row):
        return problem_rows.official_score(sample, reply)
    return float(letter_of(reply) == str(sample.row["answer"]).strip())


def letter_of(reply: str) -> str:
    """Return the letter that is read from a reply; empty where there is none."""
    for phrase in _PHRASES:
        reply = reply.replace(phrase, "")
    found = _LETTER.search(reply)
    return found[0] if found else ""


def score_run(records: Sequence[Record], is_complete: bool) -> OfficialRun:
    """Return how many replies hold no letter, and what counting them as A would give.

    Of rows in HumanOmniV2's form, the figures are those of its script.
    """
    if any(problem_rows.is_problem(record.row) for record in records):
        return problem_rows.score_run(records, is_complete)
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
