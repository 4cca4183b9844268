"""``omnisense annotate``: pictures of people to rows, questions and training data."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

_DIR = click.Path(path_type=Path, file_okay=False)


@click.command("annotate")
@click.argument("images", type=_DIR)
@click.option("--output", required=True, type=_DIR, metavar="DIR", help="Run folder; the same command goes on there.")
@click.option("--coco", metavar="DIR", help="instances.json, person_keypoints.json, captions.json: used, not models.")
@click.option("--detector-model", metavar="MODEL", help="Finds people and objects, where there are no annotations.")
@click.option("--pose-model", metavar="MODEL", help="Finds joints (ViTPose), where there are no annotations.")
@click.option("--captioner-model", metavar="POLICY", help="A vision-language model that describes people.")
@click.option(
    "--grounder-model",
    metavar="MODEL",
    help="Finds phrases: a zero-shot detector (OWLv2, Grounding DINO), or a policy, may be the same.",
)
@click.option(
    "--boxes",
    type=click.Choice(["auto", "fractions", "bins", "thousandths", "pixels"]),
    default="auto",
    show_default=True,
    help="How captioner and grounder write boxes.",
)
@click.option("--writer-model", metavar="POLICY", help="A language model that makes captions by rules fluent.")
@click.option(
    "--test-fraction", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Pictures for the test."
)
@click.option("--seed", default=0, show_default=True)
@click.option("--limit", type=click.IntRange(0), default=0, help="At most so many pictures. [default: all]")
@click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True)
@click.option("--workers", type=click.IntRange(0), default=0, help="Processes on this machine, or Ray actors.")
@click.option("--ray", metavar="ADDRESS", help="Run on a Ray cluster; `local` starts one here.")
@click.option("--gpus-per-worker", "gpus", type=click.FloatRange(0), default=0.0, help="For Ray actors.")
@click.option("--viewer", "shown", type=click.IntRange(0), default=200, show_default=True, help="Pictures on its page.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def annotate_command(images: Path, output: Path, as_json: bool, **given: Any) -> None:
    """Annotate pictures of people at three levels, as HERM-100K does, and make questions and training rows of them.

    IMAGES is a folder. The run folder gets images.jsonl, instances.jsonl, questions.jsonl (of pictures that are held
    out), training.jsonl (of the others), viewer.html and summary.json.
    """
    from omnisense.agent.cli.progress import AnnotationProgress
    from omnisense.benchmarks.herm.engine.annotate import AnnotateSettings, annotate

    how = {key: given.pop(key) for key in ("limit", "batch_size", "workers", "ray", "gpus")}
    with AnnotationProgress() as bar:
        found = annotate(images, output, AnnotateSettings(**given), **how, on_plan=bar.plan, on_done=bar.done)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        _show(found, output)
    for name, cause in found["failed"].items():
        click.echo(f"{name}: {cause}", err=True)
    if found["failed"]:
        sys.exit(1)


def _show(found: dict[str, Any], output: Path) -> None:
    counts = found["counts"]
    click.echo(f"{counts['people']} people in {counts['pictures with people']} of {counts['pictures']} pictures")
    click.echo("people with: " + ", ".join(f"{key} {n}" for key, n in found["people with"].items()))
    for title in ("questions", "training"):
        listed = ", ".join(f"{key} {n}" for key, n in found[title].items())
        click.echo(f"{title}: {sum(found[title].values())}{f' ({listed})' if listed else ''}")
    for reason, n in found["dropped"].items():
        click.echo(f"dropped: {n} x {reason}")
    for what in found["missing"]:
        click.echo(f"not there: {what}")
    click.echo(f"written to {output / 'viewer.html'}", err=True)
