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

    The latest set when the gate had not seen it, and each source of sentences by heads that were fitted without it.
    """
    from omnisense.reasoning.safety.measure import first_runs, left_out

    name, first = list(first_runs().items())[-1]
    return {f"{name} set, unseen": first, **{f"{source} set, left out": found for source, found in left_out().items()}}
