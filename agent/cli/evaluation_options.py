"""The options of ``omnisense eval NAME``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from omnisense.agent.cli.options import ADAPTER, FOLDER, PATH

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.suite import Suite, SuiteOption

Decorator = Callable[..., Any]

_SYSTEM = (
    click.option(
        "--policy",
        metavar="NAME",
        help="Model: a listed name, folder, hub id or GGUF file; chat:PROVIDER:MODEL; scripted.",
    ),
    click.option(
        "--agent", "as_agent", is_flag=True, help="Evaluate the agent with this policy, instead of the policy alone."
    ),
    click.option(
        "--baseline",
        type=click.Choice(["random", "majority", "longest"]),
        help="Evaluate a baseline instead of a model.",
    ),
    ADAPTER,
    click.option(
        "--model-args",
        default="",
        metavar="LIST",
        help="How a local model is loaded: dtype=bfloat16,device_map=auto,attn_implementation=sdpa,quantization=4bit.",
    ),
    click.option(
        "--modalities",
        default="",
        metavar="LIST",
        help="Modalities that a chat model accepts besides text: image,audio.",
    ),
    click.option(
        "--method",
        type=click.Choice(["write", "choose"]),
        default="write",
        show_default=True,
        help="Generate a reply, or compare the likelihoods of the options.",
    ),
    click.option(
        "--max-new-tokens",
        type=click.IntRange(1),
        metavar="N",
        help="Maximum reply length. [default: 64; --think: 2048]",
    ),
    click.option(
        "--temperature",
        type=click.FloatRange(0),
        metavar="T",
        default=0.0,
        show_default=True,
        help="Sampling temperature; 0 is greedy.",
    ),
    click.option("--seed", default=0, metavar="N", show_default=True, help="Random seed."),
    click.option(
        "--batch-size", type=click.IntRange(1), metavar="N", default=8, show_default=True, help="Questions per batch."
    ),
    click.option(
        "--speech-model",
        default="whisper-tiny.en",
        show_default=True,
        metavar="MODEL",
        help="Speech recognition of the agent and of --transcript asr.",
    ),
)
_RUN = (
    click.option("--output", type=FOLDER, metavar="DIR", help="Run folder. [default: runs/BENCHMARK/SETTINGS]"),
    click.option("--tasks", default="", metavar="LIST", help="Evaluate only these tasks: ER,TR."),
    click.option(
        "--limit",
        type=click.IntRange(1),
        metavar="N",
        help="Maximum number of questions, taken evenly from the tasks; the same ones for a seed.",
    ),
    click.option(
        "--num-attempts",
        type=click.IntRange(1),
        default=1,
        metavar="K",
        help="Ask each question K times, for the mean, pass@k and the majority vote.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(0),
        metavar="N",
        default=0,
        help="Number of worker processes, or of Ray actors.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Replace a worker that has not responded for this long.",
    ),
    click.option("--ray", metavar="ADDRESS", help="Run on a Ray cluster; `local` starts one."),
    click.option("--gpus-per-worker", type=click.FloatRange(0), metavar="N", default=0.0, help="GPUs per Ray actor."),
    click.option("--shard", default="", metavar="I/N", help="Run only part I of N, into the same run folder."),
    click.option(
        "--judge",
        metavar="NAME",
        help="Model that extracts answers from replies that cannot be read (it never grades); such cases are marked.",
    ),
    click.option(
        "--log-to",
        type=click.Choice(["tensorboard", "wandb"]),
        help="Log the scores to TensorBoard or Weights & Biases as well.",
    ),
    click.option("--retry-errors", is_flag=True, help="Repeat the questions that ended in an error."),
)


def evaluation_options(suite: Suite) -> list[Decorator]:
    """Return the options of ``omnisense eval`` for a suite: its own, then the system's, the prompt's and the run's."""
    validate = click.option("--validate", is_flag=True, help="Check the data and report problems; run nothing.")
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
    own = [suite_option(option) for option in suite.options]
    prompts = _prompt_options(
        suite.frames, str(suite.max_pixels), suite.media == "clips", suite.load_templates is not None
    )
    published = click.option(
        "--as-published",
        is_flag=True,
        help="Set everything to the authors' protocol; fails with what is missing for it (their prompts: --templates).",
    )
    return [*own, validate, published, *_SYSTEM, *prompts, *_RUN, as_json]


def common_options() -> list[Decorator]:
    """Return the options of ``omnisense eval all``: those of any suite about clips, without a suite's own."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
    return [*_SYSTEM, *_prompt_options("each benchmark's own", "each benchmark's own", True, False), *_RUN, as_json]


def suite_option(option: SuiteOption) -> Decorator:
    """Return an option of a suite's loader as an option of a command."""
    flag = f"--{option.name.replace('_', '-')}"
    if option.type == "flag":
        return click.option(flag, option.name, is_flag=True, help=option.help)
    types = {"text": click.STRING, "folder": FOLDER, "path": PATH, "choice": click.Choice(option.choices)}
    # From click 8.3 on a default of None counts as given, so that a required option would not be asked for.
    default = {} if option.default is None else {"default": option.default, "show_default": True}
    return click.option(
        flag,
        option.name,
        type=types[option.type],
        metavar=option.metavar,
        required=option.required,
        multiple=option.multiple,
        help=option.help,
        **default,
    )


def _prompt_options(frames_shown: str, pixels_shown: str, clips: bool, has_templates: bool) -> list[Decorator]:
    before = [
        click.option("--audio", is_flag=True, help="Include the audio of videos, for tasks that need it."),
        click.option("--separate-audio", is_flag=True, help="Give the audio after the frames, not interleaved."),
        click.option(
            "--transcript",
            type=click.Choice(["none", "data", "asr"]),
            default="none",
            show_default=True,
            help="Put a transcript before the question: from the data, or from speech recognition.",
        ),
    ]
    always = [
        click.option("--think", is_flag=True, help="Ask for <think> and <answer> tags."),
        click.option(
            "--thought-pattern",
            is_flag=True,
            help="Ask the model to consider characteristics, context and events first.",
        ),
        click.option(
            "--text-only", is_flag=True, help="Leave out the media, to measure what the wording alone gives away."
        ),
    ]
    rules = "Frames of a clip: humansense (HumanSense's rule), a count such as 24, or a rate such as 2fps."
    frames = click.option("--frames", show_default=frames_shown, metavar="RULE", help=rules)
    after = [
        click.option(
            "--max-pixels",
            type=click.IntRange(1),
            show_default=pixels_shown,
            metavar="N",
            help=f"Maximum pixels per {'frame' if clips else 'image'}.",
        ),
        click.option("--system-prompt", default="", metavar="TEXT", help="System prompt."),
    ]
    templates = click.option(
        "--templates", type=FOLDER, metavar="DIR", help="Use the authors' prompts, from a checkout of their repository."
    )
    return [
        *(before if clips else []),
        *always,
        *([frames] if clips else []),
        *after,
        *([templates] if has_templates else []),
    ]
