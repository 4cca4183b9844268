"""Calls of several threads are joined to batches."""

import threading
import time

import pytest

from omnisense.errors import PolicyError
from omnisense.reasoning.policies.base import Choice, Policy
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from omnisense.reasoning.policies.shared import SharedPolicy


def prompt(text):
    return [{"role": "user", "content": [{"type": "text", "text": text}]}]


class SlowPolicy(ScriptedPolicy):
    """Notes its batches; fails on the text "bad"."""

    def __init__(self):
        super().__init__(lambda messages: f"re: {messages[0]['content'][0]['text']}")
        self.batches = []

    def write(self, prompts, **settings):
        self.batches.append(len(prompts))
        time.sleep(0.1)
        if any(p[0]["content"][0]["text"] == "bad" for p in prompts):
            raise PolicyError("it is bad", "Send another.")
        return super().write(prompts, **settings)

    def choose(self, prompts, options, *, max_seconds=None):
        self.batches.append(len(prompts))
        time.sleep(0.1)
        return [Choice(len(row) - 1, (0.0,) * (len(row) - 1) + (1.0,)) for row in options]


def at_once(calls):
    """The results of calls in threads of their own, in order; an exception is a result."""
    results = [None] * len(calls)

    def run(i):
        try:
            results[i] = calls[i]()
        except PolicyError as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_calls_that_wait_are_one_batch_and_each_gets_its_own_answers():
    policy = SlowPolicy()
    shared = SharedPolicy(policy)
    assert isinstance(shared, Policy)
    calls = [lambda i=i: shared.write([prompt(f"{i}a"), prompt(f"{i}b")]) for i in range(6)]
    assert at_once(calls) == [[f"re: {i}a", f"re: {i}b"] for i in range(6)]
    assert sum(policy.batches) == 12
    assert len(policy.batches) <= 3


def test_choices_are_joined_with_options_of_their_own():
    policy = SlowPolicy()
    shared = SharedPolicy(policy)
    calls = [lambda i=i: shared.choose([prompt("?")], [["x"] * (i + 1)]) for i in range(5)]
    assert [[choice.index for choice in found] for found in at_once(calls)] == [[0], [1], [2], [3], [4]]
    assert len(policy.batches) <= 3


def test_other_settings_are_not_joined_and_one_fault_is_not_the_others():
    policy = SlowPolicy()
    shared = SharedPolicy(policy)
    tokens = []
    results = at_once(
        [
            lambda: shared.write([prompt("first")]),
            lambda: shared.write([prompt("bad")]),
            lambda: shared.write([prompt("good")]),
            lambda: shared.write([prompt("long")], max_new_tokens=9),
            lambda: shared.write([prompt("live")], on_token=tokens.append),
        ]
    )
    assert isinstance(results[1], PolicyError)
    assert [results[i] for i in (0, 2, 3, 4)] == [["re: first"], ["re: good"], ["re: long"], ["re: live"]]
    assert "".join(tokens).strip() == "re: live"


def test_a_fault_alone_is_raised():
    with pytest.raises(PolicyError, match="it is bad"):
        SharedPolicy(SlowPolicy()).write([prompt("bad")])
