"""``omnisense talk`` on a real recording and a script, and ``omnisense respond --speak``."""

from __future__ import annotations

import json
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from omnisense.agent.live.recording import TURNS_FILE

REPLY = "I hear you. Tell me a little more about it."
LATENCIES = {
    "transcription_delay",
    "end_of_turn_delay",
    "llm_node_ttft",
    "llm_node_ttfs",
    "tts_node_ttfb",
    "playback_latency",
    "e2e_latency",
    "perception_delay",
    "discarded",
}


@pytest.fixture
def policy(tmp_path: Path) -> str:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"replies": [json.dumps({"emotion": "joy", "reply": REPLY})]}))
    return f"scripted:{script}"


def sound_of(path: Path) -> tuple[int, np.ndarray]:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return file.getframerate(), samples.astype(np.float32) / 32768


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.shared
def test_a_recording_is_answered_with_latencies_in_the_run_folder(
    run_cli: Any, policy: str, shared: Path, tmp_path: Path
) -> None:
    recording = shared / "speech" / "jfk" / "jfk.wav"
    code, out, err = run_cli("talk", "--input", recording, "--output", tmp_path / "run", "--policy", policy)
    assert code == 0, err
    assert "agent: I hear you.\nagent: Tell me a little more about it.\n" in out
    rows = [json.loads(line) for line in (tmp_path / "run" / TURNS_FILE).read_text().splitlines()]
    assert "country" in " ".join(row["heard"] for row in rows)
    assert rows[-1]["reply"] == REPLY
    assert rows[-1]["reason"] == "done"
    assert set(rows[-1]["latency"]) == LATENCIES
    assert rows[-1]["latency"]["e2e_latency"] > 0
    rate, sound = sound_of(tmp_path / "run" / "conversation.wav")
    assert sound.shape[1] == 2
    assert len(sound) > 12 * rate
    assert np.abs(sound[:, 1]).max() > 0.05  # the agent is heard


@pytest.mark.slow
@pytest.mark.models
def test_an_own_script_is_run_and_what_went_otherwise_is_told(run_cli: Any, policy: str, tmp_path: Path) -> None:
    script = tmp_path / "mine.yaml"
    steps = "steps:\n  - type: I lost my keys.\n  - wait_for: ReplyEnded\n"
    script.write_text(f"name: mine\nreplies: [I hear you.]\n{steps}expect:\n  interrupted: [true]\n")
    code, out, err = run_cli("talk", "--scenario", script, "--policy", policy)
    assert code == 1
    assert "I hear you." in out
    assert "expected otherwise: interrupted was [False], not [True]" in " ".join(err.split())


@pytest.mark.slow
@pytest.mark.models
def test_a_reply_is_spoken_to_a_file(run_cli: Any, policy: str, tmp_path: Path, perception: Any) -> None:
    from omnisense.agent.voice.played import at_16_khz

    path = tmp_path / "reply.wav"
    code, _, err = run_cli("respond", "--text", "I passed my exam!", "--policy", policy, "--speak", path)
    assert code == 0, err
    rate, sound = sound_of(path)
    heard = perception.registry.get("speech").recognize_short(at_16_khz(sound[:, 0], rate))
    assert heard is not None
    assert re.findall(r"[a-z]+", heard.text.lower()) == re.findall(r"[a-z]+", REPLY.lower())
