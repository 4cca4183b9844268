"""Percepts as a whole: JSON, timeline, missing streams, cache."""

import json
import tracemalloc
from dataclasses import replace

import pytest
from pydantic import ValidationError

from omnisense import InputError, Percepts, perceive
from omnisense.perception import extraction
from omnisense.perception.fusion.timeline import describe_prosody
from omnisense.perception.percepts import Provenance
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import (
    AudioStream,
    ClipInfo,
    FaceTrack,
    Missing,
    Prosody,
    Segment,
    Span,
    Transcript,
    Utterance,
    VisualStream,
    Word,
)
from omnisense.perception.vision.expressions import _runs, expression_phases
from tests.conftest import DEMO

LABELS = ("happy", "sad", "neutral")


def face(name="face-1", expression=(), mouth=None, start_s=0.0, n=20, position="left", x=0.1):
    times = tuple(start_s + i * 0.5 for i in range(n))
    return FaceTrack(
        name,
        position,
        start_s,
        start_s + n * 0.5,
        times,
        ((x, 0.1, x + 0.2, 0.5),) * n,
        ((0.0,) * 10,) * n,
        (0.9,) * n,
        tuple(expression),
        tuple(mouth or (0.0,) * n),
    )


def make_percepts(visual=None, audio=None, transcript=None):
    return Percepts(
        ClipInfo("/x/clip.mp4", "video", 10.0, 0.0, 640, 360, 25.0, "h264", "aac", "0" * 64),
        visual or Missing("the file has no video track"),
        audio or Missing("the file has no audio track"),
        transcript or Missing("no model", temporary=True),
        provenance=Provenance("0", {"face": "centerface@1"}, PerceptionSettings(language="en"), {"visual": 1.0}),
    )


def full():
    expression = [(0.1, 0.8, 0.1)] * 10 + [(0.9, 0.05, 0.05)] * 10
    visual = VisualStream(
        tuple(i * 0.5 for i in range(20)), 640, 360, (face(expression=expression),), (0.01,) * 20, (5.0,), LABELS
    )
    audio = AudioStream(
        10.0,
        (Span(1.0, 3.0), Span(5.0, 6.0)),
        (Span(3.0, 5.0),),
        (Utterance(1.0, 3.0, Prosody(200.0, -20.0, 4.0)),),
        (Prosody(),) * 5 + (Prosody(220.0, -14.0, 6.0, 3.0, 6.0, 1.5),) * 2 + (Prosody(),) * 3,
        Prosody(200.0, -20.0, 4.0),
    )
    transcript = Transcript(
        "en",
        (
            Segment(1.0, 3.0, "I am fine.", (Word("I", 1.0, 1.2), Word("am", 1.2, 1.5), Word("fine.", 1.5, 3.0))),
            Segment(5.0, 6.0, "Really!", (Word("Really!", 5.0, 6.0, 0.8),), 0.9),
        ),
        "test",
    )
    return make_percepts(visual, audio, transcript)


@pytest.mark.parametrize("percepts", [full(), make_percepts()])
def test_json_both_ways(percepts):
    assert Percepts.from_json(percepts.to_json()) == percepts
    assert json.loads(percepts.to_json()) == percepts.to_dict()
    assert Percepts.from_dict(percepts.to_dict()) == percepts
    assert percepts.to_dict()["schema_version"] == 1
    with pytest.raises(ValidationError):
        Percepts.from_dict({**percepts.to_dict(), "schema_version": 2})
    with pytest.raises(ValidationError):
        Percepts.from_json('{"clip": 1}')


def test_the_timeline_fuses_the_streams():
    text = full().render()
    assert "the face on the left looks sad (0.80)" in text
    assert "the face on the left looks happy (0.90)" in text
    assert 'somebody says: "I am fine."' in text
    assert 'somebody says, higher and louder and faster than usual: "Really!"' in text
    assert "a pause of 2.0 s" in text
    assert "cuts to another shot" in text
    events = full().timeline().events
    assert [e.id for e in events] == [f"e{i + 1}" for i in range(len(events))]
    assert [e.start_s for e in events] == sorted(e.start_s for e in events)


def test_missing_streams_are_said():
    text = make_percepts().render()
    assert "No visual stream: the file has no video track." in text
    assert "No transcript stream: no model." in text


def test_render_keeps_to_its_budget_and_drops_the_lesser_events_first():
    short = full().render(max_tokens=60)
    assert len(short) < 60 * 4
    assert '"I am fine."' in short
    assert "a pause" not in short
    assert "left out)" in short


def test_phases_ignore_single_frames():
    flicker = [(0.9, 0.05, 0.05)] * 8 + [(0.0, 0.9, 0.1)] + [(0.9, 0.05, 0.05)] * 11
    assert [p.expression for p in expression_phases(face(expression=flicker), LABELS)] == ["happy"]
    assert expression_phases(face(), LABELS) == []
    assert _runs([1, 1, 1, 2, 3, 3, 3, 3], 2) == [(0, 2, 1), (3, 7, 3)]


def test_an_expression_that_is_not_clear_is_not_told():
    faint = [(0.2, 0.45, 0.35)] * 10 + [(0.1, 0.2, 0.7)] * 10
    (phase,) = expression_phases(face(expression=faint), LABELS)
    assert (phase.expression, phase.start_s) == ("neutral", pytest.approx(5.0, abs=0.5))
    assert expression_phases(face(expression=[(0.2, 0.45, 0.35)] * 20), LABELS) == []
    assert [p.expression for p in expression_phases(face(expression=[(0.1, 0.6, 0.3)] * 20), LABELS)] == ["sad"]
    percepts = full()
    strict = replace(percepts, visual=replace(percepts.visual, min_expression=0.7))  # sad ones take .15 more
    assert "looks happy (0.90)" in strict.render()
    assert "looks sad" not in strict.render()


def test_phases_of_six_hours_take_no_memory_by_the_square_of_their_frames():
    frames = 6 * 3600 * 2
    happy = tuple(float(label == "happy") for label in LABELS)
    tracemalloc.start()
    (phase,) = expression_phases(face(expression=(happy,) * frames, n=frames), LABELS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (phase.expression, phase.start_s, phase.end_s) == ("happy", 0.0, 21_600.0)
    assert peak < 1e8


def test_manner_needs_a_clear_difference():
    assert describe_prosody(Prosody(f0_rel_st=1.0, loudness_rel_db=1.0, rate_rel=1.1), "; ") == ""
    assert describe_prosody(Prosody(f0_rel_st=-3.0, rate_rel=0.5), "; ") == "; lower and slower than usual"


# --- perceive -----------------------------------------------------------------------------------------------


@pytest.mark.networks
def test_a_model_that_cannot_be_had_is_a_missing_stream_and_is_not_cached():
    settings = PerceptionSettings(face_model="owner/no-such-model", streams=("visual", "audio"))
    for _ in range(2):
        percepts = Perception(settings).perceive(DEMO)
        assert "owner/no-such-model" in percepts.missing()["visual"]
        assert percepts.audio.speech
        assert not percepts.provenance.from_cache


@pytest.mark.networks
def test_a_broken_extractor_is_named_and_the_rest_comes(monkeypatch):
    import omnisense.perception.audio.analysis as audio

    def broken(*_):
        raise ZeroDivisionError("of our own making")

    monkeypatch.setattr(audio, "analyze_audio", broken)
    percepts = Perception(PerceptionSettings(streams=("audio", "transcript"))).perceive(DEMO)
    assert "ZeroDivisionError: of our own making" in percepts.missing()["audio"]
    assert "audio" in percepts.missing()


@pytest.mark.networks
def test_streams_that_were_not_asked_for():
    percepts = perceive(DEMO, streams=["audio"])
    assert percepts.missing() == {"visual": "it was not requested", "transcript": "it was not requested"}
    for unknown in (["smell"], ("visual", "smel"), "visual,audio"):
        with pytest.raises(InputError, match=r"unknown stream '.*Choose from visual, audio, transcript"):
            perceive(DEMO, streams=unknown)
    with pytest.raises(InputError, match="no stream"):
        PerceptionSettings(streams=())


@pytest.mark.models
def test_the_cache_follows_content_settings_and_models(own_home, tmp_path, short_demo):
    settings = PerceptionSettings(streams=("visual", "audio"))
    first = Perception(settings).perceive(short_demo)
    again = Perception(settings).perceive(short_demo)
    assert not first.provenance.from_cache
    assert again.provenance.from_cache
    assert again.visual == first.visual
    copy = tmp_path / "elsewhere.mp4"
    copy.write_bytes(short_demo.read_bytes())
    moved = Perception(settings).perceive(copy)
    assert moved.provenance.from_cache
    assert moved.clip.path == str(copy)
    from omnisense import Sampling, open_clip

    assert (
        not Perception(PerceptionSettings(streams=("visual", "audio"), sampling=Sampling(fps=1)))
        .perceive(short_demo)
        .provenance.from_cache
    )
    assert not Perception(settings).perceive(open_clip(short_demo)[1.0:2.0]).provenance.from_cache
    for stored in (own_home / "percepts").glob("*.json"):
        stored.write_text("{")
    assert not Perception(settings).perceive(short_demo).provenance.from_cache


@pytest.mark.models
def test_a_window_counts_its_own_time(perception):
    from omnisense import open_clip

    percepts = perception.perceive(open_clip(DEMO)[6.8:9.6])
    assert percepts.transcript.segments[0].start_s < 0.6
    assert percepts.visual.times_s[0] < 0.05
    assert "nervous" in percepts.transcript.text


@pytest.mark.models
def test_progress_is_reported_for_each_stream(perception):
    done = {}
    perception.perceive(DEMO, lambda name, stream, seconds: done.update({name: seconds}))
    assert set(done) == {"visual", "audio", "transcript"}
    assert all(seconds > 0 for seconds in done.values())


class FullDisk:
    """Files that grow over 100 bytes fail, as on a full disk."""

    def __enter__(self):
        import resource

        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, self.before[1]))

    def __exit__(self, *_):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


def test_percepts_that_cannot_be_cached_are_returned(own_home, make_media, monkeypatch, caplog):
    perception = Perception(PerceptionSettings(streams=("audio",)))
    monkeypatch.setattr(perception, "_is_cacheable", lambda _: True)
    monkeypatch.setattr(extraction, "_extract_audio", lambda *_: AudioStream(1.0, (), (), (), (), Prosody()))
    path = make_media("a.wav", video_s=None, audio_codec="pcm_s16le")
    folder = own_home / "percepts"
    with FullDisk():
        percepts = perception.perceive(path)
    assert isinstance(percepts.audio, AudioStream)
    assert "not cached" in percepts.provenance.notes[0]
    assert str(folder) in caplog.text
    assert list(folder.iterdir()) == []  # no part of a file stays
    folder.rmdir()
    folder.write_text("a file in the way")
    assert "not cached" in perception.perceive(path).provenance.notes[0]
    folder.unlink()
    assert perception.perceive(path).provenance.notes == ()
    assert perception.perceive(path).provenance.from_cache
