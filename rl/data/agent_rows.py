"""Rows of what the agent asks its policy: a prompt with options, the right ones where they are known, and what was
measured beside it. JSON, one object a line; ``omnisense train data agent`` writes them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from omnisense.errors import InputError
from omnisense.files import write_atomically
from omnisense.reasoning.pooling import PoolExample

_USAGE = "Write rows with `omnisense train data agent SET --output DIR`."


class MeasuredChannel(BaseModel):
    """What a channel says about a decision.

    Attributes:
        reliability: 0 to 1, a factor of the channel's weight in the pool.
        probabilities: of the options.
    """

    model_config = ConfigDict(extra="forbid")

    reliability: float
    probabilities: dict[str, float]


class AgentRow(BaseModel):
    """One call of the agent's policy.

    Attributes:
        id: of the text, clip or question, and the step.
        group: what is held out together: a writer, dialogue, story, speaker or clip.
        task: rows that are reported together.
        decision: ``emotion``, ``context``, ``need``, ``strategy``, ``answer``, or another step of the loop.
        verb: ``choose`` among the options, or ``write``.
        prompt: as JSON, its media by reference (:func:`omnisense.rl.trainers.prompt_prefetch.dump_prompt`).
        options: to choose from, as the policy is given them.
        gold: the right options; empty where the data do not say.
        neutral: the prompt of the same decision without evidence, by which the agent measures the policy's bias; empty
            where it measures none.
        measured: by channel, what it says about the options.
        context: what a reply is to fit: what was heard, the appraisal, and the opening; empty for a choice.
        reference: the probabilities that a model gave the options, which training is to keep; empty where it is to
            teach the right option, or nothing.
        reply: of a call to write, what is to be written; empty where the data do not say.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    group: str
    task: str
    decision: str
    verb: Literal["choose", "write"]
    prompt: str
    options: list[str] = []
    gold: list[str] = []
    neutral: str = ""
    measured: dict[str, MeasuredChannel] = {}
    context: dict[str, str] = {}
    reference: list[float] = []
    reply: str = ""

    @property
    def is_labelled(self) -> bool:
        """Whether it is a choice whose right outcome is known."""
        return self.verb == "choose" and bool(self.gold)

    @property
    def continues_opening(self) -> bool:
        """Whether it asks the policy to go on from the opening of a reply."""
        return self.decision == "reply" and self.verb == "write" and bool(self.context.get("opening"))

    def target(self) -> list[float]:
        """Return the distribution over the options to train on: the reference, or the right ones in equal shares."""
        if self.reference:
            return self.reference
        return [float(option in self.gold) / len(self.gold) for option in self.options]

    def example(self, opinion: Mapping[str, float]) -> PoolExample:
        """Return the decision with what the channels and the policy say, to fit and judge a pool on."""
        sources = {name: (m.reliability, dict(m.probabilities)) for name, m in self.measured.items()}
        return PoolExample(
            {**sources, "policy": (1.0, dict(opinion))}, tuple(self.options), self.gold[0], self.group, self.task
        )


def read_agent_rows(paths: Sequence[Path]) -> list[AgentRow]:
    """Read files of rows, or every ``.jsonl`` file in a folder.

    Raises:
        InputError: a file cannot be read, or a line is no row.
    """
    rows: list[AgentRow] = []
    for path in paths:
        for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
            try:
                lines = list(io.StringIO(file.read_text("utf-8")))  # a text may hold other line separators than "\n"
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"the rows cannot be read ({error})", _USAGE, file) from error
            for number, line in enumerate(lines, 1):
                try:
                    rows.append(AgentRow.model_validate_json(line))
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(map(str, first["loc"])) or "the object"
                    raise InputError(
                        f"line {number} is no row of the agent ({where}: {first['msg'].lower()})", _USAGE, file
                    ) from error
    return rows


def write_agent_rows(rows: Iterable[AgentRow], file: Path) -> None:
    """Write a file of rows.

    Raises:
        InputError: it cannot be written.
    """
    text = "".join(row.model_dump_json(exclude_defaults=True) + "\n" for row in rows)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, text)
    except OSError as error:
        raise InputError(f"it cannot be written ({error.strerror})", "Name another folder.", file) from error


def read_or_make(folder: Path, name: str, make: Callable[[], Iterable[AgentRow]]) -> list[AgentRow]:
    """Return a part of the rows that a command records: as an earlier call wrote it, or made and written now.

    Args:
        folder: of the command's rows; the part is ``parts/NAME.jsonl`` in it.
        name: of the part.
        make: records the part's rows.

    Raises:
        InputError: the file cannot be read or written.
    """
    file = folder / "parts" / f"{name}.jsonl"
    if not file.is_file():
        write_agent_rows(make(), file)
    return read_agent_rows([file])
