"""Damaged media files: each is read as far as it goes, or refused with a reason, within the limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.errors import OmniSenseError
from omnisense.perception.media.encode import write_clip
from omnisense.perception.media.isolation import open_isolated
from omnisense.perception.media.limits import MediaLimits
from omnisense.perception.media.sampling import Sampling

LIMITS = MediaLimits(decode_s=60.0)
# Format of the container, codec and sample format of its sound.
_SOUNDS = {
    "mp3": ("libmp3lame", "s16p"),
    "wav": ("pcm_s16le", "s16"),
    "flac": ("flac", "s16"),
    "ogg": ("libopus", "s16"),
    "aac": ("aac", "fltp"),
}
_PICTURES = ("png", "jpg", "webp", "tiff", "bmp", "gif")


def write_sources(folder: Path) -> list[Path]:
    """Write small sound files, pictures and a clip, and the same clip in two other containers."""
    from PIL import Image

    random = np.random.default_rng(0)
    seconds = np.arange(32_000) / 16_000
    sound = (0.3 * np.sin(2 * np.pi * 220 * seconds)).astype(np.float32)
    frames = random.integers(0, 255, (25, 96, 128, 3), dtype=np.uint8)
    paths = [folder / "clip.mp4"]
    write_clip(paths[0], frames, sound, 12)
    for name in ("mkv", "ts"):
        paths.append(folder / f"clip.{name}")
        _remux(paths[0], paths[-1])
    for name, (codec, sample_format) in _SOUNDS.items():
        paths.append(folder / f"sound.{name}")
        _write_sound(paths[-1], sound, codec, sample_format)
    for name in _PICTURES:
        paths.append(folder / f"picture.{name}")
        Image.fromarray(frames[0]).save(paths[-1])
    return paths


def _remux(source: Path, target: Path) -> None:
    import av

    with av.open(str(source)) as read, av.open(str(target), "w") as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in read.streams}
        for packet in read.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)


def _write_sound(path: Path, samples: np.ndarray, codec: str, sample_format: str) -> None:
    import av

    rate = 48_000 if codec == "libopus" else 16_000
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=rate)
        stream.layout, stream.format = "mono", sample_format
        size = stream.codec_context.frame_size or 1024
        values = samples if "flt" in sample_format else (samples * 32_767).astype(np.int16)
        for at in range(0, len(values) - size, size):
            frame = av.AudioFrame.from_ndarray(values[None, at : at + size], format=sample_format, layout="mono")
            frame.rate, frame.pts = rate, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def mutate(data: bytes, others: Sequence[bytes], random: np.random.Generator) -> tuple[str, bytes]:
    """Return how a file was damaged, and what became of it."""
    content, kinds = bytearray(data), ("bytes", "header", "cut", "zeros", "moved", "joined", "numbers")
    kind = str(random.choice(kinds))
    at, size = int(random.integers(len(content))), int(random.integers(1, 2000))
    if kind in ("bytes", "header"):
        end = min(len(content), 256) if kind == "header" else len(content)
        for place in random.integers(0, end, int(random.choice([1, 8, 64]))):
            content[place] = int(random.integers(256))
    elif kind == "cut":
        del content[at:]
    elif kind == "zeros":
        content[at : at + size] = bytes(len(content[at : at + size]))
    elif kind == "moved":
        content[at:at] = content[:size]
    elif kind == "joined":
        other = others[int(random.integers(len(others)))]
        content = content[:at] + bytearray(other[int(random.integers(len(other))) :])
    else:  # lengths, rates and time stamps of the largest or of any value
        for place in random.integers(0, max(1, min(len(content), 4096) - 4), 4):
            content[place : place + 4] = b"\xff\xff\xff\xff" if random.random() < 0.5 else random.bytes(4)
    return kind, bytes(content)


def read_whole(path: Path) -> str:
    """Read a file as perception would, in another process: return ``read``, or why not, from a fixed list."""
    try:
        clip = open_isolated(path, LIMITS)
        LIMITS.check_duration(clip.duration_s, path)
        read = 0
        if clip.has_video:
            read += sum(len(frames.times_s) for frames in clip.iter_frames(Sampling(fps=5)))
        if clip.has_audio:
            read += len(clip[:60.0].audio() if clip.duration_s > 60 else clip.audio())
        return "read" if read else "read, and nothing in it"
    except OmniSenseError as error:
        problem = error.problem
        for outcome, words in (("crash", "crashed on it"), ("hang", "took longer than"), ("memory", "MB of memory")):
            if words in problem:
                return outcome
        return f"unexpected: {problem}" if "decoding failed" in problem else "refused with a reason"
    except Exception as error:  # it is what this measures
        return f"traceback: {type(error).__name__}: {error}"


def measure(work: Path, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Damage files and read them.

    Args:
        work: an empty folder.
        count: of damaged files.
        say: receives a line now and then.
    """
    sources = write_sources(work)
    contents, random = [path.read_bytes() for path in sources], np.random.default_rng(17)
    outcomes: Counter[str] = Counter()
    odd = []
    for number in range(count):
        which = number % len(sources)
        kind, content = mutate(contents[which], contents, random)
        path = work / f"damaged-{number}{sources[which].suffix}"
        path.write_bytes(content)
        outcome = read_whole(path)
        outcomes[outcome.partition(":")[0]] += 1
        if outcome.partition(":")[0] not in ("read", "read, and nothing in it", "refused with a reason"):
            odd.append(f"{path.name} ({kind}): {outcome}"[:300])
        if number % 50 == 49:
            say(f"{number + 1} damaged files: {dict(outcomes)}")
        path.unlink()
    return {"files": count, "sources": [p.name for p in sources], "outcomes": dict(outcomes), "odd": odd}
