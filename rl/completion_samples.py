"""Sample completions on a page: what the model was shown, what it wrote, what that earned and why."""

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
from omnisense.rl.rewards import reply_of
from omnisense.rl.trainer import OmniGRPOTrainer


class Samples(TrainerCallback):
    """Writes ``samples/step-00010.html`` each time that the trainer logs.

    Args:
        trainer: whose completions these are.
        folder: the run folder.
        count: how many completions; those of one group stand together.
    """

    def __init__(self, trainer: OmniGRPOTrainer, folder: Path, count: int) -> None:
        self._trainer, self._folder, self._count = trainer, folder / "samples", count

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """See the class."""
        logs = self._trainer._logs  # TRL keeps the last batch's completions here, and offers no other way to them
        if not (state.is_world_process_zero and self._count and logs["completion"] and self._trainer.media_usage):
            return
        shown = min(self._count, len(self._trainer.media_usage), len(logs["completion"]))
        cells = [_cell(logs, i, self._trainer.media_usage[i]) for i in range(shown)]
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"step-{state.global_step:05d}"
        write_atomically(self._folder / f"{name}.html", _page(name, cells))


def _cell(logs: Any, i: int, usage: MediaUsage) -> str:
    earned = ", ".join(f"{name} {values[i]:.3g}" for name, values in logs["rewards"].items())
    reasons = "; ".join(f"{name}: {values[i]}" for name, values in logs["extra"].items() if values[i] is not None)
    asked = "\n".join(text_of(message) for message in logs["prompt"][i])
    jpeg = contact_sheet(usage)
    picture = f'<img alt="frames" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">' if jpeg else ""
    sound = f"<p>{usage.audio_s:g} s of sound</p>" if usage.audio_s else ""
    return (
        f"<section>{picture}{sound}<pre>{escape(asked)}</pre><pre class=reply>{escape(reply_of(logs['completion'][i]))}"
        f"</pre><p>advantage {logs['advantages'][i]:+.2f}; {escape(earned)}<br><small>{escape(reasons)}</small></p>"
        "</section>"
    )


def _page(name: str, cells: Sequence[str]) -> str:
    style = (
        "body{font:15px system-ui;max-width:60rem;margin:2rem auto}section{border-top:1px solid #ccc;padding:1rem 0}"
        "pre{white-space:pre-wrap}.reply{background:#eef3f8;padding:.6rem}"
    )
    head = f"<!doctype html><meta charset=utf-8><title>{name}</title><style>{style}</style>"
    return f"{head}<h1>{name}</h1>{''.join(cells)}\n"
