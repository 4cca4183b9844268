"""Prompts: which media and which text a model is given for a sample."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.subtitles import lines_at, read_subtitles
from omnisense.errors import InputError
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.answers.boxes import BOX_UNITS
from omnisense.reasoning.answers.question import (
    BOX_KINDS,
    LABEL_KINDS,
    VALUE_KINDS,
    Kind,
    Question,
    question_text,
)
from omnisense.reasoning.policies.messages import Messages, Part, clip_of, message


@dataclass(frozen=True)
class PromptSettings:
    """How a run asks its questions.

    Attributes:
        media: whether the clip is given at all; without it the run measures what the wording alone gives away.
        audio: whether the audio of a video is given, for tasks that use it. Audio-only questions always have it.
        separate_audio: whether it is given as a part of its own after the frames, instead of interleaved with them.
        transcript: where transcripts come from: none, the data (a text of each row, or the lines of the subtitles that
            are shown at the sampled frames), or our own speech recognition (``asr``).
        think: whether to ask for think and answer tags.
        thought_pattern: whether to point to characteristics, chat content and events first.
        sampling: which frames are shown.
        system: a system turn, such as the one a model was trained with; empty for none.
        templates: a folder of the authors' checkout whose prompts are used instead of ours.
    """

    media: bool = True
    audio: bool = False
    separate_audio: bool = False
    transcript: Literal["none", "data", "asr"] = "none"
    think: bool = False
    thought_pattern: bool = False
    sampling: Sampling = field(default_factory=Sampling.humansense)
    system: str = ""
    templates: str | None = None


@dataclass(frozen=True)
class Prompt:
    """A question as it goes to a model.

    Attributes:
        messages: the prompt.
        prompt_sha: SHA-256 (12 digits) of its text.
        ours: whether the text is our own, rather than the authors'.
        transcript: that it holds; empty for none.
    """

    messages: Messages
    prompt_sha: str
    ours: bool = True
    transcript: str = ""


class Wording(NamedTuple):
    """The text of a prompt: what stands before the media, and what follows them; either may be empty."""

    before: str
    after: str


class PromptTemplates(Protocol):
    """The prompts of a benchmark's authors."""

    @property
    def system(self) -> str:
        """Their system turn; empty for none."""
        ...

    @property
    def lacks(self) -> tuple[str, ...]:
        """What of the authors' prompts the folder does not hold."""
        ...

    def check(self, settings: PromptSettings) -> None:
        """Refuse settings that the authors' prompts have no words for.

        Raises:
            InputError: there is such a setting.
        """
        ...

    def fill(self, sample: Sample, transcript: str | None, thought_pattern: bool, has_audio: bool) -> Wording | None:
        """Return the text of a sample's prompt; None when the authors have no template for its kind.

        Args:
            sample: the question.
            transcript: what is given in place of sound; empty where there is none of this clip, None where none is
                asked for.
            thought_pattern: whether to point to characteristics, chat content and events first.
            has_audio: whether sound is given.
        """
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
            self._templates.check(settings)

    def build(self, sample: Sample, transcript: str | None = None, media: bool = True) -> Prompt:
        """Return the prompt of a sample.

        Args:
            sample: the question.
            transcript: of our own speech recognition, where the settings ask for it.
            media: whether the media are given, where the settings say so; False for a model that takes none of them.
        """
        shown = self._transcript_for(sample, transcript)
        parts = self._media_parts(sample) if media else []
        theirs = self._fill(sample, shown, parts) if self._templates else None
        before, after = theirs or ("", self._our_text(sample, shown))
        content = [*_text_parts(before), *parts, *_text_parts(after)]
        turn = self.settings.system or (self._templates.system if self._templates else "")
        system = [message("system", turn)] if turn else []
        sha = hashlib.sha256(f"{turn}\n{before}{after}".encode()).hexdigest()[:12]
        return Prompt([*system, {"role": "user", "content": content}], sha, theirs is None, shown)

    def lacks(self, samples: Sequence[Sample]) -> list[str]:
        """Return what of the authors' prompts is missing for those samples."""
        if self._templates is None:
            return ["the authors' prompts"]
        kinds = Counter(s.question.kind for s in samples if self._fill(s, "", []) is None)
        found = [f"their words for {n} of {len(samples)} questions (kind: {kind})" for kind, n in kinds.items()]
        return [*self._templates.lacks, *found]

    def _fill(self, sample: Sample, transcript: str, parts: list[Part]) -> Wording | None:
        assert self._templates is not None
        has_audio = any(part["type"] == "audio" or part.get("with_audio") for part in parts)
        given = transcript if transcript or self.settings.transcript != "none" else None
        return self._templates.fill(sample, given, self.settings.thought_pattern, has_audio)

    def _our_text(self, sample: Sample, transcript: str) -> str:
        return question_text(
            sample.question,
            think=self.settings.think,
            thought_pattern=self.settings.thought_pattern,
            transcript=transcript,
            percepts=sample.percepts if self.settings.media else "",
        )

    def fingerprint(self, kinds: Iterable[Kind] = ()) -> str:
        """Return the SHA-256 (12 digits) of the prompts of one question of each kind: it changes when any wording does.

        Args:
            kinds: of the questions asked. Choices, numbers and yes or no always count; others where they are asked.
        """
        if self._templates is not None:
            own = PromptBuilder(replace(self.settings, templates=None)).fingerprint(kinds)  # for kinds without theirs
            return hashlib.sha256(f"{self._templates}{own}".encode()).hexdigest()[:12]
        options = tuple(f"{letter}. {letter}" for letter in "ABCDE")
        samples = [("one", n) for n in (2, 3, 4, 5)] + [("several", 4), ("number", 0), ("yes_no", 0)]
        words = []
        for kind, n in samples:
            question = Question("?", kind, options[:n])  # type: ignore[arg-type]
            words.append(
                self.build(Sample("", "", 0, question, "", "text", transcript="-", uses_audio=True)).prompt_sha
            )
        asked = set(kinds)
        others: list[Question] = []
        if asked & set(BOX_KINDS):
            others = [Question("?", kind, form=form) for kind in BOX_KINDS for form in (*BOX_UNITS[:3], "pixels 4x3")]  # type: ignore[arg-type]
        plain = sorted(asked & {*LABEL_KINDS, *VALUE_KINDS, "generated"})
        others += [Question("?", kind, ("a: b",) if kind in LABEL_KINDS else ()) for kind in plain]
        words += [self.build(Sample("", "", 0, question, "", "text")).prompt_sha for question in others]
        return hashlib.sha256("".join(words).encode()).hexdigest()[:12]

    def _transcript_for(self, sample: Sample, recognized: str | None) -> str:
        if sample.modality == "text" and self.settings.media:
            return sample.transcript  # the transcript stands for the clip
        if not sample.uses_audio or self.settings.transcript == "none":
            return ""
        if self.settings.transcript == "asr":
            return recognized or ""
        return self._subtitles(sample) if sample.subtitles else sample.transcript

    def _subtitles(self, sample: Sample) -> str:
        """Return the lines that are shown at the sampled frames."""
        clip = clip_of(media_part(sample))
        plan = self.settings.sampling.plan(clip.duration_s, clip.frame_rate, clip.frame_count, clip.width, clip.height)
        return "\n".join(lines_at(read_subtitles(Path(str(sample.subtitles))), plan.times_s.tolist()))

    def _media_parts(self, sample: Sample) -> list[Part]:
        if not self.settings.media:
            return []
        parts: list[Part] = []
        if sample.media is not None:
            part = media_part(sample)
            part["sampling"] = self.settings.sampling
            parts.append(part)
        if sample.modality == "video" and parts:
            hears = self.settings.audio and sample.uses_audio
            parts[0]["with_audio"] = hears and not self.settings.separate_audio
            if hears and self.settings.separate_audio and open_clip(str(sample.media)).has_audio:
                parts.append({**media_part(sample), "type": "audio"})
        if sample.sound is not None:
            parts.append({"type": "audio", "path": sample.sound})
        return parts


def _text_parts(text: str) -> list[Part]:
    return [{"type": "text", "text": text}] if text else []


def media_part(sample: Sample) -> Part:
    """Return a sample's media, or the window of it that is shown, as a part of a message."""
    assert sample.media is not None, "a text sample has no media"
    part: Part = {"type": sample.modality, "path": sample.media}
    if sample.start_s is not None and sample.end_s is not None:
        part |= {"start_s": sample.start_s, "end_s": sample.end_s}
    return part


def text_only(settings: PromptSettings) -> PromptSettings:
    """Return the same settings without media, audio and transcript: what the wording alone gives away."""
    return replace(settings, media=False, audio=False, separate_audio=False, transcript="none")
