"""The service on a local Ray cluster: two replicas, one memory in Postgres."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from omnisense.agent.service.metrics import Metrics, render_together
from omnisense.agent.service.ray_serve import check_memory
from omnisense.errors import InputError

WORDS = [f"This is message {i}." for i in range(12)]


@pytest.mark.parametrize(("memory", "is_stored"), [(None, True), ("/tmp/m.sqlite", True), (None, False)])
def test_replicas_need_a_memory_that_they_share(memory, is_stored):
    with pytest.raises(InputError, match="--memory postgresql://"):
        check_memory(memory, is_stored)
    check_memory("postgresql://omnisense@db/omnisense", True)


@pytest.mark.subprocess
def test_the_command_says_so_before_anything_is_started(run_cli):
    done = run_cli("serve", "--ray", "local", "--policy", "scripted")
    assert done.returncode == 2
    assert "replicas cannot share conversations in a SQLite file" in done.stderr


def test_metrics_of_replicas_are_told_apart():
    replicas = {name: Metrics() for name in ("one", "two")}
    replicas["one"].requests.labels("GET", "/", "200").inc(2)
    replicas["two"].turn_seconds.observe(0.3)
    text = render_together({name: metrics.collect() for name, metrics in replicas.items()}).decode()
    assert 'omnisense_requests_total{method="GET",replica="one",route="/",status="200"} 2.0' in text
    assert 'omnisense_turn_seconds_count{replica="one"} 0.0' in text
    assert 'omnisense_turn_seconds_count{replica="two"} 1.0' in text
    assert text.count("# TYPE omnisense_turn_seconds histogram") == 1


@pytest.fixture(scope="module")
def postgres():
    pytest.importorskip("psycopg_pool", reason="the Postgres driver is absent: pip install 'omnisense[postgres]'")
    from tests.agent.test_postgres import running_server

    with running_server() as server:
        yield server


@contextlib.contextmanager
def serving_on_ray(*options):
    """Serve on a local Ray cluster with more options of the command."""
    pytest.importorskip("ray.serve", reason="Ray Serve is absent: pip install 'omnisense[serve-ray]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "omnisense.agent.cli.main", "serve", "--ray", "local", "--policy", "scripted"]
    command += ["--port", str(port), *options]
    # A machine that is busy with other tests takes long to start processes.
    slow = {"RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60", "RAY_worker_niceness": "0"}
    process = subprocess.Popen(command, env=os.environ | slow, stderr=subprocess.PIPE, text=True)
    told = []
    for line in process.stderr:
        told.append(line)
        if "serving on" in line:
            break
    else:
        pytest.fail("".join(told))
    reading = threading.Thread(target=lambda: told.extend(process.stderr))
    reading.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=200) as client:
        yield client
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0, "".join(told)
    reading.join()
    assert "Traceback" not in "".join(told)


@pytest.fixture(scope="module")
def cluster(postgres, tmp_path_factory):
    memory, uploads = postgres.database("ray"), str(tmp_path_factory.mktemp("uploads"))
    options = ["--replicas", "2", "--streams", "visual", "--voice", "none", "--memory", memory, "--uploads", uploads]
    with serving_on_ray(*options) as client:
        yield client


def ask(client, text, thread):
    body = {
        "model": "omnisense",
        "messages": [{"role": "user", "content": text}],
        "omnisense": {"thread_id": thread},
    }
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def samples(client, name):
    return {
        line.split('replica="')[1].split('"')[0]: float(line.split()[-1])
        for line in client.get("/metrics").text.splitlines()
        if line.startswith(name)
    }


@pytest.mark.slow
@pytest.mark.subprocess
@pytest.mark.timeout(900)
def test_a_thread_goes_on_across_replicas(cluster):
    assert cluster.get("/healthz").json()["status"] == "ok"
    assert cluster.get("/readyz").status_code == 200
    assert "OmniSense" in cluster.get("/").text
    for text in WORDS:
        ask(cluster, text, "ana")
    turns = samples(cluster, "omnisense_turn_seconds_count")
    assert len(turns) == 2
    assert min(turns.values()) > 0  # both replicas took turns of the thread
    assert sum(turns.values()) == len(WORDS)
    assert [turn["typed"] for turn in cluster.get("/v1/threads/ana").json()["items"]] == WORDS
    assert cluster.delete("/v1/threads/ana").status_code == 204
    assert cluster.get("/v1/threads/ana").status_code == 404


@pytest.mark.slow
@pytest.mark.subprocess
@pytest.mark.timeout(900)
def test_turns_of_one_thread_at_once_are_all_kept(cluster):
    asking = [threading.Thread(target=ask, args=(cluster, text, "ben")) for text in WORDS]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    kept = cluster.get("/v1/threads/ben").json()["items"]
    assert sorted(turn["typed"] for turn in kept) == sorted(WORDS)


@pytest.mark.slow
@pytest.mark.subprocess
@pytest.mark.timeout(900)
def test_a_stream_and_a_refusal_come_through_the_proxy(cluster):
    import websockets.sync.client

    body = {"model": "omnisense", "messages": [{"role": "user", "content": "Hello."}], "stream": True}
    with cluster.stream("POST", "/v1/chat/completions", json=body) as stream:
        lines = [line for line in stream.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert cluster.get("/", headers={"Host": "evil.example"}).json()["error"]["code"] == "host_not_allowed"
    address = str(cluster.base_url).rstrip("/").replace("http", "ws") + "/v1/realtime"
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        websockets.sync.client.connect(address, origin="https://evil.example").__enter__()
    assert refused.value.response.status_code == 403
    with websockets.sync.client.connect(address) as connection:
        assert json.loads(connection.recv())["type"] == "session.created"


@pytest.mark.slow
@pytest.mark.subprocess
@pytest.mark.timeout(900)
def test_an_uploaded_clip_is_known_to_both_replicas(cluster, make_media):
    clip = cluster.post("/v1/clips", content=make_media("a.mp4", audio_s=None).read_bytes()).json()
    with cluster.stream("GET", f"/v1/clips/{clip['id']}/events") as stream:
        last = [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line][-1]
    assert last["status"] == "ready"
    for _ in range(6):
        assert cluster.get(f"/v1/clips/{clip['id']}/timeline").json()["events"]
    assert cluster.delete(f"/v1/clips/{clip['id']}").status_code == 204
    assert [cluster.get(f"/v1/clips/{clip['id']}").status_code for _ in range(6)] == [404] * 6


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.subprocess
@pytest.mark.timeout(900)
def test_a_spoken_turn_is_heard_and_answered_aloud_by_a_replica(postgres, tmp_path):
    from openai import OpenAI

    from omnisense.agent.voice.base import speak
    from omnisense.agent.voice.load import load_voice
    from tests.agent.service.test_realtime import send_speech, until, until_true

    options = ["--replicas", "1", "--memory", postgres.database("spoken"), "--uploads", str(tmp_path / "uploads")]
    speech = speak(load_voice("hibari"), "I lost my job today.")
    with serving_on_ray(*options) as client:
        until_true(lambda: client.get("/readyz").status_code == 200, timeout_s=500)
        official = OpenAI(base_url=f"{client.base_url}/v1".replace("//v1", "/v1"), api_key="none", max_retries=0)
        with official.realtime.connect(model="omnisense") as connection:
            assert connection.recv().type == "session.created"
            connection.session.update(session={"type": "realtime", "omnisense": {"thread_id": "spoken"}})
            send_speech(connection, speech)
            told = {event.type: event for event in until(connection, "omnisense.turn_recorded", limit=4000)}
        heard = told["conversation.item.input_audio_transcription.completed"].transcript
        assert "lost my job" in heard.lower()
        assert "response.output_audio.delta" in told
        [turn] = client.get("/v1/threads/spoken").json()["items"]
        assert turn["heard"] == heard
