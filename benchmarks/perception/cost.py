"""Cost: speed on a minute of speech, memory and time over an hour, delay of live words."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.benchmarks.speed.clips import talking_clip
from omnisense.benchmarks.speed.memory import peak_mb
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.pipeline import Perception
from omnisense.perception.streaming.session import Chunk, LivePerception, Update

_CHUNK_S = 0.1


def minute(perception: Perception, source: Path | None, runs: int = 3) -> dict[str, Any]:
    """Return the real-time factor of all streams of a minute of speech at 1280 x 720, with models loaded."""
    with tempfile.TemporaryDirectory() as folder:
        clip = talking_clip(Path(folder) / "minute.mp4", source=source)
        perception.perceive(clip)
        seconds, by_stream = [], {}
        for _ in range(runs):
            started = time.perf_counter()
            by_stream = perception.perceive(clip).provenance.seconds
            seconds.append(time.perf_counter() - started)
    return {
        "of real time": round(statistics.median(seconds) / 60, 3),
        "runs": [round(s / 60, 3) for s in seconds],
        "seconds by part, side by side": by_stream,
    }


# --- long files ---------------------------------------------------------------------------------------------


def long_files(source: Path, minutes: tuple[int, ...]) -> dict[str, Any]:
    """Return time and memory of clips of these lengths, each in its own process, beside the models' memory."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        short = talking_clip(Path(folder) / "short.mp4", size=(640, 360), source=source)
        for length in minutes:
            path = repeat_clip(short, Path(folder) / f"{length}.mp4", length)
            call = f"print_long_file({str(short)!r}, {str(path)!r})"
            code = f"from omnisense.benchmarks.perception.cost import print_long_file; {call}"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            found[f"{length} min"] = json.loads(done.stdout.splitlines()[-1])
            path.unlink()
    return found


def print_long_file(short: str, path: str) -> None:
    """Print the time for a clip, and its peak of memory over that of a one-minute clip with all models loaded."""
    perception = Perception(cache=False)
    perception.perceive(short)
    base_mb = peak_mb()
    started = time.perf_counter()
    percepts = perception.perceive(path)
    seconds = time.perf_counter() - started
    result = {
        "of real time": round(seconds / percepts.clip.duration_s, 3),
        "seconds": round(seconds, 1),
        "models and a minute, MB": round(base_mb),
        "more at the peak, MB": round(peak_mb() - base_mb),
        "missing": percepts.missing(),
        "voices": len({turn.speaker for turn in getattr(percepts.audio, "speaker_turns", ())}),
    }
    print(json.dumps(result))


def repeat_clip(clip: Path, path: Path, times: int) -> Path:
    """Write the clip's packets repeatedly into one file, which takes seconds for an hour; return its path."""
    import av

    with av.open(str(path), "w") as out, av.open(str(clip)) as first:
        wanted = (first.streams.video[0], first.streams.audio[0])
        streams = {s.index: out.add_stream_from_template(s) for s in wanted}  # all before the first packet
        last: dict[int, int] = {}
        for number in range(times):
            with av.open(str(clip)) as source:
                length = Fraction(source.duration or 0, av.time_base)
                for packet in source.demux(source.streams.video[0], source.streams.audio[0]):
                    if packet.dts is None or packet.pts is None:
                        continue
                    shift = round(number * length / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    index = packet.stream.index
                    if packet.dts > last.get(index, packet.dts - 1):  # copies overlap by the encoders' lead-in
                        last[index] = packet.dts
                        packet.stream = streams[index]
                        out.mux(packet)
    return path


# --- live ---------------------------------------------------------------------------------------------------


def live(recordings: list[Path], perception: Perception) -> dict[str, Any]:
    """Return the delay of words from the end of each, as in the finished transcript, to its first display.

    Chunks of 100 ms arrive in real time.
    """
    delays: list[float] = []
    num_never_shown = 0
    for recording in recordings:
        samples = open_clip(recording).audio()
        session = LivePerception(perception)
        shown: list[tuple[float, str]] = []
        started = time.perf_counter()
        words = []
        for number in range(len(samples) * 10 // SAMPLE_RATE_HZ):
            piece = samples[number * SAMPLE_RATE_HZ // 10 : (number + 1) * SAMPLE_RATE_HZ // 10]
            time.sleep(max(0.0, (number + 1) * _CHUNK_S - (time.perf_counter() - started)))
            update = session.feed(Chunk(number * _CHUNK_S, piece))
            shown += _texts(update, time.perf_counter() - started)
            words += [w for s in update.segments for w in s.words] if update else []
        last = session.finish()
        shown += _texts(last, time.perf_counter() - started)
        words += [w for s in last.segments for w in s.words]
        for word, at_s in _first_shown(words, shown):
            if at_s is None:
                num_never_shown += 1
            else:
                delays.append(at_s - word.end_s)
    return {
        "words": len(delays),
        "median s": round(float(np.median(delays)), 2),
        "95th percentile s": round(float(np.percentile(delays, 95)), 2),
        "within 2 s": round(float((np.array(delays) <= 2.0).mean()), 3),
        "never shown": num_never_shown,
    }


def _texts(update: Update | None, at_s: float) -> list[tuple[float, str]]:
    if update is None:
        return []
    texts = [s.text for s in update.segments] + ([update.partial.text] if update.partial else [])
    return [(at_s, " ".join(texts))] if texts else []


def _first_shown(words: list[Any], shown: list[tuple[float, str]]) -> list[tuple[Any, float | None]]:
    """Return each word with the first time, from its start on, at which it was displayed."""
    from omnisense.benchmarks.perception.transcription import normalize_spoken

    texts = [(at_s, set(normalize_spoken(text).split())) for at_s, text in shown]
    return [
        (
            word,
            next(
                (
                    at_s
                    for at_s, seen in texts
                    if at_s >= word.start_s and set(normalize_spoken(word.text).split()) <= seen
                ),
                None,
            ),
        )
        for word in words
    ]
