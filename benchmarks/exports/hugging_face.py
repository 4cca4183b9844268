"""Export a run as a folder that ``datasets.load_dataset`` reads, and evaluation results in the form of model cards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from omnisense.benchmarks.harness.figures import Figure, RunSummary
from omnisense.benchmarks.harness.records import Record
from omnisense.errors import InputError
from omnisense.files import reporting_storage, write_atomically
from omnisense.text import parse_yaml

_AS_JSON = ("error", "tags", "row", "probabilities", "messages", "media", "calls", "model_args")


def export_hf(
    manifest: Mapping[str, Any], records: Sequence[Record], summary: RunSummary, report: str, output: Path
) -> Path:
    """Write ``data/test.parquet`` with a row for each record, and a card; return the folder.

    Fields that hold lists of objects or have free keys are JSON texts, since a column has one type.

    Args:
        manifest, records, summary: of the run.
        report: the run's report as Markdown.
        output: the folder.

    Raises:
        InputError: there are no records.
        StorageError: the folder cannot be written.
    """
    from datasets import Dataset

    if not records:
        raise InputError("the run has no records", "Run it first.")
    rows = [_row(record) for record in records]
    table = output / "data" / "test.parquet"
    with reporting_storage(output):
        table.parent.mkdir(parents=True, exist_ok=True)
        try:
            Dataset.from_list(rows).to_parquet(str(table))
        except BaseException:  # a part of a table is none
            table.unlink(missing_ok=True)
            raise
        digest = hashlib.sha256(table.read_bytes()).hexdigest()[:12]
        write_atomically(output / "README.md", _card(manifest, summary, report, digest))
    return output


def _row(record: Record) -> dict[str, Any]:
    values = record.to_dict()
    for key in _AS_JSON:
        values[key] = json.dumps(values[key], ensure_ascii=False)
    return values


def _card(manifest: Mapping[str, Any], summary: RunSummary, report: str, digest: str) -> str:
    head = {
        # The library caches by the folder's and the configuration's name: this one tells runs apart.
        "configs": [{"config_name": f"run-{digest}", "data_files": [{"split": "test", "path": "data/test.parquet"}]}],
        "tags": ["omnisense", "evaluation", str(manifest["identity"]["suite"])],
        "pretty_name": f"{summary['benchmark']}: {summary['system']}",
    }
    about = (
        f"Records of an evaluation by OmniSense {manifest['omnisense']}: one row for each question, with prompt, media "
        "by path, reply, what was read from it, and scores. The licence of the questions is their benchmark's.\n"
    )
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n{about}\n{report}"


def model_index(name: str, results: Sequence[tuple[str, Figure]]) -> dict[str, Any]:
    """Return evaluation results as the ``model-index`` of a model card (Hugging Face's metadata form).

    Args:
        name: of the model.
        results: the strict accuracy on each benchmark, by the benchmark's name.
    """
    found = []
    for benchmark, figure in results:
        if figure["mean"] is None:
            continue
        metric = {
            "type": "accuracy",
            "name": "strict accuracy",
            "value": round(figure["mean"], 4),
            "args": {"n": figure["n"], "low": figure["low"], "high": figure["high"]},
        }
        found.append(
            {
                "task": {"type": "visual-question-answering", "name": "questions about video and sound"},
                "dataset": {"type": benchmark.lower().replace(" ", "-"), "name": benchmark},
                "metrics": [metric],
            }
        )
    return {"model-index": [{"name": name, "results": found}]}


def add_to_card(card: Path, name: str, summaries: Sequence[RunSummary]) -> None:
    """Put evaluation results into a model card; its other metadata and its text stay.

    Raises:
        InputError: the card or its metadata cannot be read or written, or a run has no answers.
    """
    for summary in summaries:
        if summary["strict"]["micro"]["mean"] is None:
            raise InputError(f"the run of {summary['system']} has no answers", "Run it first.")
    try:
        text = card.read_text("utf-8") if card.exists() else f"# {name}\n"
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read as a text ({error})", "Name the README.md of a model.", card) from error
    head: dict[str, Any] = {}
    if text.startswith("---\n"):
        block, _, text = text[4:].partition("\n---")
        try:
            head = parse_yaml(block) or {}
        except yaml.YAMLError as error:
            raise InputError("its metadata cannot be read", "Fix the block between ---.", card) from error
        if not isinstance(head, dict):
            raise InputError("its metadata are no mapping", "Fix the block between ---.", card)
        text = text.lstrip("\n")
    head |= model_index(name, [(s["benchmark"], s["strict"]["micro"]) for s in summaries])
    try:
        write_atomically(card, f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n\n{text}")
    except OSError as error:
        raise InputError(f"it cannot be written ({error.strerror})", "Name another file.", card) from error
