"""Speech in another language than the speech model reads, and speech that is not understood at all."""

import pytest

from omnisense import models
from omnisense.errors import InputError, ModelError
from omnisense.perception.audio.chunks import AudioChunk, voice_activity
from omnisense.perception.fusion.timeline import build_timeline
from omnisense.perception.media.clip import open_clip
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.speech import align
from omnisense.perception.speech.transcribe import Transcriber
from omnisense.perception.types import Span
from tests.conftest import DEMO

GERMAN = "speech/emodb/03a01Wa.flac"  # "Der Lappen liegt auf dem Eisschrank."


@pytest.fixture(scope="module")
def english_only():
    folder = models.find("whisper-tiny.en")
    if folder is None:
        pytest.skip("whisper-tiny.en is not on this machine: run make models")
    return folder


def whole(path):
    samples = open_clip(path).audio()
    return AudioChunk(0.0, samples, tuple(voice_activity(samples)))


@pytest.mark.models
def test_a_language_that_the_model_does_not_know_is_an_error(english_only):
    with pytest.raises(ModelError, match="English only, not 'de'"):
        Transcriber(english_only, "de")
    assert Transcriber(english_only, "en").language == "en"


@pytest.mark.models
@pytest.mark.shared
def test_foreign_speech_is_not_quoted_as_english(english_only, shared):
    transcript = Transcriber(english_only, min_confidence=0.6).transcribe([whole(shared / GERMAN)]).transcript
    assert not transcript.segments
    assert transcript.language == "unknown"
    assert [part.language for part in transcript.unclear] == [None]
    assert "reads English only" in transcript.notes[0]


@pytest.mark.models
@pytest.mark.shared
def test_foreign_speech_is_named_read_and_given_no_english_emotion(shared):
    if models.find("whisper-base") is None or models.find("whisper-tiny.en") is None:
        pytest.skip("the Whisper models are not on this machine: run make models")
    settings = PerceptionSettings(streams=("transcript",), speaker_model=None)
    percepts = Perception(settings, cache=False).perceive(shared / GERMAN)
    (segment,) = percepts.transcript.segments
    assert percepts.transcript.language == segment.language == "de"
    assert segment.text.startswith("Der Lappen liegt auf dem Eisschrank")
    assert segment.emotion == ()
    assert segment.feelings == ()
    assert any("says in German" in event.text for event in build_timeline(percepts).events)


@pytest.mark.models
def test_noise_that_is_taken_for_speech_has_no_words(english_only):
    import numpy as np

    noise = np.random.default_rng(0).standard_normal(48_000).astype(np.float32) * 0.05
    transcriber = Transcriber(english_only, min_confidence=0.6)
    assert not transcriber.transcribe([AudioChunk(0.0, noise, (Span(0.2, 2.8),))]).transcript.segments


def test_a_confidence_out_of_range_is_an_error():
    with pytest.raises(InputError, match=r"min_word_confidence is 1\.5"):
        PerceptionSettings(min_word_confidence=1.5)


@pytest.mark.models
@pytest.mark.shared
def test_the_words_of_speech_in_progress_have_their_language(english_only, shared):
    """A multilingual model detects it, also where none was named; an English-only model reads English."""
    folder = models.find("whisper-base")
    if folder is None:
        pytest.skip("whisper-base is not on this machine: run make models")
    chunk = whole(shared / GERMAN)
    multilingual = Transcriber(folder)
    recognized = multilingual.recognize_short(chunk.samples)
    assert (multilingual.language, recognized.language) == (None, "de")
    assert multilingual.align_recognized(chunk, recognized).transcript.language == "de"
    assert Transcriber(english_only).recognize_short(chunk.samples).language == "en"


@pytest.mark.models
def test_notes_on_one_clip_are_not_in_the_next(english_only, monkeypatch):
    transcriber = Transcriber(english_only)
    chunk = whole(DEMO)
    with monkeypatch.context() as patched:
        patched.setattr(align, "_align_with_sphinx", lambda samples, text: [])
        assert "a guess" in transcriber.transcribe([chunk]).transcript.notes[0]
    assert transcriber.transcribe([chunk]).transcript.notes == ()
