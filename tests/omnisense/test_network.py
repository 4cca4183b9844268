"""What must not leave the machine: with OMNISENSE_OFFLINE no command uses the network, and no library reports usage."""

import json
import os
import subprocess
import sys

import pytest

from omnisense.reasoning.policies.base import DEFAULT_POLICY

GUARDED = r"""
import ctypes, fcntl, json, os, pathlib, socket, struct, sys

attempts = []

def audit(event, arguments):
    looks_up = event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
    if looks_up and arguments[0] not in ("127.0.0.1", b"127.0.0.1"):  # which is an address, and no name
        attempts.append([event, str(arguments[0])])
        raise OSError(f"{event} under the guard")
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and not isinstance(arguments[1], (str, bytes)):
        address = arguments[1]
        if not (address and str(address[0]).startswith(("127.", "::1"))):
            attempts.append([event, str(address)])
            raise OSError(f"{event} to {address} under the guard")

sys.addaudithook(audit)
# In a network namespace of its own, what native code sends has no route, and the kernel counts that.
NEWUSER, NEWNET = 0x10000000, 0x40000000
isolated = hasattr(ctypes.CDLL(None), "unshare") and ctypes.CDLL(None).unshare(NEWUSER | NEWNET) == 0
if isolated:  # only the loopback interface is there; it has to be switched on
    SIOCSIFFLAGS, IFF_UP = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))

def unroutable():
    lines = [l.split() for l in pathlib.Path("/proc/self/net/snmp").read_text().splitlines() if l.startswith("Ip:")]
    found = int(dict(zip(*lines))["OutNoRoutes"])
    six = pathlib.Path("/proc/self/net/snmp6")
    return found + sum(int(l.split()[1]) for l in six.read_text().splitlines() if l.startswith("Ip6OutNoRoutes"))

from omnisense.agent.cli.main import main
# BEFORE
codes = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["omnisense", *arguments]
    try:
        main()
        codes.append(0)
    except SystemExit as end:
        codes.append(end.code or 0)
variables = {name: os.environ.get(name) for name in ("PYANNOTE_METRICS_ENABLED", "ORT_DISABLE_TELEMETRY")}
found = {"codes": codes, "attempts": attempts, "unroutable": unroutable() if isolated else 0, "variables": variables}
pathlib.Path(os.environ["GUARD_RESULT"]).write_text(json.dumps(found))
"""
OFF = ("PYANNOTE_METRICS_ENABLED", "ORT_DISABLE_TELEMETRY", "RAY_USAGE_STATS_ENABLED", "VLLM_NO_USAGE_STATS")
TRACING = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")


def run_python(code, *arguments, **environment):
    names = (*TRACING, *OFF, "HF_HUB_OFFLINE", "OMNISENSE_OFFLINE")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=kept | environment, check=False)


def run_guarded(commands, tmp_path, before="", **environment):
    """Run commands offline, in a process that may not connect; the environment requests all telemetry.

    ``before`` is run in that process once the guard is there.
    """
    ran = run_python(
        GUARDED.replace("# BEFORE", before),
        json.dumps([[str(word) for word in command] for command in commands]),
        OMNISENSE_OFFLINE="1",
        GUARD_RESULT=str(tmp_path / "found.json"),
        LANGSMITH_TRACING="true",
        LANGSMITH_API_KEY="none",
        PYANNOTE_METRICS_ENABLED="1",
        RAY_USAGE_STATS_ENABLED="1",
        **environment,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["attempts"] == []
    assert found["unroutable"] == 0
    assert found["codes"] == [0] * len(commands), ran.stderr
    return found


@pytest.mark.models
def test_offline_commands_use_no_network(tmp_path, short_demo):
    options = ["A. happy", "B. sad", "C. angry", "D. surprised"]
    question = {
        "task_type": "Emotion_Recognition",
        "question": "What is felt?",
        "question_pattern": "Multiple-choice question (select one answer choice)",
        "answer": "A",
        "options": options,
    }
    data = tmp_path / "data"
    (data / "videos").mkdir(parents=True)
    (data / "videos" / "demo.mp4").write_bytes(short_demo.read_bytes())
    row = {"video_path": "videos/demo.mp4", "questions": question, "full_frame_number": 75, "fps": 25}
    (data / "HumanSense_VQA.json").write_text(json.dumps([row]))
    commands = [
        ["respond", str(short_demo), "--text", "How did I do?", "--json"],
        ["perceive", str(short_demo), "--json"],
        [
            "eval",
            "humansense",
            "--data",
            str(data),
            "--policy",
            DEFAULT_POLICY,
            "--agent",
            "--output",
            str(tmp_path / "run"),
        ],
    ]
    found = run_guarded(commands, tmp_path)
    assert found["variables"] == {"PYANNOTE_METRICS_ENABLED": "0", "ORT_DISABLE_TELEMETRY": "1"}


@pytest.mark.subprocess
def test_offline_annotation_uses_no_network(tmp_path):
    from PIL import Image

    images, coco = tmp_path / "images", tmp_path / "coco"
    images.mkdir()
    coco.mkdir()
    Image.new("RGB", (90, 90), "red").save(images / "a.png")
    (coco / "instances.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.png", "width": 90, "height": 90}],'
        ' "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [9, 9, 60, 70]}],'
        ' "categories": [{"id": 1, "name": "person"}]}'
    )
    run_guarded([["annotate", images, "--coco", coco, "--output", tmp_path / "out"]], tmp_path)
    assert (tmp_path / "out" / "viewer.html").exists()


# What else libraries read to find a server; nobody answers at these addresses, which are for documentation (RFC 5737).
ELSEWHERE = {
    "HF_ENDPOINT": "http://198.51.100.1",
    "HF_HUB_OFFLINE": "0",
    "HF_TOKEN": "none",
    "HTTPS_PROXY": "http://198.51.100.1:80",
    "HTTP_PROXY": "http://198.51.100.1:80",
    "LANGSMITH_ENDPOINT": "http://198.51.100.1",
    "LANGSMITH_OTEL_ENABLED": "true",
    "MLFLOW_TRACKING_URI": "http://198.51.100.1",
    "OPENAI_API_KEY": "none",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://198.51.100.1:4318",
    "OTEL_TRACES_EXPORTER": "otlp",
    "TRACELOOP_API_KEY": "none",
    "TRACELOOP_BASE_URL": "http://198.51.100.1",
    "WANDB_MODE": "online",
}


@pytest.mark.slow
@pytest.mark.subprocess
def test_offline_help_and_local_commands_use_no_network(tmp_path):
    """Every command's help, and those that need no model, whatever servers the environment names."""
    from omnisense.agent.cli.main import cli
    from omnisense.benchmarks.trust.runs import write_questions

    data, run, script = write_questions(tmp_path / "data"), tmp_path / "run", tmp_path / "script.json"
    script.write_text('{"replies": ["I hear you."]}')
    scripted = ["--policy", f"scripted:{script}"]
    commands = [[*name, "--help"] for name in ([], *([command] for command in cli.commands))]
    commands += [["models", "list"], ["schema"], ["eval", "--suite-list"], ["train", "recipes"]]
    commands += [["respond", "--text", "Hi, I am Ana.", "--thread", "a", *scripted], ["notes", "--thread", "a"]]
    commands += [["threads"], ["forget", "--thread", "a", "--yes"], ["chat", "--no-store", *scripted]]
    commands += [["eval", "humansense", "--data", data, "--validate"]]
    commands += [["eval", "humansense", "--data", data, *scripted, "--agent", "--limit", "3", "--output", run]]
    commands += [["report", run]]
    run_guarded(commands, tmp_path, OMNISENSE_HOME=str(tmp_path / "home"), **ELSEWHERE)
    assert (run / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.subprocess
def test_offline_exports_and_calibration_use_no_network(tmp_path):
    from omnisense.benchmarks.trust.runs import write_questions

    data, run, rows = write_questions(tmp_path / "data"), tmp_path / "run", tmp_path / "rows.jsonl"
    labelled = [
        {"text": f"I am {emotion} {i}", "emotion": emotion} for i in range(10) for emotion in ("joy", "sadness")
    ]
    rows.write_text("\n".join(map(json.dumps, labelled)))
    commands = [["eval", "humansense", "--data", data, "--baseline", "random", "--limit", "4", "--output", run]]
    commands += [["export", kind, run, "--output", tmp_path / kind] for kind in ("hf", "inspect")]
    commands += [
        ["export", "lmms-eval", "humansense", "--data", data, "--text-only", "--output", tmp_path / "task"],
        ["report", run, "--leaderboard", "--output", tmp_path / "board"],
        ["calibrate", rows, "--policy", "scripted", "--output", tmp_path / "profile.json"],
    ]
    run_guarded(commands, tmp_path)
    assert (tmp_path / "profile.json").is_file()


SERVING = """
import threading
import httpx
from omnisense.agent.cli import main as cli
from omnisense.agent.service import server

def ask():
    while not started.wait(0.05):
        pass
    body = {"model": "omnisense", "messages": [{"role": "user", "content": "I lost my keys."}]}
    try:
        for place in places:
            posted = {"json": body, "timeout": 120} if "chat" in place else {}
            statuses.append(httpx.request("POST" if posted else "GET", url[0] + place, **posted).status_code)
    finally:
        running[0].should_exit = True

class Told(server.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        url.append(f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}")
        running.append(self)
        started.set()

    async def shutdown(self, sockets=None):
        await super().shutdown(sockets)
        assert statuses == [200] * len(places), statuses

places = ("/v1/chat/completions", "/healthz", "/", "/docs", "/metrics")
started, url, running, statuses = threading.Event(), [], [], []
server.Server = Told
threading.Thread(target=ask).start()
"""


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.subprocess
def test_offline_serving_uses_no_network(tmp_path):
    """The page, its live conversations and the default policy are tried in ``tests/agent/service/test_offline.py``."""
    pytest.importorskip("fastapi")
    command = ["serve", "--port", "0", "--policy", "scripted", "--voice", "none", "--no-store", "--streams", "visual"]
    run_guarded([command], tmp_path, before=SERVING)


@pytest.mark.slow
def test_offline_training_uses_no_network(tmp_path):
    from omnisense.rl.tiny import make_data
    from omnisense.testing.tiny_models import tiny_omni

    tiny, data = tiny_omni(tmp_path / "tiny"), tmp_path / "data"
    make_data(data, each=12)
    changes = [f"policy={tiny}", f"data.files=[{data}/video.json]", "stages=[]", "trainer.max_steps=1"]
    changes += ["trainer.per_device_train_batch_size=4", "trainer.num_generations=2", "evaluation.run=false"]
    run_guarded([["train", "grpo", "tiny", *changes, "--output", tmp_path / "run"]], tmp_path)


@pytest.mark.models
def test_offline_speech_uses_no_network(tmp_path):
    pytest.importorskip("hibari", reason="hibari-tts is not installed: pip install 'omnisense[voice]'")
    said = ["respond", "--text", "I lost my keys.", "--policy", "scripted", "--speak", tmp_path / "a.wav", "--no-store"]
    run_guarded([said], tmp_path)
    assert (tmp_path / "a.wav").stat().st_size > 10_000


@pytest.mark.slow
def test_an_offline_evaluation_over_ray_uses_no_network(tmp_path):
    """Ray's own processes share the network namespace, so that what they send is counted too."""
    pytest.importorskip("ray")
    from omnisense.benchmarks.trust.runs import write_questions

    data, run = write_questions(tmp_path / "data"), tmp_path / "run"
    command = ["eval", "humansense", "--data", data, "--baseline", "random", "--limit", "4", "--output", run]
    run_guarded([[*command, "--ray", "local", "--workers", "2"]], tmp_path)
    assert len((run / "records.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize("tracker", ["tensorboard", "wandb"])
@pytest.mark.subprocess
def test_offline_scores_are_logged_on_this_machine(tmp_path, tracker):
    """For wandb also where the environment has its online mode."""
    pytest.importorskip(tracker, reason=f"{tracker} is not installed: pip install 'omnisense[{tracker}]'")
    from omnisense.benchmarks.trust.runs import write_questions

    data, run = write_questions(tmp_path / "data"), tmp_path / "run"
    command = ["eval", "humansense", "--data", data, "--baseline", "random", "--limit", "4", "--output", run]
    run_guarded([[*command, "--log-to", tracker]], tmp_path, WANDB_MODE="online")
    assert any(path.is_file() for path in (run / tracker).rglob("*"))


SHOW = "import omnisense, os, json; print(json.dumps(dict(os.environ)))"


def test_telemetry_is_off_unless_the_environment_requests_it():
    found = json.loads(run_python(SHOW).stdout)
    assert (found["PYANNOTE_METRICS_ENABLED"], found["ORT_DISABLE_TELEMETRY"]) == ("0", "1")
    assert (found["RAY_USAGE_STATS_ENABLED"], found["VLLM_NO_USAGE_STATS"]) == ("0", "1")
    assert not any(name in found for name in (*TRACING, "HF_HUB_OFFLINE"))
    asked = {"PYANNOTE_METRICS_ENABLED": "1", "ORT_DISABLE_TELEMETRY": "0", "LANGSMITH_TRACING": "true"}
    assert asked.items() <= json.loads(run_python(SHOW, **asked).stdout).items()


@pytest.mark.parametrize("name", TRACING)
@pytest.mark.subprocess
def test_offline_there_is_no_tracing_whatever_the_environment_says(name):
    code = "import omnisense, langsmith.utils; print(langsmith.utils.tracing_is_enabled())"
    assert run_python(code, **{name: "true"}).stdout.strip() == "True"
    assert run_python(code, **{name: "true", "OMNISENSE_OFFLINE": "1"}).stdout.strip() == "False"
