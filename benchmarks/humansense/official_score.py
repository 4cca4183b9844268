"""The authors' scoring: what their two scripts compute, quirks included, so that results can be compared.

Not how a reply should be scored (:mod:`omnisense.benchmarks.harness.scorer` does that), but how the published figures
were. The quirks that matter: only a reply's first character counts in the plain mode, ``E`` never matches in the
thinking mode, yes/no in the thinking mode compares the tags too, questions without a reply leave the denominator, and
the plain mode skips ``Abnormal_Recognition``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.question_files import PATTERNS, read_rows
from omnisense.errors import InputError

_SKIPPED_WHEN_PLAIN = "Abnormal_Recognition"
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
Row = Mapping[str, Any]


class Counted(NamedTuple):
    """The authors' score of one reply: its value, or the fault that stops the script there."""

    value: float
    fault: str = ""


class OfficialScorer:
    """Scores replies one after another, as the authors' script of one mode does in one run.

    An object, because the thinking script remembers: a gold answer that is no letter from A to E is compared with the
    right option of the row before it.
    """

    def __init__(self, think: bool) -> None:
        self.think = think
        self._right_option: str | None = None

    def score(self, row: Row, reply: Any) -> Counted | None:
        """The value of a reply to a row's ``questions``; None when the script does not count it.

        A reply on which the script would stop with an exception counts as wrong, and its ``fault`` says what happened.
        """
        if not reply:
            return None
        try:
            value = self._thinking(row, reply) if self.think else self._plain(row, reply)
        except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            return Counted(0, f"{type(error).__name__}: {error}")
        return None if value is None else Counted(value)

    def _plain(self, row: Row, reply: Any) -> float | None:
        if row["task_type"] == _SKIPPED_WHEN_PLAIN:
            return None
        kind = PATTERNS.get(row["question_pattern"])
        if kind == "one":
            return int(row["answer"][0].lower() == reply[0].lower())
        if kind == "number":
            gold, first = row["answer"], reply[0]
            try:
                return int(int(gold) == int(first))
            except (ValueError, TypeError):
                return 0
        if kind == "yes_no":
            said = _without(reply, ". ")
            return int(row["answer"].lower() == said.lower()) if said else None
        if kind == "several":
            gold, said = row["answer"].lower(), _without(reply, ".,").lower()
            return _overlap(said, gold) if said else None
        return None

    def _thinking(self, row: Row, reply: Any) -> float | None:
        kind, tagged = PATTERNS.get(row["question_pattern"]), _ANSWER.search(reply)
        said = tagged[1].strip() if tagged else reply
        if kind == "one":
            return self._option(row, said if tagged else said[0])
        if kind == "number":
            return int(int(row["answer"]) == int(said[0]))
        if kind == "yes_no":
            if not tagged:
                return None
            whole = _without(reply, ". ")
            return int(row["answer"].lower() == whole.lower())
        if kind == "several":
            gold = _without(row["answer"], ".,， ").lower()
            return _overlap(_without(said, ".,， " if tagged else ".,， \n").lower(), gold)
        return None

    def _option(self, row: Row, said: str) -> float:
        """A reply to a one-answer question against the right letter or the right option's text."""
        place = "abcde".find(row["answer"][0].lower())
        if place >= 0:
            self._right_option = row["options"][place]
        if self._right_option is None:
            raise ValueError(f"the gold answer {row['answer']!r} is none of A to E")
        text = self._right_option.split(".", 1)[1].strip().lower()
        letter, said = row["answer"][0].strip().lower(), said.strip().lower()
        if said in ("a", "b", "c", "d"):
            return int(letter == said)
        if said.startswith(("a.", "b.", "c.", "d.")):
            named, value = said.split(".", 1)
            return int(named.strip() == letter or _without(value.strip(), ".,，") == _without(text, ".,，"))
        return int(_without(said, ".,，") == _without(text, ".,，"))


def official_score(sample: Sample, reply: str, think: bool) -> float | None:
    """The authors' score of one reply; None where their script would not count it, or would stop at it."""
    counted = OfficialScorer(think).score(sample.row, reply)
    return None if counted is None or counted.fault else counted.value


def score_results(results: Path, model: str, think: bool) -> tuple[dict[str, Any], list[str]]:
    """Score a result file of the authors' harness; see :func:`statistics`.

    Raises:
        InputError: it cannot be read, or has no predictions of that model.
    """
    rows = read_rows(results)
    if not any(model in row["questions"] for row in rows):
        raise InputError(
            f"no row has predictions of '{model}'", "Give the key that holds the predictions in each row.", results
        )
    return statistics(rows, model, think)


def statistics(rows: Iterable[Row], model: str, think: bool) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Score a result file of the authors' harness: predictions stand in each row under the model's name.

    Returns:
        Their statistics (per task ``total``, ``correct`` and ``accuracy``, then ``all``), and for each row on which
        their script would have stopped, what happened. Such rows count as wrong here.
    """
    scorer, stats, faults = OfficialScorer(think), {}, []  # type: ignore[var-annotated]
    for number, outer in enumerate(rows):
        row = outer["questions"]
        counted = scorer.score(row, row.get(model))
        if counted is None:
            continue
        if counted.fault:
            faults.append(f"row {number} ({row.get('task_type')}): {counted.fault}")
        task = stats.setdefault(str(row.get("task_type")), {"total": 0, "correct": 0})
        task["total"] += 1
        task["correct"] += counted.value
    total = sum(task["total"] for task in stats.values())
    correct = sum(task["correct"] for task in stats.values())
    for task in stats.values():
        task["accuracy"] = task["correct"] / task["total"]
    stats["all"] = {"total": total, "correct": correct, "accuracy": correct / total if total else 0}
    return stats, faults


def _overlap(said: str, gold: str) -> float:
    """1 when the same characters occur in both, 0.5 when some are missing, 0 when one is wrong."""
    if any(character not in gold for character in said):
        return 0
    return 1 if all(character in said for character in gold) else 0.5


def _without(text: str, characters: str) -> str:
    for character in characters:
        text = text.replace(character, "")
    return text
