"""The prompts of WorldSense, read from a checkout of VLMEvalKit, in which its authors evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omnisense.benchmarks.harness.authors_code import assigned, parse_file, text_of
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.problem_rows import is_problem
from omnisense.benchmarks.harness.prompting import PromptSettings, Wording
from omnisense.errors import InputError

_FILE = "vlmeval/dataset/worldsense.py"
_NAMES = ("SYS", "FRAMES_TMPL_NOSUB", "FRAMES_TMPL_SUB", "FRAMES_TMPL_AUDIO", "prompt")


@dataclass(frozen=True)
class Templates:
    """What stands before the media, what follows them in each of three settings, and the form of the question."""

    instruction: str
    on_frames: str
    on_subtitles: str
    on_sound: str
    question: str
    system: str = ""
    lacks: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path, think: bool) -> Templates:
        """Read a checkout; ``think`` has no effect, as there is one wording.

        Raises:
            InputError: the file of the benchmark is not there, or does not hold the texts.
        """
        tree = parse_file(folder, (_FILE, "dataset/worldsense.py", "worldsense.py"), _FILE)
        before, frames, subtitles, sound, question = (text_of(assigned(tree, name), tree) for name in _NAMES)
        if not (before and frames and sound) or subtitles.count("{}") != 1 or question.count("{}") != 1:
            raise InputError("it does not hold the prompts", "Give VLMEvalKit's own file.", folder)
        return cls(before, frames, subtitles, sound, question)

    def check(self, settings: PromptSettings) -> None:
        """See :meth:`omnisense.benchmarks.harness.prompting.PromptTemplates.check`."""
        if settings.thought_pattern:
            raise InputError("the authors' prompts have no thought pattern", "Leave it out.")
        if settings.audio and settings.transcript != "none":
            raise InputError("the authors' prompts never give sound and subtitles together", "Leave one out.")

    def fill(self, sample: Sample, transcript: str | None, thought_pattern: bool, has_audio: bool) -> Wording | None:
        """Return the texts of a prompt; None for rows in HumanOmniV2's form, which have prompts of their own."""
        if is_problem(sample.row):
            return None
        if transcript is not None:
            on_media = self.on_subtitles.format(transcript)
        else:
            on_media = self.on_sound if has_audio else self.on_frames
        asked = "\n".join([sample.question.text, *sample.question.options])
        return Wording(self.instruction, on_media + self.question.format(asked))
