"""Export a suite as a task of lmms-eval, for ``--include_path``: questions, a YAML file, and a scorer in ``utils.py``.

``utils.py`` holds the sources of the strict scorer as texts and loads them as modules of a package of its own, so that
it scores exactly as the strict scorer does, and needs nothing but numpy (and rouge-score where texts are generated).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, get_args

import yaml

from omnisense.benchmarks.harness.dataset import Dataset, Sample
from omnisense.benchmarks.harness.prompting import PromptBuilder, PromptSettings
from omnisense.errors import InputError
from omnisense.files import reporting_storage, write_atomically
from omnisense.reasoning.answers.question import UNSCORED_KINDS
from omnisense.reasoning.policies.families import BoxUnit
from omnisense.reasoning.policies.messages import media_of, text_of

# The modules of the strict scorer, those that others import first.
_MODULES = {
    "errors": "omnisense.errors",
    "text": "omnisense.text",
    "families": "omnisense.reasoning.policies.families",
    "geometry": "omnisense.perception.geometry",
    "normalize": "omnisense.reasoning.answers.normalize",
    "boxes": "omnisense.reasoning.answers.boxes",
    "question": "omnisense.reasoning.answers.question",
    "conjunctions": "omnisense.reasoning.answers.conjunctions",
    "option_places": "omnisense.reasoning.answers.option_places",
    "option_marks": "omnisense.reasoning.answers.option_marks",
    "suppositions": "omnisense.reasoning.answers.suppositions",
    "passages": "omnisense.reasoning.answers.passages",
    "statements": "omnisense.reasoning.answers.statements",
    "polarity": "omnisense.reasoning.answers.polarity",
    "hesitation": "omnisense.reasoning.answers.hesitation",
    "mentions": "omnisense.reasoning.answers.mentions",
    "verdicts": "omnisense.reasoning.answers.verdicts",
    "conclusions": "omnisense.reasoning.answers.conclusions",
    "word_families": "omnisense.reasoning.answers.word_families",
    "stems": "omnisense.reasoning.answers.stems",
    "inflected": "omnisense.reasoning.answers.inflected",
    "parse_values": "omnisense.reasoning.answers.parse_values",
    "option_counts": "omnisense.reasoning.answers.option_counts",
    "parse_yes_no": "omnisense.reasoning.answers.parse_yes_no",
    "option_values": "omnisense.reasoning.answers.option_values",
    "parse_letters": "omnisense.reasoning.answers.parse_letters",
    "parse_several": "omnisense.reasoning.answers.parse_several",
    "parse_labels": "omnisense.reasoning.answers.parse_labels",
    "parser": "omnisense.reasoning.answers.parser",
    "text_metrics": "omnisense.benchmarks.harness.text_metrics",
    "scorer": "omnisense.benchmarks.harness.scorer",
}
_PACKAGE = "omnisense_strict_scorer"
_UTILS = '''"""The lmms-eval task {task}: prompts, media, and OmniSense's strict scorer. Written by omnisense."""

import json
import sys
import types

_SOURCES = json.loads({sources!r})


def _load_scorer():
    package = types.ModuleType("{package}")
    package.__path__ = []
    sys.modules["{package}"] = package
    for name, source in _SOURCES.items():
        module = types.ModuleType("{package}." + name)
        sys.modules[module.__name__] = module
        exec(compile(source, module.__name__, "exec"), module.__dict__)
        setattr(package, name, module)
    return package


_scorer = _load_scorer()


def doc_to_text(doc, lmms_eval_specific_kwargs=None):
    """The text of the prompt."""
    return doc["prompt"]


def doc_to_visual(doc):
    """Images as pictures; videos and sounds as paths, as lmms-eval's video and audio models take them."""
    found = []
    for part in doc["media"]:
        if part["type"] == "image":
            from PIL import Image

            found.append(Image.open(part["path"]).convert("RGB"))
        else:
            found.append(part["path"])
    return found


def doc_to_messages(doc, lmms_eval_specific_kwargs=None):
    """The prompt as chat messages."""
    content = [{{"type": part["type"], "url": part["path"]}} for part in doc["media"]]
    return [{{"role": "user", "content": [*content, {{"type": "text", "text": doc["prompt"]}}]}}]


def doc_to_target(doc):
    """The right answer."""
    return doc["gold"]


def score(reply, doc):
    """The strict score of a reply (0 to 1), what was read from it, and why."""
    question = _scorer.question.Question(doc["question"], doc["kind"], tuple(doc["options"]), doc["form"])
    value, answer, reason = _scorer.scorer.score(reply, question, doc["gold"])
    return value, answer.value, reason


def process_results(doc, results):
    """The metrics of one reply."""
    value, answer, _ = score(results[0], doc)
    return {{"strict_accuracy": value, "unreadable": float(not answer)}}
'''


class ExportedTask(NamedTuple):
    """The YAML file of a task, and how many questions it holds and leaves out."""

    path: Path
    questions: int
    left_out: int


def export_lmms_eval(
    dataset: Dataset, prompting: PromptSettings, output: Path, max_new_tokens: int = 64
) -> ExportedTask:
    """Write a task folder.

    Args:
        dataset: the questions. Those that cannot be asked, have no right answer, or show a window of a longer file,
            which lmms-eval does not cut, are left out.
        prompting: how they are asked; sampling of frames is lmms-eval's own.
        output: the folder.
        max_new_tokens: of a reply.

    Raises:
        InputError: no question can be asked.
        StorageError: the folder cannot be written.
    """
    task = f"omnisense_{dataset.suite.replace('-', '_')}"
    samples = [s for s in dataset.samples if _can_be_asked(s, prompting)]
    if not samples:
        raise InputError("not one of its questions can be asked", "Run --validate for the reasons.", dataset.root)
    builder = PromptBuilder(prompting)
    rows = "".join(json.dumps(_row(sample, builder), ensure_ascii=False) + "\n" for sample in samples)
    utils = _UTILS.format(task=task, sources=json.dumps(scorer_sources()), package=_PACKAGE)
    with reporting_storage(output):
        output.mkdir(parents=True, exist_ok=True)
        write_atomically(output / "data.jsonl", rows)
        write_atomically(output / "utils.py", utils)
        settings = _settings(task, (output / "data.jsonl").resolve(), max_new_tokens)
        write_atomically(output / f"{task}.yaml", settings)
    return ExportedTask(output / f"{task}.yaml", len(samples), len(dataset.samples) - len(samples))


def _can_be_asked(sample: Sample, prompting: PromptSettings) -> bool:
    is_window = prompting.media and sample.start_s is not None
    return not is_window and not sample.why_not(prompting.media) and sample.question.kind not in UNSCORED_KINDS


def _row(sample: Sample, builder: PromptBuilder) -> dict[str, Any]:
    asked = builder.build(sample).messages
    shown = [{key: part[key] for key in ("type", "path") if key in part} for part in media_of(asked)]
    return {
        "id": sample.id,
        "task": sample.task,
        "prompt": text_of(asked[-1]),
        "media": shown,
        "question": sample.question.text,
        "kind": sample.question.kind,
        "options": list(sample.question.options),
        "form": sample.question.form,
        "gold": sample.gold,
    }


def scorer_sources() -> dict[str, str]:
    """Return the sources of the strict scorer's modules, in the order in which they are loaded."""
    found = {}
    for name, module in _MODULES.items():
        package, _, file = module.rpartition(".")
        source = files(package).joinpath(f"{file}.py").read_text("utf-8")
        found[name] = _as_package(source)
    found["families"] = f"from typing import Literal\n\nBoxUnit = Literal[{', '.join(map(repr, get_args(BoxUnit)))}]\n"
    return found


def _as_package(source: str) -> str:
    """Return a module's source with its imports from omnisense as imports from the exported package."""
    for name, module in sorted(_MODULES.items(), key=lambda entry: -len(entry[1])):
        source = source.replace(f"from {module} import", f"from {_PACKAGE}.{name} import")
    return source.replace("from omnisense.reasoning.answers import boxes", f"from {_PACKAGE} import boxes")


def _settings(task: str, data: Path, max_new_tokens: int) -> str:
    """Return the YAML file; ``!function`` is lmms-eval's own tag, which a plain dump would quote."""
    plain = {
        "task": task,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": "generate_until",
        "generation_kwargs": {"max_new_tokens": max_new_tokens, "temperature": 0, "do_sample": False},
        "metric_list": _metrics([("strict_accuracy", True), ("unreadable", False)]),
        "metadata": [{"version": 1.0}],
    }
    functions = ("doc_to_visual", "doc_to_text", "doc_to_messages", "doc_to_target", "process_results")
    lines = [f"{name}: !function utils.{name}" for name in functions]
    return str(yaml.safe_dump(plain, sort_keys=False)) + "\n".join(lines) + "\n"


def _metrics(named: Sequence[tuple[str, bool]]) -> list[dict[str, Any]]:
    return [{"metric": name, "aggregation": "mean", "higher_is_better": higher} for name, higher in named]
