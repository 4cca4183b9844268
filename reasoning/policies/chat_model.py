"""A LangChain chat model as a policy: vLLM, SGLang, Ollama, llama.cpp's server and the commercial APIs.

Requests are in ``chat_requests``, the content of messages in ``chat_content``, choices in ``chat_choices``.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, get_args

from omnisense.errors import InputError, first_line
from omnisense.reasoning.policies.base import Choice, OnToken, check_options, no_choice
from omnisense.reasoning.policies.chat_choices import choice_request, choice_schema, read_choice
from omnisense.reasoning.policies.chat_content import content_of, with_request
from omnisense.reasoning.policies.chat_requests import ChatRequests, RefusedError
from omnisense.reasoning.policies.messages import (
    MediaUsage,
    Message,
    Messages,
    Modality,
    PreparedPrompt,
    message,
    text_of,
    truncate_at_stop,
)
from omnisense.reasoning.policies.model_names import SMALL_PARAMETERS, parameters_in_name
from omnisense.reasoning.policies.tool_calls import ToolReply, check_tool_calls, parse_tool_calls, write_tool_calls

_log = logging.getLogger(__name__)
_CHOICE_TOKENS = 1024  # models that ignore the schema explain themselves or think first


class ChatModelPolicy:
    """A policy behind which a LangChain chat model works.

    The text of messages is sent as it is: keeping a person's words from becoming the model's control tokens is left to
    the server. A server that renders chat templates as plain strings (vLLM, llama.cpp and others) does not do so.

    Args:
        model: a ``BaseChatModel``.
        modalities: the part types that the model accepts besides text, for instance ``{"image", "audio"}``. A video
            part is sent as frames if images are accepted, with its audio if audio is.
        max_concurrency: upper bound for concurrent requests.
        attempts: how often a failing request is tried that has no time limit and is not streamed.

    Raises:
        InputError: an unknown modality.
    """

    scores_likelihoods = False

    def __init__(
        self,
        model: Any,
        modalities: Iterable[str] = (),
        max_concurrency: int = 8,
        attempts: int = 3,
    ) -> None:
        self.modalities = _complete_modalities(modalities)
        self.name = (
            f"chat:{getattr(model, 'model_name', None) or getattr(model, 'model', None) or type(model).__name__}"
        )
        self._requests = ChatRequests(model, self.name, max_concurrency, attempts)
        self._takes_tools = True

    @property
    def parameters(self) -> float | None:
        """How many parameters the model's name says that it has; a service tells no more of it."""
        return parameters_in_name(self.name)

    @property
    def needs_guidance(self) -> bool:
        """Whether the model's name says that it has under a billion parameters."""
        return self.parameters is not None and self.parameters < SMALL_PARAMETERS

    @classmethod
    def from_name(cls, name: str, **settings: Any) -> ChatModelPolicy:
        """Create a policy from ``PROVIDER:MODEL``, as ``langchain.chat_models.init_chat_model`` takes it.

        Raises:
            InputError: langchain or the provider's package is not installed, or the name is unknown.
        """
        if ":" not in name:
            raise InputError(f"'chat:{name}' has no provider", "Write chat:PROVIDER:MODEL, e.g. chat:ollama:qwen2.5.")
        provider, _, model = name.partition(":")
        try:
            from langchain.chat_models import init_chat_model

            return cls(init_chat_model(model, model_provider=provider), **settings)
        except ImportError as error:
            raise InputError(
                f"the packages for '{provider}' are not installed ({error})",
                f"Run `pip install langchain langchain-{provider.replace('_', '-')}`.",
            ) from error
        except Exception as error:  # providers raise their own types for a missing key or a wrong name
            raise InputError(
                f"'chat:{name}' cannot be set up ({first_line(error)})",
                "Check the provider, the model's name and the key in your environment.",
            ) from error

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Encode a prompt as the service accepts it: frames as JPEG, audio as WAV."""
        usages: list[MediaUsage] = []
        inputs = [{"role": m["role"], "content": content_of(m, self.modalities, usages)} for m in prompt]
        return PreparedPrompt(
            prompt,
            inputs,
            MediaUsage(
                tuple(t for usage in usages for t in usage.times_s),
                tuple(images for usage in usages for images in usage.images),
                sum(usage.audio_s for usage in usages),
            ),
        )

    def _inputs(self, prompt: Messages) -> list[dict[str, Any]]:
        prepared = prompt if isinstance(prompt, PreparedPrompt) else self.prepare(prompt)
        inputs: list[dict[str, Any]] = prepared.inputs
        return inputs

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
        """Continue each prompt; see :class:`omnisense.reasoning.policies.base.Policy`.

        ``seed`` is passed on to models that have such a setting, and ``schema`` to services that enforce one. A prompt
        that ends with an assistant message becomes a request to continue it, since most services cannot continue a
        message. With ``max_seconds``, reading a prompt is interrupted too: its reply is then empty.
        """
        settings: dict[str, Any] = {"temperature": temperature, "max_tokens": max_new_tokens, "seed": seed}
        if stop:
            settings["stop"] = list(stop)
        inputs = [self._inputs(_without_prefill(prompt)) for prompt in prompts]
        replies = self._requests.send(inputs, settings, schema=schema, on_token=on_token, max_seconds=max_seconds)
        return [truncate_at_stop(str(reply.text), stop) for reply in replies]

    def choose(
        self, prompts: Sequence[Messages], options: Sequence[Sequence[str]], *, max_seconds: float | None = None
    ) -> list[Choice]:
        """Ask for one option and its confidence as JSON.

        Probabilities come from the log-probabilities of the answer where the service returns them, else from the stated
        confidence. An answer that names no option is asked for once more; if it still names none, the choice is not
        ``readable``. See :func:`omnisense.reasoning.policies.chat_choices.read_choice`.
        """
        check_options(prompts, options)
        deadline = math.inf if max_seconds is None else time.perf_counter() + max_seconds
        # A schema lists the options, so prompts with the same options are batched together.
        groups: dict[tuple[str, ...], list[int]] = {}
        for i, row in enumerate(options):
            groups.setdefault(tuple(row), []).append(i)
        choices = [no_choice(row) for row in options]
        for row, members in groups.items():
            for attempt in range(2):
                unread = [i for i in members if not choices[i].readable]
                left_s = None if max_seconds is None else deadline - time.perf_counter()
                if left_s is not None and left_s <= 0:
                    break
                inputs = [with_request(self._inputs(prompts[i]), choice_request(row)) for i in unread]
                settings = {"temperature": 0.0, "max_tokens": _CHOICE_TOKENS, "seed": attempt}
                answers = self._requests.send(
                    inputs, settings, schema=choice_schema(row), logprobs=True, max_seconds=left_s
                )
                for i, answer in zip(unread, answers, strict=True):
                    tokens = (answer.response_metadata.get("logprobs") or {}).get("content") or ()
                    choices[i] = read_choice(answer.text, row, tokens)
                if all(choices[i].readable for i in members):
                    break
            else:
                _log.warning("%s named none of %d options in an answer", self.name, len(row))
        return choices

    def call_tools(
        self, prompt: Messages, tools: Sequence[Any], *, max_new_tokens: int, max_seconds: float | None = None
    ) -> ToolReply:
        """Call tools as the service does; see :func:`omnisense.reasoning.policies.tool_calls.call_tools`.

        A model without tool calling, and a service that refuses tools, get the stated JSON form instead.
        """
        if not self._takes_tools:
            return write_tool_calls(self, prompt, tools, max_new_tokens=max_new_tokens, max_seconds=max_seconds)
        settings = {"temperature": 0.0, "max_tokens": max_new_tokens}
        began = time.perf_counter()
        try:
            [reply] = self._requests.send([self._inputs(prompt)], settings, tools=tools, max_seconds=max_seconds)
        except (NotImplementedError, RefusedError) as error:
            left = None if max_seconds is None else max(max_seconds - (time.perf_counter() - began), 0)
            stated = write_tool_calls(self, prompt, tools, max_new_tokens=max_new_tokens, max_seconds=left)
            _log.warning("%s takes no tools (%s); from now on the prompt states them", self.name, first_line(error))
            self._takes_tools = False
            return stated
        calls = [(call["name"], call["args"]) for call in reply.tool_calls]
        calls += [(call["name"] or "", call["args"] or "") for call in reply.invalid_tool_calls]
        # A server that does not know the form of its model's calls leaves them in the text.
        return check_tool_calls(str(reply.text), calls, tools) if calls else parse_tool_calls(str(reply.text), tools)


def _complete_modalities(given: Iterable[str]) -> frozenset[Modality]:
    """Return the modalities with text, and with video where images are accepted."""
    names = frozenset(given)
    unknown = sorted(names - set(get_args(Modality)))
    if unknown:
        raise InputError(f"unknown modality '{unknown[0]}'", f"Choose from {', '.join(get_args(Modality))}.")
    names |= {"text", "video"} if "image" in names else {"text"}
    return cast("frozenset[Modality]", names)


def _without_prefill(prompt: Messages) -> Messages:
    if prompt[-1]["role"] != "assistant":
        return prompt
    request = f'Go on from here, without repeating it: "{text_of(prompt[-1])}"'
    if len(prompt) > 1 and prompt[-2]["role"] == "user":
        last: Message = {"role": "user", "content": [*prompt[-2]["content"], {"type": "text", "text": request}]}
        return [*prompt[:-2], last]
    return [*prompt[:-1], message("user", request)]
