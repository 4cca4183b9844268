"""Voice activity, prosody, word times and transcripts."""

import itertools

import numpy as np
import pytest

from omnisense import ModelError, open_clip
from omnisense.perception.audio.analysis import analyze_audio
from omnisense.perception.audio.chunks import AudioChunk, AudioChunks, _cut_in_silence, voice_activity
from omnisense.perception.audio.models import AudioModels, load_pitch_model
from omnisense.perception.audio.prosody import ProsodyFrames, _find_syllables, summarize_prosody
from omnisense.perception.speech.align import DIVIDED, _spoken_form, align_words
from omnisense.perception.speech.sentences import split_sentences
from omnisense.perception.types import Prosody, Segment, Span, Word
from tests.conftest import DEMO, tone


class OneChunk:
    """Like ``AudioChunks``, of given samples."""

    def __init__(self, samples, speech):
        self.chunk = AudioChunk(0.0, samples, tuple(speech))

    def __iter__(self):
        yield self.chunk


def test_pitch_and_loudness_are_measured_against_the_clip_itself():
    low, high = tone(2.0, hz=120, level=0.1), tone(2.0, hz=240, level=0.4)
    sound = np.concatenate([low, np.zeros(16_000, np.float32), high])
    audio = analyze_audio(OneChunk(sound, [Span(0, 2), Span(3, 5)]), AudioModels(load_pitch_model())).stream
    first, second = (u.prosody for u in audio.utterances)
    assert first.f0_hz == pytest.approx(120, rel=0.03)
    assert second.f0_hz == pytest.approx(240, rel=0.03)
    assert second.f0_rel_st - first.f0_rel_st == pytest.approx(12, abs=0.5)
    assert second.loudness_rel_db - first.loudness_rel_db == pytest.approx(12, abs=0.5)
    assert [(p.start_s, p.end_s) for p in audio.pauses] == [(2, 3)]
    assert len(audio.seconds) == 5
    assert audio.seconds[2].f0_hz is None


def test_syllables_are_counted():
    envelope = np.abs(np.sin(np.pi * 4 * np.arange(32_000) / 16_000))  # four bursts a second for two seconds
    audio = analyze_audio(
        OneChunk((tone(2.0) * envelope).astype(np.float32), [Span(0, 2)]), AudioModels(load_pitch_model())
    ).stream
    assert audio.utterances[0].prosody.rate_syllables_s == pytest.approx(4, abs=1)
    assert not _find_syllables(np.full(2, -20.0), np.ones(2, bool)).any()


def test_sound_ends_where_the_last_of_it_was_decoded():
    sound = tone(2.0)
    chunks = AudioChunks(12.0, lambda start, end: sound[round(start * 16_000) : round(end * 16_000)], chunk_s=5.0)
    audio = analyze_audio(chunks, AudioModels(load_pitch_model())).stream
    assert (audio.duration_s, len(audio.seconds)) == (2.0, 2)


def test_nothing_to_hear():
    silence = analyze_audio(OneChunk(np.zeros(32_000, np.float32), []), AudioModels(load_pitch_model())).stream
    assert (silence.speech, silence.utterances, silence.baseline) == ((), (), Prosody())
    assert (
        analyze_audio(OneChunk(np.zeros(0, np.float32), []), AudioModels(load_pitch_model())).stream.duration_s == 0.0
    )
    assert (
        summarize_prosody(ProsodyFrames(*(np.zeros(0) for _ in range(4))), np.zeros(0, bool), Span(0, 1)) == Prosody()
    )


def test_voice_activity_on_the_demo():
    speech = voice_activity(open_clip(DEMO).audio())
    assert speech[0].start_s == pytest.approx(0.8, abs=0.15)
    assert speech[-1].end_s < 9.0
    assert voice_activity(np.zeros(32_000, np.float32)) == []
    assert voice_activity(np.zeros(10, np.float32)) == []


def test_blocks_cover_the_clip_and_are_cut_in_silence():
    clip = open_clip(DEMO)
    blocks = list(AudioChunks.of_clip(clip, chunk_s=4.0))
    assert len(blocks) >= 3
    whole = clip.audio()
    joined = np.concatenate([b.samples for b in blocks])
    assert abs(len(joined) - len(whole)) < 200
    assert np.abs(joined[: len(whole)][:60_000] - whole[:60_000]).max() < 1e-3
    borders = [b.start_s for b in blocks[1:]]
    speech = voice_activity(whole)
    for border in borders:
        assert not any(s.start_s + 0.05 < border < s.end_s - 0.05 for s in speech)


def test_two_threads_share_a_block(monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    blocks, decoded = AudioChunks.of_clip(open_clip(DEMO)), []
    decode = AudioChunks._decode
    monkeypatch.setattr(AudioChunks, "_decode", lambda self, s: decoded.append(s) or decode(self, s))
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: [b.start_s for b in blocks], range(2))
    assert one == other == decoded == [0.0]


def test_the_cut_is_in_the_longest_silence():
    assert _cut_in_silence([Span(0, 10), Span(12, 20), Span(21, 29)], 30) == 11.0
    assert _cut_in_silence([Span(0, 30)], 30) == 30


# --- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "form"),
    [
        ("F2", ["f", "two"]),
        ("well-known", ["well", "known"]),
        ("don\u2019t", ["don't"]),
        ("21", ["twenty", "one"]),
        ("$5", ["five"]),
        ("now.", ["now"]),
        ("\u2014", []),
        ("1,000", ["one", "thousand"]),
        ("'cause", ["'cause"]),
    ],
)
@pytest.mark.networks
def test_spoken_forms(token, form):
    assert _spoken_form(token) == form


def test_words_are_aligned_where_they_are_spoken():
    clip = open_clip(DEMO)
    words, source, *_ = align_words(clip[0.6:2.9].audio(), "I am going to fly to space!", "en", 0.6)
    assert source == "pocketsphinx forced alignment"
    assert [w.text for w in words] == ["I", "am", "going", "to", "fly", "to", "space!"]
    assert words[0].start_s == pytest.approx(0.8, abs=0.1)
    assert all(a.end_s <= b.start_s + 1e-6 for a, b in itertools.pairwise(words))


def test_unknown_words_and_numbers_do_not_stop_the_alignment():
    words, source, *_ = align_words(open_clip(DEMO)[0.6:2.9].audio(), "I am \u2014 Zyxquor 3", "en", 0.0)
    assert [w.text for w in words] == ["I", "am", "\u2014", "Zyxquor", "3"]
    assert source in ("pocketsphinx forced alignment", DIVIDED)


def test_other_languages_get_a_guess_that_is_called_one():
    words, source, *_ = align_words(np.zeros(32_000, np.float32), "das ist gut", "de", 1.0)
    assert source == DIVIDED
    assert (words[0].start_s, words[-1].end_s) == (1.0, 3.0)


def test_split_sentences_end_at_full_stops_and_long_pauses():
    words = [Word("Yes.", 0, 0.5), Word("I", 0.6, 0.7), Word("do", 0.8, 1.0), Word("now", 3.0, 3.2)]
    assert [s.text for s in split_sentences(words, Segment(0, 9, "", confidence=0.9))] == ["Yes.", "I do", "now"]


@pytest.mark.models
def test_the_demo_is_understood(perception):
    transcript = perception.perceive(DEMO).transcript
    assert transcript.language == "en"
    assert transcript.text.lower().startswith("i am going to fly to space")
    assert "nervous" in transcript.text
    assert transcript.word_times == "pocketsphinx forced alignment"
    assert all(s.speaker == "voice-1" and s.words and 0 < s.confidence <= 1 for s in transcript.segments)
    assert [s.feelings[0] for s in transcript.segments] == ["neutral", "joy", "nervousness"]
    assert [s.sentiment > 0 for s in transcript.segments] == [True, True, False]


def test_a_folder_without_a_model_is_refused(tmp_path):
    from omnisense.perception.speech.transcribe import Transcriber

    with pytest.raises(ModelError, match=r"model\.bin"):
        Transcriber(tmp_path)


def test_nothing_is_usual_of_a_speaker_with_one_utterance():
    from omnisense.perception.audio.baselines import compare_with_baselines, usual_prosody
    from omnisense.perception.types import Utterance

    once, twice = Prosody(f0_hz=100.0, loudness_db=-20.0), Prosody(f0_hz=200.0, loudness_db=-20.0)
    usual = usual_prosody({"a": once, "b": twice}, once, ["a", "b", "b"])
    assert usual == {"a": Prosody(), "b": twice}
    utterances = [Utterance(0, 1, once, "a"), Utterance(1, 2, twice, "b"), Utterance(2, 3, twice, "b")]
    compared = compare_with_baselines(utterances, {"a": once, "b": twice}, once)
    assert [u.prosody.f0_rel_st for u in compared] == [None, 0.0, 0.0]
    assert compared[0].arousal is None
