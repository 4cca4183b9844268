"""``omnisense annotate``: annotate images of people, and make questions and training rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omnisense.agent.cli.options import FOLDER, print_json, print_text

if TYPE_CHECKING:
    from omnisense.benchmarks.herm.engine.annotations import AnnotationSummary

_UNITS = ["auto", "fractions", "bins", "thousandths", "pixels"]


@click.command("annotate")
@click.argument("images", type=FOLDER)
@click.option("--output", required=True, type=FOLDER, metavar="DIR", help="Run folder; repeat the command to resume.")
@click.option("--coco", metavar="DIR", help="Folder with COCO annotations, used instead of models.")
@click.option("--detector-model", metavar="MODEL", help="Object detector, instead of --coco.")
@click.option("--pose-model", metavar="MODEL", help="Pose estimator (ViTPose), with --detector-model.")
@click.option("--captioner-model", metavar="POLICY", help="Vision-language model that describes people.")
@click.option(
    "--grounder-model", metavar="MODEL", help="Zero-shot detector or policy that finds the captioner's phrases."
)
@click.option(
    "--boxes", type=click.Choice(_UNITS), default="auto", show_default=True, help="How these models write boxes."
)
@click.option("--writer-model", metavar="POLICY", help="Language model that rewrites template-based captions.")
@click.option(
    "--test-fraction", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Share of the test split."
)
@click.option("--seed", default=0, show_default=True, help="Random seed of split and questions.")
@click.option("--limit", type=click.IntRange(0), default=0, help="Maximum number of images.  [default: all]")
@click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True, help="Images per batch.")
@click.option("--workers", type=click.IntRange(0), default=0, help="Number of worker processes, or of Ray actors.")
@click.option("--ray", metavar="ADDRESS", help="Run on a Ray cluster; `local` starts one.")
@click.option("--gpus-per-worker", "gpus", type=click.FloatRange(0), default=0.0, help="GPUs per Ray actor.")
@click.option(
    "--viewer-images", type=click.IntRange(0), default=200, show_default=True, help="Number of images in viewer.html."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def annotate_command(images: Path, output: Path, as_json: bool, **options: Any) -> None:
    """Annotate the people in a folder of IMAGES, as in HERM-100K.

    The run folder gets images.jsonl and instances.jsonl (the annotations), questions.jsonl (of the test split),
    training.jsonl (of the other images), viewer.html, summary.json and run.log. COCO annotations are instances.json
    and, if present, person_keypoints.json and captions.json.
    """
    from omnisense.agent.cli.progress import AnnotationProgress
    from omnisense.benchmarks.herm.engine.annotate import annotate
    from omnisense.benchmarks.herm.engine.annotator import AnnotateSettings

    run = {key: options.pop(key) for key in ("limit", "batch_size", "workers", "ray", "gpus")}
    with AnnotationProgress() as bar:
        summary = annotate(
            images, output, AnnotateSettings(**options), **run, on_start=bar.start, on_progress=bar.update
        )
    if as_json:
        print_json(summary.to_dict())
    else:
        _show(summary, output)
    for name, error in summary.failed.items():
        print_text(f"{name}: {error.message}", err=True)
    if summary.failed:
        sys.exit(1)


def _show(summary: AnnotationSummary, output: Path) -> None:
    counts = summary.counts
    print_text(f"{counts.people} people in {counts.images_with_people} of {counts.images} images")
    print_text("people with: " + ", ".join(f"{key} {n}" for key, n in summary.people_with.items()))
    for title, rows in (("questions", summary.questions), ("training rows", summary.training)):
        listed = ", ".join(f"{key} {n}" for key, n in rows.items())
        print_text(f"{title}: {sum(rows.values())}{f' ({listed})' if listed else ''}")
    if counts.people and not sum(summary.questions.values()):
        print_text("no image of the test split gave a question: give more images, or a larger --test-fraction")
    for reason, n in summary.dropped.items():
        print_text(f"dropped: {n} x {reason}")
    for name in summary.missing:
        print_text(f"missing: {name}")
    print_text(f"written to {output / 'viewer.html'}", err=True)
