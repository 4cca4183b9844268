"""The authors' rule for boxes: a reply is right when its first box overlaps any right one."""

from __future__ import annotations

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.scorer import score
from omnisense.perception.geometry import IOU_THRESHOLD, best_iou
from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.answers.question import BOX_KINDS


def official_score(sample: Sample, reply: str, think: bool) -> float:
    """Return the authors' score of a reply, 0 to 1; for questions without boxes it is the strict score.

    ``think`` has no effect: a reply with its thinking in tags is read in the same way.
    """
    if sample.question.kind not in BOX_KINDS:
        return score(reply, sample.question, sample.gold).value
    first = boxes.load(parse(reply, "boxes", form=sample.question.form).value)[:1]
    return float(best_iou(first, boxes.load(sample.gold)) > IOU_THRESHOLD)
