"""The authors' scoring of Daily-Omni, read from ``test_model/Qwen2.5-Omni/testmodel.py`` of Lliar-liar/Daily-Omni.

What follows the first ``assistant`` in the reply is used where there is one, for their decoder may repeat the prompt.
A letter from A to D at its start, in either case, is the answer, so that prose which begins with one counts:
``Definitely C`` is read as D. Anything else is compared as it is. Questions that fail, or whose video is missing, leave
the denominator. Their first version puts the prompt before the video, later ones after it; here media come first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from omnisense.benchmarks.harness import problem_rows
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.records import Record
from omnisense.benchmarks.harness.suite import OfficialMetric, OfficialRun

_ECHO = re.compile(r"assistant\s*(.*)$", re.DOTALL)
_LETTER = re.compile(r"\s*([A-D])", re.IGNORECASE)


def official_score(sample: Sample, reply: str, think: bool) -> float | None:
    """Return the score of the script that reads rows of the sample's form; ``think`` has no effect."""
    if problem_rows.is_problem(sample.row):
        return problem_rows.official_score(sample, reply)
    return score_reply(reply, str(sample.row["Answer"]))


def score_reply(reply: str, answer: str) -> float:
    """Return the authors' score of a reply to a question whose right answer is a letter."""
    echo = _ECHO.search(reply)
    said = echo[1].strip() if echo else reply
    letter = _LETTER.match(said)
    given = letter[1] if letter else said
    return float(bool(given) and given.strip().upper() == answer.strip().upper())


def score_run(records: Sequence[Record], is_complete: bool) -> OfficialRun:
    """Return the accuracy over what was answered, as the authors count it, and over all that was asked.

    Of rows in HumanOmniV2's form, the figures are those of its script.
    """
    if any(problem_rows.is_problem(record.row) for record in records):
        return problem_rows.score_run(records, is_complete)
    answered = [r for r in records if r.status == "answered"]
    right = sum(r.official or 0.0 for r in answered)
    return OfficialRun(
        {},
        [
            OfficialMetric("accuracy over answered questions", right / len(answered) if answered else None,
                           f"{len(answered)} questions; what failed has left the denominator, as in their script"),
            OfficialMetric("accuracy over all questions asked", right / len(records) if records else None,
                           f"{len(records)} questions; what failed counts as wrong"),
        ],
    )  # fmt: skip
