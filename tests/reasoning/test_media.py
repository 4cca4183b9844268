"""Which media go into a prompt, and that a model and a server get them."""

from dataclasses import replace

import pytest

from omnisense import InputError, open_clip
from omnisense.perception.types import AudioStream, Missing, Prosody, Segment, Span, Transcript
from omnisense.reasoning.media import MediaBudget, media_parts, with_media
from omnisense.reasoning.policies import media_cache
from omnisense.reasoning.policies.messages import message
from tests.conftest import write_media
from tests.perception.test_pipeline import make_percepts

ALL = frozenset({"text", "image", "video", "audio"})


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    return {
        "short": open_clip(write_media(folder / "short.mp4", video_s=4.0, audio_s=4.0)),
        "long": open_clip(write_media(folder / "long.mp4", video_s=40.0, audio_s=40.0, fps=5)),
        "silent": open_clip(write_media(folder / "silent.mp4", video_s=40.0, audio_s=None, fps=5)),
        "sound": open_clip(write_media(folder / "sound.wav", video_s=None, audio_s=20.0, audio_codec="pcm_s16le")),
    }


def percepts_of(clip, *segments):
    speech = Transcript("en", tuple(Segment(*s) for s in segments), "test") if segments else Missing("none")
    audio = (
        AudioStream(clip.duration_s, (Span(0.0, 1.0),), (), (), (Prosody(),) * 40, Prosody())
        if clip.has_audio
        else None
    )
    made = make_percepts(audio=audio, transcript=speech)
    return replace(made, clip=replace(made.clip, duration_s=clip.duration_s))


def kinds(parts):
    return [part["type"] for part in parts]


def test_a_short_video_is_shown_whole_with_its_sound(clips):
    (part,) = media_parts(clips["short"], percepts_of(clips["short"]), ALL)
    assert (part["type"], part["with_audio"], part["sampling"].rule) == ("video", True, "rate")
    (seen,) = media_parts(clips["short"], None, {"text", "image", "video"})
    assert (seen["type"], seen["with_audio"]) == ("video", False)
    assert kinds(media_parts(clips["short"], None, {"text", "audio"})) == ["audio"]
    assert kinds(media_parts(clips["sound"], None, ALL)) == ["audio"]
    assert media_parts(clips["short"], None, {"text"}) == [] == media_parts(None, None, ALL)


def test_a_long_video_is_shown_as_moments_and_as_the_speech_that_matters(clips):
    clip, budget = clips["long"], MediaBudget(frames=6, audio_s=5.0)
    percepts = percepts_of(
        clip,
        (2.0, 4.0, "Nothing much."),
        (20.0, 22.0, "I am so sad!", (), None, None, (), ("sadness",), -0.9),
        (22.2, 23.2, "I hate it!", (), None, None, (), ("anger",), -0.9),
    )
    parts = media_parts(clip, percepts, ALL, budget)
    assert kinds(parts) == ["image", "text", "audio", "text", "audio"]
    frames, _, first, label, second = parts
    assert frames["with_times"]
    assert len(frames["sampling"].times_s) == 6
    assert (second["start_s"], second["end_s"]) == (19.75, 23.45)
    assert label["text"] == "Sound from 19.8 to 23.4 s:"
    assert second["end_s"] - second["start_s"] + first["end_s"] - first["start_s"] <= 5.0
    assert kinds(media_parts(clip, percepts, {"text", "video"}, budget)) == ["video"]
    assert kinds(media_parts(clips["silent"], percepts_of(clips["silent"]), ALL, budget)) == ["image"]


def test_times_of_a_window_count_from_its_start(clips):
    window = clips["long"][10.0:38.0]
    parts = media_parts(window, percepts_of(window, (2.0, 4.0, "Oh no!")), ALL, MediaBudget(frames=4, audio_s=3.0))
    assert (parts[0]["start_s"], parts[0]["end_s"]) == (10.0, 38.0)
    assert (parts[2]["start_s"], parts[2]["end_s"]) == (11.75, 14.25)
    assert parts[1]["text"] == "Sound from 1.8 to 4.2 s:"


@pytest.mark.parametrize("max_tokens", [256, 1000, 4000])
def test_the_budget_is_kept(clips, max_tokens):
    clip = clips["long"]
    parts = media_parts(clip, percepts_of(clip, (0.0, 30.0, "Well!")), ALL, MediaBudget(max_tokens=max_tokens))
    seconds = sum(p["end_s"] - p["start_s"] for p in parts if p["type"] == "audio")
    times_s, width, height = parts[0]["sampling"].plan(clip.duration_s, 5.0, 200, 1280, 720)
    assert seconds * 25 + len(times_s) * width * height / 784 <= max_tokens
    with pytest.raises(InputError):
        MediaBudget(frames=-1)


def test_media_stand_before_the_words():
    part = {"type": "image", "path": "x.png"}
    assert kinds(with_media(message("user", "hello"), [part])["content"]) == ["image", "text"]


def test_decoded_media_are_kept_within_their_bytes(clips, monkeypatch):
    cache = media_cache._RecentlyUsed(10, len)
    made = []

    def make(key):
        made.append(key)
        return "x" * 4

    for key in "abacab":
        cache.get(key, lambda key=key: make(key))
    assert made == ["a", "b", "c", "b"]
    frames = media_cache.frames_of(clips["short"], None)
    assert media_cache.frames_of(clips["short"], None) is frames
    assert media_cache.frames_of(clips["short"][1.0:2.0], None) is not frames
