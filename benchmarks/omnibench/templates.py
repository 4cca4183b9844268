"""The authors' prompts of OmniBench, read from a checkout of their repository."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from omnisense.benchmarks.harness.authors_code import assigned, parse_file, refuse_additions, template_of
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import PromptSettings, Wording
from omnisense.errors import InputError

_FILE = "inference/demo_api_call.py"
Flags = tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Templates:
    """The prompt for each combination of their script's flags, and the words around texts that stand for media."""

    by_flags: tuple[tuple[Flags, str], ...]
    image_text: str
    sound_text: str
    system: str = ""
    lacks: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path, think: bool) -> Templates:
        """Read a checkout; ``think`` has no effect, as there is one wording.

        Raises:
            InputError: the script is not there, or does not hold the prompts.
        """
        tree = parse_file(folder, (_FILE, "demo_api_call.py"), _FILE)
        by_flags = tuple(_branches(tree))
        image, sound = (_when_given(assigned(tree, name)) for name in ("image_caption", "audio_transcript"))
        if not (by_flags and image and sound):
            raise InputError("it does not hold the prompts", "Give the authors' own file.", folder)
        return cls(by_flags, image, sound)

    def check(self, settings: PromptSettings) -> None:
        """See :func:`omnisense.benchmarks.harness.authors_code.refuse_additions`."""
        refuse_additions(settings)

    def fill(self, sample: Sample, transcript: str | None, thought_pattern: bool, has_audio: bool) -> Wording | None:
        """Return the text of a prompt, which their script puts before the media; None where it has none.

        Their questions are read from a table whose options are one text; here each stands on a line of its own.
        """
        image, sound = sample.row.get("image", "media"), sample.row.get("sound", "media")
        flags = {
            "image_caption": image == "text",
            "audio_transcript": sound == "text",
            "no_image": image == "none",
            "no_audio": sound == "none",
        }
        form = next((form for needs, form in self.by_flags if all(flags[name] is on for name, on in needs)), None)
        if form is None:
            return None
        content = {"image content": sample.row.get("image content", ""),
                   "audio content": sample.row.get("audio content", "")}  # fmt: skip
        text = form.format(
            question=sample.question.text,
            options="\n".join(sample.question.options),
            image_caption=self.image_text.format(**content) if image == "text" else "",
            audio_transcript=self.sound_text.format(**content) if sound == "text" else "",
        )
        return Wording(text, "")


def _branches(tree: ast.Module) -> Iterator[tuple[Flags, str]]:
    """Yield the condition and the prompt of each branch that assigns a formatted text to ``prompt``, in their order."""
    start = next((n for n in ast.walk(tree) if isinstance(n, ast.If) and _prompt_of(n)), None)
    while start is not None:
        flags = tuple(_flags(start.test))
        if all(name in ("image_caption", "audio_transcript", "no_image", "no_audio") for name, _ in flags):
            yield flags, _prompt_of(start)
        following = start.orelse[0] if start.orelse else None
        start = following if isinstance(following, ast.If) and _prompt_of(following) else None


def _prompt_of(branch: ast.If) -> str:
    value = assigned(ast.Module(branch.body, []), "prompt")
    return template_of(value) if isinstance(value, ast.JoinedStr) else ""


def _flags(test: ast.expr) -> Iterator[tuple[str, bool]]:
    """Yield the flags that a condition names, and whether each has to be set; a part of another form has no name."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for value in test.values:
            yield from _flags(value)
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield _flag_name(test.operand), False
    else:
        yield _flag_name(test), True


def _flag_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""


def _when_given(value: ast.expr | None) -> str:
    return template_of(value.body) if isinstance(value, ast.IfExp) else ""
