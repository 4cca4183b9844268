"""The web page in a real Chromium, where there is one."""

from __future__ import annotations

import json
import shutil
import time
import wave

import httpx
import numpy as np
import pytest

from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.reasoning.answers.parser import PARSER_VERSION
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from tests.agent.service.conftest import running, scripted_agent
from tests.agent.service.test_resources import record

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium: apt-get install chromium"),
]
FAKE_DEVICES = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
# Keeps the samples of every piece of sound that the page plays.
KEEP_SOUND = """
window.played = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...rest) {
  window.played.push(Array.from(this.buffer.getChannelData(0)));
  return start.apply(this, rest);
};
"""


@pytest.fixture(scope="module")
def playwright():
    with sync_api.sync_playwright() as found:  # one at a time in a thread
        yield found


@pytest.fixture(scope="module")
def browser(playwright):
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *FAKE_DEVICES])
    yield opened
    opened.close()


@pytest.fixture
def open_page(browser):
    """Open the page of a service; every request must go to the service, and no script may fail."""
    contexts = []

    def open_it(service, place="", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.foreign, page.faults = [], []
        page.on("request", lambda r: None if is_own(r.url, service) else page.foreign.append(r.url))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.goto(f"{service.url}/{place}")
        return page

    yield open_it
    for context in contexts:
        for page in context.pages:
            assert page.foreign == []
            assert page.faults == []
        context.close()


def is_own(url, service):
    return url.startswith((service.url, service.url.replace("http", "ws"), "blob:", "data:"))


def visual_only():
    return scripted_agent(perception=Perception(PerceptionSettings(streams=("visual",)), cache=False))


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 380)])
def test_pages_open_without_errors_and_fit_the_window(service, open_page, scheme, width):
    page = open_page(service, color_scheme=scheme, viewport={"width": width, "height": 800})
    for name in ("Talk", "Clip", "Runs"):
        page.get_by_role("link", name=name).click()
        page.get_by_role("heading", name=name, exact=True).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, back[4:-1].split(","))) < 200) == (scheme == "dark")


def test_every_control_has_a_name_and_the_keyboard_reaches_it(service, open_page):
    page = open_page(service, "#talk")
    page.locator("#talk-toggle").wait_for()
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, input, select")].filter((e) =>
        !(e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim())).map((e) => e.id)"""
    )
    assert nameless == []
    reached = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert {"Talk", "Clip", "Runs", "talk-toggle", "talk-camera", "talk-text", "talk-delete"} <= reached


def test_clip_is_dropped_perceived_answered_and_deleted(start, open_page, make_media, tmp_path):
    clip = make_media("a <b>clip.mp4", audio_s=None)
    with start(visual_only(), uploads=tmp_path / "uploads") as service:
        page = open_page(service, "#clip")
        page.set_input_files("#clip-file", str(clip))
        page.locator("#clip-view").wait_for()
        assert page.locator("#clip-name").text_content() == "a <b>clip.mp4"
        assert page.locator("#clip-player video").count() == 1
        page.fill("#clip-text", "What do you see?")
        page.get_by_role("button", name="Reply").click()
        page.locator("#clip-reply .answer").wait_for()
        assert page.locator("#clip-reply .answer").text_content()
        page.locator("#clip-list").get_by_role("button", name="Delete").click()
        page.locator("#clip-view").wait_for(state="hidden")
        assert not list((tmp_path / "uploads").glob("*/*"))


def test_what_is_no_clip_is_said_so(service, open_page, tmp_path):
    file = tmp_path / "page.html"
    file.write_text("<script>alert(1)</script>")
    page = open_page(service, "#clip")
    page.set_input_files("#clip-file", str(file))
    page.locator("#clip-error:not([hidden])").wait_for()
    assert "not a media file" in page.locator("#clip-error").text_content()


def test_runs_are_listed_filtered_and_read(start, open_page, tmp_path):
    run = tmp_path / "omni"
    run.mkdir()
    manifest = {"identity": {"suite": "humansense"}, "system": "omni", "started": "2026", "selection": {"questions": 2}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    lines = [record(1, strict=1.0, parser=PARSER_VERSION), record(2, gold="B", parser=PARSER_VERSION, thinking="Hm.")]
    (run / "records.jsonl").write_text("".join(line.to_line() for line in lines))
    with start(scripted_agent(), runs=tmp_path) as service:
        page = open_page(service, "#runs")
        page.get_by_role("button", name="Question 1?").wait_for()
        page.select_option("#runs-outcome", "wrong")
        page.get_by_role("button", name="Question 1?").wait_for(state="detached")
        page.get_by_role("button", name="Question 2?").click()
        page.get_by_text("Hm.").wait_for()


def test_key_is_asked_for(start, open_page):
    from omnisense.agent.service.settings import hash_key

    key = "ana-0123456789abcdef"
    with start(scripted_agent(), api_keys={"ana": hash_key(key)}) as service:
        page = open_page(service, "#clip")
        page.fill("#key-value", "wrong-wrong-wrong-wrong")
        page.get_by_role("button", name="Use this key").click()
        page.locator("#key-error:not([hidden])").wait_for()
        page.fill("#key-value", key)
        page.get_by_role("button", name="Use this key").click()
        page.locator("#key").wait_for(state="hidden")
        page.locator("#clip-drop").wait_for()


# --- with models ----------------------------------------------------------------------------------------------


@pytest.mark.models
def test_written_conversation_is_answered_and_deleted(perception, open_page):
    with running(scripted_agent(perception=perception)) as service:
        page = open_page(service, "#talk")
        page.fill("#talk-text", "I lost my job today.")
        page.get_by_role("button", name="Send").click()
        page.locator("#talk-log .agent span", has_text="hear").wait_for()
        page.get_by_text("emotion: sadness").wait_for()
        name = page.locator("#talk-thread").text_content()
        until(lambda: [t["thread_id"] for t in httpx.get(f"{service.url}/v1/threads").json()["data"]] == [name])
        page.get_by_role("button", name="Delete this conversation").click()
        page.get_by_text("nothing of this conversation is kept").wait_for()
        assert httpx.get(f"{service.url}/v1/threads").json()["data"] == []


@pytest.mark.models
def test_help_is_shown_at_once_whatever_page_is_open(perception, open_page):
    with running(scripted_agent(perception=perception)) as service:
        page = open_page(service, "#talk")
        page.fill("#talk-text", "I am going to kill myself tonight.")
        page.get_by_role("button", name="Send").click()
        page.evaluate("location.hash = '#runs'")
        page.locator("#help:not([hidden])").wait_for()
        assert page.locator("#help-text").text_content()
        assert page.evaluate("document.activeElement.id") == "help"
        page.get_by_role("button", name="Close this message").click()
        assert page.locator("#help").is_hidden()


@pytest.mark.models
@pytest.mark.slow
def test_spoken_conversation_with_a_microphone_file(perception, playwright, tmp_path):
    """Speak, see the words, hear the reply: what was played says what the reply says."""
    import jiwer

    from omnisense.agent.service.pcm import PCM_RATE_HZ, Resampler, to_pcm16
    from omnisense.agent.voice.base import speak
    from omnisense.agent.voice.load import load_voice
    from omnisense.perception.audio.chunks import AudioChunk
    from omnisense.perception.types import Span
    from tests.agent.service.test_realtime import plain

    voice = load_voice("hibari")
    reply = "I am so sorry to hear that you lost your job today. That must be hard."
    silence = np.zeros(PCM_RATE_HZ, np.float32)
    said = np.concatenate([silence, speak(voice, "I lost my job today."), np.tile(silence, 120)])
    with wave.open(str(tmp_path / "said.wav"), "wb") as file:
        file.setparams((1, 2, PCM_RATE_HZ, 0, "NONE", ""))
        file.writeframes(to_pcm16(said))
    flags = ["--no-sandbox", *FAKE_DEVICES, f"--use-file-for-fake-audio-capture={tmp_path / 'said.wav'}"]
    with running(scripted_agent(policy=ScriptedPolicy([reply]), perception=perception), voice=voice) as service:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.add_init_script(KEEP_SOUND)
        page.goto(f"{service.url}/#talk")
        page.locator("#talk-camera").uncheck()
        page.get_by_role("button", name="Start talking").click()
        page.locator("#talk-log .person", has_text="job").wait_for()
        page.locator("#talk-state[data-state=speaking]").wait_for()
        page.locator("#talk-state[data-state=listening]").wait_for()
        shown = page.locator("#talk-log .agent span").first.text_content()
        played = np.concatenate([np.asarray(piece, np.float32) for piece in page.evaluate("window.played")])
        browser.close()
    assert shown == reply
    assert np.abs(played).max() > 0.05
    sound = Resampler(PCM_RATE_HZ, 16_000)(played)
    chunk = AudioChunk(0.0, sound, (Span(0.0, len(sound) / 16_000),))
    heard = perception.registry.get("speech").transcribe([chunk]).transcript.text
    assert jiwer.wer(plain(reply), plain(heard)) <= 0.15


def until(condition, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
