"""A LangChain chat model as a policy: vLLM, SGLang, Ollama, llama.cpp's server and the commercial APIs.

Batching, concurrency limits and retries are LangChain's. Choices are requested as structured output.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, get_args

from omnisense.errors import InputError, PolicyError
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.policies.base import Choice, OnToken, check_options
from omnisense.reasoning.policies.media_cache import audio_of, frames_of
from omnisense.reasoning.policies.messages import (
    MediaUsage,
    Message,
    Messages,
    Modality,
    Part,
    PreparedPrompt,
    clip_of,
    message,
    text_of,
    time_label,
    truncate_at_stop,
)

_log = logging.getLogger(__name__)
_MEDIA_FRAMES = 8  # of a video part, evenly spaced


class ChatModelPolicy:
    """A policy behind which a LangChain chat model works.

    The text of messages is sent as it is: keeping a person's words from becoming the model's control tokens is left to
    the server. A server that renders chat templates as plain strings (vLLM, llama.cpp and others) does not do so.

    Args:
        model: a ``BaseChatModel``.
        modalities: the part types that the model accepts besides text, for instance ``{"image", "audio"}``. A video
            part is sent as frames if images are accepted, with its audio if audio is.
        max_concurrency: upper bound for concurrent requests.
        attempts: how often a failing request is tried.

    Raises:
        InputError: an unknown modality.
    """

    scores_likelihoods = False
    needs_guidance = False

    def __init__(
        self,
        model: Any,
        modalities: Iterable[str] = (),
        max_concurrency: int = 8,
        attempts: int = 3,
    ) -> None:
        self._model, self._attempts = model, attempts
        self._config = {"max_concurrency": max_concurrency}
        self.modalities = _complete_modalities(modalities)
        self.name = (
            f"chat:{getattr(model, 'model_name', None) or getattr(model, 'model', None) or type(model).__name__}"
        )

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
                f"'chat:{name}' cannot be set up ({_first_line(error)})",
                "Check the provider, the model's name and the key in your environment.",
            ) from error

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Encode a prompt as the service accepts it: frames as JPEG, audio as WAV."""
        usages: list[MediaUsage] = []
        inputs = [{"role": m["role"], "content": _content(m, self.modalities, usages)} for m in prompt]
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

        ``seed`` is passed on to models that have such a setting. A prompt that ends with an assistant message becomes a
        request to continue it, since most services cannot continue a message.
        """
        fields = getattr(type(self._model), "model_fields", {})
        wanted = {"temperature": temperature, "max_tokens": max_new_tokens, "seed": seed}
        settings = {key: value for key, value in wanted.items() if key in fields}
        model = self._model.bind(**settings, **({"stop": list(stop)} if stop else {}))
        inputs = [self._inputs(_without_prefill(prompt)) for prompt in prompts]
        if on_token and len(inputs) == 1:
            return [self._stream(model, inputs[0], on_token)]
        replies = [reply.text for reply in self._batch(model, inputs)]
        if on_token and replies:
            on_token(replies[0])
        return [truncate_at_stop(reply, stop) for reply in replies]

    def choose(self, prompts: Sequence[Messages], options: Sequence[Sequence[str]]) -> list[Choice]:
        """Ask for one option and its confidence as JSON; the others share the rest of the probability."""
        check_options(prompts, options)
        # A schema lists the options, so prompts with the same options are batched together.
        groups: dict[tuple[str, ...], list[int]] = {}
        for i, row in enumerate(options):
            groups.setdefault(tuple(row), []).append(i)
        choices: list[Choice] = [Choice(0, (1.0,))] * len(prompts)
        for row, members in groups.items():
            request: dict[str, Any] = {"role": "user", "content": _choice_request(row)}
            inputs = [[*self._inputs(prompts[i]), request] for i in members]
            for i, answer in zip(members, self._batch(self._structured(row), inputs), strict=True):
                choices[i] = _to_choice(answer, row)
        return choices

    def _structured(self, options: tuple[str, ...]) -> Any:
        schema = {
            "title": "Choice",
            "description": "The option that fits best.",
            "type": "object",
            "properties": {
                "option": {"type": "string", "enum": list(options)},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "required": ["option", "confidence"],
        }
        try:
            return self._model.with_structured_output(schema)
        except NotImplementedError:  # without structured output the text is parsed as JSON
            return self._model

    def _batch(self, runnable: Any, inputs: list[Any]) -> list[Any]:
        began = time.perf_counter()
        try:
            replies: list[Any] = runnable.with_retry(stop_after_attempt=self._attempts).batch(
                inputs, config=self._config
            )
            _log.debug("%s: %d requests, %.2f s", self.name, len(inputs), time.perf_counter() - began)
            return replies
        except Exception as error:  # each service raises its own types
            raise PolicyError(
                f"{self.name} failed ({_first_line(error)})",
                "Check the service, its address and key, and run the turn again.",
            ) from error

    def _stream(self, model: Any, prompt: Any, on_token: OnToken) -> str:
        text = ""
        try:
            for chunk in model.stream(prompt):
                text += chunk.text
                on_token(chunk.text)
        except Exception as error:
            raise PolicyError(
                f"{self.name} failed ({_first_line(error)})",
                "Check the service, its address and key, and run the turn again.",
            ) from error
        return text


def _complete_modalities(given: Iterable[str]) -> frozenset[Modality]:
    """Return the modalities with text, and with video where images are accepted."""
    names = frozenset(given)
    unknown = sorted(names - set(get_args(Modality)))
    if unknown:
        raise InputError(f"unknown modality '{unknown[0]}'", f"Choose from {', '.join(get_args(Modality))}.")
    names |= {"text", "video"} if "image" in names else {"text"}
    return cast("frozenset[Modality]", names)


def _choice_request(options: Sequence[str]) -> str:
    return f'Take one of: {json.dumps(list(options))}. Answer with JSON: {{"option": "...", "confidence": 0 to 1}}.'


def _to_choice(answer: Any, options: Sequence[str]) -> Choice:
    if not isinstance(answer, dict):
        found = re.search(r"\{.*\}", answer.text, re.DOTALL)
        try:
            answer = json.loads(found.group(0)) if found else {}
        except ValueError:
            answer = {}
    taken = str(answer.get("option", "")).strip().lower()
    match = [i for i, option in enumerate(options) if option.lower() == taken]
    if not match:
        raise PolicyError(
            f"the model chose '{taken}', which is not among {list(options)}",
            "Try again, or use a model that follows JSON schemas.",
        )
    try:
        confidence = float(answer.get("confidence", 1.0))
    except (TypeError, ValueError):
        confidence = 1.0
    # The stated confidence is used within bounds: never below chance, never certainty.
    own = min(max(confidence, 1 / len(options)), 0.95) if len(options) > 1 else 1.0
    rest = (1 - own) / max(len(options) - 1, 1)
    return Choice(match[0], tuple(own if i == match[0] else rest for i in range(len(options))))


def _without_prefill(prompt: Messages) -> Messages:
    if prompt[-1]["role"] != "assistant":
        return prompt
    return [*prompt[:-1], message("user", f'Go on from here, without repeating it: "{text_of(prompt[-1])}"')]


def _content(source: Message, modalities: frozenset[Modality], usages: list[MediaUsage]) -> Any:
    if all(part["type"] == "text" for part in source["content"]):
        return text_of(source)  # plain text is what every service takes
    return [block for part in source["content"] for block in _blocks(part, modalities, usages)]


def _blocks(part: Part, modalities: frozenset[Modality], usages: list[MediaUsage]) -> list[dict[str, Any]]:
    if part["type"] == "text":
        return [{"type": "text", "text": part["text"]}]
    if part["type"] not in modalities:
        raise PolicyError(
            f"this policy does not accept {part['type']}",
            f"Give ChatModelPolicy(model, modalities={{'{part['type']}'}}), or render the percepts as text.",
        )
    clip = clip_of(part)
    blocks: list[dict[str, Any]] = []
    if part["type"] in ("image", "video"):
        frames = frames_of(clip, part.get("sampling") or Sampling(rule="count", count=_MEDIA_FRAMES))
        for time_s, image in zip(frames.times_s, frames.images, strict=True):
            if part.get("with_times"):
                blocks.append({"type": "text", "text": time_label(time_s)})
            blocks.append(_media_block("image", _jpeg(image), "image/jpeg"))
        usages.append(MediaUsage(tuple(frames.times_s.tolist()), (frames.images,)))
    uses_audio = "audio" in modalities and clip.has_audio and part.get("with_audio", True)
    if part["type"] == "audio" or (part["type"] == "video" and uses_audio):
        samples = audio_of(clip)
        blocks.append(_media_block("audio", _wav(samples), "audio/wav"))
        usages.append(MediaUsage(audio_s=len(samples) / SAMPLE_RATE_HZ))
    return blocks


def _media_block(kind: str, data: bytes, mime_type: str) -> dict[str, Any]:
    return {"type": kind, "base64": base64.b64encode(data).decode(), "mime_type": mime_type}


def _jpeg(image: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _wav(samples: Any) -> bytes:
    import wave

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
