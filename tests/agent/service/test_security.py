"""Keys, limits, and what other pages and hosts may do."""

import contextlib
import json
import socket
import threading
import time

import httpx
import openai
import pytest

from omnisense.agent.service import escalations, remote_media
from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.limits import RateLimit
from omnisense.agent.service.metrics import Metrics
from omnisense.agent.service.settings import ServiceSettings, hash_key, read_api_keys
from omnisense.errors import InputError
from omnisense.reasoning.loop.appraisal import SafetyFinding
from tests.agent.service.conftest import scripted_agent

ANA, BEN = "ana-0123456789abcdef", "ben-0123456789abcdef"
KEYS = {"ana": hash_key(ANA), "ben": hash_key(BEN)}
HELLO = [{"role": "user", "content": "Hello."}]


def test_keys_are_needed_and_their_owners_do_not_see_each_other(start):
    with start(scripted_agent(), api_keys=KEYS) as service:
        for wrong in ("none", ANA + "x"):
            with pytest.raises(openai.AuthenticationError) as caught:
                service.client(wrong).chat.completions.create(model="omnisense", messages=HELLO)
            assert caught.value.code == "invalid_api_key"
        extra = {"omnisense": {"thread_id": "diary"}}
        service.client(ANA).chat.completions.create(model="omnisense", messages=HELLO, extra_body=extra)

        def get(path, key):
            return httpx.get(f"{service.url}{path}", headers={"Authorization": f"Bearer {key}"})

        assert [t["thread_id"] for t in get("/v1/threads", ANA).json()["data"]] == ["diary"]
        assert get("/v1/threads", BEN).json()["data"] == []
        assert get("/v1/threads/diary", BEN).status_code == 404
        assert get("/v1/threads/ana%1fdiary", BEN).status_code == 404
        for path in ("/v1/models", "/v1/threads", "/v1/clips", "/v1/runs", "/metrics"):
            assert httpx.get(f"{service.url}{path}").status_code == 401
        assert httpx.get(f"{service.url}/healthz").status_code == 200


def test_host_and_origin_are_checked(start):
    with start(scripted_agent(), allowed_origins=("https://app.example",)) as service:

        def ask(**headers):
            return httpx.get(f"{service.url}/v1/models", headers=headers)

        assert ask(Host="evil.example").json()["error"]["code"] == "host_not_allowed"
        assert ask(Host="localhost:9999").status_code == 200
        assert ask(Origin="https://evil.example").json()["error"]["code"] == "origin_not_allowed"
        assert ask(Origin=service.url).status_code == 200
        assert ask(**{"Sec-Fetch-Site": "cross-site"}).status_code == 403
        allowed = ask(Origin="https://app.example")
        assert allowed.headers["access-control-allow-origin"] == "https://app.example"
        assert allowed.headers["x-content-type-options"] == "nosniff"
        before = httpx.options(f"{service.url}/v1/chat/completions", headers={"Origin": "https://app.example"})
        assert before.status_code == 204


def test_large_bodies_are_refused_before_they_are_read(start):
    with start(scripted_agent(), max_body_mb=0.01, max_upload_mb=0.02) as service:
        chat, clips = f"{service.url}/v1/chat/completions", f"{service.url}/v1/clips"
        big = {"model": "omnisense", "messages": [{"role": "user", "content": "x" * 20_000}]}
        answer = httpx.post(chat, json=big)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")

        def pieces():
            for _ in range(30):
                yield b"x" * 1000

        for path in (chat, clips):  # of unknown length
            answer = httpx.post(path, content=pieces())
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
        assert httpx.get(clips).json()["data"] == []


def test_requests_per_minute(start):
    with start(scripted_agent(), requests_per_minute=3) as service:
        answers = [httpx.get(f"{service.url}/v1/models") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) in range(1, 21)


def test_rate_limit_is_for_each_key():
    limit = RateLimit(1)
    limit.take("ana")
    limit.take("ben")
    with pytest.raises(ServiceError, match="more than 1 requests a minute"):
        limit.take("ana")


def test_less_than_a_request_a_minute_still_lets_the_first_one_in():
    limit = RateLimit(0.5)
    limit.take("ana")
    with pytest.raises(ServiceError, match=r"try again in 1[12]\d s"):
        limit.take("ana")


@pytest.mark.parametrize(
    "answer",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_escalation_that_did_not_arrive_is_tried_again_and_counted(answer, monkeypatch):
    monkeypatch.setattr(escalations, "_PAUSE_S", 0.0)
    received = []

    def serve(server):
        while True:
            try:
                connection, _ = server.accept()
            except OSError:  # closed
                return
            with connection:
                received.append(connection.recv(65_536).split()[0])
                connection.sendall(answer)

    metrics = Metrics()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        told = escalations.Escalations(f"http://127.0.0.1:{server.getsockname()[1]}/", None, metrics)
        told.report("", None, SafetyFinding(category="self-harm", escalate=True))
        told.close()
    assert received == [b"POST"] * 3
    assert metrics.registry.get_sample_value("omnisense_safety_escalations_failed_total") == 1


def test_no_strangers_without_keys():
    with pytest.raises(InputError, match="without API keys"):
        ServiceSettings(host="0.0.0.0").check()
    ServiceSettings(host="0.0.0.0", api_keys=KEYS).check()
    ServiceSettings(host="::1").check()


@pytest.mark.parametrize("text", ["", "# nobody\n", "ana short\n", "ana\n", f"ana {ANA}\nana {BEN}\n"])
def test_bad_key_files(tmp_path, text):
    path = tmp_path / "keys.txt"
    path.write_text(text)
    with pytest.raises(InputError, match="key"):
        read_api_keys(path)


def test_key_file(tmp_path):
    path = tmp_path / "keys.txt"
    path.write_text(f"# users\nana {ANA}  # since May\n\nben {BEN}\n")
    assert read_api_keys(path) == KEYS


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.mp4",
        "http://localhost:8000/a.mp4",
        "http://[::1]/a.mp4",
        "http://[::ffff:127.0.0.1]/a.mp4",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.7/a.mp4",
        "http://0.0.0.0/a.mp4",
        "http://2130706433/a.mp4",
        "http://0x7f.1/a.mp4",
        "ftp://example.org/a.mp4",
        "http:///a.mp4",
        "http://[::1",
    ],
)
def test_private_addresses_are_never_fetched(url):
    with pytest.raises(ServiceError) as caught:
        remote_media.fetch(url, 1000)
    assert caught.value.code == "media_url"


def test_name_that_changes_its_address_is_not_asked_twice(monkeypatch):
    """The address that was checked is connected to, and a redirect to a private one is refused."""
    import http.server
    import socket
    import threading

    class Redirect(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/secret")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked, connected = [], []

    def resolve(host, port, **_):
        asked.append(host)
        address = "93.184.215.14" if host == "media.example" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def connect(address, timeout=None, *_):
        connected.append(address[0])
        opened = socket.socket()
        opened.connect(server.server_address)
        return opened

    monkeypatch.setattr(remote_media.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(remote_media.socket, "create_connection", connect)
    with pytest.raises(ServiceError, match="private"):
        remote_media.fetch("http://media.example/a.mp4", 1000)
    server.shutdown()
    server.server_close()
    assert asked == ["media.example", "127.0.0.1"]
    assert connected == ["93.184.215.14"]


def test_escalations_reach_the_log_without_words(start, tmp_path):
    log = tmp_path / "escalations.jsonl"
    words = "I am going to kill myself tonight."
    with start(scripted_agent(), escalation_log=log) as service:
        done = service.client().chat.completions.create(
            model="omnisense",
            messages=[{"role": "user", "content": words}],
            extra_body={"omnisense": {"thread_id": "ana"}},
        )
        assert done.omnisense["safety"]["escalate"]
        assert 'safety_escalations_total{category="self-harm"} 1.0' in httpx.get(f"{service.url}/metrics").text
    event = json.loads(log.read_text())
    assert (event["thread_id"], event["category"]) == ("ana", "self-harm")
    assert "kill" not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_escalations_reach_a_webhook(start):
    import http.server
    import threading

    received = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    with start(scripted_agent(), escalation_webhook=f"http://127.0.0.1:{hook.server_address[1]}/") as service:
        messages = [{"role": "user", "content": "I am going to kill myself tonight."}]
        service.client().chat.completions.create(model="omnisense", messages=messages)
    hook.shutdown()
    hook.server_close()
    assert [event["category"] for event in received] == ["self-harm"]


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n"])
def test_media_that_come_byte_by_byte_are_given_up(monkeypatch, head):
    monkeypatch.setattr(remote_media, "_MAX_S", 0.5)
    monkeypatch.setattr(remote_media, "_public_address", lambda host, port: host)

    def drip(server):
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(head)
            for _ in range(200):
                connection.sendall(b"x")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(ServiceError, match="could not be fetched in"):
            remote_media.fetch(f"http://127.0.0.1:{server.getsockname()[1]}/a.mp4", 1000)
        assert time.monotonic() - began < 5
