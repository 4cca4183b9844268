"""What is kept of conversations: listing it, removing it for good, keeping nothing, and where it lies."""

import os
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest

from omnisense import Agent, ConflictError, InputError, Perception, ScriptedPolicy, StorageError, forget_clip
from omnisense.agent.memory import default_memory, open_memory
from omnisense.agent.rows import PendingTurn
from omnisense.files import data_dir, home_dir
from omnisense.perception import extraction
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import AudioStream, Prosody
from omnisense.reasoning.loop.conversation import ClipReference

GOOD = "I hear you, and it sounds like a lot to hold."
SECRET = "xylophone"
CLOSE_TO_NOW = timedelta(minutes=5)


def agent_on(memory="", **settings):
    return Agent(ScriptedPolicy([GOOD]), memory=memory, **settings)


def bytes_below(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def perception(monkeypatch):
    """Hears a tone in every clip, without models."""
    monkeypatch.setattr(Perception, "_is_cacheable", lambda *_: True)
    monkeypatch.setattr(extraction, "_extract_audio", lambda *_: AudioStream(1.0, (), (), (), (), Prosody()))
    return Perception(PerceptionSettings(streams=("audio",)))


@pytest.fixture
def sound(make_media):
    return make_media("a.wav", video_s=None, audio_s=1.0, audio_codec="pcm_s16le")


@pytest.fixture
def file(tmp_path):
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept" / "m.sqlite"


# --- listing ------------------------------------------------------------------------------------------------


def test_threads_are_listed(file):
    with agent_on(file) as agent:
        assert agent.threads() == []
        agent.respond(text="My dog died.", thread_id="ben")
        for text in ("My name is Ana.", "I passed my exam!"):
            agent.respond(text=text, thread_id="ana")
        open_memory(file).begin("cem", PendingTurn("Hello?", None))
        ana, ben, cem = agent.threads()
    assert [(t.thread_id, t.turns, t.interrupted) for t in (ana, ben, cem)] == [
        ("ana", 2, False),
        ("ben", 1, False),
        ("cem", 0, True),
    ]
    assert ana.last_at is not None
    assert datetime.now(UTC) - ana.last_at < CLOSE_TO_NOW
    assert ana.size_bytes > ben.size_bytes > cem.size_bytes > 0
    assert cem.last_at is None


def test_turns_of_earlier_versions_have_no_time(file):
    with agent_on(file) as agent:
        agent.respond(text="Hello.", thread_id="ana")
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE omnisense_turns SET turn = json_remove(turn, '$.ended_at')")
        assert [thread.last_at for thread in agent.threads()] == [None]
        assert agent.history("ana")[0].typed == "Hello."


# --- forgetting ---------------------------------------------------------------------------------------------


def test_a_forgotten_conversation_is_in_no_file(file):
    with agent_on(file) as agent:
        for i in range(30):  # several pages, whose rows move as others are deleted
            agent.respond(text=f"My name is {SECRET}, and I tell you {SECRET} {i}.", thread_id=f"{SECRET}-thread")
            agent.respond(text=f"I live in Porto, number {i}.", thread_id="ana")
        open_memory(file).begin(f"{SECRET}-thread", PendingTurn(f"{SECRET} again", None))
        assert SECRET.encode() in bytes_below(file.parent)
        locks = len(list(file.parent.rglob("*.lock")))
        agent.forget(f"{SECRET}-thread")
        assert SECRET.encode() not in bytes_below(file.parent)
        assert len(list(file.parent.rglob("*.lock"))) < locks
        assert [thread.thread_id for thread in agent.threads()] == ["ana"]
        assert len(agent.history("ana")) == 30
        assert agent.history(f"{SECRET}-thread") == ()
        agent.respond(text="I live in Porto.", thread_id="ana")


def test_an_interrupted_turn_that_ended_leaves_nothing_behind(file):
    with agent_on(file) as agent:
        agent.respond(text=f"A word: {SECRET}.", thread_id="ana")
        agent.forget("ana")
        agent.respond(text="Hello.", thread_id="ana")
        assert [turn.heard for turn in agent.history("ana")] == ["Hello."]
    assert SECRET.encode() not in bytes_below(file.parent)


def test_a_conversation_that_is_not_there_cannot_be_forgotten(file):
    with agent_on(file) as agent, pytest.raises(InputError, match="no conversation 'ana'"):
        agent.forget("ana")


def test_a_damaged_conversation_is_forgotten(file):
    with agent_on(file) as agent:
        agent.respond(text=f"A {SECRET}.", thread_id="ana")
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE omnisense_turns SET turn = substr(turn, 1, 60)")
        assert [thread.turns for thread in agent.threads()] == [1]
        agent.forget("ana")
    assert SECRET.encode() not in bytes_below(file.parent)


def test_a_running_turn_ends_before_its_conversation_is_forgotten(file):
    with agent_on(file) as agent, agent_on(file, turn_wait_s=0.05) as other:
        events = agent.stream(text="Hello.", thread_id="ana")
        next(events)
        with pytest.raises(ConflictError, match="still running"):
            other.forget("ana")
        list(events)
        other.forget("ana")
        assert agent.threads() == []


def test_what_another_process_still_reads_is_reported(file, monkeypatch):
    monkeypatch.setattr("omnisense.agent.database._BUSY_S", 0.2)
    with agent_on(file) as agent:
        agent.respond(text=f"A {SECRET}.", thread_id="ana")
        reader = sqlite3.connect(file, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM omnisense_turns").fetchone()
        with pytest.raises(StorageError):
            agent.forget("ana")
        reader.close()
        with pytest.raises(InputError, match="no conversation"):  # the rest of it is erased
            agent.forget("ana")
    assert SECRET.encode() not in bytes_below(file.parent)


def test_percepts_of_its_clips_go_with_a_conversation(file, perception, sound, own_home, tmp_path):
    other = tmp_path / "other.wav"
    other.write_bytes(sound.read_bytes() + b"\0\0")
    with agent_on(file, perception=perception) as agent:
        agent.respond(sound, thread_id="ana")
        agent.respond(sound.read_bytes(), thread_id="ben")  # whose temporary file is gone
        agent.respond(other, thread_id="cem")
        assert len(list((own_home / "percepts").iterdir())) == 2
        sound.unlink()
        agent.forget("ben")
        assert len(list((own_home / "percepts").iterdir())) == 1
        agent.forget("cem")
        assert list((own_home / "percepts").iterdir()) == []
        assert other.exists()


def test_percepts_of_an_interrupted_turn_go_too(file, perception, sound, own_home):
    from omnisense import open_clip

    perception.perceive(sound)
    open_memory(file).begin("ana", PendingTurn("", ClipReference.of(open_clip(sound))))
    with agent_on(file) as agent:
        agent.forget("ana")
    assert list((own_home / "percepts").iterdir()) == []


def test_everything_is_forgotten(own_home, perception, sound):
    with agent_on(perception=perception) as agent:
        agent.respond(sound, text=f"A {SECRET}.", thread_id="ana")
        agent.respond(text=f"Another {SECRET}.", thread_id="ben")
        assert agent.forget_all() == 2
        assert agent.threads() == []
        assert agent.history("ana") == ()
    assert list((own_home / "percepts").iterdir()) == []
    assert SECRET.encode() not in b"".join(p.read_bytes() for p in own_home.glob("*") if p.is_file())


# --- keeping nothing, or where ------------------------------------------------------------------------------


def names_in(home):
    return sorted(path.relative_to(home) for path in home.rglob("*") if "models" not in path.parts)


def test_nothing_is_stored_without_memory_and_cache(own_home, perception, sound):
    before = names_in(own_home)
    perception.cache = False
    with agent_on(None, perception=perception) as agent:
        agent.respond(sound, text="Hello.", thread_id="ana")
        assert agent.respond(text="What did I say?", thread_id="ana").response
        assert [turn.typed for turn in agent.history("ana")] == ["Hello.", "What did I say?"]
    assert names_in(own_home) == before


def test_without_a_thread_no_database_is_needed(own_home, monkeypatch):
    own_home.joinpath("conversations.sqlite").mkdir()  # nothing could be opened there
    with agent_on() as agent:
        assert agent.respond(text="Hello.").response
        with pytest.raises(StorageError):
            agent.respond(text="Hello.", thread_id="ana")


@pytest.fixture
def two_folders(monkeypatch, tmp_path):
    """The user's cache and data folders, as without OMNISENSE_HOME."""
    monkeypatch.delenv("OMNISENSE_HOME")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(tmp_path / "data" / name))
    return home_dir(), data_dir()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_conversations_lie_in_a_data_folder_of_their_owner(two_folders):
    cache, data = two_folders
    assert default_memory().parent == data != cache
    with agent_on() as agent:
        agent.respond(text="Hello.", thread_id="ana")
        assert {path.stat().st_mode & 0o077 for path in [data, *data.rglob("*")]} == {0}
    assert not cache.exists()


def test_conversations_of_earlier_versions_are_moved(two_folders):
    cache, _ = two_folders
    cache.mkdir(parents=True)
    old = cache / "conversations.sqlite"
    with agent_on(old) as agent:
        agent.respond(text="Hello.", thread_id="ana")
        old.chmod(0o644)
    agents = [agent_on() for _ in range(3)]
    found = []
    running = [threading.Thread(target=lambda a=a: found.append(len(a.history("ana")))) for a in agents]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert found == [1, 1, 1]
    assert [path.name for path in cache.iterdir()] == []
    assert default_memory().stat().st_mode & 0o077 == 0


def test_conversations_that_are_open_elsewhere_are_not_moved(two_folders, monkeypatch):
    cache, _ = two_folders
    cache.mkdir(parents=True)
    with agent_on(cache / "conversations.sqlite") as running:
        running.respond(text="Hello.", thread_id="ana")
        connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", lambda *a, **s: connect(*a, **(s | {"timeout": 0.1})))
        with agent_on() as agent, pytest.raises(StorageError, match="cannot be moved"):
            agent.history("ana")
        assert len(running.history("ana")) == 1
    with agent_on() as agent:
        assert len(agent.history("ana")) == 1


def test_a_clip_is_forgotten_by_name(perception, sound, own_home):
    perception.perceive(sound)
    assert forget_clip(sound) == 1
