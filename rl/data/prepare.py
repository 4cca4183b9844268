"""Write training rows: from public datasets, from clips rendered to text, and from a policy's right answers."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import PromptBuilder, PromptSettings, media_part
from omnisense.benchmarks.harness.question_files import PATTERNS
from omnisense.benchmarks.harness.scorer import score
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.suites import DEFAULT_SUITE, get_suite
from omnisense.errors import InputError, MediaError
from omnisense.files import write_atomically
from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.load import load_policy
from omnisense.reasoning.policies.messages import clip_of
from omnisense.rl.data.converters import CONVERTERS, Row, convert
from omnisense.rl.data.image_converters import IMAGE_CONVERTERS, convert_images
from omnisense.rl.progress import OnProgress, log_progress
from omnisense.rl.rewards.functions import is_well_formed

if TYPE_CHECKING:
    from omnisense.perception.pipeline import Perception

_log = logging.getLogger(__name__)
_PERCEPTS_TOKENS = 500
_DRAFTS_AT_ONCE = 64
_TRACE_TOKENS, _TEMPERATURE = 256, 0.9
_PATTERN_OF = {kind: pattern for pattern, kind in PATTERNS.items()}


@dataclass(frozen=True)
class PreparedRows:
    """A file of training rows: its path, how many rows it has, and a note on their origin or license."""

    file: Path
    num_rows: int
    note: str


def prepare_rows(
    name: str,
    source: Path,
    output: Path,
    *,
    limit: int = 0,
    seed: int = 0,
    policy: str | None = None,
    adapter: str | None = None,
    num_attempts: int = 4,
    on_progress: OnProgress | None = None,
) -> PreparedRows:
    """Write ``NAME.json`` (``NAME.jsonl`` for datasets of images and what the agent asks) into a folder.

    Args:
        name: of a public dataset, ``percepts``, ``traces``, ``agent``, or ``drafts``.
        source: folder of the dataset; for percepts and traces, a folder of questions; for ``agent``, also a file
            (:func:`omnisense.rl.data.agent_sources.record`); for ``drafts``, rows that ``agent`` gave.
        output: the folder.
        limit: at most so many rows; 0 for all.
        seed: of the order of rows, and of sampling.
        policy, adapter: for traces and drafts, the policy that writes; for ``agent``, the one that is recorded (by
            default a script in a guided policy's place).
        num_attempts: for traces, replies to each question; for drafts, to each row.
        on_progress: receives a line for each step.

    Raises:
        InputError: an unknown dataset, or a source that cannot be read or yields no rows.
    """
    report = log_progress(_log, on_progress)
    if name in IMAGE_CONVERTERS:
        rows = convert_images(name, source)
        random.Random(f"{seed}:{name}").shuffle(rows)
        note = f"license: {IMAGE_CONVERTERS[name].license}"
        return _write_rows(output / f"{name}.jsonl", rows[: limit or None], source, note)
    if name == "agent":
        return _record(source, output, limit, seed, policy, adapter, report)
    if name == "drafts":
        return _sample_drafts(source, output, limit, seed, policy, adapter, num_attempts, report)
    if name == "percepts":
        rows, note = render_clips(source, limit, report), "clips rendered to text by our perception"
    elif name == "traces":
        if not policy:
            raise InputError("traces need a policy that reasons", "Give --policy NAME.")
        teacher = load_policy(policy, adapter=adapter, seed=seed)
        rows, note = sample_traces(source, teacher, limit, num_attempts, seed, report), f"reasoning by {teacher.name}"
    else:
        rows = convert(name, source, seed, limit)
        note = f"license: {CONVERTERS[name].license}"
    return _write_rows(output / f"{name}.json", rows, source, note)


def _record(
    source: Path, output: Path, limit: int, seed: int, policy: str | None, adapter: str | None, report: OnProgress
) -> PreparedRows:
    """Write what the agent asks about a source."""
    from omnisense.rl.data.agent_rows import write_agent_rows
    from omnisense.rl.data.agent_sources import record
    from omnisense.rl.data.record import Recorder

    answers = load_policy(policy, adapter=adapter, seed=seed) if policy else None
    calls = record(source, limit, seed, report, Recorder(answers))
    if not calls:
        raise InputError("the agent asked its policy nothing about it", "Give texts, clips or questions.", source)
    file = output / f"agent-{source.name.partition('.')[0]}.jsonl"
    write_agent_rows(calls, file)
    labelled = sum(row.is_labelled for row in calls)
    return PreparedRows(file, len(calls), f"{labelled} of them choices whose right option is known")


def _sample_drafts(
    source: Path,
    output: Path,
    limit: int,
    seed: int,
    policy: str | None,
    adapter: str | None,
    num_attempts: int,
    report: OnProgress,
) -> PreparedRows:
    """Write rows of replies with drafts that pass the agent's checks."""
    from omnisense.rl.data.agent_rows import read_agent_rows, write_agent_rows
    from omnisense.rl.data.drafts import sample_drafts

    if not policy:
        raise InputError("drafts need a policy that writes", "Give --policy NAME.")
    asked = [row for row in read_agent_rows([source]) if row.continues_opening]
    random.Random(f"{seed}:drafts").shuffle(asked)
    asked = asked[: limit or None]
    writer = load_policy(policy, adapter=adapter, seed=seed, batch_size=_DRAFTS_AT_ONCE)
    rows = sample_drafts(asked, writer, num_attempts, seed, report)
    if not rows:
        raise InputError("no draft passed the agent's checks", "Give more rows, or raise --num-attempts.", source)
    write_agent_rows(rows, output / "drafts.jsonl")
    return PreparedRows(
        output / "drafts.jsonl", len(rows), f"written by {writer.name}, of {len(asked)} replies asked for"
    )


def _write_rows(file: Path, rows: Sequence[Row], source: Path, note: str) -> PreparedRows:
    if not rows:
        raise InputError(f"no rows for {file.stem} were found", "Check the source folder.", source)
    if file.suffix == ".jsonl":
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        text = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if any(row.get("video_path") for row in rows):
            _link_clips(source, file.parent)
        write_atomically(file, text)
    except OSError as error:
        raise InputError(f"it cannot be written ({error.strerror})", "Name another folder.", file.parent) from error
    return PreparedRows(file, len(rows), note)


def render_clips(source: Path, limit: int, on_progress: OnProgress, perception: Perception | None = None) -> list[Row]:
    """Return questions about clips as questions about text: each clip is replaced by its percepts.

    Args:
        source: a folder or file in HumanSense's format.
        limit: at most so many rows; 0 for all.
        on_progress: receives a line for each clip that is skipped.
        perception: to perceive with; a new one by default.
    """
    from omnisense.perception.pipeline import Perception

    perception = perception or Perception()
    rows = []
    for sample in _load_samples(source, limit):
        rendered = ""
        if sample.media is not None:
            try:
                percepts = perception.perceive(clip_of(media_part(sample)))
            except MediaError as error:
                on_progress(f"skipped: {error}")
                continue
            rendered = percepts.render(_PERCEPTS_TOKENS)
        rows.append(_row(replace(sample, percepts=rendered or sample.percepts)))
    return rows


def sample_traces(
    source: Path, policy: Policy, limit: int, num_attempts: int, seed: int, on_progress: OnProgress
) -> list[Row]:
    """Return questions with a policy's own reasoning, where it led to the right answer (Zelikman et al., 2022).

    Args:
        source: a folder or file in HumanSense's format.
        policy: reasons; it is given the media that it takes.
        limit: at most so many questions; 0 for all.
        num_attempts: replies to each question; the first right one is kept.
        seed: of the sampling.
        on_progress: receives a line for each attempt.
    """
    builder = PromptBuilder(PromptSettings(think=True, audio="audio" in policy.modalities, transcript="data"))
    samples = [s for s in _load_samples(source, limit) if s.gold and s.modality in policy.modalities]
    solved: dict[str, str] = {}
    for attempt in range(num_attempts):
        unsolved = [sample for sample in samples if sample.id not in solved]
        replies = policy.write(
            [builder.build(sample).messages for sample in unsolved],
            max_new_tokens=_TRACE_TOKENS, temperature=_TEMPERATURE, seed=seed + attempt,
        )  # fmt: skip
        for sample, reply in zip(unsolved, replies, strict=True):
            if is_well_formed(reply) and score(reply, sample.question, sample.gold).value == 1:
                solved[sample.id] = parse(reply, "open").thinking
        on_progress(f"attempt {attempt + 1} of {num_attempts}: {len(solved)} of {len(samples)} solved")
    return [_row(replace(sample, trace=solved[sample.id])) for sample in samples if sample.id in solved]


def _load_samples(source: Path, limit: int) -> Sequence[Sample]:
    data = get_suite(DEFAULT_SUITE).load(source, ModelUnderTest())
    samples = [sample for sample in data.samples if not sample.why_not()]
    return samples[:limit] if limit else samples


def _row(sample: Sample) -> Row:
    """Return a sample as a row, with its clip's path inside the folder; without it where the row has percepts."""
    question = {
        **sample.row,
        "question": sample.question.text,
        "question_pattern": _PATTERN_OF.get(sample.question.kind, sample.row.get("question_pattern")),
        "group": sample.group,
    }
    texts = {"asr_en": sample.transcript, "percepts": sample.percepts, "think": sample.trace}
    question |= {key: text for key, text in texts.items() if text}
    if sample.media is None or sample.percepts:
        return {"id": sample.id, "questions": question}
    window: Row = {}
    if sample.start_s is not None:
        window = {"video_or_clip": "clip", "time": f"[{sample.start_s:g} - {sample.end_s:g}]"}
    return {"id": sample.id, "video_path": str(_path_in_folder(sample.media)), **window, "questions": question}


def _path_in_folder(media: str) -> Path:
    """Return the path from ``videos`` or ``audios`` on."""
    path = Path(media)
    starts = (i for i, part in enumerate(path.parts) if part in ("videos", "audios"))
    return next((Path(*path.parts[i:]) for i in starts), path)


def _link_clips(source: Path, output: Path) -> None:
    """Link the folders that rows name to the source's, so that clips need not be copied."""
    base = source if source.is_dir() else source.parent
    for name, found in (("videos", base / "videos"), ("audios", base / "audios"), ("videos", base / "video")):
        link = output / name
        if found.is_dir() and not (link.exists() and link.resolve() == found.resolve()):
            if link.is_symlink() or link.exists():
                raise InputError(f"{link} holds the clips of another dataset", "Name another output folder.", output)
            link.symlink_to(found.resolve(), target_is_directory=True)
