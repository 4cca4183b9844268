"""Voices by name, for the command line and for services."""

from __future__ import annotations

from omnisense.agent.voice.base import NoVoice, Voice
from omnisense.errors import InputError

DEFAULT_VOICE = "hibari"


def load_voice(name: str = DEFAULT_VOICE) -> Voice:
    """Return the voice of a name.

    Args:
        name: ``hibari``; ``none``; ``speech:MODEL:VOICE`` for an OpenAI-compatible speech service whose address and
            key are in ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY``; or ``omni:MODEL`` or ``omni:MODEL@SPEAKER`` for the
            talker of a Qwen2.5-Omni.

    Raises:
        InputError: there is no such voice.
        ModelError: it cannot be loaded.
    """
    kind, _, rest = name.partition(":")
    if kind == "hibari":
        from omnisense.agent.voice.hibari import HibariVoice

        return HibariVoice(rest or "heart")
    if name == "none":
        return NoVoice()
    model, _, voice = rest.rpartition(":")
    if kind == "speech" and model and voice:
        from omnisense.agent.voice.openai_speech import SpeechServiceVoice

        return SpeechServiceVoice(model, voice)
    if kind == "omni" and rest:
        from omnisense.agent.voice.omni_talker import OmniTalkerVoice

        path, _, speaker = rest.partition("@")
        return OmniTalkerVoice(path, speaker)
    raise InputError(
        f"there is no voice '{name}'", "Give hibari, none, speech:MODEL:VOICE, omni:MODEL or omni:MODEL@SPEAKER."
    )
