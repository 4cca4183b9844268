"""The command that trains an adapter for the default model: its split, and what it hands on."""

import json

import torch
from safetensors.torch import load_file, save_file

from omnisense.rl.data.agent_rows import read_agent_rows
from omnisense.rl.default_adapter import export, prepare


def test_an_adapter_is_handed_on_in_half_precision_without_paths_of_this_machine(tmp_path):
    final = tmp_path / "final"
    final.mkdir()
    (final / "adapter_config.json").write_text('{"base_model_name_or_path": "/home/me/model", "r": 1}')
    (final / "README.md").write_text("card")
    save_file({"a": torch.tensor([0.5, 1.25])}, final / "adapter_model.safetensors")
    export(final, tmp_path / "out")
    kept = load_file(tmp_path / "out" / "adapter_model.safetensors")["a"]
    assert (kept.dtype, kept.tolist()) == (torch.float16, [0.5, 1.25])
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config == {"base_model_name_or_path": "smollm2-135m-instruct", "r": 1}


def test_rows_that_are_there_are_used(tmp_path):
    for name in ("train.jsonl", "test.jsonl"):
        (tmp_path / name).write_text("")
    files = prepare(tmp_path / "no data", tmp_path, print)
    assert read_agent_rows(files) == []
