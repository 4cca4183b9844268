"""Doubts readings of rules that are often wrong: how probable a candidate is the answer of a reply, by boosted trees.

The trees are in :mod:`omnisense.reasoning.answers.candidate_trees`, which
``python -m omnisense.reasoning.answers.fit_candidates`` writes. They are gradient-boosted (Friedman, 2001, "Greedy
function approximation") with a logistic loss, fitted by scikit-learn and evaluated here without it.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from typing import NamedTuple

from omnisense.reasoning.answers.candidate_trees import TREES
from omnisense.reasoning.answers.candidates import FEATURES, describe
from omnisense.reasoning.answers.normalize import Reading
from omnisense.reasoning.answers.question import Kind


class Tree(NamedTuple):
    """A tree as parallel lists, one entry a split; a child of ``-1 - i`` is the leaf ``i``.

    Attributes:
        feature: whose value decides, as its place in ``FEATURES``.
        threshold: values up to it go left.
        left: next split or leaf.
        right: next split or leaf.
        leaves: what each adds to the log odds.
    """

    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    leaves: list[float]


class Model(NamedTuple):
    """Log odds before any tree, and the trees that add to them."""

    base: float
    trees: tuple[Tree, ...]

    def probability(self, features: Sequence[float]) -> float:
        """Return the probability that a candidate with these features is the answer."""
        odds = self.base
        for feature, threshold, left, right, leaves in self.trees:
            node = 0
            while node >= 0:
                node = left[node] if features[feature[node]] <= threshold[node] else right[node]
            odds += leaves[-1 - node]
        return 1 / (1 + math.exp(-odds))


def from_json(text: str) -> Model:
    """Return a model from what :mod:`~omnisense.reasoning.answers.fit_candidates` writes.

    Raises:
        ValueError: it was fitted on other features.
    """
    data = json.loads(text)
    places = {name: place for place, name in enumerate(FEATURES)}
    if unknown := set(data["features"]) - places.keys():
        raise ValueError(f"the model of candidates was fitted on other features ({', '.join(sorted(unknown))})")
    order = [places[name] for name in data["features"]]
    trees = (Tree([order[place] for place in tree[0]], *tree[1:]) for tree in data["trees"])
    return Model(data["base"], tuple(trees))


@functools.cache
def _shipped() -> Model:
    return from_json(TREES)


def probabilities(text: str, kind: Kind, options: tuple[str, ...], model: Model | None = None) -> dict[str, float]:
    """Return, by candidate, the probability that it is the answer (one of the answers, of several) of a reply.

    Args:
        text: without markup.
        kind: what was asked for.
        options: of the question, each with its letter.
        model: the shipped one unless given.
    """
    found = describe(text, kind, options)
    if not found.values:
        return {}
    model = model or _shipped()
    return {v: model.probability(f) for v, f in zip(found.values, found.features, strict=True)}


def margin(value: str, kind: Kind, found: dict[str, float]) -> float:
    """Return how much more probable a reading is than what else a reply could mean, from -1 to 1.

    For several, that is the least margin of an option that it takes in over leaving it out, or the other way round.

    Args:
        value: that was read.
        kind: what was asked for.
        found: of :func:`probabilities`; nothing speaks against a value that is no candidate: it has the margin 1.
    """
    if kind == "several":
        return min((2 * p - 1 if letter in value else 1 - 2 * p for letter, p in found.items()), default=1.0)
    if value not in found:
        return 1.0
    return found[value] - max((p for other, p in found.items() if other != value), default=0.0)


# Rules that read 17 of 156 replies wrong when they were first run on the replies of six authors; a statement of one
# option was wrong in 3 of 249, and all other readings in 4 of 520: those are believed.
_LEAST_MARGINS = dict.fromkeys(
    (
        ("one", "the only option that it does not set aside"),
        ("one", "the only letter named"),
        ("one", "what it decides for in the end"),
        ("one", "the only option that it asserts"),
        ("one", "the only option's text in it"),
        ("one", "a conclusion"),
    ),
    0.65,
)
_LEAST_MARGINS |= {("several", "the letters named"): 0.4, ("several", "options' texts in it"): 0.4}
_LEAST_MARGINS |= {("one", "a statement"): 0.0}
_LONG = 100  # characters; what a shorter reply says is hardly ever misread


def believed(reading: Reading, text: str, kind: Kind, options: tuple[str, ...], model: Model | None = None) -> Reading:
    """Return a reading of the rules, or none where its rule is often wrong and the model holds it for improbable.

    The margins were chosen on the replies of six authors, each judged by a model that was not fitted on them, as read
    by rules that were written before them. Unread replies stay unread: the model alone misreads too many.

    Args:
        reading: of the rules.
        text: what of the reply can hold its answer, without markup.
        kind: what was asked for.
        options: of the question, each with its letter.
        model: the shipped one unless given.
    """
    least = least_margin(reading, kind)
    if least is None or not options or len(text) < _LONG:
        return reading
    over = margin(reading.value, kind, probabilities(text, kind, options, model))
    return reading if over >= least else Reading("", f"{reading.how}, which is doubtful ({over:.2f})")


def least_margin(reading: Reading, kind: Kind) -> float | None:
    """Return the margin that a reading must have; None where its rule is believed."""
    if not reading.value:
        return None
    return _LEAST_MARGINS.get((kind, reading.how.removeprefix("answer tag: ").removeprefix("boxed: ")))
