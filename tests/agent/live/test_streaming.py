"""A reply is heard while the rest of it is still written: the policy waits for the test after its second sentence."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.agent.live.events import LiveEvent, ReplyEnded, ReplySentence, ReplyStarted, ReplyWritten, TurnFailed
from omnisense.agent.live.session import LiveSession
from omnisense.errors import PolicyError
from omnisense.reasoning.policies.base import OnToken
from omnisense.reasoning.policies.messages import Messages

GOOD = "That sounds like a hard week."
REPLY = f"{GOOD} I am here with you. What happened?"


class WaitingPolicy(ScriptedPolicy):
    """Waits before the last word of what it writes until it may go on, and then may fail."""

    def __init__(self, replies: Sequence[str], fails: bool = False) -> None:
        super().__init__([json.dumps({"emotion": "sadness", "reply": reply}) for reply in replies])
        self.may_go_on = threading.Event()
        self._fails = fails

    def write(self, prompts: Sequence[Messages], *, on_token: OnToken | None = None, **rest: Any) -> list[str]:
        texts = super().write(prompts, **rest)
        if on_token is not None:
            start, _, last = texts[0].rpartition(" ")
            on_token(start)
            assert self.may_go_on.wait(60.0)
            if self._fails:
                raise PolicyError("the policy broke", "Try again.")
            on_token(f" {last}")
        return texts


class Talk:
    """A session whose events are read one by one."""

    def __init__(self, session: LiveSession) -> None:
        self.session = session
        self.events: list[LiveEvent] = []
        self._coming = session.events()

    def until(self, kind: type[Any]) -> Any:
        for event in self._coming:
            self.events.append(event)
            if isinstance(event, kind):
                return event
        raise AssertionError(f"no {kind.__name__} came: {self.events}")

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@contextmanager
def talk(policy: WaitingPolicy, perception: Any, memory: Path | None = None) -> Iterator[Talk]:
    with Agent(policy, perception, memory) as agent, LiveSession(agent, thread_id="ana" if memory else None) as session:
        session.add_text("I am so tired.")
        yield Talk(session)
        policy.may_go_on.set()


@pytest.mark.models
def test_the_first_sentences_are_said_before_the_reply_is_written(perception: Any) -> None:
    policy = WaitingPolicy([REPLY])
    with talk(policy, perception) as live:
        assert live.until(ReplySentence).text == GOOD
        assert live.until(ReplySentence).text == "I am here with you."
        assert live.of(ReplyStarted)
        assert not live.of(ReplyWritten)
        policy.may_go_on.set()
        written = live.until(ReplyWritten)
        ended = live.until(ReplyEnded)
    assert (ended.reason, ended.turn.reply) == ("done", written.response.response) == ("done", REPLY)
    assert ended.turn.emotion == written.response.appraisal.emotion.value == "sadness"


@pytest.mark.models
def test_where_a_later_sentence_fails_the_rest_is_said_without_it(perception: Any) -> None:
    policy = WaitingPolicy([f"{GOOD} The timeline says that you frown. It will pass."])
    with talk(policy, perception) as live:
        assert live.until(ReplySentence).text == GOOD
        policy.may_go_on.set()
        ended = live.until(ReplyEnded)
    assert [event.text for event in live.of(ReplySentence)] == [GOOD, "It will pass."]
    assert (ended.turn.reply, ended.turn.interrupted) == (f"{GOOD} It will pass.", False)


@pytest.mark.models
def test_what_was_said_before_a_stop_is_remembered_though_the_rest_was_not_written(
    perception: Any, tmp_path: Path
) -> None:
    with talk(WaitingPolicy([REPLY]), perception, tmp_path / "memory.sqlite") as live:
        live.until(ReplySentence)
        live.until(ReplySentence)
        live.session.interrupt()
        turn = live.until(ReplyEnded).turn
    assert (turn.heard, turn.reply, turn.interrupted) == ("I am so tired.", f"{GOOD} I am here with you.", True)
    assert turn.emotion == "sadness"
    with Agent(ScriptedPolicy(), perception, tmp_path / "memory.sqlite") as agent:
        assert agent.history("ana") == (turn,)


@pytest.mark.models
def test_a_policy_that_fails_within_a_reply_ends_it_and_says_so(perception: Any) -> None:
    policy = WaitingPolicy([REPLY], fails=True)
    with talk(policy, perception) as live:
        live.until(ReplySentence)
        policy.may_go_on.set()
        assert isinstance(live.until(TurnFailed).error, PolicyError)
        ended = live.until(ReplyEnded)
    assert ended.turn.reply.startswith(GOOD)
    assert ended.turn.interrupted
