"""Rows with ``problem``, ``problem_type`` and ``solution``: HumanOmniV2's form of IntentBench and other benchmarks.

Read from ``src/open-r1-multimodal/eval/eval_humanomniv2.py`` of HumanMLLM/HumanOmniV2 (arXiv 2506.21277), quirks of its
scoring included:

- a choice is right when the stripped texts are equal, so ``B.`` and ``b`` are wrong;
- where several options may be right, the score is the F1 of the two sets that splitting at commas gives, unstripped:
  of ``A, C`` the second element is `` C``;
- yes and no are looked for as parts of words: ``not`` and ``know`` hold a ``no``;
- a number counts to two decimals, and only when both or neither are written with ``.`` or ``,``; commas are dropped;
- a regression earns the mean relative accuracy over the thresholds .50 to .95;
- any other kind earns 0, and so does whatever raises an exception;
- a reply without an answer tag, or with an empty one, is scored as the text of the last reply of the run, which the
  script still has in a variable; with several processes it is the last of the first process. That is reproduced for one
  process where the order is known (:func:`score_run`); elsewhere such a reply is scored as its own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.options import lettered_options
from omnisense.benchmarks.harness.question_files import RowError, resolve_media
from omnisense.benchmarks.harness.question_rows import Faults, Row, asked_text, content_id, gold_of
from omnisense.benchmarks.harness.records import Record
from omnisense.benchmarks.harness.suite import OfficialMetric, OfficialRun
from omnisense.reasoning.answers.question import Kind, Question

NEEDS = ("problem", "problem_type", "solution")
KINDS: Mapping[str, Kind] = {
    "multiple choice": "one",
    "emer_ov_mc": "several",
    "judge": "yes_no",
    "numerical": "decimal",
    "regression": "regression",
    "free-form": "generated",
    "OCR": "generated",
}
_STALE = (
    "{} replies without an answer tag are scored as the text of the last row's reply, which is what the authors' "
    "script does."
)
_OWN_TEXT = (
    "{} replies without an answer tag are scored as their own text. The authors' script would take the last reply of "
    "its run, which an incomplete run does not have."
)
_ANSWER = re.compile(r"<answer>\s*(.*?)\s*</answer>", re.DOTALL)


def read_row(row: Row, faults: Faults, folder: Path, task: str, tags: Mapping[str, tuple[str, ...]]) -> Sample:
    """Return the sample of a row.

    Args:
        row: the row.
        faults: receives what is wrong with it.
        folder: the data folder, which holds ``videos/``.
        task: code of its task.
        tags: its breakdowns.
    """
    named = str(row.get("video") or row.get("path") or "")
    solution = row["solution"]
    right = (tagged_answer(solution) or solution.strip()) if isinstance(solution, str) else solution
    question, gold = faults.attempt_question(
        lambda: _question(row), lambda q: gold_of(right, q), Question(str(row["problem"]), "yes_no")
    )
    media = faults.attempt_media(lambda: _video(row, named, folder), None)
    return Sample(
        id=content_id(named, row["problem"], row["problem_type"], row.get("options")),
        task=task,
        level=0,
        question=question,
        gold=gold,
        modality="video",
        media=media,
        uses_audio=True,
        group=named,
        row={"problem_type": row["problem_type"], "solution": row["solution"]},
        tags={**tags, "problem type": (kind_of(row),)},
    )


def kind_of(row: Row) -> str:
    """Return the type of a row's problem in the authors' spelling; as it is where the type is unknown."""
    given = str(row["problem_type"]).strip()
    return next((known for known in KINDS if known.casefold() == given.casefold()), given)


def _video(row: Row, named: str, folder: Path) -> str:
    if row.get("data_type") not in (None, "", "video"):
        raise RowError("unknown media", f"the data type {row['data_type']!r} is not video")
    return resolve_media(named, folder, ("videos", "Videos"), ("videos", "Videos"))


def _question(row: Row) -> Question:
    kind = KINDS.get(kind_of(row))
    if kind is None:
        raise RowError("unknown pattern", f"the problem type {row['problem_type']!r} is unknown")
    text = asked_text(row["problem"])
    if kind in ("one", "several"):
        return Question(text, kind, lettered_options(row.get("options")))
    return Question(text, kind)


def tagged_answer(text: str) -> str:
    """Return the stripped text of the first answer tag; empty where there is none."""
    found = _ANSWER.search(text)
    return found[1].strip() if found else ""


def is_problem(row: Mapping[str, Any]) -> bool:
    """Return whether a sample's fields are those of a row in this form."""
    return "solution" in row


def official_score(sample: Sample, reply: str, think: bool = True) -> float:
    """Return the authors' score of a reply; one without an answer tag is scored as its own text.

    ``think`` has no effect.
    """
    return score_answer(tagged_answer(reply) or reply, str(sample.row["solution"]), str(sample.row["problem_type"]))


def score_answer(answer: str, solution: str, problem_type: str) -> float:
    """Return the authors' score of an answer.

    Args:
        answer: what was extracted from the reply.
        solution: of the row, with its answer tag.
        problem_type: of the row.
    """
    right = tagged_answer(solution)
    if problem_type == "multiple choice":
        return float(answer.strip() == right.strip())
    if problem_type == "emer_ov_mc":
        return _f1(answer.split(","), right.split(","))
    if problem_type == "judge":
        return float(any(word in right.lower() and word in answer.lower() for word in ("yes", "no")))
    if problem_type not in ("numerical", "regression"):
        return 0.0
    given, wanted = _number(answer), _number(right)
    if given is None or wanted is None:
        return 0.0
    if problem_type == "regression":
        return _relative_accuracy(given, wanted)
    if _is_written_with_mark(answer) != _is_written_with_mark(right):
        return 0.0
    try:
        return float(round(given, 2) == round(wanted, 2))
    except (OverflowError, ValueError):
        return 0.0


def _is_written_with_mark(number: str) -> bool:
    return "." in number or "," in number


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _relative_accuracy(given: float, right: float) -> float:
    """Mean relative accuracy in single precision, which decides where an error lies on a threshold."""
    one = np.float32
    thresholds = (0.5 + 0.05 * np.arange(10)).astype(one)
    with np.errstate(all="ignore"):  # a number too large for single precision is infinite, and its error no number
        error = np.abs(one(given) - one(right)) / (np.abs(one(right)) + one(1e-8))
        return float(np.count_nonzero(error < one(1) - thresholds)) / thresholds.size


def _f1(given: Sequence[str], right: Sequence[str]) -> float:
    """F1 of two lists: hits are counted as a set, sizes as lists."""
    hits = len(set(given) & set(right))
    precision, recall = hits / len(given), hits / len(right)
    return 2 * precision * recall / (precision + recall) if hits else 0.0


def score_run(records: Sequence[Record], is_complete: bool) -> OfficialRun:
    """Return the authors' scores over a run; see the module. The order is that of the rows of the data.

    Args:
        records: of the run; those that ended in errors are left out.
        is_complete: whether every row of the data was answered.
    """
    records = [record for record in records if record.status == "answered"]
    untagged = [r for r in records if not tagged_answer(r.reply)]
    scores: dict[str, float] = {}
    notes = []
    if untagged and is_complete:
        last = max(records, key=row_number).reply
        scores = {r.id: _score_record(r, last) for r in untagged}
        notes = [_STALE.format(len(untagged))]
    elif untagged:
        notes = [_OWN_TEXT.format(len(untagged))]
    values = {r.id: scores.get(r.id, r.official or 0.0) for r in records}
    metrics = [OfficialMetric(f"{name} ({len(found)})", _mean(values[r.id] for r in found))
               for name, found in by_tag(records, "problem type").items()]  # fmt: skip
    return OfficialRun(scores, metrics, notes)


def by_tag(records: Iterable[Record], tag: str) -> dict[str, list[Record]]:
    """Return records by the values of a tag, in order of value."""
    found: dict[str, list[Record]] = {}
    for record in records:
        for value in record.tags.get(tag, ()):
            found.setdefault(value, []).append(record)
    return dict(sorted(found.items()))


def row_number(record: Record) -> int:
    """Return the number of the row that a record's question was read from; -1 where it is not known."""
    found = re.search(r"(\d+)$", record.source)
    return int(found[1]) if found else -1


def _score_record(record: Record, answer: str) -> float:
    problem_type = str(record.row["problem_type"])
    return score_answer(answer, str(record.row["solution"]), problem_type)


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
