"""Recognized words in sentences, and the language of most of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from omnisense.perception.types import Segment, UnclearSpeech, Word

_PAUSE_ENDS_SEGMENT_S = 0.8
_SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", "…")


def split_sentences(words: list[Word], whole: Segment) -> Iterator[Segment]:
    """Yield segments: Whisper's run up to 30 s, and are split after a sentence's end or before a pause."""
    current: list[Word] = []
    for word in words:
        if current and (
            word.start_s - current[-1].end_s > _PAUSE_ENDS_SEGMENT_S or current[-1].text.endswith(_SENTENCE_ENDS)
        ):
            yield _to_segment(current, whole)
            current = []
        current.append(word)
    if current:
        yield _to_segment(current, whole)


def _to_segment(words: list[Word], whole: Segment) -> Segment:
    text = " ".join(w.text for w in words)
    return replace(whole, start_s=words[0].start_s, end_s=words[-1].end_s, text=text, words=tuple(words))


def main_language(segments: Sequence[Segment], unclear: Sequence[UnclearSpeech]) -> str | None:
    """Return the language of most of the speech; None where it is of none that is known."""
    seconds: dict[str, float] = {}
    known = [(s.language, s.end_s - s.start_s) for s in segments] + [(u.language, u.end_s - u.start_s) for u in unclear]
    for language, length_s in known:
        if language:
            seconds[language] = seconds.get(language, 0.0) + length_s
    return max(seconds, key=seconds.__getitem__, default=None)
