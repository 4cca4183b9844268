"""The check of training on a GPU, rehearsed on a CPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from omnisense.rl.data.agent_rows import AgentRow, write_agent_rows
from omnisense.rl.trainers.prompt_prefetch import dump_prompt

pytestmark = [pytest.mark.slow, pytest.mark.networks, pytest.mark.subprocess]

SCRIPT = Path(__file__).parents[2] / "scripts" / "gpu_check.py"


def rehearse(output, *arguments):
    command = [sys.executable, str(SCRIPT), "--rehearse", "--output", str(output), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_parity_and_steps(tmp_path):
    done = rehearse(tmp_path, "--part", "a", "--part", "b")
    assert done.returncode == 0, done.stderr[-2000:]
    parity = json.loads((tmp_path / "a.json").read_text())
    assert parity["rehearsal"] is True
    assert parity["device"]
    assert set(parity["differences"]) == {"text", "vision", "audio", "omni"}
    for found in parity["differences"].values():
        assert found["log_probs"] < 1e-4
        assert found["gradients_relative"] < 1e-3
    steps = json.loads((tmp_path / "b.json").read_text())["steps"]
    assert [row["shared"] for row in steps] == [True, False]
    assert all(row["seconds_a_step"] > 0 for row in steps)
    again = rehearse(tmp_path, "--part", "a")
    assert "is there" in again.stdout


def _rows(folder):
    rows = []
    for i in range(40):
        prompt = [{"role": "user", "content": [{"type": "text", "text": f"I feel {i}."}]}]
        said = [*prompt, {"role": "assistant", "content": [{"type": "text", "text": "I hear you."}]}]
        shared = {"group": f"g{i}", "task": "t"}
        rows.append(
            AgentRow(
                id=f"{i}:emotion", decision="emotion", verb="choose", prompt=dump_prompt(prompt),
                options=["joy", "sadness"], gold=[("joy", "sadness")[i % 2]], **shared,
            )
        )  # fmt: skip
        context = {"heard": f"I feel {i}.", "emotion": "sadness", "strategy": "validate", "opening": "I hear you."}
        rows.append(
            AgentRow(
                id=f"{i}:respond", decision="reply", verb="write", prompt=dump_prompt(said), context=context, **shared
            )
        )
    write_agent_rows(rows, folder / "rows.jsonl")


@pytest.mark.models
def test_choices_then_replies(tmp_path):
    _rows(tmp_path)
    done = rehearse(tmp_path / "out", "--part", "c", "--rows", str(tmp_path / "rows.jsonl"))
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "out" / "c.json").read_text())
    assert found["choice"]["log"]["steps"] == 2
    assert found["reply"]["comparison"]["questions"] >= 1
    page = (tmp_path / "out" / "runs" / "reply" / "comparison" / "replies.md").read_text()
    assert "| base |" in page
    assert (tmp_path / "out" / "runs" / "reply" / "samples" / "best-and-worst.html").is_file()
