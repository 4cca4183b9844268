"""Who is talking and one row per person on composed clips; expression on clips with known expressions."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omnisense.benchmarks.perception.compose import ELSEWHERE, ClipPlan, ComposedClip, Head, plan_clips
from omnisense.benchmarks.perception.progress import Progress
from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.perception.types import VisualStream
from omnisense.perception.vision.expressions import expression_phases

_STEP_S = 0.01
# A row may miss or add so great a share of a speaker's seconds, or half a second; of somebody silent, so many seconds.
_UNSURE_SHARE, _UNSURE_S, _SILENT_S = 0.3, 0.5, 0.3
_BINS = 10
TUNED_ON = 4  # of GRID's people, in order of their files' names: the constants of who-is-talking were set on these
_OFF_SCREEN_KINDS = ("dubbed", "both dubbed", "third voice")


@dataclass
class _Tally:
    """What was found on a clip, or on several: shares, rows, and probabilities beside whether they came true."""

    shares: dict[str, list[float]] = field(default_factory=dict)
    unseen: list[bool] = field(default_factory=list)
    rows: list[bool] = field(default_factory=list)
    quiet: list[bool] = field(default_factory=list)
    agree: list[bool] = field(default_factory=list)
    certain: list[tuple[float, bool]] = field(default_factory=list)

    def add(self, other: _Tally) -> None:
        """Add what was found on other clips."""
        for kind, found in other.shares.items():
            self.shares.setdefault(kind, []).extend(found)
        for name in ("unseen", "rows", "quiet", "agree", "certain"):
            getattr(self, name).extend(getattr(other, name))


def active_speaker(
    grid: Path, perception: Perception, progress: Progress | None = None, *, held_out: bool = True
) -> dict[str, Any]:
    """Return who-is-talking on composed clips.

    For each kind of clip the share of speech that was given to the right face or off screen; for silent clips the
    seconds given to anybody. ``rows``: speakers whose row says that they speak, and how long, to within 30% or half a
    second, and silent people whose row says that they do not. ``unseen voices``: stretches of somebody who is not in
    the picture, beside faces that talk, that are found to be off screen.

    Args:
        grid: clips of talking heads.
        perception: that is measured.
        progress: of a run that was stopped.
        held_out: of people that no constant was set on; else of the others.
    """
    heads = [Head.read(path) for path in sorted(grid.glob("*.mpg"))]
    return measure_clips(heads[TUNED_ON:] if held_out else heads[:TUNED_ON], perception, progress)


def measure_clips(heads: Sequence[Head], perception: Perception, progress: Progress | None = None) -> dict[str, Any]:
    """Return the figures of :func:`active_speaker` on all clips composed of these people."""
    tally, progress = _Tally(), progress or Progress()
    with tempfile.TemporaryDirectory() as folder:
        for plan in plan_clips(heads):

            def measure(plan: ClipPlan = plan) -> dict[str, Any]:
                found = _Tally()
                composed = plan.write(Path(folder))
                _count(found, composed, perception.perceive(composed.path))
                composed.path.unlink()
                return asdict(found)

            tally.add(_Tally(**progress.get(plan.name, measure)))
    silent = tally.shares.pop("silent", [])
    figures: dict[str, Any] = {
        kind: {"clips": len(found), "right": round(float(np.mean(found)), 3), "worst": round(min(found), 3)}
        for kind, found in tally.shares.items()
    }
    figures["silent"] = {"clips": len(silent), "seconds given to somebody": round(float(np.sum(silent)), 2)}
    for name, found in (
        ("unseen voices found", tally.unseen),
        ("rows of speakers that are right", tally.rows),
        ("rows of silent people that are right", tally.quiet),
        ("rows that agree with the segments", tally.agree),
    ):
        figures[name] = f"{sum(found)} of {len(found)}"
    return figures | calibration(tally.certain)


def calibration(certain: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    """Return the expected calibration error (Naeini et al., AAAI 2015; ten bins) and the reliability by bin.

    Args:
        certain: probabilities, and whether what they were given for came true.
    """
    values = np.array(certain, dtype=float).reshape(-1, 2)
    bins = np.clip((values[:, 0] * _BINS).astype(int), 0, _BINS - 1)
    error, rows = 0.0, {}
    for number in np.unique(bins):
        said, true = values[bins == number].mean(axis=0)
        count = int((bins == number).sum())
        error += abs(said - true) * count / len(values)
        rows[f"{number / _BINS:.1f}-{(number + 1) / _BINS:.1f}"] = f"{true:.2f} of {count}"
    return {"expected calibration error": round(error, 3), "reliability": rows}


def _count(tally: _Tally, composed: ComposedClip, percepts: Percepts) -> None:
    tally.shares[composed.kind] = [correct_share(composed, percepts)]
    heads = _head_of_face(composed, percepts)
    for segment in percepts.speaker_segments:
        who = ELSEWHERE if segment.off_screen else heads.get(segment.face or "", "")
        true = _who_speaks(composed, (segment.start_s + segment.end_s) / 2)
        if who and true:
            tally.certain.append((segment.confidence, who == true))
        if true == ELSEWHERE and composed.kind in _OFF_SCREEN_KINDS:
            tally.unseen.append(segment.off_screen)
    said, spoken = _seconds_said(percepts, heads), _seconds_assigned(percepts, heads)
    shown = {name for _, parts in composed.shown for name, _ in parts}
    for who in shown | {who for _, who in composed.truth}:
        true_s = sum(span.duration_s for span, speaker in composed.truth if speaker == who)
        if true_s:
            tally.rows.append(abs(said[who] - true_s) <= max(_UNSURE_SHARE * true_s, _UNSURE_S))
        else:
            tally.quiet.append(said[who] <= _SILENT_S)
        tally.agree.append(abs(said[who] - spoken[who]) <= _SILENT_S)


def _head_of_face(composed: ComposedClip, percepts: Percepts) -> dict[str, str]:
    """Return the name of the head that each face track shows for most of its time."""
    visual = percepts.visual
    assert isinstance(visual, VisualStream)
    found = {}
    for face in visual.faces:
        names = [
            composed.head_at(time_s, (box[0] + box[2]) / 2)
            for time_s, box in zip(face.times_s, face.boxes, strict=True)
        ]
        found[face.id] = max(names, key=names.count)
    return found


def _who_speaks(composed: ComposedClip, time_s: float) -> str:
    return next((who for span, who in composed.truth if span.start_s <= time_s <= span.end_s), "")


def _seconds_said(percepts: Percepts, heads: dict[str, str]) -> dict[str, float]:
    """Return the seconds of speech in the rows of each head, and of people who are not in the picture."""
    said: dict[str, float] = defaultdict(float)
    for person in percepts.people:
        names = {heads[face] for face in person.faces} or {ELSEWHERE}
        for name in names:
            said[name] += person.speaking_s
    return said


def _seconds_assigned(percepts: Percepts, heads: dict[str, str]) -> dict[str, float]:
    """Return the seconds of speech that who-is-talking gives to each head, and to people who are not in the picture."""
    spoken: dict[str, float] = defaultdict(float)
    for segment in percepts.speaker_segments:
        spoken[heads.get(segment.face or "", ELSEWHERE)] += segment.end_s - segment.start_s
    return spoken


def correct_share(composed: ComposedClip, percepts: Percepts) -> float:
    """Return the share of speech given to the right head or off screen; for a silent clip, the seconds given at all."""
    heads = _head_of_face(composed, percepts)
    assigned = [
        (s.start_s, s.end_s, ELSEWHERE if s.off_screen else heads.get(s.face or "", "?"))
        for s in percepts.speaker_segments
    ]
    if not composed.truth:
        return sum(end_s - start_s for start_s, end_s, _ in assigned)
    times = np.concatenate([np.arange(span.start_s, span.end_s, _STEP_S) for span, _ in composed.truth])
    truth = np.concatenate(
        [np.full(len(np.arange(span.start_s, span.end_s, _STEP_S)), who, object) for span, who in composed.truth]
    )
    found: np.ndarray = np.full(len(times), "nobody", dtype=object)
    for start_s, end_s, who in assigned:
        found[(times >= start_s) & (times < end_s)] = who
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
