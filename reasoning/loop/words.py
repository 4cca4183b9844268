"""The channel of words: what the text emotion model reads in spoken and typed words, and the feelings they name.

Spoken and typed words go through the same model (:mod:`omnisense.perception.emotion.text`). On 4,946 comments of
GoEmotions dev with one of Ekman's emotions or none this channel has macro-F1 .56 and calls 26% of the emotional ones
neutral. GoEmotions counts curiosity and confusion as surprise; where they count as neutral, as here, it has .59, 21%.
On 1,109 lines of television dialogue (MELD dev) it has .28 and 60%, and 17% of the neutral lines are called emotional.

Words that the list does not hold are no evidence of a neutral mood: without the model they say nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from omnisense.perception.emotion.text import EKMAN
from omnisense.perception.speech.confidence import UNSURE, confidence_of
from omnisense.perception.types import Event, Segment, Transcript
from omnisense.reasoning.language import detect_language
from omnisense.reasoning.loop import irony
from omnisense.reasoning.loop.appraisal import EMOTIONS, EmotionChannel, EmotionName
from omnisense.reasoning.loop.emotion_lexicon import Cue, emotion_cues
from omnisense.reasoning.loop.irony import Praise
from omnisense.reasoning.pooling import pool_log_linear

ReadEmotion = Callable[[Transcript], Transcript]  # adds the emotion of the segments, or a note on why there is none
TYPED = "typed"  # the source of a typed message among the ids of evidence

_LIST_WEIGHT = 0.3  # chosen on half of GoEmotions' dev and reported on the other
_CHUNK_WORDS = 45  # the model reads 64 tokens at once
_MAX_CHUNKS = 40  # of a long text: the beginning and the end
_LEAST_TRUST = 0.1  # of misheard words: they still are the only words there are
_MEASURED_OF: dict[str, EmotionName] = {
    **{fine: group for group, labels in EKMAN.items() for fine in labels},
    **{"happy": "joy", "happiness": "joy", "sad": "sadness", "angry": "anger", "fearful": "fear", "afraid": "fear"},
    **{"surprised": "surprise", "disgusted": "disgust", "calm": "neutral"},
}
# What an emoji says, in words that the model knows: its tokenizer has none.
_EMOJI: dict[str, str] = {
    **dict.fromkeys("😀😃😄😁😆😊🙂☺😍🥰😂🤣🎉🥳", " I am so happy. "),
    **dict.fromkeys("❤💕💖😘", " I love it. "),
    **dict.fromkeys("😢😭😞😔☹🙁🥺💔", " I am so sad. "),
    **dict.fromkeys("😠😡🤬", " I am so angry. "),
    **dict.fromkeys("😱😨😰", " I am so scared. "),
    **dict.fromkeys("🤢🤮", " It is disgusting. "),
    **dict.fromkeys("😮😲🤯", " I am so surprised. "),
}
_MODEL_LANGUAGE = "en"  # of the shipped heads
_READABLE = (None, "", _MODEL_LANGUAGE)
_OPEN = "..."  # words that say nothing of a feeling
_ASKING = {"curiosity", "confusion"}  # GoEmotions groups these with surprise; a question is not a surprised person


@dataclass(frozen=True)
class _Reading:
    """The emotion of one segment: a distribution over ``EMOTIONS``, and how much it counts."""

    probabilities: dict[EmotionName, float]
    weight: float


def read_typed(typed: str, read_emotion: ReadEmotion | None) -> Transcript:
    """Return a typed message as a transcript, with its emotion where there is a model, or a note on why not."""
    seen = dict.fromkeys(char for char in typed if char in _EMOJI)
    plain = "".join(" " if char in _EMOJI else char for char in typed)
    language, chunks = detect_language(plain), split_text(plain)
    sentences = dict.fromkeys([*chunks, *(_EMOJI[char].strip() for char in seen)])
    praises = {chunk: praise for chunk in chunks if (praise := irony.find_praise(chunk, language))}
    without = [words for praise in praises.values() for words in (praise.occasion, praise.rest) if words]
    segments = tuple(Segment(0, 0, sentence) for sentence in dict.fromkeys([*sentences, *without]))
    transcript = Transcript(language, segments, "")
    read = read_emotion(transcript) if read_emotion else transcript
    by_text = {segment.text: segment for segment in read.segments}
    meant = [_as_meant(by_text[sentence], praises.get(sentence), by_text) for sentence in sentences]
    read = replace(read, segments=tuple(meant))
    if language in ("", _MODEL_LANGUAGE) or set(read.emotion_labels) != set(EMOTIONS):
        return read  # a builder's own model may know more languages
    unsure = [replace(s, confidence=UNSURE) if s.text in chunks else s for s in read.segments]
    note = f"the text emotion model reads English only, and the text is in another language ({language})"
    return replace(read, segments=tuple(unsure), notes=(*read.notes, note))


def meant_words(typed: str, read: Transcript | None) -> str:
    """Return a typed message without the praise that was read as irony.

    Args:
        typed: the message.
        read: of :func:`read_typed`.
    """
    chunks = dict.fromkeys(split_text("".join(" " if char in _EMOJI else char for char in typed)))
    for chunk, segment in zip(chunks, read.segments if read else (), strict=False):  # after the chunks come the emoji
        if segment.text != chunk and not irony.is_played_down(chunk):
            as_typed = rf"[\s{''.join(_EMOJI)}]+".join(map(re.escape, chunk.split()))
            typed = segment.text.join(re.split(as_typed, typed))
    return typed


def _as_meant(segment: Segment, praise: Praise | None, by_text: Mapping[str, Segment]) -> Segment:
    """Return a segment without praise that is not meant, or of which nothing tells whether it is."""
    if praise is None and not irony.is_played_down(segment.text):
        return segment
    if praise is None or praise.is_open:
        return replace(segment, text=_OPEN, emotion=(), feelings=(), sentiment=None)
    occasion = by_text.get(praise.occasion)
    if occasion is None or not irony.is_ironic(praise, occasion.sentiment):
        return segment
    return by_text[praise.rest]


def has_readable_words(heard: Transcript | None, typed: Transcript | None) -> bool:
    """Whether anything was said or written in English, or in a language that does not show.

    Args:
        heard: of the speech.
        typed: what was typed, of :func:`read_typed`.
    """
    spoken = [s for s in heard.segments if s.language in _READABLE and confidence_of([s])] if heard else []
    return bool(spoken or (typed and typed.segments and typed.language in _READABLE))


def split_text(text: str) -> list[str]:
    """Return a text in chunks of whole sentences that the model can read; of a long text its beginning and end."""
    sentences = [words for s in re.split(r"(?<=[.!?\n])\s+", text) for words in _in_pieces(s.split())]
    chunks: list[list[str]] = []
    for words in sentences:
        if chunks and len(chunks[-1]) + len(words) <= _CHUNK_WORDS:
            chunks[-1] += words
        else:
            chunks.append(list(words))
    if len(chunks) > _MAX_CHUNKS:
        chunks = chunks[: _MAX_CHUNKS // 2] + chunks[-_MAX_CHUNKS // 2 :]
    return [" ".join(words) for words in chunks]


def _in_pieces(words: list[str]) -> list[list[str]]:
    return [words[at : at + _CHUNK_WORDS] for at in range(0, len(words), _CHUNK_WORDS)]


def words_channel(
    spoken: Sequence[Event], transcript: Transcript | None, typed: Transcript | None
) -> EmotionChannel | None:
    """Return what the words say about the emotion; None without words.

    Args:
        spoken: the speech events, which are cited.
        transcript: of the speech.
        typed: what was typed, of :func:`read_typed`.
    """
    said = list(transcript.segments) if transcript else []
    wrote = list(typed.segments) if typed else []
    if not said and not wrote:
        return None
    labels = [*(transcript.emotion_labels for _ in said if transcript), *(typed.emotion_labels for _ in wrote if typed)]
    spoken_as_meant = [_spoken_as_meant(segment, transcript.language) for segment in said] if transcript else []
    readings, trust, words = [], 0.0, 0
    cues: list[Cue] = []
    for segment, names in zip([*spoken_as_meant, *wrote], labels, strict=True):
        count, found = max(len(segment.text.split()), 1), emotion_cues(segment.text)
        confidence = max(_LEAST_TRUST, confidence_of([segment]))
        cues += found
        words += count
        reading = _read(segment, names, found)
        if reading:
            readings.append(_Reading(reading, count * confidence))
            trust += count * confidence
    total = sum(reading.weight for reading in readings)
    if not total:
        uniform = dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS))
        return EmotionChannel("words", uniform, 0.0, "no feeling is named")
    mean = {e: sum(r.weight * r.probabilities[e] for r in readings) / total for e in EMOTIONS}
    evidence = (*(event.id for event in spoken), *((TYPED,) if wrote else ()))
    reliability = round(min(1.0, trust / words), 3)
    return EmotionChannel("words", mean, reliability, _reason(mean, cues, reliability), evidence)


def _spoken_as_meant(segment: Segment, language: str) -> Segment:
    """Return a spoken sentence without praise that its other words contradict; they are not read again."""
    praise = irony.find_praise(segment.text, language)
    if praise is None or not irony.is_ironic(praise):
        return segment
    return replace(segment, text=praise.rest, emotion=(), feelings=())


def _read(segment: Segment, labels: Sequence[str], cues: Sequence[Cue]) -> dict[EmotionName, float] | None:
    """Return the emotion of a segment by the model, the list, or both; None where neither says anything."""
    sources: dict[str, Mapping[EmotionName, float]] = {}
    if segment.emotion:
        sources["model"] = of_labels(labels, segment.emotion)
        if _ASKING.intersection(segment.feelings) and not {"surprise", "realization"}.intersection(segment.feelings):
            sources["model"] = _as_asked(sources["model"])
    if cues:
        sources["list"] = _named(cues)
    if not sources:
        return None
    return pool_log_linear(sources, {"model": 1.0, "list": _LIST_WEIGHT if "model" in sources else 1.0}, EMOTIONS)


def _as_asked(found: Mapping[EmotionName, float]) -> dict[EmotionName, float]:
    """Return a distribution with most of its surprise given to neutral."""
    moved = 0.9 * found["surprise"]
    return {**found, "neutral": found["neutral"] + moved, "surprise": found["surprise"] - moved}


def of_labels(labels: Sequence[str], scores: Sequence[float]) -> dict[EmotionName, float]:
    """Return a distribution over ``EMOTIONS``, of a classifier's scores.

    Scores that do not sum to 1 come from one sigmoid a label and count as odds. Emotions that the classifier does not
    know get the mean of the others: it says nothing about them.

    Args:
        labels: of the classifier; unknown ones are left out.
        scores: one for each label, 0 to 1.
    """
    exclusive = abs(math.fsum(scores) - 1) < 0.02
    shares: dict[EmotionName, float] = {}
    for label, score in zip(labels, scores, strict=True):
        name = _MEASURED_OF.get(label.lower())
        if name:
            kept = min(max(score, 0.0), 0.999)
            shares[name] = shares.get(name, 0.0) + (kept if exclusive else kept / (1 - kept))
    total = math.fsum(shares.values())
    if not total:
        return dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS))
    known = {name: share / total for name, share in shares.items()}
    filled = {name: known.get(name, 1 / len(known)) for name in EMOTIONS}
    return {name: share / math.fsum(filled.values()) for name, share in filled.items()}


def _named(cues: Sequence[Cue]) -> dict[EmotionName, float]:
    scores = dict.fromkeys(EMOTIONS, 0.1) | {"neutral": 0.3}
    for cue in cues:
        scores[cue.emotion] += cue.weight
    return {emotion: score / sum(scores.values()) for emotion, score in scores.items()}


def _reason(mean: Mapping[EmotionName, float], cues: Sequence[Cue], trust: float) -> str:
    top = max(mean, key=mean.__getitem__)
    named = ", ".join(dict.fromkeys(f'"{cue.text}"' for cue in cues if cue.emotion == top))
    doubt = "" if trust >= 0.5 else ", though they were hardly recognized"
    return f"the words read like {top} {mean[top]:.2f}" + (f" ({named})" if named else "") + doubt
