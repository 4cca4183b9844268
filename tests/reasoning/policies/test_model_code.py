"""No code of a model's folder is run, and nobody is asked whether it may be: what asks would read the conversation."""

import builtins
import json

import pytest

from omnisense import ModelError
from omnisense.compat import refuse_model_code
from omnisense.reasoning.policies.loading import load_adapter, load_model
from omnisense.testing import tiny_models


@pytest.fixture
def crafted(tmp_path, monkeypatch):
    """A model's folder with a module that leaves a file behind when it is imported."""
    folder = tmp_path / "model"
    tiny_models.tiny_text(folder)
    classes = "from transformers import LlamaConfig as C, LlamaForCausalLM as M, PreTrainedTokenizerFast as T"
    (folder / "own.py").write_text(f"{classes}\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
    asked = []
    monkeypatch.setattr(builtins, "input", lambda *words: asked.append(words) or "y")
    yield folder
    assert not (tmp_path / "ran").exists()
    assert asked == []


def change(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_configuration_that_names_code(crafted):
    names = {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"}
    change(crafted / "config.json", model_type="own", auto_map=names)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(crafted)


def test_a_tokenizer_that_names_code(crafted):
    change(crafted / "tokenizer_config.json", tokenizer_class="Own", auto_map={"AutoTokenizer": [None, "own.T"]})
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(crafted)


def test_a_generation_of_its_own(crafted):
    (crafted / "custom_generate").mkdir()
    (crafted / "custom_generate" / "generate.py").write_text((crafted / "own.py").read_text() + "generate = print\n")
    with pytest.raises(ModelError, match="code of its own"):
        load_model(crafted)
    with pytest.raises(ModelError, match="code of its own"):
        refuse_model_code(crafted)


@pytest.mark.parametrize(
    "template",
    ["{{ cycler.__init__.__globals__.os.popen('touch RAN').read() }}", "{% for i in range(10 ** 9) %}x{% endfor %}"],
)
def test_a_chat_template_stays_in_its_sandbox(crafted, template):
    (crafted / "chat_template.jinja").unlink(missing_ok=True)
    change(crafted / "tokenizer_config.json", chat_template=template.replace("RAN", str(crafted.parent / "ran")))
    with pytest.raises(ModelError, match="chat template cannot be rendered"):
        load_model(crafted)


def test_weights_that_hold_code(crafted):
    torch = pytest.importorskip("torch")
    from tests.perception.test_weights import Evil

    (crafted / "model.safetensors").unlink()
    torch.save({"a": Evil(crafted.parent / "ran")}, crafted / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(crafted)


def test_an_adapter_whose_weights_hold_code(crafted):
    torch = pytest.importorskip("torch")
    from tests.perception.test_weights import Evil

    adapter = crafted.parent / "adapter"
    adapter.mkdir()
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "target_modules": ["q_proj"]}
    config["auto_mapping"] = {"base_model_class": "system", "parent_library": "os"}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    torch.save({"a": Evil(crafted.parent / "ran")}, adapter / "adapter_model.bin")
    model, _ = load_model(crafted)
    with pytest.raises(ModelError, match="adapter cannot be loaded"):
        load_adapter(model, adapter)
