"""Weights of the user's choice are read as tensors: a file that holds code is refused, and the code does not run."""

import json
import os

import pytest

from omnisense import ModelError
from omnisense.perception.emotion.voice import HuggingFaceVoiceClassifier
from omnisense.perception.fusion.light_asd import LightASD


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def crafted(tmp_path):
    torch = pytest.importorskip("torch")
    ran = tmp_path / "ran"
    folder = tmp_path / "model"
    folder.mkdir()
    torch.save({"a": Evil(ran)}, folder / "pytorch_model.bin")
    yield folder
    assert not ran.exists()


def test_an_audio_classifier(crafted):
    config = {
        "model_type": "wav2vec2",
        "architectures": ["Wav2Vec2ForSequenceClassification"],
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    (crafted / "config.json").write_text(json.dumps(config))
    (crafted / "preprocessor_config.json").write_text('{"feature_extractor_type": "Wav2Vec2FeatureExtractor"}')
    with pytest.raises(ModelError, match="cannot be loaded"):
        HuggingFaceVoiceClassifier(crafted, "x")


def test_weights_of_light_asd(crafted):
    with pytest.raises(ModelError, match="cannot be loaded"):
        LightASD(crafted / "pytorch_model.bin")
