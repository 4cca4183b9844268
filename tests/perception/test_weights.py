"""Weights of the user's choice are read as tensors: a file that holds code is refused, and the code does not run."""

import json
import os

import pytest

from omnisense import ModelError
from omnisense.perception.audio.diarization import PyannoteDiarizer
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


@pytest.mark.parametrize(
    "config",
    [
        "pipeline: {name: subprocess.Popen, params: {args: [touch, RAN]}}",
        "pipeline: {name: pyannote.audio.pipelines.SpeakerDiarization}\n"
        "preprocessors: {x: {name: subprocess.Popen, params: {args: [touch, RAN]}}}",
    ],
)
def test_a_pipeline_that_names_other_classes(crafted, config):
    (crafted / "config.yaml").write_text(config.replace("RAN", str(crafted.parent / "ran")))
    with pytest.raises(ModelError, match=r"names 'subprocess\.Popen', which is not pyannote's"):
        PyannoteDiarizer(crafted)


def test_a_pipeline_whose_weights_hold_code(crafted):
    torch = pytest.importorskip("torch")
    load = torch.load
    (crafted / "config.yaml").write_text(
        "pipeline:\n  name: pyannote.audio.pipelines.SpeakerDiarization\n"
        f"  params: {{segmentation: {crafted / 'pytorch_model.bin'}, clustering: OracleClustering}}\n"
    )
    with pytest.raises(ModelError, match="pyannote pipeline cannot be loaded"):
        PyannoteDiarizer(crafted)
    assert torch.load is load
    torch.save({"pyannote.audio": {"architecture": {"module": "os", "class": "system"}}}, crafted / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be loaded"):
        PyannoteDiarizer(crafted)


def test_weights_that_name_another_module_are_refused():
    from omnisense.perception.audio.diarization import _check_architecture

    _check_architecture({"pyannote.audio": {"architecture": {"module": "pyannote.audio.models.segmentation.PyanNet"}}})
    _check_architecture({"state_dict": {}})
    with pytest.raises(ValueError, match="'os'"):
        _check_architecture({"pyannote.audio": {"architecture": {"module": "os", "class": "system"}}})
