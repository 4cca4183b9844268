"""Training rows: prompts with media by reference, and the columns that rewards read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import PromptBuilder, PromptSettings
from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.question import BOX_KINDS, Kind
from omnisense.reasoning.policies.messages import Messages
from omnisense.rl.trainers.prompt_prefetch import dump_prompt


@dataclass(frozen=True)
class TrainingRow:
    """A row of a training set. Its fields are the dataset's columns, which rewards receive by name.

    Attributes:
        prompt: as JSON, its media by reference (:func:`omnisense.rl.trainers.prompt_prefetch.dump_prompt`).
        id: of the question.
        question, kind, options, form: the question's text, kind of answer, options, and box notation.
        gold: the right answer; empty where there is none.
        evidence: what is known of the clip in words: percepts and transcript.
        trace: worked reasoning that leads to the right answer; empty where there is none.
    """

    prompt: str
    id: str
    question: str
    kind: Kind
    options: list[str]
    form: str
    gold: str
    evidence: str
    trace: str


def build_rows(
    samples: Iterable[Sample], prompting: PromptSettings, count_tokens: Callable[[Messages], int], max_tokens: int
) -> tuple[list[TrainingRow], list[str]]:
    """Return training rows for samples, and the ids of those whose prompts are too long.

    Args:
        samples: the questions.
        prompting: how they become prompts.
        count_tokens: returns the length of a prompt with its media.
        max_tokens: of a prompt.
    """
    builder, rows, too_long = PromptBuilder(prompting), [], []
    for sample in samples:
        prompt = builder.build(sample).messages
        if count_tokens(prompt) > max_tokens:
            too_long.append(sample.id)
            continue
        rows.append(
            TrainingRow(
                prompt=dump_prompt(prompt),
                id=sample.id,
                question=sample.question.text,
                kind=sample.question.kind,
                options=list(sample.question.options),
                form=sample.question.form,
                gold=sample.gold,
                evidence="\n".join(text for text in (sample.percepts, sample.transcript) if text),
                trace=sample.trace,
            )
        )
    return rows, too_long


def target_reply(row: TrainingRow, think: bool) -> str:
    """Return the reply that SFT teaches for a row, in the form that its prompt asks for.

    Args:
        row: the row.
        think: whether the reply has a think block, for which the row must have a trace.

    Returns:
        The reply; empty where the row has no trace or no right answer for it.
    """
    gold = {"yes": "Yes", "no": "No"}.get(row.gold, row.gold)
    if row.kind in BOX_KINDS:
        gold = boxes.format_boxes(boxes.load(gold), row.form, several=row.kind == "boxes")
    if not think:
        return gold
    return f"<think>{row.trace.strip()}</think>\n<answer>{gold}</answer>" if row.trace and gold else ""
