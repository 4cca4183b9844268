"""Voices told apart, and the sounds between them."""

import csv

import numpy as np
import pytest
import torch

from omnisense import ModelError, models, open_clip
from omnisense.perception.audio.analysis import analyze_audio
from omnisense.perception.audio.baselines import estimate_arousal
from omnisense.perception.audio.chunks import AudioChunk, AudioChunks
from omnisense.perception.audio.clustering import (
    SpeakerCount,
    SpeechWindow,
    Stretch,
    cluster_speakers,
    speaker_activity,
)
from omnisense.perception.audio.diarization import (
    ClusteringDiarizer,
    _bridge_gaps,
    _joined,
    _PyannoteClip,
    load_diarizer,
)
from omnisense.perception.audio.events import detect_laughter, detect_overlaps
from omnisense.perception.audio.models import AudioModels, load_pitch_model
from omnisense.perception.audio.segmentation import SpeakerSegmentation
from omnisense.perception.types import Prosody, SpeakerTurn
from tests.conftest import tone


@pytest.fixture(scope="module")
def diarizer():
    return make_diarizer()


def make_diarizer(speakers=None):
    segmentation = SpeakerSegmentation(models.fetch("segmentation-3.0"))
    return ClusteringDiarizer(models.fetch("campplus"), segmentation, speakers)


def share_right(truth, turns):
    """The share of the truth's time that goes to the voice that has most of that speaker."""
    times = np.arange(0, max(t.end_s for t in truth), 0.02)
    true, found = np.full(len(times), "", object), np.full(len(times), "", object)
    for part in truth:
        true[(times >= part.start_s) & (times < part.end_s)] = part.speaker
    for part in turns:
        found[(times >= part.start_s) & (times < part.end_s)] = part.speaker
    spoken = true != ""
    voice_of = {}
    for speaker in set(true[spoken]):
        names, counts = np.unique(found[(true == speaker) & (found != "")].astype(str), return_counts=True)
        voice_of[speaker] = names[counts.argmax()]
    assert len(set(voice_of.values())) == len(voice_of), "two speakers got one voice"
    return np.mean([voice_of[t] == f for t, f in zip(true[spoken], found[spoken], strict=True)])


@pytest.mark.shared
@pytest.mark.models
def test_the_two_speakers_of_the_call(shared, perception):
    folder = shared / "speech" / "two_speaker_call"
    truth = []
    for line in (folder / "sample.rttm").read_text().splitlines():
        fields = line.split()
        truth.append(SpeakerTurn(float(fields[3]), float(fields[3]) + float(fields[4]), fields[7]))
    audio = perception.perceive(folder / "sample.wav").audio
    assert {t.speaker for t in audio.speaker_turns} == {"voice-1", "voice-2"}
    assert share_right(truth, audio.speaker_turns) > 0.9
    assert {s.kind for s in audio.events} <= {"overlap", "interruption"}
    assert set(audio.speaker_baselines) == {"voice-1", "voice-2"}


@pytest.mark.shared
@pytest.mark.models
def test_a_voice_keeps_its_label_across_blocks(shared, diarizer):
    """The call twice over, in blocks of ten seconds: still the same two voices."""
    folder = shared / "speech" / "two_speaker_call"
    samples = open_clip(folder / "sample.wav").audio()
    whole = np.concatenate([samples, samples])
    heard = diarizer.begin()
    for start in range(0, len(whole), 160_000):
        heard.add(AudioChunk(start / 16_000, whole[start : start + 160_000], ()))
    turns = heard.turns()
    assert {t.speaker for t in turns} == {"voice-1", "voice-2"}

    def at(seconds):
        return {t.speaker for t in turns if t.start_s <= seconds < t.end_s}

    again = [at(s) == at(s + 30) for s in np.arange(7, 29, 0.5)]
    assert np.mean(again) > 0.85


@pytest.mark.shared
@pytest.mark.models
def test_the_number_of_voices_is_found_or_given(shared, diarizer):
    with (shared / "speech" / "emodb" / "labels.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["emotion"] == "neutral"]
    one = [r for r in rows if r["speaker"] == "03"][:6]
    samples = np.concatenate([open_clip(shared / "speech" / "emodb" / r["file"]).audio() for r in one])
    heard = diarizer.begin()
    heard.add(AudioChunk(0.0, samples, ()))
    assert {t.speaker for t in heard.turns()} == {"voice-1"}
    told = make_diarizer(SpeakerCount(2)).begin()
    told.add(AudioChunk(0.0, samples, ()))
    assert {t.speaker for t in told.turns()} == {"voice-1", "voice-2"}


@pytest.mark.models
def test_silence_has_no_voices(diarizer):
    heard = diarizer.begin()
    heard.add(AudioChunk(0.0, np.zeros(80_000, np.float32), ()))
    assert heard.turns() == []
    assert diarizer.begin().turns() == []


def test_clusters_are_found_by_their_distance():
    rng = np.random.default_rng(0)
    a, b = np.eye(2, 192)

    def near(centre):
        vector = centre + rng.normal(0, 0.02, 192)
        return vector / np.linalg.norm(vector)

    def window(i, *vectors):
        stretches = tuple(Stretch(k, 4 * k, 4 * k + 4, near(v), 2.0) for k, v in enumerate(vectors))
        return SpeechWindow(5.0 * i, np.ones((10, 3), np.float32), np.ones(10), stretches)

    windows = [window(i, a, b) if i % 2 else window(i, a) for i in range(20)]
    centres = cluster_speakers(windows, None)
    assert len(centres) == 2
    assert sorted(abs(centres @ a).round()) == [0, 1]
    assert len(cluster_speakers(windows, SpeakerCount(1))) == 1
    assert len(cluster_speakers(windows, SpeakerCount(greatest=1))) == 1
    assert len(cluster_speakers(windows, SpeakerCount(greatest=4))) == 2
    assert cluster_speakers([], None).shape == (0, 0)
    # Alike as they are, the network told them apart within windows.
    alike = a + 0.7 * b
    assert len(cluster_speakers([window(i, a, alike) for i in range(3)], None)) == 2
    assert len(cluster_speakers([window(i, a if i % 2 else alike) for i in range(9)], None)) == 1
    # Somebody with too little speech is no speaker, if others have much.
    assert len(cluster_speakers([*(window(i, a) for i in range(19)), window(19, b)], None)) == 1
    assert len(cluster_speakers([window(0, a), window(1, b)], None)) == 2
    # A cough is not one of the two at most.
    both = [window(i, a if i % 2 else b) for i in range(38)]
    cough = SpeechWindow(200.0, np.ones((10, 3), np.float32), np.ones(10), (Stretch(0, 0, 4, np.eye(192)[9], 0.6),))
    found = cluster_speakers([*both, cough], SpeakerCount(greatest=2))
    assert sorted(found @ a > 0.9) == sorted(found @ b > 0.9) == [False, True]
    # One voice by its distance, two where that is known.
    close = [window(i, a if i % 2 else alike) for i in range(9)]
    assert len(cluster_speakers(close, SpeakerCount(least=2))) == 2
    assert _bridge_gaps([(0.0, 1.0), (1.05, 2.0), (3.0, 3.02)]) == [(0.0, 2.0)]


class Harmful:
    """Runs code when it is unpickled."""

    was_run = False

    def __reduce__(self):
        return setattr, (Harmful, "was_run", True)


def test_who_talks_over_somebody_else_gets_another_voice():
    rng = np.random.default_rng(1)
    a, b = np.eye(2, 192)
    stretches = (Stretch(0, 0, 30, a, 2.0), Stretch(1, 20, 30, (a + 0.2 * rng.normal(size=192)), 0.4))
    window = SpeechWindow(
        0.0, np.ones((50, 3), np.float32), np.r_[np.ones(20), 2 * np.ones(10), np.zeros(20)], stretches
    )
    active, frame_s = speaker_activity([window], np.stack([a, b]))
    assert frame_s == pytest.approx(0.1)
    assert active[:, 0].nonzero()[0].tolist() == list(range(30))
    assert active[:, 1].nonzero()[0].tolist() == list(range(20, 30))


def test_the_parts_of_a_long_stretch_may_be_two_peoples():
    a, b = np.eye(2, 192)
    parts = (Stretch(0, 0, 20, a, 2.0), Stretch(0, 20, 30, b, 1.0), Stretch(0, 30, 50, a, 2.0))
    whole = _joined(list(parts))
    assert (whole.first, whole.end, whole.clean_s, whole.parts) == (0, 50, 5.0, parts)
    assert np.linalg.norm(whole.vector) == pytest.approx(1.0)
    activity = np.tile(np.array([1.0, 0.0, 0.0], np.float32), (50, 1))
    active, _ = speaker_activity([SpeechWindow(0.0, activity, np.ones(50), (whole,))], np.stack([a, b]))
    assert active[:, 1].nonzero()[0].tolist() == list(range(20, 30))
    assert active[:, 0].nonzero()[0].tolist() == [*range(20), *range(30, 50)]


def test_weights_that_are_none_are_refused(tmp_path):
    (tmp_path / "campplus.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="speaker model cannot be loaded"):
        load_diarizer(tmp_path, lambda: None)
    (tmp_path / "segmentation.bin").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="segmentation network cannot be loaded"):
        SpeakerSegmentation(tmp_path)
    torch.save({"hyper_parameters": Harmful()}, tmp_path / "segmentation.bin")
    with pytest.raises(ModelError, match="segmentation network cannot be loaded"):
        SpeakerSegmentation(tmp_path)
    assert not Harmful.was_run
    (tmp_path / "config.yaml").write_text("pipeline: {name: nowhere.Nothing}\n")
    with pytest.raises(ModelError, match="pyannote pipeline cannot be loaded"):
        load_diarizer(tmp_path, lambda: None)


@pytest.mark.parametrize("wrapped", [True, False])
def test_what_a_pyannote_pipeline_says_is_taken_over(monkeypatch, tmp_path, wrapped):
    """Its own answer for one sound, of pyannote 4 and of older ones; the gated models themselves cannot be had here."""
    import pyannote.audio
    from pyannote.core import Annotation, Segment

    told = {}

    class Pipeline:
        @classmethod
        def from_pretrained(cls, folder):
            return cls()

        def __call__(self, sound, num_speakers, min_speakers, max_speakers):
            told.update(sound, speakers=num_speakers, most=max_speakers)
            annotation = Annotation()
            annotation[Segment(0.5, 2.0), 0] = "SPEAKER_01"
            annotation[Segment(2.0, 3.0), 1] = "SPEAKER_00"
            annotation[Segment(3.0, 4.0), 2] = "SPEAKER_01"
            return type("Output", (), {"speaker_diarization": annotation})() if wrapped else annotation

    monkeypatch.setattr(pyannote.audio, "Pipeline", Pipeline)
    (tmp_path / "config.yaml").write_text("pipeline: {name: pyannote.audio.pipelines.SpeakerDiarization}\n")
    diarizer = load_diarizer(tmp_path, lambda: None, SpeakerCount(2))
    heard = diarizer.begin()
    heard.add(AudioChunk(0.0, np.zeros(40_000, np.float32), ()))
    heard.add(AudioChunk(2.5, np.zeros(24_000, np.float32), ()))
    assert heard.turns() == [
        SpeakerTurn(0.5, 2.0, "voice-1"),
        SpeakerTurn(2.0, 3.0, "voice-2"),
        SpeakerTurn(3.0, 4.0, "voice-1"),
    ]
    assert tuple(told["waveform"].shape) == (1, 64_000)
    assert (told["sample_rate"], told["speakers"]) == (16_000, 2)


# --- between the words ----------------------------------------------------------------------------------------


def test_overlaps_and_interruptions():
    turns = [SpeakerTurn(0, 5, "a"), SpeakerTurn(2, 2.5, "b"), SpeakerTurn(4.5, 8, "b"), SpeakerTurn(7.95, 9, "a")]
    found = [(s.kind, s.start_s, s.end_s, s.speakers) for s in detect_overlaps(turns)]
    assert found == [("overlap", 2, 2.5, ("b", "a")), ("interruption", 4.5, 5, ("b", "a"))]


def laugh(calls=8, hz=300.0, gap_s=0.21):
    call = tone(0.1, hz=hz) * np.hanning(1600).astype(np.float32)
    return np.concatenate([np.concatenate([call, np.zeros(int(gap_s * 16_000) - 1600, np.float32)])] * calls)


@pytest.mark.parametrize(("hz", "gap_s", "found"), [(300.0, 0.21, True), (130.0, 0.21, False), (300.0, 0.6, False)])
def test_laughter_like_bursts_are_high_quick_and_even(hz, gap_s, found):
    sound = np.concatenate([laugh(hz=hz, gap_s=gap_s), np.zeros(8000, np.float32)])
    result = load_pitch_model().detect(sound, 16_000, fmin=60, fmax=500)
    f0_hz = np.where(result.confidence >= 0.5, result.pitch_hz, np.nan)
    sounds = list(detect_laughter(result.timestamps, np.maximum(result.loudness_db, -100), f0_hz, 120.0))
    assert bool(sounds) == found
    assert list(detect_laughter(result.timestamps, result.loudness_db, f0_hz, None)) == []


@pytest.mark.shared
def test_speech_is_not_taken_for_laughter(shared):
    ears = AudioModels(load_pitch_model())
    for path in sorted((shared / "speech" / "emodb").glob("*.flac"))[::9]:
        assert analyze_audio(AudioChunks.of_clip(open_clip(path)), ears).stream.events == ()


def test_arousal():
    assert estimate_arousal(Prosody()) is None
    assert estimate_arousal(Prosody(f0_rel_st=0.0, loudness_rel_db=0.0)) == 0.0
    assert (
        estimate_arousal(Prosody(f0_rel_st=4.0, loudness_rel_db=6.0))
        > 0.8
        > -0.8
        > estimate_arousal(Prosody(f0_rel_st=-4.0, loudness_rel_db=-6.0))
    )


def test_a_pyannote_pipeline_hears_chunks_at_their_times():
    """Chunks without speech are not given to a diarizer: what follows must not move forward."""
    heard = []

    class Pipeline:
        def __call__(self, audio, **_):
            heard.append(audio["waveform"][0].numpy())
            return self

        def itertracks(self, yield_label):
            return iter(())

    clip = _PyannoteClip(Pipeline(), SpeakerCount())
    clip.add(AudioChunk(0.0, np.ones(16_000, np.float32), ()))
    clip.add(AudioChunk(3.0, np.full(16_000, 2.0, np.float32), ()))
    assert clip.turns() == []
    assert heard[0][[0, 15_999, 16_000, 47_999, 48_000]].tolist() == [1.0, 1.0, 0.0, 0.0, 2.0]
    assert len(heard[0]) == 64_000
