"""Who is talking, on composed clips; what is shown, on clips whose course is known."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.benchmarks.perception.compose import Composed, Head, two_faces
from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.perception.types import VisualStream
from omnisense.perception.vision.expressions import expression_phases

_STEP_S = 0.01


def who_is_talking(grid: Path, perception: Perception) -> dict[str, Any]:
    """By kind of composed clip: the share of speech given to the right face (or to nobody), and clips.

    For silent clips: seconds of speech found, which should be none.
    """
    heads = [Head.read(path) for path in sorted(grid.glob("*.mpg"))]
    right: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for composed in two_faces(heads, Path(folder)):
            right[composed.kind].append(_share_right(composed, perception.perceive(composed.path)))
    figures = {
        kind: {"clips": len(shares), "right": round(float(np.mean(shares)), 3), "worst": round(min(shares), 3)}
        for kind, shares in right.items()
    }
    silent = right.pop("silent")
    figures["silent"] = {"clips": len(silent), "seconds given to somebody": round(float(np.sum(silent)), 2)}
    return figures


def _share_right(composed: Composed, percepts: Percepts) -> float:
    """The share of the truth's time that is given to the right side; for a silent clip the seconds given at all."""
    visual = percepts.visual
    assert isinstance(visual, VisualStream)
    sides = {face.id: "left" if np.mean([b[0] + b[2] for b in face.boxes]) < 1 else "right" for face in visual.faces}
    given = [
        (s.start_s, s.end_s, "elsewhere" if s.off_screen else sides.get(s.face or "", "?"))
        for s in percepts.speaker_segments
    ]
    if not composed.truth:
        return sum(end_s - start_s for start_s, end_s, _ in given)
    times = np.concatenate([np.arange(span.start_s, span.end_s, _STEP_S) for span, _ in composed.truth])
    truth = np.concatenate(
        [np.full(len(np.arange(span.start_s, span.end_s, _STEP_S)), side) for span, side in composed.truth]
    )
    found: np.ndarray = np.full(len(times), "nobody", dtype=object)
    for start_s, end_s, side in given:
        found[(times >= start_s) & (times < end_s)] = side
    return float((found == truth).mean())


def expression(faces: Path, perception: Perception) -> dict[str, Any]:
    """The change of the woman who cries and then smiles, how the neutral face ends, and the control without faces."""
    crying, single, nobody = (
        perception.perceive(faces / name) for name in ("WolfgangLanger_Pexels.mp4", "single_face.mp4", "no_face.mp4")
    )
    phases = [expression_phases(f, p.visual.expression_labels) for p in (crying, single) for f in p.visual.faces]  # type: ignore[union-attr]
    happy = next((phase for phase in phases[0] if phase.expression == "happy"), None)
    return {
        "pexels phases": [f"{p.start_s:.1f}-{p.end_s:.1f} {p.expression}" for p in phases[0]],
        "pexels change to happy at s": happy.start_s if happy else None,
        "single_face ends": phases[1][-1].expression,
        "no_face faces": len(nobody.visual.faces),  # type: ignore[union-attr]
    }
