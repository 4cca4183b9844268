"""Plot a timeline: waveform and pitch, words, faces with their expressions, and motion."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.perception.media.clip import SAMPLE_RATE_HZ, open_clip
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import Missing, Span
from omnisense.perception.vision.expressions import expression_phases
from omnisense.text import one_line

_NOTE_CHARS = 150  # of a line of a note: about the width of the figure
_EXPRESSION_COLORS = {
    "happy": "gold",
    "sad": "tab:blue",
    "angry": "tab:red",
    "fear": "tab:purple",
    "disgust": "tab:green",
    "surprise": "tab:orange",
    "neutral": "0.6",
    "face": "0.6",
}


def draw_timeline(percepts: Percepts) -> bytes:
    """Return a PNG: waveform with speech, words, faces with expression, and motion, over the clip's seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.5), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, gridspec_kw={"height_ratios": [2, 1.3, 2, 1]})
    end_s = max(percepts.clip.duration_s, 0.1)
    for axis, (title, draw) in zip(
        axes,
        (("sound", _draw_audio), ("words", _draw_words), ("faces", _draw_faces), ("motion", _draw_motion)),
        strict=True,
    ):
        draw(axis, percepts)
        axis.set_ylabel(title)
        axis.set_xlim(0, end_s)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("seconds")
    title = f"{Path(percepts.clip.path).name}: {percepts.timeline().heading}"
    figure.suptitle(one_line(title), x=0.01, ha="left", parse_math=False)  # "$x^{$" is no formula here
    picture = io.BytesIO()
    figure.savefig(picture, dpi=110, format="png")
    return picture.getvalue()


def _write_note(axis: Any, text: str) -> None:
    lines = textwrap.fill(one_line(text), _NOTE_CHARS)  # matplotlib's own wrapping reads formulas in it
    axis.text(0.01, 0.5, lines, transform=axis.transAxes, color="0.4", va="center", parse_math=False)
    axis.set_yticks([])


def _draw_audio(axis: Any, percepts: Percepts) -> None:
    if isinstance(percepts.audio, Missing):
        _write_note(axis, percepts.audio.reason)
        return
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
        _write_note(axis, percepts.transcript.reason)
        return
    words = [word for segment in percepts.transcript.segments for word in segment.words]
    if not words:
        _write_note(axis, "nothing was said")
        return
    rows = 4
    for i, word in enumerate(words):
        level = rows - 1 - i % rows
        axis.plot([word.start_s, word.end_s], [level, level], color="tab:cyan", linewidth=3, solid_capstyle="butt")
        axis.text(word.start_s, level + 0.15, one_line(word.text), fontsize=8, clip_on=True, parse_math=False)
    axis.set_ylim(-0.5, rows)
    axis.set_yticks([])


def _draw_faces(axis: Any, percepts: Percepts) -> None:
    visual = percepts.visual
    if isinstance(visual, Missing) or not visual.faces:
        _write_note(axis, visual.reason if isinstance(visual, Missing) else "no face is visible")
        return
    for row, face in enumerate(visual.faces[:6]):
        spans: list[tuple[Span, str, float]] = [
            (Span(p.start_s, p.end_s), p.expression, p.score)
            for p in expression_phases(face, visual.expression_labels, visual.min_expression)
        ]
        for span, name, score in spans or [(Span(face.start_s, face.end_s), "face", 1.0)]:
            axis.barh(
                row,
                max(span.duration_s, 0.05),
                left=span.start_s,
                height=0.7,
                color=_EXPRESSION_COLORS[name],
                alpha=0.35 + 0.5 * score,
            )
            axis.text(span.start_s + 0.05, row, name, va="center", fontsize=8, clip_on=True)
    axis.set_ylim(-0.5, max(len(visual.faces[:6]), 2) - 0.5)
    axis.set_yticks(range(len(visual.faces[:6])), [f"{f.id}, {f.position}" for f in visual.faces[:6]])
    axis.invert_yaxis()


def _draw_motion(axis: Any, percepts: Percepts) -> None:
    visual = percepts.visual
    if isinstance(visual, Missing):
        _write_note(axis, "no images")
        return
    axis.fill_between(visual.times_s, visual.motion, color="tab:orange", alpha=0.5, step="post")
    for cut_s in visual.shot_cuts_s:
        axis.axvline(cut_s, color="black", linewidth=1)
