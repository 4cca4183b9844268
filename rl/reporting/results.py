"""What a training run reports: the content of ``result.json`` and ``data.json``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from omnisense.rl.recipe import Method


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)

    def to_json(self) -> str:
        """Return the result as the text of a JSON file."""
        return self.model_dump_json(indent=1) + "\n"


class CurveSummary(_Result):
    """A logged value over a run: its means over the first tenth of the steps, the last tenth, and all of them."""

    first: float
    last: float
    mean: float


class LogSummary(_Result):
    """A trainer's log in brief.

    Attributes:
        steps: of the optimizer.
        seconds: of training; None if the trainer did not log it.
        tokens: that were trained on; None if the trainer did not log it.
        curves: by the name under which the trainer logs them, such as ``reward`` and ``loss``.
    """

    steps: int
    seconds: float | None
    tokens: float | None
    curves: dict[str, CurveSummary]


class DataSummary(_Result):
    """Which questions a run used.

    Attributes:
        train, test: how many questions are trained on, and how many are held out for the evaluation.
        train_tasks, test_tasks: the same by task.
        dropped: how many questions can be used for neither, by reason.
        first_dropped: the first of them, with their reasons.
        fingerprint: SHA-256 of the question files.
        suite: the benchmark suite whose format the questions have.
    """

    train: int
    test: int
    train_tasks: dict[str, int]
    test_tasks: dict[str, int]
    dropped: dict[str, int]
    first_dropped: list[str]
    fingerprint: str
    suite: str


class PromptSummary(DataSummary):
    """``data.json``: which questions a run used, and what became of their prompts.

    Attributes:
        prompts: prompts to train on.
        too_long: how many prompts exceed ``max_prompt_tokens``.
        first_too_long: ids of the first of them.
    """

    prompts: int
    too_long: int
    first_too_long: list[str]


class ScoreEstimate(_Result):
    """A mean score with its 95% bootstrap interval; None where nothing was scored."""

    n: int
    mean: float | None
    low: float | None
    high: float | None


class QuestionCounts(_Result):
    """Numbers of held-out questions; ``not_asked`` by reason."""

    questions: int
    answered: int
    errors: int
    unparseable: int
    not_asked: dict[str, int]
    with_frames: int
    with_sound: int


class SystemScore(_Result):
    """One system on the held-out questions.

    Attributes:
        name: of the system: ``base``, ``trained``, or a stage's name.
        strict: mean of the strict score.
        unparseable: share of replies from which no answer could be parsed.
        counts: of questions.
    """

    name: str
    strict: ScoreEstimate
    unparseable: float
    counts: QuestionCounts


class PairedDifference(_Result):
    """A second system against a first, on the questions that both answered.

    Attributes:
        first, second: names of the systems.
        questions: how many both answered.
        difference: mean score of the second minus that of the first.
        p_value: of a two-sided sign-flip permutation test.
        better, worse: questions on which the second scored higher, or lower.
    """

    first: str
    second: str
    questions: int
    difference: ScoreEstimate
    p_value: float
    better: int
    worse: int

    def describe(self) -> str:
        """Return the difference in a line."""
        d = self.difference
        if d.mean is None or d.low is None or d.high is None:
            return f"{self.second} and {self.first} answered no question in common"
        unclear = "" if d.low > 0 or d.high < 0 else "; no clear difference"
        return (
            f"{self.second} against {self.first}: {d.mean:+.3f} ({d.low:+.3f} to {d.high:+.3f}) on {d.n} held-out "
            f"questions, p = {self.p_value:.4f}{unclear}"
        )


class Comparison(_Result):
    """Several systems on the same held-out questions.

    Attributes:
        questions: how many.
        systems: in the order in which they were trained, the base first.
        pairs: every system against the base, then every stage against the one before it.
    """

    questions: int
    systems: list[SystemScore]
    pairs: list[PairedDifference]

    def pair(self, second: str, first: str = "base") -> PairedDifference:
        """Return one paired difference.

        Raises:
            KeyError: there is none of these two.
        """
        for pair in self.pairs:
            if (pair.second, pair.first) == (second, first):
                return pair
        raise KeyError((second, first))


class RunSummary(_Result):
    """``result.json`` of a run; ``comparison`` is None where nothing was compared."""

    method: Method
    log: LogSummary
    data: DataSummary
    comparison: Comparison | None

    @property
    def last_log(self) -> LogSummary:
        """The summary of the trainer's log."""
        return self.log


class StageSummary(RunSummary):
    """The summary of a curriculum's stage."""

    name: str


class CurriculumSummary(_Result):
    """``result.json`` of a curriculum; ``comparison`` is of the base and all stages."""

    stages: list[StageSummary]
    comparison: Comparison | None

    @property
    def last_log(self) -> LogSummary:
        """The summary of the last stage's log."""
        return self.stages[-1].log
