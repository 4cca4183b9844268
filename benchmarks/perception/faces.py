"""Active speaker detection on composed clips; expression on clips with known expressions."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.benchmarks.perception.compose import ComposedClip, Head, compose_clips
from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.perception.types import VisualStream
from omnisense.perception.vision.expressions import expression_phases

_STEP_S = 0.01


def active_speaker(grid: Path, perception: Perception) -> dict[str, Any]:
    """Return, by kind of composed clip, the share of speech assigned to the correct face (or off screen).

    For silent clips: the seconds of speech that were assigned to a face, which should be none.
    """
    heads = [Head.read(path) for path in sorted(grid.glob("*.mpg"))]
    shares: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for composed in compose_clips(heads, Path(folder)):
            shares[composed.kind].append(_correct_share(composed, perception.perceive(composed.path)))
    figures = {
        kind: {"clips": len(of_kind), "right": round(float(np.mean(of_kind)), 3), "worst": round(min(of_kind), 3)}
        for kind, of_kind in shares.items()
    }
    silent = shares.pop("silent")
    figures["silent"] = {"clips": len(silent), "seconds given to somebody": round(float(np.sum(silent)), 2)}
    return figures


def _correct_share(composed: ComposedClip, percepts: Percepts) -> float:
    """Return the share of speech assigned to the correct side; for a silent clip, the seconds assigned at all."""
    visual = percepts.visual
    assert isinstance(visual, VisualStream)
    sides = {face.id: "left" if np.mean([b[0] + b[2] for b in face.boxes]) < 1 else "right" for face in visual.faces}
    assigned = [
        (s.start_s, s.end_s, "elsewhere" if s.off_screen else sides.get(s.face or "", "?"))
        for s in percepts.speaker_segments
    ]
    if not composed.truth:
        return sum(end_s - start_s for start_s, end_s, _ in assigned)
    times = np.concatenate([np.arange(span.start_s, span.end_s, _STEP_S) for span, _ in composed.truth])
    truth = np.concatenate(
        [np.full(len(np.arange(span.start_s, span.end_s, _STEP_S)), side) for span, side in composed.truth]
    )
    found: np.ndarray = np.full(len(times), "nobody", dtype=object)
    for start_s, end_s, side in assigned:
        found[(times >= start_s) & (times < end_s)] = side
    return float((found == truth).mean())


def expression(faces: Path, perception: Perception) -> dict[str, Any]:
    """Return the expressions of a woman who cries and then smiles, of a neutral face, and the control without faces."""
    crying, single, empty = (
        perception.perceive(faces / name) for name in ("WolfgangLanger_Pexels.mp4", "single_face.mp4", "no_face.mp4")
    )
    phases = [expression_phases(f, p.visual.expression_labels) for p in (crying, single) for f in p.visual.faces]  # type: ignore[union-attr]
    happy = next((phase for phase in phases[0] if phase.expression == "happy"), None)
    return {
        "pexels phases": [f"{p.start_s:.1f}-{p.end_s:.1f} {p.expression}" for p in phases[0]],
        "pexels change to happy at s": happy.start_s if happy else None,
        "single_face ends": phases[1][-1].expression,
        "no_face faces": len(empty.visual.faces),  # type: ignore[union-attr]
    }
