"""Fit the heads again on the phrasings: ``python -m omnisense.reasoning.loop.guided.train [FOLDER]``.

Seconds on two cores, and the same phrasings give the same heads. ``heads.md`` beside them is their card.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from omnisense import models
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.reliability import read_reliability, reliability_table
from omnisense.perception.emotion.text import EMBEDDING, load_embedder
from omnisense.reasoning.loop.guided.act import HEAD
from omnisense.reasoning.loop.guided.reading import EVENT_HEAD

_C = 0.01  # inverse strength of the ridge; .003 to .03 give within .02 of the same accuracy
_FOLDS = 5
_CARD = """# Heads of composed replies (`act.npz`, `event.npz`)

Multinomial logistic regressions on the sentence features that perception uses for text emotion (all-MiniLM-L6-v2): what
somebody does with a message (asks, thanks, tells ...), and which kind of event is told. Both were fitted on phrasings
written for this purpose. Figures are of phrasings held out in turn (five folds): how often the top class is right, by
its score. The phrasings are few and of one hand, so they are a bound from above; English only.

Made by `python -m omnisense.reasoning.loop.guided.train`.
"""


def train_head(phrasings: Path, output: Path) -> dict[str, Any]:
    """Fit a head and write it.

    Args:
        phrasings: by label, one phrasing a line.
        output: the file to write.

    Returns:
        ``phrasings`` and ``labels``, how many; ``accuracy`` and ``reliability`` on phrasings held out in turn.

    Raises:
        ModelError: the sentence embedding is not available.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = [
        (label, line)
        for label, lines in tomllib.loads(phrasings.read_text("utf-8")).items()
        for line in lines.strip().splitlines()
    ]
    truth, features = (
        np.array([label for label, _ in rows]),
        load_embedder(models.fetch(EMBEDDING)).embed([t for _, t in rows]),
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_C, max_iter=2000, class_weight="balanced"))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(model, features, truth, cv=folds, method="predict_proba")
    is_right = np.unique(truth)[scores.argmax(axis=1)] == truth
    model.fit(features, truth)
    scaler, head = model[0], model[1]
    LinearHead(
        tuple(head.classes_.tolist()), scaler.mean_, scaler.scale_, head.coef_.T, head.intercept_, np.zeros(0)
    ).save(output)
    return {
        "phrasings": len(rows),
        "labels": scores.shape[1],
        "accuracy": float(is_right.mean()),
        "reliability": read_reliability(scores.max(axis=1), is_right),
    }


def main() -> None:
    """Run from the command line."""
    here = Path(__file__).parent
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here
    parts = []
    for phrasings, head in (("phrasings.toml", HEAD), ("events.toml", EVENT_HEAD)):
        figures = train_head(here / phrasings, folder / head.name)
        print(f"{head.name}, accuracy on held-out phrasings: {figures['accuracy']:.3f}")
        parts.append(
            f"## `{head.name}`\n\n{figures['phrasings']} phrasings (`{phrasings}`), {figures['labels']} classes; "
            f"accuracy **{figures['accuracy']:.3f}**.\n\n{reliability_table(figures['reliability'])}\n"
        )
    (folder / "heads.md").write_text(f"{_CARD}\n{chr(10).join(parts)}", "utf-8")


if __name__ == "__main__":
    main()
