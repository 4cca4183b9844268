"""The page Talk with a microphone and a camera, in a real Chromium; slow, for all of it is in real time."""

from importlib.resources import files
from pathlib import Path

import httpx
import jiwer
import numpy as np
import pytest

from omnisense.agent.service.pcm import PCM_RATE_HZ, Resampler
from omnisense.agent.voice.base import speak
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.types import Span
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from tests.agent.service.browser import NEEDS_CHROMIUM, open_at, told, wait, write_camera, write_microphone
from tests.agent.service.conftest import running, scripted_agent
from tests.agent.service.test_realtime import plain, until_true

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(900)]
REPLY = "I am so sorry to hear that you lost your job today. That must be hard."
LONG_REPLY = (
    f"{REPLY} It is a lot to carry on one day, and nobody would take it lightly. You gave that place your time, your "
    "care and your mornings. It makes sense to feel shaken, and it makes sense to feel angry too. There is no need to "
    "have a plan tonight, and no need to be brave. We can go through it slowly, one thing after the other."
)


@pytest.fixture(scope="module")
def voice():
    from omnisense.agent.voice.load import load_voice

    return load_voice("hibari")


@pytest.fixture
def serve(perception, voice):
    """Serve an agent with a script; its models are loaded."""
    opened = []

    def start(reply):
        agent = scripted_agent(policy=ScriptedPolicy([reply]), perception=perception)
        opened.append(running(agent, voice=voice, preload=True))
        service = opened[-1].__enter__()
        until_true(lambda: httpx.get(f"{service.url}/readyz").status_code == 200, timeout_s=500)
        return service

    yield start
    for service in opened:
        service.__exit__(None, None, None)


def kept(service, page):
    name = page.locator("#talk-thread").text_content()
    return httpx.get(f"{service.url}/v1/threads/{name}").json().get("items", [])


def test_spoken_conversation_is_heard_answered_aloud_and_deleted(perception, serve, voice, launch, tmp_path):
    """Speak, see the words, hear the reply: what was played says what the reply says."""
    service = serve(REPLY)
    said = speak(voice, "I lost my job today.")
    page = open_at(launch(write_microphone(tmp_path / "said.wav", 1.0, said, 120.0)), service, "#talk")
    page.locator("#talk-camera").uncheck()
    page.get_by_role("button", name="Start talking").click()
    wait(page, lambda: told(page, "omnisense.partial"))
    recorded = wait(
        page, lambda: [event for event in told(page, "omnisense.turn_recorded") if not event["interrupted"]]
    )[0]
    assert "job" in page.locator("#talk-log .person").all_text_contents()[0]
    assert page.locator(f"#turn-{recorded['response_id']} span").text_content() == REPLY
    assert "speech" in page.locator("#talk-lanes").inner_html()
    assert int(page.locator("#talk-level").get_attribute("aria-valuenow")) >= 0

    pieces = told(page, "response.output_audio.delta")
    wait(page, lambda: page.evaluate("window.played.length") >= len(pieces))
    played = page.evaluate("window.played")
    mine = [
        np.asarray(played[i], np.float32) for i, e in enumerate(pieces) if e["response_id"] == recorded["response_id"]
    ]
    sound = Resampler(PCM_RATE_HZ, 16_000)(np.concatenate(mine))
    assert np.abs(sound).max() > 0.05
    chunk = AudioChunk(0.0, sound, (Span(0.0, len(sound) / 16_000),))
    heard = perception.registry.get("speech").transcribe([chunk]).transcript.text
    assert jiwer.wer(plain(REPLY), plain(heard)) <= 0.15

    assert kept(service, page)
    page.get_by_role("button", name="Delete this conversation").click()
    page.get_by_text("nothing of this conversation is kept").wait_for()
    assert httpx.get(f"{service.url}/v1/threads").json()["data"] == []
    assert (page.foreign, page.faults) == ([], [])


@pytest.mark.parametrize("how", ["the button", "the keyboard"])
def test_a_reply_is_interrupted(serve, launch, how):
    """It falls silent at once, and the history holds the words that were played."""
    service = serve(LONG_REPLY)
    page = open_at(launch(), service, "#talk")
    page.fill("#talk-text", "I lost my job today.")
    page.get_by_role("button", name="Send").click()
    wait(page, lambda: len(told(page, "response.output_audio.delta")) > 1)
    page.locator("#talk-interrupt:not([disabled])").wait_for()
    page.wait_for_timeout(2500)  # some words are played
    if how == "the button":
        page.get_by_role("button", name="Interrupt").click()
    else:
        page.keyboard.press("Escape")
    recorded = wait(page, lambda: told(page, "omnisense.turn_recorded"))[0]
    assert recorded["interrupted"]
    assert page.evaluate("window.stopped") >= 1
    page.locator("#talk-log .agent.cut").wait_for()
    until_true(lambda: kept(service, page))
    [turn] = kept(service, page)
    assert turn["interrupted"]
    assert LONG_REPLY.startswith(turn["reply"].rstrip("\u2026"))
    assert len(turn["reply"]) < len(LONG_REPLY)
    assert page.locator("#talk-log .agent.cut span").text_content() in (turn["reply"], "\u2026")
    wait(page, lambda: page.locator("#talk-state").get_attribute("data-state") == "listening")


def test_speech_interrupts_the_reply(serve, voice, launch, tmp_path):
    """The person says a sentence again and again, so that one falls into the reply."""
    service = serve(LONG_REPLY)
    said = speak(voice, "Wait, stop, I want to say something else.")
    page = open_at(launch(write_microphone(tmp_path / "said.wav", 1.0, said, 9.0)), service, "#talk")
    page.locator("#talk-camera").uncheck()
    page.get_by_role("button", name="Start talking").click()
    wait(page, lambda: [event for event in told(page, "omnisense.turn_recorded") if event["reason"] == "interrupted"])
    assert page.evaluate("window.stopped") >= 1
    page.locator("#talk-log .agent.cut").first.wait_for()
    assert (page.foreign, page.faults) == ([], [])


def test_the_camera_is_seen(serve, launch, tmp_path):
    """The face of the demo clip, as a camera, is noticed and gets a lane."""
    service = serve(REPLY)
    demo = Path(str(files("omnisense.agent") / "demo.mp4"))
    page = open_at(launch(write_camera(tmp_path / "camera.mjpeg", demo)), service, "#talk")
    page.get_by_role("button", name="Start talking").click()
    page.locator("#talk-preview:not([hidden])").wait_for()
    wait(page, lambda: page.evaluate("document.getElementById('talk-preview').videoWidth") == 640)
    seen = wait(page, lambda: told(page, "omnisense.percepts"))
    assert seen[0]["events"]
    wait(page, lambda: page.locator("#talk-lanes svg .part").count())
    page.get_by_role("button", name="Stop the microphone").click()
    page.locator("#talk-preview").wait_for(state="hidden")
    assert (page.foreign, page.faults) == ([], [])
