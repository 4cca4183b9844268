"""The command that trains an adapter for the default model: its split, and what it hands on."""

import json
from collections import Counter

import pytest
import torch
from safetensors.torch import load_file, save_file

from omnisense import models
from omnisense.reasoning.loop import prompts
from omnisense.reasoning.loop.appraisal import EMOTIONS
from omnisense.reasoning.loop.appraiser import EMOTION_QUESTION
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.policies.base import DEFAULT_POLICY
from omnisense.reasoning.policies.choice_adapter import read_options
from omnisense.reasoning.policies.load import load_policy
from omnisense.reasoning.profile import profile_of
from omnisense.rl import default_adapter
from omnisense.rl.data.agent_rows import AgentRow, read_agent_rows
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


def test_what_was_recorded_before_an_interruption_is_not_recorded_again(tmp_path, monkeypatch):
    recorded = []

    def questions(name, source, folder, side, on_progress):
        if len(recorded) == 3 and "interrupted" not in recorded:
            recorded.append("interrupted")
            raise KeyboardInterrupt
        recorded.append((name, side))
        return [row(f"{name}-{side}", "answer")]

    def comments(source, limit, seed, on_progress):
        recorded.append(source.name)
        return [row(f"{source.name}-{decision}", decision) for decision in ("emotion", "need", "strategy")]

    monkeypatch.setattr(default_adapter, "_questions", questions)
    monkeypatch.setattr(default_adapter, "record", comments)
    monkeypatch.setattr(
        default_adapter, "_with_reference", lambda rows: [r.model_copy(update={"reference": [0.4, 0.6]}) for r in rows]
    )
    (tmp_path / "goemotions").mkdir()
    (tmp_path / "goemotions" / "dev.tsv").write_text("")
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path, tmp_path / "rows", print)
    train, test = (read_agent_rows([file]) for file in prepare(tmp_path, tmp_path / "rows", print))
    recorded.remove("interrupted")
    assert len(recorded) == len(set(recorded)) == 12
    assert Counter(bool(one.reference) for one in train) == {False: 1, True: 7}
    assert {one.task for one in test} == {f"{name}: answer" for name in default_adapter._QUESTIONS} | {
        "comments: emotion"
    }


def test_a_comment_that_was_written_twice_is_not_trained_on_where_it_is_held_out():
    twice, once = row("train-1", "emotion"), row("train-2", "emotion")
    held_out = row("dev-7", "emotion").model_copy(update={"prompt": twice.prompt})
    assert default_adapter._apart([twice, once], [held_out]) == [once]


def row(name, decision):
    labelled = [] if decision in ("need", "strategy") else ["a"]
    return AgentRow(
        id=name,
        group=name,
        task="t",
        decision=decision,
        verb="choose",
        prompt=f'["{name}"]',
        options=["a", "b"],
        gold=labelled,
    )


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.models
def test_every_set_is_recorded_and_split_by_group(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(default_adapter, "TRAIN", {"comments": 14})
    monkeypatch.setattr(default_adapter, "KEPT", dict.fromkeys(default_adapter.KEPT, 2))
    monkeypatch.setattr(default_adapter, "TEST", dict.fromkeys(default_adapter.TEST, 3))
    train, test = (read_agent_rows([file]) for file in prepare(shared / "text", tmp_path, print))
    assert len(test) == 3 * len(default_adapter.TEST)
    assert sum(bool(one.reference) for one in train) == 14
    assert all(abs(sum(one.reference) - 1) < 1e-3 for one in train if one.reference)
    assert not {one.group for one in train} & {one.group for one in test}


def test_the_adapter_that_ships_is_small_and_names_no_folder_of_a_machine():
    folder = models.fetch("smollm2-135m-agent")
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 12e6
    assert models.list_models()[DEFAULT_POLICY].adapter == "smollm2-135m-agent"
    assert read_options("smollm2-135m-agent") == EmotionSet().names
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == DEFAULT_POLICY
    assert "## Evaluation" in (folder / "README.md").read_text()


FELT = {
    "sadness": "I miss my grandmother so much, I cried all night.",
    "joy": "I got the job, this is the best day of my life!",
    "anger": "Stop lying to me, this makes me furious.",
    "fear": "I am scared of the operation tomorrow, terrified really.",
    "disgust": "That is revolting, it makes me want to vomit.",
}


@pytest.mark.models
def test_the_default_model_decides_what_a_person_feels_and_does_the_rest_without_its_adapter():
    policy, base = load_policy(), load_policy(adapter=None)
    asked = [
        prompts.decision_prompt(prompts.evidence_text("", text), EMOTION_QUESTION, EMOTIONS) for text in FELT.values()
    ]
    chosen = [EMOTIONS[choice.index] for choice in policy.choose(asked, [EMOTIONS] * len(asked))]
    assert sum(a == b for a, b in zip(chosen, FELT, strict=True)) >= 4
    assert policy.choose(asked[:1], [["A", "B"]]) == base.choose(asked[:1], [["A", "B"]])
    assert policy.write(asked[:1], max_new_tokens=8) == base.write(asked[:1], max_new_tokens=8)
    assert profile_of(policy).weights_of("emotion")["policy"] > 0
