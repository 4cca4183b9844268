"""How many people there are, their gestures, and where they look."""

from __future__ import annotations

import re
from collections.abc import Mapping

from omnisense.perception.types import AudioStream, FaceTrack, VisualStream
from omnisense.reasoning.answers.asked import Asked, Measurement, Observation, mean_scores, normalize, share_among
from omnisense.reasoning.answers.values import GESTURES, gesture_of, look_of, number_of

_MAX_COUNT = 10
_HOW_OFTEN = re.compile(r"\bhow (?:many|often)\b|\bnumber of\b", re.IGNORECASE)
_MORE_THAN = re.compile(
    r"\b(?:more than|over)\s+(\w+)|\b(several|company|anybody else|anyone else|others)\b", re.IGNORECASE
)
_ALONE = re.compile(r"\b(?:alone|only one|a single|just one|on (?:her|his|their) own)\b", re.IGNORECASE)
_TURNED_DEG = 15.0  # from which a head counts as turned


def measure_people(asked: Asked) -> Measurement | None:
    """Return how many people are seen, or how many voices are heard where the question asks who speaks."""
    audio, visual = asked.percepts.audio, asked.percepts.visual
    if asked.channels.topic == "voices":
        if not isinstance(audio, AudioStream) or not audio.speaker_turns:
            return None
        turns = asked.select(Observation(t.start_s, t.end_s, {t.speaker: 1.0}) for t in audio.speaker_turns)
        voices = len({name for turn in turns for name in turn.scores})
        counts = _around(voices, above=0.15)
        reason, evidence = f"{_plural(voices, 'voice')} told apart", asked.events(("speech", "voice"), turns)
    elif isinstance(visual, VisualStream) and visual.faces:
        faces = asked.select(Observation(f.start_s, f.end_s, {f.id: 1.0}) for f in visual.faces)
        seen = len({name for face in faces for name in face.scores})
        # People may be there whose faces are too small or turned away; fewer are there where one track was lost.
        counts = _around(seen, above=0.25)
        reason, evidence = f"{_plural(seen, 'face')} followed", asked.events(("face",), faces)
    else:  # people may be present though no face is large enough to be detected
        return None
    shares = _count_shares(asked, counts)
    if shares is None:
        return None
    return Measurement("people", shares, round(0.8 * asked.relevance["people"], 3), reason, evidence)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _around(count: int, above: float) -> dict[int, float]:
    """Return a distribution around a count, with some of it one higher."""
    scores = dict.fromkeys(range(_MAX_COUNT + 1), 0.01)
    scores[min(count, _MAX_COUNT)] = 0.7
    scores[min(count + 1, _MAX_COUNT)] += above
    if count:
        scores[count - 1 if count <= _MAX_COUNT else _MAX_COUNT - 1] += 0.08
    total = sum(scores.values())
    return {n: s / total for n, s in scores.items()}


def _count_shares(asked: Asked, counts: Mapping[int, float]) -> dict[str, float] | None:
    question = asked.question
    if question.kind == "number":
        return normalize({str(n): counts.get(n, 0.0) for n in range(_MAX_COUNT + 1)})
    if question.kind == "yes_no":
        if _ALONE.search(question.text):
            yes = counts.get(1, 0.0)
        elif more := _MORE_THAN.search(question.text):
            least = (number_of(more[1]) if more[1] else 1) or 1
            yes = sum(p for n, p in counts.items() if n > least)
        elif (named := number_of(question.text)) is not None:
            yes = counts.get(named, 0.0)
        else:
            return None
        yes = min(max(yes, 0.05), 0.95)
        return {"yes": yes, "no": 1 - yes}
    named_by = {letter: number_of(text) for letter, text in asked.options()}
    if len({n for n in named_by.values() if n is not None}) < 2:
        return None
    return normalize({letter: counts.get(n, 0.0) if n is not None else 0.0 for letter, n in named_by.items()})


# --- gestures and gaze --------------------------------------------------------------------------------------


def measure_gesture(asked: Asked) -> Measurement | None:
    """Return which gestures and postures were seen; that one was not seen counts where the head's pose is known."""
    faces = _faces(asked)
    found = [(g, f) for f in faces for g in f.gestures]
    if not found and not any(any(p is not None for p in f.head_pose) for f in faces):
        return None
    seen = asked.select(Observation(g.start_s, max(g.end_s, g.start_s + 0.1), {g.kind: 1.0}) for g, _ in found)
    kinds = dict.fromkeys(name for o in seen for name in o.scores)
    reason = "gestures: " + (", ".join(kinds) or "none was seen")
    evidence = asked.events(("face",), seen) if seen else ()
    trust = 0.7 * asked.relevance["gesture"]
    if asked.question.kind == "number" and _HOW_OFTEN.search(asked.question.text):
        wanted = gesture_of(asked.question.text)
        count = sum(g.count for g, _ in found if g.kind == wanted)
        shares = _count_shares(asked, _around(min(count, _MAX_COUNT), above=0.1)) if wanted else None
        return Measurement("gesture", shares, round(trust, 3), f"{wanted}: {count} times", evidence) if shares else None
    # Shares of what was seen at all, not of its length: postures last, nods do not.
    scores: dict[str, float] = {kind: (0.8 if kind in kinds else 0.05) for kind in GESTURES}
    shared = share_among(asked, scores, gesture_of)
    return Measurement("gesture", shared[0], round(trust, 3), reason, evidence) if shared else None


def measure_gaze(asked: Asked) -> Measurement | None:
    """Return where the face looks: into the camera, or which way it is turned."""
    observed = [o for face in _faces(asked) for o in _looks(face)]
    seen = asked.select(observed)
    if not seen:
        return None
    scores = mean_scores(seen)
    shared = share_among(asked, scores, look_of)
    if shared is None:
        return None
    main = max(scores, key=scores.__getitem__)
    reason = f"looks to: {main} {scores[main]:.0%} of the time"
    return Measurement(
        "gaze", shared[0], round(0.6 * asked.relevance["gaze"], 3), reason, asked.events(("face",), seen[:1])
    )


def _faces(asked: Asked) -> list[FaceTrack]:
    visual = asked.percepts.visual
    return [f for f in visual.faces if asked.concerns(f.id)] if isinstance(visual, VisualStream) else []


def _looks(face: FaceTrack) -> list[Observation]:
    found = []
    step_s = face.times_s[1] - face.times_s[0] if len(face.times_s) > 1 else 0.5
    for at_s, facing, pose in zip(face.times_s, face.facing_camera, face.head_pose, strict=False):
        if facing is None or pose is None:
            continue
        yaw, pitch, _ = pose
        scores = {"camera": facing, "away": 1 - facing, "left": 0.0, "right": 0.0, "up": 0.0, "down": 0.0}
        scores["right" if yaw > 0 else "left"] = min(abs(yaw) / (2 * _TURNED_DEG), 1.0)
        scores["up" if pitch > 0 else "down"] = min(abs(pitch) / (2 * _TURNED_DEG), 1.0)
        found.append(Observation(at_s, at_s + step_s, scores))
    return found
