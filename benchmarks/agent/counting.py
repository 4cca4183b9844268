"""Counts what a policy is asked: calls, prompts, tokens and seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from omnisense.reasoning.loop.state import count_tokens
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages


@dataclass
class Usage:
    """What was asked of a policy.

    Attributes:
        calls: of ``write`` and ``choose``; a batch is one call.
        prompts: in all calls: a served policy sends a request for each.
        read, written: tokens of prompts and replies, at four characters a token, without media. A prefix that the
            policy keeps in its cache counts each time.
        seconds: in the policy.
    """

    calls: int = 0
    prompts: int = 0
    read: int = 0
    written: int = 0
    seconds: float = 0.0

    def add(self, prompts: Sequence[Messages], replies: Sequence[str], seconds: float) -> None:
        """Add one call."""
        self.calls += 1
        self.prompts += len(prompts)
        self.read += count_tokens(prompts, ())
        self.written += count_tokens((), replies)
        self.seconds += seconds

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.read + self.written

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self) | {"seconds": round(self.seconds, 4)}


@contextmanager
def counted(policy: Policy) -> Iterator[Usage]:
    """Count the calls of a policy while the block runs.

    The methods of this one object are replaced meanwhile, not wrapped in another: code that asks which class a policy
    is must find what it finds without counting.
    """
    usage, lock = Usage(), threading.Lock()
    depth = threading.local()
    original = {name: getattr(policy, name) for name in ("write", "choose")}
    own = {name for name in original if name in vars(policy)}

    def counting(name: str) -> Any:
        def call(prompts: Sequence[Messages], *args: Any, **settings: Any) -> Any:
            if getattr(depth, "inside", False):  # a policy may use one method in the other
                return original[name](prompts, *args, **settings)
            depth.inside, began = True, time.perf_counter()
            try:
                result = original[name](prompts, *args, **settings)
            finally:
                depth.inside = False
            with lock:
                usage.add(prompts, result if name == "write" else (), time.perf_counter() - began)
            return result

        return call

    try:
        for name in original:
            setattr(policy, name, counting(name))
        yield usage
    finally:
        for name, method in original.items():
            if name in own:
                setattr(policy, name, method)
            else:
                delattr(policy, name)
