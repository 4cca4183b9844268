"""Clips that are decoded in another process: the same samples and frames, and an end to time and memory."""

import contextlib
import os
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from omnisense import InputError, MediaError, Perception, open_clip
from omnisense.perception.media.isolation import open_isolated
from omnisense.perception.media.limits import MediaLimits
from tests.conftest import DEMO

pytestmark = pytest.mark.subprocess


def decoders():
    """Return the decoding processes of this process."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "omnisense.perception.media.worker" in child.cmdline():
                found.append(child)
    return found


def test_frames_and_audio_are_those_of_this_process_and_the_processes_end_with_the_clip(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    plain, clip = open_clip(DEMO), open_isolated(DEMO)
    assert (clip.kind, clip.duration_s, clip.width) == (plain.kind, plain.duration_s, plain.width)
    window, same = clip[2.0:4.0], plain[2.0:4.0]
    assert np.array_equal(window.audio(), same.audio())
    assert np.array_equal(window.frames(at_s=[0.0, 1.5]).images, same.frames(at_s=[0.0, 1.5]).images)
    [process] = decoders()
    if Path(f"/proc/{process.pid}/environ").exists():
        assert b"secret" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    batches = iter(clip.iter_frames(batch_size=1))
    next(batches)
    batches.close()  # in the middle: that process cannot be used again
    assert not decoders()
    del window, clip
    assert not decoders()


def test_a_decoder_that_takes_too_long_or_too_much_memory_or_dies_is_an_error_that_says_so():
    with pytest.raises(MediaError, match="longer than 0 s"):
        open_isolated(DEMO, MediaLimits(decode_s=0.01))
    with pytest.raises(MediaError, match="more than 1 MB of memory"):
        open_isolated(DEMO, MediaLimits(memory_mb=1))
    clip = open_isolated(DEMO)
    decoders()[0].kill()
    time.sleep(0.1)
    with pytest.raises(MediaError, match="crashed"):
        clip.audio()
    assert len(clip[0.0:1.0].audio()) == 16_000  # by a new process
    with pytest.raises(MediaError, match="not a media file"):
        open_isolated(Path(__file__))


def test_perception_decodes_elsewhere_on_request_and_keeps_to_its_limits(tmp_path):
    perception = Perception(cache=False, isolation="process", limits=MediaLimits(max_duration_s=2.0))
    assert type(perception.open(DEMO)).__name__ == "IsolatedClip"
    assert type(perception.open(open_clip(DEMO)[1.0:2.0])).__name__ == "IsolatedClip"
    with pytest.raises(MediaError, match="at most"):
        perception.perceive(DEMO)
    with pytest.raises(InputError, match="Choose from none, process"):
        Perception(isolation="thread")
    clip = perception.open(DEMO.read_bytes())
    path = clip.path
    assert clip[2.0:2.5].audio().any()
    del clip
    assert not os.path.exists(path)


TAKEN_OVER = """
import json, struct, sys
from omnisense.perception.media.worker import HEADER
OPEN = {"clip": {"kind": "video", "duration_s": 2.0, "has_video": True, "has_audio": True, "width": 32, "height": 16}}
for line in sys.stdin:
    opens = json.loads(line)["do"] == "open" and ANSWER[0] != "open"
    for header in (OPEN | {"arrays": []}, {"end": 1, "arrays": []}) if opens else ANSWER[1]:
        data = header if isinstance(header, bytes) else json.dumps(header).encode()
        sys.stdout.buffer.write(HEADER.pack(len(data)) + data)
        sys.stdout.buffer.flush()
"""
FRAMES = {"decoder": "x", "note": "", "arrays": [{"dtype": "float64", "shape": [0]}, {"dtype": "uint8", "shape": [0]}]}


@pytest.mark.parametrize(
    "answer",
    [
        ("open", [b"[" * 60_000]),
        ("open", [b"7"]),
        ("open", [{"clip": {"kind": "exe"}, "arrays": []}, {"end": 1, "arrays": []}]),
        ("open", [{"clip": {"duration_s": None}, "arrays": []}, {"end": 1, "arrays": []}]),
        ("open", [{"error": [], "arrays": []}]),
        ("audio", [{"arrays": [{"dtype": "object", "shape": [3]}]}]),
        ("audio", [{"arrays": [{"dtype": "float32", "shape": [-1, -4]}]}]),
        ("audio", [{"arrays": [{"dtype": "float32", "shape": [1e9, 1]}]}]),
        ("audio", [{"arrays": []}, {"end": 1, "arrays": []}]),
        ("frames", [{"arrays": "x"}]),
        ("frames", [{"error": [], "arrays": []}]),
        ("frames", [FRAMES, {"end": 1, "arrays": []}]),
        ("frames", [{"arrays": [{"dtype": "uint8", "shape": [10**6, 10**6]}]}]),
    ],
    ids=range(13),
)
def test_a_decoder_that_was_taken_over_gives_an_error(tmp_path, monkeypatch, answer):
    (tmp_path / "taken_over.py").write_text(f"ANSWER = {answer!r}\n{TAKEN_OVER}")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr("omnisense.perception.media.isolation._MODULE", "taken_over")

    def read():
        clip = open_isolated(DEMO)
        return clip.audio() if answer[0] == "audio" else clip.frames()

    with pytest.raises(MediaError, match="the decoder crashed on it"):
        read()
