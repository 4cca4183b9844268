"""Exports: a task folder for lmms-eval whose scorer agrees with ours, logs for inspect_ai, data sets, model cards."""

import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from omnisense.benchmarks.exports.hugging_face import add_to_card
from omnisense.benchmarks.harness.report import write_report
from omnisense.benchmarks.harness.scorer import score
from omnisense.benchmarks.suites import report_spec_for
from omnisense.reasoning.answers.question import Question
from tests.benchmarks.conftest import NUMBER, SEVERAL, YES_NO, row, write_benchmark

SHAPES = ["{}", "({})", "The answer is {}.", "<think>hm, A?</think><answer>{}</answer>", "I am not sure", "{} or B",
          "**{}**", '{{"answer": "{}"}}', "Not A, but {}", "Answer: {}\n\nA is wrong", ""]  # fmt: skip
REPLIES = Path(__file__).parents[1] / "reasoning" / "answers" / "replies.jsonl"


@pytest.fixture
def mixed(tmp_path):
    rows = [
        row("Emo_Strategy", 1, answer="C", asr_en="so"),
        row("Human_Counting", 2, pattern=NUMBER, answer="7", asr_en="so"),
        row("Emo_Strategy", 3, pattern=SEVERAL, answer="A, D", asr_en="so"),
        row("Lie_Detection", 4, pattern=YES_NO, answer="No", asr_en="so"),
    ]
    return write_benchmark(tmp_path / "mixed", rows)


def read_utils(folder):
    spec = importlib.util.spec_from_file_location("exported_utils", folder / "utils.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_lmms_eval_task_has_the_documented_keys_and_scores_as_we_do(run_cli, mixed, tmp_path):
    out = tmp_path / "task"
    ran = run_cli("export", "lmms-eval", "humansense", "--data", mixed, "--output", out)
    assert ran.returncode == 0, ran.stderr

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda loader, node: f"function {node.value}")
    task = yaml.load((out / "omnisense_humansense.yaml").read_text(), Loader)
    assert task["task"] == "omnisense_humansense"
    assert task["dataset_path"] == "json"
    assert task["dataset_kwargs"]["data_files"]["test"] == str(out / "data.jsonl")
    assert (task["test_split"], task["output_type"]) == ("test", "generate_until")
    assert task["doc_to_messages"] == "function utils.doc_to_messages"
    assert {metric["aggregation"] for metric in task["metric_list"]} == {"mean"}
    docs = [json.loads(line) for line in (out / "data.jsonl").read_text().splitlines()]
    assert len(docs) == 4
    utils = read_utils(out)
    assert docs[0]["prompt"] in utils.doc_to_messages(docs[0])[0]["content"][-1]["text"]
    rng = random.Random(0)
    for _ in range(1000):
        doc = rng.choice(docs)
        reply = rng.choice(SHAPES).format(rng.choice(["A", "B", "C", "A, D", "7", "seven", "No", "yes", "happy"]))
        ours = score(reply, Question(doc["question"], doc["kind"], tuple(doc["options"]), doc["form"]), doc["gold"])
        assert utils.score(reply, doc) == (ours.value, ours.answer.value, ours.reason)
        assert utils.process_results(doc, [reply])["strict_accuracy"] == ours.value


@pytest.mark.subprocess
def test_the_exported_scorer_needs_no_omnisense(run_cli, mixed, tmp_path):
    out = tmp_path / "task"
    assert run_cli("export", "lmms-eval", "humansense", "--data", mixed, "--output", out).returncode == 0
    code = (
        "import sys, json, utils\n"
        "docs = [json.loads(line) for line in open('data.jsonl')]\n"
        "print([utils.score(doc['gold'], doc)[0] for doc in docs])\n"
        "assert not [name for name in sys.modules if name == 'omnisense' or name.startswith('omnisense.')]\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=out, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "[1.0, 1.0, 1.0, 1.0]"), ran.stderr


@pytest.mark.slow
@pytest.mark.subprocess
def test_lmms_eval_loads_the_tasks(run_cli, data, tmp_path):
    python = os.environ.get("OMNISENSE_LMMS_EVAL_PYTHON", "")
    if not python and importlib.util.find_spec("lmms_eval") is None:
        pytest.skip("OMNISENSE_LMMS_EVAL_PYTHON does not name a Python with lmms-eval (make test-harnesses)")
    exported = []
    for name in ("intentbench", "daily-omni", "worldsense", "emobench-m", "omnibench", "humansense"):
        out = tmp_path / name
        assert run_cli("export", "lmms-eval", name, "--data", data / name, "--output", out).returncode == 0
        exported += [str(out), f"omnisense_{name.replace('-', '_')}"]
    script = Path(__file__).with_name("lmms_eval_check.py")
    command = [python or sys.executable, str(script), *exported]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    loaded = [line for line in ran.stdout.splitlines() if line.endswith(" loaded")]
    assert loaded == [f"{task} loaded" for task in exported[1::2]], ran.stderr


@pytest.mark.parametrize("name", ["intentbench", "emobench-m"])
def test_exported_tasks_score_every_kind_of_question_as_we_do(run_cli, data, name, tmp_path):
    out = tmp_path / "task"
    assert run_cli("export", "lmms-eval", name, "--data", data / name, "--output", out).returncode == 0
    docs = [json.loads(line) for line in (out / "data.jsonl").read_text().splitlines()]
    utils, rng = read_utils(out), random.Random(1)
    for _ in range(1000):
        doc = rng.choice(docs)
        reply = rng.choice(SHAPES).format(rng.choice([doc["gold"], rng.choice(docs)["gold"], "A, D", "7.50", "yes"]))
        ours = score(reply, Question(doc["question"], doc["kind"], tuple(doc["options"]), doc["form"]), doc["gold"])
        assert utils.score(reply, doc) == (ours.value, ours.answer.value, ours.reason)


def test_the_exported_scorer_reads_the_replies_of_many_authors_as_we_do(run_cli, mixed, tmp_path):
    """The replies by which the strict scorer is tested, in many styles and several languages."""
    out = tmp_path / "task"
    assert run_cli("export", "lmms-eval", "humansense", "--data", mixed, "--output", out).returncode == 0
    utils = read_utils(out)
    replies = [json.loads(line) for line in REPLIES.read_text().splitlines()]
    assert len(replies) >= 1000
    for one in replies:
        options, form = one.get("options") or [], one.get("form", "")
        doc = {"question": "?", "kind": one["kind"], "options": options, "form": form, "gold": one["gold"]}
        ours = score(one["reply"], Question("?", one["kind"], tuple(options), form), one["gold"])
        assert utils.score(one["reply"], doc) == (ours.value, ours.answer.value, ours.reason), one["reply"]


@pytest.fixture
def a_run(run_cli, mixed, tmp_path):
    out = tmp_path / "run"
    assert run_cli("eval", "humansense", "--data", mixed, "--policy", "scripted", "--output", out).returncode == 0
    return out


def test_a_run_is_a_data_set(run_cli, a_run, tmp_path):
    from datasets import load_dataset

    out = tmp_path / "hf"
    assert run_cli("export", "hf", a_run, "--output", out).returncode == 0
    rows = load_dataset(str(out), split="test", cache_dir=str(tmp_path / "cache"))
    assert len(rows) == 4
    assert {r["task"] for r in rows} == {"ES", "HC", "LD"}
    assert json.loads(rows[0]["messages"])[-1]["role"] == "user"
    head = yaml.safe_load((out / "README.md").read_text().split("---")[1])
    assert head["configs"][0]["data_files"][0]["path"] == "data/test.parquet"
    records = a_run / "records.jsonl"
    records.write_text("".join(records.read_text().splitlines(keepends=True)[:2]))
    other = tmp_path / "other" / "hf"  # a folder of the same name, and another run
    assert run_cli("export", "hf", a_run, "--output", other).returncode == 0
    assert len(load_dataset(str(other), split="test", cache_dir=str(tmp_path / "cache"))) == 2


def test_an_inspect_log_holds_every_sample(run_cli, a_run, tmp_path):
    out = tmp_path / "logs"
    assert run_cli("export", "inspect", a_run, "--output", out).returncode == 0
    (file,) = out.iterdir()
    log = json.loads(file.read_text())
    assert (log["version"], log["status"], len(log["samples"])) == (2, "success", 4)
    assert all(sample["messages"][-1]["role"] == "assistant" for sample in log["samples"])


@pytest.mark.slow
@pytest.mark.subprocess
def test_inspect_reads_the_log(run_cli, a_run, tmp_path):
    python = os.environ.get("OMNISENSE_INSPECT_PYTHON", "")
    if not python:
        pytest.skip("OMNISENSE_INSPECT_PYTHON does not name a Python with inspect_ai (make test-harnesses)")
    out = tmp_path / "logs"
    assert run_cli("export", "inspect", a_run, "--output", out).returncode == 0
    code = (
        "from inspect_ai.log import list_eval_logs, read_eval_log\n"
        f"(found,) = list_eval_logs({str(out)!r})\n"
        "log = read_eval_log(found)\n"
        "print(log.status, len(log.samples), log.samples[0].scores['strict'].value, log.eval.task)\n"
    )
    ran = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.startswith("success 4 "), ran.stderr


def test_the_run_of_a_stranger_writes_nowhere_else_and_adds_no_metadata(run_cli, a_run, tmp_path):
    manifest = json.loads((a_run / "manifest.json").read_text())
    bad = "x\n---\nlicense: mit\n---\n<script>alert(1)</script>"
    for started in ("/../../../evil", str(tmp_path / "evil"), "2026-01-01T00:00:00Z\0"):
        (a_run / "manifest.json").write_text(json.dumps(manifest | {"started": started, "system": bad}))
        before = set(tmp_path.rglob("*"))
        for kind in ("inspect", "hf"):
            ran = run_cli("export", kind, a_run, "--output", tmp_path / "out" / kind)
            assert ran.returncode == 0, ran.stderr
        assert all(path.is_relative_to(tmp_path / "out") for path in set(tmp_path.rglob("*")) - before)
    text = (tmp_path / "out" / "hf" / "README.md").read_text()
    head = yaml.safe_load(text.removeprefix("---\n").partition("\n---\n")[0])
    assert "license" not in head
    assert "<script>" not in text.partition("\n---\n")[2]
    card = tmp_path / "card.md"
    assert run_cli("export", "model-card", a_run, "--card", card, "--name", bad).returncode == 0
    assert "license" not in yaml.safe_load(card.read_text().split("\n---\n")[0].removeprefix("---\n"))


@pytest.mark.parametrize("name", ["system", "selection", "started", "identity"])
def test_a_damaged_manifest_is_said(run_cli, a_run, tmp_path, name):
    file = a_run / "manifest.json"
    manifest = json.loads(file.read_text())
    for value in (None, [], "x", {}):
        if not isinstance(value, type(manifest[name])) or value == {}:
            file.write_text(json.dumps(manifest | {name: value}))
            for command in (["export", "hf"], ["export", "inspect"], ["report"]):
                out = ["--output", tmp_path / "out"] if command[0] == "export" else []
                ran = run_cli(*command, a_run, *out)
                assert ran.returncode == 2, ran.stderr
                assert "Traceback" not in ran.stderr


def test_results_go_into_a_model_card(run_cli, a_run, tmp_path):
    card = tmp_path / "README.md"
    card.write_text("---\nlicense: apache-2.0\n---\n\n# Mine\n\nText.\n")
    summary = write_report(a_run, report_spec_for([a_run]))
    add_to_card(card, "mine", [summary])
    _, head, text = card.read_text().split("---", 2)
    values = yaml.safe_load(head)
    assert values["license"] == "apache-2.0"
    (result,) = values["model-index"][0]["results"]
    assert result["dataset"] == {"type": "humansense", "name": "HumanSense"}
    assert result["metrics"][0]["value"] == pytest.approx(summary["strict"]["micro"]["mean"], abs=1e-4)
    assert "# Mine\n\nText." in text
    assert run_cli("export", "model-card", a_run, "--card", card, "--name", "mine").returncode == 0
