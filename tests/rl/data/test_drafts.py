"""Drafts of replies that pass the agent's checks, as replies to learn, and training on them."""

import json

import pytest

from omnisense import InputError, ScriptedPolicy
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.rl.data import prepare
from omnisense.rl.data.agent_rows import AgentRow, read_agent_rows, write_agent_rows
from omnisense.rl.data.drafts import sample_drafts, select_drafts
from omnisense.rl.data.prepare import prepare_rows
from omnisense.rl.data.reply_rows import load_reply_split, written_columns
from omnisense.rl.data.settings import DataSettings
from omnisense.rl.recipe import read_recipe
from omnisense.rl.reporting import reply_evaluation
from omnisense.rl.reporting.evaluate import Candidate
from omnisense.rl.trainers.prompt_prefetch import dump_prompt

OPENING = "I am sorry that your dog died."


def row(number, heard="My dog died yesterday and the garden is empty.", **more):
    said = [
        {"role": "user", "content": [{"type": "text", "text": heard}]},
        {"role": "assistant", "content": [{"type": "text", "text": OPENING}]},
    ]
    context = {"heard": heard, "emotion": "sadness", "strategy": "validate", "opening": OPENING}
    return AgentRow(
        id=f"r{number}:respond", group=f"g{number}", task="t", decision="reply", verb="write",
        prompt=dump_prompt(said), context=context, **more,
    )  # fmt: skip


def test_one_draft_without_a_fault_is_kept_for_each_row():
    written = [" You should get a cat.", " It is hard to see the garden empty. And so on.", " I had a dog as a child."]
    lines = []
    kept = sample_drafts([row(0), row(1)], ScriptedPolicy(written), 3, 0, lines.append)
    assert [one.reply for one in kept] == ["It is hard to see the garden empty."] * 2
    assert lines == ["2 of 2: 2 have a draft without a fault"]
    assert sample_drafts([row(0)], ScriptedPolicy([" You should get a cat."]), 3, 0, lines.append) == []


def test_what_says_more_of_what_was_heard_is_kept_and_no_opening_takes_over():
    often = "Take all the time you need today."
    passed = [(row(i), [often, f"The garden will be full of {name} again."]) for i, name in enumerate("ab")]
    assert all("garden" in one.reply for one in select_drafts(passed))
    assert len(select_drafts([(row(i), [often]) for i in range(50)])) == 3


def test_rows_with_a_reply_are_trained_on(tmp_path):
    rows = [row(i, reply="It is hard to see it." if i % 2 else "") for i in range(40)]
    write_agent_rows(rows, tmp_path / "rows.jsonl")
    settings = DataSettings(files=[tmp_path], test_fraction=0.3, max_prompt_tokens=10)
    split = load_reply_split(settings, 0, written=True)
    assert {one.reply for one in split.train} == {"It is hard to see it."}
    assert {one.reply for one in split.test} == {"", "It is hard to see it."}
    columns, too_long = written_columns(split.train[:2], settings, lambda _: 5)
    assert [one["reply"] for one in columns] == [" It is hard to see it."] * 2
    assert not too_long
    assert len(written_columns(split.train[:2], settings, lambda _: 11)[1]) == 2
    write_agent_rows([row(0)], tmp_path / "rows.jsonl")
    with pytest.raises(InputError, match="no reply is left"):
        load_reply_split(settings, 0, written=True)


def test_drafts_need_a_policy(tmp_path):
    write_agent_rows([row(0)], tmp_path / "rows.jsonl")
    with pytest.raises(InputError, match="a policy that writes"):
        prepare_rows("drafts", tmp_path / "rows.jsonl", tmp_path)


@pytest.mark.parametrize(("limit", "asked"), [(0, 3), (2, 2)])
def test_the_note_counts_the_replies_that_were_asked_for(tmp_path, monkeypatch, limit, asked):
    monkeypatch.setattr(
        prepare, "load_policy", lambda *_, **__: ScriptedPolicy([" It is hard to see the garden empty."])
    )
    without_opening = row(9).model_copy(update={"context": {}})
    write_agent_rows([row(0), row(1), row(2), without_opening], tmp_path / "rows.jsonl")
    done = prepare_rows("drafts", tmp_path / "rows.jsonl", tmp_path, policy="scripted", limit=limit, num_attempts=1)
    assert done.num_rows == asked
    assert done.note.endswith(f"of {asked} replies asked for")


@pytest.fixture
def evaluate(tmp_path, monkeypatch):
    """Compare a policy that replies alike to two rows; each call returns how many were written."""
    policy = ScriptedPolicy([" It is hard to see the garden empty."])
    monkeypatch.setattr(reply_evaluation, "load_policy", lambda *_, **__: policy)

    def run(seed=0):
        recipe, lines = read_recipe("smollm2-reply-sft", [f"seed={seed}"], "reply-sft"), []
        candidates = [Candidate("base", "scripted")]
        found = reply_evaluation.evaluate_replies(recipe, [row(0), row(1)], candidates, tmp_path, lines.append)
        assert found.systems[0].strict.mean == 1
        return len(lines)

    return run


def test_drafts_are_written_once_for_a_temperature_and_a_seed(tmp_path, evaluate):
    assert evaluate() == 1
    assert evaluate() == 0
    kept = json.loads((tmp_path / "evaluation/base.json").read_text())
    assert kept["sampling"] == {"temperature": LoopSettings().temperature, "seed": 0}
    with pytest.raises(InputError, match=r"temperature 0\.3 and seed 0") as caught:
        evaluate(seed=1)
    assert "base.json" in str(caught.value)
    assert "Delete" in str(caught.value)


def test_the_mean_of_several_seeds_is_compared_too(tmp_path, monkeypatch):
    written = {"a": " You should get a cat.", "b": " It is hard to see the garden empty.", "": " You should get a cat."}
    monkeypatch.setattr(
        reply_evaluation, "load_policy", lambda _, adapter, batch_size: ScriptedPolicy([written[adapter or ""]])
    )
    seeds = [Candidate("base", "scripted"), Candidate("seed 0", "scripted", "a"), Candidate("seed 1", "scripted", "b")]
    recipe = read_recipe("smollm2-reply-sft", [], "reply-sft")
    found = reply_evaluation.evaluate_replies(
        recipe, [row(i) for i in range(100)], seeds, tmp_path, print, mean_of=["seed 0", "seed 1"]
    )
    assert {pair.second: pair.difference.mean for pair in found.pairs} == {"seed 0": 0, "seed 1": 1, "mean": 0.5}
    page = (tmp_path / "comparison/replies.md").read_text()
    assert "- mean against base: +0.500" in page
    assert page.count("- seed 1: ") == 50  # of every second input


def test_training_that_goes_on_from_an_adapter_is_compared_with_it(tmp_path, monkeypatch):
    written = {"b": " It is hard to see the garden empty.", "a": " You should get a cat.", "": " You should get a cat."}
    monkeypatch.setattr(
        reply_evaluation, "load_policy", lambda _, adapter, batch_size: ScriptedPolicy([written[adapter or ""]])
    )
    order = [Candidate("base", "scripted"), Candidate("start", "scripted", "b"), Candidate("trained", "scripted", "a")]
    recipe = read_recipe("smollm2-reply", [], "reply")
    found = reply_evaluation.evaluate_replies(recipe, [row(0), row(1)], order, tmp_path, print)
    differences = {(pair.first, pair.second): pair.difference.mean for pair in found.pairs}
    assert differences == {("base", "start"): 1, ("base", "trained"): 0, ("start", "trained"): -1}
    assert "- trained against start: -1.000" in (tmp_path / "comparison/replies.md").read_text()


@pytest.mark.parametrize("text", ['[{"reply": "a", "faults": [], "score": 1}]', '[{"id": "r0", "written": "a"}]', "{"])
def test_drafts_of_an_older_version_are_named(tmp_path, evaluate, text):
    file = tmp_path / "evaluation/base.json"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(InputError, match="Delete it") as caught:
        evaluate()
    assert str(file) in str(caught.value)


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.networks
def test_a_tiny_model_is_trained_on_written_replies_and_compared(tmp_path):
    from omnisense.rl.train import train
    from omnisense.testing.tiny_models import tiny_text

    write_agent_rows([row(i, reply="It is hard.") for i in range(24)], tmp_path / "rows.jsonl")
    recipe = read_recipe(
        "smollm2-reply-sft",
        [
            f"policy={tiny_text(tmp_path / 'tiny')}", f"data.files=[{tmp_path / 'rows.jsonl'}]",
            "weights={train: full}", "data.max_prompt_tokens=2000", "trainer.bf16=false",
            "trainer.learning_rate=1e-2", "trainer.max_steps=30", "trainer.save_steps=30",
        ],
        "reply-sft",
    )  # fmt: skip
    summary = train(recipe, tmp_path / "run").summary
    assert summary.log.curves["loss"].last < summary.log.curves["loss"].first
    assert summary.comparison.pair("trained").questions == summary.data.test
    assert "| trained |" in (tmp_path / "run/comparison/replies.md").read_text()
    assert "faultless" in (tmp_path / "run/final/README.md").read_text()
    rows = read_agent_rows([tmp_path / "rows.jsonl"])
    assert rows[0].reply == "It is hard."
