"""A conversation: its turns, as they are remembered, and what a question recalls of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omnisense.perception.media.clip import Clip, open_clip
from omnisense.reasoning.loop.appraisal import EmotionValue
from omnisense.reasoning.loop.paraphrase import content_words, first_words


@dataclass(frozen=True)
class ClipReference:
    """A clip, or a window of one, by path; times in seconds from the start of the file."""

    path: str
    start_s: float
    end_s: float

    @classmethod
    def of(cls, clip: Clip) -> ClipReference:
        """Return the reference of an open clip."""
        return cls(str(clip.path.resolve()), clip.start_s, clip.start_s + clip.duration_s)

    def open(self) -> Clip:
        """Open the clip again.

        Raises:
            MediaError: it cannot be opened, or has become shorter than the window.
        """
        clip = open_clip(Path(self.path))
        return clip if clip.kind == "image" else clip[self.start_s : self.end_s]


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation.

    Attributes:
        heard: everything the person said in the clip and typed.
        typed: what they typed.
        clip: the clip; None for a turn of text.
        reply: the agent's reply.
        emotion: the appraised emotion; ``unknown`` when the safety gate answered.
        risk: the kind of risk that the safety gate found.
    """

    heard: str
    typed: str
    clip: ClipReference | None
    reply: str
    emotion: EmotionValue = "unknown"
    risk: str | None = None


def recall(turns: Sequence[Turn], typed: str) -> str:
    """Return what the person said earlier that their question asks about; empty when it asks about nothing earlier."""
    if not typed.rstrip().endswith("?"):
        return ""
    asked = content_words(typed)
    about_memory = bool(
        asked & {"remember", "told", "tell", "said", "mentioned", "earlier", "beginning", "first", "name"}
    )
    if not about_memory:
        return ""
    ranked = sorted(
        (
            (len(asked & content_words(turn.heard)), -i, turn.heard)
            for i, turn in enumerate(turns)
            if turn.heard and not turn.heard.rstrip().endswith("?")
        ),
        reverse=True,
    )
    if not ranked:
        return ""
    shared, _, heard = ranked[0]
    return first_words(heard, 30) if shared or asked & {"first", "beginning", "earlier", "told", "said"} else ""
