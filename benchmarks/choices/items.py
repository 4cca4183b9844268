"""Questions with options, from public sets on the user's disk, as the agent asks them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from omnisense.files import read_lines
from omnisense.perception.emotion.tables import comments_by_emotion, read_words
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
    comments = comments_by_emotion(folder / "dev.tsv.gz", read_words(folder / "labels.txt"))
    for emotion in EMOTIONS:
        texts = [text for _, text in comments[emotion]]
        rng.shuffle(texts)
        for i, text in enumerate(texts[:limit]):
            asked = [
                prompts.decision_prompt(evidence, _FEELING, EMOTIONS)
                for evidence in (_wrote(text), NOTHING, _wrote(CONTENT_FREE))
            ]
            yield Item("emotion", i % 2 == 1, EMOTIONS, EMOTIONS.index(emotion), *asked)
        for i, text in enumerate(texts[limit : limit + limit * 2 // 5]):
            named = emotion if i // 2 % 2 == 0 else rng.choice([e for e in EMOTIONS if e != emotion])
            question = Question(f"What does the person feel?\nIs this right: {named}?", "yes_no")
            asked = [_about(evidence, question) for evidence in (_wrote(text), NOTHING, _wrote(CONTENT_FREE))]
            yield Item("yes or no", i % 2 == 1, ("yes", "no"), int(named != emotion), *asked)


def _stories(folder: Path, limit: int, rng: random.Random) -> Iterator[Item]:
    rows = [json.loads(line) for file in sorted(folder.glob("*.jsonl.gz")) for line in read_lines(file)]
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
