"""The authors' scoring of EmoBench-M, read from the scripts of their repository (Emo-gml/EmoBench-M).

- A label is right when it is equal to the right one after stripping and lower-casing, so that a sentence is wrong.
  Accuracy, and precision, recall and F1 weighted by the size of each class, are over rows in which neither side is
  empty: an empty reply leaves the denominator. ``EmoBench-M-eval.py`` also leaves out each reply that is none of the
  set's labels, so that a model gains by replies in sentences; the report gives that accuracy too.
- Of MC-EIU, emotion and intent must both be right. Each is the first of its values, in the order of the authors' list,
  that occurs anywhere in the lower-cased reply, inside other words too; a reply that lacks one is left out
  (``MC-EIU.py``). The first value of either list that occurs need not be the one that is meant: ``neutral`` is in both.
- SMILE is scored by BLEU-4, ROUGE-L and BERTScore over rows in which neither side is empty. BLEU is the mean over
  sentences, with sacrebleu's smoothing (the authors' NLTK call has none, and gives 0 to short texts); ROUGE-L is
  rouge-score's with stemming, as in ``EmoBench-M-eval.py`` (``SMILE.py`` takes another package); BERTScore needs its
  package and model.
"""

from __future__ import annotations

from collections.abc import Sequence

from omnisense.benchmarks.emobench.sets import EMOTIONS, GROUP_OF, GROUPS, INTENTS
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.problem_rows import by_tag
from omnisense.benchmarks.harness.records import Record
from omnisense.benchmarks.harness.suite import OfficialMetric, OfficialRun
from omnisense.benchmarks.harness.text_metrics import bert_score, bleu, rouge_l
from omnisense.reasoning.answers.question import Kind


def first_match(text: str, labels: Sequence[str]) -> str:
    """Return the first of the labels, in their order, that occurs in a text; empty where none does."""
    lowered = text.lower()
    return next((label for label in labels if label in lowered), "")


def official_score(sample: Sample, reply: str, think: bool) -> float | None:
    """Return the authors' score of a reply; None where they leave it out. ``think`` has no effect."""
    return score_reply(reply, str(sample.row["label"]), sample.question.kind)


def score_reply(reply: str, right: str, kind: Kind) -> float | None:
    """Return the authors' score of a reply; None where they leave it out.

    Args:
        reply: as it came.
        right: the label or text of the data.
        kind: of the question.
    """
    given, wanted = reply.strip(), right.strip()
    if not given or not wanted:
        return None
    if kind == "generated":
        return rouge_l(given, wanted)
    if kind == "joint":
        said, true = _joint(given), _joint(wanted)
        return float(said == true) if all(said) and all(true) else None
    return float(given.lower() == wanted.lower())


def _joint(text: str) -> tuple[str, str]:
    return first_match(text, EMOTIONS), first_match(text, INTENTS)


def weighted_scores(right: Sequence[str], given: Sequence[str]) -> tuple[float, float, float]:
    """Return precision, recall and F1, weighted by the number of rows of each right label; 0 where undefined."""
    precision = recall = f1 = 0.0
    for label in set(right):
        hits = sum(r == g == label for r, g in zip(right, given, strict=True))
        n_right, n_given = right.count(label), given.count(label)
        p, r = hits / n_given if n_given else 0.0, hits / n_right
        weight = n_right / len(right)
        precision, recall = precision + weight * p, recall + weight * r
        f1 += weight * (2 * p * r / (p + r) if p + r else 0.0)
    return precision, recall, f1


def score_run(records: Sequence[Record], is_complete: bool) -> OfficialRun:
    """Return the weighted figures of each set, and the figures of generated texts."""
    metrics: list[OfficialMetric] = []
    notes: list[str] = []
    counted = [r for r in records if r.status == "answered" and r.official is not None]
    for name, found in by_tag(counted, "set").items():
        if found[0].kind == "generated":
            metrics += _text_metrics(name, found, notes)
            continue
        is_joint = found[0].kind == "joint"
        right = ["_".join(_joint(_right(r))) if is_joint else _right(r).lower() for r in found]
        given = ["_".join(_joint(r.reply)) if is_joint else r.reply.strip().lower() for r in found]
        precision, recall, f1 = weighted_scores(right, given)
        note = f"{len(found)} rows; precision {precision:.3f}, recall {recall:.3f}"
        metrics.append(OfficialMetric(f"{name}: weighted F1", f1, note))
        if found[0].kind == "label":
            metrics.append(_accuracy_of_labels(name, found))
    return OfficialRun({}, [*_group_average(counted), *metrics], notes)


def _group_average(records: Sequence[Record]) -> list[OfficialMetric]:
    """Return the mean of the groups' means over their sets, which the authors call average, where every group is."""
    by_group: dict[str, list[float]] = {}
    for name, found in by_tag(records, "set").items():
        if name in GROUP_OF and found[0].kind != "generated":
            by_group.setdefault(GROUP_OF[name], []).append(sum(r.official or 0.0 for r in found) / len(found))
    if by_group.keys() != GROUPS.keys():
        return []
    means = {group: sum(values) / len(values) for group, values in by_group.items()}
    note = ", ".join(f"{group} {means[group]:.3f}" for group in GROUPS)
    return [OfficialMetric("mean of the groups, without SMILE", sum(means.values()) / len(means), note)]


def _accuracy_of_labels(name: str, records: Sequence[Record]) -> OfficialMetric:
    """Return the accuracy over replies that are labels of the set."""
    labelled = [r for r in records if r.reply.strip().lower() in r.options]
    right = sum(r.official or 0.0 for r in labelled)
    note = f"{len(labelled)} of {len(records)} rows"
    return OfficialMetric(f"{name}: accuracy over replies that are a label", right / max(len(labelled), 1), note)


def _right(record: Record) -> str:
    return str(record.row["label"]).strip()


def _text_metrics(name: str, records: Sequence[Record], notes: list[str]) -> list[OfficialMetric]:
    texts, references = [r.reply.strip() for r in records], [_right(r) for r in records]
    similarity = bert_score(texts, references)
    if similarity is None:
        notes.append(f"{name}: BERTScore is missing, since its package or model is not at hand.")
    rouge = sum(rouge_l(t, r) for t, r in zip(texts, references, strict=True)) / len(texts)
    found = [("BLEU-4", bleu(texts, references)), ("ROUGE-L", rouge), ("BERTScore", similarity)]
    return [OfficialMetric(f"{name}: {metric}", value, f"{len(texts)} texts") for metric, value in found]
