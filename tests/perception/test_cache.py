"""Cached percepts: who may read them, how long they stay, and how they are forgotten."""

import os
import subprocess
import sys
import time

import pytest

from omnisense.errors import InputError
from omnisense.files import write_atomically
from omnisense.perception import extraction
from omnisense.perception.cache import forget_all_percepts, forget_clip, forget_percepts
from omnisense.perception.media.clip import open_clip
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import AudioStream, Prosody

DAY_S = 86_400


@pytest.fixture
def perceive(monkeypatch):
    """Perceive without models: an audio stream of one second."""
    monkeypatch.setattr(Perception, "_is_cacheable", lambda *_: True)
    monkeypatch.setattr(extraction, "_extract_audio", lambda *_: AudioStream(1.0, (), (), (), (), Prosody()))

    def perceive(clip, **settings):
        return Perception(PerceptionSettings(streams=("audio",)), **settings).perceive(clip)

    return perceive


@pytest.fixture
def sound(make_media):
    def make(name, seconds=1.0):
        return make_media(name, video_s=None, audio_s=seconds, audio_codec="pcm_s16le")

    return make


def kept(home):
    return sorted((home / "percepts").iterdir()) if (home / "percepts").exists() else []


def leave_idle(path, days):
    then = time.time() - days * DAY_S
    os.utime(path, (then, then))


def test_without_the_cache_nothing_is_kept_or_read(own_home, sound, perceive):
    before = sorted(own_home.rglob("*"))
    assert isinstance(perceive(sound("a.wav"), cache=False).audio, AudioStream)
    assert sorted(own_home.rglob("*")) == before
    perceive(sound("a.wav"))
    assert not perceive(sound("a.wav"), cache=False).provenance.from_cache


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_only_their_owner_may_read_percepts(own_home, sound, perceive):
    (own_home / "percepts").mkdir(mode=0o755)  # of an earlier version
    perceive(sound("a.wav"))
    assert (own_home / "percepts").stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in kept(own_home)] == [0o600]


def test_percepts_not_used_for_long_are_removed(own_home, sound, perceive, monkeypatch):
    monkeypatch.setenv("OMNISENSE_PERCEPTS_DAYS", "30")
    first, second, third = (sound(f"{i}.wav", seconds=1 + i / 10) for i in range(3))
    perceive(first)
    perceive(second)
    embeddings = own_home / "percepts" / "0123.npy"  # an earlier version kept them
    embeddings.write_bytes(b"x")
    for path in kept(own_home):
        leave_idle(path, 31)
    assert perceive(second).provenance.from_cache  # which is a use
    perceive(third)
    assert len(kept(own_home)) == 2
    assert not embeddings.exists()
    assert not perceive(first).provenance.from_cache
    assert perceive(second).provenance.from_cache


def test_above_its_size_the_cache_loses_what_was_not_used_for_the_longest_time(own_home, sound, perceive, monkeypatch):
    sounds = [sound(f"{i}.wav", seconds=1 + i / 10) for i in range(4)]
    for number, path in enumerate(sounds[:3]):
        before = kept(own_home)
        perceive(path)
        (new,) = set(kept(own_home)) - set(before)
        leave_idle(new, 3 - number)
    size = sum(path.stat().st_size for path in kept(own_home))
    monkeypatch.setenv("OMNISENSE_PERCEPTS_MB", str(size / 1e6))
    perceive(sounds[3])
    assert [perceive(path).provenance.from_cache for path in sounds[1:]] == [True, True, True]
    monkeypatch.setenv("OMNISENSE_PERCEPTS_MB", "0")
    perceive(sounds[0])
    assert len(kept(own_home)) == 4  # all were used within the last hour


@pytest.mark.parametrize("given", ["much", "-1", "nan"])
def test_a_limit_that_is_no_number_is_reported_before_perceiving(monkeypatch, given):
    monkeypatch.setenv("OMNISENSE_PERCEPTS_MB", given)
    with pytest.raises(InputError, match="OMNISENSE_PERCEPTS_MB"):
        Perception()


def test_a_clip_is_forgotten_with_its_windows_and_copies(own_home, sound, perceive, tmp_path, monkeypatch):
    one, other = sound("one.wav"), sound("other.wav", seconds=1.5)
    monkeypatch.chdir(tmp_path)
    perceive("one.wav")
    perceive(open_clip(one)[0.2:0.7])
    perceive(other)
    copy = tmp_path / "copy.wav"
    copy.write_bytes(one.read_bytes())
    assert forget_clip(copy) == 2
    assert len(kept(own_home)) == 1
    assert perceive(other).provenance.from_cache
    assert forget_clip(copy) == 0


def test_a_clip_that_is_gone_is_forgotten_by_its_path(own_home, sound, perceive, monkeypatch):
    one, other = sound('a "quoted" näme.wav'), sound("other.wav", seconds=1.5)
    monkeypatch.chdir(one.parent)
    perceive(one.name)
    perceive(other)
    one.unlink()
    assert forget_clip(one) == 1
    assert len(kept(own_home)) == 1


def test_all_percepts_are_forgotten(own_home, sound, perceive):
    assert forget_all_percepts() == 0
    perceive(sound("one.wav"))
    (own_home / "percepts" / "0123.npy").write_bytes(b"x")
    assert forget_percepts() == 0  # of no clip
    assert forget_all_percepts() == 1
    assert kept(own_home) == []


@pytest.mark.subprocess
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_clips_that_a_killed_process_was_given_as_bytes_are_removed(sound, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    code = "import os, sys, omnisense; clip = omnisense.open_clip(open(sys.argv[1], 'rb')); os.kill(os.getpid(), 9)"
    command = [sys.executable, "-c", code, str(sound("a.wav"))]
    assert subprocess.run(command, env=os.environ | {"TMPDIR": str(folder)}, check=False).returncode == -9
    assert len(list(folder.iterdir())) == 1
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    clips = [open_clip(sound("a.wav").read_bytes()) for _ in range(2)]
    assert {clip.path for clip in clips} == set(folder.iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from omnisense import files
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomically(Path(sys.argv[1]), "half of")
"""


@pytest.mark.subprocess
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_what_a_killed_process_left_is_removed(tmp_path):
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.json")], check=False).returncode == -9
    assert len(list(tmp_path.glob(".a.json.*.part"))) == 1
    running = tmp_path / next(tmp_path.iterdir()).name.replace("a.json", "b.json")
    name, _, thread = running.name.rpartition("-")
    running = running.with_name(f"{name.rpartition('-')[0]}-{os.getpid()}-{thread}")
    running.write_text("of a process that runs")
    write_atomically(tmp_path / "c.json", "all of it")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([running.name, "c.json"])
