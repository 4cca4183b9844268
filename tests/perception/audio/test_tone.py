"""Which samples a tone is heard in."""

from __future__ import annotations

import numpy as np

from omnisense.perception.audio.analysis import _add_emotion
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.types import Prosody, Utterance


class Lengths:
    """A classifier whose score is the length of what it hears, in tenths of a minute."""

    labels, name = ("long",), "lengths"

    def classify(self, samples: np.ndarray) -> np.ndarray:
        return np.array([len(samples) / 16_000 / 100])


def tones(*spans, chunk_s=60.0):
    """Return the scores of utterances (start, end, speaker)."""
    utterances = [Utterance(start_s, end_s, Prosody(), speaker) for start_s, end_s, speaker in spans]
    chunks = [AudioChunk(at, np.ones(round(chunk_s * 16_000), np.float32), ()) for at in (0.0, chunk_s)]
    found = list(_add_emotion(utterances, chunks, Lengths()))
    assert [(u.start_s, u.end_s, u.speaker) for u in found] == list(spans)
    return [u.emotion[0] if u.emotion else None for u in found]


def test_a_tone_is_heard_over_the_pauses_of_one_speaker():
    assert tones((1.0, 2.0, "a"), (3.5, 4.0, "a"), (9.0, 10.0, "a")) == [0.03, 0.03, 0.01]
    assert tones((1.0, 2.0, "a"), (2.5, 3.0, "b"), (3.5, 5.5, "a")) == [0.01, 0.005, 0.02]


def test_a_tone_is_heard_over_fifteen_seconds_at_most_and_not_in_less_than_half_a_second():
    assert tones((0.0, 9.0, "a"), (10.0, 15.0, "a"), (16.0, 20.0, "a")) == [0.15, 0.15, 0.04]
    assert tones((0.0, 30.0, "a"), (40.0, 40.3, "a")) == [0.15, None]
    assert tones((50.0, 59.0, "a"), (61.0, 62.0, "b")) == [0.09, 0.01]
