"""Systems under test: policies behind one small interface, which our agent and the baselines have too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import LoadTemplates, PromptBuilder, PromptSettings, media_part
from omnisense.errors import PolicyError
from omnisense.reasoning.answers.choosing import choose_answers, in_form, take
from omnisense.reasoning.answers.question import (
    WRITTEN_KINDS,
    Question,
)
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.load import DEFAULT_ADAPTER, resolve_adapter
from omnisense.reasoning.policies.messages import MediaUsage, Messages, Part, PreparedPrompt, clip_of, message

if TYPE_CHECKING:
    from omnisense.perception.settings import PerceptionSettings

BASELINES = ("random", "majority", "longest")
EVERYTHING = frozenset({"text", "image", "video", "audio"})


@dataclass(frozen=True)
class Prepared:
    """A sample with its media decoded and its prompt built.

    Attributes:
        sample: the question.
        work: what the system itself needs; the rest is for the record.
        media_usage: what of the media reaches the model.
        prompt_sha: SHA-256 (12 digits) of the text of the prompt.
        notes: what was not as requested.
        messages: the prompt.
        transcript: that the prompt holds.
        prompt_tokens: of the prompt with its media; None where the system does not count them.
        perceived: media that were read before the prompt was built, whether or not the model gets them too.
    """

    sample: Sample
    work: Any = None
    media_usage: MediaUsage = field(default_factory=MediaUsage)
    prompt_sha: str = ""
    notes: tuple[str, ...] = ()
    messages: Messages = field(default_factory=list)
    transcript: str = ""
    prompt_tokens: int | None = None
    perceived: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Call:
    """A call of a system that makes several for one question.

    Attributes:
        name: what it was for, or the tool.
        text: what it found or was given: the evidence.
    """

    name: str
    text: str


@dataclass(frozen=True)
class Reply:
    """A system's reply.

    Attributes:
        text: as it came.
        probabilities: of the answers, where the system chose among them.
        tokens: of the text; None where the system does not count them.
        calls: that led to it, in order.
    """

    text: str
    probabilities: dict[str, float] | None = None
    tokens: int | None = None
    calls: tuple[Call, ...] = ()


@runtime_checkable
class CountsTokens(Protocol):
    """A policy that counts tokens."""

    def prompt_tokens(self, prompt: PreparedPrompt) -> int:
        """Return the number of tokens of a prepared prompt, those of its media included."""
        ...

    def text_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        ...


class System(Protocol):
    """A system under test."""

    name: str

    @property
    def modalities(self) -> frozenset[str]:
        """Part types that it takes; known without loading a model."""
        ...

    def load(self) -> None:
        """Load models now.

        Raises:
            ModelError, InputError: it cannot be loaded; the run does not start.
        """
        ...

    def prepare(self, sample: Sample) -> Prepared:
        """Decode and encode a sample's media. Called from several threads while another batch is answered.

        Raises:
            OmniSenseError: this sample cannot be asked.
        """
        ...

    def answer(self, batch: Sequence[Prepared]) -> list[Reply]:
        """Answer prepared samples, one batch at a time."""
        ...


@dataclass(frozen=True)
class SystemSettings:
    """A system by name, and everything that changes its answers. Travels to workers.

    Attributes:
        kind: a policy alone, our agent around one, or a baseline.
        policy: a policy's name (see :func:`omnisense.load_policy`), or the baseline's.
        adapter: a LoRA folder or listed name, None for none. ``default`` becomes the one that comes with the policy, or
            None.
        modalities: what a chat model takes besides text.
        model_args: how a model is loaded, by name (:func:`omnisense.load_policy`).
        method: ``write`` lets the model write; ``choose`` compares the likelihood of the answers.
        max_new_tokens, temperature, seed: of writing.
        batch_size: samples answered at once.
        speech_model: for the agent and for our own transcripts.
        judge: a policy's name, which extracts answers from replies that cannot be read; None for none.
    """

    kind: Literal["policy", "agent", "baseline"] = "policy"
    policy: str = "smollm2-135m-instruct"
    adapter: str | None = DEFAULT_ADAPTER
    modalities: tuple[str, ...] = ()
    model_args: dict[str, str] = field(default_factory=dict)
    method: Literal["write", "choose"] = "write"
    max_new_tokens: int = 64
    temperature: float = 0.0
    seed: int = 0
    batch_size: int = 8
    speech_model: str = "whisper-tiny.en"
    judge: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "adapter", resolve_adapter(self.policy, self.adapter))

    @property
    def label(self) -> str:
        """The name in reports."""
        name = self.policy + (f"+{self.adapter}" if self.adapter else "")
        return f"agent ({name})" if self.kind == "agent" else name

    def perception(self) -> PerceptionSettings:
        """How the agent perceives clips."""
        from omnisense.perception.settings import PerceptionSettings

        return PerceptionSettings(speech_model=self.speech_model)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for the manifest."""
        return asdict(self)


class PolicySystem:
    """A policy that is asked the question, with the media it takes."""

    def __init__(
        self,
        settings: SystemSettings,
        prompting: PromptSettings,
        policy: Policy,
        load_templates: LoadTemplates | None = None,
    ) -> None:
        self.name, self._settings, self._policy = settings.label, settings, policy
        self._counter = policy if isinstance(policy, CountsTokens) else None  # the check is too slow for each question
        self._prompts = PromptBuilder(prompting, load_templates)
        self._transcribes = prompting.media and prompting.transcript == "asr"
        self._speech_recognition: Any = None

    @property
    def modalities(self) -> frozenset[str]:
        """See :class:`System`."""
        return self._policy.modalities

    def load(self) -> None:
        """See :class:`System`."""
        self._policy.prepare([message("user", "hello")])
        if self._transcribes:
            from omnisense.perception.pipeline import Perception
            from omnisense.perception.settings import PerceptionSettings

            self._speech_recognition = Perception(
                PerceptionSettings(streams=("transcript",), speech_model=self._settings.speech_model)
            )

    def prepare(self, sample: Sample) -> Prepared:
        """See :class:`System`."""
        heard = self._transcript(sample) if self._speech_recognition and sample.uses_audio else None
        takes_media = sample.modality in self._policy.modalities
        asked = self._prompts.build(sample, heard, takes_media)
        prompt = self._policy.prepare(asked.messages)
        wanted = self._prompts.settings.templates is not None
        notes = ("no template for this kind: our prompt",) if wanted and asked.ours else ()
        lacks_transcript = self._prompts.settings.transcript != "none" and sample.uses_audio and not asked.transcript
        if lacks_transcript:
            notes = (*notes, "there is no transcript of this clip")
        if not takes_media and self._prompts.settings.media:
            given = "the transcript" if asked.transcript else "the question"
            notes = (*notes, f"{given} alone: the model does not take the clip")
        tokens = self._counter.prompt_tokens(prompt) if self._counter else None
        return Prepared(
            sample, prompt, prompt.media_usage, asked.prompt_sha, notes, asked.messages, asked.transcript, tokens
        )

    def answer(self, batch: Sequence[Prepared]) -> list[Reply]:
        """See :class:`System`."""
        if self._settings.method == "write":
            return self._write_replies(batch)
        open_ended = [p for p in batch if p.sample.question.kind in WRITTEN_KINDS]
        others = [p for p in batch if p.sample.question.kind not in WRITTEN_KINDS]
        written, chosen = iter(self._write_replies(open_ended)), iter(_choose_replies(self._policy, others))
        return [next(written if p.sample.question.kind in WRITTEN_KINDS else chosen) for p in batch]

    def _write_replies(self, batch: Sequence[Prepared]) -> list[Reply]:
        prompts: list[PreparedPrompt] = [p.work for p in batch]
        if not prompts:
            return []
        written = self._policy.write(
            prompts,
            max_new_tokens=self._settings.max_new_tokens,
            temperature=self._settings.temperature,
            seed=self._settings.seed + batch[0].sample.attempt - 1,  # a batch holds questions of one attempt
        )
        return [Reply(text, tokens=self._counter.text_tokens(text) if self._counter else None) for text in written]

    def _transcript(self, sample: Sample) -> str:
        from omnisense.perception.types import Missing

        if sample.media is None:
            return sample.transcript
        transcript = self._speech_recognition.perceive(clip_of(media_part(sample))).transcript
        if isinstance(transcript, Missing):
            raise PolicyError(f"there is no transcript ({transcript.reason})", "Use --transcript data or none.")
        return str(transcript.text)


def _choose_replies(policy: Policy, batch: Sequence[Prepared]) -> list[Reply]:
    """The likeliest answers; where several may be right, those that the model finds likelier than chance.

    A choice that could not be read is an empty reply: it counts as unreadable, not as a guess.
    """
    questions = [p.sample.question for p in batch]
    chosen = choose_answers(policy, [p.work for p in batch], questions)
    return [_choice_reply(question, found) for question, found in zip(questions, chosen, strict=True)]


def _choice_reply(question: Question, probabilities: dict[str, float] | None) -> Reply:
    if probabilities is None:
        return Reply("")
    shown = None if question.kind == "several" else {k: round(v, 5) for k, v in probabilities.items()}
    return Reply(in_form(take(question, probabilities), question), shown)
