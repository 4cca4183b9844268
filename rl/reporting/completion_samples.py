"""HTML pages of sample completions: what the model was given, what it wrote, its rewards and their reasons."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from omnisense.benchmarks.harness.contact_sheet import contact_sheet
from omnisense.files import write_atomically
from omnisense.reasoning.policies.messages import MediaUsage, text_of
from omnisense.rl.rewards.functions import completion_text
from omnisense.rl.trainers.grpo import OmniGRPOTrainer

_RANKED = 12  # completions with the most reward, and with the least, that a run's page shows


class CompletionSamplesCallback(TrainerCallback):
    """Writes ``samples/step-00010.html`` each time that the trainer logs, and the run's ``best-and-worst.html``.

    What the rewards like best and least shows at a glance what they teach, and whether it is what was meant.

    Args:
        trainer: of the completions.
        folder: the run folder.
        count: how many completions; those of one group follow each other.
    """

    def __init__(self, trainer: OmniGRPOTrainer, folder: Path, count: int) -> None:
        self._trainer, self._folder, self._count = trainer, folder / "samples", count
        self._ranked: list[tuple[float, str]] = []  # by reward: the best and the worst sections so far

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write a page."""
        logs = self._trainer._logs  # of the last batch; TRL offers no public access
        if not (state.is_world_process_zero and self._count and logs["completion"] and self._trainer.media_usage):
            return
        shown = min(self._count, len(self._trainer.media_usage), len(logs["completion"]))
        sections = [_section(logs, i, self._trainer.media_usage[i]) for i in range(shown)]
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"step-{state.global_step:05d}"
        write_atomically(self._folder / f"{name}.html", _page(name, sections))
        self._rank(logs, state.global_step)
        write_atomically(self._folder / "best-and-worst.html", _page("Best and worst", self._ends()))

    def _rank(self, logs: Any, step: int) -> None:
        """Keep the completions of the last batch with the most and the least reward, among those of the run."""
        weights = self._trainer.reward_weights.tolist()
        for i in range(min(len(self._trainer.media_usage), len(logs["completion"]))):
            values = [rewards[i] for rewards in logs["rewards"].values()]
            total = sum(w * v for w, v in zip(weights, values, strict=True) if v is not None and v == v)
            section = f"<h3>reward {total:.3g} at step {step}</h3>{_section(logs, i, MediaUsage())}"
            self._ranked.append((total, section))
        self._ranked.sort(key=lambda row: row[0])
        if len(self._ranked) > 2 * _RANKED:
            self._ranked = self._ranked[:_RANKED] + self._ranked[-_RANKED:]

    def _ends(self) -> list[str]:
        shown = [section for _, section in self._ranked]
        best, worst = shown[::-1][:_RANKED], shown[:_RANKED]
        return ["<h2>Best</h2>", *best, "<h2>Worst</h2>", *worst]


def _section(logs: Any, i: int, usage: MediaUsage) -> str:
    rewards = ", ".join(f"{name} {values[i]:.3g}" for name, values in logs["rewards"].items())
    reasons = "; ".join(f"{name}: {values[i]}" for name, values in logs["extra"].items() if values[i] is not None)
    prompt = "\n".join(text_of(message) for message in logs["prompt"][i])
    jpeg = contact_sheet(usage)
    image = f'<img alt="frames" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">' if jpeg else ""
    reply = completion_text(logs["completion"][i])
    audio = f"<p>{usage.audio_s:g} s of audio</p>" if usage.audio_s else ""
    return (
        f"<section>{image}{audio}<pre>{escape(prompt)}</pre><pre class=reply>{escape(reply)}"
        f"</pre><p>advantage {logs['advantages'][i]:+.2f}; {escape(rewards)}<br><small>{escape(reasons)}</small></p>"
        "</section>"
    )


def _page(name: str, sections: Sequence[str]) -> str:
    style = (
        "body{font:15px system-ui;max-width:60rem;margin:2rem auto}section{border-top:1px solid #ccc;padding:1rem 0}"
        "pre{white-space:pre-wrap}.reply{background:#eef3f8;padding:.6rem}"
    )
    head = f"<!doctype html><meta charset=utf-8><title>{name}</title><style>{style}</style>"
    return f"{head}<h1>{name}</h1>{''.join(sections)}\n"
