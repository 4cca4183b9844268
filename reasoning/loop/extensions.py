"""What a builder can add to the loop, or replace in it: nodes of the graph and safety checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from omnisense.reasoning.loop.appraisal import SafetyFinding
from omnisense.reasoning.loop.state import State


@dataclass(frozen=True)
class Node:
    """A node of your own in the loop's graph.

    Attributes:
        name: of a node of the loop, to replace it; or a new name together with ``after``.
        run: takes the state and returns the keys that it changes. Values of your own go under ``extra``, which is
            handed from node to node and to the response; return ``{"extra": {**state["extra"], "mine": ...}}``.
        after: the node of the loop that this one follows; None when it replaces one.
    """

    name: str
    run: Callable[[State], State]
    after: str | None = None


class SafetyCheck(Protocol):
    """A safety check of your own, beside the built-in one; the first finding counts, the built-in one first."""

    def check_input(self, text: str) -> SafetyFinding | None:
        """Look for a risk in everything that was said and typed in a turn.

        Returns:
            The finding; with its ``reply``, the person is answered with that, and no policy is asked. None for no risk.
        """
        ...

    def check_reply(self, reply: str) -> str | None:
        """Return the kind of harm that a reply would do, which then does not leave; None when it is safe."""
        ...
