"""Rows to choose on: held-out groups, prompts without evidence, batches of similar length, pages of seeds."""

import pytest

from omnisense.errors import InputError
from omnisense.reasoning.policies.messages import message
from omnisense.rl.data.agent_rows import AgentRow, write_agent_rows
from omnisense.rl.data.choice_split import choice_columns, load_choice_split
from omnisense.rl.data.settings import DataSettings
from omnisense.rl.reporting.choice_evaluation import judge
from omnisense.rl.reporting.seeds_page import measure_seeds, render_seeds
from omnisense.rl.trainers.choice import SimilarLengthSampler
from omnisense.rl.trainers.prompt_prefetch import dump_prompt


def row(i, task="a", gold="yes"):
    prompt = dump_prompt([message("user", f"question {i}")])
    return AgentRow(
        id=f"r{i}", group=f"g{i // 2}", task=task, decision="answer", verb="choose", prompt=prompt,
        options=["yes", "no"], gold=[gold], neutral=dump_prompt([message("user", "nothing")]),
    )  # fmt: skip


def test_groups_are_held_out_and_prompts_without_evidence_have_a_flat_target(tmp_path):
    write_agent_rows([row(i, "ab"[i % 2]) for i in range(80)], tmp_path / "rows.jsonl")
    settings = DataSettings(files=[tmp_path], test_fraction=0.3, neutral_share=0.2, ratios={"a": 1})
    split = load_choice_split(settings, 1)
    assert {r.task for r in split.train} == {"a"}
    assert not {r.group for r in split.train} & {r.group for r in split.test}
    columns, too_long = choice_columns(split.train, settings, lambda _: 5, 1)
    flat = [c for c in columns if c["target"] == [0.5, 0.5]]
    assert not too_long
    assert len(flat) / len(columns) == pytest.approx(0.2, abs=0.02)
    assert {c["prompt"] for c in flat} == {row(0).neutral}
    assert choice_columns(split.train, settings, lambda _: 20_000, 1)[0] == []
    with pytest.raises(InputError, match="no choice is left"):
        load_choice_split(DataSettings(files=[tmp_path], tasks=["c"]), 1)


def test_rows_without_a_right_option_are_dropped_unless_they_keep_what_a_model_gives(tmp_path):
    unknown = [row(i).model_copy(update={"gold": []}) for i in range(8)]
    kept = [r.model_copy(update={"reference": [0.7, 0.3]}) for r in unknown[4:]]
    write_agent_rows([*unknown[:4], *kept], tmp_path / "rows.jsonl")
    settings = DataSettings(files=[tmp_path], test_fraction=0.01, neutral_share=0)
    split = load_choice_split(settings, 0)
    assert split.dropped == {"no right option is known": 4}
    columns, _ = choice_columns(split.train, settings, lambda _: 5, 0)
    assert [c["target"] for c in columns] == [[0.7, 0.3]] * 4


def test_batches_hold_prompts_of_similar_length_and_every_row_once():
    lengths = [10 * (i % 7) for i in range(101)]
    sampler = SimilarLengthSampler(lengths, 4, seed=3)
    order = list(sampler)
    assert sorted(order) == list(range(101))
    spread = [max(part) - min(part) for at in range(0, 96, 4) if (part := [lengths[i] for i in order[at : at + 4]])]
    assert sum(spread) / len(spread) <= 10
    assert list(sampler) == order
    sampler.set_epoch(1)
    assert list(sampler) != order


def test_the_page_of_seeds_names_gains_and_losses():
    rows = [row(i, "ab"[i % 2]) for i in range(60)]
    right, wrong = {r.id: [0.9, 0.1] for r in rows}, {r.id: [0.1, 0.9] for r in rows}
    mixed = {r.id: [0.9, 0.1] if r.task == "a" else [0.1, 0.9] for r in rows}
    base = judge("without", rows, mixed)
    measured = measure_seeds(rows, base, {"seed 0": judge("s", rows, right), "seed 1": judge("s", rows, wrong)})
    page = render_seeds(measured, "make it")
    assert "| all | 60 | 0.500 | 0.500 | 1.000 | 0.000 | 0.500 | +0.000" in page  # the last is the mean of the seeds
    assert "| policy, seed 0 | +0.500" in page
    assert "| 30 | 0 | none | none |" in page
    assert "| 0 | 30 | none | a, all |" in page
    assert measured["policy"]["a"]["seed 1"]["difference"] == -1


def test_the_page_of_seeds_tells_emotion_decisions_apart():
    rows = [row(i).model_copy(update={"decision": "emotion" if i < 10 else "answer"}) for i in range(30)]
    wrong = {r.id: [0.1, 0.9] for r in rows}
    better = {r.id: [0.9, 0.1] if r.decision == "emotion" else [0.1, 0.9] for r in rows}
    measured = measure_seeds(rows, judge("without", rows, wrong), {"seed 0": judge("s", rows, better)})
    assert measured["policy"]["emotion"]["seed 0"]["difference"] == 1
    assert measured["policy"]["all"]["seed 0"]["difference"] == pytest.approx(1 / 3)
    assert "| policy, seed 0 | +0.333" in render_seeds(measured, "make it")
