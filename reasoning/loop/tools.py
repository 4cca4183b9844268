"""Tools with which a policy looks at a clip again before it answers, as LangChain tools.

Each returns lines of text for the policy, and as artifact the spans that they state (:class:`EvidenceSpan`), which an
answer can cite. A call that cannot be made (a window outside the clip) returns the reason.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from omnisense.errors import OmniSenseError
from omnisense.perception.fusion.timeline import build_timeline, describe_prosody, face_name
from omnisense.perception.geometry import best_iou
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import (
    AudioStream,
    Channel,
    FaceTrack,
    Missing,
    PersonSummary,
    StreamName,
    Transcript,
    Utterance,
    VisualStream,
)
from omnisense.reasoning.loop.appraisal import EvidenceSpan
from omnisense.reasoning.loop.conversation import Turn, recall_turns
from omnisense.reasoning.loop.notes import Note
from omnisense.reasoning.search import search_timeline
from omnisense.text import quote

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

PerceiveClosely = Callable[[Clip, tuple[StreamName, ...]], Percepts]
Found = tuple[str, list[EvidenceSpan]]
_MAX_LOOK_S = 20.0  # frames are taken densely: a longer window would take minutes
_MAX_READ_S = 120.0
_WORD_TIMES_S = 20.0  # a window up to this long is read word by word
_MAX_LINES = 12
_CLEAR_TONE = 0.5
_REGIONS = {
    "": (0.0, 0.0, 1.0, 1.0),
    "whole": (0.0, 0.0, 1.0, 1.0),
    "left": (0.0, 0.0, 0.45, 1.0),
    "centre": (0.3, 0.0, 0.7, 1.0),
    "center": (0.3, 0.0, 0.7, 1.0),
    "right": (0.55, 0.0, 1.0, 1.0),
}
_log = logging.getLogger(__name__)
_Stream = TypeVar("_Stream", VisualStream, AudioStream, Transcript)


class ToolError(Exception):
    """A call that cannot be made; the policy is told why."""


@dataclass(frozen=True)
class Line:
    """A line of a result: an interval in seconds from the start of the clip (None for a turn), and what is there."""

    start_s: float | None
    end_s: float | None
    text: str


class ClipTools:
    """The tools of one turn.

    Args:
        percepts: of the turn's clip; None without one: then only ``recall`` is offered.
        turns: the conversation so far.
        notes: what the person told about themselves.
        perceive_closely: perceives a window again, more densely.
        clip: the clip; by default it is opened by the path in the percepts when it is first looked at.
    """

    def __init__(
        self,
        percepts: Percepts | None,
        turns: Sequence[Turn],
        notes: Sequence[Note],
        perceive_closely: PerceiveClosely,
        clip: Clip | None = None,
    ) -> None:
        self._percepts, self._turns, self._notes = percepts, turns, notes
        self._perceive_closely = perceive_closely
        self._opened = clip
        self._numbers: dict[str, Iterator[int]] = {}

    def tools(self) -> list[BaseTool]:
        """Return the tools that this turn allows."""
        offered: list[Callable[..., Found]] = []
        if self._percepts and self._percepts.clip.kind != "image":
            offered += [self.search, self.read, self.listen, self.who]
            if self._percepts.clip.kind == "video":
                offered.append(self.look)
        if self._turns or self._notes:
            offered.append(self.recall)
        return [_as_tool(function) for function in offered]

    def examine(self, start_s: float, end_s: float, channels: Sequence[Channel]) -> list[EvidenceSpan]:
        """Return what the tools for these channels find in a window; a tool that cannot be called finds nothing."""
        called: list[Callable[[float, float], Found]] = [self.read, self.listen]
        if "face" in channels or "scene" in channels:
            called.append(self.look)
        spans: list[EvidenceSpan] = []
        for tool in called:
            try:
                spans += tool(start_s, end_s)[1]
            except (ToolError, OmniSenseError) as error:
                _log.debug("%s cannot be called there: %s", tool.__name__, error)
        return spans

    # --- the tools: their docstrings are what a policy reads of them ------------------------------------------

    def search(self, query: str, start_s: float = 0.0, end_s: float = 1e9) -> Found:
        """Search the whole clip for events (words, faces, gestures, voices) that a query is about."""
        found = search_timeline(self._known(), query, start_s=start_s, end_s=end_s)
        spans = [EvidenceSpan(h.event.id, h.event.start_s, h.event.end_s, h.event.text) for h in found.hits]
        return _told(spans, found.note)

    def look(self, start_s: float, end_s: float, region: str = "whole") -> Found:
        """Look closely at a window of at most 20 seconds: faces, expressions, gestures.

        Region is 'whole', 'left', 'centre', 'right', or 'x1,y1,x2,y2' in fractions of the picture.
        """
        box = _box_of(region)
        window = self._window(start_s, end_s, _MAX_LOOK_S)
        seen = self._perceive_closely(window, ("visual",))
        visual = _present(seen.visual, "seen")
        faces = tuple(face for face in visual.faces if _is_inside(face, box))
        people = tuple(self._namesake(face, visual.faces, start_s) for face in faces)
        chosen = replace(seen, visual=replace(visual, faces=faces), people=people, speaker_segments=())
        events = [e for e in build_timeline(chosen).events if e.channel in ("face", "scene")]
        where = "" if region in ("", "whole") else f" ({region})"
        return self._result("look", [Line(start_s + e.start_s, start_s + e.end_s, e.text + where) for e in events])

    def listen(self, start_s: float, end_s: float) -> Found:
        """Listen to a window of at most 2 minutes: who speaks, in what tone, and other sounds of voices."""
        audio, shift_s = self._stream(start_s, end_s, "audio", "heard")
        lines = [
            Line(u.start_s + shift_s, u.end_s + shift_s, self._describe_voice(u, audio, shift_s))
            for u in audio.utterances
        ]
        for event in audio.events:
            by = " and ".join(self._speaker(speaker) for speaker in event.speakers)
            lines.append(Line(event.start_s + shift_s, event.end_s + shift_s, f"{event.kind}{f': {by}' if by else ''}"))
        lines += [
            Line(p.start_s + shift_s, p.end_s + shift_s, f"a pause of {p.duration_s:.1f} s")
            for p in audio.pauses
            if p.duration_s >= 1.0 and start_s <= p.start_s + shift_s and p.end_s + shift_s <= end_s
        ]
        return self._result("listen", _within(lines, start_s, end_s), "nobody speaks there")

    def read(self, start_s: float, end_s: float) -> Found:
        """Read what is said in a window of at most 2 minutes, with the times of the words."""
        transcript, shift_s = self._stream(start_s, end_s, "transcript", "read")
        lines = []
        for segment in transcript.segments:
            who = self._speaker(segment.speaker or "") or "somebody"
            text = f"{who} says: {quote(segment.text)}"
            if end_s - start_s <= _WORD_TIMES_S and segment.words:
                times = " ".join(f"{word.text}@{word.start_s + shift_s:.1f}" for word in segment.words)
                text += f" (words with times: {times})"
            lines.append(Line(segment.start_s + shift_s, segment.end_s + shift_s, text))
        return self._result("read", _within(lines, start_s, end_s), "nothing is said there")

    def who(self, start_s: float, end_s: float) -> Found:
        """Tell who is visible and who speaks in a window."""
        percepts = self._known()
        self._check(start_s, end_s)
        lines = []
        visual, audio = percepts.visual, percepts.audio
        for face in visual.faces if isinstance(visual, VisualStream) else ():
            assert isinstance(visual, VisualStream)
            name = self._face_name(face, visual.faces)
            looks = _mean_expression(face, visual.expression_labels, start_s, end_s)
            lines.append(Line(face.start_s, face.end_s, f"{name} is visible{looks}"))
        for turn in audio.speaker_turns if isinstance(audio, AudioStream) else ():
            lines.append(Line(turn.start_s, turn.end_s, f"{self._speaker(turn.speaker)} speaks"))
        return self._result("who", _within(lines, start_s, end_s), "nobody is seen or heard there")

    def recall(self, query: str) -> Found:
        """Recall what the person said or told about themselves in earlier turns of the conversation."""
        recalled, note = recall_turns(self._turns, self._notes, query)
        found = self._result("recall", [Line(None, None, text) for text in recalled], "nothing like it was said")
        return (f"{found[0]}\n({note})" if note else found[0]), found[1]

    # --- what they share ------------------------------------------------------------------------------------

    def _known(self) -> Percepts:
        if self._percepts is None:
            raise ToolError("There is no clip in this turn.")
        return self._percepts

    def _check(self, start_s: float, end_s: float, longest_s: float = float("inf")) -> None:
        duration_s = self._known().clip.duration_s
        if not 0 <= start_s < min(end_s, duration_s):  # an end beyond the clip is its end
            raise ToolError(
                f"The window {start_s:g}-{end_s:g} s is not inside the clip: give 0 <= start_s < end_s <= "
                f"{duration_s:.1f}."
            )
        if end_s - start_s > longest_s:
            raise ToolError(f"The window is {end_s - start_s:g} s long: give at most {longest_s:g} s.")

    def _window(self, start_s: float, end_s: float, longest_s: float) -> Clip:
        """Return a window of the clip."""
        self._check(start_s, end_s, longest_s)
        if self._opened is None:
            info = self._known().clip
            clip = open_clip(info.path)
            self._opened = clip[info.start_s : info.start_s + info.duration_s]
        return self._opened[start_s:end_s]

    def _stream(self, start_s: float, end_s: float, name: StreamName, done: str) -> tuple[Any, float]:
        """Return a stream of the clip, or of the window where the clip has none, and what to add to its times."""
        self._check(start_s, end_s, _MAX_READ_S)
        stream = getattr(self._known(), name)
        if not isinstance(stream, Missing):
            return stream, 0.0
        window = self._window(start_s, end_s, _MAX_READ_S)
        return _present(getattr(self._perceive_closely(window, (name,)), name), done), start_s

    def _result(self, tool: str, lines: Sequence[Line], nothing: str = "nothing was found there") -> Found:
        numbers = self._numbers.setdefault(tool, itertools.count(1))
        spans = [
            EvidenceSpan(f"{tool}{next(numbers)}", _rounded(line.start_s), _rounded(line.end_s), line.text)
            for line in lines[:_MAX_LINES]
        ]
        left = len(lines) - len(spans)
        return _told(spans, f"{left} more: choose a shorter window" if left > 0 else "", nothing)

    def _speaker(self, speaker: str) -> str:
        """Return the name of a speaker in words."""
        return next((p.name for p in self._known().people if speaker and p.speaker == speaker), speaker)

    def _face_name(self, face: FaceTrack, faces: tuple[FaceTrack, ...]) -> str:
        return next((p.name for p in self._known().people if face.id in p.faces), face_name(face, faces))

    def _namesake(self, face: FaceTrack, faces: tuple[FaceTrack, ...], shift_s: float) -> PersonSummary:
        """Return a person for a face of a window, named as the face of the clip that is in the same place then."""
        visual, name, best = self._known().visual, face_name(face, faces), 0.3
        middle = len(face.times_s) // 2
        at_s, box = face.times_s[middle] + shift_s, face.boxes[middle]
        for known in visual.faces if isinstance(visual, VisualStream) else ():
            assert isinstance(visual, VisualStream)
            nearest = min(range(len(known.times_s)), key=lambda i: abs(known.times_s[i] - at_s), default=None)
            if nearest is None or abs(known.times_s[nearest] - at_s) > 1.0:
                continue
            shared = best_iou([box], [known.boxes[nearest]])
            if shared > best:
                best, name = shared, self._face_name(known, visual.faces)
        return PersonSummary(face.id, name, (face.id,), "", 0.0, 0)

    def _describe_voice(self, utterance: Utterance, audio: AudioStream, shift_s: float) -> str:
        speaker = self._speaker(utterance.speaker) if not shift_s else utterance.speaker
        parts = [f"{speaker or 'somebody'} speaks{describe_prosody(utterance.prosody, ', ')}"]
        if utterance.emotion:
            top = int(np.argmax(utterance.emotion))
            sure = "" if utterance.emotion[top] >= _CLEAR_TONE else "perhaps "
            parts.append(f"in a tone of {sure}{audio.emotion_labels[top]} ({utterance.emotion[top]:.2f})")
        return ", ".join(parts)


def _as_tool(function: Callable[..., Found]) -> BaseTool:
    from langchain_core.tools import StructuredTool, ToolException

    def run(**arguments: Any) -> Found:
        try:
            return function(**arguments)
        except (ToolError, OmniSenseError) as error:
            raise ToolException(str(error)) from error

    described = StructuredTool.from_function(function)  # its schema, from the annotations
    return StructuredTool.from_function(
        run,
        name=function.__name__,
        description=" ".join((function.__doc__ or "").split()),
        args_schema=described.args_schema,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def _told(spans: list[EvidenceSpan], note: str = "", nothing: str = "nothing was found") -> Found:
    lines = [span.line() for span in spans] or [nothing]
    return "\n".join([*lines, *([f"({note})"] if note else [])]), spans


def _present(stream: _Stream | Missing, done: str) -> _Stream:
    if isinstance(stream, Missing):
        raise ToolError(f"Nothing can be {done} there: {stream.reason}.")
    return stream


def _box_of(region: str) -> tuple[float, float, float, float]:
    name = region.strip().lower()
    if name in _REGIONS:
        return _REGIONS[name]
    try:
        x1, y1, x2, y2 = (float(value) for value in name.strip("[]()").split(","))
    except ValueError:
        x1 = y1 = x2 = y2 = -1.0
    if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):
        raise ToolError(f"'{region}' is no region: give whole, left, centre, right, or x1,y1,x2,y2 in fractions.")
    return x1, y1, x2, y2


def _is_inside(face: FaceTrack, box: tuple[float, float, float, float]) -> bool:
    """Whether a face's centre is mostly inside a box."""
    x, y = np.mean([((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in face.boxes], axis=0)
    return bool(box[0] <= x <= box[2] and box[1] <= y <= box[3])


def _mean_expression(face: FaceTrack, labels: Sequence[str], start_s: float, end_s: float) -> str:
    rows = [row for t, row in zip(face.times_s, face.expression, strict=False) if start_s <= t <= end_s]
    if not rows:
        return ""
    mean = np.mean(rows, axis=0)
    return f", looks {labels[int(mean.argmax())]} ({float(mean.max()):.2f})"


def _within(lines: Sequence[Line], start_s: float, end_s: float) -> list[Line]:
    """Return the lines that touch a window, in order of time."""
    touching = [
        line for line in lines if line.start_s is not None and line.start_s < end_s and (line.end_s or 0.0) > start_s
    ]
    return sorted(touching, key=lambda line: line.start_s or 0.0)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
