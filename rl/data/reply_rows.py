"""Rows on which replies are trained: prompts in which a guided policy goes on from an opening, with what it is to fit.

``omnisense train data agent`` records them beside the agent's choices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from omnisense.errors import InputError
from omnisense.reasoning.loop.checks import ReplyContext, find_faults, fitting_emotions
from omnisense.reasoning.loop.reply import complete_reply, known_words
from omnisense.reasoning.policies.messages import Messages
from omnisense.rl.data.agent_rows import AgentRow, read_agent_rows
from omnisense.rl.data.choice_split import ChoiceSplit, fingerprint_of
from omnisense.rl.data.settings import DataSettings
from omnisense.rl.data.split import is_held_out, limit_samples
from omnisense.rl.trainers.prompt_prefetch import load_prompt

_HOW = "Write rows with `omnisense train data agent`."
COLUMN = "target"  # of a dataset's rows, which rewards receive by this name


class ReplyTarget(BaseModel):
    """What a reply is to fit.

    Attributes:
        heard: what the person said and wrote.
        opening: the composed sentences that the policy goes on from.
        emotion, strategy: as appraised.
        gold: the emotion that the data name; empty for none.
        fitting: emotions that a reply may name.
        faces: emotions that the face shows; None where no face was seen.
        has_voice: whether the person's voice was heard.
    """

    model_config = ConfigDict(extra="forbid")

    heard: str
    opening: str
    emotion: str
    strategy: str
    gold: str = ""
    fitting: list[str]
    faces: list[str] | None = None
    has_voice: bool = False

    @classmethod
    def of(cls, row: AgentRow) -> ReplyTarget:
        """Return the target of a recorded row."""
        context, faces = row.context, row.context.get("faces", "none seen")
        named = context.get("fitting")
        return cls(
            heard=context["heard"], opening=context["opening"], emotion=context["emotion"],
            strategy=context.get("strategy", ""), gold=row.gold[0] if row.gold else "",
            fitting=sorted(fitting_emotions(context["emotion"])) if named is None else _names(named),
            faces=None if faces == "none seen" else _names(faces), has_voice=bool(context.get("voice")),
        )  # fmt: skip

    def reply(self, written: str) -> str:
        """Return the whole reply, as the agent makes it of what the policy wrote."""
        return complete_reply(self.opening, written.split("\n")[0])

    def added(self, written: str) -> str:
        """Return what the policy added to the opening."""
        return self.reply(written)[len(self.opening) :].strip()

    def context(self) -> ReplyContext:
        """Return what the loop checks the reply against."""
        return ReplyContext(
            self.heard, self.fitting, face_emotions=self.faces, has_voice=self.has_voice, opening=self.opening,
            asks="question" in self.strategy, known=known_words(self.heard, self.opening),
        )  # fmt: skip

    def faults(self, written: str) -> list[Any]:
        """Return the faults that the loop finds in the reply."""
        return find_faults(self.reply(written), self.context())


class ReplySplit(ChoiceSplit):
    """The rows of a run that trains replies."""


def load_reply_split(settings: DataSettings, seed: int, *, written: bool = False) -> ReplySplit:
    """Read replies that the agent asked for, and hold groups out.

    Args:
        settings: which rows; ``limit``, ``test_limit`` and ``test_fraction`` apply as to questions.
        seed: of the split and of the order.
        written: whether to train only on rows that have a reply to learn.

    Raises:
        InputError: unreadable data, or nothing left to train on.
    """
    rows, test = _replies(settings.files), _replies(settings.test_files)
    held_out = {row.group for row in test}
    if not settings.test_files:
        held_out = {row.group for row in rows if is_held_out(row.group, settings.test_fraction, seed)}
        test = [row for row in rows if row.group in held_out]
    train = [row for row in rows if row.group not in held_out and (row.reply or not written)]
    if not train:
        how = "Write replies with `omnisense train data drafts`." if written else _HOW
        raise InputError("no reply is left to train on", how, settings.files[0])
    return ReplySplit(
        tuple(limit_samples(train, settings.limit, seed)),
        tuple(limit_samples(test, settings.test_limit, seed)),
        {},
        fingerprint_of((*settings.files, *settings.test_files)),
    )


def reply_columns(
    rows: Sequence[AgentRow], settings: DataSettings, count_tokens: Callable[[Messages], int]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the dataset's rows, and the ids of rows whose prompts are too long.

    Args:
        rows: to train on.
        settings: their ``max_prompt_tokens``.
        count_tokens: returns the length of a prompt.
    """
    fitting, too_long = _by_length(rows, settings, count_tokens)
    return [
        {"prompt": row.prompt, "id": row.id, COLUMN: ReplyTarget.of(row).model_dump_json()} for row in fitting
    ], too_long


def written_columns(
    rows: Sequence[AgentRow], settings: DataSettings, count_tokens: Callable[[Messages], int]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the dataset's rows for supervised training, and the ids of rows whose prompts are too long.

    Args:
        rows: to train on, each with a reply.
        settings: their ``max_prompt_tokens``.
        count_tokens: returns the length of a prompt.
    """
    fitting, too_long = _by_length(rows, settings, count_tokens)
    return [{"prompt": row.prompt, "reply": f" {row.reply}"} for row in fitting], too_long  # goes on from the opening


def _by_length(
    rows: Sequence[AgentRow], settings: DataSettings, count_tokens: Callable[[Messages], int]
) -> tuple[list[AgentRow], list[str]]:
    """Return the rows whose prompts are short enough, and the ids of the others."""
    lengths = [count_tokens(load_prompt(row.prompt)) for row in rows]
    fitting = [row for row, length in zip(rows, lengths, strict=True) if length <= settings.max_prompt_tokens]
    return fitting, [row.id for row, length in zip(rows, lengths, strict=True) if length > settings.max_prompt_tokens]


def _replies(files: Sequence[Path]) -> list[AgentRow]:
    """Return the rows of replies, each with the emotion that the data name where they do."""
    rows = read_agent_rows(files)
    gold = {row.group: row.gold for row in rows if row.decision == "emotion"}
    return [row.model_copy(update={"gold": gold.get(row.group, [])}) for row in rows if row.continues_opening]


def _names(text: str) -> list[str]:
    return [name for name in text.split(", ") if name]
