"""Extractors of the user's own: a channel on the timeline, in the text, in JSON and in the cache's key."""

import contextlib
import runpy
from pathlib import Path

import pytest

from omnisense import ChannelEvent, InputError, Perception, Percepts, Sampling, open_clip
from omnisense.perception.settings import PerceptionSettings
from tests.conftest import REPOSITORY

AUDIO_ONLY = PerceptionSettings(streams=("audio",))  # of a silent clip: no model is needed


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The extractor of the example, and the clip that the example makes: three bright seconds, three dark ones."""
    with contextlib.chdir(tmp_path_factory.mktemp("example")):
        found = runpy.run_path(str(REPOSITORY / "examples" / "own_extractor.py"))
        return found["Brightness"](), Path("dusk.mp4").absolute()


@pytest.fixture
def darkening(example):
    return example[1]


class Fixed:
    name, version = "fixed", "1"

    def __init__(self, *events):
        self.events, self.calls = events, 0

    def extract(self, clip):
        self.calls += 1
        return self.events


def test_an_extractor_adds_a_channel(example):
    extractor, clip = example
    percepts = Perception(AUDIO_ONLY, extractors=[extractor]).perceive(clip)
    (event,) = [e for e in percepts.timeline().events if e.channel == "brightness"]
    assert (event.start_s, event.text[:26]) == (3.0, "the picture gets darker (0")
    assert f"[3.0-3.0s] {event.text}" in percepts.render()
    assert Percepts.from_json(percepts.to_json()) == percepts
    assert percepts.provenance.models["brightness extractor"] == "1"
    assert 3.0 in Sampling.moments(percepts, 4).times_s


def test_the_cache_knows_extractors_by_name_and_version(darkening):
    clip, one, two = open_clip(darkening), Fixed(ChannelEvent(1, 2, "x")), Fixed()
    two.version = "2"
    with_one = Perception(AUDIO_ONLY, extractors=[one])
    assert not with_one.perceive(clip).provenance.from_cache
    assert with_one.perceive(clip).provenance.from_cache
    assert one.calls == 1
    assert Perception(AUDIO_ONLY, extractors=[two]).perceive(clip).channels[0].events == ()
    assert Perception(AUDIO_ONLY).perceive(clip).channels == ()


@pytest.mark.parametrize("event", [ChannelEvent(5, 1, "x"), ChannelEvent(-1, 1, "x"), ChannelEvent(0, 1, "x", 2.0), 7])
def test_a_fault_costs_one_channel_only(darkening, event):
    good = Fixed(ChannelEvent(4, 9, "two\nlines"), ChannelEvent(1, 1, "first"))
    good.name = "good"
    perception = Perception(AUDIO_ONLY, extractors=[Fixed(event), good])
    for _ in range(2):
        percepts = perception.perceive(darkening)
        assert not percepts.provenance.from_cache
        assert "No fixed channel: the extractor failed (" in percepts.render()
        assert [(e.text, e.end_s) for e in percepts.channels[1].events] == [("first", 1), ("two lines", 6.0)]


@pytest.mark.parametrize(
    ("name", "version"), [("face", "1"), ("visual", "1"), ("", "1"), ("Loud", "1"), ("loud", None)]
)
def test_impossible_extractors_are_refused(name, version):
    extractor = Fixed()
    extractor.name, extractor.version = name, version
    with pytest.raises(InputError):
        Perception(extractors=[extractor])
    with pytest.raises(InputError, match="exists already"):
        Perception(extractors=[Fixed(), Fixed()])
