"""Reports: figures that are true, a page that cannot be broken by a reply, comparisons."""

import json
import re
import shutil
import subprocess

import pytest

from omnisense.benchmarks.harness.report import write_comparison, write_report
from omnisense.benchmarks.harness.report_markdown import as_markdown
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.summary import load_run, summarize
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.humansense.loading import load
from omnisense.benchmarks.humansense.report_spec import published, spec
from omnisense.benchmarks.humansense.suite import SUITE
from omnisense.benchmarks.humansense.tasks import TASKS, VIDEO_TASKS
from tests.benchmarks.conftest import row, write_benchmark


def evaluate(data, output, policy="random", **more):
    system = SystemSettings(kind="baseline", policy=policy, **more)
    return run(RunSettings(SUITE, system, output=output), load(data)).folder


def scripted(data, output, tmp_path, replies, think=False):
    (tmp_path / "script.json").write_text(json.dumps({"replies": replies}))
    from omnisense.benchmarks.harness.prompting import PromptSettings

    system = SystemSettings(policy=f"scripted:{tmp_path / 'script.json'}")
    settings = RunSettings(SUITE, system, PromptSettings(think=think), output=output)
    return run(settings, load(data)).folder


def test_published_rows_recompute_to_the_papers_average():
    rows = {(r["model"], r["split"]): r for r in published()}
    row = rows["Qwen2.5-Omni-7B", "full"]
    assert sum(row[code] for code in VIDEO_TASKS) / 13 == pytest.approx(row["average"], abs=0.001)
    assert rows["Qwen2-Audio-7B", "full"]["AR"] is None


def test_all_fifteen_tasks_give_the_papers_average_and_levels(tmp_path):
    rows = [row(task.name, n, answer="A") for task in TASKS for n in range(2)]
    folder = scripted(write_benchmark(tmp_path / "d", rows), tmp_path / "run", tmp_path, ["A", "B"])
    summary = write_report(folder, spec())
    macros = summary["strict"]["macros"]
    assert macros["13 video tasks (the paper's Avg)"]["n"] == 13
    assert macros["15 tasks"]["n"] == 15
    assert [g["n"] for g in summary["strict"]["groups"].values()] == [4, 4, 5, 2]
    assert summary["strict"]["micro"]["n"] == 30
    assert set(summary["strict"]["tasks"]) == {task.code for task in TASKS}
    assert "13 video tasks" in (folder / "report.md").read_text()


def test_errors_are_neither_right_nor_wrong(clips, tmp_path):
    bad = [row("Emo_Strategy", n, "videos/gone.mp4") for n in range(3)] + [row("Emo_Strategy", 9, answer="B")]
    folder = scripted(write_benchmark(tmp_path / "d", bad), tmp_path / "run", tmp_path, ["B"])
    summary = write_report(folder, spec())
    assert summary["counts"] | {"not_asked": {}} == {
        "questions": 4, "answered": 1, "errors": 3, "unparseable": 0, "not_asked": {}, "with_frames": 0,
        "with_sound": 0, "clusters": 1, "extracted": 0,
    }  # fmt: skip
    assert summary["strict"]["micro"]["mean"] == 1.0
    assert list(summary["errors"].values()) == [3]
    assert "missing" in (folder / "report.md").read_text() or "no videos/gone.mp4" in (folder / "report.md").read_text()


def test_where_all_are_wrong_the_interval_is_the_exact_one(many, tmp_path):
    folder = scripted(many, tmp_path / "run", tmp_path, ["none of them"])
    figure = write_report(folder, spec())["strict"]["micro"]
    assert (figure["mean"], figure["low"]) == (0, 0)
    assert figure["high"] == pytest.approx(1 - 0.025 ** (1 / 60))


def test_a_run_on_some_of_the_questions_says_so(many, tmp_path):
    system = SystemSettings(kind="baseline", policy="random")
    part = run(RunSettings(SUITE, system, output=tmp_path / "part", limit=10, tasks=("LD", "ES")), load(many)).folder
    whole = evaluate(many, tmp_path / "whole", "longest")
    more = evaluate(many, tmp_path / "more", "majority")
    write_report(part, spec())
    text = (part / "report.md").read_text()
    assert ("Asked: 10 of the 60 questions of the data of the tasks LD, ES, drawn with as many of each task as of the "
            "others (seed 0).") in text  # fmt: skip
    assert "answer parser" in text
    assert "Guessing among the options is right on 0.250 of these questions" in text
    assert "Asked:" not in as_markdown([write_report(whole, spec())], spec(), [])
    found = write_comparison([part, whole, more], spec(), tmp_path / "c")
    assert [pair["questions"] for pair in found["comparisons"]] == [10, 10]
    assert all(pair["p_adjusted"] >= pair["p_value"] for pair in found["comparisons"])
    text = (tmp_path / "c" / "comparison.md").read_text()
    assert "10 / 60 / 60" in text
    assert "adjusted for 2 comparisons by Holm's method" in text
    assert "10 / 60 / 60" in (tmp_path / "c" / "comparison.html").read_text()


def test_a_reply_cannot_break_the_page(many, tmp_path):
    evil = "</script><script>document.title='broken'</script><img src=x onerror=alert(1)>\u2028 &lt; B"
    folder = scripted(many, tmp_path / "run", tmp_path, [evil])
    write_report(folder, spec())
    page = (folder / "report.html").read_text()
    assert "<img src=x" not in page
    assert len(re.findall(r"<script[ >]", page)) == 2
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(data)[0]["reply"].startswith("</script>")


def test_a_run_without_a_single_record_has_a_report(many, tmp_path):
    folder = evaluate(many, tmp_path / "run")
    (folder / "records.jsonl").write_text("")
    counts = write_report(folder, spec())["counts"]
    assert (counts["questions"], counts["answered"]) == (60, 0)
    assert "</html>" in (folder / "report.html").read_text()


def test_records_of_an_older_parser_are_read_anew(many, tmp_path):
    folder = scripted(many, tmp_path / "run", tmp_path, ["The answer is B"])
    file = folder / "records.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line | {"parser": 0, "strict": 0.0, "answer": ""}) + "\n" for line in lines))
    manifest, records = load_run(folder)
    assert {r.answer for r in records} == {"B"}
    assert summarize(manifest, records, spec())["strict"]["micro"]["mean"] == 0.25


def test_compare_on_the_command_line(many, tmp_path, run_cli):
    first, second = evaluate(many, tmp_path / "a"), evaluate(many, tmp_path / "b", "majority")
    done = run_cli("report", first, second, "--compare", "--output", tmp_path / "c")
    assert done.returncode == 0, done.stderr
    assert re.search(r"\*\*majority\*\* against \*\*random\*\* on 60 questions: [+-]0\.\d+", done.stdout)
    found = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert found["comparisons"][0]["questions"] == 60
    assert (tmp_path / "c" / "comparison.html").is_file()
    alone = run_cli("report", first)
    assert "# HumanSense: random" in alone.stdout
    for arguments in (["report", first, "--compare"], ["report", tmp_path]):
        wrong = run_cli(*arguments)
        assert wrong.returncode == 2
        assert "Traceback" not in wrong.stderr


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
@pytest.mark.subprocess
def test_the_page_works_in_a_browser(many, tmp_path):
    folder = scripted(many, tmp_path / "run", tmp_path, ["<think>because</think><answer>B</answer>", "??"], think=True)
    write_report(folder, spec())
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"]  # fmt: skip
    done = subprocess.run(
        ["chromium", *flags, "--virtual-time-budget=2000", "--dump-dom", f"file://{folder / 'report.html'}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.count('class="record') == 20  # the first page
    assert "1–20 of 60" in done.stdout
    assert "because" in done.stdout


def test_names_and_errors_cannot_put_html_links_or_control_characters_into_markdown(many, tmp_path):
    evil = "<img src=x onerror=alert(1)> | ![x](http://example.org/x.png)\x1b]0;title\x07\x9b31m\n# heading"
    folder = evaluate(many, tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text())
    summary = summarize(manifest | {"system": evil}, load_run(folder)[1], spec())
    summary["errors"] = {evil: 1}
    summary["counts"]["not_asked"] = {evil: 1}
    pair = {"first": evil, "second": evil, "questions": 0, "better": 0, "worse": 0, "p_value": 1.0,
            "difference": {"mean": None}}  # fmt: skip
    text = as_markdown([summary], spec(), [pair])
    assert "<img" not in text
    assert "](" not in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    assert [line for line in text.splitlines() if line.startswith("# ")] == [text.splitlines()[0]]
    rows = [re.sub(r"\\\|", "", line).count("|") for line in text.splitlines() if line.startswith("|")]
    assert len(set(rows)) == 1
