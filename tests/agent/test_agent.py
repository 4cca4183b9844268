"""The Python API: clips, memory, interruption, streaming, asyncio."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from omnisense import Agent, InputError, MediaError, PolicyError, Response, ScriptedPolicy, StorageError, open_clip
from omnisense.agent.events import Finished, StageDone, StreamPerceived, Token
from omnisense.agent.memory import open_memory
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.policies.messages import text_of
from tests.conftest import DEMO

GOOD = "I hear you, and it sounds like a lot to hold."


def whole_turn(number):
    """What a leading policy writes, with a reply unlike that to another number."""
    return json.dumps(["neutral", "ask", f"Number {number} of what I say."])


@pytest.mark.models
def test_a_clip_goes_in_and_a_response_with_its_evidence_comes_out(perception):
    response = Agent(
        ScriptedPolicy(["It sounds wonderful, and I hear that you are nervous too."]), perception, memory=None
    ).respond(DEMO)
    assert response.appraisal.emotion.value == "joy"
    assert "one person" in response.appraisal.characteristics.value
    spans = response.appraisal.emotion.evidence
    events = {e.id: e for e in response.percepts.timeline().events}
    assert spans
    for span in spans:
        assert (events[span.id].start_s, events[span.id].text) == (span.start_s, span.text)
    assert {channel.name for channel in response.appraisal.emotion.channels} >= {"face", "words"}


@pytest.mark.models
def test_a_window_and_a_text_together(perception):
    policy = ScriptedPolicy([GOOD])
    response = Agent(policy, perception, memory=None).respond(open_clip(DEMO)[6.8:9.6], "How do I look?")
    assert response.percepts.clip.start_s == pytest.approx(6.8)
    prompt = text_of(policy.calls[-1][-1])
    assert "nervous" in prompt
    assert "How do I look?" in prompt


@pytest.mark.models
def test_the_offline_default_answers_the_demo(perception):
    response = Agent(perception=perception, memory=None).respond(DEMO)
    felt = response.appraisal.emotion
    assert (felt.value, felt.policy_choice) == ("joy", "joy")  # its adapter was trained on this decision
    assert "You are going to fly to space." in response.response
    assert {"happy", "nervous"} <= set(re.findall(r"\w+", response.response.lower()))
    assert response.trace.reply.score == 1.0


def test_a_clip_is_opened_once_in_a_turn(make_media, monkeypatch):
    from omnisense.perception.pipeline import Perception
    from omnisense.perception.settings import PerceptionSettings

    opened = []

    def counting(path, *limits):
        opened.append(path)
        return open_clip(path, *limits)

    for module in ("omnisense.perception.pipeline", "omnisense.reasoning.loop.conversation"):
        monkeypatch.setattr(f"{module}.open_clip", counting)
    monkeypatch.setattr("omnisense.reasoning.policies.messages.open_clip", counting)
    deaf_and_blind = Perception(PerceptionSettings(streams=("transcript",), speech_model="owner/absent"))
    agent = Agent(ScriptedPolicy([GOOD]), deaf_and_blind, memory=None)
    path = make_media("a.mp4")
    agent.respond(path, "I am tired.", thread_id="t")
    assert opened == [path]
    agent.respond(open_clip(path)[0.2:0.8], "I am tired.", thread_id="t")
    assert opened == [path]
    turn = agent.history("t")[1]
    assert (turn.clip.start_s, turn.clip.end_s) == (0.2, 0.8)


@pytest.mark.models
def test_responses_round_trip_as_dictionaries(perception):
    for arguments in ((DEMO, None), (None, "My dog died."), (None, "I want to kill myself.")):
        response = Agent(ScriptedPolicy([GOOD]), perception, memory=None).respond(*arguments)
        values = json.loads(json.dumps(response.to_dict()))
        assert values["schema_version"] == 1
        assert Response.from_dict(values) == response
        assert Response.from_dict(values).to_dict() == values
        assert all("value" in step and "evidence" in step for step in values["appraisal"].values())


@pytest.mark.parametrize(
    ("path", "value"), [(["schema_version"], 2), (["appraisal", "emotion", "value"], 3), (["trace"], None)]
)
def test_what_is_no_response_is_refused(path, value):
    values = Agent(ScriptedPolicy([GOOD]), memory=None).respond(text="My dog died.").to_dict()
    place = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(InputError, match=re.escape(".".join(path))):
        Response.from_dict(values)


def test_a_clip_that_cannot_be_opened_leaves_no_turn(tmp_path):
    with Agent(ScriptedPolicy([GOOD]), memory=tmp_path / "m.sqlite") as agent:
        with pytest.raises(MediaError):
            agent.respond(tmp_path / "absent.mp4", thread_id="t")
        assert agent.history("t") == ()
        assert not agent.interrupted("t")


def test_a_clip_in_which_nothing_is_perceived_needs_a_text(make_media):
    from omnisense.perception.pipeline import Perception
    from omnisense.perception.settings import PerceptionSettings

    blind = Perception(PerceptionSettings(streams=("transcript",), speech_model="owner/absent"))
    path = make_media("a.mp4")
    with pytest.raises(MediaError, match="nothing in it could be seen or heard"):
        Agent(ScriptedPolicy([GOOD]), blind, memory=None).respond(path)
    response = Agent(ScriptedPolicy([GOOD]), blind, memory=None).respond(path, "I am tired.")
    assert response.response == GOOD
    assert "owner/absent" in response.percepts.missing()["transcript"]


# --- memory -------------------------------------------------------------------------------------------------


def test_five_turns_remember_the_first_across_processes(tmp_path):
    said = [
        "My name is Ana and my dog Rex died.",
        "I like tea.",
        "It rains a lot.",
        "I read a book.",
        "Do you remember my dog's name?",
    ]
    for number, text in enumerate(said):
        policy = ScriptedPolicy([whole_turn(number)])
        with Agent(policy, memory=tmp_path / "m.sqlite") as agent:
            response = agent.respond(text=text, thread_id="ana")
    prompt = policy.calls[-1]
    assert said[0] in "\n".join(text_of(m) for m in prompt[:-1])
    assert response.appraisal.context.recalled == said[0]
    with Agent(policy, memory=tmp_path / "m.sqlite") as agent:
        assert [turn.heard for turn in agent.history("ana")] == said
        assert agent.history("somebody else") == ()


def test_long_conversations_keep_the_first_turn_and_the_latest():
    policy = ScriptedPolicy([whole_turn(number) for number in range(12)])
    agent = Agent(policy, memory=None)
    for i in range(12):
        agent.respond(text=f"This is turn number {i}.", thread_id="t")
    prompt = "\n".join(text_of(m) for m in policy.calls[-1])
    assert "This is turn number 0." in prompt
    assert "This is turn number 10." in prompt
    assert "This is turn number 3." not in prompt


def test_a_turn_without_a_thread_is_not_remembered():
    agent = Agent(ScriptedPolicy([GOOD]), memory=None)
    agent.respond(text="one")
    assert agent.history("t") == ()


KILLED = """
import sys, time
from omnisense import Agent, ScriptedPolicy
def slow(messages):
    print("writing", flush=True)
    time.sleep(60)
agent = Agent(ScriptedPolicy(["I hear you, and it sounds hard."]), memory=sys.argv[1])
agent.respond(text="My name is Ana.", thread_id="t")
agent.policy._replies = slow
agent.respond(text="My dog died yesterday.", thread_id="t")
"""


@pytest.mark.parametrize("after", ["resume", pytest.param("respond", marks=pytest.mark.slow)])
@pytest.mark.subprocess
def test_a_killed_process_resumes_the_thread(tmp_path, after):
    file = tmp_path / "m.sqlite"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, env=os.environ)
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Agent(ScriptedPolicy([GOOD]), memory=file) as agent:
        assert agent.interrupted("t")
        assert [t.heard for t in agent.history("t")] == ["My name is Ana."]
        if after == "resume":
            assert agent.resume("t").response == GOOD
        else:
            response = agent.respond(text="Are you there?", thread_id="t")
            assert response.trace.notes[0] == "an interrupted turn was finished first"
        assert [t.heard for t in agent.history("t")][:2] == ["My name is Ana.", "My dog died yesterday."]
        assert not agent.interrupted("t")
        assert agent.resume("t") is None


def test_a_failed_turn_does_not_block_the_thread():
    failing = True

    def reply(_):
        if failing:
            raise PolicyError("the service is down", "Try later.")
        return whole_turn(0)

    agent = Agent(ScriptedPolicy(reply), memory=None)
    with pytest.raises(PolicyError):
        agent.respond(text="My dog died.", thread_id="t")
    with pytest.raises(PolicyError):  # the turn that failed is tried again, fails, and is dropped; so does this one
        agent.respond(text="Hello?", thread_id="t")
    failing = False
    response = agent.respond(text="Are you there?", thread_id="t")
    assert response.response == "Number 0 of what I say."
    assert not agent.interrupted("t")


def test_memory_that_cannot_be_kept_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="--memory"):
        open_memory(tmp_path / "file" / "below.sqlite")
    monkeypatch.setitem(sys.modules, "psycopg_pool", None)
    with pytest.raises(InputError, match=r"omnisense\[postgres\]"):
        open_memory("postgres://nobody@localhost/none")


def test_conversations_hold_plain_values(tmp_path, make_media):
    from omnisense.perception.pipeline import Perception
    from omnisense.perception.settings import PerceptionSettings

    perception = Perception(PerceptionSettings(streams=("transcript",), speech_model="owner/absent"))
    file = tmp_path / "m.sqlite"
    with Agent(ScriptedPolicy([GOOD]), perception, memory=file) as agent:
        agent.respond(make_media("a.mp4"), "My dog died.", thread_id="t")
        agent.respond(text="I want to kill myself.", thread_id="t")
    assert b"omnisense." not in file.read_bytes()


# --- streaming ----------------------------------------------------------------------------------------------


@pytest.mark.models
def test_events_come_as_they_happen(perception, short_demo):
    perception.forget(short_demo)
    events = list(Agent(ScriptedPolicy([GOOD]), perception, memory=None).stream(short_demo))
    assert {e.name for e in events if isinstance(e, StreamPerceived)} == {"visual", "audio", "transcript"}
    stages = [e.stage for e in events if isinstance(e, StageDone)]
    assert stages == ["perceive", "guard", "characteristics", "compose", "review", "release"]
    assert "".join(e.text for e in events if isinstance(e, Token)).strip() == GOOD
    assert isinstance(events[-1], Finished)
    kinds = [type(e) for e in events]
    assert kinds.index(StreamPerceived) < kinds.index(StageDone) < kinds.index(Token) < kinds.index(Finished)


def test_async_twins():
    agent = Agent(ScriptedPolicy([GOOD]), memory=None)

    async def both():
        one = await agent.arespond(text="My dog died.")
        events = [event async for event in agent.astream(text="My dog died.")]
        with pytest.raises(InputError):
            async for _ in agent.astream():
                pass
        return one, events

    one, events = asyncio.run(both())
    assert one.response == events[-1].response.response == GOOD


def test_who_stops_reading_asynchronous_events_interrupts_the_turn(tmp_path):
    async def read_one(agent):
        events = agent.astream(text="My dog died.", thread_id="t")
        async for _ in events:
            break
        await events.aclose()
        for _ in range(200):
            if agent.interrupted("t"):
                return True
            await asyncio.sleep(0.02)
        return False

    with Agent(ScriptedPolicy([GOOD]), memory=tmp_path / "m.sqlite") as agent:
        assert asyncio.run(read_one(agent))
        assert agent.history("t") == ()
        assert agent.resume("t").response == GOOD


def test_conversations_hold_no_media(tmp_path):
    file = tmp_path / "m.sqlite"
    with Agent(ScriptedPolicy([GOOD]), memory=file) as agent:
        for _ in range(3):
            agent.respond(text="My dog died.", thread_id="t")
    assert file.stat().st_size < 200_000


def test_a_text_that_is_too_long_is_refused_with_its_length():
    agent = Agent(ScriptedPolicy([GOOD]), memory=None, settings=LoopSettings(max_text_chars=20))
    with pytest.raises(InputError, match=r"21 characters; at most 20.*max_text_chars"):
        agent.respond(text="I am tired of it all.")
    assert agent.respond(text="I am tired.").response == GOOD
