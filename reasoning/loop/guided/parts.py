"""What a composed reply is made from, what it is, and how its sentences are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from omnisense.reasoning.loop.appraisal import Emotion
from omnisense.reasoning.loop.guided.phrases import Picker, phrases, split_sentences
from omnisense.reasoning.loop.guided.reading import Reading
from omnisense.reasoning.loop.guided.scenes import Scene
from omnisense.reasoning.persona import Persona

Register = Literal["warm", "neutral", "formal", "playful"]


@dataclass(frozen=True)
class Situation:
    """What a reply is made from.

    Attributes:
        reading: of what was typed or, without it, said; None where there are no words.
        typed: whether the words were typed.
        emotion: as appraised.
        scene: what the clip shows; None without one.
        recalled: what the person said earlier that they ask about.
        name: by which the person called themself in the conversation; empty where they did not.
        persona: of the agent.
        register: its tone, as composed replies know it.
        note: for the trace.
    """

    reading: Reading | None
    typed: bool
    emotion: Emotion
    scene: Scene | None
    recalled: str
    name: str
    persona: Persona
    register: Register = "warm"
    note: str = ""


@dataclass(frozen=True)
class Composed:
    """A reply without the policy.

    Attributes:
        text: the reply.
        shape: how it is put together.
        may_continue: whether a policy may say its last sentence instead.
        note: for the trace.
    """

    text: str
    shape: str
    may_continue: bool = False
    note: str = ""

    @property
    def opening(self) -> str:
        """All but the last sentence, where a policy may go on from there; else empty."""
        sentences = split_sentences(self.text)
        return " ".join(sentences[:-1]) if self.may_continue else ""


def join(*parts: str) -> str:
    """Return sentences as one text."""
    return " ".join(part.strip() for part in parts if part.strip())


def listed(words: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def upper(text: str) -> str:
    """Return a text with a capital letter in front."""
    return text[:1].upper() + text[1:]


def limit(text: str, sentences: int) -> str:
    """Return at most so many sentences: the first ones, and the last where it is a question."""
    parts = split_sentences(text)
    if len(parts) <= sentences:
        return text
    kept = parts[:sentences]
    if parts[-1].endswith("?"):
        kept[-1] = parts[-1]
    return " ".join(kept)


def say(section: str, picker: Picker, key: str = "say") -> str:
    """Return a sentence of a section."""
    return picker.pick(phrases()[section][key], f"{section} {key}")
