"""A server that is killed, clients that leave, and a server that ends while turns arrive."""

import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import openai
import pytest
import websockets.exceptions

from omnisense.agent.service.app import create_app
from omnisense.agent.service.server import serve
from omnisense.agent.service.settings import ServiceSettings
from omnisense.errors import InputError
from omnisense.perception.registry import ModelRegistry
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from tests.agent.service.conftest import scripted_agent
from tests.agent.service.test_realtime import connect, drain, say, until_true

# Serves on a free port; a turn whose text has "slow" in it is never answered.
SERVER = """
import sys, time
from omnisense.agent.service.server import Server
from omnisense.agent.service.settings import ServiceSettings
from tests.agent.service.conftest import scripted_agent
from omnisense.reasoning.policies.scripted import ScriptedPolicy
def reply(messages):
    if "slow" in str(messages[-1]):
        print("writing", flush=True)
        time.sleep(600)
    return "I hear you, and it sounds hard."
class Telling(Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)
settings = ServiceSettings(port=0, preload=sys.argv[2] == "preload")
Telling(scripted_agent(policy=ScriptedPolicy(reply), memory=sys.argv[1]), settings).run()
"""
TEXT_ONLY = {"type": "realtime", "output_modalities": ["text"]}


class Killable:
    """A server in a process of its own."""

    def __init__(self, memory, preload=False):
        command = [sys.executable, "-c", SERVER, str(memory), "preload" if preload else ""]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.line()}"

    def line(self):
        line = self.process.stdout.readline().strip()
        assert line, "the server ended"
        return line

    def client(self, key="none"):
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def killable(tmp_path, request):
    server = Killable(tmp_path / "m.sqlite", getattr(request, "param", False))
    yield server
    server.kill()


def chat(service, text, thread="t"):
    return service.client().chat.completions.create(
        model="omnisense",
        messages=[{"role": "user", "content": text}],
        extra_body={"omnisense": {"thread_id": thread}},
    )


def turns(service, thread="t"):
    kept = httpx.get(f"{service.url}/v1/threads/{thread}").json()
    return [turn["typed"] or turn["heard"] for turn in kept.get("items", [])], kept.get("interrupted")


def until_ready(service):
    until_true(lambda: httpx.get(f"{service.url}/readyz").status_code == 200, timeout_s=500)


@pytest.mark.slow
@pytest.mark.subprocess
def test_thread_goes_on_after_the_server_was_killed_in_mid_turn(killable, start, tmp_path):
    chat(killable, "My name is Ana.")
    failures = []

    def ask():
        try:
            chat(killable, "My dog died, slow down.")
        except openai.APIConnectionError as error:
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert killable.line() == "writing"
    killable.kill()
    asking.join(10)
    assert failures
    with start(scripted_agent(memory=tmp_path / "m.sqlite")) as service:
        assert turns(service) == (["My name is Ana."], True)
        done = chat(service, "Are you there?")
        assert done.omnisense["trace"]["notes"][0] == "an interrupted turn was finished first"
        assert turns(service) == (["My name is Ana.", "My dog died, slow down.", "Are you there?"], False)


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.subprocess
@pytest.mark.timeout(900)
@pytest.mark.parametrize("killable", [True], indirect=True)  # with its models loaded
def test_live_conversation_goes_on_after_the_server_was_killed_in_mid_turn(killable, start, perception, tmp_path):
    until_ready(killable)
    session = TEXT_ONLY | {"omnisense": {"thread_id": "t"}}
    with connect(killable) as connection:
        connection.session.update(session=session)
        say(connection, "My name is Ana.")
        content = [{"type": "input_text", "text": "My dog died, slow down."}]
        connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        connection.response.create()
        assert killable.line() == "writing"
        killable.kill()
        with pytest.raises(websockets.exceptions.ConnectionClosedError):
            drain(connection._connection)
    agent = scripted_agent(memory=tmp_path / "m.sqlite", perception=perception)
    with start(agent, preload=True) as service:
        until_ready(service)
        assert turns(service)[0] == ["My name is Ana."]
        with connect(service) as connection:
            connection.session.update(session=session)
            say(connection, "Are you there?")
        heard, interrupted = turns(service)
        assert heard in (
            ["My name is Ana.", "My dog died, slow down.", "Are you there?"],
            ["My name is Ana.", "Are you there?"],  # killed before the turn was written down
        )
        assert not interrupted


@pytest.mark.models
def test_live_client_that_leaves_in_mid_turn_frees_its_place_and_loses_nothing(start, perception):
    entered, release = threading.Event(), threading.Event()

    def reply(messages):
        if "slow" in str(messages[-1]):
            entered.set()
            release.wait(20)
        return "I hear you, and it sounds hard."

    session = TEXT_ONLY | {"omnisense": {"thread_id": "t"}}
    agent = scripted_agent(policy=ScriptedPolicy(reply), perception=perception)
    with start(agent, max_sessions=1, preload=True) as service:
        until_ready(service)
        with connect(service) as connection:
            connection.session.update(session=session)
            say(connection, "My name is Ana.")
            content = [{"type": "input_text", "text": "My dog died, slow down."}]
            connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
            connection.response.create()
            assert entered.wait(20)
        release.set()
        until_true(lambda: not service.server.app.state.service.live)
        with connect(service) as connection:
            connection.session.update(session=session)
            say(connection, "Are you there?")
        assert turns(service)[0][0] == "My name is Ana."
        assert turns(service)[0][-1] == "Are you there?"
        assert not turns(service)[1]


def test_turns_that_arrive_while_the_server_ends_are_refused(start):
    entered = threading.Event()

    def reply(messages):
        entered.set()
        time.sleep(1)
        return "I hear you, and it sounds hard."

    answers = []
    with start(scripted_agent(policy=ScriptedPolicy(reply))) as service:
        asking = threading.Thread(target=lambda: answers.append(chat(service, "Hello.")))
        asking.start()
        assert entered.wait(10)
        service.server.should_exit = True
        until_true(lambda: service.server.app.state.service.draining)
        with pytest.raises(openai.InternalServerError) as refused:
            chat(service, "Hello again.")
        assert (refused.value.status_code, refused.value.code) == (503, "shutting_down")
        asking.join()
    assert answers[0].choices[0].message.content


def test_a_message_that_is_too_large_ends_its_connection_only(start):
    with start(scripted_agent(), max_sessions=1) as service:
        with connect(service) as connection:
            connection.recv()
            with pytest.raises(websockets.exceptions.ConnectionClosed) as caught:
                drain(connection._connection, ["x" * (17 * 2**20)])
            # The reason is lost where the connection is reset while the rest is still being sent.
            assert caught.value.rcvd is None or caught.value.rcvd.code == 1009
        until_true(lambda: not service.server.app.state.service.live)
        with connect(service) as connection:
            assert connection.recv().type == "session.created"


def test_a_live_session_that_fails_ends_its_connection(start, monkeypatch):
    class Failing:
        def __init__(self, *_):
            pass

        def events(self):
            raise RuntimeError("a bug")
            yield

        def clear(self):
            pass

        def close(self):
            pass

    monkeypatch.setattr("omnisense.agent.service.realtime.LiveSession", Failing)
    with start(scripted_agent(), max_sessions=1) as service:
        with connect(service) as connection:
            connection.recv()
            connection.input_audio_buffer.clear()
            told = [connection.recv() for _ in range(2)]
            [error] = [event.error for event in told if event.type == "error"]
            assert error.code == "internal_error"
            assert "a bug" not in error.message
            with pytest.raises(websockets.exceptions.ConnectionClosedError) as caught:
                connection.recv()
            assert caught.value.rcvd.code == 1011
        until_true(lambda: not service.server.app.state.service.live)


def test_one_key_cannot_take_all_live_sessions(start):
    from omnisense.agent.service.settings import hash_key

    keys = {"ana": "ana-0123456789abcdef", "ben": "ben-0123456789abcdef"}
    hashed = {name: hash_key(key) for name, key in keys.items()}
    with (
        start(scripted_agent(), api_keys=hashed, max_sessions=3, max_sessions_per_key=1) as service,
        connect(service, keys["ana"]) as connection,
    ):
        assert connection.recv().type == "session.created"
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            connect(service, keys["ana"]).__enter__()
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["retry-after"]
        with connect(service, keys["ben"]) as other:
            assert other.recv().type == "session.created"


def test_a_cancelled_request_gives_its_place_back():
    """As behind a proxy that cancels the request of a client that left, while its turn waited."""
    import asyncio

    from omnisense.agent.service.limits import TurnQueue

    async def run():
        queue = TurnQueue(1, 2, 4, lambda *_: None)
        first = queue.submit("ana", lambda: time.sleep(0.2))
        waiting = asyncio.create_task(_await(queue.submit("ana", lambda: done.append(1))))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await first
        assert await queue.drain(5)

    async def _await(turn):
        return await turn

    done = []
    asyncio.run(run())
    assert done == [1]


def test_an_address_in_use_is_said_before_models_are_loaded(monkeypatch):
    loaded = []
    monkeypatch.setattr(ModelRegistry, "load_all", lambda _: loaded.append("perception"))
    monkeypatch.setattr("omnisense.agent.service.service.find_embedder", lambda: loaded.append("embedder"))
    monkeypatch.setattr("omnisense.agent.service.service.find_larger", lambda: loaded.append("larger embedder"))
    monkeypatch.setattr("omnisense.agent.service.service.SpeechModels", lambda _: loaded.append("speech models"))
    agent = scripted_agent()
    agent.policy.load = lambda: loaded.append("policy")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        bound = []
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1:{port}"):
            serve(agent, ServiceSettings(port=port), on_bound=lambda: bound.append(True))
    assert not bound
    assert not loaded
    create_app(agent, ServiceSettings(port=port)).state.service.load()  # which the server does once it is bound
    assert loaded == ["perception", "embedder", "larger embedder", "speech models", "policy"]
