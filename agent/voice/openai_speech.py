"""A voice behind OpenAI's ``/v1/audio/speech``: OpenAI itself, or any server that speaks the same protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from omnisense.agent.voice.base import PLAIN, VoiceStyle
from omnisense.errors import ModelError, first_line


class SpeechServiceVoice:
    """Speaks through an OpenAI-compatible speech service, with the official client.

    The pace becomes the request's ``speed``; the protocol has no pitch, so that ``pitch_st`` is ignored. What the agent
    says leaves this machine, unless the service runs on it.

    Args:
        model: of the service.
        voice: of the service.
        base_url: of the service, such as ``http://localhost:8000/v1``; by default what ``OPENAI_BASE_URL`` says.
        api_key: by default what ``OPENAI_API_KEY`` says.
        timeout_s: of a request.

    Raises:
        ModelError: the client is not installed, or there is no key.
    """

    sample_rate = 24_000  # the service's "pcm" form: 16-bit mono at 24 kHz

    def __init__(
        self, model: str, voice: str, base_url: str | None = None, api_key: str | None = None, timeout_s: float = 30.0
    ) -> None:
        try:
            import openai
        except ImportError as error:
            raise ModelError("the openai client is not installed", "Run: pip install openai") from error
        self.name, self._model, self._voice = f"speech:{model}:{voice}", model, voice
        try:
            self._client: Any = openai.OpenAI(base_url=base_url, api_key=api_key, timeout=timeout_s, max_retries=1)
        except openai.OpenAIError as error:
            raise ModelError(f"the speech service cannot be used ({error})", "Set OPENAI_API_KEY.") from error

    def synthesize(self, text: str, style: VoiceStyle = PLAIN) -> Iterator[np.ndarray]:
        """Yield the sound of a text in pieces as they arrive.

        Raises:
            ModelError: the service cannot be reached, or refuses.
        """
        request = {"model": self._model, "voice": self._voice, "input": text, "speed": style.pace}
        rest = b""
        try:
            with self._client.audio.speech.with_streaming_response.create(**request, response_format="pcm") as reply:
                for block in reply.iter_bytes(4096):
                    whole, rest = _whole_samples(rest + block)
                    if whole:
                        yield np.frombuffer(whole, "<i2").astype(np.float32) / 32768
        except Exception as error:  # its transport's own types too, where the connection is lost within the sound
            raise ModelError(
                f"the speech service failed ({first_line(error)})", "Check its address, key, model and voice."
            ) from error


def _whole_samples(data: bytes) -> tuple[bytes, bytes]:
    """Split bytes into whole 16-bit samples and what is left over."""
    end = len(data) // 2 * 2
    return data[:end], data[end:]
