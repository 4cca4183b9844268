"""The measurement of chosen frames: composed clips and the count of the events that are shown."""

import numpy as np
import pytest

from omnisense.benchmarks.perception import moments
from omnisense.benchmarks.perception.long_clips import FPS, ClipComposer, PlantedEvent, Shot
from omnisense.benchmarks.perception.moments import as_table, is_shown, measure
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from tests.perception.media.test_moments import CUTS_S, long_percepts, visual


def test_an_event_is_shown_within_a_second():
    event = PlantedEvent("cut", 10.0)
    assert [is_shown(event, np.array([t])) for t in (9.9, 10.0, 11.0, 11.1)] == [False, True, True, False]


def test_moments_show_cuts_that_even_spacing_misses():
    found = measure(long_percepts(visual(cuts_s=CUTS_S)), [PlantedEvent("cut", t - 0.3) for t in CUTS_S])
    assert found["moments"][24] == 1.0
    assert found["even"][24] < 0.5
    assert found["not shown"] == []
    assert "| all but a | | 5 | 1.00 |" in as_table({"a": {**found, "tuned": True}, "b": {**found, "tuned": False}})


def test_clips_of_another_length_are_composed_anew(tmp_path, monkeypatch):
    composed = []

    class Composer:
        def __init__(self, *_):
            pass

        def compose(self, path, minutes):
            composed.append(minutes)
            path.write_bytes(b"clip")
            return (PlantedEvent("cut", minutes),)

    monkeypatch.setattr(moments, "ClipComposer", Composer)
    made = [moments._composed(moments._RECIPES[0], tmp_path, tmp_path, minutes) for minutes in (10.0, 2.5, 10.0)]
    assert composed == [10.0, 2.5]
    assert [events[0].onset_s for _, events in made] == [10.0, 2.5, 10.0]
    found = measure(long_percepts(visual(cuts_s=CUTS_S)), [PlantedEvent("cut", t - 0.3) for t in CUTS_S])
    table = as_table({"a": {**found, "tuned": True}, "b": {**found, "tuned": False}}, 2.5)
    assert table.startswith("What a few frames of 2.5 minutes show")


def test_a_shot_has_sound_of_its_length():
    shot = Shot([np.zeros((4, 4, 3), np.uint8)] * 25, samples=np.ones(100_000, np.float32))
    assert len(shot.samples) == 25 * 16_000 // FPS


@pytest.mark.shared
@pytest.mark.models
@pytest.mark.slow
def test_a_composed_clip_has_its_events_and_they_are_found(shared, tmp_path):
    path = tmp_path / "clip.mp4"
    events = ClipComposer(shared, 3, (0, 1), "03").compose(path, 0.4, ("still", "smile", "picture"))
    assert sorted(event.kind for event in events) == ["cut", "cut", "expression"]
    assert [event.onset_s for event in events] == sorted(event.onset_s for event in events)
    percepts = Perception(PerceptionSettings(streams=("visual",))).perceive(path)
    assert events[-1].onset_s < percepts.clip.duration_s < 45
    found = measure(percepts, events)
    assert found["moments"][8] == 1.0 > found["even"][8]
