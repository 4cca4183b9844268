"""The options of ``omnisense eval NAME``, and the run settings that they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click
from click.core import ParameterSource

from omnisense.agent.cli.options import ADAPTER
from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.dataset import Dataset
    from omnisense.benchmarks.harness.prompting import PromptSettings
    from omnisense.benchmarks.harness.run import RunSettings
    from omnisense.benchmarks.harness.suite import Suite, SuiteOption
    from omnisense.perception.media.sampling import Sampling

Decorator = Callable[..., Any]
FOLDER = click.Path(path_type=Path, file_okay=False)
PATH = click.Path(path_type=Path)
# Options that would be ignored: the agent chooses what of a clip is shown, and baselines have no prompts.
_IGNORED_BY_AGENT = ("audio", "separate_audio", "transcript", "frames", "max_pixels")
_IGNORED_BY_BASELINES = (
    *_IGNORED_BY_AGENT,
    "think",
    "thought_pattern",
    "text_only",
    "system_prompt",
    "templates",
    "method",
    "temperature",
    "model_args",
)

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
    return click.option(
        flag,
        option.name,
        type=types[option.type],
        metavar=option.metavar,
        default=option.default,
        show_default=option.default is not None,
        required=option.required,
        multiple=option.multiple,
        help=option.help,
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


def run_settings(given: Mapping[str, Any], suite: Suite) -> RunSettings:
    """Return the run settings that the options give.

    Raises:
        InputError: options that do not fit together.
    """
    from omnisense.benchmarks.harness.run import RunSettings
    from omnisense.benchmarks.harness.systems import SystemSettings

    if given.get("as_published"):
        given = _as_published(given, suite)
    named = [name for name in ("policy", "baseline") if given[name]]
    if len(named) != 1:
        raise InputError(
            "there is nothing to evaluate" if not named else "both a policy and a baseline are given",
            "Give --policy NAME (and --agent to evaluate the agent with it), or --baseline NAME.",
        )
    _refuse_ignored_options(given)
    if given.get("separate_audio") and not given.get("audio"):
        raise InputError("--separate-audio says how the audio is given", "Give --audio too.")
    if given["timeout"] and not given["workers"]:
        raise InputError("--timeout needs workers that can be replaced", "Give --workers N too.")
    system = SystemSettings(
        kind="baseline" if given["baseline"] else "agent" if given["as_agent"] else "policy",
        policy=given["baseline"] or given["policy"],
        adapter=given["adapter"],
        modalities=tuple(_split_list(given["modalities"])),
        model_args=_parse_model_args(given["model_args"]),
        method=given["method"],
        max_new_tokens=given["max_new_tokens"] or (2048 if given["think"] else 64),
        temperature=given["temperature"],
        seed=given["seed"],
        batch_size=given["batch_size"],
        speech_model=given["speech_model"],
        judge=given["judge"],
    )
    return RunSettings(
        suite=suite,
        system=system,
        prompting=_prompt_settings(given, suite),
        output=given["output"],
        tasks=tuple(_split_list(given["tasks"])),
        limit=given["limit"],
        num_attempts=given["num_attempts"],
        workers=given["workers"],
        timeout_s=given["timeout"],
        ray=given["ray"],
        gpus=given["gpus_per_worker"],
        shard=given["shard"],
        retry_errors=given["retry_errors"],
    )


def _prompt_settings(given: Mapping[str, Any], suite: Suite) -> PromptSettings:
    from omnisense.benchmarks.harness.prompting import PromptSettings, text_only

    templates = given.get("templates")
    prompting = PromptSettings(
        audio=given.get("audio", False),
        separate_audio=given.get("separate_audio", False),
        transcript=given.get("transcript", "none"),
        think=given["think"],
        thought_pattern=given["thought_pattern"],
        sampling=_parse_sampling(given.get("frames") or suite.frames, given["max_pixels"] or suite.max_pixels),
        system=given["system_prompt"],
        templates=str(templates) if templates else None,
    )
    return text_only(prompting) if given["text_only"] else prompting


def _as_published(given: Mapping[str, Any], suite: Suite) -> dict[str, Any]:
    """Return the options with those of the authors' protocol.

    Raises:
        InputError: something that the protocol needs is missing, or an option contradicts it.
    """
    protocol = suite.protocol
    if protocol is None:
        raise InputError(f"no protocol is known of the published figures of {suite.name}", "Leave --as-published out.")
    lacks = []
    if protocol.prompts == "authors" and not given.get("templates"):
        lacks.append("the authors' prompt file (--templates DIR, a checkout of their repository)")
    if given["as_agent"] or given["baseline"]:
        lacks.append("a model asked by itself, not the agent nor a baseline")
    _refuse_incomplete(lacks)
    wanted = {"text_only": False, "method": "write", "system_prompt": ""}
    names = ("think", "frames", "max_pixels", "audio", "separate_audio", "max_new_tokens", "temperature")
    wanted |= {name: value for name in names if (value := getattr(protocol, name)) not in (None, "either")}
    if not wanted.get("audio", given.get("audio")):
        wanted.pop("separate_audio", None)
    context = click.get_current_context()
    given_here = [name for name in wanted if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if against := [f"--{name.replace('_', '-')}" for name in given_here if given[name] != wanted[name]]:
        raise InputError(f"{', '.join(against)} is not as published", "Leave it out.")
    return {**given, **wanted}


def check_published_wording(settings: RunSettings, dataset: Dataset) -> None:
    """Refuse questions that the authors' prompt file, which ``--as-published`` needs, has no words for.

    Raises:
        InputError: it lacks something.
    """
    from omnisense.benchmarks.harness.prompting import PromptBuilder

    if settings.prompting.templates:
        samples = [s for s in dataset.samples if not settings.tasks or s.task in settings.tasks]
        _refuse_incomplete(PromptBuilder(settings.prompting, settings.suite.load_templates).lacks(samples))


def _refuse_incomplete(lacks: Sequence[str]) -> None:
    if lacks:
        raise InputError(f"the published protocol cannot be followed: it lacks {'; '.join(lacks)}",
                         "Give what is missing, or leave --as-published out.")  # fmt: skip


def _refuse_ignored_options(given: Mapping[str, Any]) -> None:
    who = "a baseline" if given["baseline"] else "the agent" if given["as_agent"] else ""
    if not who:
        return
    context = click.get_current_context()
    names = _IGNORED_BY_BASELINES if given["baseline"] else _IGNORED_BY_AGENT
    ignored = [name for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if ignored:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in ignored)
        raise InputError(f"{who} does not use {options}", f"Leave {options} out.")


def _parse_sampling(rule: str, max_pixels: int) -> Sampling:
    from omnisense.perception.media.sampling import Sampling

    named = [name for name in get_args(get_type_hints(Sampling)["rule"]) if name not in ("rate", "count")]
    if rule in named:
        return Sampling(rule=rule, max_pixels=max_pixels)  # type: ignore[arg-type]
    try:
        if rule.endswith("fps"):
            return Sampling(rule="rate", fps=float(rule[:-3]), max_pixels=max_pixels)
        return Sampling(rule="count", count=int(rule), max_pixels=max_pixels)
    except ValueError as error:
        raise InputError(
            f"'{rule}' is not a frame rule", f"Give {', '.join(named)}, a count such as 24, or a rate such as 2fps."
        ) from error


def _split_list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _parse_model_args(text: str) -> dict[str, str]:
    found = {}
    for part in _split_list(text):
        name, equals, value = part.partition("=")
        if not equals or not value.strip():
            raise InputError(f"'{part}' is not a model argument", "Write NAME=VALUE, such as dtype=bfloat16.")
        found[name.strip()] = value.strip()
    return found
