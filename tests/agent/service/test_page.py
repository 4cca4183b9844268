"""The web page in a real Chromium, where there is one."""

from __future__ import annotations

import base64
import json
import time
from importlib.resources import files

import httpx
import pytest

from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.reasoning.answers.parser import PARSER_VERSION
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from tests.agent.service.browser import NEEDS_CHROMIUM, wait
from tests.agent.service.conftest import running, scripted_agent
from tests.agent.service.test_resources import record

pytestmark = NEEDS_CHROMIUM


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


def drop(page, place, name, content):
    """Drop a file onto a place of the page, as a hand with a mouse does."""
    page.evaluate(
        """([place, name, content]) => {
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        const carried = new DataTransfer();
        carried.items.add(new File([bytes], name));
        for (const kind of ["dragover", "drop"]) {
            const event = new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true });
            document.querySelector(place).dispatchEvent(event);
        }
    }""",
        [place, name, base64.b64encode(content).decode()],
    )


def test_a_dropped_clip_tells_its_progress(start, open_page, make_media, tmp_path):
    with start(visual_only(), uploads=tmp_path / "uploads") as service:
        page = open_page(service, "#clip")
        page.evaluate(
            """() => {
            window.progress = [];
            new MutationObserver(() => window.progress.push(document.getElementById("clip-streams").textContent))
                .observe(document.getElementById("clip-streams"), { childList: true });
        }"""
        )
        drop(page, "#clip-drop", "dropped.mp4", make_media("a.mp4", audio_s=None).read_bytes())
        page.locator("#clip-view").wait_for()
        assert page.locator("#clip-name").text_content() == "dropped.mp4"
        progress = page.evaluate("window.progress")
        assert "visual: working" in progress[0] or "visual: done" in progress[0]
        assert "visual: done" in progress[-1]


def test_where_channels_disagree_the_lane_has_a_mark(start, open_page, make_media, tmp_path):
    """The lanes are those of a clip whose face and words differ; the server's timeline of one is tested elsewhere."""
    said = "face-1 looks happy while the words are sad"
    lane = {"start_s": 0.2, "end_s": 1.8, "label": said, "confidence": None, "event": "e1"}
    with start(visual_only(), uploads=tmp_path / "uploads") as service:
        page = open_page(service, "#clip")

        def disagree(route):
            view = route.fetch().json()
            event = {"id": "e1", "start_s": 0.2, "end_s": 1.8, "text": f"conflict: {said}", "channel": "person"}
            view["lanes"].append({"kind": "conflict", "who": "person-1", "parts": [lane]})
            route.fulfill(json=view | {"events": [*view["events"], event]})

        page.route("**/timeline", disagree)
        page.set_input_files("#clip-file", str(make_media("a.mp4", audio_s=None)))
        page.locator("#clip-view").wait_for()
        mark = page.locator("#clip-lanes svg .part", has_text="\u26a0")
        assert mark.count() == 1
        assert mark.locator("rect").get_attribute("fill") == "var(--conflict)"
        mark.click()
        assert said in page.locator("#clip-detail").text_content()


def test_nothing_that_others_wrote_is_part_of_the_page(start, open_page, make_media, tmp_path):
    """Names, words that were heard, replies and records with markup are shown as they are."""
    bad = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script><a href='javascript:hacked=1'>x</a>"
    run = tmp_path / "runs" / "r"
    run.mkdir(parents=True)
    manifest = {"identity": {"suite": bad}, "system": bad, "started": bad, "selection": {"questions": 1}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    messages = ({"role": "user", "text": bad},)
    shown = record(1, strict=1.0, parser=PARSER_VERSION, question=bad, thinking=bad, messages=messages, task=bad)
    (run / "records.jsonl").write_text(shown.to_line())
    agent = scripted_agent(
        policy=ScriptedPolicy([bad]), perception=Perception(PerceptionSettings(streams=("visual",)), cache=False)
    )
    clip = make_media("a.mp4", audio_s=None)
    with start(agent, uploads=tmp_path / "uploads", runs=tmp_path / "runs") as service:
        page = open_page(service, "#clip")
        part = {"start_s": 0.2, "end_s": 1.8, "label": bad, "confidence": None, "event": bad}
        event = {"id": bad, "start_s": 0.2, "end_s": 1.8, "text": bad, "channel": bad}

        def heard(route):
            view = route.fetch().json()
            view["lanes"] += [{"kind": kind, "who": bad, "parts": [part]} for kind in ("speech", "conflict", bad)]
            route.fulfill(json=view | {"events": [*view["events"], event]})

        page.route("**/timeline", heard)
        page.set_input_files("#clip-file", {"name": f"{bad}.mp4", "mimeType": bad, "buffer": clip.read_bytes()})
        page.locator("#clip-view").wait_for()
        page.locator("#clip-lanes svg .part").last.click()
        assert "onerror" in page.locator("#clip-detail").text_content()
        page.fill("#clip-text", bad)
        page.get_by_role("button", name="Reply").click()
        page.locator("#clip-reply .answer").wait_for()
        page.evaluate("location.hash = '#runs'")
        page.get_by_role("button", name="onerror").first.click()
        page.locator("#runs-record").get_by_text("onerror").first.wait_for()
        assert page.evaluate("window.hacked") is None
        assert page.locator("img[src=x], a[href^=javascript]").count() == 0


def test_the_api_is_documented_on_a_page_of_its_own(service, open_page):
    page = open_page(service, "docs")
    page.locator("summary").first.wait_for()
    described = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    listed = page.locator("summary").all_text_contents()
    assert listed.count("POST /v1/chat/completions") == 1
    assert {line.split()[1] for line in listed} == set(described)
    page.get_by_text("POST /v1/chat/completions").click()
    assert "messages" in page.locator("#post--v1-chat-completions table").first.evaluate(
        "e => e.closest('details').textContent"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


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


@pytest.mark.slow  # the page looks for new records every five seconds
def test_two_runs_are_read_side_by_side_while_one_is_written(start, open_page, make_media, tmp_path):
    media = ({"type": "video", "path": str(make_media("a.mp4", audio_s=None)), "start_s": 0.5, "end_s": 1.5},)
    messages = ({"role": "user", "text": "[video] Who smiles?"},)
    for name in ("first", "second"):
        run = tmp_path / name
        run.mkdir()
        manifest = {"identity": {"suite": "humansense"}, "system": name, "started": name, "selection": {"questions": 3}}
        (run / "manifest.json").write_text(json.dumps(manifest))
    right, wrong = {"strict": 1.0, "parser": PARSER_VERSION}, {"gold": "B", "parser": PARSER_VERSION}
    (tmp_path / "first/records.jsonl").write_text(record(1, **right).to_line() + record(2, **wrong).to_line())
    (tmp_path / "second/records.jsonl").write_text(
        record(1, thinking="So it is B.", media=media, messages=messages, **wrong).to_line()
    )
    with start(scripted_agent(), runs=tmp_path) as service:
        page = open_page(service, "#runs")
        page.get_by_role("button", name="Question 2?").wait_for(state="detached")
        page.select_option("#runs-first", "first")
        page.select_option("#runs-second", "second")
        page.get_by_role("button", name="Question 2?").wait_for()
        rows = page.locator("#runs-rows tr")
        assert rows.nth(0).locator("td").all_text_contents()[-2:] == ["right", "wrong"]
        assert rows.nth(1).locator("td").all_text_contents()[-2:] == ["wrong", "not asked"]
        page.get_by_role("button", name="Question 1?").click()
        page.locator("#runs-record").get_by_text("So it is B.").wait_for()
        assert page.locator("#runs-record h3").all_text_contents() == ["first", "second"]
        left, right_one = (page.get_by_role("region", name=name).bounding_box() for name in ("first", "second"))
        assert right_one["x"] >= left["x"] + left["width"]
        page.get_by_text("Prompt").click()
        page.get_by_text("user: [video] Who smiles?").wait_for()
        page.get_by_text("video, 0.5 to 1.5 s").click()
        page.evaluate("document.querySelector('#runs-record video').preload = 'auto'")
        wait(page, lambda: page.evaluate("document.querySelector('#runs-record video').readyState") >= 1)
        page.locator("#main").focus()  # the rows are left alone while one has the focus
        with (tmp_path / "first/records.jsonl").open("a") as file:
            file.write(record(3, **right).to_line())
        page.get_by_role("button", name="Question 3?").wait_for()
        assert page.locator("#runs-counts").text_content() == "1 to 3 of 3"


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
        page.wait_for_function("document.activeElement.id === 'help'")  # beside other work it takes a moment
        page.get_by_role("button", name="Close this message").click()
        assert page.locator("#help").is_hidden()


@pytest.mark.models
@pytest.mark.slow
def test_citations_and_lanes_seek_the_player(perception, open_page, tmp_path):
    demo = (files("omnisense.agent") / "demo.mp4").read_bytes()
    with running(scripted_agent(perception=perception), uploads=tmp_path / "uploads") as service:
        page = open_page(service, "#clip")
        drop(page, "#clip-drop", "demo.mp4", demo)
        page.locator("#clip-view").wait_for(timeout=300_000)
        kinds = page.locator("#clip-lanes svg text.name").all_text_contents()
        assert any("peech" in kind for kind in kinds)
        page.get_by_role("button", name="Reply").click()
        page.locator("#clip-reply .answer").wait_for(timeout=300_000)
        cited = page.locator("#clip-reply .cites button").first
        cited.click()
        starts = float(cited.text_content().split("-")[0])
        assert abs(page.evaluate("document.querySelector('#clip-player video').currentTime") - starts) < 0.1
        assert page.locator("#clip-lanes .cited").count() >= 1
        assert f"{starts:.1f} to" in page.locator("#clip-detail").text_content()
        part = page.locator("#clip-lanes svg .part[role=button]").last
        part.focus()
        page.keyboard.press("Enter")
        said = part.get_attribute("aria-label")
        assert page.locator("#clip-detail").text_content() == said
        starts = float(said.split(" to ")[0].rpartition(" ")[2])
        assert abs(page.evaluate("document.querySelector('#clip-player video').currentTime") - starts) < 0.1


def until(condition, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
