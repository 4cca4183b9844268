"""The check of training on a GPU, rehearsed on a CPU."""

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from omnisense.perception.media.encode import write_clip
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
    (tmp_path / "a.json").write_text(json.dumps(parity | {"rehearsal": False}))
    other = rehearse(tmp_path, "--part", "a")
    assert other.returncode == 1
    assert "a.json is no rehearsal: give another --output" in other.stderr


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


def _clips(folder):
    noise = np.random.default_rng(0)
    (folder / "grid").mkdir(parents=True)
    (folder / "emodb").mkdir()
    for i in range(4):
        frames = noise.integers(0, 255, (30, 64, 80, 3), np.uint8)
        write_clip(folder / f"grid/{i}.mp4", frames, noise.normal(0, 0.1, 48_000).astype(np.float32), 10)
        (folder / f"grid/{i}.mp4").rename(folder / f"grid/{i}.mpg")
    lines = ["file,speaker,sex,text,emotion"]
    for i in range(4):
        for emotion in ("anger", "happiness", "neutral", "sadness"):
            name = f"{i}{emotion}.wav"
            lines.append(f"{name},{i},f,,{emotion}")
            with wave.open(str(folder / "emodb" / name), "wb") as out:
                out.setnchannels(1)
                out.setsampwidth(2)
                out.setframerate(16_000)
                out.writeframes(noise.integers(-3000, 3000, 16_000, np.int16).tobytes())
    (folder / "emodb" / "labels.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.timeout(900)
def test_a_small_omni_model_by_stages_and_at_once(tmp_path):
    _clips(tmp_path / "clips")
    done = rehearse(tmp_path / "out", "--part", "d", "--clips", str(tmp_path / "clips"))
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "out" / "d.json").read_text())["seeds"]["0"]
    assert [system["name"] for system in found["staged"]["systems"]] == ["base", "form", "video", "audio", "both"]
    assert [system["name"] for system in found["at-once"]["systems"]] == ["base", "form", "all"]
    assert found["staged"]["questions"] == found["at-once"]["questions"] == 6
    assert set(found["staged"]["by_task"]["both"]) == {"video", "audio", "both"}


@pytest.mark.models
def test_choices_then_replies(tmp_path):
    _rows(tmp_path)
    done = rehearse(tmp_path / "out", "--part", "c", "--rows", str(tmp_path / "rows.jsonl"))
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "out" / "c.json").read_text())
    assert found["choice"]["log"]["steps"] == 2
    assert found["reply"]["comparison"]["questions"] >= 1
    runs = tmp_path / "out" / "rehearsed_runs"
    page = (runs / "reply" / "comparison" / "replies.md").read_text()
    assert "| base |" in page
    assert (runs / "reply" / "samples" / "best-and-worst.html").is_file()
