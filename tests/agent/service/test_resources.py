"""Clips, runs, health, and the page's files."""

import json
import os
import threading
import time

import httpx

from omnisense.agent.service import app
from omnisense.agent.service.clip_store import ClipStore, UploadedClip
from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.settings import ServiceSettings
from omnisense.benchmarks.harness.records import Record, RecordError
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.reasoning.answers.parser import PARSER_VERSION
from tests.agent.service.conftest import scripted_agent


def visual_only(**changes):
    return scripted_agent(perception=Perception(PerceptionSettings(streams=("visual",)), cache=False), **changes)


def follow(url, clip_id):
    """The descriptions of a clip until it is perceived."""
    with httpx.stream("GET", f"{url}/v1/clips/{clip_id}/events", timeout=60) as stream:
        return [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line]


def test_clip_is_uploaded_perceived_asked_about_and_deleted(start, make_media, tmp_path):
    content = make_media("a.mp4", audio_s=None).read_bytes()
    with start(visual_only(), uploads=tmp_path / "uploads") as service:
        clips = f"{service.url}/v1/clips"
        answer = httpx.post(clips, params={"name": "../../<b>my</b> clip.mp4"}, content=content)
        uploaded = answer.json()
        assert answer.status_code == 201
        assert (uploaded["name"], uploaded["kind"], uploaded["size_bytes"]) == ("b> clip.mp4", "video", len(content))
        last = follow(service.url, uploaded["id"])[-1]
        assert last["status"] == "ready"
        assert last["streams"]["visual"]["missing"] is None
        one = f"{clips}/{uploaded['id']}"
        assert httpx.get(one).json() == last
        assert [c["id"] for c in httpx.get(clips).json()["data"]] == [uploaded["id"]]
        timeline = httpx.get(f"{one}/timeline").json()
        assert timeline["events"][0]["id"] == "e1"
        assert httpx.get(f"{one}/percepts").json()["clip"]["path"] == ""
        played = httpx.get(f"{one}/content", headers={"Range": "bytes=0-9"})
        assert (played.status_code, played.content) == (206, content[:10])
        assert played.headers["content-type"] == "video/mp4"
        done = service.client().chat.completions.create(
            model="omnisense",
            messages=[
                {"role": "user", "content": [{"type": "video_url", "video_url": {"url": f"clip:{uploaded['id']}"}}]}
            ],
        )
        assert done.omnisense["events"]
        assert httpx.delete(one).status_code == 204
        assert httpx.get(one).status_code == 404
        assert not list((tmp_path / "uploads").glob("*/*"))


def test_upload_that_is_no_clip_leaves_nothing(start, tmp_path):
    html = b"<html><script>alert(1)</script></html>"
    with start(scripted_agent(), uploads=tmp_path) as service:
        answer = httpx.post(f"{service.url}/v1/clips", content=html)
        form = httpx.post(f"{service.url}/v1/clips", files={"file": ("clip.mp4", html)})  # as curl -F sends it
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "media_error")
    assert (form.status_code, form.json()["error"]["code"]) == (415, "not_a_file")
    assert not list(tmp_path.glob("*/*"))


def test_clip_that_was_not_perceived_before_the_server_ended_says_so(start, make_media, tmp_path):
    content = make_media("a.mp4", audio_s=None).read_bytes()
    with start(visual_only(), uploads=tmp_path) as service:
        uploaded = httpx.post(f"{service.url}/v1/clips", content=content).json()
        follow(service.url, uploaded["id"])
    file = next(tmp_path.glob("*/*/clip.json"))
    file.write_text(json.dumps(json.loads(file.read_text()) | {"status": "perceiving"}))
    before = time.time() - 60  # the server that perceived it has given no sign of life since
    os.utime(file, (before, before))
    with start(visual_only(), uploads=tmp_path) as service:
        found = httpx.get(f"{service.url}/v1/clips/{uploaded['id']}").json()
        assert found["status"] == "failed"
        assert "upload it again" in found["error"]
        assert httpx.get(f"{service.url}/v1/clips/{uploaded['id']}/timeline").status_code == 409


def test_servers_that_share_the_folder_see_each_others_clips(start, make_media, tmp_path):
    """As replicas do: one perceives, the other follows; what one deletes the other does not have."""
    content = make_media("a.mp4", audio_s=None).read_bytes()
    goes_on = threading.Event()
    agent = visual_only()
    perceive = agent.perception.perceive
    agent.perception.perceive = lambda *arguments: goes_on.wait(20) and perceive(*arguments)
    with start(agent, uploads=tmp_path) as first, start(visual_only(), uploads=tmp_path) as second:
        uploaded = httpx.post(f"{first.url}/v1/clips", content=content).json()
        one = f"{second.url}/v1/clips/{uploaded['id']}"
        assert httpx.get(one).json()["status"] == "perceiving"
        old = time.time() - 60
        os.utime(next(tmp_path.glob("*/*/clip.json")), (old, old))
        first.server.app.state.service.clips.keep_alive()
        assert httpx.get(one).json()["status"] == "perceiving"
        goes_on.set()
        assert follow(second.url, uploaded["id"])[-1]["status"] == "ready"
        assert httpx.get(f"{one}/timeline").json()["events"]
        assert httpx.delete(one).status_code == 204
        assert httpx.get(f"{first.url}/v1/clips/{uploaded['id']}").status_code == 404


def test_an_upload_in_progress_is_not_removed_as_expired(tmp_path):
    service = scripted_agent()
    store = ClipStore(ServiceSettings(uploads=tmp_path), service.perception)
    folder = tmp_path / "owner" / "clip"
    folder.mkdir(parents=True)
    (folder / "media").write_bytes(b"a part")
    store.remove_expired()
    assert folder.is_dir()
    old = time.time() - 48 * 3600
    os.utime(folder / "media", (old, old))
    store.remove_expired()
    assert not folder.is_dir()


def test_clips_are_kept_for_their_time_only(start, make_media, tmp_path):
    content = make_media("a.mp4", audio_s=None).read_bytes()
    with start(visual_only(), uploads=tmp_path, upload_hours=0.0001) as service:
        uploaded = httpx.post(f"{service.url}/v1/clips", content=content).json()
        time.sleep(0.5)
        assert httpx.get(f"{service.url}/v1/clips/{uploaded['id']}").status_code == 404
        assert not list(tmp_path.glob("*/*/media"))


def test_health_and_readiness(service):
    assert httpx.get(f"{service.url}/healthz").json()["status"] == "ok"
    deadline = time.monotonic() + 10
    while httpx.get(f"{service.url}/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    service.server.app.state.service.draining = True
    assert httpx.get(f"{service.url}/readyz").status_code == 503
    service.server.app.state.service.draining = False


def test_page_has_its_headers_and_nothing_of_others(service):
    page = httpx.get(f"{service.url}/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_documentation_of_the_api_comes_from_this_server(service):
    page = httpx.get(f"{service.url}/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    script = httpx.get(f"{service.url}/page/docs.js").text
    assert "openapi.json" in script
    assert "http://" not in page.text + script
    assert "https://" not in page.text + script


def test_idle_connections_are_kept_for_longer_than_clients_keep_them(service):
    """Otherwise a request that is sent while the server closes the connection is a read error of the client."""
    clients = httpx.Limits().keepalive_expiry, 15.0  # httpx, which the openai client uses, and aiohttp
    assert service.server.config.timeout_keep_alive > max(clients)


def test_openapi_names_every_resource(service):
    paths = httpx.get(f"{service.url}/openapi.json").json()["paths"]
    assert {"/v1/chat/completions", "/v1/models", "/v1/threads", "/v1/clips", "/v1/runs", "/metrics"} <= set(paths)


def test_unknown_path_is_an_error_in_openai_form(service):
    answer = httpx.get(f"{service.url}/v1/nothing")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


def record(number, task="FR", **changes):
    values = {"level": 1, "kind": "one", "gold": "A", "question": f"Question {number}?", "options": ("a", "b")}
    return Record(
        id=f"q{number}", task=task, **(values | {"status": "answered", "reply": "A", "answer": "A"} | changes)
    )


def test_runs_are_listed_filtered_and_read_while_they_are_written(start, tmp_path):
    run = tmp_path / "mine" / "omni"
    run.mkdir(parents=True)
    manifest = {
        "identity": {"suite": "humansense", "system": {"kind": "policy"}},
        "system": "omni",
        "data": {"path": "data", "questions": 4, "groups": {}, "is_official": False},
        "selection": {"questions": 4, "not_asked": {}},
        "started": "2026",
        "omnisense": "0.2.0",
    }
    (run / "manifest.json").write_text(json.dumps(manifest))
    records = [
        record(1, strict=1.0, parser=PARSER_VERSION),
        record(2, strict=0.0, gold="B", task="SR", parser=PARSER_VERSION),
        record(3, reply="hm", answer="", parser=PARSER_VERSION),
        record(4, status="error", reply="", answer="", error=RecordError("bad media", "MediaError", "it is empty")),
    ]
    (run / "records.jsonl").write_text("".join(r.to_line() for r in records[:3]))
    (run / "frames").mkdir()
    (run / "frames" / "q1.jpg").write_bytes(b"\xff\xd8\xff")
    with start(scripted_agent(), runs=tmp_path) as service:

        def get(path, **query):
            return httpx.get(f"{service.url}/v1/runs{path}", params=query)

        [listed] = get("").json()["data"]
        assert (listed["run"], listed["system"], listed["questions"], listed["records"]) == ("mine/omni", "omni", 4, 3)
        found = get("/mine/omni/records").json()
        assert found["total"] == 3
        assert found["tasks"] == {"FR": 2, "SR": 1}
        assert [r["outcome"] for r in found["data"]] == ["right", "wrong", "unreadable"]
        with (run / "records.jsonl").open("a") as file:
            file.write(records[3].to_line() + '{"id": "torn')
        assert get("/mine/omni/records").json()["outcomes"]["error"] == 1
        assert [r["id"] for r in get("/mine/omni/records", outcome="wrong").json()["data"]] == ["q2"]
        assert [r["id"] for r in get("/mine/omni/records", task="FR", limit=1, offset=1).json()["data"]] == ["q3"]
        assert get("/mine/omni/records", outcome="great").status_code == 400
        one = get("/mine/omni/records/q1").json()
        assert (one["question"], one["outcome"], one["has_frames"]) == ("Question 1?", "right", True)
        assert get("/mine/omni/records/q1/frames").headers["content-type"] == "image/jpeg"
        assert get("/mine/omni/records/q2/frames").status_code == 404
        shown = get("/mine/omni").json()  # with what its file leaves out
        assert shown == shown | {key: shown[key] | v if isinstance(v, dict) else v for key, v in manifest.items()}
        for outside in ("/..", "/mine", "/%2e%2e/%2e%2e", "/mine/omni/records/..%2f..%2fmanifest.json/frames"):
            assert get(outside).status_code == 404


def test_media_of_a_prompt_can_be_played_and_nothing_else_be_read(start, make_media, tmp_path):
    run, clip = tmp_path / "runs" / "omni", make_media("a.mp4", audio_s=None)
    run.mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("a secret")
    manifest = {"identity": {"suite": "humansense"}, "system": "omni", "started": "2026", "selection": {"questions": 1}}
    (run / "manifest.json").write_text(json.dumps(manifest))
    media = ({"type": "video", "path": str(clip)}, {"type": "video", "path": str(tmp_path / "secret.txt")})
    messages = ({"role": "user", "text": "[video]\nWho smiles?"},)
    (run / "records.jsonl").write_text(record(1, media=media, messages=messages, parser=PARSER_VERSION).to_line())
    with start(scripted_agent(), runs=tmp_path / "runs") as service:
        one = f"{service.url}/v1/runs/omni/records/q1"
        assert httpx.get(one).json()["messages"] == [{"role": "user", "text": "[video]\nWho smiles?"}]
        played = httpx.get(f"{one}/media/0")
        assert (played.status_code, played.headers["content-type"]) == (200, "video/mp4")
        assert played.content == clip.read_bytes()
        for number in ("1", "2", "-1", "x"):
            answer = httpx.get(f"{one}/media/{number}")
            assert answer.status_code in (400, 404)
            assert "secret" not in answer.text


def test_no_runs_without_a_folder(service):
    assert httpx.get(f"{service.url}/v1/runs").json()["data"] == []
    assert httpx.get(f"{service.url}/v1/runs/etc").status_code == 404


def test_a_clip_that_is_deleted_while_it_is_followed_ends_its_events(start, tmp_path, monkeypatch):
    known = UploadedClip("0" * 32, "a.mp4", "video", 1.0, 64, 64, 1000, time.time())
    asked = iter([known, known])

    def get(owner, clip_id):
        if found := next(asked, None):
            return found
        raise ServiceError(404, "there is no such clip", "clip_not_found")

    with start(scripted_agent(), uploads=tmp_path) as service:
        monkeypatch.setattr(service.server.app.state.service.clips, "get", get)
        told = httpx.get(f"{service.url}/v1/clips/{known.id}/events").text.split("\n\n")
    events = [json.loads(line.removeprefix("data: ")) for line in told if line]
    assert [events[0]["status"], events[1]["error"]["code"]] == ["perceiving", "clip_not_found"]


def test_clips_are_looked_after_again_after_a_failure(start, monkeypatch):
    tried = []

    def fail(_):
        tried.append(time.monotonic())
        raise OSError("the folder is out of reach")

    monkeypatch.setattr(app, "_CLEAN_S", 0.01)
    monkeypatch.setattr(ClipStore, "remove_expired", fail)
    with start(scripted_agent()):
        while len(tried) < 3:
            time.sleep(0.01)
