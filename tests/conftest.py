"""Shared fixtures: real clips where they are at hand, media made on the spot, and a home of its own for each test."""

from __future__ import annotations

import csv
import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import _RedirectStream, redirect_stderr, redirect_stdout
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

# Read when torch and BLAS are imported. The tests' networks are tiny: with several threads most of the time is spent in
# waiting for one another, and where something else runs on the machine they take up to ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO = REPOSITORY / "agent" / "demo.mp4"
SHARED = REPOSITORY.parent / "shared" / "data"
FIXTURES_WITH_NETWORKS = {"perception", "tiny", "tiny_llm", "vlm", "omni"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runslow", action="store_true", help="run the tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    from omnisense import models

    absent = [name for name in models.DEFAULTS if models.find(name) is None]
    for item in items:
        if FIXTURES_WITH_NETWORKS.intersection(item.fixturenames):
            item.add_marker("networks")
        if "run_cli_process" in item.fixturenames:
            item.add_marker("subprocess")
        if "slow" in item.keywords and not config.getoption("--runslow"):
            item.add_marker(pytest.mark.skip(reason="slow; run with --runslow"))
        if "models" in item.keywords and absent:
            item.add_marker(pytest.mark.skip(reason=f"offline models absent ({', '.join(absent)}); run `make models`"))
        if "shared" in item.keywords and not SHARED.is_dir():
            item.add_marker(pytest.mark.skip(reason="the real clips of ../shared/data are not here"))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Percepts and conversations go to a folder of the test's own; the fetched models are shared."""
    from omnisense.files import home_dir

    home = tmp_path_factory.mktemp("home")
    real = home_dir() / "models"
    if real.is_dir():
        (home / "models").symlink_to(real)
    monkeypatch.setenv("OMNISENSE_HOME", str(home))
    monkeypatch.setenv("OMNISENSE_OFFLINE", "1")
    return home


@pytest.fixture(autouse=True)
def no_text_model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed texts are read by the list of feeling words alone, unless a test is about real models."""
    real = {"models", "networks"}.intersection(request.keywords)
    if not real and not request.path.is_relative_to(REPOSITORY / "tests" / "perception"):
        from omnisense.perception import registry
        from omnisense.reasoning.safety import heads

        monkeypatch.setitem(registry._LOADERS, "text_emotion", lambda *_: None)
        monkeypatch.setattr(heads, "find_embedder", lambda *_: None)


@pytest.fixture(scope="session")
def shared() -> Path:
    return SHARED


@pytest.fixture(scope="session")
def grid(shared: Path) -> list[tuple[Path, str]]:
    """The GRID clips with their transcripts."""
    with (shared / "grid" / "transcripts.csv").open() as file:
        return [(shared / "grid" / row["file"], row["transcript"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="session")
def perception() -> Any:
    """One Perception for all tests that use real models: it loads them once, and perceives a clip once.

    ``perception.forget(path)`` makes it perceive the clip again.
    """
    from omnisense.perception.media.clip import Clip, open_clip
    from omnisense.perception.pipeline import Perception

    class RememberingPerception(Perception):
        def __init__(self) -> None:
            super().__init__(cache=False)
            self.known: dict[Any, Any] = {}

        def forget(self, path: Path) -> None:
            self.known = {key: known for key, known in self.known.items() if key[0] != str(path)}

        def perceive(self, clip: Any, on_stream: Any = None) -> Any:
            clip = clip if isinstance(clip, Clip) else open_clip(clip)
            key = (str(clip.path), clip.start_s, clip.duration_s)
            if key not in self.known:
                reports: list[Any] = []
                self.known[key] = super().perceive(clip, lambda *report: reports.append(report)), reports
            percepts, reports = self.known[key]
            for report in reports if on_stream else ():
                on_stream(*report)
            return percepts

    return RememberingPerception()


# --- media made on the spot ---------------------------------------------------------------------------------


def tone(seconds: float, hz: float = 220.0, rate: int = 16_000, level: float = 0.3) -> np.ndarray:
    """A voice-like tone with harmonics, (N,) float32."""
    t = np.arange(int(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 6))
    return (level * wave / 2).astype(np.float32)


def moving_square(i: int, width: int, height: int) -> np.ndarray:
    """Frame ``i``: a square that moves, under eight black or white cells that spell the frame's number."""
    image = np.full((height, width, 3), 40, np.uint8)
    x = 4 * i % max(width - 16, 1)
    image[height // 2 : height // 2 + 16, x : x + 16] = (200, 60, 60)
    for bit in range(8):
        cell = slice(bit * width // 8, (bit + 1) * width // 8)
        image[: height // 4, cell] = 235 if i >> bit & 1 else 20
    return image


def frame_numbers(images: np.ndarray) -> list[int]:
    """The numbers that ``moving_square`` wrote into frames (T, H, W, 3)."""
    height, width = images.shape[1:3]
    cells = [
        images[:, height // 16 : height // 5, (b * width + width // 4) // 8 : (b * width + width * 3 // 4) // 8]
        for b in range(8)
    ]
    bits = np.stack([cell.mean(axis=(1, 2, 3)) > 128 for cell in cells], axis=1)
    return (bits @ (1 << np.arange(8))).tolist()


@pytest.fixture(scope="session")
def short_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first three seconds of the demo clip, its packets copied: a face and a voice, perceived in a second."""
    import av

    path = tmp_path_factory.mktemp("short") / "demo.mp4"
    with av.open(str(DEMO)) as source, av.open(str(path), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None and packet.dts * packet.time_base < 3:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return path


MakeMedia = Callable[..., Path]


@pytest.fixture
def make_media(tmp_path: Path) -> MakeMedia:
    """Write a media file; ``seconds=0`` for a track leaves it empty, None leaves it out."""
    return lambda name, **settings: write_media(tmp_path / name, **settings)


def write_media(
    path: Path,
    video_s: float | None = 2.0,
    audio_s: float | None = 2.0,
    size: tuple[int, int] = (160, 120),
    fps: int = 25,
    video_codec: str = "libx264",
    audio_codec: str = "aac",
    rate: int = 44_100,
    layout: str = "mono",
    sample_format: str | None = None,
    pixel_format: str = "yuv420p",
    container_format: str | None = None,
    times: list[float] | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    samples: np.ndarray | None = None,
) -> Path:
    import av

    with av.open(str(path), "w", format=container_format) as out:
        video = audio = None
        if video_s is not None:
            video = out.add_stream(video_codec, rate=fps, options=options or {})
            video.width, video.height, video.pix_fmt = *size, pixel_format
            if rotation:
                video.set_display_rotation(rotation)
            if times:
                video.codec_context.time_base = Fraction(1, 1000)
        if audio_s is not None:
            audio = out.add_stream(audio_codec, rate=rate)
            audio.layout = layout
            if sample_format:
                audio.format = sample_format
        if video is not None:
            stamps = times or [i / fps for i in range(int((video_s or 0) * fps))]
            for i, stamp in enumerate(stamps):
                frame = av.VideoFrame.from_ndarray(moving_square(i, *size), format="rgb24").reformat(
                    format=pixel_format
                )
                frame.pts = round(stamp * 1000) if times else i
                frame.time_base = Fraction(1, 1000) if times else Fraction(1, fps)
                out.mux(video.encode(frame))
            out.mux(video.encode())
        if audio is not None:
            sound = tone(audio_s or 0, rate=rate) if samples is None else samples
            resampler = av.AudioResampler(format=audio.format.name, layout=layout, rate=rate)
            for at in range(0, len(sound), 1024):
                frame = av.AudioFrame.from_ndarray(sound[None, at : at + 1024], format="fltp", layout="mono")
                frame.rate, frame.pts = rate, at
                for piece in resampler.resample(frame):
                    out.mux(audio.encode(piece))
            out.mux(audio.encode())
    return path


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Processes that the test starts get SIGINT as from a terminal's Ctrl-C.

    A shell starts background jobs, and ``nohup`` its command, with SIGINT ignored, and children inherit that. A handler
    is not inherited: with one in place here, children start with the default.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Ran(NamedTuple):
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run_cli() -> Callable[..., Ran]:
    """Run the ``omnisense`` command in this process: exit code, standard output, standard error.

    A process of its own takes a second to start: see ``run_cli_process`` for what needs one.
    """

    def run(*arguments: object, stdin: str | None = None, **environment: str) -> Ran:
        from omnisense.agent.cli.main import main

        argv, code = sys.argv, 0
        out, err = io.StringIO(), io.StringIO()
        given = {"COLUMNS": "80"} | environment
        before = {name: os.environ.get(name) for name in (*given, "OMNISENSE_LOG")}
        os.environ.update(given)
        sys.argv = ["omnisense", *map(str, arguments)]
        try:
            with redirect_stdout(out), redirect_stderr(err), redirect_stdin(io.StringIO(stdin or "")):
                main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            sys.argv = argv
            restore_environment(before)  # and nothing else: libraries set variables once, when they are imported
            undo_logging()
        return Ran(code, out.getvalue(), err.getvalue())

    return run


def restore_environment(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class redirect_stdin(_RedirectStream):  # noqa: N801 - named like its twins in contextlib
    _stream = "stdin"


def undo_logging() -> None:
    """Leave the log as it is without a command: no handlers, no levels."""
    logger = logging.getLogger("omnisense")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.NOTSET)
    logging.captureWarnings(False)


@pytest.fixture
def run_cli_process() -> Callable[..., Ran]:
    """Run the ``omnisense`` command in a process of its own, where native libraries write to the real streams."""

    def run(*arguments: object, stdin: str | None = None, **environment: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "omnisense.agent.cli.main", *map(str, arguments)],
            capture_output=True,
            text=True,
            input=stdin,
            timeout=240,
            env=os.environ | {"COLUMNS": "80"} | environment,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run
