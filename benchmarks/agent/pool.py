"""The pool of an emotion beside its best channel, on rows that took no part in fitting its weights.

Weights are fitted as ``omnisense calibrate`` fits them, on the rows of :mod:`omnisense.reasoning.profile_data`. Those
rows are judged with their speaker or comment left out; comments of GoEmotions' other half and lines of dialogue, which
are never fitted on, by the weights of all. A tiny omni model has learnt one question: its answers are pooled.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omnisense.benchmarks.agent.voices import speaker_of
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.run_folder import cut_torn_line, read_measured
from omnisense.files import read_lines
from omnisense.perception.emotion.tables import comments_by_emotion, read_words
from omnisense.perception.percepts import Percepts
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.reasoning.calibrate import Perceiver, answer_examples, emotion_examples, felt_turns
from omnisense.reasoning.calibration_rows import CalibrationRow, read_rows
from omnisense.reasoning.judged_pool import JudgedPool, complete_weights, fit_pool
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.pooling import POLICY_SOURCES, PoolExample
from omnisense.reasoning.profile import PolicyProfile, profile_of
from omnisense.reasoning.profile_data import clip_rows, text_rows

POOL_NOTE = (
    "The pool of the emotion beside each of its sources alone, by `omnisense calibrate`. Weights are fitted on "
    "comments of GoEmotions and utterances of EmoDB, which are judged with their speaker or comment left out "
    "(`comments`, `utterances`, with noise); weights of all of them judge what is never fitted on: `other comments` "
    "(GoEmotions' dev set) and `lines of dialogue` (MELD's, each without the lines before it), drawn from the seven "
    "emotions in turn. The tiny omni model answers the questions that it was trained on, about other speakers and "
    "noise; the pool's weights are fitted with each clip left out. `policy` is what the policy says where it is asked. "
    "The difference is that to the best source, chosen afterwards; exact 95% interval and p of McNemar's test."
)
_BATCH = 16
_FIGURES = ("n", "pooled", "measured", "difference", "low", "high", "p")


@dataclass(frozen=True)
class Saying:
    """What the sources say about one row.

    Attributes:
        policy: its name in the results.
        id: of the row.
        decision: ``emotion`` or ``answer``.
        leads: whether the policy was asked as one that leads.
        fitted: whether weights are fitted on the row.
        example: the sources, the options and the right one.
    """

    policy: str
    id: str
    decision: str
    leads: bool
    fitted: bool
    example: PoolExample


def pool_rows(data: Path, folder: Path, heads: Path, limit: int) -> dict[bool, list[CalibrationRow]]:
    """Return the rows that weights are fitted on (True), and those that only judge them.

    Args:
        data: with some or all of ``speech/emodb/``, ``text/goemotions/`` and ``text/meld/``.
        folder: where they are written.
        heads: of the tone heads (:func:`omnisense.benchmarks.agent.voices.unheard_heads`).
        limit: of each task, of its emotions in turn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    comments, speech = data / "text" / "goemotions", data / "speech" / "emodb"
    fitted = [*_taken(text_rows(comments) if comments.is_dir() else (), limit),
              *_taken(clip_rows(speech, folder, heads) if speech.is_dir() else (), limit)]  # fmt: skip
    judging = [*_taken(_dev_comments(comments), limit), *_taken(_dialogue(data / "text" / "meld"), limit)]
    found = {}
    for is_fitted, rows in ((True, fitted), (False, judging)):
        file = folder / f"{'fitted' if is_fitted else 'judging'}.jsonl"
        file.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), "utf-8")
        found[is_fitted] = read_rows(file) if rows else []
    return found


def _dev_comments(folder: Path) -> Iterator[dict[str, Any]]:
    if not (folder / "dev.tsv.gz").is_file():
        return
    for emotion, found in comments_by_emotion(folder / "dev.tsv.gz", read_words(folder / "labels.txt")).items():
        for i, text in found:
            yield {"text": text, "emotion": emotion, "group": f"dev-{i}", "task": "other comments"}


def _dialogue(folder: Path) -> Iterator[dict[str, Any]]:
    if not (folder / "dev_sent_emo.csv.gz").is_file():
        return
    for line in csv.DictReader(read_lines(folder / "dev_sent_emo.csv.gz")):
        yield {"text": line["Utterance"], "emotion": line["Emotion"], "group": f"meld-{line['Dialogue_ID']}",
               "task": "lines of dialogue"}  # fmt: skip


def _taken(rows: Iterable[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Return so many rows, of each emotion in turn."""
    by_emotion: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_emotion[row["emotion"]].append(row)
    ranked = []
    for place, emotion in enumerate(sorted(by_emotion)):
        random.Random(emotion).shuffle(by_emotion[emotion])
        ranked += [(rank, place, row) for rank, row in enumerate(by_emotion[emotion])]
    return [row for *_, row in sorted(ranked, key=lambda entry: entry[:2])[:limit]]


def question_rows(samples: Sequence[Sample], heads: Mapping[str, Path]) -> list[CalibrationRow]:
    """Return questions about clips as rows, each a group of its own."""
    return [
        CalibrationRow("", Path(s.media), "", s.question, s.gold, s.id, s.task, {}, heads.get(speaker_of(s)))
        for s in samples
        if s.media
    ]


def collect(
    name: str,
    policy: Policy,
    rows: Mapping[bool, Sequence[CalibrationRow]],
    file: Path,
    on_row: Callable[[int, int], None],
    is_over: Callable[[], bool],
) -> None:
    """Ask about the rows that are not in the file yet.

    Args:
        name: of the policy in the results.
        policy: is asked in the role that it has in the agent.
        rows: of :func:`pool_rows`, or questions.
        file: what the sources say, a line of JSON each.
        on_row: called with the number of rows that are done and that there are.
        is_over: whether to stop before the next rows.

    Raises:
        PolicyError: the policy failed.
    """
    profile, emotions, perceiver = profile_of(policy), EmotionSet(), _perceiver()
    leads = profile.leads and not profile.answers_only  # else an emotion is chosen, or nothing is asked
    cut_torn_line(file)
    done = {saying.id for saying in read_sayings(file)}
    every = [(_id(row), fitted, row) for fitted, part in rows.items() for row in part]
    left = [entry for entry in every if entry[0] not in done]
    left.sort(key=lambda entry: (not entry[1], str(entry[2].voice_emotion_model)))  # each head is loaded once
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        for at in range(0, len(left), _BATCH):
            if is_over():
                return
            part = left[at : at + _BATCH]
            felt = [row for *_, row in part if row.question is None]
            asked = [row for *_, row in part if row.question is not None]
            turns = felt_turns(policy, felt, perceiver, emotions, _quiet)
            found = {id(row): e for row, e in zip(felt, emotion_examples(policy, turns, leads, emotions, _quiet),
                                                  strict=True)}  # fmt: skip
            found |= {id(row): e for row, e in zip(asked, answer_examples(policy, asked, perceiver, _quiet),
                                                   strict=True)}  # fmt: skip
            for key, fitted, row in part:
                decision = "answer" if row.question else "emotion"
                saying = Saying(name, key, decision, leads, fitted, found[id(row)])
                out.write(json.dumps(asdict(saying), ensure_ascii=False) + "\n")
            out.flush()
            on_row(len(every) - len(left) + at + len(part), len(every))


def _id(row: CalibrationRow) -> str:
    parts = [
        row.task,
        row.group,
        row.text,
        row.clip.name if row.clip else "",
        row.question.text if row.question else "",
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _perceiver() -> Perceiver:
    usual = Perception()

    @functools.lru_cache(maxsize=1)
    def hearing_with(model: Path) -> Perception:
        return Perception(replace(PerceptionSettings(), voice_emotion_model=str(model)))

    def perceive(clip: Path, model: Path | None) -> Percepts:
        return (hearing_with(model) if model else usual).perceive(clip)

    return Perceiver(perceive, usual.add_text_emotion)


def read_sayings(file: Path) -> list[Saying]:
    """Return what was collected in a file; none where there is no file. A torn last line is skipped."""
    found = []
    for values in read_measured(file):
        example = values.pop("example")
        sources = {name: (float(r), dict(p)) for name, (r, p) in example.pop("sources").items()}
        options = tuple(example.pop("options"))
        found.append(Saying(**values, example=PoolExample(sources, options, **example)))
    return found


def judge_pool(sayings: Sequence[Saying]) -> dict[str, dict[str, float]]:
    """Return by task the accuracies of the pool and its sources, as :meth:`JudgedPool.by_task` does."""
    found: dict[str, dict[str, float]] = {}
    for decision in dict.fromkeys(saying.decision for saying in sayings):
        own = [saying for saying in sayings if saying.decision == decision]
        fitted = [saying.example for saying in own if saying.fitted]
        if len({example.group for example in fitted}) < 2:
            continue
        leads = decision == "emotion" and own[0].leads
        prior = PolicyProfile("", leads=leads).weights_of(decision)
        weights, judged = fit_pool(fitted, complete_weights(prior, [saying.example for saying in own]))
        found |= judged.by_task()
        if others := [saying.example for saying in own if not saying.fitted]:
            silent = {**weights, **dict.fromkeys(POLICY_SOURCES, 0.0)}
            pools = [[example.pooled(used) for example in others] for used in (weights, silent)]
            found |= JudgedPool(others, *pools).by_task()
    return found


def pool_table(sayings: Sequence[Saying]) -> list[str]:
    """Return a table of the pool against its best source, by policy and task."""
    lines = ["| policy | task | n | sources alone | pool | pool - best source | |",
             "| --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for policy in dict.fromkeys(saying.policy for saying in sayings):
        for task, found in judge_pool([saying for saying in sayings if saying.policy == policy]).items():
            alone = ", ".join(f"{name} {value:.3f}" for name, value in found.items() if name not in _FIGURES)
            is_worse = found["difference"] < 0 and found["p"] < 0.05
            lines.append(
                f"| {policy} | {task} | {found['n']:.0f} | {alone} | {found['pooled']:.3f} | "
                f"{found['difference']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f}), p {found['p']:.3f} | "
                f"{'worse' if is_worse else 'not worse'} |"
            )
    return lines


def _quiet(line: str) -> None:
    """Tell nothing: rows are counted."""
