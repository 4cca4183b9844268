"""The shipped heads, their cards, and Hugging Face classifiers in their place."""

import csv
import re
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from omnisense import ModelError, models, open_clip
from omnisense.perception.audio.chunks import voice_activity
from omnisense.perception.audio.models import load_pitch_model
from omnisense.perception.emotion import text, voice
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.voice_head import VoiceHead
from omnisense.perception.registry import ModelRegistry
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import Segment, Transcript
from tests.conftest import tone
from tests.perception.test_pipeline import make_percepts

CARDS = files("omnisense.perception.emotion")


def test_a_head_survives_its_file(tmp_path):
    rng = np.random.default_rng(0)
    for thresholds in (np.zeros(0), np.array([0.2, 0.9])):
        head = LinearHead(("a", "b"), rng.normal(size=3), np.ones(3), rng.normal(size=(3, 2)), np.zeros(2), thresholds)
        head.save(tmp_path / "head.npz")
        features = rng.normal(size=(4, 3)).astype(np.float32)
        again = LinearHead.load(tmp_path / "head.npz")
        assert again.labels == ("a", "b")
        assert np.allclose(again.scores(features), head.scores(features), atol=2e-3)
        assert np.allclose(head.scores(features).sum(axis=1), 1) != bool(len(thresholds))
    (tmp_path / "head.npz").write_bytes(b"no")
    with pytest.raises(ModelError, match="head cannot be loaded"):
        LinearHead.load(tmp_path / "head.npz")


# --- voice ----------------------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.slow
def test_the_voice_head_and_its_card_are_made_again(shared, tmp_path):
    from omnisense.perception.emotion.train_voice import train_voice

    figures = train_voice(shared / "speech" / "emodb", tmp_path)
    assert figures["uar"] >= 0.8
    assert (tmp_path / "voice_emotion.md").read_text() == (CARDS / "voice_emotion.md").read_text()
    made, shipped = VoiceHead.load(tmp_path / "voice_emotion.npz"), VoiceHead.load(shipped="voice_emotion")
    assert np.allclose(made.scores(made.mean[None]), shipped.scores(made.mean[None]), atol=1e-2)


def test_the_cards_state_figures_over_the_bar():
    uar = float(
        re.search(r"\*\*(0\.\d+)\*\* as recorded", (CARDS / "voice_emotion.md").read_text().replace("\n ", ""))[1]
    )
    fine, ekman = (float(f) for f in re.findall(r"\*\*(0\.\d{3})\*\*", (CARDS / "text_emotion.md").read_text())[:2])
    assert uar >= 0.8
    assert fine >= 0.85 * 0.46
    assert ekman >= 0.85 * 0.64


@pytest.mark.shared
def test_the_shipped_voice_reader_hears_what_was_acted(shared):
    reader = voice.ShippedVoiceClassifier(load_pitch_model())
    with (shared / "speech" / "emodb" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))[::11]
    right = 0
    for row in rows:
        scores = reader.classify(open_clip(shared / "speech" / "emodb" / row["file"]).audio())
        assert scores.sum() == pytest.approx(1, abs=1e-5)
        right += reader.labels[scores.argmax()] == row["emotion"]
    assert right / len(rows) > 0.85  # it was trained on these: that the features are what they were then


@pytest.mark.shared
def test_calm_speech_is_given_no_clear_feeling_in_noise_or_on_a_phone_line(shared):
    from omnisense.benchmarks.perception.conditions import phone_line, room, white_noise

    reader = voice.ShippedVoiceClassifier(load_pitch_model())
    samples = open_clip(shared / "grid" / "lbax4n.mpg").audio()  # a speaker and language that trained nothing
    speech = voice_activity(samples)
    samples = samples[round(speech[0].start_s * 16_000) : round(speech[-1].end_s * 16_000)]
    heard = (white_noise(samples, 0, 10.0), phone_line(samples), room(samples, 0, (7.0, 9.0, 3.2), 0.6))
    for copy in heard:
        scores = dict(zip(reader.labels, reader.classify(copy), strict=True))
        assert max(score for label, score in scores.items() if label != "neutral") < 0.8, scores


def test_degraded_copies_are_as_long_and_differ():
    from omnisense.perception.emotion.degrade import KINDS, degrade

    speech = tone(1.0, hz=200)
    for kind in KINDS:
        copy = degrade(speech, kind, np.random.default_rng(0), [tone(0.7, hz=300)])
        assert copy.shape == speech.shape
        assert np.isfinite(copy).all()
        assert np.allclose(copy, speech) == (kind == "clean")
    with pytest.raises(ValueError, match="unknown kind"):
        degrade(speech, "echo", np.random.default_rng(0))
    with pytest.raises(ValueError, match="no recordings of others"):
        degrade(speech, "voices", np.random.default_rng(0))


def test_reliability_is_what_the_scores_promised_against_what_was_right():
    from omnisense.perception.emotion.reliability import read_reliability, reliability_table

    found = read_reliability(np.array([0.55, 0.55, 0.95, 1.0]), np.array([True, False, True, True]))
    assert [(b["n"], b["right"]) for b in found["bins"]] == [(2, 0.5), (2, 1.0)]
    assert found["ece"] == pytest.approx(0.5 * 0.05 + 0.5 * 0.025, abs=1e-3)
    assert "| 0.9-1.0 | 2 | 0.975 | 1.000 |" in reliability_table(found)


def test_the_level_of_a_recording_does_not_count():
    pitch = load_pitch_model()
    sound = np.concatenate([tone(0.5, hz=150), tone(0.5, hz=220, level=0.1)])
    assert np.allclose(voice.voice_features(sound, pitch), voice.voice_features(sound * 0.3, pitch), atol=0.15)
    assert np.isfinite(voice.voice_features(np.random.default_rng(0).normal(size=8000).astype(np.float32), pitch)).all()


def test_any_audio_classification_model_serves(tmp_path):
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8),
        conv_stride=(5, 4),
        conv_kernel=(10, 8),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        id2label={0: "Angry", 1: "Calm", 2: "Happy"},
        label2id={"Angry": 0, "Calm": 1, "Happy": 2},
    )
    Wav2Vec2ForSequenceClassification(config).save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    reader = voice.HuggingFaceVoiceClassifier(tmp_path, "tiny")
    scores = reader.classify(tone(1.0))
    assert reader.labels == ("angry", "calm", "happy")
    assert scores.shape == (3,)
    assert scores.sum() == pytest.approx(1, abs=1e-5)
    with pytest.raises(ModelError, match="audio classification model cannot be loaded"):
        voice.HuggingFaceVoiceClassifier(tmp_path / "nowhere", "x")


# --- text -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader():
    return text.ShippedTextClassifier(models.fetch(text.EMBEDDING))


@pytest.mark.models
@pytest.mark.parametrize(
    ("sentence", "emotion", "sign"),
    [
        ("Thank you so much, this means the world to me!", "joy", 1),
        ("I am so sad, I miss her every day.", "sadness", -1),
        ("How dare you, this makes me furious!", "anger", -1),
        ("I'm terrified of what might happen.", "fear", -1),
        ("Wow, I did not expect that at all!", "surprise", 0),
        ("The train leaves at nine.", "neutral", 0),
    ],
)
def test_sentences_are_read(reader, sentence, emotion, sign):
    (found,) = reader.classify([sentence])
    assert reader.labels[found.scores.argmax()] == emotion
    assert not sign or np.sign(found.sentiment) == sign
    assert set(found.feelings) <= {label for group in text.EKMAN.values() for label in group}


@pytest.mark.models
@pytest.mark.parametrize(
    ("line", "emotion"),
    [
        ("We could meet at the library on Wednesday.", "neutral"),
        ("Do you have the number of the plumber?", "neutral"),
        ("Oh my God, is that really you?!", "surprise"),
        ("Ew, that is so gross.", "disgust"),
        ("Give me back my phone right now!", "anger"),
    ],
)
def test_what_is_spoken_is_read_by_another_head(reader, line, emotion):
    (found,) = reader.classify([line], spoken=True)
    assert reader.labels[found.scores.argmax()] == emotion
    assert not np.allclose(found.scores, reader.classify([line])[0].scores, atol=1e-3)
    if emotion == "neutral":
        assert found.feelings[:1] in ((), ("neutral",))


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.slow
def test_the_speech_of_a_clip_is_read_as_spoken(perception, shared, monkeypatch):
    asked = []

    class Listening:
        labels, name, languages = ("x",), "listening", None

        def classify(self, sentences, *, spoken=False):
            asked.append(spoken)
            return [text.TextEmotion(np.ones(1), (), None) for _ in sentences]

    monkeypatch.setitem(perception.registry._loaded, "text_emotion", Listening())
    perception.perceive(shared / "speech" / "jfk" / "jfk.wav")
    perception.add_text_emotion(Transcript("en", (Segment(0, 0, "typed"),), ""))
    assert asked == [True, False]


@pytest.mark.models
def test_sentences_do_not_depend_on_their_neighbours(reader):
    sentences = ["I love it.", "No.", "What a long and winding sentence this is, about nothing in particular!", ""]
    together = reader.classify(sentences)
    for sentence, found in zip(sentences, together, strict=True):
        assert np.allclose(reader.classify([sentence])[0].scores, found.scores, atol=1e-4)
    assert reader.classify([]) == []


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.slow
def test_the_text_heads_reach_their_card(shared):
    from omnisense.benchmarks.perception.emotion import text_heads

    figures = text_heads(shared / "text" / "goemotions")
    card = (CARDS / "text_emotion.md").read_text()
    for name in (text.SHIPPED, text.SHIPPED_GROUPS):
        assert f"**{figures[name]['macro-F1']:.3f}**" in card


@pytest.mark.parametrize("several", [True, False])
def test_any_text_classifier_serves(tmp_path, several):
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    labels = {0: "NEGATIVE", 1: "POSITIVE"}
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        id2label=labels,
        label2id={v: k for k, v in labels.items()},
        problem_type="multi_label_classification" if several else None,
    )
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    reader = text.HuggingFaceTextClassifier(tmp_path, "tiny")
    (found,) = reader.classify(["good"])
    assert reader.labels == ("negative", "positive")
    assert -1 <= found.sentiment <= 1
    assert several or found.scores.sum() == pytest.approx(1, abs=1e-5)
    transcript = Transcript("en", (Segment(0, 1, "good"), Segment(1, 2, "bad")), "test")
    read = text.add_text_emotion(transcript, reader)
    assert read.emotion_labels == reader.labels
    assert all(len(s.emotion) == 2 for s in read.segments)
    with pytest.raises(ModelError, match="text classifier cannot be loaded"):
        text.HuggingFaceTextClassifier(tmp_path / "nowhere", "x")


def test_labels_without_a_sign_have_no_sentiment():
    assert text._sentiment(("a", "b"), np.array([0.5, 0.5])) is None
    assert text._sentiment(("joy", "sadness"), np.array([0.9, 0.1])) == 0.8


def test_a_text_model_that_fails_costs_no_words(perception, monkeypatch, caplog):
    class Broken:
        labels, name, languages = ("x",), "broken", None

        def classify(self, sentences, *, spoken=False):
            raise RuntimeError("too long for it")

    monkeypatch.setitem(perception.registry._loaded, "text_emotion", Broken())
    transcript = perception.add_text_emotion(Transcript("en", (Segment(0, 1, "good"),), "test"))
    assert transcript.segments[0].text == "good"
    assert transcript.notes == ("the text emotion model failed (RuntimeError: too long for it)",)
    assert not perception._is_cacheable(make_percepts(transcript=transcript))


@pytest.mark.models
def test_what_is_spelled_like_a_special_token_is_text():
    """As a token, "[SEP] what a lovely day" would hide the words before it from the safety gate."""
    embedder = text.load_embedder(models.fetch(text.EMBEDDING))
    tokenizer = embedder._tokenizer
    special = set(tokenizer.all_special_ids)
    plain = tokenizer("so it is", split_special_tokens=True)["input_ids"]
    for string in tokenizer.all_special_tokens:
        embedder.embed([f"so {string}{string} it is"])
        ids = tokenizer(f"so {string}{string} it is", split_special_tokens=True)["input_ids"]
        assert [i for i in ids if i in special] == [i for i in plain if i in special]
        assert np.allclose(embedder.embed([f"so {string} it"]), embedder.embed([f"so {string.lower()} it"]))


def test_a_head_that_was_trained_here_is_named_by_its_file(tmp_path):
    head = VoiceHead.load(shipped="voice_emotion")
    replace(head, labels=("a", "b", "c", "d")).save(tmp_path / "own.npz")
    settings = PerceptionSettings(voice_emotion_model=str(tmp_path / "own.npz"))
    registry = ModelRegistry(settings)
    assert registry.get("voice_emotion").labels == ("a", "b", "c", "d")
    version = registry.versions()["voice_emotion"]
    assert version.startswith("own.npz@")
    head.save(tmp_path / "own.npz")
    assert ModelRegistry(settings).versions()["voice_emotion"] != version
