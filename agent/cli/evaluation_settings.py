"""The run settings that the options of ``omnisense eval`` give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click
from click.core import ParameterSource

from omnisense.errors import InputError

if TYPE_CHECKING:
    from omnisense.benchmarks.harness.dataset import Dataset
    from omnisense.benchmarks.harness.prompting import PromptSettings
    from omnisense.benchmarks.harness.run import RunSettings
    from omnisense.benchmarks.harness.suite import Suite
    from omnisense.perception.media.sampling import Sampling

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
