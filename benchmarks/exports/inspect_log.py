"""Export a run as a log that inspect_ai's viewer opens (``inspect view``), in its JSON form, without the package."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.figures import RunSummary
from omnisense.benchmarks.harness.records import Record
from omnisense.errors import InputError
from omnisense.files import reporting_storage, write_atomically

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]+")
_LOG_VERSION = 2  # of inspect_ai's EvalLog


def export_inspect(manifest: Mapping[str, Any], records: Sequence[Record], summary: RunSummary, output: Path) -> Path:
    """Write the log; return its path.

    Args:
        manifest, records, summary: of the run.
        output: the folder.

    Raises:
        InputError: there are no records.
        StorageError: the folder cannot be written.
    """
    if not records:
        raise InputError("the run has no records", "Run it first.")
    suite, system = str(manifest["identity"]["suite"]), summary["system"]
    started = str(manifest["started"]).replace("Z", "+00:00")
    digest = hashlib.sha256(json.dumps(manifest["identity"], sort_keys=True).encode()).hexdigest()
    log = {
        "version": _LOG_VERSION,
        "status": "success",
        "eval": _eval(manifest, records, suite, system, started, digest),
        "plan": {"name": "plan", "steps": [{"solver": "generate", "params": {}}]},
        "results": _results(summary, records),
        "stats": {"started_at": started, "completed_at": started, "model_usage": _usage(system, records)},
        "samples": [_sample(record, system) for record in records],
    }
    name = _NOT_IN_NAMES.sub("-", f"{started}_{suite}_{digest[:12]}.json")  # the manifest may be a stranger's
    with reporting_storage(output):
        output.mkdir(parents=True, exist_ok=True)
        write_atomically(output / name, json.dumps(log, ensure_ascii=False))
    return output / name


def _eval(
    manifest: Mapping[str, Any], records: Sequence[Record], suite: str, system: str, started: str, digest: str
) -> dict[str, Any]:
    ids = list(dict.fromkeys(record.question_id for record in records))
    return {
        "created": started,
        "task": suite,
        "task_id": digest[:22],
        "task_version": 0,
        "run_id": digest[22:44],
        "eval_id": digest[42:64],
        "model": system,
        "dataset": {"name": suite, "location": manifest["data"]["path"], "samples": len(ids), "sample_ids": ids},
        "config": {"epochs": max(record.attempt for record in records)},
        "packages": {"omnisense": manifest["omnisense"]},
        "metadata": {"identity": manifest["identity"]},
        "scorers": [{"name": "strict"}, {"name": "official"}],
    }


def _results(summary: RunSummary, records: Sequence[Record]) -> dict[str, Any]:
    scores = []
    for name in ("strict", "official"):
        figure = summary["strict" if name == "strict" else "official"]["micro"]
        value = figure["mean"] if figure["mean"] is not None else 0.0
        metrics = {"accuracy": {"name": "accuracy", "value": value, "params": {}}}
        scores.append({"name": name, "scorer": name, "params": {}, "metrics": metrics})
    answered = sum(record.status == "answered" for record in records)
    return {"total_samples": len(records), "completed_samples": answered, "scores": scores}


def _usage(system: str, records: Sequence[Record]) -> dict[str, Any]:
    prompt = sum(record.prompt_tokens or 0 for record in records)
    reply = sum(record.reply_tokens or 0 for record in records)
    if not prompt + reply:
        return {}
    return {system: {"input_tokens": prompt, "output_tokens": reply, "total_tokens": prompt + reply}}


def _sample(record: Record, system: str) -> dict[str, Any]:
    turns = [{"role": m["role"], "content": m["text"]} for m in record.messages] or [
        {"role": "user", "content": record.question}
    ]
    choice = {"message": {"role": "assistant", "content": record.reply, "source": "generate"}, "stop_reason": "stop"}
    found: dict[str, Any] = {
        "id": record.question_id,
        "epoch": record.attempt,
        "input": turns,
        "choices": list(record.options) or None,
        "target": record.gold,
        "messages": [*turns, choice["message"]] if record.status == "answered" else turns,
        "output": {"model": system, "choices": [choice] if record.status == "answered" else []},
        "scores": _scores(record) if record.status == "answered" else {},
        "metadata": {"task": record.task, "media": list(record.media), "calls": list(record.calls),
                     "source": record.source, "notes": list(record.notes), "tags": dict(record.tags)},
        "store": {},
        "events": [],
        "model_usage": _usage(system, [record]),
        "attachments": {},
    }  # fmt: skip
    if record.error is not None:
        trace = record.error.traceback or record.error.summary
        found["error"] = {"message": record.error.summary, "traceback": trace, "traceback_ansi": trace}
    return found


def _scores(record: Record) -> dict[str, Any]:
    scores = {"strict": {"value": record.strict, "answer": record.answer, "explanation": record.reason}}
    if record.official is not None:
        scores["official"] = {"value": record.official, "answer": record.answer, "explanation": "the authors' score"}
    return scores
