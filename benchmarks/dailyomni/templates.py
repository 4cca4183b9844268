"""The authors' prompt of Daily-Omni, read from a checkout of their repository."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from omnisense.benchmarks.harness.authors_code import assigned, parse_file, refuse_additions, template_of
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.problem_rows import is_problem
from omnisense.benchmarks.harness.prompting import PromptSettings, Wording
from omnisense.errors import InputError

_PLACES = ("testmodel.py", "Qwen2.5-Omni/testmodel.py", "test_model/Qwen2.5-Omni/testmodel.py")


@dataclass(frozen=True)
class Templates:
    """The prompt, with ``{question}`` and ``{choices}`` in it, and the system turn."""

    prompt: str
    system: str = ""
    lacks: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path, think: bool) -> Templates:
        """Read a checkout; ``think`` has no effect, as there is one wording.

        Raises:
            InputError: the script for Qwen2.5-Omni is not there, or does not hold the prompt.
        """
        tree = parse_file(folder, _PLACES, "test_model/Qwen2.5-Omni/testmodel.py")
        prompt = template_of(assigned(tree, "prompt") or ast.Constant(0))
        if "{question}" not in prompt or "{choices}" not in prompt:
            raise InputError("it does not hold the prompt", "Give the authors' own file.", folder)
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        return cls(prompt, next((text for text in texts if text.startswith("You are Qwen,")), ""))

    def check(self, settings: PromptSettings) -> None:
        """See :func:`omnisense.benchmarks.harness.authors_code.refuse_additions`."""
        refuse_additions(settings)

    def fill(self, sample: Sample, transcript: str | None, thought_pattern: bool, has_audio: bool) -> Wording | None:
        """Return the text of a prompt; None for rows in HumanOmniV2's form, which have prompts of their own."""
        if is_problem(sample.row):
            return None
        return Wording("", self.prompt.format(question=sample.question.text, choices=list(sample.question.options)))
