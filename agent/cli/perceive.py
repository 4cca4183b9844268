"""``omnisense perceive``: what is seen, heard and said in a clip, at once or as it happens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omnisense.agent.cli.options import JSON, LANGUAGE, NO_CACHE, SPEECH, make_console, must_open, print_json, say
from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.perception.media.clip import Clip
    from omnisense.perception.pipeline import Perception
    from omnisense.perception.streaming.session import Chunk, Update
    from omnisense.perception.types import Percepts

_CHUNK_S = 0.1
_LIVE_FPS = 10


@click.command("perceive")
@click.argument("clip", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also write percepts.json, timeline.txt, transcript.txt and timeline.png there.",
)
@click.option("--streams", default="visual,audio,transcript", show_default=True, help="Which, comma-separated.")
@click.option("--fps", default=2.0, show_default=True, help="Frames looked at a second, for faces and expression.")
@SPEECH
@LANGUAGE
@click.option("--num-speakers", type=click.IntRange(1), metavar="N", help="How many people speak, where it is known.")
@click.option(
    "--speaker-model",
    default="campplus",
    show_default=True,
    metavar="NAME",
    help="Tells voices apart; or a pyannote pipeline.",
)
@click.option(
    "--voice-emotion", default="shipped", show_default=True, metavar="NAME", help="Or any audio classification model."
)
@click.option("--text-emotion", default="shipped", show_default=True, metavar="NAME", help="Or any text classifier.")
@click.option("--asd-model", metavar="PATH", help="Light-ASD's weights, to help find who is talking.")
@click.option("--live", is_flag=True, help="Play the clip in real time, and show what is known as it happens.")
@NO_CACHE
@JSON
def perceive_command(
    clip: Path,
    output: Path | None,
    streams: str,
    fps: float,
    voice_emotion: str,
    text_emotion: str,
    live: bool,
    no_cache: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Show what is seen, heard and said in a CLIP, by whom and how."""
    must_open(clip)
    from omnisense.perception.media.sampling import Sampling
    from omnisense.perception.pipeline import Perception, PerceptionSettings

    settings = PerceptionSettings(
        streams=tuple(s.strip() for s in streams.split(",") if s.strip()),
        sampling=Sampling(fps=fps),
        voice_emotion_model=voice_emotion,
        text_emotion_model=text_emotion,
        **given,
    )
    perception = Perception(settings, cache=not no_cache, say=say)
    percepts = _played(clip, perception, as_json) if live else _perceived(clip, perception, as_json)
    if output:
        _write(percepts, output)
        if not as_json:
            make_console().print(f"written to {output}", highlight=False)


def _perceived(clip: Path, perception: Perception, as_json: bool) -> Percepts:
    if as_json:
        percepts = perception.perceive(clip)
        print_json(percepts.to_dict())
        return percepts
    from omnisense.agent.agent import StreamPerceived
    from omnisense.agent.cli.render import show_percepts, show_stream

    console = make_console()
    with console.status("looking, listening, reading ..."):
        percepts = perception.perceive(clip, lambda *e: show_stream(console, StreamPerceived(*e)))
    show_percepts(console, percepts)
    return percepts


# --- as it happens ------------------------------------------------------------------------------------------


def _played(path: Path, perception: Perception, as_json: bool) -> Percepts:
    """The clip in chunks of 100 ms, each when its time has come; a line (or a JSON object) an update."""
    from dataclasses import asdict

    from omnisense.perception.media.clip import open_clip
    from omnisense.perception.streaming.session import LivePerception

    live = LivePerception(perception)
    began = time.monotonic()
    for chunk in _chunks(open_clip(path)):
        time.sleep(max(0.0, chunk.start_s + _CHUNK_S - (time.monotonic() - began)))
        update = live.feed(chunk)
        if update:
            print_json(asdict(update)) if as_json else _show_update(update)
    update = live.finish()
    print_json(asdict(update)) if as_json else _show_update(update)
    return live.percepts(str(path))


def _chunks(clip: Clip) -> Iterator[Chunk]:
    """Sound in pieces of 100 ms, and ten frames a second; both are decoded bit by bit."""
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
    sound, sound_from_s = None, 0.0
    for number in range(max(1, round(clip.duration_s / _CHUNK_S))):
        start_s = number * _CHUNK_S
        if clip.has_audio and (sound is None or start_s - sound_from_s >= 60.0):
            window = clip[start_s : min(start_s + 60.0, clip.duration_s)]
            sound, sound_from_s = window.audio(), start_s
        samples = None
        if sound is not None:
            first = round((start_s - sound_from_s) * SAMPLE_RATE_HZ)
            samples = sound[first : first + size]
        frame = None
        while upcoming is not None and upcoming[0] < start_s + _CHUNK_S / 2:
            frame, upcoming = upcoming[1], next(frames, None)
        yield Chunk(start_s, samples, frame)


def _show_update(update: Update) -> None:
    lines = [f'  + {s.speaker or "somebody"}: "{s.text}"' for s in update.segments]
    lines += [f"  + {event.text}" for event in update.events]
    if update.partial:
        lines.append(f"  . {update.partial.text}")
    for line in lines:
        click.echo(f"{update.at_s:6.1f} s{line}")


def _write(percepts: Percepts, folder: Path) -> None:
    from omnisense.agent.cli.render import draw_timeline, transcript_text

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "percepts.json").write_text(percepts.to_json(indent=1), "utf-8")
        (folder / "timeline.txt").write_text(percepts.render(max_tokens=100_000) + "\n", "utf-8")
        (folder / "transcript.txt").write_text(transcript_text(percepts), "utf-8")
        draw_timeline(percepts, folder / "timeline.png")
    except OSError as error:
        raise InputError(f"the output cannot be written ({error.strerror})", "Name another folder.", folder) from error
