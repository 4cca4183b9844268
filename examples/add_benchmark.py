"""A benchmark of your own, with the harness's runs, resume, scores and reports: python examples/add_benchmark.py

A suite of the package is a folder in benchmarks/, and a line in benchmarks/suites.py; here both are in one file.
"""

import json
import sys
import tempfile
from pathlib import Path

from omnisense.benchmarks.harness import question_rows as rows_of
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import PromptSettings
from omnisense.benchmarks.harness.question_files import resolve_media
from omnisense.benchmarks.harness.report import write_report
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.suite import ReportSpec, Suite, SuiteOption, begins_with_keys
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.suites import SUITES, report_spec_for
from omnisense.reasoning.answers.question import Question


def load(data, model=None):
    """Read questions.jsonl. What is wrong with a row, or with its clip, is kept with it: nothing is dropped."""
    root = Path(data)
    file = rows_of.find_file(root, ["questions.jsonl"], "questions.jsonl and clips/")

    def read(row, place, faults):
        question, gold = faults.attempt_question(
            lambda: rows_of.choice_question(row["question"], row["choices"]),
            lambda asked: rows_of.gold_of(row["answer"], asked),
            Question("", "one"),  # in place of one that cannot be asked
        )
        clip = faults.attempt_media(lambda: resolve_media(row["clip"], file.parent, under=["clips"]), None)
        id = rows_of.content_id(row["clip"], row["question"], row["choices"])
        return Sample(id, row["topic"], 0, question, gold, "video", clip, group=row["clip"])

    rows = rows_of.list_rows(file, ["clip", "topic", "question", "choices", "answer"])
    return rows_of.build_dataset("greetings", root, [file], rows, read)


def official_score(sample, reply, think):
    """The score of the benchmark's authors; the strict one is the harness's."""
    return float(reply.strip() == sample.gold)


def report_spec(tasks, groups):
    """How figures are combined, and which published ones stand beside them."""
    return ReportSpec("Greetings", dict.fromkeys(sorted(tasks), ""), groups, macros={}, published=[])


def is_question_file(path):
    """Whether a file, or the file in a folder, is one of this benchmark."""
    return begins_with_keys(path / "questions.jsonl" if path.is_dir() else path, "clip", "topic", "choices")


options = (SuiteOption("data", "Folder with questions.jsonl and clips/.", "path", "DIR", required=True),)
SUITE = Suite("greetings", "Evaluate on Greetings.", load, options, official_score, report_spec, is_question_file)

if __name__ == "__main__":
    sys.modules["add_benchmark"] = sys.modules["__main__"]  # as if it had been imported by its name
    SUITES["greetings"] = "add_benchmark:SUITE"
    folder = Path(tempfile.mkdtemp())
    row = {"clip": "1.mp4", "topic": "voice", "question": "Who greets?", "choices": ["Ana", "Ben"]}
    rows = [row | {"answer": "A"}, row | {"answer": "Ben", "clip": "2.mp4"}, row | {"answer": "C", "clip": "3.mp4"}]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    # In a shell, once the suite is in the package: omnisense eval greetings --data DIR --policy ... --text-only
    settings = RunSettings(SUITE, SystemSettings(policy="scripted"), PromptSettings(media=False), folder / "run")
    run(settings, load(folder))
    summary = write_report(folder / "run", report_spec_for([folder / "run"]))
    print(summary["counts"]["answered"], "answered;", summary["errors"])
