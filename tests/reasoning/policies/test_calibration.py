"""The bias of a policy towards an option's wording is divided out in one place."""

import pytest

from omnisense import PolicyError, ScriptedPolicy
from omnisense.reasoning.policies.base import Choice
from omnisense.reasoning.policies.calibration import CalibratedChooser
from omnisense.reasoning.policies.messages import message, text_of

OPTIONS = ["often", "rare", "odd"]


def ask(text):
    return [message("user", text)]


class Biased(ScriptedPolicy):
    """Favors the first option eight to one; evidence doubles the one that it names."""

    scores_likelihoods = True

    def choose(self, prompts, options):
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
        def choose(self, prompts, options):
            return []

    with pytest.raises(PolicyError, match="0 choices for 1"):
        CalibratedChooser(Short()).choose([ask("x")], [OPTIONS], [ask("neutral")])
