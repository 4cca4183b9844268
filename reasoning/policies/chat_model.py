"""Any LangChain chat model as a policy: vLLM, SGLang, Ollama, llama.cpp's server and the commercial APIs.

Batching, concurrency limits and retries are LangChain's. Choices are asked for with a JSON schema.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Sequence
from typing import Any

from omnisense.errors import InputError, PolicyError
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.policies.base import Choice, OnToken
from omnisense.reasoning.policies.messages import (
    MediaUsage,
    Message,
    Messages,
    Part,
    PreparedPrompt,
    clip_of,
    message,
    text_of,
    truncate_at_stop,
)

_MEDIA_FRAMES = 8  # of a video part, spread evenly


class ChatModelPolicy:
    """A LangChain chat model behind the two verbs.

    Args:
        model: a ``BaseChatModel``.
        modalities: the part types that the model takes besides text, for instance ``{"image", "audio"}``. A video
            part is sent as frames when images are taken, and its sound when audio is.
        max_concurrency: requests under way at once.
        attempts: how often a failing request is tried.
    """

    scores_likelihoods = False
    needs_guidance = False

    def __init__(
        self,
        model: Any,
        modalities: frozenset[str] | set[str] = frozenset(),
        max_concurrency: int = 8,
        attempts: int = 3,
    ) -> None:
        self._model, self._attempts = model, attempts
        self._config = {"max_concurrency": max_concurrency}
        self.modalities = frozenset({"text"}) | modalities | (frozenset({"video"}) if "image" in modalities else set())
        self.name = (
            f"chat:{getattr(model, 'model_name', None) or getattr(model, 'model', None) or type(model).__name__}"
        )

    @classmethod
    def from_name(cls, name: str, **settings: Any) -> ChatModelPolicy:
        """``PROVIDER:MODEL`` as ``langchain.chat_models.init_chat_model`` takes it.

        Raises:
            InputError: langchain or the provider's package is not installed, or the name is unknown.
        """
        if ":" not in name:
            raise InputError(f"'chat:{name}' names no provider", "Write chat:PROVIDER:MODEL, e.g. chat:ollama:qwen2.5.")
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
        """The prompt as the service takes it: frames as JPEG, sound as WAV."""
        seen: list[MediaUsage] = []
        inputs = [{"role": m["role"], "content": _content(m, self.modalities, seen)} for m in prompt]
        return PreparedPrompt(
            prompt,
            inputs,
            MediaUsage(
                tuple(t for part in seen for t in part.times_s),
                tuple(images for part in seen for images in part.images),
                sum(part.audio_s for part in seen),
            ),
        )

    def _inputs(self, prompt: Messages) -> list[dict[str, Any]]:
        done = prompt if isinstance(prompt, PreparedPrompt) else self.prepare(prompt)
        inputs: list[dict[str, Any]] = done.inputs
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
    ) -> list[str]:
        """Continue each prompt; see :class:`omnisense.reasoning.policies.base.Policy`.

        ``seed`` is passed on to models that have such a setting. A prompt that ends with an assistant message is put
        as a request to go on from there, as most services cannot continue one.
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
        """Ask for one option and its confidence as JSON; the rest of the probability is shared by the others."""
        if any(not row for row in options) or len(options) != len(prompts):
            raise PolicyError("a prompt has no options", "Give at least one option for each prompt.")
        # A schema holds its options, so prompts with the same options go together.
        groups: dict[tuple[str, ...], list[int]] = {}
        for i, row in enumerate(options):
            groups.setdefault(tuple(row), []).append(i)
        choices: list[Choice] = [Choice(0, (1.0,))] * len(prompts)
        for row, members in groups.items():
            request: dict[str, Any] = {"role": "user", "content": _choice_request(row)}
            inputs = [[*self._inputs(prompts[i]), request] for i in members]
            for i, answer in zip(members, self._batch(self._choosing(row), inputs), strict=True):
                choices[i] = _to_choice(answer, row)
        return choices

    def _choosing(self, options: tuple[str, ...]) -> Any:
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
        except NotImplementedError:  # the model has no structured output: its text is read as JSON
            return self._model

    def _batch(self, runnable: Any, inputs: list[Any]) -> list[Any]:
        try:
            done: list[Any] = runnable.with_retry(stop_after_attempt=self._attempts).batch(inputs, config=self._config)
            return done
        except Exception as error:  # each service raises its own types
            raise PolicyError(
                f"{self.name} failed ({_first_line(error)})",
                "Check the service, its address and key; the turn can be taken up again.",
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
                "Check the service, its address and key; the turn can be taken up again.",
            ) from error
        return text


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
            f"the model took '{taken}', which is not among {list(options)}",
            "Try again, or use a model that follows JSON schemas.",
        )
    try:
        confidence = float(answer.get("confidence", 1.0))
    except (TypeError, ValueError):
        confidence = 1.0
    # Stated confidence is taken at its word within bounds: never below chance, never certainty.
    own = min(max(confidence, 1 / len(options)), 0.95) if len(options) > 1 else 1.0
    rest = (1 - own) / max(len(options) - 1, 1)
    return Choice(match[0], tuple(own if i == match[0] else rest for i in range(len(options))))


def _without_prefill(prompt: Messages) -> Messages:
    if prompt[-1]["role"] != "assistant":
        return prompt
    return [*prompt[:-1], message("user", f'Go on from here, without repeating it: "{text_of(prompt[-1])}"')]


def _content(source: Message, modalities: frozenset[str], seen: list[MediaUsage]) -> Any:
    if all(part["type"] == "text" for part in source["content"]):
        return text_of(source)  # plain text is what every service takes
    return [block for part in source["content"] for block in _blocks(part, modalities, seen)]


def _blocks(part: Part, modalities: frozenset[str], seen: list[MediaUsage]) -> list[dict[str, Any]]:
    if part["type"] == "text":
        return [{"type": "text", "text": part["text"]}]
    if part["type"] not in modalities:
        raise PolicyError(
            f"this policy was not said to take {part['type']}",
            f"Give ChatModelPolicy(model, modalities={{'{part['type']}'}}), or render the percepts to text.",
        )
    clip = clip_of(part)
    blocks = []
    if part["type"] in ("image", "video"):
        frames = clip.frames(part.get("sampling") or Sampling(rule="count", count=_MEDIA_FRAMES))
        blocks = [_media_block("image", _jpeg(image), "image/jpeg") for image in frames.images]
        seen.append(MediaUsage(tuple(frames.times_s.tolist()), (frames.images,)))
    hears = "audio" in modalities and clip.has_audio and part.get("with_audio", True)
    if part["type"] == "audio" or (part["type"] == "video" and hears):
        sound = clip.audio()
        blocks.append(_media_block("audio", _wav(sound), "audio/wav"))
        seen.append(MediaUsage(audio_s=len(sound) / SAMPLE_RATE_HZ))
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
