"""One local model for many conversations: calls that come while it works are joined to one batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omnisense.reasoning.policies.base import Choice, OnToken, Policy
from omnisense.reasoning.policies.messages import Messages, Modality, PreparedPrompt

_MAX_ROWS = 32  # of a batch, so that the calls which come next do not wait for too long


@dataclass
class _Call:
    """A call that waits or has been answered.

    Attributes:
        kind: calls of one kind can be joined.
        prompts: of the call.
        options: of a choice; None for writing.
        settings: of writing.
        deadline: by ``time.monotonic``, waiting included; None without one.
    """

    kind: Hashable
    prompts: Sequence[Messages]
    options: Sequence[Sequence[str]] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    deadline: float | None = None
    answer: list[Any] | None = None
    error: Exception | None = None


class SharedPolicy:
    """A policy whose calls from several threads are joined, without waiting for others: the next batch is what came
    while the one before ran.

    For models that compute a batch faster than its rows one by one; a service that answers several requests at once is
    better asked directly. Where replies are sampled, what a seed gives depends on the batch.

    Args:
        policy: the model.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.name, self.scores_likelihoods = policy.name, policy.scores_likelihoods
        self._waiting: list[_Call] = []
        self._guard = threading.Lock()  # of the list
        self._turn = threading.Lock()  # of the model

    @property
    def modalities(self) -> frozenset[Modality]:
        """Those of the model."""
        return self._policy.modalities

    @property
    def parameters(self) -> float | None:
        """Those of the model; None where it does not tell."""
        return getattr(self._policy, "parameters", None)

    @property
    def needs_guidance(self) -> bool:
        """That of the model."""
        return self._policy.needs_guidance

    def load(self) -> Any:
        """Load the model, if that is its way."""
        load = getattr(self._policy, "load", None)
        return load() if callable(load) else None

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """See :class:`Policy`."""
        return self._policy.prepare(prompt)

    def write(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        on_token: OnToken | None = None,
        schema: Mapping[str, Any] | None = None,
        max_seconds: float | None = None,
    ) -> list[str]:
        """See :class:`Policy`; calls with the same settings are joined, but for those with ``on_token`` or a schema."""
        settings: dict[str, Any] = {
            "max_new_tokens": max_new_tokens,
            "temperature": temperature,
            "stop": stop,
            "seed": seed,
        }
        alone = on_token is not None or schema is not None
        kind = object() if alone else ("write", max_seconds is None, *map(str, settings.values()))
        settings |= {"on_token": on_token, "schema": schema} if alone else {}
        return self._answer(_Call(kind, prompts, None, settings, _deadline(max_seconds)))

    def choose(
        self, prompts: Sequence[Messages], options: Sequence[Sequence[str]], *, max_seconds: float | None = None
    ) -> list[Choice]:
        """See :class:`Policy`; all choices are joined, and those without a time limit among themselves."""
        return self._answer(_Call(("choose", max_seconds is None), prompts, options, deadline=_deadline(max_seconds)))

    def _answer(self, call: _Call) -> list[Any]:
        """Run the call with those that can be joined to it, unless another thread has done so meanwhile."""
        with self._guard:
            self._waiting.append(call)
        with self._turn:
            if call.answer is None and call.error is None:
                self._run(self._take(call))
        if call.error is not None:
            raise call.error
        assert call.answer is not None, "a call has an answer or an error"
        return call.answer

    def _take(self, call: _Call) -> list[_Call]:
        """Take a call, and those that can be joined to it, off the list."""
        with self._guard:
            batch, rows = [call], len(call.prompts)
            for other in self._waiting:
                if other is not call and other.kind == call.kind and rows + len(other.prompts) <= _MAX_ROWS:
                    batch.append(other)
                    rows += len(other.prompts)
            self._waiting = [other for other in self._waiting if not any(other is taken for taken in batch)]
        return batch

    def _run(self, batch: list[_Call]) -> None:
        prompts = [prompt for call in batch for prompt in call.prompts]
        try:
            left_s = _seconds_left(batch)
            if batch[0].options is not None:
                rows = [row for call in batch for row in call.options or ()]
                answers: list[Any] = self._policy.choose(prompts, rows, max_seconds=left_s)
            else:
                answers = self._policy.write(prompts, **batch[0].settings, max_seconds=left_s)
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            for call in batch:  # one call's fault is not the others'
                self._run([call])
            return
        for call in batch:
            call.answer, answers = answers[: len(call.prompts)], answers[len(call.prompts) :]


def _deadline(max_seconds: float | None) -> float | None:
    return None if max_seconds is None else time.monotonic() + max_seconds


def _seconds_left(batch: Sequence[_Call]) -> float | None:
    """Return the seconds that the call of a batch with the most time has left; None without a limit."""
    latest = max((call.deadline for call in batch if call.deadline is not None), default=None)
    return None if latest is None else max(0.0, latest - time.monotonic())
