"""Sentences of a reply that may be said while the rest of it is still written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omnisense.reasoning.loop.appraisal import EmotionValue, Strategy
from omnisense.text import split_sentences


@dataclass(frozen=True)
class CheckedSentence:
    """A sentence of a reply which, with those before it, has passed the safety gate and the checks.

    Attributes:
        text: the sentence.
        strategy: of the reply.
        emotion: that it answers.
    """

    text: str
    strategy: Strategy
    emotion: EmotionValue


class SentenceGate:
    """Reads a reply as it is written, and hands on each sentence once it has passed; after one that fails, none.

    A sentence is known to have ended when another begins: the last one is not handed on, but released with the reply.

    Args:
        passes: whether a reply up to the end of a sentence may be said.
        on_sentence: receives the sentences.
    """

    def __init__(self, passes: Callable[[str], bool], on_sentence: Callable[[str], None]) -> None:
        self._passes, self._on_sentence = passes, on_sentence
        self._text = ""
        self._count = 0
        self._is_open = True

    def __call__(self, piece: str) -> None:
        """Receive the next piece of the reply."""
        self._text += piece
        if not self._is_open:
            return
        sentences = split_sentences(self._text)
        while self._is_open and self._count < len(sentences) - 1:
            so_far = " ".join(sentences[: self._count + 1])
            self._is_open = self._passes(so_far)
            if self._is_open:
                self._on_sentence(sentences[self._count])
            self._count += 1
