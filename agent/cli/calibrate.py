"""``omnisense calibrate``: measure how a policy is best used."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from omnisense.agent.cli.options import (
    ADAPTER,
    JSON,
    PerceptionOptions,
    perception_options,
    print_json,
    print_status,
    print_text,
)

if TYPE_CHECKING:
    from omnisense.perception.percepts import Percepts
    from omnisense.perception.pipeline import Perception
    from omnisense.reasoning.profile import PolicyProfile


@click.command("calibrate")
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--policy",
    required=True,
    metavar="MODEL",
    help="A listed name, folder or hub id; chat:PROVIDER:MODEL.",
)
@ADAPTER
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the profile goes. [default: in OMNISENSE_HOME, where the agent finds it]",
)
@click.option("--description", default="", metavar="TEXT", help="What it was measured on, to be kept in the profile.")
@perception_options
@JSON
def calibrate_command(
    data: Path,
    policy: str,
    adapter: str,
    output: Path | None,
    description: str,
    perception: PerceptionOptions,
    as_json: bool,
) -> None:
    """Measure on labelled clips, texts and questions how the agent is to use a policy.

    Fits how far the policy, the face, the words, and tone and arousal of the voice are each to be trusted, and finds
    whether the policy leads, only answers what is asked, or is guided. A source that no row contains keeps a stated
    weight, and the output says so: a face needs clips with people in view, arousal clips with six seconds of speech in
    two utterances. DATA is a file with one JSON object a line, or a folder of such files: {"text": ..., "emotion":
    "joy"}, {"clip": "a.mp4", "emotion": "fear", "group": "ana"}, or {"clip": ..., "question": ..., "options": ["A.
    yes", ...], "answer": "A"}. Clips are relative to the file. Rows of one group are held out together.

    \b
    Examples:
      omnisense calibrate rows.jsonl --policy chat:openai:gpt-4o-mini
      omnisense calibrate rows.jsonl --policy smollm2-135m-instruct --output profile.json
    """
    from omnisense.files import home_dir, reporting_storage
    from omnisense.reasoning.calibrate import Perceiver, calibrate
    from omnisense.reasoning.calibration_rows import read_rows
    from omnisense.reasoning.policies.load import load_policy
    from omnisense.reasoning.profile import profile_file

    rows = read_rows(data)
    loaded, pipeline = load_policy(policy, adapter=adapter, on_progress=print_status), perception.load()
    path = output or home_dir() / "profiles" / profile_file(loaded.name)
    with reporting_storage(path):  # told now, not after hours of measuring
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()

    @functools.lru_cache(maxsize=1)  # rows of one speaker, who has a model, follow each other
    def hearing_with(model: Path) -> Perception:
        return replace(perception, voice_emotion_model=str(model)).load()

    def perceive(clip: Path, model: Path | None) -> Percepts:
        return (hearing_with(model) if model else pipeline).perceive(clip)

    profile = calibrate(loaded, rows, Perceiver(perceive, pipeline.add_text_emotion), on_progress=print_status)
    profile = replace(profile, description=description or f"{len(rows)} rows of {data.name}")
    print_json(profile.to_dict()) if as_json else _show(profile)  # first: the disk may be full by now
    with reporting_storage(path):
        profile.save(path)
    if not as_json:
        print_text(f"the policy {profile.role}; written to {path}", err=True)


def _show(profile: PolicyProfile) -> None:
    """Print the weights, fitted and stated, and the held-out accuracy of each task."""
    for decision, weights in profile.weights.items():
        stated = profile.stated_weights(decision)
        fitted = [f"{name} {weight:.2f}" for name, weight in weights.items() if name not in stated]
        print_text(f"{decision}: fitted weights {', '.join(fitted)}")
        if stated:
            told = ", ".join(f"{name} {weight:.2f}" for name, weight in stated.items())
            print_text(f"{decision}: stated, not fitted, since no row contains them: {told}")
    for task, accuracy in profile.accuracy.items():
        names = [name for name in accuracy if name not in ("n", "difference", "low", "high", "p")]
        figures = ", ".join(f"{name} {accuracy[name]:.3f}" for name in names)
        print_text(f"{task}: held-out accuracy of {accuracy['n']:.0f}: {figures}")
        print_text(
            f"{task}: the pool against its best channel: {accuracy['difference']:+.3f} "
            f"({accuracy['low']:+.3f} to {accuracy['high']:+.3f}), p {accuracy['p']:.3f}"
        )
