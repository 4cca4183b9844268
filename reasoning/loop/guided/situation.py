"""What a composed reply is made from, out of the state of a turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from omnisense.reasoning.loop import safety
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.guided.events import Valence
from omnisense.reasoning.loop.guided.parts import Situation
from omnisense.reasoning.loop.guided.phrases import Picker
from omnisense.reasoning.loop.guided.reading import Reading, read
from omnisense.reasoning.loop.guided.restating import named
from omnisense.reasoning.loop.guided.scenes import describe
from omnisense.reasoning.loop.guided.tone import avoided_in, register_of
from omnisense.reasoning.loop.state import LoopSettings, State, spoken_words


def situation_of(state: State, settings: LoopSettings) -> tuple[Situation, Picker]:
    """Return what a reply to this turn is made from, and what picks its sentences.

    Args:
        state: with the appraisal.
        settings: with the persona and the seed.
    """
    typed, turns, reading = state["typed"], state["turns"], reading_of(state)
    if reading and (state["safety"].grade == "distress" or state["safety"].doubtful):
        reading = replace(reading, valence=_in_distress(reading, state["emotion"].value))
    percepts, clip = state["percepts"], state["clip"]
    is_image = clip is not None and clip.kind == "image"
    scene = describe(percepts, state["emotion"], _whose(reading, bool(typed)), is_image) if percepts else None
    notes = [reading.note] if reading and reading.note else []
    if settings.persona.language not in ("", "en"):
        notes.append(f"a guided policy replies in English, not in the persona's language '{settings.persona.language}'")
    tone = register_of(settings.persona.tone)
    if tone is None:
        notes.append(
            f"composed replies are warm, neutral, formal or playful: they stay warm for '{settings.persona.tone}'"
        )
    situation = Situation(
        reading=reading,
        typed=bool(typed),
        emotion=state["emotion"],
        scene=scene,
        recalled=state["context"].recalled,
        name=_name_in(turns),
        persona=settings.persona,
        register=tone or "warm",
        note="; ".join(notes),
    )
    avoid = avoided_in(situation.register)
    words = _words(state)
    return situation, Picker(f"{settings.seed}|{len(turns)}|{words}", [turn.reply for turn in turns], avoid)


def reading_of(state: State) -> Reading | None:
    """Return the reading of what was typed, else of what was said; None where there is neither."""
    if not (words := _words(state)):
        return None
    has_clip = state["clip"] is not None and bool(state["typed"])
    return read(words, has_clip=has_clip, has_history=bool(state["turns"]))


def _words(state: State) -> str:
    return state["typed"] or spoken_words(state)


def _in_distress(reading: Reading, emotion: str) -> Valence:
    """Return the valence of words in which the safety gate found distress, which everyday strain and change count as.

    Words that may hint at a risk get nothing cheerful, whatever they sound like: glad ones are answered as neutral.
    Others stay glad where they are.
    """
    if reading.valence == "negative":
        return "negative"
    if safety.find_doubt(reading.text) is not None:
        return "neutral" if reading.valence == "positive" else "negative"
    is_glad = reading.valence == "positive" or reading.lean == "positive" or emotion == "joy"
    return reading.valence if is_glad else "negative"


def _whose(reading: Reading | None, typed: bool) -> str:
    if reading is None or not typed:
        return "you"
    if reading.relation:
        return f"your {reading.relation}"
    words = set(reading.text.lower().replace("?", " ").split())
    return "the person" if words & {"he", "she", "they", "him", "her", "them", "his"} else "you"


def _name_in(turns: Sequence[Turn]) -> str:
    return next((name for turn in reversed(turns) if (name := named(turn.heard))), "")
