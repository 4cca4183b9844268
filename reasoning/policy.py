"""Policies: a language or omni model behind two verbs, ``write`` and ``choose``, always batched."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, runtime_checkable

from omnisense.errors import InputError, MediaError, PolicyError

if TYPE_CHECKING:
    from omnisense.perception.media import Clip
    from omnisense.perception.sampling import Sampling

_BEYOND_S = 1.0  # windows are written in whole seconds and may round up past the end
DEFAULT_POLICY = "smollm2-135m-instruct"


class Part(TypedDict, total=False):
    """A typed piece of a message: text, or media by reference (``path``), never bytes.

    ``start_s`` and ``end_s`` give a window of the media; ``sampling`` which frames of it are looked at; ``with_audio``
    whether a video's sound goes with its pictures (by default it does, if the model hears).
    """

    type: Literal["text", "image", "video", "audio"]
    text: str
    path: str
    start_s: float
    end_s: float
    sampling: Sampling
    with_audio: bool


class Message(TypedDict):
    """A chat message in Hugging Face's form with typed parts."""

    role: Literal["system", "user", "assistant"]
    content: list[Part]


Messages = list[Message]
OnToken = Callable[[str], None]


@dataclass(frozen=True)
class Seen:
    """What of a prompt's media reaches the model.

    Attributes:
        times_s: the times of the frames.
        images: the frames, as (T, H, W, 3) uint8 arrays.
        audio_s: seconds of sound.
    """

    times_s: tuple[float, ...] = ()
    images: tuple[Any, ...] = ()
    audio_s: float = 0.0


class PreparedPrompt(list[Message]):
    """A prompt whose media were decoded and encoded ahead, by :meth:`Policy.prepare`, for the same policy."""

    def __init__(self, messages: Messages, inputs: Any = None, seen: Seen | None = None) -> None:
        super().__init__(messages)
        self.inputs, self.seen = inputs, seen or Seen()


def message(role: Literal["system", "user", "assistant"], text: str) -> Message:
    """A message of one text part."""
    return {"role": role, "content": [{"type": "text", "text": text}]}


def text_of(content: Message) -> str:
    """The text parts of a message, joined."""
    return "\n".join(part["text"] for part in content["content"] if part["type"] == "text")


def media_of(prompt: Messages) -> list[Part]:
    """The parts of a prompt that are not text, in order."""
    return [part for m in prompt for part in m["content"] if part["type"] != "text"]


def clip_of(part: Part) -> Clip:
    """The clip, or the window of one, that a media part refers to.

    Raises:
        MediaError: it cannot be opened, or the window lies outside it.
    """
    from omnisense.perception.media import open_clip

    clip = open_clip(part["path"])
    if "start_s" not in part:
        return clip
    if part["end_s"] > clip.duration_s + _BEYOND_S:
        raise MediaError(
            f"the window {part['start_s']:g}-{part['end_s']:g} s ends beyond its {clip.duration_s:.2f} s",
            "Give a window inside it; if the file has been cut already, leave the window out (--whole-clips).",
            clip.path,
        )
    return clip[part["start_s"] : part["end_s"]]


def cut_at(text: str, stop: Sequence[str]) -> str:
    """A reply up to the first of the texts that end it."""
    ends = [at for s in stop if (at := text.find(s)) >= 0]
    return text[: min(ends)] if ends else text


@dataclass(frozen=True)
class Choice:
    """The option taken, by index, and a probability for each option (they sum to 1)."""

    index: int
    probabilities: tuple[float, ...]


@runtime_checkable
class Policy(Protocol):
    """What the reasoning loop, evaluation and training ask of a model.

    Attributes:
        name: for traces and reports.
        modalities: the part types it accepts; ``text`` always.
        likelihoods: whether ``choose`` compares likelihoods of the options' text. Those carry a bias towards
            frequent words that the caller can measure and take off.
        small: whether the model needs guidance: the loop then lets it continue an opening made from the appraisal.
    """

    name: str
    likelihoods: bool

    @property
    def modalities(self) -> frozenset[str]:
        """See the class."""
        ...

    @property
    def small(self) -> bool:
        """See the class."""
        ...

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Do ahead of time what ``write`` and ``choose`` would do first with a prompt: decode and encode its media.

        May be called from another thread while the model works.

        Raises:
            MediaError: media that cannot be opened or decoded.
            PolicyError: a part the model cannot take.
        """
        ...

    def write(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        on_token: OnToken | None = None,
    ) -> list[str]:
        """Continue each prompt; a prompt that ends with an assistant message is continued inside it.

        Args:
            prompts: one conversation each.
            max_new_tokens: upper bound for each reply.
            temperature: 0 for the likeliest reply, above to sample.
            stop: texts that end a reply; they are left out of it.
            seed: for sampling; the same call with the same seed gives the same replies.
            on_token: receives the first prompt's reply piece by piece while it is written.

        Raises:
            PolicyError: a prompt holds a part the model cannot take, or its service failed.
        """
        ...

    def choose(self, prompts: Sequence[Messages], options: Sequence[Sequence[str]]) -> list[Choice]:
        """Take one of each prompt's options.

        Raises:
            PolicyError: as for :meth:`write`, or a prompt has no options.
        """
        ...


class ScriptedPolicy:
    """Answers from a script: for tests, ours and yours. Ships with the package and needs no model.

    Args:
        replies: what ``write`` returns, in turn; or a function of the messages.
        choices: what ``choose`` takes, in turn, as an index or an option's text; or a function of messages and
            options. By default always the first option.

    A script that has run out starts again when ``repeat`` is set, and raises PolicyError otherwise. ``calls`` holds
    every prompt that was seen.
    """

    name = "scripted"
    modalities = frozenset({"text", "image", "video", "audio"})
    likelihoods = False
    small = False

    def __init__(
        self,
        replies: Iterable[str] | Callable[[Messages], str] = ("I hear you.",),
        choices: Iterable[int | str] | Callable[[Messages, Sequence[str]], int | str] = (0,),
        repeat: bool = True,
    ) -> None:
        self._replies = replies if callable(replies) else list(replies)
        self._choices = choices if callable(choices) else list(choices)
        self._repeat = repeat
        self._written = self._chosen = 0
        self._lock = threading.Lock()
        self.calls: list[Messages] = []

    @classmethod
    def from_file(cls, path: str | Path) -> ScriptedPolicy:
        """Read ``{"replies": [...], "choices": [...], "repeat": true}`` from a JSON file; all keys optional."""
        try:
            script = json.loads(Path(path).read_text("utf-8"))
            return cls(**script)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"this script cannot be used ({error})", 'Write {"replies": ["..."], "choices": [0]}.', path
            ) from error

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Nothing is to be done: a script looks at no media."""
        return PreparedPrompt(prompt)

    def write(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        on_token: OnToken | None = None,
    ) -> list[str]:
        """The next replies of the script."""
        with self._lock:
            replies = [self._reply(prompt) for prompt in prompts]
        if on_token and replies:
            for word in replies[0].split(" "):
                on_token(word + " ")
        return replies

    def choose(self, prompts: Sequence[Messages], options: Sequence[Sequence[str]]) -> list[Choice]:
        """The next choices of the script, with probability 0.8 for the one taken."""
        with self._lock:
            return [self._choice(prompt, row) for prompt, row in zip(prompts, options, strict=True)]

    def _reply(self, prompt: Messages) -> str:
        self.calls.append(prompt)
        if callable(self._replies):
            return self._replies(prompt)
        self._written += 1
        return str(self._next(self._replies, self._written, "replies"))

    def _choice(self, prompt: Messages, options: Sequence[str]) -> Choice:
        self.calls.append(prompt)
        if callable(self._choices):
            taken = self._choices(prompt, options)
        else:
            self._chosen += 1
            taken = self._next(self._choices, self._chosen, "choices")
        try:
            index = options.index(taken) if isinstance(taken, str) else range(len(options))[taken]
        except (ValueError, IndexError) as error:
            raise PolicyError(
                f"the script chooses {taken!r}, which is not among {list(options)}", "Mend the script."
            ) from error
        rest = 0.2 / max(len(options) - 1, 1)
        return Choice(
            index, tuple(0.8 if i == index else rest for i in range(len(options))) if len(options) > 1 else (1.0,)
        )

    def _next(self, script: list[Any], count: int, what: str) -> Any:
        if not script or (count > len(script) and not self._repeat):
            raise PolicyError(f"the script has run out of {what}", "Add some, or set repeat.")
        return script[(count - 1) % len(script)]


def load_policy(
    name: str = DEFAULT_POLICY,
    *,
    adapter: str | Path | None = None,
    modalities: Iterable[str] = (),
    batch_size: int = 8,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
) -> Policy:
    """A policy by name.

    Args:
        name: a language model of ``omnisense models list``, a folder, a hub id ``owner/name``;
            ``chat:PROVIDER:MODEL`` for any LangChain chat model (``chat:openai:gpt-4.1-mini``,
            ``chat:ollama:qwen2.5``); ``scripted`` or ``scripted:FILE.json``.
        adapter: a LoRA folder to load on top of a local model.
        modalities: what a chat model takes besides text: ``image``, ``audio``. Local models say it themselves.
        batch_size: prompts that a local model computes at once; requests under way at once for a chat model.
        seed: for sampling.
        say: receives a line when the model has to be fetched.

    Raises:
        ModelError: no such model, or it cannot be fetched.
        InputError: the name's form is wrong.
    """
    kind, _, rest = name.partition(":")
    if kind == "scripted":
        return ScriptedPolicy.from_file(rest) if rest else ScriptedPolicy()
    if kind == "chat":
        from omnisense.reasoning.chat_model_policy import ChatModelPolicy

        return ChatModelPolicy.from_name(rest, modalities=set(modalities), max_concurrency=batch_size)
    from omnisense import models
    from omnisense.reasoning.transformers_policy import TransformersPolicy

    models.find(name)  # an unknown name fails now, not after a clip has been perceived
    return TransformersPolicy(name, adapter=adapter, batch_size=batch_size, seed=seed, say=say)
