"""Fit the heads again on the phrasings: ``python -m omnisense.reasoning.loop.guided.train [FOLDER]``.

Some minutes on two cores, most of them for the larger embedding, and the same phrasings give the same heads.
``heads.md`` beside them is their card.
"""

from __future__ import annotations

import csv
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from omnisense import models
from omnisense.errors import ModelError
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.reliability import read_reliability, reliability_table
from omnisense.perception.emotion.text import EMBEDDING, load_embedder
from omnisense.reasoning.loop.guided.act import HEAD
from omnisense.reasoning.loop.guided.emoji import with_inline_words, without_emoji
from omnisense.reasoning.loop.guided.events import EVENT_HEAD, EVENT_HEAD_AGAIN
from omnisense.reasoning.loop.guided.shorthand import written_out
from omnisense.reasoning.safety.heads import LARGER, find_larger

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_C = 0.01  # inverse strength of the ridge; .003 to .03 give within .02 of the same accuracy
_C_AGAIN = 0.03  # on the larger embedding
_FOLDS = 5
_CARD = """# Heads of composed replies (`act.npz`, `event.npz`, `event_again.npz`)

Multinomial logistic regressions on sentence features: what somebody does with a message (asks, thanks, tells ...), and
which kind of event is told. The features are those that perception uses for text emotion (all-MiniLM-L6-v2); the kind
of event is read again on all-mpnet-base-v2 where that is on the machine, and the mean of both counts. All were fitted
on messages written for this purpose. Figures are of messages held out in turn: how often the top class is right, by its
score. English only.

Made by `python -m omnisense.reasoning.loop.guided.train`.
"""
_ACTS = """The phrasings are few and of one hand, held out in five folds, so the figures are a bound from above."""
_EVENTS = """Each writer's messages are held out in turn, so the figures are of people that the heads have not read.
Most messages name no feeling, and many tell bad luck in irony or good news with tears: they are harder than most."""


def train_act_head(phrasings: Path, folder: Path) -> str:
    """Fit the act head on phrasings by act, write it, and return its part of the card.

    Raises:
        ModelError: the sentence embedding is not available.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    acts = tomllib.loads(phrasings.read_text("utf-8"))
    rows = [(label, line) for label, lines in acts.items() for line in lines.strip().splitlines()]
    truth = np.array([label for label, _ in rows])
    features = load_embedder(models.fetch(EMBEDDING)).embed([text for _, text in rows])
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(_model(_C), features, truth, cv=folds, method="predict_proba")
    _save(_model(_C).fit(features, truth), folder / HEAD.name)
    return _figures(f"`{HEAD.name}`", f"{len(rows)} phrasings (`{phrasings.name}`)", truth, scores, _ACTS)


def train_event_heads(messages: Path, folder: Path) -> str:
    """Fit the event heads on messages by writer and event, write them, and return their part of the card.

    Raises:
        ModelError: an embedding is not available.
    """
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

    if (larger := find_larger()) is None:
        raise ModelError(f"'{LARGER}' is not here", f"Run `omnisense models pull {LARGER}`.")
    with messages.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [written_out(without_emoji(with_inline_words(row["text"]))) for row in rows]
    truth, writers = np.array([row["event"] for row in rows]), np.array([row["writer"] for row in rows])
    held_out = []
    for head, c, embedder in (
        (EVENT_HEAD, _C, load_embedder(models.fetch(EMBEDDING))),
        (EVENT_HEAD_AGAIN, _C_AGAIN, larger),
    ):
        features = embedder.embed(texts)
        held_out.append(
            cross_val_predict(_model(c), features, truth, groups=writers, cv=LeaveOneGroupOut(), method="predict_proba")
        )
        _save(_model(c).fit(features, truth), folder / head.name)
    count = f"{len(rows)} messages of {len(set(writers))} writers (`{messages.name}`)"
    both = f"`{EVENT_HEAD.name}` with `{EVENT_HEAD_AGAIN.name}`"
    return "\n".join(
        [
            _figures(f"`{EVENT_HEAD.name}` alone", count, truth, held_out[0], _EVENTS),
            _figures(both, count, truth, (held_out[0] + held_out[1]) / 2, ""),
        ]
    )


def _model(c: float) -> Pipeline:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=3000, class_weight="balanced"))


def _save(model: Pipeline, output: Path) -> None:
    scaler, head = model[0], model[1]
    labels = tuple(head.classes_.tolist())
    LinearHead(labels, scaler.mean_, scaler.scale_, head.coef_.T, head.intercept_, np.zeros(0)).save(output)


def _figures(title: str, count: str, truth: np.ndarray, scores: np.ndarray, note: str) -> str:
    is_right = np.unique(truth)[scores.argmax(axis=1)] == truth
    print(f"{title}, accuracy on what was held out: {is_right.mean():.3f}")
    head = f"## {title}\n\n{count}, {scores.shape[1]} classes; accuracy **{is_right.mean():.3f}**."
    table = reliability_table(read_reliability(scores.max(axis=1), is_right))
    return "\n\n".join(part for part in (head, note, table) if part) + "\n"


def main() -> None:
    """Run from the command line."""
    here = Path(__file__).parent
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here
    parts = [train_act_head(here / "phrasings.toml", folder), train_event_heads(here / "events.csv", folder)]
    (folder / "heads.md").write_text(f"{_CARD}\n{chr(10).join(parts)}", "utf-8")


if __name__ == "__main__":
    main()
