"""What a turn costs: beside one plain call with a reply of the same length, and beside an earlier commit.

Seconds of neighbouring calls are compared as ratios, since a machine's speed drifts. CPU time is given beside the clock
where both run here: other work on the machine does not lengthen it.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omnisense.agent.agent import Agent
from omnisense.benchmarks.agent.counting import counted
from omnisense.benchmarks.speed import conversations
from omnisense.errors import InputError
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.leading_prompts import emotion_request
from omnisense.reasoning.loop.state import CHARS_PER_TOKEN, LoopSettings, count_tokens
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages, message, text_of
from omnisense.reasoning.policies.scripted import ScriptedPolicy

_PLAIN = "You talk with a person. Answer them warmly, in a few sentences."
_MAX_REPLY_TOKENS = 160
_WARM_UP = "Hello, it is me."
_CONVERSATIONS = (
    (
        "I start my new job on Monday, at a bakery.",
        "I am scared that I will mix up the orders. Everybody there knows how it works but me.",
        "Maybe you are right. What could I do on the first day so that I don't forget things?",
    ),
    (
        "My sister and I had a big fight at dinner.",
        "She said that I never help with our mother. That hurt, because I call her every day.",
        "How should I start when I phone her tomorrow?",
    ),
    (
        "Our dog has to have an operation on Thursday. He is eleven.",
        "The vet says that it usually goes well, but I worry about it all day.",
        "Can you tell me what I should ask the vet before then?",
    ),
    (
        "I passed my driving test today, at the fourth attempt!",
        "My dad never believed I would. He only said 'about time'.",
        "Where would you go first, if you had a car?",
    ),
    (
        "Can you help me plan a birthday party for my daughter? She turns six.",
        "We have a small garden and about fifty euros, and eight children are coming.",
        "What if it rains?",
    ),
    (
        "My flatmate leaves dirty plates in the sink for days.",
        "I did tell her. She laughed and said that I am too tidy. It drives me mad.",
        "Would it be rude to write her a note? Please write one that is friendly.",
    ),
    (
        "My grandfather's funeral was this morning.",
        "He taught me how to repair clocks. Now they all stand still in his workshop.",
        "I think I will take one home and try to get it going. Which would you take?",
    ),
    (
        "I can't sleep before exams. Tomorrow is chemistry.",
        "I know most of it. As soon as I lie down I go through every formula, though.",
        "Okay, I will put the book away now. What helps people fall asleep?",
    ),
)
_REPLY = (
    "Thank you for telling me this. It sounds like something that stays with you through the day, and it makes "
    "sense that it does. You do not have to have it sorted out before you talk about it. If you like, start with "
    "the part that is hardest right now, and we can look at it together: what weighs on you the most?"
)
_APPRAISAL = ["sadness", "reflect"]
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
# What the model itself read and wrote, without what a cache held; of policies that count it.
_PROCESSED = ("tokens read anew", "tokens written")
Figures = dict[str, Any]
_Row = dict[str, float]


def scripted_leader() -> Policy:
    """Return a leading policy that costs no time: it writes a list or an emotion where asked for one, else a reply."""
    emotions = EmotionSet()
    asks_for_emotion = emotion_request(emotions.names, emotions.neutral)

    def reply(prompt: Messages) -> str:
        asked = text_of(prompt[-1])
        if asked.endswith(asks_for_emotion):
            return _APPRAISAL[0]
        return json.dumps([*_APPRAISAL, _REPLY], separators=(",", ":")) if "JSON" in asked else _REPLY

    return ScriptedPolicy(reply)


def beside_plain_call(policy: Policy, texts: Sequence[str], settings: LoopSettings | None = None) -> Figures:
    """Compare turns of the agent with plain calls of the same policy to the same texts.

    A plain call is a system message of one sentence and the text, at the temperature of the agent. What it took is read
    off while it streams, where its reply is as long as the agent's; that of a shorter one goes on at its own pace. All
    turns are measured one after the other, then all plain calls: as in a service, a policy that keeps its cache finds
    the beginning of the prompt in it, for both, and never a text itself, since each is given once.

    Args:
        policy: behind both.
        texts: what the person types.
        settings: of the agent's loop.

    Returns:
        The medians of both and of their ratio, over single turns; and those of whole conversations of three turns, by
        names that begin with ``conversation``.
    """
    single = _compare(policy, [[text] for text in texts], settings)
    conversations = _compare(policy, _CONVERSATIONS, settings)
    return {"turns": len(texts)} | single | {f"conversation {name}": found for name, found in conversations.items()}


def _compare(policy: Policy, conversations: Sequence[Sequence[str]], settings: LoopSettings | None) -> Figures:
    """Compare conversations, each as a whole; all are had with the agent, then all in plain calls."""
    agent = Agent(policy, memory=None, settings=settings)
    agent.respond(text=_WARM_UP)
    ours: list[list[_Row]] = []
    for at, said in enumerate(conversations):
        ours.append([_turn_row(agent, policy, text, f"measured {at}") for text in said])
    temperature = (settings or LoopSettings()).temperature
    _plain_rows(policy, [_WARM_UP], [1], temperature)
    plain = [
        _plain_rows(policy, said, [row["chars"] for row in rows], temperature)
        for said, rows in zip(conversations, ours, strict=True)
    ]
    found: Figures = {}
    names = ("seconds", "cpu seconds", "modelled seconds", "read", "written", "prompts", *_PROCESSED)
    for name in (name for name in names if name in ours[0][0]):
        mine = [sum(row[name] for row in rows) for rows in ours]
        other = [sum(row[name] for row in rows) for rows in plain]
        ratios = [a / b for a, b in zip(mine, other, strict=True) if b]
        found[name] = {"agent": statistics.median(mine), "plain call": statistics.median(other),
                       "ratio": statistics.median(ratios) if ratios else None}  # fmt: skip
    return found


def _turn_row(agent: Agent, policy: Policy, text: str, thread: str) -> _Row:
    """Return what a turn of the agent took, and the characters of its reply."""
    before = _processed(policy)
    began, cpu = time.perf_counter(), time.process_time()
    with counted(policy) as usage:
        reply = agent.respond(text=text, thread_id=thread).response
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    row = _row(usage.read, usage.written, usage.prompts, seconds, cpu_seconds, reply)
    return row | {name: count - before[name] for name, count in _processed(policy).items()}


def _processed(policy: Policy) -> _Row:
    """Return how many tokens a policy's model has processed so far; empty for a policy that does not count them."""
    return dict(zip(_PROCESSED, getattr(policy, "processed_tokens", ()), strict=False))


def _plain_rows(policy: Policy, said: Sequence[str], chars: Sequence[float], temperature: float) -> list[_Row]:
    """Return what each plain call of a conversation took until its reply had so many characters."""
    prompt, rows = [message("system", _PLAIN)], []
    for text, length in zip(said, chars, strict=True):
        prompt.append(message("user", text))
        marks: list[tuple[float, float, float]] = []  # characters, seconds and CPU seconds at each piece
        before = _processed(policy)
        began, cpu = time.perf_counter(), time.process_time()

        def mark(piece: str, marks: list[Any] = marks, began: float = began, cpu: float = cpu) -> None:
            so_far = marks[-1][0] if marks else 0.0
            marks.append((so_far + len(piece), time.perf_counter() - began, time.process_time() - cpu))

        [reply] = policy.write([prompt], max_new_tokens=_MAX_REPLY_TOKENS, temperature=temperature, on_token=mark)
        mark("")
        seconds, cpu_seconds = _at(marks, length)
        row = _row(count_tokens([prompt], ()), length / CHARS_PER_TOKEN, 1, seconds, cpu_seconds, reply)
        found = {name: count - before[name] for name, count in _processed(policy).items()}
        if found:  # of the reply as long as the agent's, at its own characters per token
            found[_PROCESSED[1]] *= length / max(len(reply), 1)
        rows.append(row | found)
        prompt.append(message("assistant", reply))
    return rows


def _at(marks: Sequence[tuple[float, float, float]], length: float) -> tuple[float, float]:
    """Return the seconds and CPU seconds at which a reply of that length had ended, or would have at its own pace.

    Args:
        marks: characters, seconds and CPU seconds at each piece of a reply, and at its end.
        length: in characters.
    """
    first, last = marks[0], marks[-1]
    token = [(last[i] - first[i]) / max(len(marks) - 1, 1) for i in (1, 2)]
    reached = next((mark for mark in marks[:-1] if mark[0] >= length), None)
    if reached is not None:  # one more token ends it
        return reached[1] + token[0], reached[2] + token[1]
    rest = (length - last[0]) / max(last[0] - first[0], 1.0)
    return last[1] + rest * (last[1] - first[1]), last[2] + rest * (last[2] - first[2])


def _row(read: float, written: float, prompts: int, seconds: float, cpu: float, reply: str) -> _Row:
    return {"seconds": seconds, "cpu seconds": cpu, "modelled seconds": read / _READ_PER_S + written / _WRITTEN_PER_S,
            "read": read, "written": written, "prompts": prompts, "chars": len(reply)}  # fmt: skip


def beside_commit(commit: str, policy: str, texts: Sequence[str], repository: Path) -> Figures:
    """Time turns of this working tree and of a commit, text by text in turn, in a process each.

    Args:
        commit: to compare with; it is checked out to a temporary folder.
        policy: by name.
        texts: what the person types.
        repository: the git repository.

    Raises:
        InputError: there is no such commit, or one of the two does not answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(repository), "worktree"]
        added = subprocess.run([*git, "add", "--detach", str(tree), commit], capture_output=True, text=True)
        if added.returncode:
            raise InputError(f"there is no commit {commit} to compare with ({added.stderr.strip()[-300:]})",
                             "Give another --commit, or measure other parts with --part.", repository)  # fmt: skip
        try:
            with _answering(tree, policy) as earlier, _answering(repository, policy) as now:
                rows = [(_turn(earlier, text), _turn(now, text)) for text in texts]
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True, capture_output=True)
    found: Figures = {"commit": commit, "turns": len(rows)}
    for place, name in enumerate(("seconds", "cpu seconds")):
        found[name] = {"now": statistics.median(b[place] for _, b in rows),
                       "commit": statistics.median(a[place] for a, _ in rows),
                       "ratio": statistics.median(b[place] / a[place] for a, b in rows)}  # fmt: skip
    return found


@contextlib.contextmanager
def _answering(tree: Path, policy: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that answers with the package in a folder; it is ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", _TURNS, policy], cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    try:
        _line(process)  # ready
        yield process
    finally:
        process.kill()
        process.communicate()


def _turn(process: subprocess.Popen[str], text: str) -> tuple[float, float]:
    assert process.stdin is not None, "its input is piped"
    process.stdin.write(json.dumps(text) + "\n")
    process.stdin.flush()
    seconds, cpu, _ = json.loads(_line(process))
    return seconds, cpu


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None, "its output is piped"
    if not (line := process.stdout.readline()):
        raise InputError(f"a process that answers ended with exit code {process.wait()}",
                         "What it wrote above says why; the commit that is compared may not run here.")  # fmt: skip
    return line


def overhead() -> Figures:
    """Return the milliseconds of a turn without any model's time: without a conversation, in a short and a long one."""
    with tempfile.TemporaryDirectory() as folder:
        found = conversations.measure(str(Path(folder) / "conversations.sqlite"))
    return {
        "no conversation ms": found["none_ms"],
        "conversation of 5 turns, SQLite ms": found["short_ms"],
        "conversation of 500 turns, SQLite ms": found["long_ms"],
    }
