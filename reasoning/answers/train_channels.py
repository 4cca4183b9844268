"""Fit the heads that match questions to channels: ``python -m omnisense.reasoning.answers.train_channels``.

``question_phrasings.csv`` holds phrasings with alternatives in parentheses and ``{p}``, ``{ps}`` (a person, and theirs)
and ``{emo}`` (an emotion) to fill in. A phrasing and everything made from it is on one side of every split. Phrasings
of time (suffixes, prefixes) are combined with questions that name no time.
"""

from __future__ import annotations

import csv
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from omnisense import models
from omnisense.errors import OmniSenseError
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.reliability import read_reliability, reliability_table
from omnisense.perception.emotion.text import EMBEDDING, load_embedder
from omnisense.reasoning.answers.channels import CHANNEL_HEAD, TIME_HEAD

_HERE = Path(__file__).parent
PHRASINGS = _HERE / "question_phrasings.csv"
_EXPANSIONS, _COMBINATIONS, _FOLDS = 5, 2, 5
_INVERSE_REGULARIZATION = {"topic": 0.1, "time": 0.1}  # of the values tried, best in cross-validation by phrasing
_PEOPLE = [
    ("she", "her"), ("he", "his"), ("the man on the left", "the man's"), ("the woman", "the woman's"),
    ("the person", "the person's"), ("the speaker", "the speaker's"), ("the girl in the red dress", "the girl's"),
    ("person-2", "person-2's"), ("the second person", "the second person's"), ("Anna", "Anna's"),
    ("the customer", "the customer's"), ("the boy", "the boy's"), ("the lady on the right", "the lady's"),
    ("the man in the green shirt", "the man in the green shirt's"), ("the woman with the hat", "the blonde woman's"),
    ("the man whose coat is grey", "the older man's"), ("the guy with the beard", "the guy's"),
    ("the host", "the host's"),
    ("the man in the chair", "the father's"), ("the younger woman", "the young woman's"),
]  # fmt: skip
_EMOTIONS = (
    "happy sad angry afraid surprised disgusted neutral upset cheerful nervous annoyed calm anxious excited bored "
    "tense gloomy furious relaxed worried frightened content"
).split()


class Phrased(NamedTuple):
    """A question, what it asks about, and the number of the phrasing that it was made from."""

    text: str
    topic: str
    time: str
    phrasing: int


def read_phrasings(split: str) -> list[dict[str, str]]:
    """Return the rows of one split: ``train``, ``dev`` or ``test``."""
    with PHRASINGS.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split]


def expand(rows: Sequence[dict[str, str]], count: int, seed: int = 0) -> list[Phrased]:
    """Return up to ``count`` questions of each phrasing, all different."""
    draw = random.Random(seed)
    found: dict[str, Phrased] = {}
    for number, row in enumerate(rows):
        if not row["topic"].startswith("("):
            made = sorted({fill(row["phrasing"], draw) for _ in range(3 * count)}, key=lambda _: draw.random())
            for text in made[:count]:
                found.setdefault(text, Phrased(text, row["topic"], row["time"], number))
    return list(found.values())


def combine(rows: Sequence[dict[str, str]], count: int, seed: int = 0) -> Iterator[Phrased]:
    """Yield questions of phrasings without a time, with a phrasing of time after or before them."""
    draw = random.Random(seed)
    suffixes = [row for row in rows if row["topic"] == "(suffix)"]
    prefixes = [row for row in rows if row["topic"] == "(prefix)"]
    for number, row in enumerate(rows):
        if row["topic"].startswith("(") or row["time"] != "none":
            continue
        for _ in range(count):
            question = fill(row["phrasing"], draw)
            asked = question[0].lower() + question[1:]
            if draw.random() < 0.75:
                chosen = draw.choice(suffixes)
                text = f"{question.rstrip('?.')} {fill(chosen['phrasing'], draw).lower()}".strip() + "?"
            else:
                chosen = draw.choice(prefixes)
                start = fill(chosen["phrasing"], draw)
                if start.endswith("...") and asked.split()[0] not in ("does", "is", "are", "do"):
                    continue  # "When who speaks?"
                text = f"{start.removesuffix('...').strip()} {asked}"
            yield Phrased(text, row["topic"], chosen["time"], number)


def fill(phrasing: str, draw: random.Random) -> str:
    """Return a phrasing with one of its alternatives, and with people and emotions filled in."""
    text = phrasing
    while choice := re.search(r"\(([^()]*)\)", text):
        text = text[: choice.start()] + draw.choice(choice[1].split("|")) + text[choice.end() :]
    while "{emo}" in text:
        text = text.replace("{emo}", draw.choice(_EMOTIONS), 1)
    person, theirs = draw.choice(_PEOPLE)
    text = " ".join(text.replace("{ps}", theirs).replace("{p}", person).split())
    text = re.sub(r" (?=[?.,])", "", text)
    return text[:1].upper() + text[1:]


def main(output: Path = _HERE) -> int:
    """Fit both heads, and write them and their card."""
    rows = read_phrasings("train")
    made = {q.text: q for q in [*expand(rows, _EXPANSIONS), *combine(rows, _COMBINATIONS)]}
    train = list(made.values())
    unseen = {split: expand(read_phrasings(split), 1, seed=1) for split in ("dev", "test")}
    embedder = load_embedder(models.fetch(EMBEDDING))
    features = embedder.embed([q.text for q in train])
    unseen_features = {split: embedder.embed([q.text for q in questions]) for split, questions in unseen.items()}
    figures: dict[str, dict[str, Any]] = {}
    for name, field in ((CHANNEL_HEAD, "topic"), (TIME_HEAD, "time")):
        truth = np.array([getattr(q, field) for q in train])
        head = _fit(features, truth, train, _INVERSE_REGULARIZATION[field])
        head.save(output / f"{name}.npz")
        shipped = LinearHead.load(output / f"{name}.npz")
        score, is_right = _cross_validate(features, truth, train, field)
        figures[field] = {"folds": float(is_right.mean()), "reliability": read_reliability(score, is_right)}
        for split, questions in unseen.items():
            guess = np.array(shipped.labels)[shipped.scores(unseen_features[split]).argmax(axis=1)]
            figures[field][split] = float((guess == np.array([getattr(q, field) for q in questions])).mean())
    counts = {"phrasings": len(rows), "questions": len(train), "dev": len(unseen["dev"]), "test": len(unseen["test"])}
    (output / "question_matching.md").write_text(_card(figures, counts), "utf-8")
    print(counts, figures)
    return 0


def _fit(features: np.ndarray, truth: np.ndarray, questions: Sequence[Phrased], regularization: float) -> LinearHead:
    from sklearn.linear_model import LogisticRegression

    of_phrasing = Counter(q.phrasing for q in questions)
    weights = np.array([of_phrasing[q.phrasing] ** -0.5 for q in questions])
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = LogisticRegression(C=regularization, max_iter=1000)
    model.fit((features - mean) / scale, truth, sample_weight=weights)
    return LinearHead(tuple(model.classes_.tolist()), mean, scale, model.coef_.T, model.intercept_, np.zeros(0))


def _cross_validate(
    features: np.ndarray, truth: np.ndarray, questions: Sequence[Phrased], field: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the highest scores (N,) and whether they are right, by heads that were not fitted on the phrasing."""
    numbers = np.array([q.phrasing for q in questions])
    folds = np.random.default_rng(0).permutation(numbers.max() + 1)[numbers] % _FOLDS
    score, is_right = np.zeros(len(questions)), np.zeros(len(questions), bool)
    for fold in range(_FOLDS):
        kept = folds != fold
        chosen = [q for q, keep in zip(questions, kept, strict=True) if keep]
        head = _fit(features[kept], truth[kept], chosen, _INVERSE_REGULARIZATION[field])
        scores = head.scores(features[~kept])
        score[~kept] = scores.max(axis=1)
        is_right[~kept] = np.array(head.labels)[scores.argmax(axis=1)] == truth[~kept]
    return score, is_right


def _card(figures: dict[str, dict[str, Any]], counts: dict[str, int]) -> str:
    topic, time = figures["topic"], figures["time"]
    return f"""# Question matching heads (`{CHANNEL_HEAD}.npz`, `{TIME_HEAD}.npz`)

Two multinomial logistic regressions on the sentence features that perception uses for text emotion
(all-MiniLM-L6-v2): which measured channel a question asks about (or none), and which part of the clip.

- **Data**: {counts["phrasings"]} English phrasings written for this purpose (`question_phrasings.csv`), filled in to
  {counts["questions"]:,} questions. {counts["dev"]} others (dev) showed which phrasings were lacking.
  {counts["test"]} more (test) were written afterwards; nothing was changed after the heads were tested on them.
- **Accuracy, phrasings left out in turn** (five folds): channel **{topic["folds"]:.3f}**, time **{time["folds"]:.3f}**.
- **Accuracy on test**: channel **{topic["test"]:.3f}**, time **{time["test"]:.3f}** (on dev {topic["dev"]:.3f} and
  {time["dev"]:.3f}, which is too high: phrasings like its own were added).

**Reliability**, phrasings left out in turn: how often the top class is right, by its score.

Channel:

{reliability_table(topic["reliability"])}

Time:

{reliability_table(time["reliability"])}

**Limits.** English. Phrasings are one person's: questions of a benchmark may be put differently. A question that asks
for two things at once ("who speaks, and how?") gets the likelier channel and perhaps the other.

Made by `python -m omnisense.reasoning.answers.train_channels`.
"""


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OmniSenseError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
