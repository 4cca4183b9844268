"""How a guided reply is put together: its shape follows from what the person does, and from how they feel.

Every reply is made of written sentences (``replies.toml``) and of the person's own clauses, turned to "you"; nothing
else is claimed.
"""

from __future__ import annotations

from dataclasses import replace

from omnisense.reasoning.loop.guided.asking import answer_act
from omnisense.reasoning.loop.guided.clips import (
    answer_emoji,
    answer_spoken,
    answer_typed,
    answer_without_words,
    foreign,
)
from omnisense.reasoning.loop.guided.parts import Composed, Situation, limit
from omnisense.reasoning.loop.guided.phrases import Picker
from omnisense.reasoning.loop.guided.tone import in_register

_ASIDE = frozenset({"thanks", "goodbye", "agent", "memory", "complaint"})  # they are not about the clip beside them


def compose_reply(situation: Situation, picker: Picker) -> Composed:
    """Return the reply.

    Args:
        situation: what it is made from.
        picker: chooses among sentences.
    """
    composed = in_register(_compose(situation, picker), situation, situation.register, picker)
    return replace(composed, text=limit(composed.text, situation.persona.max_sentences))


def _compose(situation: Situation, picker: Picker) -> Composed:
    reading, scene = situation.reading, situation.scene
    if scene is not None and scene.language not in ("", "en") and not situation.typed:
        return foreign(scene.language, picker)
    if reading is None:
        assert scene is not None, "there are words or a clip"
        return answer_without_words(scene, situation.emotion, picker)
    if reading.language not in ("", "en"):
        return foreign(reading.language, picker)
    if scene is not None and not situation.typed:
        return answer_spoken(situation, reading, scene, picker)
    if scene is not None and reading.act.name not in _ASIDE:
        return answer_typed(reading, scene, picker)
    if reading.is_emoji:
        return answer_emoji(reading, picker)
    return answer_act(situation, reading, picker)
