"""``omnisense train``: GRPO, supervised fine-tuning and curricula by recipe, and the data for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.rl.recipe import Method, Recipe

_DIR = click.Path(path_type=Path, file_okay=False)
_OUTPUT = click.option("--output", type=_DIR, metavar="DIR", help="Run folder. [default: runs/train/RECIPE]")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_CHANGES = click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
_RECIPE = click.argument("recipe", metavar="RECIPE")


@click.group("train")
def train_group() -> None:
    """Train a policy by a recipe: a YAML file, or one of those that `recipes` lists.

    KEY=VALUE changes the recipe: trainer.max_steps=20 data.files=[my.json]. Run the same command again to go on where
    it stopped. On several GPUs:

    \b
    accelerate launch --config_file $(omnisense train config zero3) \\
      -m omnisense.agent.cli.main train grpo RECIPE
    """


@train_group.command("grpo")
@_RECIPE
@_CHANGES
@_OUTPUT
@_JSON
def train_grpo(recipe: str, changes: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Strengthen a policy by reward, on text, image, video and sound."""
    _train(recipe, changes, output, as_json, "grpo")


@train_group.command("sft")
@_RECIPE
@_CHANGES
@_OUTPUT
@_JSON
def train_sft(recipe: str, changes: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Fine-tune a policy on worked solutions: the cold start before GRPO."""
    _train(recipe, changes, output, as_json, "sft")


@train_group.command("curriculum")
@_RECIPE
@_CHANGES
@_OUTPUT
@_JSON
def train_curriculum(recipe: str, changes: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Run a recipe's stages, each from where the last one ended, and compare them."""
    from omnisense.rl.recipe import read_recipe

    _train_stages(read_recipe(recipe, changes), _folder(output, recipe), as_json)


@train_group.command("recipes")
@click.option("--show", metavar="RECIPE", help="Print this recipe, to start one of your own from.")
def train_recipes(show: str | None) -> None:
    """List the recipes that ship with OmniSense, with what each one needs."""
    from importlib.resources import files

    from omnisense.rl.recipe import read_recipe, shipped, stages_of

    if show:
        read_recipe(show)
        click.echo(files("omnisense.rl").joinpath("recipes", f"{show}.yaml").read_text("utf-8"), nl=False)
        return
    for name, recipe in shipped().items():
        methods = {stage.recipe.method for stage in stages_of(recipe)} if recipe.stages else {recipe.method}
        command = methods.pop() if len(methods) == 1 else "curriculum"
        click.echo(f"{name}  (omnisense train {command} {name})")
        for line in [*recipe.about.strip().splitlines(), *recipe.needs.strip().splitlines()]:
            click.echo(f"    {line.strip()}")


@train_group.command("config")
@click.argument("name")
def train_config(name: str) -> None:
    """Print the path of an Accelerate configuration: multi-gpu, zero2, zero3, zero3-offload or fsdp."""
    from importlib.resources import files

    folder = files("omnisense.rl").joinpath("accelerate")
    path = folder.joinpath(f"{name}.yaml")
    if "/" in name or not path.is_file():
        known = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
        raise InputError(f"there is no configuration '{name}'", f"Choose from {', '.join(known)}.")
    click.echo(path)


@train_group.command("data")
@click.argument("name", metavar="SET")
@click.argument("source", type=_DIR)
@click.argument("output", type=_DIR)
@click.option("--limit", type=click.IntRange(0), default=0, help="At most so many rows. [default: all]")
@click.option("--seed", default=0, show_default=True)
@click.option("--policy", metavar="NAME", help="For traces: the policy that reasons.")
@click.option("--adapter", metavar="DIR", help="For traces: its LoRA adapter.")
@click.option(
    "--num-attempts", type=click.IntRange(1), default=4, show_default=True, help="For traces: replies a question."
)
def train_data(
    name: str,
    source: Path,
    output: Path,
    limit: int,
    seed: int,
    policy: str | None,
    adapter: str | None,
    num_attempts: int,
) -> None:
    """Turn a public SET on your disk into training rows.

    SET is meld, goemotions, esconv, siq2, tombench, epitome or casino; for HERM's mix coco-captions, coco-objects, or
    llava (any conversations in LLaVA's form). Two more start from questions in HumanSense's shape: `percepts` renders
    their clips to text, so that text policies can train on them, and `traces` lets a policy reason, and keeps what led
    to the right answer.
    """
    from omnisense.agent.cli.training_progress import say
    from omnisense.rl.data.prepare import prepare

    told = prepare(
        name, source, output, limit=limit, seed=seed, policy=policy, adapter=adapter, num_attempts=num_attempts, say=say
    )
    click.echo(told)


@train_group.command("calibrate-judge")
@click.option("--epitome", required=True, type=_DIR, metavar="DIR", help="Folder with EPITOME's three files.")
@click.option("--policy", required=True, metavar="NAME", help="The judge.")
@click.option("--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option("--limit", type=click.IntRange(40), default=600, show_default=True, help="Pairs that are judged.")
@click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True)
@click.option("--seed", default=0, show_default=True)
def train_judge(epitome: Path, policy: str, output: Path, limit: int, batch_size: int, seed: int) -> None:
    """Calibrate a judge of empathy on EPITOME's labels, and show how far it agrees with them."""
    from omnisense.rl.judge_calibration import calibrate

    found = calibrate(epitome, policy, limit, seed, batch_size)
    found.write(output)
    for name, agreement in found.card["held_out"].items():
        click.echo(
            f"{name}: rank correlation {agreement['rank_correlation']:+.2f}, accuracy {agreement['accuracy']:.2f} "
            f"(the commonest level alone: {agreement['commonest_level']:.2f})"
        )
    click.echo(f"written to {output}; measured on {found.card['pairs_held_out']} held-out pairs", err=True)


def _train(recipe: str, changes: tuple[str, ...], output: Path | None, as_json: bool, method: Method) -> None:
    from omnisense.agent.cli.training_progress import TrainingProgress, say
    from omnisense.rl.recipe import read_recipe, stages_of

    wanted = read_recipe(recipe, changes, method)
    if wanted.stages:
        if {stage.recipe.method for stage in stages_of(wanted)} != {method}:
            raise InputError("its stages are of several methods", f"Run: omnisense train curriculum {recipe}", recipe)
        _train_stages(wanted, _folder(output, recipe), as_json)
        return
    _check(wanted)
    from omnisense.rl.train import train

    folder = _folder(output, recipe)
    _show(train(wanted, folder, say, [TrainingProgress()]).result, folder, as_json)


def _train_stages(wanted: Recipe, folder: Path, as_json: bool) -> None:
    from omnisense.agent.cli.training_progress import TrainingProgress, say
    from omnisense.rl.recipe import stages_of

    for stage in stages_of(wanted):
        _check(stage.recipe)  # a fault in the last stage shows before the first one is trained
    from omnisense.rl.curriculum import train_curriculum

    _show(train_curriculum(wanted, folder, say, [TrainingProgress()]), folder, as_json)


def _check(recipe: Recipe) -> None:
    """A fault in the rewards shows before a model is loaded."""
    from omnisense.rl.rewards import build_rewards

    if recipe.method == "grpo":
        build_rewards(recipe.rewards)


def _folder(output: Path | None, recipe: str) -> Path:
    return output or Path("runs") / "train" / Path(recipe).stem


def _show(result: dict[str, Any] | None, folder: Path, as_json: bool) -> None:
    if not result:  # the main process says it
        return
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    last = result["stages"][-1] if "stages" in result else result
    for key in ("reward", "loss"):
        if found := last["log"].get(key):
            click.echo(f"{key}: {found['first']:.3f} in the first tenth of the steps, {found['last']:.3f} in the last")
    for pair in (result["comparison"] or {}).get("pairs", ()):
        from omnisense.rl.evaluate import told

        click.echo(told(pair))
    if result["comparison"]:
        click.echo(f"compared in {folder / 'comparison' / 'comparison.html'}", err=True)
    click.echo(f"the run is in {folder}", err=True)
