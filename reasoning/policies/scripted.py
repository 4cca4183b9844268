"""A policy that answers from a script, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omnisense.errors import InputError, PolicyError
from omnisense.reasoning.policies.base import Choice, OnToken
from omnisense.reasoning.policies.messages import Messages, Modality, PreparedPrompt
from omnisense.text import parse_json


class ScriptedPolicy:
    """Answers from a script, without a model: for tests.

    Args:
        replies: what ``write`` returns, in turn; or a function of the messages.
        choices: what ``choose`` takes, in turn, as an index or an option's text; or a function of messages and
            options. By default always the first option.

    A script that has run out starts again when ``repeat`` is set, and raises PolicyError otherwise. ``calls`` holds
    every prompt it received.
    """

    name = "scripted"
    modalities: frozenset[Modality] = frozenset({"text", "image", "video", "audio"})
    scores_likelihoods = False
    needs_guidance = False

    def __init__(
        self,
        replies: Iterable[str] | Callable[[Messages], str] = ("I hear you.",),
        choices: Iterable[int | str] | Callable[[Messages, Sequence[str]], int | str] = (0,),
        repeat: bool = True,
    ) -> None:
        self._replies = replies if callable(replies) else list(replies)
        self._choices = choices if callable(choices) else list(choices)
        self._repeat = repeat
        self._written = self._chosen = 0
        self._lock = threading.Lock()
        self.calls: list[Messages] = []

    @classmethod
    def from_file(cls, path: str | Path) -> ScriptedPolicy:
        """Read ``{"replies": [...], "choices": [...], "repeat": true}`` from a JSON file; all keys optional."""
        try:
            script = parse_json(Path(path).read_text("utf-8"))
            return cls(**script)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"the script cannot be read ({error})", 'Write {"replies": ["..."], "choices": [0]}.', path
            ) from error

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Return the prompt as it is: a script uses no media."""
        return PreparedPrompt(prompt)

    def write(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        on_token: OnToken | None = None,
        schema: Mapping[str, Any] | None = None,
        max_seconds: float | None = None,
    ) -> list[str]:
        """Return the next replies of the script, whatever the settings are."""
        with self._lock:
            replies = [self._reply(prompt) for prompt in prompts]
        if on_token and replies:
            for word in replies[0].split(" "):
                on_token(word + " ")
        return replies

    def choose(
        self, prompts: Sequence[Messages], options: Sequence[Sequence[str]], *, max_seconds: float | None = None
    ) -> list[Choice]:
        """Return the next choices of the script, with probability 0.8 for the option taken."""
        with self._lock:
            return [self._choice(prompt, row) for prompt, row in zip(prompts, options, strict=True)]

    def _reply(self, prompt: Messages) -> str:
        self.calls.append(prompt)
        if callable(self._replies):
            return self._replies(prompt)
        self._written += 1
        return str(self._next(self._replies, self._written, "replies"))

    def _choice(self, prompt: Messages, options: Sequence[str]) -> Choice:
        self.calls.append(prompt)
        if callable(self._choices):
            taken = self._choices(prompt, options)
        else:
            self._chosen += 1
            taken = self._next(self._choices, self._chosen, "choices")
        try:
            index = options.index(taken) if isinstance(taken, str) else range(len(options))[taken]
        except (ValueError, IndexError) as error:
            raise PolicyError(
                f"the script chooses {taken!r}, which is not among {list(options)}", "Correct the script."
            ) from error
        rest = 0.2 / max(len(options) - 1, 1)
        return Choice(
            index, tuple(0.8 if i == index else rest for i in range(len(options))) if len(options) > 1 else (1.0,)
        )

    def _next(self, script: list[Any], count: int, what: str) -> Any:
        if not script or (count > len(script) and not self._repeat):
            raise PolicyError(f"the script has run out of {what}", "Add some, or set repeat=True.")
        return script[(count - 1) % len(script)]
