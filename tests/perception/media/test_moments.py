"""Moments: few frames that show most of what happens."""

from dataclasses import replace

import numpy as np
import pytest

from omnisense import InputError, Sampling
from omnisense.perception.media.moments import moment_times
from omnisense.perception.types import AudioStream, Gesture, Prosody, SpeakerTurn, VisualStream
from tests.perception.test_pipeline import LABELS, face, make_percepts

CUTS_S = (33.0, 101.5, 263.0, 407.2, 511.0)


def long_percepts(visual, audio=None, duration_s=600.0):
    percepts = make_percepts(visual, audio)
    return replace(percepts, clip=replace(percepts.clip, duration_s=duration_s))


def visual(faces=(), cuts_s=()):
    times = tuple(np.arange(0, 600, 0.5).tolist())
    return VisualStream(times, 320, 240, tuple(faces), (0.01,) * len(times), tuple(cuts_s), LABELS)


def shown(times_s, start_s, end_s):
    return any(start_s <= time <= end_s for time in times_s)


def test_every_kind_of_moment_gets_a_frame():
    sad_then_happy = [(0.1, 0.8, 0.1)] * 40 + [(0.9, 0.05, 0.05)] * 40  # from 300 s on; it changes at 320 s
    nods = Gesture(333.0, 334.0, "nod", 3)
    track = replace(face(expression=sad_then_happy, start_s=300.0, n=80), gestures=(nods,))
    turns = (SpeakerTurn(150, 160, "voice-1"), SpeakerTurn(160, 171, "voice-2"), SpeakerTurn(172, 174, "voice-2"))
    audio = AudioStream(600.0, (), (), (), (), Prosody(), speaker_turns=turns)
    times = moment_times(long_percepts(visual([track], CUTS_S), audio), 24)
    assert len(times) == 24
    assert list(times) == sorted(times)
    happens = [(t, t + 1) for t in (*CUTS_S, 150.0, 160.0, 300.0, 320.0, 340.0)] + [(333.0, 334.0)]
    assert all(shown(times, *span) for span in happens)
    assert not shown(times, 172.0, 173.0)  # the same speaker goes on
    assert max(np.diff([0.0, *times, 600.0])) <= 600 / 6  # even coverage beside them


def test_a_lively_minute_does_not_take_all_frames():
    crowded = [300 + 1.5 * i for i in range(40)]
    times = moment_times(long_percepts(visual(cuts_s=(30.0, *crowded, 560.0))), 12)
    assert shown(times, 30.0, 31.0)
    assert shown(times, 560.0, 561.0)


def test_without_events_frames_are_spread_and_one_frame_shows_two_events():
    times = moment_times(long_percepts(visual()), 7)
    assert len(times) == 7
    assert max(np.diff([0.0, *times, 600.0])) <= 160
    assert len(moment_times(long_percepts(visual(cuts_s=(50.0, 50.4))), 2)) == 2
    assert moment_times(long_percepts(visual(), duration_s=0.0), 4) == (0.0,)


def test_the_sampling_keeps_to_its_pixels():
    sampling = Sampling.moments(long_percepts(visual(cuts_s=CUTS_S)), 10, max_total_pixels=500_000)
    times_s, width, height = sampling.plan(600.0, 25.0, 15_000, 1280, 720)
    assert len(times_s) == 10
    assert len(times_s) * width * height <= 500_000
    assert hash(sampling) == hash(replace(sampling))
    with pytest.raises(InputError, match="count is 0"):
        Sampling.moments(long_percepts(visual()), 0)
