"""First drafts of replies that pass the agent's own checks, as replies to learn.

Rejection sampling: several drafts are sampled for each row, those with a fault are dropped, and supervised training on
the rest (``omnisense train reply-sft``) makes such drafts likelier (Yuan et al., 2023, arXiv:2308.01825; Dong et al.,
2023, arXiv:2304.06767). One draft a row is kept, and openings and runs of words that many rows share are kept few
times: a sentence that always passes would otherwise take over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from omnisense.reasoning.loop.paraphrase import content_words
from omnisense.reasoning.loop.reply import CONTINUATION_TOKENS
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.policies.base import Policy
from omnisense.rl.data.agent_rows import AgentRow
from omnisense.rl.data.reply_rows import ReplyTarget
from omnisense.rl.progress import OnProgress
from omnisense.rl.trainers.prompt_prefetch import load_prompt

_FIRST_WORDS = 3
_MAX_SHARE = 0.05  # of the kept drafts that begin with the same words
_AT_LEAST = 3  # drafts that may begin alike, however few are kept
_PROMPTS_AT_ONCE = 32


def sample_drafts(
    rows: Sequence[AgentRow], policy: Policy, num_attempts: int, seed: int, on_progress: OnProgress
) -> list[AgentRow]:
    """Return rows of replies with a draft that passes the agent's checks; rows without one are left out.

    Args:
        rows: of replies with an opening; others are passed over.
        policy: writes the drafts, at the loop's own temperature.
        num_attempts: drafts of each row.
        seed: of the sampling.
        on_progress: receives a line for every few rows.

    Raises:
        PolicyError: the policy failed.
    """
    asked = [row for row in rows if row.continues_opening]
    passed: list[tuple[AgentRow, list[str]]] = []
    for at in range(0, len(asked), _PROMPTS_AT_ONCE):
        block = asked[at : at + _PROMPTS_AT_ONCE]
        prompts = [load_prompt(row.prompt) for row in block for _ in range(num_attempts)]
        written = policy.write(
            prompts, max_new_tokens=CONTINUATION_TOKENS, temperature=LoopSettings().temperature, stop=["\n"],
            seed=seed + at,
        )  # fmt: skip
        for i, row in enumerate(block):
            target, drafts = ReplyTarget.of(row), written[i * num_attempts : (i + 1) * num_attempts]
            passed.append((row, [target.added(text) for text in drafts if not target.faults(text)]))
        found = sum(bool(drafts) for _, drafts in passed)
        on_progress(f"{at + len(block)} of {len(asked)}: {found} have a draft without a fault")
    return select_drafts(passed)


def select_drafts(passed: Sequence[tuple[AgentRow, Sequence[str]]]) -> list[AgentRow]:
    """Return each row with the draft that says most of what was heard and is least like those of other rows.

    Args:
        passed: rows, each with its drafts that passed.
    """
    limit = max(_AT_LEAST, round(_MAX_SHARE * sum(bool(drafts) for _, drafts in passed)))
    begun: Counter[tuple[str, ...]] = Counter()
    runs: Counter[tuple[str, ...]] = Counter()
    kept: list[AgentRow] = []
    for row, drafts in sorted(passed, key=lambda one: len(set(one[1]))):  # those with little choice come first
        heard = content_words(row.context["heard"])
        fresh = [text for text in sorted(set(drafts)) if begun[_words(text)[:_FIRST_WORDS]] < limit]
        if not fresh:
            continue
        best = max(fresh, key=lambda text: _value(text, heard, runs))
        begun[_words(best)[:_FIRST_WORDS]] += 1
        runs.update(_runs(best))
        kept.append(row.model_copy(update={"reply": best}))
    return kept


def _value(text: str, heard: set[str], runs: Counter[tuple[str, ...]]) -> float:
    """Return how much of what was heard a draft takes up, less how often its runs of words were kept before."""
    own = _runs(text)
    repeated = sum(min(runs[run], 3) for run in own) / max(1, len(own))
    return min(2, len(content_words(text) & heard)) - repeated


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z']+", text.lower()))


def _runs(text: str) -> list[tuple[str, ...]]:
    words = _words(text)
    return [words[i : i + _FIRST_WORDS] for i in range(len(words) - _FIRST_WORDS + 1)]
