"""Timings of OmniSense beside its parts alone and beside named peers, in one run on one machine.

Every job is run warm, interleaved with the others and in another order each round, so that neither a machine whose
speed drifts nor what the previous job left behind favors one of them.
"""

from __future__ import annotations

import gc
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from omnisense import models
from omnisense.benchmarks.speed.agents import agent_without_models
from omnisense.benchmarks.speed.clips import FPS
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.vision.face_detector import FaceDetector
from omnisense.reasoning.policies.messages import message
from omnisense.reasoning.policies.scripted import ScriptedPolicy


class Timing(NamedTuple):
    """Seconds of the counted runs of one job."""

    group: str
    name: str
    seconds: list[float]

    @property
    def median_s(self) -> float:
        """The median of the runs."""
        return statistics.median(self.seconds)


Work = dict[str, Callable[[], Any]]


def time_interleaved(group: str, work: Work, runs: int) -> list[Timing]:
    """Run each job once to warm up, then all of them ``runs`` times, in another order each round."""
    shuffle = random.Random(0).shuffle
    for job in work.values():
        job()
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(runs):
        order = list(work)
        shuffle(order)
        for name in order:
            gc.collect()
            began = time.perf_counter()
            work[name]()
            seconds[name].append(time.perf_counter() - began)
    return [Timing(group, name, values) for name, values in seconds.items()]


def perception(path: Path, runs: int) -> list[Timing]:
    """Time all three streams at once, against the same parts alone: decoding, faces, and two ways of transcribing.

    The parts have no counterpart to active speaker, diarization and emotion: these are left out of the comparison and
    timed in a separate row.
    """
    clip = open_clip(path)
    everything = Perception(cache=False)
    plain = PerceptionSettings(
        face_mesh_model=None, speaker_model=None, voice_emotion_model=None, text_emotion_model=None
    )
    streams = Perception(plain, cache=False)
    plan = Sampling().plan(clip.duration_s, clip.frame_rate, clip.frame_count, clip.width, clip.height)
    frames = clip.frames(Sampling()).images
    sound = clip.audio()
    detector = FaceDetector(models.fetch("centerface"), threads=0)
    whisper = models.fetch("whisper-tiny.en")
    transcribe, batched = _whisperx(whisper), _faster_whisper(whisper)
    return time_interleaved("perception", {
        "omnisense, three streams": lambda: streams.perceive(clip),
        "omnisense, people read too": lambda: everything.perceive(clip),
        "decoding alone (decord)": lambda: _decord(path, plan.times_s, clip, plan.width, plan.height),
        "faces alone (CenterFace)": lambda: [detector.detect(frame) for frame in frames],
        "WhisperX alone": lambda: transcribe(sound),
        "faster-whisper batched alone": lambda: batched(sound),
    }, runs)  # fmt: skip


def _whisperx(folder: Path) -> Callable[[np.ndarray], Any]:
    """WhisperX as its README runs it on a CPU, with its own voice activity detection."""
    import whisperx

    pipeline = whisperx.load_model(str(folder), "cpu", compute_type="int8", language="en", vad_method="pyannote")
    return lambda sound: pipeline.transcribe(sound, batch_size=8)


def _faster_whisper(folder: Path) -> Callable[[np.ndarray], Any]:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    pipeline = BatchedInferencePipeline(WhisperModel(str(folder), device="cpu", compute_type="int8"))
    return lambda sound: list(pipeline.transcribe(sound, batch_size=8, language="en")[0])


def sampling(path: Path, count: int, runs: int) -> list[Timing]:
    """Time frames spread over the clip, full size: ours against raw decord, PyAV and torchcodec."""
    clip = open_clip(path)
    rule = Sampling(rule="count", count=count, max_pixels=None)
    times_s = rule.plan(clip.duration_s, clip.frame_rate, clip.frame_count, clip.width, clip.height).times_s
    work: Work = {
        "omnisense": lambda: open_clip(path).frames(rule),
        "decord": lambda: _decord(path, times_s, clip, clip.width, clip.height),
        "PyAV, seeking": lambda: _pyav_seeking(path, times_s),
        "PyAV, decoding all": lambda: _pyav_all(path, times_s),
    }
    try:
        from torchcodec.decoders import VideoDecoder

        VideoDecoder(str(path))
        work["torchcodec"] = lambda: VideoDecoder(str(path)).get_frames_played_at(seconds=times_s.tolist()).data
    except Exception as error:  # it needs ffmpeg's shared libraries, which few machines have
        print(f"torchcodec is left out: {str(error).strip().splitlines()[0][:100]}", file=sys.stderr)
    return time_interleaved(f"sampling {count} frames", work, runs)


def _decord(path: Path, times_s: np.ndarray, clip: Clip, width: int, height: int) -> np.ndarray:
    import decord

    reader = decord.VideoReader(str(path), width=width, height=height)
    indices = np.minimum((times_s * clip.frame_rate).astype(int), len(reader) - 1)
    result: np.ndarray = reader.get_batch(indices.tolist()).asnumpy()
    return result


def _pyav_seeking(path: Path, times_s: np.ndarray) -> np.ndarray:
    import av

    images = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for time_s in times_s:
            container.seek(int(time_s * av.time_base), backward=True)
            for frame in container.decode(stream):
                if frame.time is not None and frame.time > time_s - 1 / FPS:
                    images.append(frame.to_ndarray(format="rgb24"))
                    break
    return np.stack(images)


def _pyav_all(path: Path, times_s: np.ndarray) -> np.ndarray:
    import av

    images, wanted = [], times_s.tolist()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if wanted and frame.time > wanted[0] - 1 / FPS:
                images.append(frame.to_ndarray(format="rgb24"))
                wanted.pop(0)
    return np.stack(images)


def agent_overhead(runs: int, turns: int = 20) -> list[Timing]:
    """Time a turn of the loop, without models and with a policy that costs nothing, against calling that policy."""
    reply = "I hear how sad you are, and I am sorry about your dog."
    policy = ScriptedPolicy([reply])
    text = "My dog died yesterday."
    with tempfile.TemporaryDirectory() as folder:
        without_memory = agent_without_models(policy, None)
        with_memory = agent_without_models(policy, Path(folder) / "m.sqlite")
        thread = iter(range(1_000_000))

        def respond_with_memory() -> None:
            name = f"thread {next(thread)}"
            for _ in range(turns):
                with_memory.respond(text=text, thread_id=name)

        rows = time_interleaved("agent, a turn", {
            "omnisense, no memory": lambda: [without_memory.respond(text=text) for _ in range(turns)],
            "omnisense, SQLite memory": respond_with_memory,
            "the policy alone": lambda: [policy.write([[message("user", text)]]) for _ in range(turns)],
        }, runs)  # fmt: skip
        with_memory.close()
    return [Timing(row.group, row.name, [s / turns for s in row.seconds]) for row in rows]


def start_up(runs: int) -> list[Timing]:
    """Time a start up to the help text, to the imported package, and to a bare interpreter."""

    def run(*arguments: str) -> Callable[[], Any]:
        return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    return time_interleaved("start-up", {
        "omnisense --help": run("-m", "omnisense.agent.cli.main", "--help"),
        "import omnisense": run("-c", "import omnisense"),
        "python alone": run("-c", "pass"),
    }, runs)  # fmt: skip
