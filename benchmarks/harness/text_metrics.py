"""Metrics of generated texts against a reference: BLEU by sacrebleu, ROUGE-L by rouge-score, BERTScore where it is."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from typing import Any

from omnisense.errors import InputError

_INSTALL = "Install them: pip install 'omnisense[benchmarks]'."


def check_installed() -> None:
    """Check that generated texts can be scored.

    Raises:
        InputError: a package is missing.
    """
    missing = [name for name in ("sacrebleu", "rouge_score") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"generated texts cannot be scored without {' and '.join(missing)}", _INSTALL)


def rouge_l(text: str, reference: str) -> float:
    """Return ROUGE-L (F-measure, 0 to 1, words stemmed; Lin, 2004) of a text.

    Raises:
        InputError: the package is missing.
    """
    return float(_rouge().score(reference, text)["rougeL"].fmeasure)


@functools.cache
def _rouge() -> Any:
    check_installed()
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)


def bleu(texts: Sequence[str], references: Sequence[str]) -> float:
    """Return the mean over texts of sentence BLEU-4 (0 to 1; Papineni et al., 2002; sacrebleu's smoothing).

    Raises:
        InputError: the package is missing.
    """
    check_installed()
    import sacrebleu

    scores = [sacrebleu.sentence_bleu(t, [r]).score / 100 for t, r in zip(texts, references, strict=True)]
    return sum(scores) / len(scores) if scores else 0.0


def bert_score(texts: Sequence[str], references: Sequence[str]) -> float | None:
    """Return the mean BERTScore (F1; Zhang et al., 2020), or None where the package or its model is not at hand."""
    if importlib.util.find_spec("bert_score") is None:
        return None
    try:
        from bert_score import score

        return float(score(list(texts), list(references), lang="en")[2].mean())
    except (OSError, ValueError):  # offline, and the model is not in the cache
        return None
