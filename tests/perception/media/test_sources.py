"""Clips that are given as bytes or as open files."""

import gc
import io
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest

from omnisense import Agent, InputError, MediaError, ScriptedPolicy, open_clip, perceive
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings


@pytest.fixture
def path(make_media):
    return make_media("clip.mp4", video_s=1.0, audio_s=1.0)


@pytest.fixture
def content(path):
    return path.read_bytes()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_content_is_opened_like_a_file(path, content, kind):
    clip, expected = open_clip(kind(content)), open_clip(path)
    assert (clip.duration_s, clip.width, clip.has_audio) == (expected.duration_s, expected.width, True)
    assert np.array_equal(clip.frames().images, expected.frames().images)
    assert clip.path.stat().st_mode & 0o077 == 0


def test_the_temporary_file_lives_as_long_as_its_clip_and_windows(content):
    window = open_clip(content)[0.2:0.8]
    gc.collect()
    path = window.path
    assert len(window.audio()) == 0.6 * 16_000
    assert pickle.loads(pickle.dumps(window)).path == path
    del window
    gc.collect()
    assert not path.exists()


def test_an_open_file_is_read_from_where_it_stands(content, tmp_path):
    (tmp_path / "two").write_bytes(b"header" + content)
    with (tmp_path / "two").open("rb") as file:
        file.seek(6)
        assert open_clip(file).width == 160


@pytest.mark.parametrize("wrong", [5, 1.5, ["clip.mp4"], {}, np.zeros((4, 4, 3)), object()])
def test_other_types_are_named_with_the_remedy(wrong):
    for call in (open_clip, perceive, Perception().perceive, Agent(ScriptedPolicy(), memory=None).respond):
        with pytest.raises(InputError, match=f"of type {type(wrong).__name__}.*Give a path, bytes, a file object"):
            call(wrong)


def test_content_that_is_no_media_is_said_so(content, tmp_path):
    left = set(Path(tempfile.gettempdir()).glob("omnisense-*"))
    with pytest.raises(MediaError, match="not a media file"):
        open_clip(b"hello" * 100)
    with pytest.raises(MediaError, match="the file is empty"):
        open_clip(b"")
    with pytest.raises(InputError, match="binary mode"):
        open_clip(io.StringIO("hello"))
    file = io.BytesIO(content)
    file.close()
    with pytest.raises(MediaError, match="closed"):
        open_clip(file)
    gc.collect()
    assert set(Path(tempfile.gettempdir()).glob("omnisense-*")) == left


def test_percepts_of_content_are_cached_by_content(content):
    perception = Perception(PerceptionSettings(streams=("audio",), speaker_model=None, voice_emotion_model=None))
    assert not perception.perceive(content).provenance.from_cache
    assert perception.perceive(io.BytesIO(content)).provenance.from_cache
