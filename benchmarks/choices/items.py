"""Questions with options, from public sets on the user's disk, as the agent asks them."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from omnisense.perception.emotion.text import EKMAN
from omnisense.reasoning.answers.question import Question, question_text
from omnisense.reasoning.loop import prompts
from omnisense.reasoning.loop.appraisal import EMOTIONS
from omnisense.reasoning.policies.messages import Messages, message

NOTHING, CONTENT_FREE = "(nothing is known)", "N/A"
_FEELING = "What does the person feel now?"
_SEED = 7


@dataclass(frozen=True)
class Item:
    """One question.

    Attributes:
        task: ``emotion`` of a comment (GoEmotions), ``yes or no`` on one (the same), ``story`` (ToMBench).
        held_out: whether it is in the half that is reported; on the other the choice was made.
        options: with their letters, where it has letters.
        gold: index of the right option.
        prompt: with the evidence.
        nothing: the same against a note that nothing is known.
        content_free: the same against words without content; None for stories, which have no other form of evidence.
    """

    task: str
    held_out: bool
    options: tuple[str, ...]
    gold: int
    prompt: Messages
    nothing: Messages
    content_free: Messages | None = None


def load_items(goemotions: Path, tombench: Path, limit: int) -> list[Item]:
    """Return ``limit`` comments an emotion, 0.4 times as many questions with yes or no, and 2.5 times as many stories.

    Args:
        goemotions: the folder with ``labels.txt`` and ``dev.tsv.gz``.
        tombench: the folder of ``*.jsonl.gz``.
        limit: how many.
    """
    rng = random.Random(_SEED)
    return [*_comments(goemotions, limit, rng), *_stories(tombench, limit * 5 // 2, rng)]


def _comments(folder: Path, limit: int, rng: random.Random) -> Iterator[Item]:
    labels = (folder / "labels.txt").read_text("utf-8").split()
    group = {label: emotion for emotion, fine in EKMAN.items() for label in fine}
    texts: dict[str, list[str]] = {emotion: [] for emotion in EMOTIONS}
    with gzip.open(folder / "dev.tsv.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            text, ids, _ = line.rstrip("\n").split("\t")
            found = {group[labels[int(i)]] for i in ids.split(",")}
            if len(found) == 1:
                texts[found.pop()].append(text)
    for emotion in EMOTIONS:
        rng.shuffle(texts[emotion])
        for i, text in enumerate(texts[emotion][:limit]):
            asked = [
                prompts.decision_prompt(evidence, _FEELING, EMOTIONS)
                for evidence in (_wrote(text), NOTHING, _wrote(CONTENT_FREE))
            ]
            yield Item("emotion", i % 2 == 1, EMOTIONS, EMOTIONS.index(emotion), *asked)
        for i, text in enumerate(texts[emotion][limit : limit + limit * 2 // 5]):
            named = emotion if i // 2 % 2 == 0 else rng.choice([e for e in EMOTIONS if e != emotion])
            question = Question(f"What does the person feel?\nIs this right: {named}?", "yes_no")
            asked = [_about(evidence, question) for evidence in (_wrote(text), NOTHING, _wrote(CONTENT_FREE))]
            yield Item("yes or no", i % 2 == 1, ("yes", "no"), int(named != emotion), *asked)


def _stories(folder: Path, limit: int, rng: random.Random) -> Iterator[Item]:
    rows = []
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    rng.shuffle(rows)
    for i, row in enumerate(rows[:limit]):
        options = tuple(f"{letter}. {row[f'OPTION-{letter}']}" for letter in "ABCD")
        question = Question(row["QUESTION"], "one", options)
        asked = [_about(evidence, question) for evidence in (row["STORY"], NOTHING)]
        yield Item("story", i % 2 == 1, options, "ABCD".index(row["答案\nANSWER"]), *asked)


def _wrote(text: str) -> str:
    return prompts.evidence_text("", text)


def _about(evidence: str, question: Question) -> Messages:
    return [message("user", f"Notes on the clip:\n{evidence}\n\n{question_text(question)}")]
