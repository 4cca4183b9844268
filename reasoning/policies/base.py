"""The interface of a policy: a language or omni model with two methods, ``write`` and ``choose``, both batched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from omnisense.errors import PolicyError
from omnisense.reasoning.policies.messages import Messages, Modality, PreparedPrompt

DEFAULT_POLICY = "smollm2-135m-instruct"
OnToken = Callable[[str], None]


@dataclass(frozen=True)
class Choice:
    """The option that was taken.

    Attributes:
        index: of the option.
        probabilities: one for each option; they sum to 1.
        readable: False where a service answered with none of the options, also when asked again, and where the time was
            up. The probabilities are then uniform and say nothing: the caller falls back on what else it knows, and
            says so.
    """

    index: int
    probabilities: tuple[float, ...]
    readable: bool = True


@runtime_checkable
class Policy(Protocol):
    """What the reasoning loop, evaluation and training require of a model.

    Attributes:
        name: for traces and reports.
        modalities: the part types that it accepts; always includes ``text``.
        scores_likelihoods: whether ``choose`` compares likelihoods of the options' text. These are biased towards
            frequent words; callers can measure the bias and divide it out.
        needs_guidance: whether the model is small; the loop then lets it continue an opening written from the
            appraisal.

    A policy may also have ``parameters``, how many the model has, or None where that is not known: without a measured
    profile the loop goes by it (:func:`omnisense.reasoning.profile.profile_of`).
    """

    name: str
    scores_likelihoods: bool

    @property
    def modalities(self) -> frozenset[Modality]:
        """See the class."""
        ...

    @property
    def needs_guidance(self) -> bool:
        """See the class."""
        ...

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Decode and encode a prompt's media ahead of ``write`` or ``choose``.

        May be called from another thread while the model works.

        Raises:
            MediaError: media cannot be opened or decoded.
            PolicyError: the model does not accept a part.
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
        schema: Mapping[str, Any] | None = None,
        max_seconds: float | None = None,
    ) -> list[str]:
        """Continue each prompt; a prompt that ends with an assistant message is continued inside it.

        Args:
            prompts: one conversation each.
            max_new_tokens: upper bound for each reply.
            temperature: 0 for greedy decoding, above 0 to sample.
            stop: strings that end a reply; they are not part of it.
            seed: for sampling; the same call with the same seed gives the same replies.
            on_token: receives the first prompt's reply piece by piece while it is written.
            schema: a JSON schema that each reply shall satisfy. A policy enforces it where it can; the caller checks.
            max_seconds: upper bound for the whole call; what is written by then is returned. None for no bound.

        Returns:
            One reply for each prompt.

        Raises:
            PolicyError: the model does not accept a part, or its service failed.
        """
        ...

    def choose(
        self, prompts: Sequence[Messages], options: Sequence[Sequence[str]], *, max_seconds: float | None = None
    ) -> list[Choice]:
        """Take one of each prompt's options.

        Args:
            prompts: one conversation each.
            options: for each prompt, at least one, each written as the prompt asks for it: the letter alone where it
                asks for a letter, and the text alone where it does not.
            max_seconds: upper bound for the whole call; choices that are not made by then are not ``readable``. None
                for no bound.

        Raises:
            PolicyError: as for :meth:`write`, or a prompt has no options.
        """
        ...


def no_choice(options: Sequence[object]) -> Choice:
    """Return what stands for a choice that could not be read, or was not made in time."""
    return Choice(0, (1 / len(options),) * len(options), readable=False)


def check_options(prompts: Sequence[Messages], options: Sequence[Sequence[str]]) -> None:
    """Check the arguments of ``choose``.

    Raises:
        PolicyError: a prompt has no options.
    """
    if len(options) != len(prompts) or not all(options):
        raise PolicyError("a prompt has no options", "Give at least one option for each prompt.")
