"""What a run found, as plain values: the one place that turns records into figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.records import Record, read_records
from omnisense.benchmarks.harness.run_folder import read_manifest
from omnisense.benchmarks.harness.scorer import score
from omnisense.benchmarks.harness.statistics import Accuracies, Estimate, binned, calibration_error, compare
from omnisense.benchmarks.harness.suite import ReportSpec
from omnisense.reasoning.answers.parser import PARSER_VERSION
from omnisense.reasoning.answers.question import BOX_KINDS, Question

_LENGTHS_S = (0, 10, 30, 60, 120, 300, 1e9)
_CONFIDENCES = tuple(i / 10 for i in range(11))


def load_run(folder: Path) -> tuple[dict[str, Any], list[Record]]:
    """A run's manifest and records, read anew by today's parser where another one wrote them.

    Raises:
        InputError: it is no run folder, or a record is damaged.
    """
    return read_manifest(folder), [_reread(record) for record in read_records(folder)]


def summarise(manifest: Mapping[str, Any], records: Sequence[Record], spec: ReportSpec) -> dict[str, Any]:
    """The report as plain values.

    Strict scores are over answered questions: what could not be read counts as wrong, and what failed before it was
    asked counts as neither and is listed by cause. The authors' scores leave out what their scripts leave out.
    """
    answered = [record for record in records if record.status == "answered"]
    errors = [record for record in records if record.status == "error"]
    unread = [record for record in answered if not record.answer]
    strict = _accuracies(answered, lambda record: record.strict)
    own = _accuracies([r for r in answered if r.official is not None], lambda record: record.official or 0.0)
    return {
        "benchmark": spec.title,
        "system": manifest["system"],
        "counts": {
            "questions": manifest["selection"]["questions"],
            "answered": len(answered),
            "errors": len(errors),
            "unparseable": len(unread),
            "not_asked": manifest["selection"]["not_asked"],
            "with_frames": sum(r.frames > 0 for r in answered),
            "with_sound": sum(r.audio_s > 0 for r in answered),
        },
        "rates": {
            "error": len(errors) / max(len(records), 1),
            "unparseable": len(unread) / max(len(answered), 1),
        },
        "strict": _scores(strict, spec),
        "official": _scores(own, spec),
        "errors": dict(Counter(r.error.summary for r in errors if r.error).most_common(20)),
        "unparseable": dict(Counter(r.how for r in unread).most_common(20)),
        "notes": dict(Counter(note for r in answered for note in r.notes).most_common(20)),
        "confusion": _confusion(answered),
        "by_length": [
            b._asdict() for b in _binned([r for r in answered if r.length_s], lambda r: r.length_s, _LENGTHS_S)
        ],
        "calibration": _calibration(answered),
        "seconds": round(sum(r.seconds for r in answered), 2),
    }


def compare_runs(runs: Sequence[tuple[str, Sequence[Record]]]) -> list[dict[str, Any]]:
    """Every later run against the first, on the questions that both answered."""
    (base, first), *others = runs
    scores = _by_id(first)
    found = []
    for name, records in others:
        tasks = {r.id: r.task for r in [*first, *records]}
        result = compare(scores, _by_id(records), tasks)
        found.append(
            {
                "first": base,
                "second": name,
                "questions": result.difference.n,
                "difference": result.difference._asdict(),
                "p_value": result.p_value,
                "better": result.better,
                "worse": result.worse,
            }
        )
    return found


def _by_id(records: Iterable[Record]) -> dict[str, float]:
    return {r.id: r.strict for r in records if r.status == "answered"}


def _reread(record: Record) -> Record:
    if record.status != "answered" or record.parser == PARSER_VERSION:
        return record
    question = Question(record.question, record.kind, record.options, record.form)
    value, answer, reason = score(record.reply, question, record.gold)
    return replace(
        record,
        thinking=answer.thinking,
        answer=answer.value,
        how=answer.how,
        strict=value,
        reason=reason,
        parser=PARSER_VERSION,
    )


def _accuracies(records: Iterable[Record], value: Any) -> Accuracies:
    by_task: dict[str, list[float]] = defaultdict(list)
    for record in records:
        by_task[record.task].append(value(record))
    return Accuracies(by_task)


def _scores(found: Accuracies, spec: ReportSpec) -> dict[str, Any]:
    order = [code for code in spec.tasks if code in found.tasks] + [t for t in found.tasks if t not in spec.tasks]
    groups = {name: [code for code in codes if code in found.tasks] for name, codes in spec.groups.items()}
    return {
        "tasks": {code: found.task(code)._asdict() for code in order},
        "groups": {name: found.macro(codes)._asdict() for name, codes in groups.items() if codes},
        "macros": {name: _whole(found.macro(codes)) for name, codes in spec.macros.items()}
        | {f"mean over the {len(order)} tasks here": found.macro(order)._asdict()},
        "micro": found.micro()._asdict(),
    }


def _whole(estimate: Estimate) -> dict[str, Any] | None:
    return estimate._asdict() if estimate.mean is not None else None


def _confusion(answered: Sequence[Record]) -> dict[str, dict[str, dict[str, int]]]:
    """By kind of question: how often each right answer got each answer; what could not be read is ``?``."""
    found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for record in answered:
        if record.kind not in ("several", *BOX_KINDS):
            found[record.kind][record.gold][record.answer or "?"] += 1
    return {
        kind: {gold: dict(sorted(row.items())) for gold, row in sorted(rows.items())} for kind, rows in found.items()
    }


def _binned(records: Sequence[Record], value: Any, edges: Sequence[float]) -> list[Any]:
    return binned([value(r) for r in records], [r.strict for r in records], edges)


def _calibration(answered: Sequence[Record]) -> dict[str, Any] | None:
    sure = [r for r in answered if r.probabilities]
    if not sure:
        return None
    bins = _binned(sure, lambda r: max(r.probabilities.values()), _CONFIDENCES)
    return {"n": len(sure), "error": calibration_error(bins), "bins": [b._asdict() for b in bins]}
