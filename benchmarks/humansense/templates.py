"""The authors' own prompts, read (never run) from a user's checkout, so that the published wording can be used."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from omnisense.benchmarks.harness.authors_code import parse_file
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import PromptSettings, Wording
from omnisense.errors import InputError

_MODEL = "model/Qwen25omini.py"


@dataclass(frozen=True)
class Templates:
    """The templates by name, the words that go before a transcript and before a question, and the system turn."""

    by_name: dict[str, str]
    asr: str
    thought_pattern: str
    system: str = ""
    lacks: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path, think: bool) -> Templates:
        """Read a checkout, or the folder in it that holds the templates.

        Raises:
            InputError: there is no template file, or it holds none.
        """
        name = "PROMPT_TEMPLATE_think.py" if think else "PROMPT_TEMPLATE.py"
        places = [folder, folder / "benchmark", folder / "src/benchmark", folder / "HumanSense_bench/src/benchmark"]
        found = next((place for place in places if (place / name).is_file()), None)
        if found is None:
            raise InputError(f"there is no {name} in it", "Give the folder of a HumanSense checkout.", folder)
        texts = _strings(found / name)
        if not any(key.startswith("PROMPT_TEMPLATE") for key in texts):
            raise InputError("it holds no PROMPT_TEMPLATE texts", "Give the authors' own file.", found / name)
        runner = found / "Benchmark.py"
        around = _strings(runner) if runner.is_file() else {}
        system = _system_turn(found.parent / _MODEL)
        lacks = () if system else (f"their system turn ({_MODEL} beside the folder of the templates)",)
        return cls(texts, around.get("asr", ""), around.get("syst", ""), system, lacks)

    def check(self, settings: PromptSettings) -> None:
        """See :meth:`omnisense.benchmarks.harness.prompting.PromptTemplates.check`."""
        if (settings.transcript != "none" and not self.asr) or (settings.thought_pattern and not self.thought_pattern):
            raise InputError(
                "Benchmark.py, which holds the authors' words around transcript and thought pattern, is not there",
                "Give the folder of a whole checkout.",
            )

    def fill(
        self, sample: Sample, transcript: str | None, thought_pattern: bool, has_audio: bool = False
    ) -> Wording | None:
        """The words of an item's prompt; None when the authors have no template for its kind."""
        question = sample.question
        name = {"several": "INDEFINITE", "number": "QA", "yes_no": "YES_NO"}.get(question.kind)
        template = self.by_name.get(f"PROMPT_TEMPLATE_{name or f'SINGLE{len(question.options)}'}")
        if template is None:
            return None
        try:
            words = template.format(question.text, *question.options)
        except (IndexError, KeyError, ValueError) as error:
            raise InputError(f"the template for {question.kind} does not fit {len(question.options)} options ({error})",
                             "Use the authors' own file.") from error  # fmt: skip
        words = f"{self.asr}{transcript}{words}" if transcript else words
        return Wording("", f"{self.thought_pattern}{words}" if thought_pattern else words)


def _system_turn(file: Path) -> str:
    """Return the system turn in the file that asks Qwen2.5-Omni; empty where there is none."""
    if not file.is_file():
        return ""
    tree = parse_file(file, (), file.name)
    texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return next((text for text in texts if text.startswith("You are Qwen,")), "")


def _strings(file: Path) -> dict[str, str]:
    """Texts that a Python file assigns to names; of a sum, its first text."""
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"it is not a Python file ({error})", "Give the authors' own file.", file) from error
    texts = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            first = next(
                (n for n in ast.walk(node.value) if isinstance(n, ast.Constant) and isinstance(n.value, str)), None
            )
            if first is not None:
                texts[node.targets[0].id] = str(first.value)
    return texts
