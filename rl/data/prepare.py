"""Training rows on disk: from public sets, from perception rendered to text, and from a policy's own right answers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omnisense.benchmarks.harness.dataset import Item
from omnisense.benchmarks.harness.prompting import Asker, AskSettings, media_part
from omnisense.benchmarks.harness.records import write_atomically
from omnisense.benchmarks.harness.scorer import score
from omnisense.benchmarks.humansense.data import load
from omnisense.benchmarks.humansense.official_score import PATTERNS
from omnisense.errors import InputError, MediaError
from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.load import load_policy
from omnisense.reasoning.policies.messages import clip_of
from omnisense.rl.data import image_converters as general
from omnisense.rl.data.converters import SOURCES, Row, convert
from omnisense.rl.data.image_converters import GENERAL
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
    most: int = 0,
    seed: int = 0,
    policy: str | None = None,
    adapter: str | None = None,
    tries: int = 4,
    say: Say = print,
) -> str:
    """Write ``NAME.json`` (``NAME.jsonl`` for sets about pictures) into the output folder; a line on what it holds.

    Raises:
        InputError: an unknown set, or a source that cannot be read or gives nothing.
    """
    if name in GENERAL:
        found = general.convert(name, source)
        random.Random(f"{seed}:{name}").shuffle(found)
        return _written(output / f"{name}.jsonl", found[: most or None], source, f"licence: {GENERAL[name].licence}")
    if name == "percepts":
        rows, note = rendered(source, most, say), "rendered by our own perception"
    elif name == "traces":
        if not policy:
            raise InputError("it is not said who reasons", "Give --policy NAME.")
        teacher = load_policy(policy, adapter=adapter, seed=seed)
        rows, note = traces(source, teacher, most, tries, seed, say), f"reasoning by {teacher.name}"
    else:
        rows, note = convert(name, source, seed, most), f"licence: {SOURCES[name].licence}" if name in SOURCES else ""
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


def rendered(source: Path, most: int, say: Say, perception: Any = None) -> list[Row]:
    """Questions about clips as questions about text: what perception finds stands for the clip.

    Args:
        source: a folder or file in HumanSense's shape.
        most: at most so many rows; 0 for all.
        say: told of clips that could not be perceived.
        perception: to perceive with; a new one by default.
    """
    from omnisense.perception.pipeline import Perception

    perception = perception or Perception()
    rows = []
    for item in _askable(source, most):
        seen = ""
        if item.media is not None:
            try:
                percepts = perception.perceive(clip_of(media_part(item)))
            except MediaError as error:
                say(f"left out: {error}")
                continue
            seen = percepts.render(_PERCEPTS_TOKENS)
        rows.append(_row(replace(item, percepts=seen or item.percepts)))
    return rows


def traces(source: Path, policy: Policy, most: int, tries: int, seed: int, say: Say) -> list[Row]:
    """Reasoning that a policy wrote and that led to the right answer in the right form (Zelikman et al., 2022).

    Args:
        source: a folder or file in HumanSense's shape.
        policy: who reasons; it is shown the media that it takes.
        most: at most so many questions; 0 for all.
        tries: replies to each question; the first that is right is kept.
        seed: of the sampling.
        say: told how many questions were solved.
    """
    asker = Asker(AskSettings(think=True, audio="audio" in policy.modalities, transcript="data"))
    items = [item for item in _askable(source, most) if item.gold and item.modality in policy.modalities]
    solved: dict[str, str] = {}
    for attempt in range(tries):
        open_ones = [item for item in items if item.id not in solved]
        replies = policy.write(
            [asker.ask(item).messages for item in open_ones],
            max_new_tokens=_TRACE_TOKENS, temperature=_TEMPERATURE, seed=seed + attempt,
        )  # fmt: skip
        for item, reply in zip(open_ones, replies, strict=True):
            if is_well_formed(reply) and score(reply, item.question, item.gold).value == 1:
                solved[item.id] = parse(reply, "open").thinking
        say(f"try {attempt + 1} of {tries}: {len(solved)} of {len(items)} solved")
    return [_row(replace(item, trace=solved[item.id])) for item in items if item.id in solved]


def _askable(source: Path, most: int) -> Sequence[Item]:
    items = [item for item in load(source).items if not item.problem]
    return items[:most] if most else items


def _row(item: Item) -> Row:
    """An item as a row, its clip by the path that its folder knows it by; without clip where a text stands for it."""
    asked = {
        **item.row,
        "question": item.question.text,
        "question_pattern": _PATTERN_OF.get(item.question.kind, item.row.get("question_pattern")),
        "group": item.group,
        **{
            key: value
            for key, value in (("asr_en", item.transcript), ("percepts", item.percepts), ("think", item.trace))
            if value
        },
    }
    if item.media is None or item.percepts:
        return {"id": item.id, "questions": asked}
    path = Path(item.media)
    place = next((Path(*path.parts[i:]) for i in range(len(path.parts)) if path.parts[i] in ("videos", "audios")), path)
    window = (
        {"video_or_clip": "clip", "time": f"[{item.start_s:g} - {item.end_s:g}]"} if item.start_s is not None else {}
    )
    return {"id": item.id, "video_path": str(place), **window, "questions": asked}


def _link_clips(source: Path, output: Path) -> None:
    """The clips stay where they are: the folders that rows name are linked to them."""
    base = source if source.is_dir() else source.parent
    for name, found in (("videos", base / "videos"), ("audios", base / "audios"), ("videos", base / "video")):
        link = output / name
        if found.is_dir() and not (link.exists() and link.resolve() == found.resolve()):
            if link.is_symlink() or link.exists():
                raise InputError(f"{link} holds the clips of another set", "Name another output folder.", output)
            link.symlink_to(found.resolve(), target_is_directory=True)
