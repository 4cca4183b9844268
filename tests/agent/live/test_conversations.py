"""Live conversations with real models: scripted scenarios in simulated time, and a session in real time."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.agent.live.events import ReplyEnded, ReplySentence, TurnTranscribed
from omnisense.agent.live.latency import TurnLatency
from omnisense.agent.live.recording import TURNS_FILE, RunLog
from omnisense.agent.live.scenario import read_scenario, run_scenario, scripted_agent, voiced
from omnisense.agent.live.session import LiveSession
from omnisense.agent.live.simulation import Simulation
from omnisense.agent.voice.base import VoiceStyle
from omnisense.agent.voice.hibari import HibariVoice
from omnisense.agent.voice.played import at_16_khz
from omnisense.errors import InputError, StorageError
from omnisense.perception.media.clip import open_clip
from omnisense.reasoning.loop.conversation import Turn

SCENARIOS = Path(__file__).parent / "scenarios"
TEXT = "I hear you. Tell me more about it, if you like."
REPLY = f'{{"reply": "{TEXT}"}}'


@pytest.fixture(scope="module")
def voice() -> HibariVoice:
    return HibariVoice()


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.parametrize("name", ["barge_in", "backchannel", "hesitation", "silence"])
def test_scenarios_go_as_they_say(name: str, perception: Any, voice: HibariVoice) -> None:
    scenario = read_scenario(SCENARIOS / f"{name}.yaml")
    agent = scripted_agent(scenario, Agent(ScriptedPolicy(), perception, None))
    assert run_scenario(scenario, agent, voice).failures == ()


@pytest.mark.models
def test_a_second_text_before_the_answer_belongs_to_the_same_turn(perception: Any) -> None:
    with Simulation(Agent(ScriptedPolicy([REPLY]), perception, None), job_s=1.0) as live:
        live.wait(0.1)
        live.engine.add_text("My dog died.", live.now_s)
        live.wait(0.1)
        live.engine.add_text("And my cat is ill.", live.now_s)
        live.wait_for(ReplyEnded)
    assert [ended.turn.typed for ended in live.of(ReplyEnded)] == ["My dog died.\nAnd my cat is ill."]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_said_where_a_turn_is_logged(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._file.fileno())
    os.close(full)
    turn = Turn("Hello.", "Hello.", None, "Hi.")
    with pytest.raises(StorageError, match="it cannot be written"):
        log.append(ReplyEnded(1.0, "turn-1", "reply-1", turn, TurnLatency(), "done"), "")
    log.close()


@pytest.mark.models
def test_a_session_in_real_time_answers_and_remembers(perception: Any, tmp_path: Path) -> None:
    ended: list[ReplyEnded] = []
    with Agent(ScriptedPolicy([REPLY]), perception, tmp_path / "memory.sqlite") as agent:
        session = LiveSession(agent, None, thread_id="ana", run_folder=tmp_path / "run")

        def read() -> None:
            ended.extend(event for event in session.events() if isinstance(event, ReplyEnded))

        reader = threading.Thread(target=read)
        reader.start()
        session.feed_audio(np.zeros(3200, np.float32))
        session.add_text("I lost my keys.")
        while not ended and reader.is_alive():
            reader.join(timeout=0.05)
        session.close()
        reader.join()
        assert ended[0].turn.reply == TEXT
        assert ended[0].reason == "done"
        assert [turn.heard for turn in agent.history("ana")] == ["I lost my keys."]
    assert "I lost my keys." in (tmp_path / "run" / TURNS_FILE).read_text()


@pytest.mark.models
def test_input_of_the_wrong_form_is_refused(perception: Any) -> None:
    with LiveSession(Agent(ScriptedPolicy([REPLY]), perception, None)) as session:
        with pytest.raises(InputError, match="float32"):
            session.feed_audio(np.zeros(10, np.int16))
        with pytest.raises(InputError, match="uint8"):
            session.feed_frame(np.zeros((4, 4), np.uint8))
        with pytest.raises(InputError, match="empty"):
            session.add_text("  ")


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.shared
def test_real_speech_is_heard_seen_and_answered(perception: Any, voice: HibariVoice, grid: Any) -> None:
    clip, words = grid[2]
    with Simulation(Agent(ScriptedPolicy([REPLY]), perception, None), voice) as live:
        live.wait(0.3)
        live.show(open_clip(clip))
        live.hear(open_clip(clip).audio())
        assert live.of(ReplySentence) or live.wait_for(ReplySentence) is not None
    (heard,) = live.of(TurnTranscribed)
    assert len(set(heard.text.lower().strip(".").split()) & set(words.split())) >= 3
    assert live.of(ReplyEnded)[0].turn.interrupted  # the conversation was closed while the agent spoke


@pytest.mark.slow
@pytest.mark.models
def test_an_answer_that_was_begun_at_a_pause_is_thrown_away_if_the_person_goes_on(
    perception: Any, voice: HibariVoice, tmp_path: Path
) -> None:
    agent = Agent(ScriptedPolicy([REPLY]), perception, None)
    with Simulation(agent, voice, job_s=0.05, run_folder=tmp_path) as live:
        live.wait(0.3)
        live.hear(voiced(voice, "Nobody came to my birthday party.", VoiceStyle(pitch_st=-3.0)))
        live.wait(0.45)
        live.hear(voiced(voice, "I was alone the whole evening.", VoiceStyle(pitch_st=-3.0)))
        ended = live.wait_for(ReplyEnded)
    assert ended is not None
    assert ended.latency.discarded >= 1
    assert "party" in ended.turn.heard
    assert "evening" in ended.turn.heard
    (row,) = [json.loads(line) for line in (tmp_path / TURNS_FILE).read_text().splitlines()]
    assert row["latency"] == asdict(ended.latency)


@pytest.mark.slow
@pytest.mark.models
def test_what_is_handed_out_is_the_reply(perception: Any, voice: HibariVoice) -> None:
    with Simulation(Agent(ScriptedPolicy([REPLY]), perception, None), voice) as live:
        live.wait(0.3)
        live.hear(voiced(voice, "I had a long day.", VoiceStyle(pitch_st=-3.0)))
        assert live.wait_for(ReplyEnded) is not None
    sound = at_16_khz(live.sound("reply-1"), voice.sample_rate)
    heard = perception.registry.get("speech").recognize_short(sound)
    assert heard is not None
    assert heard.text.lower().startswith("i hear you. tell me more about it")


def test_a_scenario_with_an_unknown_step_or_event_says_where(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("name: x\nsteps:\n  - shout: hello\n")
    with pytest.raises(InputError, match=r"steps\.0"):
        read_scenario(path)
    path.write_text("name: x\nsteps:\n  - wait_for: Applause\n")
    with pytest.raises(InputError, match="no event 'Applause'"):
        read_scenario(path)


def test_the_scenario_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "talk.md").read_text()
    path = tmp_path / "documented.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0])
    scenario = read_scenario(path)
    assert len(scenario.steps) == 5
    assert scenario.expect.interrupted == [True, False]
