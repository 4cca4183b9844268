"""The safety gate on sentences that it was not made from."""

from __future__ import annotations

from typing import Any

TARGETS = {
    "explicit and slang": "0.95",
    "implied": "0.85",
    "alarms that are right, English": "0.85",
}


def measure() -> dict[str, Any]:
    """Return the gate's figures as ``omnisense.reasoning.safety`` recorded them, by set.

    The latest set, and the everyday messages by its author, when the gate had not seen them, and each source of
    sentences by heads that were fitted without it.
    """
    from omnisense.reasoning.safety.measure import first_runs, left_out

    latest = reversed(list(first_runs().items())[-2:])
    unseen = {f"{name} set, unseen": first for name, first in latest}
    return unseen | {f"{source} set, left out": found for source, found in left_out().items()}
