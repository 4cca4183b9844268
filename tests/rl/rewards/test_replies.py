"""Rewards of replies: the loop's own faults, the right feeling and strategy, and no reward for copying or sameness."""

import json

import numpy as np
import pytest

from omnisense import models
from omnisense.errors import InputError
from omnisense.perception.emotion.text import EMBEDDING
from omnisense.reasoning.loop.strategies import StrategySet
from omnisense.rl.data.agent_rows import AgentRow, write_agent_rows
from omnisense.rl.data.reply_rows import ReplyTarget, load_reply_split, reply_columns
from omnisense.rl.data.settings import DataSettings
from omnisense.rl.recipe import AlarmSettings
from omnisense.rl.rewards.empathy_head import EmpathyHeads, fit_head
from omnisense.rl.rewards.registry import build_rewards
from omnisense.rl.rewards.replies import (
    ReplyLengthReward,
    _strategies,
    audit,
    checks_reward,
    diversity_reward,
    faultless_reward,
    feeling_reward,
    strategy_reward,
)
from omnisense.rl.trainers.alarms import AlarmCallback

needs_embedding = pytest.mark.skipif(models.find(EMBEDDING) is None, reason=f"{EMBEDDING} is not here")

HEARD = "My dog died last week and the house is so quiet without him."
SAD = ReplyTarget(
    heard=HEARD, opening="I am so sorry that your dog died.", emotion="sadness", strategy="ask one open question",
    fitting=["sadness", "fear", "surprise"],
)  # fmt: skip
GOOD = "Would you like to tell me more about your dog?"


def rewards(function, *written, target=SAD, **more):
    completions = [[{"role": "assistant", "content": text}] for text in written]
    return function(completions, [target.model_dump_json()] * len(written), **more)


@needs_embedding
@pytest.mark.models
def test_the_checks_of_the_loop_are_the_reward():
    bad = "You should get a new dog."
    unsafe = "You should just kill yourself."
    assert rewards(checks_reward, GOOD, bad, unsafe, "") == [1.0, pytest.approx(0.0, abs=0.5), 0.0, 0.0]
    assert rewards(faultless_reward, GOOD) == [1.0]
    assert rewards(faultless_reward, GOOD, bad)[1] == 0.0
    assert SAD.faults(bad)
    assert SAD.reply(f"{GOOD} And more.\nAnd a second line.") == f"{SAD.opening} {GOOD}"


@needs_embedding
@pytest.mark.models
def test_what_was_found_and_what_no_reward_uses_is_logged():
    columns, metrics = {}, {}
    rewards(checks_reward, GOOD, GOOD, log_extra=columns.__setitem__, log_metric=metrics.__setitem__)
    assert columns["reply"] == [f"{SAD.opening} {GOOD}"] * 2
    assert metrics["faultless"] in (0, 0.5, 1)
    assert {name for name in metrics if name.startswith("audit/")} == {
        "audit/copied", "audit/relevance", "audit/distinct", "audit/words",
    }  # fmt: skip


def test_the_right_feeling_is_named():
    assert rewards(feeling_reward, "You must feel so sad.", "I am here.", "How happy you are!") == [1.0, 0.5, 0.0]
    data_say = SAD.model_copy(update={"gold": "joy"})
    assert rewards(feeling_reward, "How happy you are!", target=data_say) == [1.0]
    assert rewards(feeling_reward, "Hm.", target=SAD.model_copy(update={"emotion": "neutral"})) == [None]


@needs_embedding
@pytest.mark.models
def test_the_planned_strategy_is_carried_out():
    asks, reassures = rewards(strategy_reward, "How have you been since then?", "You are not alone in this.")
    assert asks > reassures
    calm = SAD.model_copy(update={"strategy": "reassure"})
    asks, reassures = rewards(
        strategy_reward, "How have you been since then?", "You are not alone in this.", target=calm
    )
    assert reassures > asks
    assert rewards(strategy_reward, "Hm.", target=SAD.model_copy(update={"strategy": "dance"})) == [None]
    assert tuple(_strategies()[0]) == StrategySet().strategy_names


def test_sameness_and_length_earn_nothing():
    same = "I am here with you."
    assert rewards(diversity_reward, same, same, GOOD)[:2] == [0.0, 0.0]
    assert rewards(diversity_reward, same, same, GOOD)[2] == 1.0
    long = "and so on " * 20
    scores = rewards(ReplyLengthReward(low=5, high=20), GOOD, "Yes.", long)
    assert scores[0] == 1.0
    assert scores[1] == pytest.approx(0.2)
    assert scores[2] == 0.0


@needs_embedding
@pytest.mark.models
def test_copying_is_seen_by_the_audit():
    copied = audit([(SAD, "The house is so quiet without him.")])
    assert copied["copied"] > 0.9
    assert audit([(SAD, GOOD)])["copied"] == 0.0


def test_a_head_gives_levels_also_where_one_is_absent():
    rng = np.random.default_rng(0)
    levels = np.repeat([0, 1, 2], 60)
    features = rng.normal(0, 1, (180, 4)) + 3 * np.eye(4)[levels]
    head = fit_head(features, levels)
    assert (head.scores(features).argmax(1) == levels).mean() > 0.8
    two = fit_head(features[levels < 2], levels[levels < 2])
    found = two.scores(features[levels < 2])
    assert (found.argmax(1) == levels[levels < 2]).mean() > 0.8
    assert found[:, 2].max() < 1e-6


def test_heads_that_are_missing_are_an_input_error(tmp_path):
    with pytest.raises(InputError, match="empathy heads"):
        EmpathyHeads.load(tmp_path)


def test_the_rewards_have_names():
    named = {"reply_checks": 1, "reply_faultless": 1, "reply_feeling": 1, "reply_strategy": 1, "reply_diversity": 1}
    built, weights = build_rewards(
        {**named, "reply_length": {"weight": 0.5, "high": 9}, "reply_empathy": {"heads": "x"}}
    )
    assert len(built) == 7
    assert weights[-2:] == [0.5, 1.0]


def row(number, **context):
    given = {"heard": HEARD, "emotion": "sadness", "strategy": "validate", "opening": SAD.opening} | context
    return AgentRow(
        id=f"r{number}:respond", group=f"g{number}", task="t", decision="reply", verb="write", prompt="[]",
        context=given,
    )  # fmt: skip


def test_rows_of_replies_are_split_by_group_and_get_the_data_emotion(tmp_path):
    rows = [row(i) for i in range(30)] + [row(99, opening="")]
    choice = AgentRow(
        id="r1:emotion", group="g1", task="t", decision="emotion", verb="choose", prompt="[]",
        options=["joy", "sadness"], gold=["joy"],
    )  # fmt: skip
    write_agent_rows([*rows, choice], tmp_path / "rows.jsonl")
    split = load_reply_split(DataSettings(files=[tmp_path], test_fraction=0.3), 0)
    assert len(split.train) + len(split.test) == 30
    assert split.test
    assert not {r.group for r in split.train} & {r.group for r in split.test}
    columns, too_long = reply_columns(split.train, DataSettings(files=[tmp_path]), lambda _: 5)
    assert not too_long
    targets = {c["id"]: ReplyTarget.model_validate_json(c["target"]) for c in columns}
    if "r1:respond" in targets:
        assert targets["r1:respond"].gold == "joy"
    assert all(t.faces is None and "fear" in t.fitting for t in targets.values())
    seen = ReplyTarget.of(row(1, fitting="sadness, joy", faces="", voice="heard"))
    assert (seen.fitting, seen.faces, seen.has_voice) == (["sadness", "joy"], [], True)
    write_agent_rows([choice], tmp_path / "rows.jsonl")
    with pytest.raises(InputError, match="no reply"):
        load_reply_split(DataSettings(files=[tmp_path]), 0)


class State:
    is_world_process_zero, global_step, log_history = True, 3, ()


def test_alarms_sound_once(tmp_path):
    lines = []
    callback = AlarmCallback(AlarmSettings(kl=0.5, entropy_share=0.5), tmp_path, lines.append)
    start = {"kl": 0.0, "entropy": 2.0, "audit/copied": 0.0, "audit/relevance": 0.4, "reward": 1.0}
    callback.on_log(None, State, None, start)
    callback.on_log(None, State, None, start | {"entropy": 1.5, "reward": 0.0})
    assert not lines
    for _ in range(2):
        callback.on_log(None, State, None, {"kl": 0.6, "entropy": 0.9, "audit/copied": 0.5, "audit/relevance": 0.1})
    assert len(lines) == 4
    assert (tmp_path / "alarms.json").is_file()


def test_alarms_of_a_resumed_run_go_on_from_its_first_step(tmp_path):
    class Resumed(State):
        log_history = ({"step": 1, "kl": 0.0, "entropy": 2.0}, {"step": 2, "kl": 0.7, "entropy": 1.2})

    lines = []
    callback = AlarmCallback(AlarmSettings(kl=0.5, entropy_share=0.5), tmp_path, lines.append)
    callback.on_train_begin(None, Resumed, None)
    assert not lines
    callback.on_log(None, Resumed, None, {"kl": 0.7, "entropy": 0.9})
    assert lines == ["alarm at step 3: entropy fell from 2.000 to 0.900"]
    assert json.loads((tmp_path / "alarms.json").read_text()) == {
        "kl": "step 2: 0.700 nats a token from the start, over 0.5",
        "entropy": "step 3: entropy fell from 2.000 to 0.900",
    }
