"""Fits the model of candidates: ``python -m omnisense.reasoning.answers.fit_candidates REPLIES.jsonl``.

``REPLIES.jsonl`` is that of :mod:`omnisense.benchmarks.harness.scorer_agreement`. Replies of one set, which is named by
what follows the comma in their style, have one author, and are left out together where the model is judged. With
``--judge`` it is fitted once without each set, and how the parser reads that set is printed; else the model is fitted
on all of them and written to ``candidate_trees.py``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from omnisense.files import write_atomically
from omnisense.reasoning.answers import parser
from omnisense.reasoning.answers.candidate_model import Model, believed, from_json
from omnisense.reasoning.answers.candidates import FEATURES, KINDS, describe
from omnisense.reasoning.answers.normalize import Reading
from omnisense.reasoning.answers.question import Kind

# what can only speak against a candidate, and what can only speak for it
_AGAINST = ("negated", "negated after", "denied", "conceded", "asked")
_FOR = ("fits", "held", "weight")
_ROUNDS, _RATE, _LEAVES, _FEWEST, _L2 = 200, 0.08, 10, 15, 4.0
# stages of marking: with fewer, options that a reply words in its own way are not found, as in replies of new authors
_DEPTHS = (4, 3, 2)
_WIDTH = 100  # characters of a line of the written file


class LabelledReply(NamedTuple):
    """A reply, its question, what a careful reader reads in it, and the set that it belongs to."""

    reply: str
    kind: Kind
    options: tuple[str, ...]
    expected: str
    group: str


def load(path: Path) -> list[LabelledReply]:
    """Load the labelled replies that the model can be fitted on."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        LabelledReply(
            r["reply"], r["kind"], tuple(r.get("options", ())), r["expected"] or "", r["style"].partition(", ")[2]
        )
        for r in rows
        if r["kind"] in KINDS
    ]


def fit(replies: Sequence[LabelledReply]) -> str:
    """Return the model fitted on labelled replies, as JSON."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows: list[tuple[float, ...]] = []
    is_answer: list[bool] = []
    for r in replies:
        for depth in _DEPTHS if r.options else _DEPTHS[:1]:
            found = describe(parser.answer_text(r.reply), r.kind, r.options, depth)
            rows += found.features
            is_answer += [v in r.expected if r.kind == "several" else v == r.expected for v in found.values]
    signs = [_sign(name) for name in FEATURES]
    booster = HistGradientBoostingClassifier(
        max_iter=_ROUNDS, learning_rate=_RATE, max_leaf_nodes=_LEAVES, min_samples_leaf=_FEWEST, l2_regularization=_L2,
        max_features=0.3, monotonic_cst=signs, early_stopping=False, random_state=0,
    )  # fmt: skip
    booster.fit(np.array(rows), np.array(is_answer))
    return _as_json(booster)


def _sign(name: str) -> int:
    cue = name.partition(" ")[2] if name.startswith(("first ", "last ", "mean ")) else name
    return int(cue in _FOR) - int(cue in _AGAINST)


def _as_json(booster: Any) -> str:
    """Return a fitted booster as JSON with the features that it uses, and numbers of four digits."""
    trees: list[list[list[Any]]] = []
    used: dict[int, int] = {}
    for (predictor,) in booster._predictors:
        nodes = predictor.nodes
        splits = [i for i, node in enumerate(nodes) if not node["is_leaf"]]
        leaves = [i for i, node in enumerate(nodes) if node["is_leaf"]]
        if not splits:
            continue
        place = {node: at for at, node in enumerate(splits)} | {node: -1 - at for at, node in enumerate(leaves)}
        feature = [used.setdefault(int(nodes[i]["feature_idx"]), len(used)) for i in splits]
        threshold = [round(float(nodes[i]["num_threshold"]), 4) for i in splits]
        left, right = ([place[int(nodes[i][side])] for i in splits] for side in ("left", "right"))
        trees.append([feature, threshold, left, right, [round(float(nodes[i]["value"]), 4) for i in leaves]])
    base = round(float(booster._baseline_prediction.item()), 4)
    names = [FEATURES[place] for place in used]
    return json.dumps({"base": base, "features": names, "trees": trees}, separators=(",", ":"))


def judge(replies: Sequence[LabelledReply]) -> list[str]:
    """Return, for each set, how the parser reads it with a model fitted on the other sets."""
    lines = [
        "| set left out | replies | rules | with the model | misread by rules | with the model |",
        "| --- " * 6 + "|",
    ]
    for group in dict.fromkeys(r.group for r in replies):
        model = from_json(fit([r for r in replies if r.group != group]))
        rows = [r for r in replies if r.group == group]
        read = [(r.expected, parser.parse_by_rules(r.reply, r.kind, r.options).value, _value(r, model)) for r in rows]
        agreed = [sum(values[0] == values[i] for values in read) for i in (1, 2)]
        misread = [sum(bool(values[i]) and values[0] != values[i] for values in read) for i in (1, 2)]
        lines.append(f"| {group or 'first'} | {len(rows)} | {agreed[0]} | {agreed[1]} | {misread[0]} | {misread[1]} |")
    return lines


def _value(r: LabelledReply, model: Model) -> str:
    answer = parser.parse_by_rules(r.reply, r.kind, r.options)
    return believed(Reading(answer.value, answer.how), parser.answer_text(r.reply), r.kind, r.options, model).value


def _as_module(text: str) -> str:
    """Return the source of a module that holds a text; feature names have no single quotes or backslashes."""
    lines = [f"    '{text[at : at + _WIDTH]}'" for at in range(0, len(text), _WIDTH)]
    head = '"""The trees of :mod:`omnisense.reasoning.answers.candidate_model`; fit_candidates writes this file."""'
    return "\n".join([head, "", "# fmt: off", "TREES = (", *lines, ")", ""])


def main(argv: Sequence[str] | None = None) -> None:
    """Fit the model, or judge it on sets that it was not fitted on."""
    arguments = argparse.ArgumentParser(description="Fit the model of the candidates of a reply.")
    arguments.add_argument("replies", type=Path, help="labelled replies, one JSON object a line")
    arguments.add_argument("--judge", action="store_true", help="print how sets left out of the fit are read")
    given = arguments.parse_args(argv)
    replies = load(given.replies)
    if given.judge:
        print("\n".join(judge(replies)))
    else:
        write_atomically(Path(__file__).with_name("candidate_trees.py"), _as_module(fit(replies)))


if __name__ == "__main__":
    main()
