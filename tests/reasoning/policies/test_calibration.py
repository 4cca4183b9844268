"""The bias of a policy towards an option's wording is divided out in one place."""

import pytest

from omnisense import PolicyError, ScriptedPolicy
from omnisense.reasoning.policies.base import Choice, no_choice
from omnisense.reasoning.policies.calibration import CalibratedChooser
from omnisense.reasoning.policies.messages import message, text_of

OPTIONS = ["often", "rare", "odd"]


def ask(text):
    return [message("user", text)]


class Biased(ScriptedPolicy):
    """Favors the first option eight to one; evidence doubles the one that it names."""

    scores_likelihoods = True

    def choose(self, prompts, options, *, max_seconds=None):
        self.calls += prompts
        choices = []
        for prompt, row in zip(prompts, options, strict=True):
            weights = [(8.0 if i == 0 else 1.0) * (2.0 if o in text_of(prompt[0]) else 1.0) for i, o in enumerate(row)]
            choices.append(Choice(0, tuple(w / sum(weights) for w in weights)))
        return choices


def test_the_bias_is_divided_out_and_measured_once():
    policy = Biased()
    chooser, neutral = CalibratedChooser(policy), ask("nothing is known")
    prompts = [ask("it is rare"), ask("it is odd"), ask("no hint")]
    rare, odd, none = chooser.choose(prompts, [OPTIONS] * 3, [neutral] * 3)
    assert rare.index == 1
    assert rare.probabilities == pytest.approx((0.25, 0.5, 0.25))
    assert odd.index == 2
    assert none.probabilities == pytest.approx((1 / 3,) * 3)
    assert policy.calls == [*prompts, neutral]
    chooser.choose([ask("it is often so")], [OPTIONS], [neutral])
    assert len(policy.calls) == 5  # the bias was known
    chooser.choose([ask("it is rare")], [OPTIONS[:2]], [neutral])
    assert policy.calls[-2:] == [ask("it is rare"), neutral]  # other options have another bias


def test_policies_without_likelihoods_choose_alone():
    policy = ScriptedPolicy(choices=[2])
    [choice] = CalibratedChooser(policy).choose([ask("x")], [OPTIONS], [ask("neutral")])
    assert choice.index == 2
    assert policy.calls == [ask("x")]


def test_a_wrong_number_of_choices_is_an_error():
    class Short(ScriptedPolicy):
        def choose(self, prompts, options, *, max_seconds=None):
            return []

    with pytest.raises(PolicyError, match="0 choices for 1"):
        CalibratedChooser(Short()).choose([ask("x")], [OPTIONS], [ask("neutral")])


def test_choices_that_are_not_made_in_time_stay_unreadable_and_no_bias_is_learned_from_them():
    class Slow(ScriptedPolicy):
        scores_likelihoods = True

        def choose(self, prompts, options, *, max_seconds=None):
            made = 0 if max_seconds == 0 else 1 if max_seconds == 1 else len(prompts)
            choices = [Choice(1, (0.25, 0.5, 0.25))] * made
            return [*choices, *(no_choice(row) for row in options[made:])]

    chooser, neutral = CalibratedChooser(Slow()), ask("nothing is known")
    for seconds in (0, 1):  # nothing is chosen; the bias is not measured
        [late] = chooser.choose([ask("it is rare")], [OPTIONS], [neutral], max_seconds=seconds)
        assert (late.readable, late.probabilities) == (False, pytest.approx((1 / 3,) * 3))
    [made] = chooser.choose([ask("it is rare")], [OPTIONS], [neutral], max_seconds=60)
    assert (made.readable, made.probabilities) == (True, pytest.approx((1 / 3,) * 3))
