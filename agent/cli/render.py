"""What the command prints for people: readable in a terminal of 80 columns. And the picture of a timeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from omnisense.agent.agent import StageDone, StreamPerceived
from omnisense.agent.response import Response
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, Missing, Span, Transcript, VisualStream
from omnisense.reasoning.loop.appraisal import Characteristics, Context, Emotion, EvidenceSpan, Need, Strategy

_COLOURS = {"face": "magenta", "speech": "cyan", "voice": "blue", "person": "green", "scene": "yellow"}
_EXPRESSION_COLOURS = {
    "happy": "gold",
    "sad": "tab:blue",
    "angry": "tab:red",
    "fear": "tab:purple",
    "disgust": "tab:green",
    "surprise": "tab:orange",
    "neutral": "0.6",
    "face": "0.6",
}
_WHAT = {"visual": "looked", "audio": "listened", "transcript": "read the words"}


def show_stream(console: Console, event: StreamPerceived) -> None:
    """One line as a stream is done."""
    if isinstance(event.stream, Missing):
        console.print(Text(f"  - {event.name}: missing, {event.stream.reason}", style="yellow"))
    else:
        console.print(Text(f"  + {_WHAT[event.name]} ({_gist(event.stream)}) {event.seconds:.1f} s", style="green"))


def show_stage(console: Console, event: StageDone) -> None:
    """One line as a step of the loop is done."""
    if event.stage in ("characteristics", "emotion", "context", "need", "strategy"):
        value = event.update[event.stage].value
        console.print(Text(f"  + {event.stage}: {value}  {event.seconds:.1f} s", style="green"))
    elif event.stage == "respond":
        console.print(Text(f"  + wrote {len(event.update['drafts'])} drafts  {event.seconds:.1f} s", style="green"))


def show_percepts(console: Console, percepts: Percepts) -> None:
    """The timeline, a row an event."""
    timeline = percepts.timeline()
    table = Table(title=timeline.heading, title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for event in timeline.events:
        table.add_row(
            f"{event.start_s:.1f}-{event.end_s:.1f} s",
            Text(event.channel, style=_COLOURS[event.channel]),
            Text(event.text),
        )
    console.print(table)
    for line in timeline.gaps:
        console.print(Text(line, style="yellow"))


def show_appraisal(console: Console, response: Response) -> None:
    """What was concluded, with the spans it rests on."""
    table = Table(title="Appraisal", title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    appraisal = response.appraisal
    table.add_row("characteristics", _describe_step(appraisal.characteristics))
    table.add_row("emotion", _describe_step(appraisal.emotion))
    table.add_row("context", _describe_step(appraisal.context))
    table.add_row("need", _describe_step(appraisal.need))
    table.add_row("strategy", _describe_step(appraisal.strategy))
    console.print(table)


def _describe_step(step: Characteristics | Emotion | Context | Need | Strategy) -> Text:
    text = Text(step.value)
    if isinstance(step, Emotion) and step.value not in ("neutral", "unknown"):
        text.append(f" (strength {step.strength:.2f})")
        text.append("".join(f", after {phase.value} until {phase.until_s:.1f} s" for phase in step.earlier))
    text.append(f"\n{step.detail}" if step.detail else "", style="dim")
    if isinstance(step, Emotion) and step.conflict:
        text.append(f"\nconflict: {step.conflict}", style="yellow")
    spans = [_format_span(span) for span in step.evidence]
    if spans:
        text.append(f"\nevidence: {', '.join(spans[:5])}{' ...' if len(spans) > 5 else ''}", style="dim")
    return text


def _format_span(span: EvidenceSpan) -> str:
    return span.id if span.start_s is None or span.end_s is None else f"{span.start_s:.1f}-{span.end_s:.1f} s"


def show_reply(console: Console, response: Response) -> None:
    """The reply, and a warning when the safety gate spoke."""
    finding = response.safety
    if finding.category:
        warning = f'Safety gate: {finding.category} ("{finding.matched}"). A person should look at this.'
        console.print(Text(warning, style="bold red"))
    if finding.injection:
        note = f'The words "{finding.injection}" were taken as evidence, not as an instruction.'
        console.print(Text(note, style="yellow"))
    console.print(Panel(Text(response.response), title="OmniSense", title_align="left", border_style="green"))
    for note in response.trace.notes:
        console.print(Text(note, style="yellow"))


def _gist(stream: Any) -> str:
    if isinstance(stream, VisualStream):
        return f"{len(stream.times_s)} frames, {len(stream.faces)} face{'' if len(stream.faces) == 1 else 's'}"
    if isinstance(stream, AudioStream):
        return f"{sum(s.duration_s for s in stream.speech):.1f} s of speech in {stream.duration_s:.1f} s"
    words = sum(len(s.words) for s in stream.segments)
    return f"{words} words, {stream.language}"


# --- the picture --------------------------------------------------------------------------------------------


def draw_timeline(percepts: Percepts, path: Path) -> None:
    """Write a PNG: waveform with speech, words, faces with expression, and motion, over the clip's seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.5), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, gridspec_kw={"height_ratios": [2, 1.3, 2, 1]})
    end_s = max(percepts.clip.duration_s, 0.1)
    for axis, (title, draw) in zip(
        axes,
        (("sound", _draw_sound), ("words", _draw_words), ("faces", _draw_faces), ("motion", _draw_motion)),
        strict=True,
    ):
        draw(axis, percepts)
        axis.set_ylabel(title)
        axis.set_xlim(0, end_s)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("seconds")
    figure.suptitle(f"{Path(percepts.clip.path).name}: {percepts.timeline().heading}", x=0.01, ha="left")
    figure.savefig(path, dpi=110)


def _say(axis: Any, text: str) -> None:
    axis.text(0.01, 0.5, text, transform=axis.transAxes, color="0.4", va="center", wrap=True)
    axis.set_yticks([])


def _draw_sound(axis: Any, percepts: Percepts) -> None:
    if isinstance(percepts.audio, Missing):
        _say(axis, percepts.audio.reason)
        return
    from omnisense.perception.media.clip import SAMPLE_RATE_HZ, open_clip

    clip = open_clip(percepts.clip.path)
    samples = clip[percepts.clip.start_s : percepts.clip.start_s + percepts.clip.duration_s].audio()
    width = max(1, len(samples) // 2000)
    blocks = samples[: len(samples) // width * width].reshape(-1, width)
    times = np.arange(len(blocks)) * width / SAMPLE_RATE_HZ
    axis.fill_between(times, blocks.min(axis=1), blocks.max(axis=1), color="0.55", linewidth=0)
    for span in percepts.audio.speech:
        axis.axvspan(span.start_s, span.end_s, color="tab:cyan", alpha=0.25, linewidth=0)
    pitch = [(i + 0.5, p.f0_hz) for i, p in enumerate(percepts.audio.seconds) if p.f0_hz]
    if pitch:
        hertz = axis.twinx()
        hertz.plot(*zip(*pitch, strict=True), "o-", color="tab:blue", markersize=3, linewidth=1)
        hertz.set_ylabel("F0 in Hz", color="tab:blue")
        hertz.spines[["top"]].set_visible(False)


def _draw_words(axis: Any, percepts: Percepts) -> None:
    if isinstance(percepts.transcript, Missing):
        _say(axis, percepts.transcript.reason)
        return
    words = [word for segment in percepts.transcript.segments for word in segment.words]
    if not words:
        _say(axis, "nothing was said")
        return
    rows = 4
    for i, word in enumerate(words):
        level = rows - 1 - i % rows
        axis.plot([word.start_s, word.end_s], [level, level], color="tab:cyan", linewidth=3, solid_capstyle="butt")
        axis.text(word.start_s, level + 0.15, word.text, fontsize=8, clip_on=True)
    axis.set_ylim(-0.5, rows)
    axis.set_yticks([])


def _draw_faces(axis: Any, percepts: Percepts) -> None:
    visual = percepts.visual
    if isinstance(visual, Missing) or not visual.faces:
        _say(axis, visual.reason if isinstance(visual, Missing) else "no face is visible")
        return
    from omnisense.perception.vision.expressions import expression_phases

    for row, face in enumerate(visual.faces[:6]):
        spans: list[tuple[Span, str, float]] = [
            (Span(p.start_s, p.end_s), p.expression, p.score) for p in expression_phases(face, visual.expression_labels)
        ]
        for span, name, score in spans or [(Span(face.start_s, face.end_s), "face", 1.0)]:
            axis.barh(
                row,
                max(span.duration_s, 0.05),
                left=span.start_s,
                height=0.7,
                color=_EXPRESSION_COLOURS[name],
                alpha=0.35 + 0.5 * score,
            )
            axis.text(span.start_s + 0.05, row, name, va="center", fontsize=8, clip_on=True)
    axis.set_ylim(-0.5, max(len(visual.faces[:6]), 2) - 0.5)
    axis.set_yticks(range(len(visual.faces[:6])), [f"{f.id}, {f.position}" for f in visual.faces[:6]])
    axis.invert_yaxis()


def _draw_motion(axis: Any, percepts: Percepts) -> None:
    visual = percepts.visual
    if isinstance(visual, Missing):
        _say(axis, "no pictures")
        return
    axis.fill_between(visual.times_s, visual.motion, color="tab:orange", alpha=0.5, step="post")
    for cut_s in visual.shot_cuts_s:
        axis.axvline(cut_s, color="black", linewidth=1)


def transcript_text(percepts: Percepts) -> str:
    """The transcript with times, a line a segment, or why there is none."""
    if not isinstance(percepts.transcript, Transcript):
        return f"no transcript: {percepts.transcript.reason}\n"
    return "".join(f"[{s.start_s:.2f}-{s.end_s:.2f}] {s.text}\n" for s in percepts.transcript.segments)
