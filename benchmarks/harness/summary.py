"""Figures of runs: the one place that turns records into the contents of reports."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.figures import (
    BinFigure,
    BreakdownFigure,
    Calibration,
    Figure,
    PairedComparison,
    RunSummary,
    Scores,
)
from omnisense.benchmarks.harness.records import Record, read_records
from omnisense.benchmarks.harness.run_folder import read_manifest
from omnisense.benchmarks.harness.scorer import score
from omnisense.benchmarks.harness.statistics import Accuracies, Estimate, bin_scores, calibration_error, compare
from omnisense.benchmarks.harness.suite import OfficialRun, ReportSpec
from omnisense.reasoning.answers.parser import PARSER_VERSION
from omnisense.reasoning.answers.question import WRITTEN_KINDS, Question

_LENGTHS_S = (0, 10, 30, 60, 120, 300, 1e9)
_CONFIDENCES = tuple(i / 10 for i in range(11))


def load_run(folder: Path) -> tuple[dict[str, Any], list[Record]]:
    """Return a run's manifest and records, replies parsed again where another version of the parser was used.

    Raises:
        InputError: it is not a run folder, or a record is damaged.
    """
    return read_manifest(folder), [_parse_again(record) for record in read_records(folder)]


def summarize(manifest: Mapping[str, Any], records: Sequence[Record], spec: ReportSpec) -> RunSummary:
    """Return a run's figures.

    Strict scores are over answered questions: a reply that cannot be parsed counts as wrong; a question that failed
    before it was asked counts as neither and is listed by cause. The official scores leave out what
    the authors' scripts leave out.
    """
    run = _official_run(manifest, records, spec)
    records = [replace(r, official=run.scores[r.id]) if r.id in run.scores else r for r in records]
    answered = [record for record in records if record.status == "answered"]
    errors = [record for record in records if record.status == "error"]
    unparseable = [record for record in answered if not record.answer]
    strict = _accuracies(answered, lambda record: record.strict)
    official = _accuracies([r for r in answered if r.official is not None], lambda record: record.official or 0.0)
    return {
        "benchmark": spec.title,
        "system": manifest["system"],
        "is_official": bool(manifest["data"].get("is_official")),
        "counts": {
            "questions": manifest["selection"]["questions"],
            "answered": len(answered),
            "errors": len(errors),
            "unparseable": len(unparseable),
            "not_asked": manifest["selection"]["not_asked"],
            "with_frames": sum(r.frames > 0 for r in answered),
            "with_sound": sum(r.audio_s > 0 for r in answered),
        },
        "rates": {
            "error": len(errors) / max(len(records), 1),
            "unparseable": len(unparseable) / max(len(answered), 1),
        },
        "strict": _scores(strict, spec),
        "official": _scores(official, spec),
        "official_metrics": [{"name": m.name, "value": m.value, "note": m.note} for m in run.metrics],
        "official_notes": list(run.notes),
        "breakdowns": _breakdowns(answered),
        "errors": dict(Counter(r.error.summary for r in errors if r.error).most_common(20)),
        "unparseable": dict(Counter(r.how for r in unparseable).most_common(20)),
        "notes": dict(Counter(note for r in answered for note in r.notes).most_common(20)),
        "confusion": _confusion(answered),
        "by_length": _bins([r for r in answered if r.length_s], lambda r: r.length_s, _LENGTHS_S),
        "calibration": _calibration(answered),
        "seconds": round(sum(r.seconds for r in answered), 2),
    }


def _official_run(manifest: Mapping[str, Any], records: Sequence[Record], spec: ReportSpec) -> OfficialRun:
    """Return the authors' figures over a run; their scripts know one attempt at a question."""
    if spec.score_run is None:
        return OfficialRun({}, [])
    first = [record for record in records if record.attempt == 1]
    answered = sum(record.status == "answered" for record in first)
    return spec.score_run(first, answered == manifest["data"].get("questions"))


def _breakdowns(answered: Sequence[Record]) -> dict[str, dict[str, BreakdownFigure]]:
    """Return the accuracies by each breakdown of the benchmark and its values."""
    found: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in answered:
        for name, values in record.tags.items():
            for value in values:
                found[name][value].append(record)
    return {
        name: {value: _breakdown_figure(records) for value, records in sorted(by_value.items())}
        for name, by_value in sorted(found.items())
    }


def _breakdown_figure(records: Sequence[Record]) -> BreakdownFigure:
    counted = [r for r in records if r.official is not None]
    return {
        "strict": _figure(_accuracies(records, lambda r: r.strict).micro()),
        "official": _figure(_accuracies(counted, lambda r: r.official or 0.0).micro()),
    }


def compare_runs(runs: Sequence[tuple[str, Sequence[Record]]]) -> list[PairedComparison]:
    """Compare every later run with the first, on the questions that both answered."""
    (base, first), *others = runs
    scores = _by_id(first)
    found: list[PairedComparison] = []
    for name, records in others:
        tasks = {r.id: r.task for r in [*first, *records]}
        result = compare(scores, _by_id(records), tasks)
        found.append(
            {
                "first": base,
                "second": name,
                "questions": result.difference.n,
                "difference": _figure(result.difference),
                "p_value": result.p_value,
                "better": result.better,
                "worse": result.worse,
            }
        )
    return found


def _by_id(records: Iterable[Record]) -> dict[str, float]:
    return {r.id: r.strict for r in records if r.status == "answered"}


def _parse_again(record: Record) -> Record:
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


def _accuracies(records: Iterable[Record], value: Callable[[Record], float]) -> Accuracies:
    by_task: dict[str, list[float]] = defaultdict(list)
    for record in records:
        by_task[record.task].append(value(record))
    return Accuracies(by_task)


def _scores(found: Accuracies, spec: ReportSpec) -> Scores:
    order = [code for code in spec.tasks if code in found.tasks] + [t for t in found.tasks if t not in spec.tasks]
    groups = {name: [code for code in codes if code in found.tasks] for name, codes in spec.groups.items()}
    return {
        "tasks": {code: _figure(found.task(code)) for code in order},
        "groups": {name: _figure(found.macro(codes)) for name, codes in groups.items() if codes},
        "macros": {name: _figure_or_none(found.macro(codes)) for name, codes in spec.macros.items()}
        | {f"mean over the {len(order)} tasks here": _figure(found.macro(order))},
        "micro": _figure(found.micro()),
    }


def _figure(estimate: Estimate) -> Figure:
    return {"n": estimate.n, "mean": estimate.mean, "low": estimate.low, "high": estimate.high}


def _figure_or_none(estimate: Estimate) -> Figure | None:
    return _figure(estimate) if estimate.mean is not None else None


def _confusion(answered: Sequence[Record]) -> dict[str, dict[str, dict[str, int]]]:
    """Count answers by kind of question and right answer; a reply that cannot be parsed is ``?``."""
    found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for record in answered:
        if record.kind not in ("several", *WRITTEN_KINDS):
            found[record.kind][record.gold][record.answer or "?"] += 1
    return {
        kind: {gold: dict(sorted(row.items())) for gold, row in sorted(rows.items())} for kind, rows in found.items()
    }


def _bins(records: Sequence[Record], value: Callable[[Record], float], edges: Sequence[float]) -> list[BinFigure]:
    return [
        {"low": b.low, "high": b.high, "n": b.n, "accuracy": b.accuracy, "confidence": b.confidence}
        for b in bin_scores([value(r) for r in records], [r.strict for r in records], edges)
    ]


def _calibration(answered: Sequence[Record]) -> Calibration | None:
    confident = [r for r in answered if r.probabilities]
    if not confident:
        return None
    values = [max(r.probabilities.values()) for r in confident if r.probabilities]
    bins = bin_scores(values, [r.strict for r in confident], _CONFIDENCES)
    return {
        "n": len(confident),
        "error": calibration_error(bins),
        "bins": _bins(confident, lambda r: max((r.probabilities or {}).values()), _CONFIDENCES),
    }
