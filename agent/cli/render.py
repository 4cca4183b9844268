"""Human-readable output of the command, for terminals of 80 columns or more."""

from __future__ import annotations

from typing import Any, cast

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from omnisense.agent.events import StageDone, StreamPerceived
from omnisense.agent.response import Response
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, Missing, Transcript, VisualStream
from omnisense.reasoning.loop.appraisal import Characteristics, Context, Emotion, EvidenceSpan, Need, Strategy
from omnisense.text import one_line, strip_control_characters

_CHANNEL_COLORS = {"face": "magenta", "speech": "cyan", "voice": "blue", "person": "green", "scene": "yellow"}
_APPRAISALS = ("characteristics", "emotion", "context", "need", "strategy")
_STREAM_VERBS = {"visual": "looked", "audio": "listened", "transcript": "read the words"}


def _text(text: str, style: str = "") -> Text:
    """Return a text for the terminal: no markup is read in it, and what could control the terminal is left out."""
    return Text(strip_control_characters(text), style=style)


def show_stream(console: Console, event: StreamPerceived) -> None:
    """Print one line when a stream is done."""
    if isinstance(event.stream, Missing):
        console.print(_text(f"  - {event.name}: missing, {event.stream.reason}", style="yellow"))
    else:
        console.print(
            _text(
                f"  + {_STREAM_VERBS[event.name]} ({_summarize_stream(event.stream)}) {event.seconds:.1f} s",
                style="green",
            )
        )


def show_stage(console: Console, event: StageDone) -> None:
    """Print a line for everything that a stage of the loop appraised or wrote."""
    update = cast("dict[str, Any]", event.update)
    lines = [f"{step}: {update[step].value}" for step in _APPRAISALS if step in update]
    if event.stage in ("respond", "compose"):
        count = len(update.get("drafts", ()))
        lines.append("wrote a draft" if count == 1 else f"wrote {count} drafts")
    for line in lines:
        console.print(_text(f"  + {line}  {event.seconds:.1f} s", style="green"))


def show_percepts(console: Console, percepts: Percepts) -> None:
    """Print the timeline, one row per event."""
    timeline = percepts.timeline()
    table = Table(
        title=_text(timeline.heading, "table.title"), title_justify="left", box=None, pad_edge=False, show_header=False
    )
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for event in timeline.events:
        table.add_row(
            f"{event.start_s:.1f}-{event.end_s:.1f} s",
            _text(event.channel, style=_CHANNEL_COLORS.get(event.channel, "white")),
            _text(event.text),
        )
    console.print(table)
    for line in timeline.gaps:
        console.print(_text(line, style="yellow"))


def show_appraisal(console: Console, response: Response) -> None:
    """Print the appraisal, with the spans it rests on."""
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
    text = _text(step.value)
    if isinstance(step, Emotion) and step.value not in ("neutral", "unknown"):
        text.append_text(_text(f" (strength {step.strength:.2f})"))
        text.append_text(_text("".join(f", after {phase.value} until {phase.until_s:.1f} s" for phase in step.earlier)))
    text.append_text(_text(f"\n{step.detail}" if step.detail else "", style="dim"))
    if isinstance(step, Emotion) and step.conflict:
        text.append_text(_text(f"\nconflict: {step.conflict}", style="yellow"))
    spans = [_format_span(span) for span in step.evidence]
    if spans:
        text.append_text(_text(f"\nevidence: {', '.join(spans[:5])}{' ...' if len(spans) > 5 else ''}", style="dim"))
    return text


def _format_span(span: EvidenceSpan) -> str:
    return span.id if span.start_s is None or span.end_s is None else f"{span.start_s:.1f}-{span.end_s:.1f} s"


def show_reply(console: Console, response: Response) -> None:
    """Print the reply, and a warning when the safety gate found something."""
    finding = response.safety
    if finding.category:
        warning = f'Safety gate: {finding.category} ("{finding.matched}"). A person should look at this.'
        console.print(_text(warning, style="bold red"))
    if finding.injection:
        note = f'The words "{finding.injection}" were taken as evidence, not as an instruction.'
        console.print(_text(note, style="yellow"))
    console.print(Panel(_text(response.response), title="OmniSense", title_align="left", border_style="green"))
    for note in response.trace.notes:
        console.print(_text(note, style="yellow"))


def _summarize_stream(stream: VisualStream | AudioStream | Transcript) -> str:
    if isinstance(stream, VisualStream):
        return f"{len(stream.times_s)} frames, {len(stream.faces)} face{'' if len(stream.faces) == 1 else 's'}"
    if isinstance(stream, AudioStream):
        return f"{sum(s.duration_s for s in stream.speech):.1f} s of speech in {stream.duration_s:.1f} s"
    words = sum(len(s.words) for s in stream.segments)
    return f"{words} words, {stream.language}"


def transcript_text(percepts: Percepts) -> str:
    """Return the transcript with times, one line per segment, or the reason why there is none."""
    if not isinstance(percepts.transcript, Transcript):
        return f"no transcript: {one_line(percepts.transcript.reason)}\n"
    return "".join(f"[{s.start_s:.2f}-{s.end_s:.2f}] {one_line(s.text)}\n" for s in percepts.transcript.segments)
