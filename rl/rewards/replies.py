"""Rewards of replies to a person, without a judge: deterministic, dense, and computed offline.

They read the column ``target`` (:class:`omnisense.rl.data.reply_rows.ReplyTarget`). What the agent's own loop finds
wrong with a reply is what is rewarded: its checks, with the safety gate among them, are called, not copied. Beside the
rewards, features that none of them uses are logged (``audit/...``): if these fall while the reward rises, the reward is
being gamed.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from omnisense.reasoning.loop.checks import fitting_emotions, score
from omnisense.reasoning.loop.emotion_lexicon import emotion_cues
from omnisense.reasoning.search import require_embedder
from omnisense.rl.data.reply_rows import ReplyTarget
from omnisense.rl.rewards.empathy_head import EmpathyHeads
from omnisense.rl.rewards.functions import Completions, LogColumn, LogMetric, completion_text

_COPIED_WORDS = 5
_SHARPNESS = 0.1  # of the similarities' softmax over strategies


def parse_targets(completions: Completions, target: Sequence[str]) -> list[tuple[ReplyTarget, str]]:
    """Return for each completion its target and what was written."""
    texts = [completion_text(completion) for completion in completions]
    return [(ReplyTarget.model_validate_json(t), text) for t, text in zip(target, texts, strict=True)]


def checks_reward(
    completions: Completions,
    target: Sequence[str],
    log_extra: LogColumn | None = None,
    log_metric: LogMetric | None = None,
    **_: Any,
) -> list[float | None]:
    """Return the loop's own score of each reply: 1 less the cost of its faults, at least 0. Unsafe replies get 0.

    So do completions that add nothing to the opening: to the loop that is a small fault, which would pay here.
    """
    rows = parse_targets(completions, target)
    faults = [goal.faults(written) for goal, written in rows]
    if log_extra:
        log_extra("reply", [goal.reply(written) for goal, written in rows])
        log_extra("faults", ["; ".join(f"{f.name}: {f.reason}" for f in found) or "none" for found in faults])
    if log_metric:
        log_metric("faultless", sum(not found for found in faults) / len(faults))
        for name, value in audit(rows).items():
            log_metric(f"audit/{name}", value)
    return [score(found) if goal.added(written) else 0.0 for (goal, written), found in zip(rows, faults, strict=True)]


def faultless_reward(completions: Completions, target: Sequence[str], **_: Any) -> list[float | None]:
    """Return 1 for a reply in which the loop finds no fault, else 0."""
    return [float(not goal.faults(written)) for goal, written in parse_targets(completions, target)]


def feeling_reward(completions: Completions, target: Sequence[str], **_: Any) -> list[float | None]:
    """Return whether what was added names the right feeling: 1; none: 0.5; a wrong one: 0. None for neutral rows.

    Right is what the data say, or else what was appraised; what goes with either is not wrong.
    """
    rewards: list[float | None] = []
    for goal, written in parse_targets(completions, target):
        named, right = {cue.emotion for cue in emotion_cues(goal.added(written))}, goal.gold or goal.emotion
        if right in ("neutral", "unknown"):
            rewards.append(None)
        elif named - fitting_emotions(right, goal.fitting):
            rewards.append(0.0)
        else:
            rewards.append(1.0 if right in named else 0.5)
    return rewards


def strategy_reward(completions: Completions, target: Sequence[str], **_: Any) -> list[float | None]:
    """Return how clearly what was added carries out the planned strategy, 0 to 1.

    It is the planned strategy's share in a softmax over the strategies, of the greatest similarity to a sentence of
    each in ``strategies.toml``. None where the strategy is not of the default set; 0 where nothing was added.
    """
    rows = parse_targets(completions, target)
    names, owner, sentences = _strategies()
    added = [goal.added(written) for goal, written in rows]
    similar = _encode([text or "." for text in added]) @ sentences.T
    best = np.stack([similar[:, owner == k].max(1) for k in range(len(names))], 1) / _SHARPNESS
    shares = np.exp(best - best.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    return [
        None if goal.strategy not in names else float(shares[i, names.index(goal.strategy)]) if added[i] else 0.0
        for i, (goal, _) in enumerate(rows)
    ]


def diversity_reward(completions: Completions, target: Sequence[str], **_: Any) -> list[float | None]:
    """Return how little of what was added stands word for word in the other replies of the batch, 0 to 1.

    Of its runs of three words, the share that occurs in no other reply; templates are such runs.
    """
    runs = [_runs(goal.added(written), 3) for goal, written in parse_targets(completions, target)]
    counts: dict[tuple[str, ...], int] = {}
    for found in runs:
        for run in found:
            counts[run] = counts.get(run, 0) + 1
    return [sum(counts[run] == 1 for run in found) / len(found) if found else 0.0 for found in runs]


class ReplyLengthReward(BaseModel):
    """A soft limit on the words that were added: 1 from ``low`` to ``high``, down to 0 at none and at twice ``high``.

    Attributes:
        low, high: in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: int = Field(default=5, ge=1)
    high: int = Field(default=20, ge=1)

    def __call__(self, completions: Completions, target: Sequence[str], **_: Any) -> list[float | None]:
        """Return the reward of each completion."""
        words = [len(goal.added(written).split()) for goal, written in parse_targets(completions, target)]
        return [min(1.0, n / self.low) * max(0.0, 1.0 - max(0, n - self.high) / self.high) for n in words]


class EmpathyHeadReward(BaseModel):
    """How empathetic the whole reply is by heads on the sentence embedding: the mean level of three mechanisms, 0 to 1.

    The heads that judge are logged too (``audit/judged_empathy``), and are in no reward.

    Attributes:
        heads: the folder that ``omnisense train empathy-head`` wrote.
    """

    model_config = ConfigDict(extra="forbid")

    heads: Path
    _loaded: tuple[EmpathyHeads, EmpathyHeads] | None = PrivateAttr(None)

    def __call__(
        self, completions: Completions, target: Sequence[str], log_metric: LogMetric | None = None, **_: Any
    ) -> list[float | None]:
        """Return the reward of each completion."""
        if self._loaded is None:
            self._loaded = EmpathyHeads.load(self.heads), EmpathyHeads.load(self.heads, "judge")
        replies = [goal.reply(written) for goal, written in parse_targets(completions, target)]
        rewarding, judging = (
            [sum(row) / 6 for row in zip(*h.levels(replies).values(), strict=True)] for h in self._loaded
        )
        if log_metric:
            log_metric("audit/judged_empathy", sum(judging) / len(judging))
        return list(rewarding)


def audit(rows: Sequence[tuple[ReplyTarget, str]]) -> dict[str, float]:
    """Return features of replies that no reward uses.

    Returns:
        ``copied``: share of runs of five words that stand in what was heard; ``relevance``: similarity of what was
        added to what was heard; ``distinct``: share of distinct pairs of words in the batch; ``words`` that were added.
    """
    added = [goal.added(written) for goal, written in rows]
    runs = [(run, goal) for (goal, _), text in zip(rows, added, strict=True) for run in _runs(text, _COPIED_WORDS)]
    copied = sum(run in _runs(goal.heard, _COPIED_WORDS) for run, goal in runs)
    pairs = [pair for text in added for pair in _runs(text, 2)]
    heard = _encode([goal.heard or "." for goal, _ in rows])
    relevance = (heard * _encode([text or "." for text in added])).sum(1)
    return {
        "copied": copied / max(1, len(runs)),
        "relevance": float(relevance.mean()),
        "distinct": len(set(pairs)) / max(1, len(pairs)),
        "words": sum(len(text.split()) for text in added) / max(1, len(added)),
    }


def _runs(text: str, length: int) -> list[tuple[str, ...]]:
    words = re.findall(r"[a-z']+", text.lower().replace("\u2019", "'"))
    return [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]


@functools.lru_cache(maxsize=1)
def _strategies() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the strategies, for each sentence the index of its own, and the sentences' embeddings (N, 384)."""
    table: dict[str, list[str]] = tomllib.loads(files(__package__).joinpath("strategies.toml").read_text("utf-8"))
    owner = np.array([k for k, sentences in enumerate(table.values()) for _ in sentences])
    return list(table), owner, _encode([sentence for sentences in table.values() for sentence in sentences])


def _encode(texts: Sequence[str]) -> np.ndarray:
    return require_embedder().encode(texts)
