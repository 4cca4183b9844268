"""Prompts: which media and which text a model is given for a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.errors import InputError
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.answers.boxes import BOX_UNITS
from omnisense.reasoning.answers.question import BOX_KINDS, Question, question_text
from omnisense.reasoning.policies.messages import Messages, Part, message


@dataclass(frozen=True)
class PromptSettings:
    """How a run asks its questions.

    Attributes:
        media: whether the clip is given at all; without it the run measures what the wording alone gives away.
        audio: whether the audio of a video is given, for tasks that use it. Audio-only questions always have it.
        transcript: where transcripts come from: none, the data (``asr_en``), or our own speech recognition (``asr``).
        think: whether to ask for think and answer tags.
        thought_pattern: whether to point to characteristics, chat content and events first.
        sampling: which frames are shown.
        system: a system turn, such as the one a model was trained with; empty for none.
        templates: a folder of the authors' checkout whose prompts are used instead of ours.
    """

    media: bool = True
    audio: bool = False
    transcript: Literal["none", "data", "asr"] = "none"
    think: bool = False
    thought_pattern: bool = False
    sampling: Sampling = field(default_factory=Sampling.humansense)
    system: str = ""
    templates: str | None = None


@dataclass(frozen=True)
class Prompt:
    """A question as it goes to a model, the SHA-256 (12 digits) of its text, and whether the text is our own."""

    messages: Messages
    prompt_sha: str
    ours: bool = True


class PromptTemplates(Protocol):
    """The prompts of a benchmark's authors."""

    def fill(self, sample: Sample, transcript: str, thought_pattern: bool) -> str | None:
        """Return the text of a sample's prompt; None when the authors have no template for its kind."""
        ...


LoadTemplates = Callable[[Path, bool], PromptTemplates]  # from a folder; with thinking or without


class PromptBuilder:
    """Makes prompts of samples.

    Args:
        settings: how questions are asked.
        load_templates: the suite's reader of its authors' prompts, for ``settings.templates``.

    Raises:
        InputError: the templates folder holds no template file, or the suite has no such templates.
    """

    def __init__(self, settings: PromptSettings, load_templates: LoadTemplates | None = None) -> None:
        self.settings = settings
        self._templates: PromptTemplates | None = None
        if settings.templates:
            if load_templates is None:
                raise InputError("this benchmark has no prompts of its authors", "Leave --templates out.")
            self._templates = load_templates(Path(settings.templates), settings.think)

    def build(self, sample: Sample, transcript: str | None = None) -> Prompt:
        """Return the prompt of a sample.

        Args:
            sample: the question.
            transcript: of our own speech recognition, where the settings ask for it.
        """
        shown = self._transcript_for(sample, transcript)
        words = self._templates.fill(sample, shown, self.settings.thought_pattern) if self._templates else None
        text = words or question_text(
            sample.question,
            think=self.settings.think,
            thought_pattern=self.settings.thought_pattern,
            transcript=shown,
            percepts=sample.percepts if self.settings.media else "",
        )
        content: list[Part] = [*self._media_parts(sample), {"type": "text", "text": text}]
        system = [message("system", self.settings.system)] if self.settings.system else []
        sha = hashlib.sha256(f"{self.settings.system}\n{text}".encode()).hexdigest()[:12]
        return Prompt([*system, {"role": "user", "content": content}], sha, ours=words is None)

    def fingerprint(self, boxed: bool = False) -> str:
        """Return the SHA-256 (12 digits) of the prompts of one question of each kind: it changes when any wording does.

        ``boxed``: with those that ask for boxes.
        """
        options = tuple(f"{letter}. {letter}" for letter in "ABCDE")
        samples = [("one", n) for n in (2, 3, 4, 5)] + [("several", 4), ("number", 0), ("yes_no", 0)]
        words = []
        for kind, n in samples:
            question = Question("?", kind, options[:n])  # type: ignore[arg-type]
            words.append(
                self.build(Sample("", "", 0, question, "", "text", transcript="-", uses_audio=True)).prompt_sha
            )
        if boxed:
            asked = [Question("?", kind, form=form) for kind in BOX_KINDS for form in (*BOX_UNITS[:3], "pixels 4x3")]  # type: ignore[arg-type]
            words += [self.build(Sample("", "", 0, question, "", "text")).prompt_sha for question in asked]
        return hashlib.sha256("".join(words).encode()).hexdigest()[:12]

    def _transcript_for(self, sample: Sample, recognized: str | None) -> str:
        if sample.modality == "text" and self.settings.media:
            return sample.transcript  # the transcript stands for the clip
        if not sample.uses_audio or self.settings.transcript == "none":
            return ""
        return sample.transcript if self.settings.transcript == "data" else recognized or ""

    def _media_parts(self, sample: Sample) -> list[Part]:
        if not self.settings.media or sample.media is None:
            return []
        part = media_part(sample)
        part["sampling"] = self.settings.sampling
        if sample.modality == "video":
            part["with_audio"] = self.settings.audio and sample.uses_audio
        return [part]


def media_part(sample: Sample) -> Part:
    """Return a sample's media, or the window of it that is shown, as a part of a message."""
    assert sample.media is not None, "a text sample has no media"
    part: Part = {"type": sample.modality, "path": sample.media}
    if sample.start_s is not None and sample.end_s is not None:
        part |= {"start_s": sample.start_s, "end_s": sample.end_s}
    return part


def text_only(settings: PromptSettings) -> PromptSettings:
    """Return the same settings without media, audio and transcript: what the wording alone gives away."""
    return replace(settings, media=False, audio=False, transcript="none")
