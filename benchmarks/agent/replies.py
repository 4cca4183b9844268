"""Replies to inputs that were settled beforehand, and what people think of them.

The inputs lie beside this module (``inputs.jsonl``): an ``id``, a ``class``, a ``text`` or a ``clip`` (a path in DATA)
or both, the person's ``history``, and what a reply ``must`` and ``must_not`` do. Those whose ``split`` is ``tuning``
were used while the replies were worked on; figures are given for the ``held-out`` ones too.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from omnisense.agent.agent import Agent
from omnisense.agent.response import Response
from omnisense.benchmarks.agent.counting import Usage, counted
from omnisense.benchmarks.agent.shapes import shape_of
from omnisense.benchmarks.harness.run_folder import cut_torn_line, read_measured
from omnisense.errors import InputError, OmniSenseError
from omnisense.files import write_atomically
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.policies.base import Policy

INPUTS = Path(__file__).with_name("inputs.jsonl")
CRITERIA = ("emotional_reaction", "interpretation", "exploration", "fit", "truth")
_MAX_POINTS = 2
_ECHO_WORDS = 5


@dataclass(frozen=True)
class Input:
    """What a person says or shows, and what is asked of a reply to it; see the module."""

    id: str
    kind: str
    split: str
    text: str = ""
    clip: str = ""
    history: tuple[str, ...] = ()
    must: str = ""
    must_not: str = ""


@dataclass(frozen=True)
class RecordedReply:
    """A reply and how it came about.

    Attributes:
        id, kind: of the input.
        reply: what the person would read.
        written_by: the author of the draft that was chosen.
        heard: what the person said and typed, in all turns.
        appraisal: the values of the appraisal's steps, by name.
        calls, prompts, tokens, seconds: of the turn; the seconds without perception.
        notes: of the trace.
        error: why there is no reply.
    """

    id: str
    kind: str
    reply: str
    written_by: str = ""
    heard: str = ""
    appraisal: Mapping[str, Any] = field(default_factory=dict)
    calls: int = 0
    prompts: int = 0
    tokens: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: str = ""

    @property
    def shape(self) -> str:
        """See :func:`omnisense.benchmarks.agent.shapes.shape_of`."""
        return shape_of(self.reply, self.heard)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RecordedReply:
        """Read a reply, of any version of this benchmark: unknown values are left out, missing ones are empty."""
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        return cls(**{"kind": ""} | known | {"notes": tuple(values.get("notes", ()))})


def read_inputs(file: Path = INPUTS) -> list[Input]:
    """Read the inputs.

    Raises:
        InputError: the file cannot be read.
    """
    rows = read_lines(file)
    return [
        Input(kind=row["class"], history=tuple(row.get("history", ())),
              **{key: row[key] for key in ("id", "split", "text", "clip", "must", "must_not") if key in row})
        for row in rows
    ]  # fmt: skip


def read_lines(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a file with a line of JSON each.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        return [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be read as lines of JSON ({error})", "Correct or remove it.", file) from error


def read_replies(file: Path) -> dict[str, RecordedReply]:
    """Return recorded replies by the id of their input; none where there is no file. A torn last line is skipped."""
    return {row["id"]: RecordedReply.from_dict(row) for row in read_measured(file)}


def collect_replies(
    policy: Policy,
    inputs: Sequence[Input],
    data: Path,
    file: Path,
    settings: LoopSettings | None = None,
    on_input: Callable[[int, int], None] | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> dict[str, RecordedReply]:
    """Answer all inputs that have no recorded reply yet; inputs whose clip is not in ``data`` are left out.

    Args:
        policy: behind the agent.
        inputs: what to answer.
        data: the folder with the clips.
        file: of the replies, a line of JSON each.
        settings: of the loop.
        on_input: called with the number of inputs that are done and that there are.
        is_over: whether to stop before the next input.
    """
    cut_torn_line(file)
    recorded = read_replies(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Agent(policy, memory=Path(folder) / "conversations.sqlite", settings=settings) as agent,
        file.open("a", encoding="utf-8") as out,
    ):
        for number, asked in enumerate(inputs, 1):
            if is_over():
                break
            if asked.id not in recorded and (not asked.clip or (data / asked.clip).is_file()):
                recorded[asked.id] = _answer(agent, asked, data)
                out.write(json.dumps(asdict(recorded[asked.id]), ensure_ascii=False) + "\n")
                out.flush()
            if on_input:
                on_input(number, len(inputs))
    return recorded


def _answer(agent: Agent, asked: Input, data: Path) -> RecordedReply:
    began, usage = time.perf_counter(), Usage()
    try:
        for text in asked.history:
            agent.respond(text=text, thread_id=asked.id)
        began = time.perf_counter()
        with counted(agent.policy) as usage:
            clip = data / asked.clip if asked.clip else None
            found = agent.respond(clip, text=asked.text or None, thread_id=asked.id if asked.history else None)
        return _recorded(asked, found, usage, time.perf_counter() - began)
    except OmniSenseError as error:
        seconds = round(time.perf_counter() - began, 3)
        return RecordedReply(asked.id, asked.kind, "", calls=usage.calls, prompts=usage.prompts,
                             tokens=usage.tokens, seconds=seconds, error=str(error))  # fmt: skip


def _recorded(asked: Input, found: Response, usage: Usage, seconds: float) -> RecordedReply:
    heard = " ".join([_spoken(found), *asked.history, asked.text])
    appraisal = {name: step["value"] for name, step in asdict(found.appraisal).items()}
    return RecordedReply(
        asked.id, asked.kind, found.response, found.trace.reply.written_by, heard, appraisal,
        usage.calls, usage.prompts, usage.tokens,
        round(seconds - found.timings_s.get("perceive", 0.0), 3), tuple(found.trace.notes))  # fmt: skip


def _spoken(found: Response) -> str:
    if found.percepts is None:
        return ""
    return str(getattr(found.percepts.transcript, "text", ""))


# --- judgements -------------------------------------------------------------------------------------------------------


def write_sheet(file: Path, inputs: Sequence[Input], versions: Mapping[str, Mapping[str, RecordedReply]]) -> None:
    """Write a sheet for people to fill in: a line of JSON for each reply, with an empty field for each criterion.

    Args:
        file: of the sheet. What a sheet that is there says of the same reply stays, and so do its judgements of replies
            that have changed since, at the end.
        inputs: the inputs.
        versions: replies by input, by the version's name (``before``, ``after``).

    Raises:
        InputError: the sheet that is there cannot be read.
    """
    filled_in = [row for row in (read_lines(file) if file.is_file() else []) if _judgements_of(row)]
    kept = {(row.get("id"), row.get("version"), row.get("reply")): row for row in filled_in}
    rows: list[dict[str, Any]] = []
    for asked in inputs:
        for version, replies in versions.items():
            if asked.id in replies:
                row = {"id": asked.id, "class": asked.kind, "version": version, "text": asked.text, "clip": asked.clip,
                       "must": asked.must, "must_not": asked.must_not, "reply": replies[asked.id].reply}  # fmt: skip
                judged = kept.pop((asked.id, version, row["reply"]), {})
                rows.append(row | dict.fromkeys(CRITERIA) | _judgements_of(judged))
    lines = [json.dumps(row, ensure_ascii=False) for row in (*rows, *kept.values())]
    write_atomically(file, "\n".join(lines) + "\n")


def read_judgements(file: Path) -> list[dict[str, Any]]:
    """Read filled-in lines of a sheet; lines without any judgement are left out.

    Raises:
        InputError: a judgement is not 0, 1 or 2.
    """
    rows = []
    for row in read_lines(file):
        given = _judgements_of(row)
        if wrong := [name for name, points in given.items() if points not in range(_MAX_POINTS + 1)]:
            raise InputError(f"{row['id']}: {wrong[0]} is {given[wrong[0]]!r}", "Give 0, 1 or 2.", file)
        if given:
            rows.append({key: row[key] for key in ("id", "class", "version", "reply")} | given)
    return rows


def _judgements_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is filled in of a line of a sheet."""
    return {name: row[name] for name in CRITERIA if row.get(name) is not None}


def still_given(
    judged: Sequence[Mapping[str, Any]], versions: Mapping[str, Mapping[str, RecordedReply]]
) -> list[Mapping[str, Any]]:
    """Return the judgements of replies that are still given, word for word."""

    def is_given(row: Mapping[str, Any]) -> bool:
        reply = versions.get(row["version"], {}).get(row["id"])
        return reply is not None and reply.reply == row["reply"]

    return [row for row in judged if is_given(row)]


def mean_judgements(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, float]]:
    """Return the mean points by class and version, for each criterion; ``all`` is over all judged replies."""
    points: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for kind in (row["class"], "all"):
            for name in CRITERIA:
                if name in row:
                    points[kind, row["version"]][name].append(row[name])
    return {key: {name: sum(p) / len(p) for name, p in by_name.items()} for key, by_name in points.items()}


# --- proxies ----------------------------------------------------------------------------------------------------------


def echoes(reply: str, heard: str) -> bool:
    """Whether a reply repeats five words of the person in a row. A proxy of parroting, not a judgement."""
    said, words = f" {_plain(heard)} ", _plain(reply).split()
    runs = (" ".join(words[i : i + _ECHO_WORDS]) for i in range(len(words) - _ECHO_WORDS + 1))
    return any(f" {run} " in said for run in runs)


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split())
