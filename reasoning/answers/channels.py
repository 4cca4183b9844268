"""Which measured channels a question asks about, and about which part of the clip.

Questions in German, French, Spanish and Chinese are matched by their words (:mod:`.question_words`). English ones are
classified by two linear heads on the sentence features that perception uses for text emotion (all-MiniLM-L6-v2);
``question_matching.md`` beside them is their model card. They were fitted on phrasings written for this purpose
(``question_phrasings.csv``), of which a part was kept for testing.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from omnisense import models
from omnisense.errors import ModelError
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.text import EMBEDDING, load_embedder
from omnisense.perception.registry import TORCH_LOCK
from omnisense.reasoning.answers.question_words import WordsMatch, match_words

ChannelName = Literal[
    "tone", "expression", "text emotion", "words", "gesture", "gaze", "speaker", "people", "events", "time"
]
TimeAspect = Literal["none", "beginning", "end", "when", "duration", "order"]

CHANNEL_HEAD, TIME_HEAD = "question_channel", "question_time"
_CHANNELS_OF: dict[str, tuple[ChannelName, ...]] = {
    "tone": ("tone",),
    "expression": ("expression",),
    "feeling": ("tone", "expression", "text emotion"),
    "text emotion": ("text emotion",),
    "words": ("words",),
    "gesture": ("gesture",),
    "gaze": ("gaze",),
    "speaker": ("speaker",),
    "people": ("people",),
    "voices": ("speaker", "people"),
    "events": ("events",),
    "none": (),
}
MIN_RELEVANCE = 0.2  # a channel that the question asks about with a lower probability is left out
_MIN_TIME_PROBABILITY = 0.5
_BY_WORDS = 0.8  # relevance of a channel that words name, in a language that the heads do not read
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QuestionChannels:
    """What a question asks about.

    Attributes:
        topic: the likeliest key of ``_CHANNELS_OF``; ``none`` where nothing that is measured answers the question.
        relevance: by channel, the probability that it bears on the question; those over ``MIN_RELEVANCE``.
        time: the part of the clip that is asked about, or whether a time or a duration is asked for.
        note: why questions are not matched; empty where they are.
    """

    topic: str = "none"
    relevance: Mapping[ChannelName, float] = field(default_factory=dict)
    time: TimeAspect = "none"
    note: str = ""


def match_question(text: str) -> QuestionChannels:
    """Return the channels that a question asks about.

    Where the embedding model is not on this machine, no channel is given, and the note says so.

    Args:
        text: the question without its options.
    """
    by_words = match_words(text)
    if by_words is not None:
        return _from_words(by_words)
    folder = models.find(EMBEDDING)
    if folder is None:
        return QuestionChannels(note=f"no measured channel was consulted: the model '{EMBEDDING}' is not here")
    try:
        return _match(text, folder)
    except ModelError as error:
        _log.warning("%s", error)
        return QuestionChannels(note=f"no measured channel was consulted: {error}")


def _from_words(found: WordsMatch) -> QuestionChannels:
    """Return the channels of a topic that a question's words name."""
    time: TimeAspect = found.time  # type: ignore[assignment]
    kept = dict.fromkeys(_CHANNELS_OF[found.topic], _BY_WORDS)
    if time in ("when", "duration"):
        kept["time"] = _BY_WORDS
    return QuestionChannels(found.topic, kept, time)


@functools.lru_cache(maxsize=4096)
def _match(text: str, folder: Path) -> QuestionChannels:
    with TORCH_LOCK:
        features = load_embedder(folder).embed([text])
    return read_scores(*(head.scores(features)[0] for head in _heads()))


def read_scores(topics: np.ndarray, times: np.ndarray) -> QuestionChannels:
    """Return what the scores of the two heads say: (number of topics,) and one score per time aspect."""
    topic_head, time_head = _heads()
    relevance: dict[ChannelName, float] = {}
    for topic, score in zip(topic_head.labels, topics.tolist(), strict=True):
        for channel in _CHANNELS_OF[topic]:
            relevance[channel] = relevance.get(channel, 0.0) + score
    aspect: TimeAspect = time_head.labels[int(times.argmax())] if times.max() >= _MIN_TIME_PROBABILITY else "none"  # type: ignore[assignment]
    kept = {c: round(p, 3) for c, p in relevance.items() if p >= MIN_RELEVANCE}
    if aspect in ("when", "duration"):
        kept["time"] = round(float(times.max()), 3)
    return QuestionChannels(topic_head.labels[int(topics.argmax())], kept, aspect)


@functools.cache
def _heads() -> tuple[LinearHead, LinearHead]:
    here = Path(__file__).parent
    return LinearHead.load(here / f"{CHANNEL_HEAD}.npz"), LinearHead.load(here / f"{TIME_HEAD}.npz")
