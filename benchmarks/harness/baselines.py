"""Baselines: systems that answer without looking."""

from __future__ import annotations

import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.systems import BASELINES, EVERYTHING, Prepared, Reply, SystemSettings
from omnisense.errors import InputError
from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.question import BOX_KINDS, LABEL_KINDS, VALUE_KINDS, strip_letter


class Baseline:
    """Answers without looking: at random, what is right most often in its task, or the longest option.

    ``majority`` counts the right answers of the very data it is run on (of boxes it takes the median): what knowing
    their distribution is worth, and not something a system could know.
    """

    def __init__(self, settings: SystemSettings, samples: Sequence[Sample]) -> None:
        if settings.policy not in BASELINES:
            raise InputError(f"there is no baseline '{settings.policy}'", f"Choose from {', '.join(BASELINES)}.")
        self.name, self.modalities, self._seed = settings.policy, EVERYTHING, settings.seed
        self._answer = getattr(self, f"_{settings.policy}")
        counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for sample in samples:
            if sample.gold:
                counts[sample.task, sample.question.kind][sample.gold] += 1
        self._most = {key: sorted(count, key=lambda g: (-count[g], g)) for key, count in counts.items()}

    def load(self) -> None:
        """There is nothing to load."""

    def prepare(self, sample: Sample) -> Prepared:
        """See :class:`System`."""
        return Prepared(sample)

    def answer(self, batch: Sequence[Prepared]) -> list[Reply]:
        """See :class:`System`."""
        return [Reply(self._answer(p.sample)) for p in batch]

    def _random(self, sample: Sample) -> str:
        draw = random.Random(f"{self._seed}:{sample.id}")
        if sample.question.kind in BOX_KINDS:
            (x1, x2), (y1, y2) = (sorted((draw.random(), draw.random())) for _ in range(2))
            return boxes.format_boxes([(x1, y1, x2, y2)], "fractions")
        if sample.question.kind in VALUE_KINDS:
            return str(draw.randint(0, 10))
        if sample.question.kind == "generated":
            return sample.question.text
        if sample.question.kind != "several":
            return draw.choice(sample.question.candidates())
        letters = sample.question.letters
        return "".join(sorted(draw.sample(letters, draw.randint(1, len(letters)))))

    def _majority(self, sample: Sample) -> str:
        if sample.question.kind in BOX_KINDS:
            golds = self._most.get((sample.task, sample.question.kind), [])
            right = [box for gold in golds for box in boxes.load(gold)]
            return boxes.format_boxes([[statistics.median(side) for side in zip(*right, strict=True)]], "fractions")
        known = self._most.get((sample.task, sample.question.kind), [])
        if sample.question.kind == "regression" and known:
            return str(statistics.median(map(float, known)))
        fitting = [gold for gold in known if self._fits(gold, sample)]
        return fitting[0] if fitting else self._random(sample)

    def _fits(self, gold: str, sample: Sample) -> bool:
        question = sample.question
        if question.kind in LABEL_KINDS:
            return gold in question.candidates()
        return not question.options or set(gold) <= set(question.letters)

    def _longest(self, sample: Sample) -> str:
        if not sample.question.options:
            return self._random(sample)
        if sample.question.kind in LABEL_KINDS:
            return max(sample.question.candidates(), key=len)
        lengths = [len(strip_letter(option)) for option in sample.question.options]
        return sample.question.letters[lengths.index(max(lengths))]
