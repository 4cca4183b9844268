"""Training rows on disk: from public sets, from perception rendered to text, and from a policy's own right answers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from omnisense.rl.data import image_converters as general
from omnisense.rl.data.converters import CONVERTERS, Row, convert
from omnisense.rl.data.image_converters import IMAGE_CONVERTERS
from omnisense.rl.rewards import is_well_formed

_PERCEPTS_TOKENS = 500
_TRACE_TOKENS, _TEMPERATURE = 256, 0.9
_PATTERN_OF = {kind: pattern for pattern, kind in PATTERNS.items()}
Say = Callable[[str], None]


def prepare(
    name: str,
    source: Path,
    output: Path,
    *,
    limit: int = 0,
    seed: int = 0,
    policy: str | None = None,
    adapter: str | None = None,
    num_attempts: int = 4,
    say: Say = print,
) -> str:
    """Write ``NAME.json`` (``NAME.jsonl`` for sets about pictures) into the output folder; a line on what it holds.

    Raises:
        InputError: an unknown set, or a source that cannot be read or gives nothing.
    """
    if name in IMAGE_CONVERTERS:
        found = general.convert(name, source)
        random.Random(f"{seed}:{name}").shuffle(found)
        return _written(
            output / f"{name}.jsonl", found[: limit or None], source, f"licence: {IMAGE_CONVERTERS[name].licence}"
        )
    if name == "percepts":
        rows, note = rendered(source, limit, say), "rendered by our own perception"
    elif name == "traces":
        if not policy:
            raise InputError("it is not said who reasons", "Give --policy NAME.")
        teacher = load_policy(policy, adapter=adapter, seed=seed)
        rows, note = traces(source, teacher, limit, num_attempts, seed, say), f"reasoning by {teacher.name}"
    else:
        rows, note = (
            convert(name, source, seed, limit),
            f"licence: {CONVERTERS[name].licence}" if name in CONVERTERS else "",
        )
    return _written(output / f"{name}.json", rows, source, note)


def _written(file: Path, rows: Sequence[Row], source: Path, note: str) -> str:
    if not rows:
        raise InputError(f"nothing came of {file.stem}", "Look at the source.", source)
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
    return f"{len(rows)} rows in {file} ({note})"


def rendered(source: Path, limit: int, say: Say, perception: Any = None) -> list[Row]:
    """Questions about clips as questions about text: what perception finds stands for the clip.

    Args:
        source: a folder or file in HumanSense's shape.
        limit: at most so many rows; 0 for all.
        say: told of clips that could not be perceived.
        perception: to perceive with; a new one by default.
    """
    from omnisense.perception.pipeline import Perception

    perception = perception or Perception()
    rows = []
    for sample in _askable(source, limit):
        seen = ""
        if sample.media is not None:
            try:
                percepts = perception.perceive(clip_of(media_part(sample)))
            except MediaError as error:
                say(f"left out: {error}")
                continue
            seen = percepts.render(_PERCEPTS_TOKENS)
        rows.append(_row(replace(sample, percepts=seen or sample.percepts)))
    return rows


def traces(source: Path, policy: Policy, limit: int, num_attempts: int, seed: int, say: Say) -> list[Row]:
    """Reasoning that a policy wrote and that led to the right answer in the right form (Zelikman et al., 2022).

    Args:
        source: a folder or file in HumanSense's shape.
        policy: who reasons; it is shown the media that it takes.
        limit: at most so many questions; 0 for all.
        num_attempts: replies to each question; the first that is right is kept.
        seed: of the sampling.
        say: told how many questions were solved.
    """
    prompts = PromptBuilder(PromptSettings(think=True, audio="audio" in policy.modalities, transcript="data"))
    samples = [sample for sample in _askable(source, limit) if sample.gold and sample.modality in policy.modalities]
    solved: dict[str, str] = {}
    for attempt in range(num_attempts):
        open_ones = [sample for sample in samples if sample.id not in solved]
        replies = policy.write(
            [prompts.build(sample).messages for sample in open_ones],
            max_new_tokens=_TRACE_TOKENS, temperature=_TEMPERATURE, seed=seed + attempt,
        )  # fmt: skip
        for sample, reply in zip(open_ones, replies, strict=True):
            if is_well_formed(reply) and score(reply, sample.question, sample.gold).value == 1:
                solved[sample.id] = parse(reply, "open").thinking
        say(f"try {attempt + 1} of {num_attempts}: {len(solved)} of {len(samples)} solved")
    return [_row(replace(sample, trace=solved[sample.id])) for sample in samples if sample.id in solved]


def _askable(source: Path, limit: int) -> Sequence[Sample]:
    data = get_suite(DEFAULT_SUITE).load(source, ModelUnderTest())
    samples = [sample for sample in data.samples if not sample.problem]
    return samples[:limit] if limit else samples


def _row(sample: Sample) -> Row:
    """An item as a row, its clip by the path that its folder knows it by; without clip where a text stands for it."""
    asked = {
        **sample.row,
        "question": sample.question.text,
        "question_pattern": _PATTERN_OF.get(sample.question.kind, sample.row.get("question_pattern")),
        "group": sample.group,
        **{
            key: value
            for key, value in (("asr_en", sample.transcript), ("percepts", sample.percepts), ("think", sample.trace))
            if value
        },
    }
    if sample.media is None or sample.percepts:
        return {"id": sample.id, "questions": asked}
    path = Path(sample.media)
    place = next((Path(*path.parts[i:]) for i in range(len(path.parts)) if path.parts[i] in ("videos", "audios")), path)
    window = (
        {"video_or_clip": "clip", "time": f"[{sample.start_s:g} - {sample.end_s:g}]"}
        if sample.start_s is not None
        else {}
    )
    return {"id": sample.id, "video_path": str(place), **window, "questions": asked}


def _link_clips(source: Path, output: Path) -> None:
    """The clips stay where they are: the folders that rows name are linked to them."""
    base = source if source.is_dir() else source.parent
    for name, found in (("videos", base / "videos"), ("audios", base / "audios"), ("videos", base / "video")):
        link = output / name
        if found.is_dir() and not (link.exists() and link.resolve() == found.resolve()):
            if link.is_symlink() or link.exists():
                raise InputError(f"{link} holds the clips of another set", "Name another output folder.", output)
            link.symlink_to(found.resolve(), target_is_directory=True)
