"""``omnisense perceive``: the percepts of a clip, at once or live."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from omnisense.agent.cli.options import (
    FOLDER,
    JSON,
    PATH,
    PerceptionOptions,
    make_console,
    must_open,
    perception_options,
    print_json,
    print_text,
)
from omnisense.errors import InputError
from omnisense.files import write_atomically

if TYPE_CHECKING:
    from omnisense.perception.media.clip import Clip
    from omnisense.perception.percepts import Percepts
    from omnisense.perception.pipeline import Perception
    from omnisense.perception.streaming.session import Chunk, Update

_CHUNK_S = 0.1
_LIVE_FPS = 10


@click.command("perceive")
@click.argument("clip", type=PATH)
@click.option(
    "--output",
    type=FOLDER,
    metavar="DIR",
    help="Write percepts.json, timeline.txt, transcript.txt and timeline.png there.",
)
@click.option("--live", is_flag=True, help="Play the clip in real time and print updates; with --json one per line.")
@perception_options
@JSON
def perceive_command(clip: Path, output: Path | None, live: bool, perception: PerceptionOptions, as_json: bool) -> None:
    """Print the timeline of a CLIP: faces, voices and words.

    \b
    Examples:
      omnisense perceive clip.mp4
      omnisense perceive clip.mp4 --json > percepts.json
      omnisense perceive meeting.wav --num-speakers 3 --output out
    """
    opened = must_open(clip)
    percepts = (_perceive_live if live else _perceive)(opened, perception.load(), as_json)
    if output:
        _write_files(percepts, output)
        if not as_json:
            print_text(f"written to {output}")


def _perceive(clip: Clip, perception: Perception, as_json: bool) -> Percepts:
    if as_json:
        percepts = perception.perceive(clip)
        print_json(percepts.to_dict())
        return percepts
    from omnisense.agent.cli.render import show_percepts, show_stream
    from omnisense.agent.events import StreamPerceived

    console = make_console()
    with console.status("perceiving ..."):
        percepts = perception.perceive(clip, lambda *e: show_stream(console, StreamPerceived(*e)))
    show_percepts(console, percepts)
    return percepts


# --- live ---------------------------------------------------------------------------------------------------


def _perceive_live(clip: Clip, perception: Perception, as_json: bool) -> Percepts:
    """Perceive a clip in chunks of 100 ms at the pace of real time, and print each update."""
    from dataclasses import asdict

    from omnisense.perception.streaming.session import LivePerception

    live = LivePerception(perception)
    began = time.monotonic()
    for chunk in _iter_chunks(clip):
        time.sleep(max(0.0, chunk.start_s + _CHUNK_S - (time.monotonic() - began)))
        update = live.feed(chunk)
        if update:
            print_json(asdict(update)) if as_json else _show_update(update)
    update = live.finish()
    print_json(asdict(update)) if as_json else _show_update(update)
    return live.percepts(str(clip.path))


def _iter_chunks(clip: Clip) -> Iterator[Chunk]:
    """Yield 100 ms of audio and a frame at a time; audio is decoded a minute at a time, frames in batches."""
    from omnisense.perception.media.clip import SAMPLE_RATE_HZ
    from omnisense.perception.media.sampling import Sampling
    from omnisense.perception.streaming.session import Chunk

    frames = (
        (t, image)
        for batch in (clip.iter_frames(Sampling(fps=_LIVE_FPS), in_order=True) if clip.has_video else ())
        for t, image in zip(batch.times_s.tolist(), batch.images, strict=True)
    )
    upcoming = next(frames, None)
    size = round(_CHUNK_S * SAMPLE_RATE_HZ)
    audio, audio_from_s = None, 0.0
    for number in range(max(1, round(clip.duration_s / _CHUNK_S))):
        start_s = number * _CHUNK_S
        if clip.has_audio and (audio is None or start_s - audio_from_s >= 60.0):
            window = clip[start_s : min(start_s + 60.0, clip.duration_s)]
            audio, audio_from_s = window.audio(), start_s
        samples = None
        if audio is not None:
            first = round((start_s - audio_from_s) * SAMPLE_RATE_HZ)
            samples = audio[first : first + size]
        frame = None
        while upcoming is not None and upcoming[0] < start_s + _CHUNK_S / 2:
            frame, upcoming = upcoming[1], next(frames, None)
        yield Chunk(start_s, samples, frame)


def _show_update(update: Update) -> None:
    lines = [f'  + {s.speaker or "unknown"}: "{s.text}"' for s in update.segments]
    lines += [f"  + {event.text}" for event in update.events]
    if update.partial:
        lines.append(f"  . {update.partial.text}")
    for line in lines:
        print_text(f"{update.at_s:6.1f} s{line}")


def _write_files(percepts: Percepts, folder: Path) -> None:
    from omnisense.agent.cli.render import transcript_text
    from omnisense.agent.cli.timeline_plot import draw_timeline

    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "percepts.json", percepts.to_json(indent=1), private=True)
        write_atomically(folder / "timeline.txt", percepts.render(max_tokens=100_000) + "\n", private=True)
        write_atomically(folder / "transcript.txt", transcript_text(percepts), private=True)
        write_atomically(folder / "timeline.png", draw_timeline(percepts), private=True)  # it shows the words too
    except OSError as error:
        raise InputError(f"the output cannot be written ({error.strerror})", "Name another folder.", folder) from error
