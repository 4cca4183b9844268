"""Fit the heads again on the phrasings: ``python -m omnisense.reasoning.loop.guided.train [FOLDER]``.

Seconds on two cores, and the same phrasings give the same heads. The accuracy that it prints is of phrasings held out
in turn (five folds); the phrasings are few and of one hand, so it is a bound from above. Acts: .84 of 20; events:
.55 of 10, and .79 of those with a probability of .7, which are the ones that are spoken of.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import numpy as np

from omnisense import models
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.text import EMBEDDING, load_embedder
from omnisense.reasoning.loop.guided.act import HEAD
from omnisense.reasoning.loop.guided.reading import EVENT_HEAD

_C = 0.01  # inverse strength of the ridge; .003 to .03 give within .02 of the same accuracy
_FOLDS = 5


def train_head(phrasings: Path, output: Path) -> float:
    """Fit a head and write it.

    Args:
        phrasings: by label, one phrasing a line.
        output: the file to write.

    Returns:
        The accuracy on held-out phrasings.

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
    guessed = cross_val_predict(model, features, truth, cv=folds)
    model.fit(features, truth)
    scaler, head = model[0], model[1]
    LinearHead(
        tuple(head.classes_.tolist()), scaler.mean_, scaler.scale_, head.coef_.T, head.intercept_, np.zeros(0)
    ).save(output)
    return float((guessed == truth).mean())


def main() -> None:
    """Run from the command line."""
    here = Path(__file__).parent
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here
    for phrasings, head in (("phrasings.toml", HEAD), ("events.toml", EVENT_HEAD)):
        print(f"{head.name}, accuracy on held-out phrasings: {train_head(here / phrasings, folder / head.name):.3f}")


if __name__ == "__main__":
    main()
