"""Replies that were written by hand for texts of two free data sets: what SmolLM2 is taught to write.

``reply_examples.jsonl`` holds, one object a line, the ``group`` of a text and a sentence that continues the agent's
composed opening. The texts themselves stay in their sets: ``counselchat-N`` is the beginning of question N of
CounselChat (MIT), ``train-N`` line N of GoEmotions' ``train.tsv``, counted from 0 (Apache-2.0). Held out are the
beginnings of fifty later questions and fifty comments of GoEmotions' ``dev.tsv``.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from omnisense.files import read_lines
from omnisense.perception.emotion.tables import read_goemotions, read_words
from omnisense.rl.data.agent_rows import AgentRow, read_or_make, write_agent_rows
from omnisense.rl.data.agent_sources import record
from omnisense.rl.data.published import require_files
from omnisense.rl.data.record import Recorder, Utterance
from omnisense.rl.data.reply_rows import ReplyTarget
from omnisense.rl.progress import OnProgress

HELD_OUT = 50  # of each set
_FIRST_HELD_OUT = 500  # questions to counsellors from this number on are held out
_MAX_WORDS, _MIN_WORDS = 32, 5
_RECORDED = 160  # held-out comments, of which those with an opening are taken
_SEED = 0
_TASKS = {"counselchat": "counselchat", "train": "comments"}
_FIRST_PERSON = re.compile(r"\b(I|my|me|I'm|I've)\b")


def read_examples() -> list[tuple[str, str]]:
    """Return the written replies: the group of the text, and the sentence."""
    text = files(__package__).joinpath("reply_examples.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return [(row["group"], row["reply"]) for row in rows]


def prepare_replies(data: Path, folder: Path, on_progress: OnProgress) -> tuple[Path, Path]:
    """Record what the agent asks about the texts, and write rows to train on and to judge by; return their files.

    What an earlier call has written into ``folder`` is used as it is.

    Args:
        data: with ``counselchat`` and ``goemotions`` as published.
        folder: for the rows.
        on_progress: receives a line for each step.

    Raises:
        InputError: a set is missing, or not as published.
    """
    train, test = folder / "train.jsonl", folder / "test.jsonl"
    if not (train.is_file() and test.is_file()):
        examples = read_examples()
        asked = read_or_make(folder, "asked", lambda: _record_examples(data, {g for g, _ in examples}, on_progress))
        questions = read_or_make(folder, "questions", lambda: _record_questions(data, on_progress))
        comments = read_or_make(folder, "comments", lambda: _record_comments(data, on_progress))
        write_agent_rows([*questions, *comments], test)
        write_agent_rows(_with_replies(asked, examples, on_progress), train)
    return train, test


def _with_replies(
    asked: Sequence[AgentRow], examples: Sequence[tuple[str, str]], on_progress: OnProgress
) -> list[AgentRow]:
    """Return a row for each written reply in which the loop's checks find no fault, as it asks today."""
    by_group = {row.group: row for row in asked}
    rows: list[AgentRow] = []
    for number, (group, reply) in enumerate(examples):
        row = by_group.get(group)
        if row is not None and not ReplyTarget.of(row).faults(reply):
            rows.append(row.model_copy(update={"reply": reply, "id": f"{row.id}:{number}"}))
    on_progress(f"{len(rows)} of {len(examples)} written replies pass the checks where the agent asks for them")
    return rows


def _record_examples(data: Path, groups: Collection[str], on_progress: OnProgress) -> list[AgentRow]:
    texts = {**_comments(data / "goemotions"), **_questions(data / "counselchat")}
    return _record({group: texts[group] for group in sorted(groups) if group in texts}, on_progress)


def _record_questions(data: Path, on_progress: OnProgress) -> list[AgentRow]:
    later = {g: text for g, text in _questions(data / "counselchat").items() if int(g.split("-")[1]) >= _FIRST_HELD_OUT}
    return _record(later, on_progress, HELD_OUT)


def _record_comments(data: Path, on_progress: OnProgress) -> list[AgentRow]:
    file = require_files(data / "goemotions", "dev.tsv", "GoEmotions")[0]
    return _asked(record(file, _RECORDED, _SEED, on_progress), HELD_OUT)


def _record(texts: Mapping[str, str], on_progress: OnProgress, limit: int | None = None) -> list[AgentRow]:
    entries = [Utterance(g, text, None, "", g, _TASKS[g.rpartition("-")[0]]) for g, text in texts.items()]
    return _asked(Recorder().utterances(entries, on_progress), limit)


def _asked(rows: Iterable[AgentRow], limit: int | None = None) -> list[AgentRow]:
    """Return the rows that ask the policy to go on from an opening, at most so many."""
    return list(itertools.islice((row for row in rows if row.continues_opening), limit))


def _comments(folder: Path) -> dict[str, str]:
    """Return the training comments of GoEmotions, by group."""
    file = require_files(folder, "train.tsv", "GoEmotions")[0]
    texts, _ = read_goemotions(file, len(read_words(folder / "labels.txt")))
    return {f"train-{number}": text for number, text in enumerate(texts)}


def _questions(folder: Path) -> dict[str, str]:
    """Return by group, in order, the first sentences of CounselChat's questions in which people tell of themselves."""
    found: dict[str, str] = {}
    for file in require_files(folder, "*counsel_chat.csv", "CounselChat"):
        for line in csv.DictReader(read_lines(file)):
            found.setdefault(line["questionID"], line["questionText"] or "")
    beginnings = {number: _beginning(text) for number, text in sorted(found.items(), key=lambda item: int(item[0]))}
    return {
        f"counselchat-{number}": text
        for number, text in beginnings.items()
        if len(text.split()) >= _MIN_WORDS and _FIRST_PERSON.search(text)
    }


def _beginning(text: str) -> str:
    """Return the sentences of a text before its first question, up to a number of words."""
    taken = ""
    for sentence in re.split(r"(?<=[.!?])\s+", " ".join(text.split())):
        longer = f"{taken} {sentence}".strip()
        if sentence.endswith("?") or len(longer.split()) > _MAX_WORDS:
            break
        taken = longer
    return taken
