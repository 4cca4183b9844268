"""The suite interface: everything the harness, the command line and training need to know about one benchmark."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:  # a suite is imported for `--help`, so nothing here may import numpy
    from omnisense.benchmarks.harness.dataset import Dataset, Sample
    from omnisense.benchmarks.harness.prompting import LoadTemplates
    from omnisense.benchmarks.harness.records import Record

OfficialScore = Callable[["Sample", str, bool], float | None]
LoadDataset = Callable[..., "Dataset"]  # (data, model, **options), the options being those that the suite declares
# Of the published results of which only the average is known: model, and its average over the full benchmark.
Averages = Mapping[str, float]
OptionType = Literal["flag", "text", "folder", "path", "choice"]


def find_named(name: str) -> Any:
    """Return what ``module:name`` names; the module is imported."""
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


@dataclass(frozen=True)
class Deferred:
    """A function of a suite that is imported when it is first called, since suites are read for ``--help``.

    Attributes:
        name: ``module:function``.
    """

    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return find_named(self.name)(*args, **kwargs)


@dataclass(frozen=True)
class SuiteOption:
    """An option of a suite's loader as plain data, from which the command line makes an option.

    Attributes:
        name: the loader's keyword argument; ``ignore_windows`` becomes ``--ignore-windows``.
        help: one line.
        type: a ``flag``, a ``text``, an existing ``folder``, any ``path``, or one of ``choices``.
        metavar: what stands for the value in the help.
        choices: the values of a ``choice``.
        default: the value when the option is not given.
        required: whether it must be given.
        multiple: whether it may be repeated; the loader then gets a tuple.
    """

    name: str
    help: str
    type: OptionType = "text"
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    default: Any = None
    required: bool = False
    multiple: bool = False


@dataclass(frozen=True)
class ModelUnderTest:
    """What a loader may ask about the model: for instance how it is used to writing boxes.

    Attributes:
        policy: name or folder of the model; None for a baseline, the agent, or a check of the data alone.
        max_pixels: what images are scaled down to before the model's own processor sees them; None for no limit.
    """

    policy: str | None = None
    max_pixels: int | None = None

    def folder(self) -> Path | None:
        """Return the folder of a local model, downloaded first if need be; None for a remote or scripted one.

        Raises:
            ModelError: there is no such model, or it cannot be downloaded.
        """
        from omnisense import models

        if self.policy is None or self.policy.partition(":")[0] in ("chat", "scripted"):
            return None
        return models.fetch(self.policy)


class ScoreResults(Protocol):
    """Scores a result file that the authors' own harness wrote."""

    def __call__(self, results: Path, model: str, think: bool) -> tuple[dict[str, Any], list[str]]:
        """Return the statistics of the authors' script, and for each row on which it stops, the reason."""
        ...


class OfficialMetric(NamedTuple):
    """A figure of the authors' evaluation over a whole run: its name, its value, and what it rests on."""

    name: str
    value: float | None
    note: str = ""


class OfficialRun(NamedTuple):
    """What the authors' script makes of a whole run.

    Attributes:
        scores: of replies whose score depends on the others, by record id.
        metrics: figures over the run.
        notes: what was reproduced, and what could not be.
    """

    scores: Mapping[str, float]
    metrics: Sequence[OfficialMetric]
    notes: Sequence[str] = ()


class ScoreRun(Protocol):
    """Scores a run as the authors' script does, where that is more than the mean of the replies' scores."""

    def __call__(self, records: Sequence[Record], is_complete: bool) -> OfficialRun:
        """Return the figures; ``is_complete`` says whether every question of the data was answered."""
        ...


@dataclass(frozen=True)
class PublishedProtocol:
    """How the authors' published figures were made; None where they do not state it.

    Attributes:
        prompts: whose wording: ``authors`` (to be read from their checkout with ``--templates``), or ``data`` where the
            questions of the data are the whole prompt.
        think: whether they ask for reasoning before the answer.
        images: whether questions are about images, not clips, so that no frames are chosen.
        frames: rule of the frames, as ``--frames`` takes it.
        max_pixels: of a frame or image.
        audio: whether sound is given; ``either`` where there are figures with it and without.
        separate_audio: whether it is given as a part of its own.
        max_new_tokens: of a reply.
        temperature: of decoding.
    """

    prompts: Literal["authors", "data"] | None = None
    think: bool | None = None
    images: bool = False
    frames: str | None = None
    max_pixels: int | None = None
    audio: bool | Literal["either"] | None = None
    separate_audio: bool | None = None
    max_new_tokens: int | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class ReportSpec:
    """How a benchmark's figures are combined and labelled in reports.

    Attributes:
        title: the benchmark's name.
        tasks: task names by code, in the order of the report's table.
        groups: task codes by group (the levels of a benchmark).
        macros: further macro averages: task codes by name.
        published: rows of published results: ``model``, ``split``, ``average``, and accuracy by task code.
        published_source: where they come from.
        score_run: the authors' figures over a whole run; None where these are means.
        protocol: how the published figures were made.
    """

    title: str
    tasks: Mapping[str, str]
    groups: Mapping[str, Sequence[str]]
    macros: Mapping[str, Sequence[str]]
    published: Sequence[Mapping[str, Any]]
    published_source: str = ""
    score_run: ScoreRun | None = None
    protocol: PublishedProtocol | None = None


def published_averages(averages: Averages, tasks: Iterable[str]) -> list[dict[str, Any]]:
    """Return rows of published results whose accuracy by task is not known."""
    return [{"model": model, "split": "full", "average": average} | dict.fromkeys(tasks)
            for model, average in averages.items()]  # fmt: skip


def is_file_of(path: Path, file: str, keys: Sequence[str], think_folder: str = "") -> bool:
    """Return whether a path is a file of rows with those keys, or a folder with one.

    Args:
        path: the file or folder.
        file: its name in a folder.
        keys: that its rows have.
        think_folder: name, in lower case, of the folder that may hold HumanOmniV2's ``qa_think.json`` in its place.
    """
    found = path / file if path.is_dir() else path
    if think_folder and not found.is_file():
        return path.name.lower() == think_folder and (path / "qa_think.json").is_file()
    return begins_with_keys(found, *keys)


def begins_with_keys(file: Path, *keys: str) -> bool:
    """Return whether a file is there and all keys of a row stand in its first 4,096 characters."""
    if not file.is_file():
        return False
    with file.open(encoding="utf-8", errors="replace") as text:
        head = text.read(4096)
    return all(f'"{key}"' in head for key in keys)


@dataclass(frozen=True)
class Suite:
    """A benchmark. Its functions must be module-level functions, since a suite travels to worker processes.

    Attributes:
        name: as on the command line (``omnisense eval NAME``) and in manifests.
        summary: one sentence for the help.
        load: reads the data.
        options: what ``load`` takes besides the model; the first is ``data``.
        official_score: the authors' own score of a reply (sample, reply, whether thinking was asked for); None where
            their script does not count it.
        report_spec: how figures are combined, given the tasks and the task groups of the data.
        is_question_file: whether a path holds questions in this suite's format.
        files: names of its question files or of their folder, by which its data folder is found in a larger one.
        load_templates: reads the authors' prompts from a checkout of their repository; None where there are none.
        score_results: scores result files of the authors' harness; None where there is no such harness.
        media: whether questions are about ``clips`` (frames, audio, transcripts apply) or single ``images``.
        frames: the default frame sampling rule, for clips.
        max_pixels: the default limit for one frame or image, in pixels.
        task_sizes: how many questions of each task the full benchmark has; empty when that is not fixed.
        size: how many questions the published benchmark has, in words.
        license: of the data, as far as its authors state it.
        shows: what questions are about, for the list of suites.
        protocol: how the published figures were made; None where that is not known.
    """

    name: str
    summary: str
    load: LoadDataset
    options: tuple[SuiteOption, ...]
    official_score: OfficialScore
    report_spec: Callable[[Iterable[str], Mapping[str, Sequence[str]]], ReportSpec]
    is_question_file: Callable[[Path], bool]
    load_templates: LoadTemplates | None = None
    score_results: ScoreResults | None = None
    media: Literal["clips", "images"] = "clips"
    frames: str = "1"
    max_pixels: int = 360 * 420
    task_sizes: Mapping[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    size: str = "as the data"
    license: str = "not stated"
    shows: str = "video, audio"
    protocol: PublishedProtocol | None = None

    def options_from(self, settings: Any) -> dict[str, Any]:
        """Return the loader options that an object has as attributes; the others keep their defaults."""
        names = [option.name for option in self.options if option.name != "data"]
        return {name: getattr(settings, name) for name in names if hasattr(settings, name)}
