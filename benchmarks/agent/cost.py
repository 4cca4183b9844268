"""What a turn costs: beside one plain call with a reply of the same length, and beside an earlier commit.

Seconds of neighbouring calls are compared as ratios, since a machine's speed drifts. CPU time is given beside the clock
where both run here: other work on the machine does not lengthen it.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omnisense.agent.agent import Agent
from omnisense.benchmarks.agent.counting import Usage, counted
from omnisense.benchmarks.speed import conversations
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages, message, text_of
from omnisense.reasoning.policies.scripted import ScriptedPolicy

_PLAIN = "You talk with a person. Answer them warmly, in a few sentences."
_MAX_REPLY_TOKENS = 160
_REPLY = (
    "Thank you for telling me this. It sounds like something that stays with you through the day, and it makes "
    "sense that it does. You do not have to have it sorted out before you talk about it. If you like, start with "
    "the part that is hardest right now, and we can look at it together: what weighs on you the most?"
)
_TURN = ["sadness", "to be heard", "reflect the feeling", _REPLY]
# A 7B model on a laptop, without a prefix cache: reading is far cheaper than writing.
_READ_PER_S, _WRITTEN_PER_S = 500.0, 15.0
# Answers one text per line with the seconds of its turn; runs with the package of any commit.
_TURNS = """
import json, sys, time
from omnisense import Agent
from omnisense.reasoning.loop.state import LoopSettings
agent = Agent(sys.argv[1], memory=None, settings=LoopSettings(max_seconds=3600))
agent.respond(text="Hello, it has been a long day.")
print("ready", flush=True)
for line in sys.stdin:
    began, cpu = time.perf_counter(), time.process_time()
    reply = agent.respond(text=json.loads(line)).response
    print(json.dumps([time.perf_counter() - began, time.process_time() - cpu, reply]), flush=True)
"""
Figures = dict[str, Any]


def scripted_leader() -> Policy:
    """Return a leading policy of realistic lengths that costs no time: a turn, or the same reply to a plain call."""

    def reply(prompt: Messages) -> str:
        return _REPLY if text_of(prompt[0]) == _PLAIN else json.dumps(_TURN, separators=(",", ":"))

    return ScriptedPolicy(reply)


def beside_plain_call(policy: Policy, texts: Sequence[str], settings: LoopSettings | None = None) -> Figures:
    """Compare turns of the agent with plain calls of the same policy to the same texts.

    A plain call is a system message of one sentence and the text. A longer reply than the agent's is cut at its
    length by the limit of tokens; what then differs is scaled, since writing takes nearly all of the time.
    All turns are measured one after the other, then all plain calls, twice: as in a service, a policy that keeps its
    cache finds the beginning of the prompt in it, for both. Of each text the faster of the two counts.

    Args:
        policy: behind both.
        texts: what the person types; the first is answered once more, to warm up.
        settings: of the agent's loop.
    """
    agent = Agent(policy, memory=None, settings=settings)

    def turn(text: str) -> str:
        return agent.respond(text=text).response

    limits: dict[str, int] = {}

    def plain_call(text: str, on_token: Callable[[str], None] | None = None) -> str:
        prompt = [message("system", _PLAIN), message("user", text)]
        most = limits.get(text, _MAX_REPLY_TOKENS)
        return policy.write([prompt], max_new_tokens=most, on_token=on_token)[0]

    def measured_plain_calls(turns: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
        for text, row in zip(texts, turns, strict=True):
            limits.pop(text, None)
            pieces: list[str] = []
            share = row["chars"] / max(len(plain_call(text, pieces.append)), 1)
            limits[text] = max(1, math.ceil(len(pieces) * share)) if share < 1 else _MAX_REPLY_TOKENS
        return _measure(policy, plain_call, texts)

    rounds = [(turns := _measure(policy, turn, texts), measured_plain_calls(turns)) for _ in range(2)]
    ours = [min(pair, key=lambda row: row["seconds"]) for pair in zip(*(row[0] for row in rounds), strict=True)]
    plain = [min(pair, key=lambda row: row["seconds"]) for pair in zip(*(row[1] for row in rounds), strict=True)]
    found: Figures = {"turns": len(texts)}
    for name in ("seconds", "cpu seconds", "modelled seconds", "read", "written", "prompts"):
        scales = [
            1.0 if name in ("read", "prompts") else a["chars"] / max(b["chars"], 1)
            for a, b in zip(ours, plain, strict=True)
        ]
        mine, other = [a[name] for a in ours], [b[name] * scale for b, scale in zip(plain, scales, strict=True)]
        ratios = [a / b for a, b in zip(mine, other, strict=True) if b]
        found[name] = {"agent": statistics.median(mine), "plain call": statistics.median(other),
                       "ratio": statistics.median(ratios) if ratios else None}  # fmt: skip
    return found


def _measure(policy: Policy, call: Callable[[str], str], texts: Sequence[str]) -> list[dict[str, float]]:
    """Return what each call took, and the characters of its reply; the first text is answered once more before."""
    call(texts[0])
    rows = []
    for text in texts:
        began, cpu = time.perf_counter(), time.process_time()
        with counted(policy) as usage:
            reply = call(text)
        rows.append({**_figures(usage, time.perf_counter() - began, time.process_time() - cpu), "chars": len(reply)})
    return rows


def _figures(usage: Usage, seconds: float, cpu: float) -> dict[str, float]:
    modelled = usage.read / _READ_PER_S + usage.written / _WRITTEN_PER_S
    return {"seconds": seconds, "cpu seconds": cpu, "modelled seconds": modelled, "read": usage.read,
            "written": usage.written, "prompts": usage.prompts}  # fmt: skip


def beside_commit(commit: str, policy: str, texts: Sequence[str], repository: Path) -> Figures:
    """Time turns of this working tree and of a commit, text by text in turn, in a process each.

    Args:
        commit: to compare with; it is checked out to a temporary folder.
        policy: by name.
        texts: what the person types.
        repository: the git repository.

    Raises:
        subprocess.CalledProcessError: there is no such commit.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(repository), "worktree"]
        subprocess.run([*git, "add", "--detach", str(tree), commit], check=True, capture_output=True)
        try:
            earlier, now = _start(tree, policy), _start(repository, policy)
            rows = [(_turn(earlier, text), _turn(now, text)) for text in texts]
            for process in (earlier, now):
                process.communicate()
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True, capture_output=True)
    found: Figures = {"commit": commit, "turns": len(rows)}
    for place, name in enumerate(("seconds", "cpu seconds")):
        found[name] = {"now": statistics.median(b[place] for _, b in rows),
                       "commit": statistics.median(a[place] for a, _ in rows),
                       "ratio": statistics.median(b[place] / a[place] for a, b in rows)}  # fmt: skip
    return found


def _start(tree: Path, policy: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _TURNS, policy], cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None, "its output is piped"
    process.stdout.readline()  # ready
    return process


def _turn(process: subprocess.Popen[str], text: str) -> tuple[float, float]:
    assert process.stdin is not None, "its input is piped"
    assert process.stdout is not None, "its output is piped"
    process.stdin.write(json.dumps(text) + "\n")
    process.stdin.flush()
    seconds, cpu, _ = json.loads(process.stdout.readline())
    return seconds, cpu


def overhead() -> Figures:
    """Return the milliseconds of a turn without any model's time: without a conversation, in a short and a long one."""
    with tempfile.TemporaryDirectory() as folder:
        found = conversations.measure(str(Path(folder) / "conversations.sqlite"))
    return {
        "no conversation ms": found["none_ms"],
        "conversation of 5 turns, SQLite ms": found["short_ms"],
        "conversation of 500 turns, SQLite ms": found["long_ms"],
    }
