"""Thresholds that a user sets: what they change, and which values they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from omnisense import InputError, models
from omnisense.perception.audio.chunks import AudioChunks, voice_activity
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.vision.face_detector import FaceDetector


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"speech_threshold": 1.0}, r"speech_threshold is 1\.0"),
        ({"min_face": -0.1}, r"min_face is -0\.1"),
        ({"min_expression": 1.1}, r"min_expression is 1\.1"),
        ({"max_speakers": 0}, "max_speakers is 0"),
        ({"min_speakers": 3, "max_speakers": 2}, "min_speakers is 3 and max_speakers 2"),
        ({"num_speakers": 2, "max_speakers": 3}, "num_speakers and its limits"),
    ],
)
def test_values_that_cannot_be_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        PerceptionSettings(**settings)


@pytest.mark.shared
def test_faint_speech_is_found_with_a_lower_threshold(shared):
    from omnisense import open_clip

    samples = open_clip(shared / "speech" / "ami" / "dev00.flac").audio()
    usual, low = (sum(s.duration_s for s in voice_activity(samples, t)) for t in (0.5, 0.2))
    assert low > usual + 2.0
    chunks = AudioChunks(30.0, lambda a, b: samples[round(a * 16000) : round(b * 16000)], speech_threshold=0.2)
    assert sum(s.duration_s for chunk in chunks for s in chunk.speech) == pytest.approx(low, abs=0.1)


@pytest.mark.models
@pytest.mark.shared
def test_small_faces_are_left_out(shared):
    from omnisense import open_clip

    frame = open_clip(sorted((shared / "grid").glob("*.mpg"))[0]).frames().images[0]
    room = np.zeros((frame.shape[0] * 2, frame.shape[1] * 2, 3), np.uint8)
    room[: frame.shape[0], : frame.shape[1]] = frame
    [face] = FaceDetector(models.fetch("centerface")).detect(room)
    height = float(face.box[3] - face.box[1])
    assert FaceDetector(models.fetch("centerface"), min_height=height + 0.01).detect(room) == []
    assert len(FaceDetector(models.fetch("centerface"), min_height=height - 0.01).detect(room)) == 1
