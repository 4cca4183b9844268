"""Conversations in Postgres: a real server of the test's own, on the loopback interface."""

import contextlib
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from omnisense import InputError, ScriptedPolicy, StorageError
from omnisense.testing.postgres_server import find_programs, running_postgres
from tests.agent.test_agent import KILLED
from tests.agent.test_memory import GOOD, agent_on, check_old_conversations, heard

pytest.importorskip("psycopg_pool", reason="the Postgres driver is absent: pip install 'omnisense[postgres]'")
OLD_CHECKPOINTS = Path(__file__).parent / "data" / "checkpoints_postgres.sql"


@contextlib.contextmanager
def running_server():
    """A Postgres server in a folder of its own; skips the test where none is installed."""
    if find_programs() is None:
        pytest.skip("no Postgres server is installed (apt-get install postgresql)")
    with running_postgres() as found:
        yield found


@pytest.fixture(scope="module")
def server():
    with running_server() as found:
        yield found


@pytest.fixture
def url(server, request):
    return server.database(request.node.name[:60])


def test_200_concurrent_turns_are_all_kept(url):
    agents = [agent_on(url), agent_on(url)]
    with ThreadPoolExecutor(16) as pool:
        said = [(f"thread {i % 5}", f"This is message {i}.") for i in range(200)]
        list(pool.map(lambda i: agents[i % 2].respond(text=said[i][1], thread_id=said[i][0]), range(200)))
    for agent in agents:
        for thread in {thread for thread, _ in said}:
            assert sorted(heard(agent, thread)) == sorted(text for name, text in said if name == thread)
            assert not agent.interrupted(thread)
        agent.close()


def test_threads_are_listed_and_forgotten(url):
    import psycopg

    with agent_on(url) as agent, agent_on(url) as other:
        for thread in ("ana", "ben"):
            agent.respond(text="My name is Ana.", thread_id=thread)
        assert [(t.thread_id, t.turns, t.interrupted) for t in agent.threads()] == [
            (n, 1, False) for n in ("ana", "ben")
        ]
        assert all(isinstance(t.size_bytes, int) and t.size_bytes > 100 and t.last_at for t in agent.threads())
        agent.forget("ana")
        assert [t.thread_id for t in other.threads()] == ["ben"]
        assert heard(other, "ana") == []
        with psycopg.connect(url) as connection:
            for table in ("turns", "notes", "pending"):
                sql = f"SELECT count(*) FROM omnisense_{table} WHERE thread_id = 'ana'"
                assert connection.execute(sql).fetchone() == (0,)
        assert other.forget_all() == 1
        assert agent.threads() == []


@pytest.mark.slow
def test_a_killed_process_resumes_the_thread(url):
    process = subprocess.Popen([sys.executable, "-c", KILLED, url], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"writing\n"
    with agent_on(url, turn_wait_s=30) as agent:
        assert not agent.interrupted("t")  # it runs
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert agent.resume("t").response == GOOD
        assert heard(agent, "t") == ["My name is Ana.", "My dog died yesterday."]
        assert not agent.interrupted("t")


def test_a_restarted_server_is_reached_again(server, url):
    with agent_on(url) as agent:
        agent.respond(text="One.", thread_id="t")
        server.control("restart", "-m", "immediate")
        agent.respond(text="Two.", thread_id="t")

        def restarting(_):
            server.control("restart", "-m", "immediate")
            return GOOD

        agent.policy._replies = restarting
        agent.respond(text="Three.", thread_id="t")  # the server goes away in mid-turn
        agent.policy._replies = [GOOD]
        assert heard(agent, "t") == ["One.", "Two.", "Three."]
        assert not agent.interrupted("t")


def test_a_server_that_is_away_is_said(server, url):
    with agent_on(url) as agent:
        agent.respond(text="One.", thread_id="t")
        agent._memory()._database._pool.timeout = 0.5
        server.control("stop", "-m", "immediate")
        try:
            for use in (agent.history, agent.interrupted, lambda thread: agent.respond(text="Two.", thread_id=thread)):
                with pytest.raises(StorageError, match="Check the URL"):
                    use("t")
            with agent_on(url) as other, pytest.raises(StorageError, match="Check the URL"):
                other.history("t")
        finally:
            server.control("start")
        agent._memory()._database._pool.timeout = 30
        agent.respond(text="Two.", thread_id="t")
        assert heard(agent, "t") == ["One.", "Two."]


@pytest.mark.slow
def test_a_server_that_comes_back_late_is_reached_soon(server, url):
    """The pool's own tries to reconnect come after 1, 2, 4, 8 ... seconds."""
    with agent_on(url) as agent:
        agent.respond(text="One.", thread_id="t")
        server.control("stop", "-m", "immediate")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(agent.respond, text="Two.", thread_id="t")
            time.sleep(8)
            server.control("start")
            began = time.monotonic()
            waiting.result()
        assert time.monotonic() - began < 6
        assert heard(agent, "t") == ["One.", "Two."]


def test_a_row_that_another_transaction_holds_is_not_awaited_for_ever(url, monkeypatch):
    import psycopg

    with agent_on(url) as agent:
        agent.respond(text="One.", thread_id="t")
    monkeypatch.setattr("omnisense.agent.database._BUSY_S", 0.2)
    with agent_on(url) as agent, psycopg.connect(url) as other:
        other.execute("LOCK TABLE omnisense_pending")
        with pytest.raises(StorageError, match="lock timeout"):
            agent.respond(text="Two.", thread_id="t")
        other.rollback()
        agent.respond(text="Three.", thread_id="t")
        assert heard(agent, "t") == ["One.", "Three."]


def test_vanished_hosts_are_noticed_on_both_sides(url):
    with agent_on(url) as agent:
        agent.respond(text="One.", thread_id="t")
        with agent._memory()._database._pool.connection() as connection:
            told = connection.info.get_parameters()
            assert {name: told[name] for name in ("keepalives_idle", "tcp_user_timeout")} == {
                "keepalives_idle": "10",
                "tcp_user_timeout": "25000",
            }
            assert connection.execute("SHOW tcp_keepalives_idle").fetchone() == ("10",)
    with agent_on(f"{url}?keepalives_idle=77") as agent:  # the user's own
        agent.history("t")
        with agent._memory()._database._pool.connection() as connection:
            assert connection.info.get_parameters()["keepalives_idle"] == "77"


def test_texts_that_no_encoding_holds(url):
    with agent_on(url) as agent:
        agent.respond(text="My \ud83d\ude00 dog\0 died\ud800.", thread_id="t%s?")
        assert heard(agent_on(url), "t%s?") == ["My \U0001f600 dog\0 died\ufffd."]
        with pytest.raises(InputError):
            agent.respond(text="Hello.", thread_id="a\0b")


def test_checkpoints_become_turns(url):
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(OLD_CHECKPOINTS.read_text())
        check_old_conversations(url)
        for table in ("checkpoints", "checkpoint_blobs"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_agents_that_start_at_once_make_the_tables_once(url):
    with ThreadPoolExecutor(4) as pool:
        agents = list(pool.map(lambda _: agent_on(url, ScriptedPolicy([GOOD])), range(4)))
        assert list(pool.map(lambda agent: agent.history("t"), agents)) == [()] * 4
    for agent in agents:
        agent.close()
