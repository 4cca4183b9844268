"""Calibration: the weights that the labels call for, judged on what did not take part."""

import json
from dataclasses import replace

import numpy as np
import pytest

from omnisense import Choice, InputError, ScriptedPolicy
from omnisense.reasoning.calibrate import Perceiver, calibrate
from omnisense.reasoning.calibration_rows import read_rows
from omnisense.reasoning.judged_pool import compare_right, fit_pool
from omnisense.reasoning.loop.appraisal import EMOTIONS
from omnisense.reasoning.policies.base import DEFAULT_POLICY
from omnisense.reasoning.pooling import PoolExample, fit_weights, pool_held_out, pool_log_linear
from omnisense.reasoning.profile import SHIPPED, PolicyProfile, profile_file, profile_of
from tests.perception.test_pipeline import full

GUIDED = PolicyProfile("", leads=False).weights_of("answer")


def example(random, reliabilities, group):
    """An example whose sources are right as often as given, and say so."""
    answer = str(random.choice(["a", "b", "c"]))
    sources = {}
    for name, reliable in reliabilities.items():
        said = answer if random.random() < reliable else str(random.choice(["a", "b", "c"]))
        sources[name] = (1.0, {o: 0.8 if o == said else 0.1 for o in "abc"})
    return PoolExample(sources, ("a", "b", "c"), answer, group)


def test_a_source_weighs_as_much_as_it_is_right():
    random = np.random.default_rng(0)
    examples = [example(random, {"good": 0.9, "poor": 0.4, "useless": 0.0}, str(i % 100)) for i in range(400)]
    weights = fit_weights(examples, {"good": 1.0, "poor": 1.0, "useless": 1.0, "absent": 0.7})
    assert weights["good"] > weights["poor"] > weights["useless"]
    assert weights["useless"] < 0.15
    assert weights["absent"] == 0.7  # nothing is known of it
    prior = dict.fromkeys(("good", "poor", "useless"), 1.0)
    held_out = pool_held_out(examples, lambda chosen: fit_weights(chosen, prior))
    right = np.mean([max(p, key=p.__getitem__) == e.answer for p, e in zip(held_out, examples, strict=True)])
    good = np.mean([e.sources["good"][1][e.answer] > 0.5 for e in examples])
    assert right >= good - 0.02


def test_what_few_speakers_show_moves_a_weight_less():
    random = np.random.default_rng(0)
    examples = [example(random, {"good": 0.9}, "") for _ in range(280)]
    by_groups = {
        groups: fit_weights([replace(e, group=str(i % groups)) for i, e in enumerate(examples)], {"good": 0.5})["good"]
        for groups in (7, 280)
    }
    assert 0.5 < by_groups[7] < by_groups[280]
    assert (by_groups[7] - 0.5) / (7 / 17) == pytest.approx((by_groups[280] - 0.5) / (280 / 290), abs=0.01)


def test_a_pool_without_weights_or_sources_is_uniform():
    assert pool_log_linear({}, {}, ("a", "b")) == {"a": 0.5, "b": 0.5}
    assert pool_log_linear({"x": {"a": 1.0}}, {"x": 0.0}, ("a", "b")) == {"a": 0.5, "b": 0.5}


def test_the_policy_counts_apart_where_it_has_no_words_to_read():
    random = np.random.default_rng(0)
    spoken = [example(random, {"tone": 0.8, "policy without words": 0.0}, f"s{i % 20}") for i in range(200)]
    written = [example(random, {"words": 0.6, "policy": 0.7}, f"w{i}") for i in range(200)]
    examples = [replace(e, task="spoken") for e in spoken] + [replace(e, task="written") for e in written]
    prior = {"tone": 0.5, "words": 1.0, "policy": 0.25, "policy without words": 0.25}
    weights, judged = fit_pool(examples, prior)
    assert weights["policy"] > 0.25
    assert weights["policy without words"] == 0  # it adds nothing to the tone
    by_task = judged.by_task()
    assert by_task["spoken"]["pooled"] == by_task["spoken"]["tone"] > by_task["spoken"]["policy"]
    assert by_task["spoken"] | {"difference": 0.0, "low": 0.0, "high": 0.0, "p": 1.0} == by_task["spoken"]
    assert by_task["written"]["pooled"] > by_task["written"]["words"]


def test_where_nothing_was_measured_the_policy_alone_decides_whatever_its_weight():
    random = np.random.default_rng(0)
    heard = [example(random, {"tone": 0.9, "policy": 0.0}, f"h{i}") for i in range(60)]
    unheard = [replace(example(random, {"policy": 0.9}, f"u{i}"), task="unheard") for i in range(30)]
    weights, judged = fit_pool([*heard, *unheard], {"tone": 0.5, "policy": 0.25})
    assert weights["policy"] == 0
    assert weights == fit_pool(heard, {"tone": 0.5, "policy": 0.25})[0]
    found = judged.by_task()["unheard"]
    assert found["pooled"] == found["policy"] > 0.8
    assert fit_pool(unheard, {"tone": 0.5, "policy": 0.25})[0] == {"tone": 0.5, "policy": 0.25}


def test_a_paired_difference_and_its_interval_agree_with_the_test():
    same = compare_right([True, False] * 10, [True, False] * 10)
    assert (same.difference, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
    few = compare_right([True] * 5 + [False] * 15, [False] * 20)
    assert (few.difference, few.p) == (0.25, pytest.approx(0.0625))  # 2 * 0.5 ** 5
    assert few.low < 0 < few.high
    more = compare_right([True] * 6 + [False] * 14, [False] * 20)
    assert more.p == pytest.approx(0.03125)
    assert 0 < more.low < more.difference == 0.3
    assert compare_right([False] * 6 + [True] * 14, [True] * 20).high < 0


class Knowing(ScriptedPolicy):
    """A policy that finds the emotion's name in the text as often as ``reliable`` says, and else guesses."""

    def __init__(self, reliable):
        super().__init__()
        self.random, self.reliable = np.random.default_rng(1), reliable

    def write(self, prompts, **settings):
        known = self.random.random(len(prompts)) < self.reliable
        texts = [prompt[-1]["content"][0]["text"] for prompt in prompts]
        named = [next(e for e in EMOTIONS if f"({e})" in text) for text in texts]
        others = [str(self.random.choice(EMOTIONS)) for _ in prompts]
        return [f'["{name if knows else other}","' for name, other, knows in zip(named, others, known, strict=True)]

    def choose(self, prompts, options, *, max_seconds=None):
        found = []
        for prompt, row in zip(prompts, options, strict=True):
            named = next(i for i, option in enumerate(row) if f"({option})" in prompt[-1]["content"][0]["text"])
            index = named if self.random.random() < self.reliable else int(self.random.integers(len(row)))
            found.append(Choice(index, tuple(0.9 if i == index else 0.1 / (len(row) - 1) for i in range(len(row)))))
        return found


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "rows.jsonl"
    words = {"joy": "I am happy", "sadness": "I am sad", "anger": "I am angry"}
    lines = [
        json.dumps({"text": f"{words.get(e, 'Well')} ({e}) {i}", "emotion": e}) for i in range(15) for e in EMOTIONS
    ]
    file.write_text("\n".join(lines))
    return read_rows(file)


@pytest.mark.parametrize(
    ("reliable", "small", "role"),
    [(0.95, False, "leads"), (0.0, False, "only answers"), (0.95, True, "leads"), (0.0, True, "is guided")],
)
def test_a_policy_leads_if_it_knows_as_much_as_the_channels(rows, reliable, small, role):
    policy = Knowing(reliable)
    policy.needs_guidance = small
    profile = calibrate(policy, rows, Perceiver(lambda path, model: None))
    assert (profile.source, profile.role) == ("measured", role)
    assert (profile.weights["emotion"]["policy"] > 0) == (reliable > 0.9)  # one that adds nothing is not asked
    found = profile.accuracy["emotion (texts)"]
    assert found["n"] == 105
    assert found["pooled"] >= max(found["words"], found["policy"]) - 0.05


def test_a_policy_whose_emotions_cannot_be_read_is_not_asked_to_the_end_and_does_not_lead(rows):
    class Rambling(Knowing):
        def write(self, prompts, **settings):
            ScriptedPolicy.write(self, prompts, **settings)
            return ["Well, it depends."] * len(prompts)

    policy = Rambling(0.95)  # by choosing it would lead
    assert calibrate(policy, rows, Perceiver(lambda path, model: None)).answers_only
    assert len(policy.calls) == 32


def test_where_no_row_has_words_that_it_reads_the_size_tells_the_role(tmp_path):
    lines = [
        json.dumps({"text": f"Ich war heute lange mit meiner Schwester im Garten ({e}) und {i}.", "emotion": e})
        for i in range(3)
        for e in EMOTIONS
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(lines))
    for small, role in ((True, "is guided"), (False, "leads")):
        policy = Knowing(0.95)
        policy.needs_guidance = small
        assert calibrate(policy, read_rows(file), Perceiver(lambda path, model: None)).role == role


def test_weights_are_fitted_where_rows_tell_of_their_source_and_stated_elsewhere(rows):
    prior = PolicyProfile("scripted", answers_only=True)
    profile = calibrate(Knowing(0.0), rows, Perceiver(lambda path, model: None))
    assert profile.examples["emotion"] == {"policy": 105, "words": 105}
    assert set(profile.stated_weights("emotion")) == {"face", "tone", "arousal", "policy without words"}
    assert profile.stated_weights("need") == prior.weights_of("need")
    right = {e: {name: 0.9 if name == e else 0.1 / 6 for name in EMOTIONS} for e in EMOTIONS}
    useless = dict.fromkeys(EMOTIONS, 1 / 7)
    seen = [replace(row, scores={"face": right[row.emotion], "arousal": useless}) for row in rows]
    profile = calibrate(Knowing(0.0), seen, Perceiver(lambda path, model: None))
    weights = profile.weights["emotion"]
    assert profile.examples["emotion"] == {"arousal": 105, "face": 105, "policy": 105, "words": 105}
    assert set(profile.stated_weights("emotion")) == {"tone", "policy without words"}
    assert weights["face"] > weights["words"]
    assert profile.accuracy["emotion (texts)"]["pooled"] > 0.95


def test_a_saved_profile_is_the_one_in_use(rows, own_home):
    policy = Knowing(0.0)
    (own_home / "profiles").mkdir()
    profile = PolicyProfile("scripted", "measured", False, {"emotion": {"policy": 0.1}})
    profile.save(own_home / "profiles" / "scripted.json")
    assert profile_of(policy) == profile
    assert profile.weights_of("emotion")["words"] == PolicyProfile("x", leads=False).weights_of("emotion")["words"]


@pytest.mark.parametrize(
    ("parameters", "role"), [(None, "leads"), (7e9, "leads"), (1.5e9, "only answers"), (0.5e9, "is guided")]
)
def test_without_a_profile_the_size_tells_the_role(parameters, role):
    policy = ScriptedPolicy()
    policy.parameters, policy.needs_guidance = parameters, (parameters or 1e12) < 1e9
    profile = profile_of(policy)
    assert (profile.source, profile.role) == ("prior", role)
    assert (profile.weights_of("emotion")["policy"] > 0) is (role != "only answers")
    assert profile.weights_of("answer") == (GUIDED if role == "is guided" else {"policy": 1.0})


@pytest.mark.parametrize(("name", "asked"), [(DEFAULT_POLICY, False), (f"{DEFAULT_POLICY}+smollm2-135m-agent", True)])
def test_the_profiles_that_ship(name, asked):
    profile = PolicyProfile.from_file(SHIPPED / profile_file(name))
    assert (profile.policy, profile.source, profile.leads) == (name, "measured", False)
    assert (profile.weights_of("emotion")["policy"] > 0) is asked  # without its adapter it adds nothing
    assert set(profile.accuracy) == {"emotion (comments)", "emotion (utterances)"}
    for found in profile.accuracy.values():
        figures = {"n", "pooled", "measured", "difference", "low", "high", "p"}
        single = max(value for source, value in found.items() if source not in figures)
        assert found["difference"] == pytest.approx(found["pooled"] - single, abs=0.002)
        assert found["difference"] >= 0 or found["p"] >= 0.05  # not worse than its best channel


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"emotion": "joy"}', '{"text": "x"}', '{"text": "x", "emotion": "joy", "mood": 1}',
     '{"text": "x", "question": "?", "options": ["A. a", "B. b"], "answer": "C"}'],
)  # fmt: skip
def test_rows_that_cannot_be_read_are_refused(tmp_path, line):
    file = tmp_path / "rows.jsonl"
    file.write_text(line)
    with pytest.raises(InputError, match="line 1 is no row"):
        read_rows(file)


def test_too_few_rows_and_unknown_emotions_are_refused(rows):
    with pytest.raises(InputError, match="fewer than 10 groups"):
        calibrate(Knowing(1.0), rows[:5], Perceiver(lambda path, model: None))
    rows[0] = type(rows[0])(**{**rows[0].__dict__, "emotion": "envy"})
    with pytest.raises(InputError, match="'envy' is no emotion"):
        calibrate(Knowing(1.0), rows, Perceiver(lambda path, model: None))


def test_a_vocal_emotion_model_that_cannot_be_used_is_an_error(tmp_path):
    file = tmp_path / "rows.jsonl"
    row = {"clip": "a.wav", "emotion": "joy", "voice_emotion_model": "heads/ana.npz"}
    file.write_text("\n".join(json.dumps(row | {"group": i}) for i in range(10)))
    asked = []

    def perceive(clip, model):
        asked.append((clip, model))
        return full()  # without vocal emotion

    with pytest.raises(InputError, match="cannot be used") as raised:
        calibrate(Knowing(1.0), read_rows(file), Perceiver(perceive))
    assert asked == [(tmp_path / "a.wav", tmp_path / "heads" / "ana.npz")]
    assert "ana.npz" in str(raised.value)


@pytest.mark.parametrize(
    "line",
    [
        '{"text": 5, "emotion": "joy"}',
        '{"text": "x", "emotion": "joy", "scores": {"face": 3}}',
        '{"text": "x", "question": "y?", "options": "AB", "answer": "A"}',
        '["x"]',
    ],
)
def test_rows_of_another_form_are_refused(tmp_path, line):
    file = tmp_path / "rows.jsonl"
    file.write_text(line)
    with pytest.raises(InputError, match="line 1 is no row"):
        read_rows(file)


def test_a_row_may_hold_line_breaks_of_unicode(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "one\u2028two\x85three", "emotion": "joy", "scores": {"face": {"joy": 1}}}\n', "utf-8")
    [row] = read_rows(file)
    assert row.text == "one\u2028two\x85three"


def test_too_few_groups_are_said_before_anything_is_perceived(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"clip": "a.mp4", "emotion": "joy"}))
    with pytest.raises(InputError, match="fewer than 10 groups"):
        calibrate(ScriptedPolicy(), read_rows(file), Perceiver(lambda *_: pytest.fail("it was perceived")))


@pytest.mark.parametrize(
    "values",
    [[], {"weights": []}, {"weights": {"emotion": {"face": "high"}}}, {"weights": {"emotion": {"face": -1}}}],
)
def test_a_profile_of_another_form_is_refused(tmp_path, values):
    file = tmp_path / "profile.json"
    file.write_text(json.dumps(values | {"policy": "x"} if isinstance(values, dict) else values))
    with pytest.raises(InputError, match="the profile cannot be read"):
        PolicyProfile.from_file(file)
