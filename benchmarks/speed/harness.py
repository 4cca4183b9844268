"""What the evaluation harness itself costs: ``python -m omnisense.benchmarks.speed.harness [--output DIR]``.

An instant model answers a benchmark of HumanSense's size; what remains is the harness. Its peer does what the authors'
evaluation loop does: after each answer it writes the whole result file again. With ``--inspect-python`` inspect_ai asks
its own instant model the same questions, in turn with ours. Beside seconds stand those of the processor, which a busy
machine and its disk change less. Also measured: scoring alone, memory, and what a second worker gains. Writes
``harness.json`` and ``harness.md``.
"""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from omnisense.benchmarks.harness.baselines import Baseline
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.dispatch import dispatch
from omnisense.benchmarks.harness.executors import RayExecutor
from omnisense.benchmarks.harness.prompting import PromptSettings
from omnisense.benchmarks.harness.report import write_report
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.scorer import score
from omnisense.benchmarks.harness.systems import Prepared, Reply, SystemSettings
from omnisense.benchmarks.harness.worker import Worker, WorkerSettings
from omnisense.benchmarks.humansense.loading import load
from omnisense.benchmarks.humansense.report_spec import spec
from omnisense.benchmarks.humansense.suite import SUITE
from omnisense.benchmarks.humansense.tasks import TASKS
from omnisense.benchmarks.speed.memory import in_new_process, peak_mb
from omnisense.reasoning.answers.question import Question, question_text
from omnisense.reasoning.policies.messages import message
from omnisense.reasoning.policies.scripted import ScriptedPolicy

FULL = 3882
_WORDS = "well I think that you were there when she said it and he looked away for a while".split()


@click.command()
@click.option("--runs", default=3, show_default=True, help="Counted runs of each thing but the peer, which runs once.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default="runs/speed", show_default=True)
@click.option("--inspect-python", metavar="PYTHON", help="A Python with inspect_ai, to measure it too.")
def main(runs: int, output: Path, inspect_python: str | None) -> None:
    """Measure the harness beside the loop it replaces."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), runs)
        if inspect_python:
            found |= beside_inspect(inspect_python, Path(folder), runs)
    output.mkdir(parents=True, exist_ok=True)
    (output / "harness.json").write_text(json.dumps(found, indent=1) + "\n")
    (output / "harness.md").write_text(as_table(found))
    click.echo(as_table(found))


def measure(folder: Path, runs: int) -> dict[str, Any]:
    """Return seconds, megabytes and ratios."""
    sizes = (FULL // 4, FULL // 2, FULL)
    times = {n: [in_new_process(_harness_s, folder, n) for _ in range(runs)] for n in sizes}
    seconds = {n: statistics.median(wall for wall, _ in found) for n, found in times.items()}
    memory = {n: in_new_process(_peak_mb, folder, n) for n in sizes}
    whole_file_s, written_mb = whole_file_loop(_rows(FULL), folder / "results.json")
    return {
        "questions": FULL,
        "machine": {"python": platform.python_version(), "cpu_count": os.cpu_count()},
        "harness_s": seconds,
        "harness_cpu_s": statistics.median(cpu for _, cpu in times[FULL]),
        "report_s": in_new_process(_report_s, folder, FULL),
        "per_question_ms": {n: 1000 * s / n for n, s in seconds.items()},
        "whole_file_loop_s": whole_file_s,
        "whole_file_loop_written_mb": written_mb,
        "times_less": whole_file_s / seconds[FULL],
        "scoring_s": statistics.median(scoring_s(FULL) for _ in range(runs)),
        "scoring_new_options_s": in_new_process(scoring_s, FULL, True),
        "peak_memory_mb": memory,
        "workers": workers(folder, runs),
    }


_INSPECT = """
import json, sys, time
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice
rows = json.load(open(sys.argv[1]))
samples = [Sample(input=r["question"], choices=r["options"], target=r["gold"], id=str(i)) for i, r in enumerate(rows)]
model = get_model("mockllm/model")
began, cpu = time.perf_counter(), time.process_time()
eval(Task(dataset=samples, solver=multiple_choice(), scorer=choice()), model=model, log_dir=sys.argv[2], display="none")
print(time.perf_counter() - began, time.process_time() - cpu)
"""


def beside_inspect(python: str, folder: Path, runs: int) -> dict[str, float]:
    """Return the medians of both harnesses, run in turn: seconds, and seconds of the processor."""
    both = [(in_new_process(_harness_s, folder, FULL), inspect_s(python, folder)) for _ in range(runs)]
    (ours, ours_cpu), (theirs, theirs_cpu) = (
        [statistics.median(values) for values in zip(*found, strict=True)] for found in zip(*both, strict=True)
    )
    return {"beside_inspect_s": ours, "beside_inspect_cpu_s": ours_cpu,
            "inspect_s": theirs, "inspect_cpu_s": theirs_cpu}  # fmt: skip


def inspect_s(python: str, folder: Path) -> tuple[float, float]:
    """Return how long inspect_ai takes to ask its own instant model the same questions, its log included.

    Returns:
        Seconds, and seconds of the processor.
    """
    asked = [s for s in load(_data(folder, FULL)).samples if s.question.options]
    options = [[option.partition(". ")[2] for option in s.question.options] for s in asked]
    rows = [
        {"question": s.question.text, "options": o, "gold": s.gold[:1]} for s, o in zip(asked, options, strict=True)
    ]
    file = folder / "inspect.json"
    file.write_text(json.dumps((rows * (FULL // len(rows) + 1))[:FULL]))
    command = [python, "-c", _INSPECT, str(file), str(folder / "inspect_logs")]
    wall, cpu = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-2:]
    return float(wall), float(cpu)


def whole_file_loop(rows: list[dict[str, Any]], output: Path) -> tuple[float, float]:
    """Ask an instant model each question and write all rows after each answer. Seconds, and megabytes written."""
    policy = ScriptedPolicy(["B"])
    written, began = 0, time.perf_counter()
    for row in rows:
        asked = row["questions"]
        text = question_text(Question(asked["question"], "one", tuple(asked["options"])))
        asked["a model"] = policy.write([[message("user", text)]])[0]
        with output.open("w") as file:
            json.dump(rows, file, indent=4)
        written += output.stat().st_size
    return time.perf_counter() - began, written / 1e6


def scoring_s(count: int, new_options: bool = False) -> float:
    """Return the seconds for the strict scores of so many replies of every usual shape.

    Args:
        count: of replies.
        new_options: whether each reply answers a question with options of its own.
    """
    felt = ("happy", "sad", "angry", "surprised")
    texts = [[f"{word} in scene {i}" if new_options else word for word in felt] for i in range(count)]
    questions = [Question("What is felt?", "one", tuple(map("{}. {}".format, "ABCD", each))) for each in texts]
    shapes = ["B", "(B)", "B. sad", "The answer is B.", "<think>She weeps.</think><answer>B</answer>", "",
              "I think she is sad, because her mouth turns down and she does not look up.", "A man smiles"]  # fmt: skip
    replies = [shapes[i % len(shapes)] for i in range(count)]
    began = time.perf_counter()
    for reply, question in zip(replies, questions, strict=True):
        score(reply, question, "B")
    return time.perf_counter() - began


class _BusySystem(Baseline):
    """A system that takes one core for a while over each question."""

    def answer(self, batch: Sequence[Prepared]) -> list[Reply]:
        """See :class:`omnisense.benchmarks.harness.systems.System`."""
        for _ in batch:
            _spin(400_000)
        return super().answer(batch)


class _BusySettings(WorkerSettings):
    def make(self) -> Worker:
        return Worker(_BusySystem(self.system, ()), self.suite.official_score, False)


def workers(folder: Path, runs: int, count: int = 320) -> dict[str, float]:
    """Compare one and two Ray workers on the same questions, in turn, without start-up."""
    samples = load(_data(folder, count)).samples
    batches = [samples[at : at + 4] for at in range(0, count, 4)]
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(runs):
        for number, found in rates.items():
            found.append(_samples_per_second(batches, number))
    one, two = statistics.median(rates[1]), statistics.median(rates[2])
    return {"one_per_s": one, "two_per_s": two, "efficiency": two / (2 * one)}


def _samples_per_second(batches: Sequence[Sequence[Sample]], number: int) -> float:
    """Return questions per second, from when every worker has answered a batch."""
    settings = _BusySettings(SystemSettings(kind="baseline", policy="random"), PromptSettings(), SUITE)
    executor = RayExecutor(settings, number, "local")
    times = []
    try:
        for done in dispatch(executor, batches):
            times.append((time.perf_counter(), len(done)))
    finally:
        executor.close()
    warm = 2 * number
    return sum(n for _, n in times[warm:]) / (times[-1][0] - times[warm - 1][0])


def _spin(rounds: int) -> int:
    total = 0
    for i in range(rounds):
        total = (total * 31 + i) % 1_000_003
    return total


def _data(folder: Path, count: int) -> Path:
    path = folder / f"data-{count}"
    path.mkdir(exist_ok=True)
    (path / "HumanSense_VQA.json").write_text(json.dumps(_rows(count)))
    return path


def _rows(count: int) -> list[dict[str, Any]]:
    """Rows with transcripts of about a thousand characters, as two minutes of talk have."""
    rng = random.Random(0)
    rows = []
    for i in range(count):
        questions = {"task_type": TASKS[i % len(TASKS)].name, "question": f"What is felt here, number {i}?",
                     "question_pattern": "Multiple-choice question (select one answer choice)",
                     "options": ["A. happy", "B. sad", "C. angry", "D. surprised"], "answer": rng.choice("ABCD"),
                     "asr_en": " ".join(rng.choices(_WORDS, k=180))}  # fmt: skip
        rows.append({"video_path": "", "questions": questions})
    return rows


def _instant(folder: Path) -> RunSettings:
    output = Path(tempfile.mkdtemp(dir=folder))
    return RunSettings(SUITE, SystemSettings(policy="scripted"), output=output)


def _harness_s(folder: Path, count: int) -> tuple[float, float]:
    """Seconds of a run, and seconds of the processor."""
    dataset = load(_data(folder, count))
    settings = _instant(folder)
    began, cpu = time.perf_counter(), time.process_time()
    run(settings, dataset)
    return time.perf_counter() - began, time.process_time() - cpu


def _peak_mb(folder: Path, count: int) -> float:
    """Memory that the run adds to what the questions themselves take."""
    dataset = load(_data(folder, count))
    settings = _instant(folder)
    before_mb = peak_mb()
    run(settings, dataset)
    return peak_mb() - before_mb


def _report_s(folder: Path, count: int) -> float:
    settings = _instant(folder)
    run(settings, load(_data(folder, count)))
    began = time.perf_counter()
    write_report(settings.output or folder, spec())
    return time.perf_counter() - began


def as_table(found: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    n, w = found["questions"], found["workers"]
    loop = f"{found['whole_file_loop_s']:.1f} s, {found['whole_file_loop_written_mb']:.0f} MB written"
    rows = {
        "harness, instant model": f"{found['harness_s'][n]:.2f} s for {n} questions "
        f"({found['harness_cpu_s']:.2f} s of the processor)",
        "the loop that writes its whole result file after each answer": loop,
        "times less (at least 20)": f"{found['times_less']:.0f}",
        "a question, at a quarter, half and all of them": _each(found["per_question_ms"], "{:.2f} ms"),
        "memory added, at a quarter, half and all of them": _each(found["peak_memory_mb"], "{:.0f} MB"),
        **(
            {
                "inspect_ai, its instant model, as many questions; the harness in turn with it": (
                    f"{found['inspect_s']:.2f} s ({found['inspect_cpu_s']:.2f} s of the processor); "
                    f"{found['beside_inspect_s']:.2f} s ({found['beside_inspect_cpu_s']:.2f} s)"
                )
            }
            if "inspect_s" in found
            else {}
        ),
        "strict scoring (under 1 s)": f"{found['scoring_s']:.2f} s",
        "strict scoring, each question with options of its own": f"{found['scoring_new_options_s']:.2f} s",
        "report.json, .md and .html": f"{found['report_s']:.2f} s",
        "two Ray workers against one, efficiency (at least 0.85)": f"{w['efficiency']:.2f}",
    }
    head = f"{found['machine']['cpu_count']} cores, Python {found['machine']['python']}.\n\n"
    return (
        head + "| what | value |\n| --- | --- |\n" + "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    )


def _each(values: dict[int, float], form: str) -> str:
    return ", ".join(form.format(value) for value in values.values())


if __name__ == "__main__":
    main()
