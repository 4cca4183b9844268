"""HERM-Bench as a suite. The rest of the package is imported when it is needed, to keep ``--help`` fast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from omnisense.benchmarks.harness.suite import ModelUnderTest, ReportSpec, Suite, SuiteOption
from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.dataset import Dataset, Sample
    from omnisense.reasoning.policies.families import BoxUnit

UNITS = ("auto", "fractions", "bins", "thousandths", "pixels")


def load(
    data: Path,
    model: ModelUnderTest,
    images: Path | None = None,
    boxes: BoxUnit | Literal["auto"] = "auto",
    field: Sequence[str] = (),
) -> Dataset:
    """Read a question file, its boxes written as the model under test is used to.

    Args:
        data: the question file.
        model: the model under test.
        images: the folder of the images; None for the folder of the question file.
        boxes: the unit of boxes; ``auto`` for the model's own.
        field: groups of dimensions, each as ``NAME=DIMENSION,DIMENSION``; they replace those of the data.

    Raises:
        InputError: as :func:`omnisense.benchmarks.herm.loading.load`, or a field names an unknown dimension.
        ModelError: the model cannot be loaded.
    """
    from omnisense.benchmarks.herm import loading
    from omnisense.reasoning.answers.box_notation import notation_of

    dataset = loading.load(data, images, notation_of(boxes, model.folder(), model.max_pixels))
    return replace(dataset, groups=_parse_fields(field, dataset) or dataset.groups)


def official_score(sample: Sample, reply: str, think: bool) -> float | None:
    """See :func:`omnisense.benchmarks.herm.official_score.official_score`."""
    from omnisense.benchmarks.herm import official_score as official

    return official.official_score(sample, reply, think)


def report_spec(tasks: Iterable[str], groups: Mapping[str, Sequence[str]]) -> ReportSpec:
    """Return the data's own dimensions, in order of name, and their fields."""
    return ReportSpec(
        title="HERM-Bench",
        tasks=dict.fromkeys(sorted(set(tasks)), ""),
        groups=groups,
        macros={},
        published=(),
    )


def is_question_file(path: Path) -> bool:
    """Return whether a path is a file; its rows are flat, unlike those of other suites that come first."""
    return path.is_file()


def _parse_fields(given: Sequence[str], dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Parse fields as the command line gives them: ``basic perception=appearance,pose``."""
    known = {sample.task for sample in dataset.samples}
    fields: dict[str, tuple[str, ...]] = {}
    for text in given:
        name, _, listed = text.partition("=")
        dimensions = tuple(part.strip() for part in listed.split(",") if part.strip())
        fields[name.strip()] = dimensions
        if unknown := set(dimensions) - known or (not listed and {text}):
            raise InputError(
                f"there is no dimension {', '.join(sorted(unknown))}", f"Choose from {', '.join(sorted(known))}."
            )
    return fields


SUITE = Suite(
    name="herm",
    summary="Evaluate on questions about people in images, in HERM-Bench's format.",
    load=load,
    options=(
        SuiteOption("data", "Questions: a JSON list or JSON lines.", "path", "FILE", required=True),
        SuiteOption("images", "Folder of the images. [default: the questions' own]", "folder", "DIR"),
        SuiteOption(
            "boxes",
            "Notation of boxes in prompts and replies.",
            "choice",
            choices=UNITS,
            default="auto",
        ),
        SuiteOption("field", "Group dimensions under a field; repeatable.", "text", "NAME=LIST", multiple=True),
    ),
    official_score=official_score,
    report_spec=report_spec,
    is_question_file=is_question_file,
    media="images",
    shows="image",
    max_pixels=1280 * 28 * 28,
)
