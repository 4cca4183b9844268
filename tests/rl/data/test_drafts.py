"""Drafts of replies that pass the agent's checks, as replies to learn, and training on them."""

import pytest

from omnisense import InputError, ScriptedPolicy
from omnisense.rl.data.agent_rows import AgentRow, read_agent_rows, write_agent_rows
from omnisense.rl.data.drafts import sample_drafts, select_drafts
from omnisense.rl.data.prepare import prepare_rows
from omnisense.rl.data.reply_rows import load_reply_split, written_columns
from omnisense.rl.data.settings import DataSettings
from omnisense.rl.recipe import read_recipe
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
