"""Chromium for the tests of the page: its flags, its microphone and camera, and what the server tells the page."""

from __future__ import annotations

import json
import shutil
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FAKE_DEVICES = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
NEEDS_CHROMIUM = [
    pytest.mark.subprocess,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium: apt-get install chromium"),
]
# Keeps the samples of every piece of sound that the page plays, and counts those that it stops.
_KEEP_SOUND = """
window.played = [];
window.stopped = 0;
const { start, stop } = AudioBufferSourceNode.prototype;
AudioBufferSourceNode.prototype.start = function (...rest) {
  window.played.push(Array.from(this.buffer.getChannelData(0)));
  return start.apply(this, rest);
};
AudioBufferSourceNode.prototype.stop = function (...rest) {
  window.stopped += 1;
  return stop.apply(this, rest);
};
"""


def open_at(browser: Any, service: Any, place: str, **options: Any) -> Any:
    """Open a page of the service; it keeps the requests to others, the failures of its scripts, and the events."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(120_000)
    page.foreign, page.faults, page.told = [], [], []
    own = (service.url, service.url.replace("http", "ws"), "blob:", "data:")
    page.on("request", lambda request: None if request.url.startswith(own) else page.foreign.append(request.url))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("websocket", lambda socket: socket.on("framereceived", lambda text: page.told.append(json.loads(text))))
    page.add_init_script(_KEEP_SOUND)
    page.goto(f"{service.url}/{place}")
    return page


def told(page: Any, kind: str) -> list[dict[str, Any]]:
    """The events of a kind that the server has sent to the page."""
    return [event for event in page.told if event["type"] == kind]


def wait(page: Any, condition: Callable[[], Any], timeout_s: float = 240) -> Any:
    """Wait until something has happened, however busy the machine is; return what it is."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, [event["type"] for event in page.told]
        page.wait_for_timeout(50)
    return found


def write_microphone(path: Path, *parts: Any) -> str:
    """Write what a fake microphone hears: seconds of silence, and sound (N,) float32 at 24 kHz; return the flag."""
    sound = np.concatenate(
        [np.zeros(int(part * 24_000), np.float32) if isinstance(part, float) else part for part in parts]
    )
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return f"--use-file-for-fake-audio-capture={path}"


def write_camera(path: Path, clip: Path) -> str:
    """Write what a fake camera sees, the pictures of a clip again and again; return the flag."""
    import av

    with av.open(str(clip)) as source, av.open(str(path), "w", format="mjpeg") as target:
        stream = target.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame.reformat(640, 480, "yuvj420p")))
        target.mux(stream.encode(None))
    return f"--use-file-for-fake-video-capture={path}"
