"""The contents of ``report.json`` and ``comparison.json``, as types."""

from __future__ import annotations

from typing import TypedDict


class Figure(TypedDict):
    """A mean over ``n`` questions or tasks with its 95% interval.

    ``mean`` is None where there are none, the interval where they are of one cluster, which tells nothing of its width,
    or all have the same score between 0 and 1. Where all are right, or all wrong, the bounds are the exact binomial
    ones over clusters.
    """

    n: int
    mean: float | None
    low: float | None
    high: float | None


def figure_text(figure: Figure | None) -> str:
    """Return a figure as reports show it: ``0.612 (0.580-0.644)``; ``–`` where there is none."""
    if figure is None or figure["mean"] is None:
        return "–"
    if figure["low"] is None:
        return f"{figure['mean']:.3f}"
    return f"{figure['mean']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"


class Scores(TypedDict):
    """Accuracies by one way of scoring."""

    tasks: dict[str, Figure]
    groups: dict[str, Figure]
    macros: dict[str, Figure | None]
    micro: Figure


class Counts(TypedDict):
    """Numbers of questions; ``not_asked`` by reason.

    ``clusters``: clips, people or dialogues that questions share; ``extracted``: answers that a judge extracted from
    replies that could not be read.
    """

    questions: int
    answered: int
    errors: int
    unparseable: int
    not_asked: dict[str, int]
    with_frames: int
    with_sound: int
    clusters: int
    extracted: int


class Rates(TypedDict):
    """Shares of the records (``error``) and of the answered questions (``unparseable``), 0 to 1."""

    error: float
    unparseable: float


class BinFigure(TypedDict):
    """Questions whose value (clip length in s, or confidence) lies in ``low`` to ``high``, and their accuracy."""

    low: float
    high: float
    n: int
    accuracy: float
    confidence: float


class Calibration(TypedDict):
    """How well confidence predicts accuracy, over ``n`` answers; ``error`` is the expected calibration error."""

    n: int
    error: float
    bins: list[BinFigure]


class BreakdownFigure(TypedDict):
    """Accuracies of the questions that share a value of a breakdown."""

    strict: Figure
    official: Figure


class Attempts(TypedDict):
    """Figures over several attempts at each question, by the strict score.

    ``mean`` over all attempts; ``pass_at_k``: at least one attempt is right; ``vote``: the answer that was given most
    often (self-consistency; Wang et al., 2023), the first of several that were given equally often.
    """

    k: int
    mean: Figure
    pass_at_k: Figure
    vote: Figure


class Cost(TypedDict):
    """Means over answered questions; None where nothing was counted.

    ``media_s``: seconds of the clips that were given or perceived; ``frames`` and ``audio_s`` reached the model.
    """

    prompt_tokens: float | None
    reply_tokens: float | None
    seconds: float
    media_s: float | None
    frames: float
    audio_s: float


class OfficialFigure(TypedDict):
    """A figure of the authors' evaluation over the whole run."""

    name: str
    value: float | None
    note: str


class ComparedSetting(TypedDict):
    """A setting beside the published protocol's; ``same`` is None where the protocol does not state it."""

    name: str
    here: str
    published: str
    same: bool | None


class Provenance(TypedDict):
    """What has to be known to repeat a run, besides its manifest.

    Attributes:
        data: SHA-256 over the question files and media.
        in_data: questions of the data; 0 where the run is of a version that did not record it.
        limit: how many questions were asked for, as many of each task as of the others; None for all.
        tasks: that were chosen; empty for all.
        seed: of the choice of questions and of the decoding.
        model: name and version of the model.
        omnisense: version with which the run was made; ``parser``: version of the answer parser of these figures.
        started: UTC.
    """

    data: str
    in_data: int
    limit: int | None
    tasks: list[str]
    seed: int | None
    model: str
    omnisense: str
    parser: int
    started: str


class RunSummary(TypedDict):
    """A run's figures: ``report.json``.

    ``chance``: what a guess among the options of each answered question scores on average; None where an answer is not
    one of several.
    """

    benchmark: str
    system: str
    is_official: bool
    provenance: Provenance
    chance: float | None
    counts: Counts
    rates: Rates
    strict: Scores
    official: Scores
    official_metrics: list[OfficialFigure]
    official_notes: list[str]
    breakdowns: dict[str, dict[str, BreakdownFigure]]
    errors: dict[str, int]
    unparseable: dict[str, int]
    notes: dict[str, int]
    confusion: dict[str, dict[str, dict[str, int]]]
    by_length: list[BinFigure]
    calibration: Calibration | None
    seconds: float
    cost: Cost
    attempts: Attempts | None
    minimum_detectable_difference: float | None
    comparability: list[ComparedSetting]


class PairedComparison(TypedDict):
    """A second run against a first, on the questions that both answered.

    ``p_adjusted``: for the number of runs that are compared with the first (Holm, 1979).
    """

    first: str
    second: str
    questions: int
    difference: Figure
    p_value: float
    p_adjusted: float
    better: int
    worse: int
    clusters: int
    minimum_detectable_difference: float | None


class RunsComparison(TypedDict):
    """Several runs, each later one against the first: ``comparison.json``."""

    runs: list[RunSummary]
    comparisons: list[PairedComparison]
