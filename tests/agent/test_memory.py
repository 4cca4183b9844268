"""Conversations: concurrent turns, growth, earlier versions, and storage that fails."""

import json
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from omnisense import Agent, ConflictError, InputError, OmniSenseError, PolicyError, ScriptedPolicy, StorageError
from omnisense.agent.memory import open_memory
from omnisense.agent.rows import PendingTurn
from omnisense.reasoning.loop.conversation import ClipReference, Turn

GOOD = "I hear you, and it sounds like a lot to hold."
OLD_CHECKPOINTS = Path(__file__).parent / "data" / "checkpoints_sqlite.sql"


def agent_on(memory, policy=None, **settings):
    return Agent(policy or ScriptedPolicy([GOOD]), memory=memory, **settings)


def heard(agent, thread_id):
    return [turn.heard for turn in agent.history(thread_id)]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "m.sqlite"


# --- concurrent turns ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("agents", [1, 2])
def test_concurrent_turns_of_one_thread_are_all_kept(file, agents):
    every = [agent_on(file) for _ in range(agents)]
    texts = [f"This is message {i}." for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: every[i % agents].respond(text=texts[i], thread_id="t"), range(len(texts))))
    for agent in every:
        assert sorted(heard(agent, "t")) == sorted(texts)
        agent.close()


def test_each_turn_sees_those_before_it(file):
    seen = []

    class Watching(ScriptedPolicy):
        def write(self, prompts, **settings):
            seen.append(len(prompts[0]))
            return super().write(prompts, **settings)

    replies = ("Thank you, I read it.", "A second one has come.", "Your third is here too.", "That makes four of them.")
    written = [json.dumps(["neutral", "ask", reply]) for reply in replies]
    with agent_on(file, Watching(written)) as agent, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: agent.respond(text=f"Message {i}.", thread_id="t"), range(4)))
    assert seen == [2, 4, 6, 8]  # the system's message, two of each turn before, and the person's


WRITING = """
import sys
from omnisense import Agent, ScriptedPolicy
with Agent(ScriptedPolicy(["I hear you, and it sounds hard."]), memory=sys.argv[1]) as agent:
    for i in range(10):
        agent.respond(text=f"{sys.argv[2]} says {i}.", thread_id="t")
"""


@pytest.mark.subprocess
@pytest.mark.slow
def test_two_processes_lose_no_turn(file):
    running = [subprocess.Popen([sys.executable, "-c", WRITING, str(file), name]) for name in ("Ana", "Ben")]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    with agent_on(file) as agent:
        assert sorted(heard(agent, "t")) == sorted(f"{name} says {i}." for name in ("Ana", "Ben") for i in range(10))


def test_a_running_turn_is_not_interrupted(file):
    with agent_on(file) as one, agent_on(file, turn_wait_s=0.05) as other:
        events = one.stream(text="My dog died.", thread_id="t")
        next(events)
        for agent in (one, other):
            assert not agent.interrupted("t")
        with pytest.raises(ConflictError, match="still running"):
            other.respond(text="Hello?", thread_id="t")
        assert other.respond(text="Hello?", thread_id="another").response == GOOD
        events.close()  # the reader has gone
        assert one.interrupted("t")
        assert other.resume("t").response == GOOD
        assert heard(one, "t") == ["My dog died."]


def test_a_turn_that_was_overtaken_is_refused(file):
    memory = open_memory(file)
    turn = Turn("x", "x", None, "y")
    first = memory.begin("t", PendingTurn("x", None))
    second = memory.begin("t", PendingTurn("x", None))
    with pytest.raises(ConflictError, match="overtaken"):
        memory.finish("t", first, turn)
    assert memory.load("t").turns == ()
    memory.finish("t", second, turn)
    memory.finish("t", second, turn)  # asked again after a lost connection
    assert memory.load("t").turns == (turn,)
    memory.close()


def test_what_another_process_adds_and_deletes_is_seen(file):
    with agent_on(file) as one, agent_on(file) as other:
        one.respond(text="One.", thread_id="t")
        other.respond(text="Two.", thread_id="t")
        assert heard(one, "t") == heard(other, "t") == ["One.", "Two."]
        with sqlite3.connect(file) as connection:
            connection.execute("DELETE FROM omnisense_turns")
        other.respond(text="Three.", thread_id="t")
        assert heard(one, "t") == ["Three."]


# --- storage ------------------------------------------------------------------------------------------------


def test_a_conversation_grows_by_its_turns(file):
    memory = open_memory(file)
    for i in range(300):
        memory.finish("t", memory.begin("t", PendingTurn("x" * 80, None)), Turn("x" * 80, "x" * 80, None, f"{i}"))
    memory.close()
    assert file.stat().st_size < 300 * 600
    assert file.stat().st_mode & 0o077 == 0


def test_without_a_thread_no_database_is_needed(tmp_path, own_home):
    (tmp_path / "file").write_text("x")
    with agent_on(tmp_path / "file" / "below.sqlite") as agent:
        assert agent.respond(text="My dog died.").response == GOOD
        for use in (agent.history, agent.resume, lambda thread: agent.respond(text="Hello?", thread_id=thread)):
            with pytest.raises(StorageError, match="--memory"):
                use("t")
    with Agent(ScriptedPolicy([GOOD])) as agent:
        agent.respond(text="My dog died.")
    assert not list(own_home.glob("conversations*"))


def test_a_full_disk_is_said_and_the_turn_can_be_resumed(file):
    text = "My dog died. " * 600
    with agent_on(file) as agent:
        agent.respond(text="My name is Ana.", thread_id="t")
        connection = agent._memory()._database._connection

        def fill(_):
            # In mid-turn; the error at SQLite's own limit is that of a full disk.
            connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
            return GOOD

        agent.policy._replies = fill
        with pytest.raises(StorageError, match=r"the disk is full\. Free some space"):
            agent.respond(text=text, thread_id="t")
        with pytest.raises(StorageError, match="the disk is full"):  # the turn that was interrupted comes first
            agent.respond(text="Are you there?", thread_id="t")
        assert heard(agent, "t") == ["My name is Ana."]
        connection.execute("PRAGMA max_page_count = 100000")
        agent.policy._replies = [GOOD]
        assert agent.interrupted("t")
        agent.resume("t")
        assert heard(agent, "t") == ["My name is Ana.", text.strip()]


def test_a_read_only_database_is_said(file):
    with agent_on(file) as agent:
        agent.respond(text="My name is Ana.", thread_id="t")
        agent._memory()._database._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StorageError, match="read-only"):
            agent.respond(text="My dog died.", thread_id="t")
        assert heard(agent, "t") == ["My name is Ana."]


@pytest.mark.parametrize(("first", "last"), [(0, 20_000), (5_000, 20_000)])
def test_a_damaged_database_is_said(file, first, last):
    memory = open_memory(file)
    for _ in range(60):
        memory.finish("t", memory.begin("t", PendingTurn("x", None)), Turn("x" * 500, "x", None, "y"))
    memory.close()
    data = bytearray(file.read_bytes())
    data[first:last] = os.urandom(last - first)
    file.write_bytes(data)
    with agent_on(file) as agent, pytest.raises(StorageError, match="Restore it from a copy"):
        agent.history("t")


@pytest.mark.parametrize(
    "row",
    [
        "{",
        "[]",
        "[" * 100_000,
        json.dumps({"heard": "x"}),
        json.dumps(Turn("x", "x", None, "y", risk="envy").__dict__),
        json.dumps(Turn("x", "x", None, "y", malformed="x").__dict__),
        json.dumps(Turn("x", "x", None, "y").__dict__ | {"clip": {"path": 5, "start_s": 0, "end_s": 1}}),
        json.dumps(Turn("x", "x", None, "y").__dict__ | {"clip": {"path": "x", "start_s": "0", "end_s": 1}}),
    ],
    ids=range(8),
)
def test_a_damaged_row_is_said(file, row):
    with agent_on(file) as agent:
        agent.respond(text="My name is Ana.", thread_id="t")
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE omnisense_turns SET turn = ?", (row,))
        with agent_on(file) as other, pytest.raises(StorageError, match="is damaged"):
            other.respond(text="My dog died.", thread_id="t")
        assert agent_on(file).history("another") == ()


@pytest.mark.parametrize("change", ["note = '{'", "note = '[[7]]'", "note = 'null'", "turn = 'x'"])
def test_a_damaged_note_is_said(file, change):
    with agent_on(file) as agent:
        agent.respond(text="My name is Ana.", thread_id="t")
        with sqlite3.connect(file) as connection:
            connection.execute(f"UPDATE omnisense_notes SET {change}")
        with pytest.raises(StorageError, match="is damaged"):
            agent.notes("t")


@pytest.mark.parametrize("turn", ['{"typed": 1, "clip": null}', "[" * 100_000, '{"typed": "x", "clip": [1]}'])
def test_a_damaged_interrupted_turn_is_said_and_can_be_forgotten(file, turn):
    with agent_on(file) as agent:
        agent.respond(text="My name is Ana.", thread_id="t")
        with sqlite3.connect(file) as connection:
            connection.execute("INSERT INTO omnisense_pending (thread_id, mark, turn) VALUES ('t', 'm', ?)", (turn,))
        with pytest.raises(StorageError, match="is damaged"):
            agent.respond(text="Hello.", thread_id="t")
        agent.forget("t")
        assert agent.threads() == []


def test_threads_with_impossible_names_and_times_are_listed_and_forgotten(file):
    with agent_on(file) as agent:
        agent.respond(text="My name is Ana.", thread_id="t")
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE omnisense_turns SET turn = json_set(turn, '$.ended_at', 1e30)")
            copy = (
                "INSERT INTO omnisense_turns SELECT ?, position, mark, turn FROM omnisense_turns WHERE thread_id = 't'"
            )
            connection.execute(copy, (b"\xff\xfe",))
        assert [(t.last_at, t.turns) for t in agent.threads()] == [(None, 1), (None, 1)]
        assert agent.forget_all() == 2
        assert agent.threads() == []


def test_every_damaged_page_is_said(file, tmp_path):
    with agent_on(file) as agent:
        for i in range(20):
            agent.respond(text=f"My name is Ana, and this is message {i}.", thread_id="t")
    good, random = file.read_bytes(), Random(1)
    failed = 0
    for page in range(len(good) // 4096):
        damaged = tmp_path / f"{page}.sqlite"
        damaged.write_bytes(good[: page * 4096] + random.randbytes(4096) + good[(page + 1) * 4096 :])
        for call in (Agent.threads, lambda agent: agent.history("t"), lambda agent: agent.forget("t")):
            try:
                with agent_on(damaged) as agent:
                    call(agent)
            except OmniSenseError:
                failed += 1
    assert failed > 3


@pytest.mark.parametrize("byte", [b"\xff", b"\0"])
def test_a_damaged_schema_is_said(file, byte):
    with agent_on(file) as agent:
        agent.respond(text="My name is Ana.", thread_id="t")
    file.write_bytes(
        file.read_bytes().replace(b"CREATE TABLE omnisense_turns", b"CREATE TABLE omnisense_tur" + byte * 2)
    )
    with agent_on(file) as agent, pytest.raises(StorageError):
        agent.history("t")


def test_texts_that_no_encoding_holds(file):
    with agent_on(file) as agent:
        response = agent.respond(text="My \ud83d\ude00 dog\0 died\ud800.", thread_id="t")
        assert response.response == GOOD
        assert heard(agent_on(file), "t") == ["My \U0001f600 dog\0 died\ufffd."]
        for name in ("a\0b", "a\ud800"):
            with pytest.raises(InputError, match="name of a conversation"):
                agent.respond(text="Hello.", thread_id=name)


def test_any_file_name_comes_back(file):
    clip = ClipReference("/clips/\udcff\n.mp4", 0.5, 2.0)  # bytes that are no UTF-8, as Python shows them
    memory = open_memory(file)
    mark = memory.begin("t", PendingTurn("x", clip))
    assert memory.load("t").pending == PendingTurn("x", clip)
    memory.finish("t", mark, Turn("x", "x", clip, "y"))
    memory.close()
    assert open_memory(file).load("t").turns[0].clip == clip


# --- conversations of an earlier version --------------------------------------------------------------------


@pytest.fixture
def old_file(file):
    with sqlite3.connect(file) as connection:
        connection.executescript(OLD_CHECKPOINTS.read_text())
    connection.close()
    return file


def check_old_conversations(memory):
    with agent_on(memory) as agent:
        assert heard(agent, "ana") == ["My name is Ana.", "My dog Rex died."]
        assert [turn.emotion for turn in agent.history("ana")] == ["neutral", "sadness"]
        assert agent.history("ben")[0].risk == "self-harm"
        assert [agent.interrupted(thread) for thread in ("ana", "ben", "eve")] == [False, True, True]
        assert agent.resume("ben").response == GOOD
        agent.respond(text="My dog died.", thread_id="ana")
    with agent_on(memory) as agent:
        assert heard(agent, "ana") == ["My name is Ana.", "My dog Rex died.", "My dog died."]
        assert heard(agent, "ben") == ["I want to kill myself.", "Are you there?"]


def test_checkpoints_become_turns(old_file):
    check_old_conversations(old_file)
    with sqlite3.connect(old_file) as connection:
        assert connection.execute("SELECT count(*) FROM checkpoints").fetchone() == (0,)


def test_checkpoints_of_other_applications_stay(old_file):
    import ormsgpack

    other = ormsgpack.packb({"channel_values": {"messages": ["hello"]}})
    with sqlite3.connect(old_file) as connection:
        connection.execute("INSERT INTO checkpoints VALUES ('other', '', '1', NULL, 'msgpack', ?, '')", (other,))
    with agent_on(old_file) as agent:
        assert agent.history("other") == ()
        assert len(agent.history("ana")) == 2
    with sqlite3.connect(old_file) as connection:
        assert connection.execute("SELECT thread_id FROM checkpoints").fetchall() == [("other",)]


def test_risks_of_the_first_version_are_risks(old_file):
    import ormsgpack

    turn = {"heard": "x", "typed": "x", "clip": None, "reply": "y", "emotion": "self-harm"}
    values = {"channel_values": {"turns": [turn], "typed": "x", "clip": None}}
    with sqlite3.connect(old_file) as connection:
        connection.execute("UPDATE checkpoints SET checkpoint = ?", (ormsgpack.packb(values),))
    with agent_on(old_file) as agent:
        found = agent.history("ana")[0]
    assert (found.emotion, found.risk) == ("unknown", "self-harm")


@pytest.mark.parametrize("kind", ["msgpack", "json", "pickle"])
def test_a_crafted_file_runs_no_code(old_file, tmp_path, kind):
    import ormsgpack

    # LangGraph's own extension type "import this, call it with that", which its default serializer obeys.
    call = ormsgpack.Ext(0, ormsgpack.packb(["os", "mkdir", str(tmp_path / "ran")]))
    blob = ormsgpack.packb({"channel_values": {"turns": call, "typed": "x", "clip": None}})
    if kind == "pickle":
        blob = b"cos\nmkdir\n(S'" + str(tmp_path / "ran").encode() + b"'\ntR."
    with sqlite3.connect(old_file) as connection:
        connection.execute("UPDATE checkpoints SET checkpoint = ?, type = ? WHERE thread_id = 'ana'", (blob, kind))
    with agent_on(old_file) as agent, pytest.raises(StorageError, match="'ana' of an earlier version"):
        agent.history("ben")
    assert not (tmp_path / "ran").exists()
    with sqlite3.connect(old_file) as connection:  # nothing was deleted
        assert connection.execute("SELECT count(DISTINCT thread_id) FROM checkpoints").fetchone() == (3,)


def test_a_failed_turn_keeps_its_place(file):
    def broken(_):
        raise PolicyError("the service is down", "Try later.")

    with agent_on(file, ScriptedPolicy(broken)) as agent, pytest.raises(PolicyError):
        agent.respond(text="My dog died.", thread_id="t")
    with agent_on(file) as agent:
        assert agent.interrupted("t")
        assert agent.resume("t").response == GOOD
        assert heard(agent, "t") == ["My dog died."]
