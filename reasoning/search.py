"""Search of a timeline, and of any texts, by meaning: sentence embeddings beside the words that are shared.

The embedding is the one that perception uses for text emotion (all-MiniLM-L6-v2). Each text is embedded once in a
process, and not kept on disk: from an embedding the words can be guessed. Where the model is absent, shared words alone
rank the texts, and the result says so.
"""

from __future__ import annotations

import logging
import math
import os
import re
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from omnisense import models
from omnisense.errors import ModelError
from omnisense.perception.emotion.text import EMBEDDING, MINILM, Pooling, SentenceEmbedder, load_embedder
from omnisense.perception.percepts import Percepts
from omnisense.perception.registry import TORCH_LOCK
from omnisense.perception.types import Channel, Event

WITHOUT_EMBEDDING = f"searched by shared words: the model '{EMBEDDING}' is not on this machine"
_WORDS_WEIGHT = 0.35  # of the shared words, beside the similarity of meaning (-1 to 1): names and numbers count
_KEPT_TEXTS = 50_000  # embeddings in memory, 768 bytes each
_MEASURED = re.compile(r"\s*\((?:face-\d+|[\d.]+)\)")  # scores and ids, which say nothing of the meaning
_FUNCTION_WORDS = frozenset(
    "a about an and any are as at be but by can could did do does for from had has have he her him his how i if in is "
    "it its let may me my no not of on or our she should so some somebody someone that the their them then there they "
    "this to us was we were what when where which who whose why will with would you your".split()
)
_known: dict[str, np.ndarray] = {}
_loaded: dict[tuple[str, str], SentenceEmbedder] = {}  # by the home folder that is set, and the model's name
_guard = threading.Lock()
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hit:
    """An event that was found; ``score`` is about 0 (unrelated) to 1.35 (the same words)."""

    event: Event
    score: float


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        hits: the best first.
        note: how the search was done, where that is out of the ordinary.
    """

    hits: tuple[Hit, ...]
    note: str = ""


def search_timeline(
    percepts: Percepts,
    query: str,
    *,
    limit: int = 8,
    start_s: float = 0.0,
    end_s: float = math.inf,
    channels: Collection[Channel] = (),
    person: str = "",
) -> Found:
    """Return the events of a clip that a query is about.

    Args:
        percepts: of the clip.
        query: in words; empty for all events that pass the filters, the most important first.
        limit: upper bound on the number of hits.
        start_s: only events that touch this window, in seconds from the start of the clip.
        end_s: likewise.
        channels: only events of these channels; empty for all.
        person: only events of this person: the id of a person, face or speaker. Empty for everybody.
    """
    ids = _ids_of(percepts, person) if person else frozenset[str]()
    chosen = [
        event
        for event in percepts.timeline().events
        if event.start_s <= end_s
        and event.end_s >= start_s
        and (not channels or event.channel in channels)
        and (not ids or event.who in ids)
    ]
    return search_events(chosen, query, limit)


def search_events(events: Sequence[Event], query: str, limit: int = 8) -> Found:
    """Return the events that a query is about, the best first."""
    if not query.strip():
        return Found(tuple(Hit(e, e.weight) for e in sorted(events, key=lambda e: -e.weight)[:limit]))
    scores, note = similarities(query, [_MEASURED.sub("", event.text) for event in events])
    # Of two equally good events the weightier is preferred: the stable order decides the rest.
    order = sorted(range(len(events)), key=lambda i: (-round(float(scores[i]), 4), -events[i].weight))
    ranked = [Hit(events[i], round(float(scores[i]), 4)) for i in order]
    first = {(hit.event.channel, hit.event.text): hit for hit in reversed(ranked)}
    # What happens again in the same words says nothing more: other events come before its repetitions.
    again = [hit for hit in ranked if first[hit.event.channel, hit.event.text] is not hit]
    new = [hit for hit in ranked if first[hit.event.channel, hit.event.text] is hit]
    return Found(tuple([*new, *again][:limit]), note)


def similarities(query: str, texts: Sequence[str]) -> tuple[np.ndarray, str]:
    """Return how near each text is to a query, (N,) float32, and a note where only words were compared."""
    shared = np.array(_shared_words(query, texts), dtype=np.float32)
    if not texts:
        return shared, ""
    embedder = find_embedder()
    if embedder is None:
        return shared, WITHOUT_EMBEDDING
    near: np.ndarray = _encode(embedder, texts) @ _encode(embedder, [query])[0]
    return near + _WORDS_WEIGHT * shared, ""


def _ids_of(percepts: Percepts, person: str) -> frozenset[str]:
    """Return the ids under which events name a person: the person's, their faces' and their speaker's."""
    for known in percepts.people:
        ids = {known.id, known.speaker, *known.faces} - {""}
        if person in ids:
            return frozenset(ids)
    return frozenset({person})


# --- words --------------------------------------------------------------------------------------------------


def _shared_words(query: str, texts: Sequence[str]) -> list[float]:
    """Return which share of the query's words each text has, 0 to 1; words that few texts have count more."""
    asked = _words(query)
    rows = [asked & _words(text) for text in texts]
    counts = {word: sum(word in row for row in rows) for word in asked}
    weights = {word: math.log((len(texts) + 1) / (count + 0.5)) for word, count in counts.items()}
    total = sum(weights.values()) or 1.0
    return [max(0.0, sum(weights[word] for word in row) / total) for row in rows]


def _words(text: str) -> set[str]:
    """Return the words of a text that carry its topic, in lower case and without their commonest endings."""
    words = set(re.findall(r"\w[\w'’]*", text.lower())) - _FUNCTION_WORDS
    return {re.sub(r"(?<=\w{3})(?:'s|s|ed|ing)$", "", word) for word in words}


# --- embeddings ---------------------------------------------------------------------------------------------


def find_embedder(name: str = EMBEDDING, pooling: Pooling = MINILM) -> SentenceEmbedder | None:
    """Return the sentence embedder; None where its model is absent or, which is logged, cannot be loaded.

    Its files are looked for and checked until they are loaded: a turn asks several times.

    Args:
        name: of the model.
        pooling: of its features.
    """
    key = (os.environ.get("OMNISENSE_HOME", ""), name)
    if key in _loaded:
        return _loaded[key]
    folder = models.find(name)
    if folder is None:
        return None
    try:
        with TORCH_LOCK:
            if key not in _loaded:  # another thread may have loaded it meanwhile
                _loaded[key] = load_embedder(folder, pooling)
            return _loaded[key]
    except ModelError as error:
        _log.warning("%s", error)
        return None


def require_embedder() -> SentenceEmbedder:
    """Return the sentence embedder.

    Raises:
        ModelError: its model is absent or, which is logged, cannot be loaded.
    """
    embedder = find_embedder()
    if embedder is None:
        raise ModelError(f"the model '{EMBEDDING}' is not on this machine", f"Run `omnisense models pull {EMBEDDING}`.")
    return embedder


def _encode(embedder: SentenceEmbedder, texts: Sequence[str]) -> np.ndarray:
    """Return the embeddings (N, 384) of texts, each computed once."""
    distinct = list(dict.fromkeys(texts))
    with _guard:
        rows = {text: _known[text] for text in distinct if text in _known}
        if len(rows) < len(distinct):
            new = [text for text in distinct if text not in rows]
            rows |= dict(zip(new, embedder.encode(new).astype(np.float16), strict=True))
            _known.update(rows)
            while len(_known) > _KEPT_TEXTS:
                del _known[next(iter(_known))]
    return np.stack([rows[text] for text in texts]).astype(np.float32)
