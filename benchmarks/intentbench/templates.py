"""The authors' prompts of IntentBench, read from a checkout of HumanOmniV2."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omnisense.benchmarks.harness.authors_code import assigned, parse_file, refuse_additions, template_of, texts_of
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import PromptSettings, Wording
from omnisense.errors import InputError

_NAME = "eval_humanomniv2.py"
_PLACES = (_NAME, f"eval/{_NAME}", f"src/open-r1-multimodal/eval/{_NAME}")


@dataclass(frozen=True)
class Templates:
    """The system turn, what follows a problem by its type, and the sentence on the sound."""

    system: str
    by_type: Mapping[str, str]
    on_sound: str
    lacks: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path, think: bool) -> Templates:
        """Read a checkout; ``think`` has no effect, as there is one wording.

        Raises:
            InputError: the evaluation script is not there, or does not hold the texts.
        """
        tree = parse_file(folder, _PLACES, _NAME)
        system = assigned(tree, "SYSTEM_PROMPT")
        by_type = texts_of(assigned(tree, "TYPE_TEMPLATE"))
        formatted = (template_of(n) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr))
        on_sound = next((text for text in formatted if "{data_type}" in text and "audio" in text), "")
        if not isinstance(system, ast.Constant) or not by_type or not on_sound:
            raise InputError("it does not hold the prompts", "Give the authors' own file.", folder)
        return cls(str(system.value), by_type, on_sound)

    def check(self, settings: PromptSettings) -> None:
        """See :func:`omnisense.benchmarks.harness.authors_code.refuse_additions`."""
        refuse_additions(settings)

    def fill(self, sample: Sample, transcript: str | None, thought_pattern: bool, has_audio: bool) -> Wording | None:
        """Return the text of a prompt; None for a type that the authors have no text for."""
        form = self.by_type.get(str(sample.row["problem_type"]))
        if form is None:
            return None
        options = "".join(f"{option}\n" for option in sample.question.options)
        asked = f"{sample.question.text} Options:\n{options}" if options else sample.question.text
        return Wording("", f"{self.on_sound.format(data_type='video') if has_audio else ''}{asked}{form}")
