"""``omnisense train``: GRPO, supervised fine-tuning and curricula from a recipe, and data conversion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from omnisense.agent.cli.options import ADAPTER, FOLDER, JSON, PATH, print_text
from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.rl.recipe import Method, Recipe
    from omnisense.rl.reporting.results import CurriculumSummary, RunSummary

_OUTPUT = click.option("--output", type=FOLDER, metavar="DIR", help="Run folder. [default: runs/train/RECIPE]")
_OVERRIDES = click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
_LOG_TO = click.option(
    "--log-to",
    type=click.Choice(["tensorboard", "wandb"]),
    help="Log the curves to TensorBoard or Weights & Biases as well.",
)
_RECIPE = click.argument("recipe", metavar="RECIPE")


@click.group("train")
def train_group() -> None:
    """Train a policy from a recipe: a YAML file, or a name listed by `recipes`.

    KEY=VALUE overrides a key of the recipe: trainer.max_steps=20 data.files=[my.json]. The same command resumes an
    interrupted run. The run folder gets the model, its model card, curves, sample completions, the evaluation and
    run.log. On several GPUs:

    \b
    accelerate launch --config_file $(omnisense train config zero3) \\
      -m omnisense.agent.cli train grpo RECIPE
    """


@train_group.command("grpo")
@_RECIPE
@_OVERRIDES
@_OUTPUT
@_LOG_TO
@JSON
def train_grpo(recipe: str, overrides: tuple[str, ...], output: Path | None, log_to: str | None, as_json: bool) -> None:
    """Train with GRPO on questions about text, images, video and audio."""
    _train(recipe, (*overrides, *_tracker(log_to)), output, as_json, "grpo")


@train_group.command("sft")
@_RECIPE
@_OVERRIDES
@_OUTPUT
@_LOG_TO
@JSON
def train_sft(recipe: str, overrides: tuple[str, ...], output: Path | None, log_to: str | None, as_json: bool) -> None:
    """Fine-tune on reference completions, for instance as the cold start before GRPO."""
    _train(recipe, (*overrides, *_tracker(log_to)), output, as_json, "sft")


@train_group.command("choice")
@_RECIPE
@_OVERRIDES
@_OUTPUT
@JSON
def train_choice(recipe: str, overrides: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Train to choose what is right where the agent asks its policy, on rows of `train data agent`."""
    _train(recipe, overrides, output, as_json, "choice")


@train_group.command("reply")
@_RECIPE
@_OVERRIDES
@_OUTPUT
@JSON
def train_reply(recipe: str, overrides: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Train replies with GRPO, in the agent's own prompts, on rows of `train data agent`."""
    _train(recipe, overrides, output, as_json, "reply")


@train_group.command("reply-sft")
@_RECIPE
@_OVERRIDES
@_OUTPUT
@JSON
def train_reply_sft(recipe: str, overrides: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Fine-tune replies on written ones, in the agent's own prompts, on rows of `train data drafts`."""
    _train(recipe, overrides, output, as_json, "reply-sft")


@train_group.command("empathy-head")
@click.option("--epitome", required=True, type=FOLDER, metavar="DIR", help="Folder with EPITOME's three files.")
@click.option("--output", required=True, type=FOLDER, metavar="DIR", help="Folder for the heads.")
@click.option("--seed", default=0, show_default=True)
def train_empathy_head(epitome: Path, output: Path, seed: int) -> None:
    """Fit heads that read empathy from a reply's embedding, for the reward reply_empathy.

    EPITOME is for non-commercial research, and so are the heads.
    """
    from omnisense.agent.cli.training_progress import print_progress
    from omnisense.rl.rewards.empathy_head import train_heads

    for found in train_heads(epitome, output, seed, print_progress):
        click.echo(
            f"{found.mechanism}: accuracy {found.accuracy:.3f}, macro-F1 {found.macro_f1:.3f} on {found.pairs} replies "
            f"to held-out posts (always the commonest level: {found.commonest:.3f})"
        )


@train_group.command("curriculum")
@_RECIPE
@_OVERRIDES
@_OUTPUT
@JSON
def train_curriculum(recipe: str, overrides: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Train a recipe's stages, each starting from the one before, and compare them.

    stages.NAME.KEY=VALUE overrides a key of one stage.
    """
    from omnisense.rl.recipe import read_recipe

    _train_stages(read_recipe(recipe, overrides), _run_folder(output, recipe), as_json)


@train_group.command("recipes")
@click.option("--show", metavar="RECIPE", help="Print this recipe, as a start for your own.")
def train_recipes(show: str | None) -> None:
    """List the recipes that ship with OmniSense, and what each one requires."""
    from omnisense.rl.recipe import expand_stages, packaged_recipes, packaged_text

    if show:
        click.echo(packaged_text(show), nl=False)
        return
    for name, recipe in packaged_recipes().items():
        methods = {stage.recipe.method for stage in expand_stages(recipe)} if recipe.stages else {recipe.method}
        command = methods.pop() if len(methods) == 1 else "curriculum"
        click.echo(f"{name}  (omnisense train {command} {name})")
        for line in [*recipe.description.strip().splitlines(), *recipe.requirements.strip().splitlines()]:
            click.echo(f"    {line.rstrip()}")
        for line in recipe.setup:
            click.echo(f"    $ {line}")


@train_group.command("config")
@click.argument("name")
def train_config(name: str) -> None:
    """Print the path of an Accelerate configuration: multi-gpu, zero2, zero3, zero3-offload or fsdp."""
    from importlib.resources import files

    folder = files("omnisense.rl").joinpath("accelerate")
    known = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    if name not in known:
        raise InputError(f"there is no configuration '{name}'", f"Choose from {', '.join(known)}.")
    click.echo(folder.joinpath(f"{name}.yaml"))


@train_group.command("data")
@click.argument("name", metavar="SET")
@click.argument("source", type=PATH)
@click.option("--output", required=True, type=FOLDER, metavar="DIR", help="Folder for the rows.")
@click.option("--limit", type=click.IntRange(0), default=0, help="Maximum number of rows. [default: all]")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--policy", metavar="NAME", help="For traces and drafts: who writes. For agent: the one that is recorded."
)
@ADAPTER
@click.option(
    "--num-attempts", type=click.IntRange(1), default=4, show_default=True, help="For traces and drafts: how many each."
)
def train_data(
    name: str,
    source: Path,
    output: Path,
    limit: int,
    seed: int,
    policy: str | None,
    adapter: str,
    num_attempts: int,
) -> None:
    """Convert the dataset SET in the folder SOURCE to training rows.

    SET is meld, goemotions, esconv, siq2, tombench, epitome, casino or counselchat; for HERM's data mix coco-captions,
    coco-objects, or llava (any conversations in LLaVA's format). Two more take questions in HumanSense's format:
    `percepts` renders their clips to text, for text policies, and `traces` samples a policy's reasoning and keeps what
    led to the right answer. `agent` records what the agent asks its policy, for `train choice`: SOURCE is then a folder
    of GoEmotions, a .jsonl file of texts and clips with their emotion (as `omnisense calibrate` reads them), or
    questions. `drafts` samples replies to the rows that `agent` gave, and keeps what passes the agent's own checks, for
    `train reply-sft`.
    """
    from omnisense.agent.cli.training_progress import print_progress
    from omnisense.rl.data.prepare import prepare_rows

    rows = prepare_rows(
        name, source, output, limit=limit, seed=seed, policy=policy, adapter=adapter, num_attempts=num_attempts,
        on_progress=print_progress,
    )  # fmt: skip
    print_text(f"{rows.num_rows} rows in {rows.file} ({rows.note})")


@train_group.command("calibrate-judge")
@click.option("--epitome", required=True, type=FOLDER, metavar="DIR", help="Folder with EPITOME's three files.")
@click.option("--policy", required=True, metavar="NAME", help="The judge.")
@click.option("--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option("--limit", type=click.IntRange(40), default=600, show_default=True, help="Pairs to judge.")
@click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True)
@click.option("--seed", default=0, show_default=True)
def train_calibrate_judge(epitome: Path, policy: str, output: Path, limit: int, batch_size: int, seed: int) -> None:
    """Calibrate a judge of empathy on EPITOME's labels, and report its agreement with them."""
    from omnisense.rl.rewards.calibrate_judge import calibrate_judge

    calibration, card = calibrate_judge(epitome, policy, limit, seed, batch_size)
    calibration.write(output)
    for mechanism, agreement in card.held_out.items():
        click.echo(
            f"{mechanism}: rank correlation {agreement.rank_correlation:+.2f}, accuracy {agreement.accuracy:.2f} "
            f"(always the commonest level: {agreement.commonest_level:.2f})"
        )
    print_text(f"written to {output}; measured on {card.pairs_held_out} held-out pairs", err=True)


def _tracker(log_to: str | None) -> tuple[str, ...]:
    """Return the override that logs curves to a tracker.

    Raises:
        InputError: its package is not installed.
    """
    if log_to is None:
        return ()
    from omnisense.benchmarks.harness.trackers import check_tracker

    check_tracker(log_to)
    return (f"trainer.report_to={log_to}",)


def _train(recipe: str, overrides: tuple[str, ...], output: Path | None, as_json: bool, method: Method) -> None:
    from omnisense.rl.preflight import check_recipe
    from omnisense.rl.recipe import expand_stages, read_recipe

    wanted = read_recipe(recipe, overrides, method)
    if wanted.stages:
        if {stage.recipe.method for stage in expand_stages(wanted)} != {method}:
            raise InputError("its stages have different methods", f"Run: omnisense train curriculum {recipe}", recipe)
        _train_stages(wanted, _run_folder(output, recipe), as_json)
        return
    check_recipe(wanted)  # before the libraries of training are imported, which takes many seconds
    from omnisense.agent.cli.training_progress import TrainingProgressCallback, print_progress
    from omnisense.rl.train import train

    folder = _run_folder(output, recipe)
    with TrainingProgressCallback() as progress:
        summary = train(wanted, folder, print_progress, [progress]).summary
    _print_summary(summary, folder, as_json)


def _train_stages(wanted: Recipe, folder: Path, as_json: bool) -> None:
    from omnisense.rl.preflight import check_recipe
    from omnisense.rl.recipe import expand_stages

    for stage in expand_stages(wanted):
        check_recipe(stage.recipe)  # a fault in the last stage is reported before the first one is trained
    from omnisense.agent.cli.training_progress import TrainingProgressCallback, print_progress
    from omnisense.rl.curriculum import train_curriculum

    with TrainingProgressCallback() as progress:
        summary = train_curriculum(wanted, folder, print_progress, [progress])
    _print_summary(summary, folder, as_json)


def _run_folder(output: Path | None, recipe: str) -> Path:
    return output or Path("runs") / "train" / Path(recipe).stem


def _print_summary(summary: RunSummary | CurriculumSummary | None, folder: Path, as_json: bool) -> None:
    if summary is None:  # not the main process
        return
    if as_json:
        click.echo(summary.model_dump_json())
        return
    for key in ("reward", "loss"):
        if curve := summary.last_log.curves.get(key):
            print_text(f"{key}: {curve.first:.3f} in the first tenth of the steps, {curve.last:.3f} in the last")
    if summary.comparison:
        for pair in summary.comparison.pairs:
            print_text(pair.describe())
        print_text(f"comparison: {folder / 'comparison' / 'comparison.html'}", err=True)
    print_text(f"run folder: {folder}", err=True)
