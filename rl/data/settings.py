"""The ``data`` part of a recipe: which questions are used, and how they become prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from omnisense.benchmarks.harness.prompting import PromptSettings
from omnisense.perception.media.sampling import Sampling


class DataSettings(BaseModel):
    """Which questions are trained on and held out, and how they become prompts.

    Attributes:
        files: folders or files of questions, each in the format of any suite (:mod:`omnisense.benchmarks.suites`).
        images: for questions about images, their folder; by default the one that the file is in.
        boxes: the notation of boxes: ``auto`` for what the model was trained on
            (:mod:`omnisense.reasoning.answers.boxes`).
        ratios: sampling ratios by task; other tasks are left out. A task that is drawn more often than it has rows
            starts again.
        samples_per_epoch: how many rows are drawn by ``ratios`` for an epoch; 0 for as many as there are.
        modalities: only questions with these media; empty for all.
        tasks: only these tasks; empty for all.
        audio: whether videos are given with their audio.
        text_only: the question alone, without clip and transcript.
        think: whether think and answer tags are asked for.
        thought_pattern: whether to point to characteristics, chat content and events first.
        transcript: whether the data's transcript precedes the question.
        frames: ``humansense`` for the paper's sampling rule, or a number of frames.
        max_pixels: of one frame.
        system: a system turn.
        ignore_windows: whether to ignore the rows' time windows and use whole clips.
        test_fraction: share of the groups that is held out for the evaluation, unless there are ``test_files``.
        test_files: files of held-out questions, in the formats of ``files``.
        limit, test_limit: at most so many questions to train on, and to evaluate on; 0 for all.
        neutral_share: for choices: the share of prompts without evidence, by which the agent measures a policy's bias.
            They are trained towards equal probabilities, so that there is none.
        max_prompt_tokens: longer prompts are dropped.
        max_clip_s: longer clips are dropped.
    """

    model_config = ConfigDict(extra="forbid")

    files: list[Path] = Field(min_length=1)
    images: Path | None = None
    boxes: Literal["auto", "fractions", "bins", "thousandths", "pixels"] = "auto"
    ratios: dict[str, float] = {}
    samples_per_epoch: int = Field(default=0, ge=0)
    modalities: list[Literal["text", "image", "video", "audio"]] = []
    tasks: list[str] = []
    audio: bool = False
    text_only: bool = False
    think: bool = True
    thought_pattern: bool = False
    transcript: Literal["none", "data"] = "none"
    frames: Literal["humansense"] | int = "humansense"
    max_pixels: int = Field(default=360 * 420, ge=1)
    system: str = ""
    ignore_windows: bool = False
    test_fraction: float = Field(default=0.1, ge=0, lt=1)
    test_files: list[Path] = []
    limit: int = Field(default=0, ge=0)
    test_limit: int = Field(default=0, ge=0)
    neutral_share: float = Field(default=0.05, ge=0, lt=1)
    max_prompt_tokens: int = Field(default=16_384, ge=1)
    max_clip_s: float = Field(default=600.0, gt=0)

    def prompting(self) -> PromptSettings:
        """Return the prompt settings of the evaluation, so that training and evaluation use the same prompts."""
        frames = (
            Sampling(rule="humansense", max_pixels=self.max_pixels)
            if self.frames == "humansense"
            else Sampling(rule="count", count=self.frames, max_pixels=self.max_pixels)
        )
        return PromptSettings(
            media=not self.text_only, audio=self.audio and not self.text_only, transcript=self.transcript,
            think=self.think, thought_pattern=self.thought_pattern, sampling=frames, system=self.system,
        )  # fmt: skip
