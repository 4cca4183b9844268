"""Figures of runs: the one place that turns records into the contents of reports."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.comparability import compared_settings
from omnisense.benchmarks.harness.figures import (
    Attempts,
    BinFigure,
    BreakdownFigure,
    Calibration,
    Cost,
    Figure,
    PairedComparison,
    Provenance,
    RunSummary,
    Scores,
)
from omnisense.benchmarks.harness.records import Record, read_records
from omnisense.benchmarks.harness.run_folder import read_manifest
from omnisense.benchmarks.harness.scorer import score
from omnisense.benchmarks.harness.statistics import (
    Accuracies,
    Estimate,
    bin_scores,
    binomial_bounds,
    calibration_error,
    compare,
    holm,
)
from omnisense.benchmarks.harness.suite import OfficialRun, ReportSpec
from omnisense.reasoning.answers.parser import PARSER_VERSION
from omnisense.reasoning.answers.question import WRITTEN_KINDS, Question

_LENGTHS_S = (0, 10, 30, 60, 120, 300, 1e9)
_NO_SPREAD = 1e-9
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
        "provenance": _provenance(manifest),
        "chance": _chance(answered),
        "counts": {
            "questions": manifest["selection"]["questions"],
            "answered": len(answered),
            "errors": len(errors),
            "unparseable": len(unparseable),
            "not_asked": manifest["selection"]["not_asked"],
            "with_frames": sum(r.frames > 0 for r in answered),
            "with_sound": sum(r.audio_s > 0 for r in answered),
            "clusters": strict.clusters,
            "extracted": sum(bool(r.extracted_by) for r in answered),
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
        "cost": _cost(answered),
        "attempts": _attempts(answered),
        "minimum_detectable_difference": strict.minimum_detectable_difference(),
        "comparability": compared_settings(manifest, spec.protocol),
    }


def _provenance(manifest: Mapping[str, Any]) -> Provenance:
    identity, selection = manifest["identity"], manifest["selection"]
    return {
        "data": identity["data"],
        "in_data": manifest["data"]["questions"],
        "limit": selection["limit"],
        "tasks": selection["tasks"],
        "seed": identity["system"].get("seed"),
        "model": manifest["model"],
        "omnisense": manifest["omnisense"],
        "parser": PARSER_VERSION,
        "started": manifest["started"],
    }


def _chance(answered: Sequence[Record]) -> float | None:
    numbers = [{"yes_no": 2, "one": len(r.options), "label": len(r.options)}.get(r.kind, 0) for r in answered]
    return sum(1 / n for n in numbers) / len(numbers) if numbers and all(numbers) else None


def _official_run(manifest: Mapping[str, Any], records: Sequence[Record], spec: ReportSpec) -> OfficialRun:
    """Return the authors' figures over a run; their scripts know one attempt at a question."""
    if spec.score_run is None:
        return OfficialRun({}, [])
    first = [record for record in records if record.attempt == 1]
    answered = sum(record.status == "answered" for record in first)
    found = spec.score_run(first, answered == manifest["data"].get("questions"))
    if len(first) < len(records) and found.metrics:
        return found._replace(notes=[*found.notes, "The authors' figures are of the first attempts."])
    return found


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
        "strict": _micro(_accuracies(records, lambda r: r.strict)),
        "official": _micro(_accuracies(counted, lambda r: r.official or 0.0)),
    }


def compare_runs(runs: Sequence[tuple[str, Sequence[Record]]]) -> list[PairedComparison]:
    """Compare every later run with the first, on the questions that both answered."""
    (base, first), *others = runs
    scores = _by_question(first)
    found: list[PairedComparison] = []
    for name, records in others:
        groups = {r.question_id: _cluster(r) for r in [*records, *first]}
        result = compare(scores, _by_question(records), groups)
        found.append(
            {
                "first": base,
                "second": name,
                "questions": result.difference.n,
                "difference": _difference(result.difference),
                "p_value": result.p_value,
                "p_adjusted": result.p_value,
                "better": result.better,
                "worse": result.worse,
                "clusters": result.clusters,
                "minimum_detectable_difference": result.detectable,
            }
        )
    for pair, adjusted in zip(found, holm([pair["p_value"] for pair in found]), strict=True):
        pair["p_adjusted"] = adjusted
    return found


def _difference(found: Estimate) -> Figure:
    return {"n": found.n, "mean": found.mean, "low": found.low, "high": found.high}


def _by_question(records: Iterable[Record]) -> dict[str, float]:
    """Return the mean strict score over the attempts at each question."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in records:
        if record.status == "answered":
            found[record.question_id].append(record.strict)
    return {key: sum(values) / len(values) for key, values in found.items()}


def _cluster(record: Record) -> str:
    """Return what a question shares with others: its clip, person or dialogue; itself where nothing is known."""
    return record.group or record.question_id


def _cost(answered: Sequence[Record]) -> Cost:
    def mean(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    return {
        "prompt_tokens": mean(r.prompt_tokens for r in answered),
        "reply_tokens": mean(r.reply_tokens for r in answered),
        "seconds": mean(r.seconds for r in answered) or 0.0,
        "media_s": _media_s(answered),
        "frames": mean(r.frames for r in answered) or 0.0,
        "audio_s": mean(r.audio_s for r in answered) or 0.0,
    }


def _media_s(answered: Sequence[Record]) -> float | None:
    """Return the mean length of clips; None where records of an earlier version do not say how long theirs were."""
    clips = [r for r in answered if any(medium["type"] in ("video", "audio") for medium in r.media)]
    if not all(r.length_s for r in clips):
        return None
    return sum(r.length_s for r in clips) / max(len(answered), 1)


def _attempts(answered: Sequence[Record]) -> Attempts | None:
    by_question: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(answered, key=lambda r: r.attempt):
        by_question[record.question_id].append(record)
    k = max((len(found) for found in by_question.values()), default=1)
    if k == 1:
        return None
    firsts = [found[0] for found in by_question.values()]
    means = {key: sum(r.strict for r in found) / len(found) for key, found in by_question.items()}

    def figure(value: Callable[[Record], float]) -> Figure:
        return _micro(_accuracies(firsts, value))

    return {
        "k": k,
        "mean": figure(lambda r: means[r.question_id]),
        "pass_at_k": figure(lambda r: float(any(a.strict == 1 for a in by_question[r.question_id]))),
        "vote": figure(lambda r: _vote(by_question[r.question_id])),
    }


def _vote(attempts: Sequence[Record]) -> float:
    """Return the score of the answer that was given most often; 0 where none could be read."""
    votes = Counter(record.answer for record in attempts if record.answer)
    if not votes:
        return 0.0
    winner = votes.most_common(1)[0][0]
    return next(record.strict for record in attempts if record.answer == winner)


def _parse_again(record: Record) -> Record:
    if record.status != "answered" or record.parser == PARSER_VERSION:
        return record
    question = Question(record.question, record.kind, record.options, record.form)
    value, answer, reason = score(record.reply, question, record.gold)
    if record.extracted_by and not answer.value:
        return replace(record, parser=PARSER_VERSION)
    return replace(
        record,
        thinking=answer.thinking,
        answer=answer.value,
        how=answer.how,
        strict=value,
        reason=reason,
        parser=PARSER_VERSION,
        extracted_by="",
    )


def _accuracies(records: Iterable[Record], value: Callable[[Record], float]) -> Accuracies:
    by_task: dict[str, list[float]] = defaultdict(list)
    groups: dict[str, list[str]] = defaultdict(list)
    for record in records:
        by_task[record.task].append(value(record))
        groups[record.task].append(_cluster(record))
    return Accuracies(by_task, groups)


def _scores(found: Accuracies, spec: ReportSpec) -> Scores:
    order = [code for code in spec.tasks if code in found.tasks] + [t for t in found.tasks if t not in spec.tasks]
    groups = {name: [code for code in codes if code in found.tasks] for name, codes in spec.groups.items()}
    return {
        "tasks": {code: _figure(found.task(code), found.fewest_clusters([code])) for code in order},
        "groups": {name: _macro(found, codes) for name, codes in groups.items() if codes},
        "macros": {name: _macro(found, codes) if found.macro(codes).n else None for name, codes in spec.macros.items()}
        | {f"mean over the {len(order)} tasks here": _macro(found, order)},
        "micro": _micro(found),
    }


def _macro(found: Accuracies, tasks: Sequence[str]) -> Figure:
    return _figure(found.macro(tasks), found.fewest_clusters(tasks))


def _micro(found: Accuracies) -> Figure:
    return _figure(found.micro(), found.clusters)


def _figure(estimate: Estimate, clusters: int) -> Figure:
    low, high = (estimate.low, estimate.high) if clusters > 1 else (None, None)
    if low is not None and high is not None and estimate.mean is not None and high - low < _NO_SPREAD:
        share = round(estimate.mean, 6)  # all score alike, so that resampling tells nothing of the spread
        low, high = binomial_bounds(int(share) * clusters, clusters) if share in (0, 1) else (None, None)
    return {"n": estimate.n, "mean": estimate.mean, "low": low, "high": high}


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
