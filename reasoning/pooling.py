"""Log-linear pooling of several sources of evidence, and fitting the weights of the pool.

The pooled probability of an option is proportional to the product of its probabilities in each source, each to the
power of the source's weight (Genest and Zidek, "Combining probability distributions", 1986). A weight of 0 leaves a
source out; a uniform distribution says nothing, whatever its weight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

Option = TypeVar("Option", bound=str)
MIN_PROBABILITY = 0.01  # no source rules an option out


def pool_log_linear(
    sources: Mapping[str, Mapping[Option, float]], weights: Mapping[str, float], options: Sequence[Option]
) -> dict[Option, float]:
    """Pool distributions over the same options.

    Args:
        sources: by name, a distribution over the options; an option that one leaves out has the least probability.
        weights: by the same names, 0 or more.
        options: at least one.

    Returns:
        A distribution over the options: uniform without sources.
    """
    logs = {
        option: math.fsum(
            weights[name] * math.log(max(p.get(option, 0.0), MIN_PROBABILITY)) for name, p in sources.items()
        )
        for option in options
    }
    peak = max(logs.values())
    shares = {option: math.exp(value - peak) for option, value in logs.items()}
    total = math.fsum(shares.values())
    return {option: share / total for option, share in shares.items()}
