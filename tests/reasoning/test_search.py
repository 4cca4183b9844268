"""Search of a timeline by meaning, with filters, and by words alone where the embedding is absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from omnisense.perception.percepts import Percepts, Provenance
from omnisense.perception.types import (
    AudioStream,
    ClipInfo,
    FaceTrack,
    Gesture,
    Missing,
    PersonSummary,
    Prosody,
    Segment,
    Span,
    Transcript,
    VisualStream,
)
from omnisense.reasoning import search

SAID = [
    (10.0, "I took the train to Lisbon last summer."),
    (95.0, "My sister has been ill since Friday."),
    (200.0, "We should talk about the budget of the project."),
    (410.0, "The dog ran away from us in the park."),
    (900.0, "I am so proud that she passed her exam."),
]


def percepts_with(said: list[tuple[float, str]]) -> Percepts:
    """Percepts of an hour in which two people speak in turn, and the left one nods at 300 s."""
    segments = tuple(Segment(at, at + 4.0, text, speaker=f"voice-{1 + i % 2}") for i, (at, text) in enumerate(said))
    face = FaceTrack("face-1", "left", 0.0, 3600.0, (), (), (), (), gestures=(Gesture(300.0, 302.0, "nod", 2),))
    people = (
        PersonSummary("person-1", "the person on the left", ("face-1",), "voice-1", 40.0, 30),
        PersonSummary("person-2", "a voice off screen", (), "voice-2", 20.0, 30),
    )
    return Percepts(
        ClipInfo("hour.mp4", "video", 3600.0, 0.0, 320, 180, 25.0, "h264", "aac", ""),
        VisualStream((), 320, 180, (face,), (), ()),
        AudioStream(3600.0, (Span(10.0, 14.0),), (), (), (), Prosody()),
        Transcript("en", segments, "test"),
        people=people,
        provenance=Provenance("test"),
    )


@pytest.fixture
def hour() -> Percepts:
    return percepts_with(SAID)


@pytest.mark.models
@pytest.mark.parametrize(
    ("query", "at_s"),
    [
        ("Who in the family was sick?", 95.0),
        ("Where did they travel on holiday?", 10.0),
        ("When was money discussed?", 200.0),
        ("What happened to the pet?", 410.0),
        ("When does somebody nod?", 300.0),
    ],
)
def test_events_are_found_by_meaning(hour: Percepts, query: str, at_s: float) -> None:
    found = search.search_timeline(hour, query, limit=1)
    assert found.note == ""
    assert found.hits[0].event.start_s == at_s


def test_filters_by_time_channel_and_person(hour: Percepts) -> None:
    def starts(**filters: Any) -> list[float]:
        return sorted(hit.event.start_s for hit in search.search_timeline(hour, "", limit=50, **filters).hits)

    assert starts(channels=["speech"]) == [at for at, _ in SAID]
    assert starts(channels=["speech"], start_s=90.0, end_s=250.0) == [95.0, 200.0]
    assert starts(channels=["speech"], person="person-2") == [95.0, 410.0]
    assert starts(channels=["speech"], person="voice-2") == [95.0, 410.0]
    assert 300.0 in starts(channels=["face"], person="voice-1")  # the same person's face
    assert starts(channels=["speech"], person="person-9") == []


def test_words_alone_rank_where_the_embedding_is_absent(hour: Percepts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "find_embedder", lambda: None)
    found = search.search_timeline(hour, "Did the dogs run away?", limit=1)
    assert found.hits[0].event.start_s == 410.0
    assert "shared words" in found.note


def test_nothing_to_search_is_no_error() -> None:
    silent = percepts_with([])
    assert search.search_timeline(silent, "the train", channels=["speech"]).hits == ()
    empty = Percepts(silent.clip, Missing("no"), Missing("no"), Missing("no"), provenance=Provenance("test"))
    assert search.search_timeline(empty, "the train").hits == ()


@pytest.mark.models
def test_a_timeline_is_embedded_once_and_not_kept_on_disk(monkeypatch: pytest.MonkeyPatch, own_home: Path) -> None:
    percepts = percepts_with([(float(10 * i), f"this is the remark number {i} of many") for i in range(210)])
    search.search_timeline(percepts, "remark number 7")
    embedded: list[str] = []
    embedder = search.find_embedder()
    assert embedder is not None
    encode = embedder.encode
    monkeypatch.setattr(embedder, "encode", lambda texts: embedded.extend(texts) or encode(texts))
    search.search_timeline(percepts, "remark number 8")
    assert embedded == ["remark number 8"]
    assert not (own_home / "percepts").exists()
