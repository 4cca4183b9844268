"""The talker of an omni model as a voice: Qwen2.5-Omni's, which speaks what its thinker writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from omnisense import models
from omnisense.agent.voice.base import PLAIN, VoiceStyle
from omnisense.compat import refuse_model_code
from omnisense.errors import InputError, ModelError, first_line

# The talker was trained with this system prompt, and is not spoken of with another (model card of Qwen2.5-Omni).
_SYSTEM = (
    "You are Qwen, a virtual human developed by the Qwen Team, Alibaba Group, capable of perceiving auditory and "
    "visual inputs, as well as generating text and speech."
)


class OmniTalkerVoice:
    """Speaks with the talker of a Qwen2.5-Omni model.

    The talker goes on from the hidden states with which the thinker writes. So the thinker is made to write the
    sentence, token by token, and the talker speaks it. Pace and pitch are the talker's own: a style changes nothing.

    Args:
        model: a folder or hub id of a whole Qwen2.5-Omni (``spk_dict.pt`` with its speakers included).
        speaker: of the model, such as ``Chelsie`` or ``Ethan``; by default its first.
        seed: of sampling, so that the same text gives the same sound.
        dtype: of thinker and talker, as transformers takes it.
        device_map: as transformers takes it; without one the model stays on the CPU.

    Raises:
        ModelError: the model cannot be loaded, or has no talker.
        InputError: it has no such speaker.
    """

    sample_rate = 24_000

    def __init__(
        self, model: str, speaker: str = "", seed: int = 0, dtype: str = "auto", device_map: Any = None
    ) -> None:
        folder = models.fetch(model)
        self._model, self._tokenizer = _load(folder, dtype, device_map)
        known = list(self._model.speaker_map)
        if speaker and speaker not in known:
            raise InputError(f"the model has no speaker '{speaker}'", f"Give one of {', '.join(known)}.", folder)
        self._speaker, self._seed = speaker or known[0], seed
        self.name = f"omni:{model}:{self._speaker}"
        self._lock = threading.Lock()

    def synthesize(self, text: str, style: VoiceStyle = PLAIN) -> Iterator[np.ndarray]:
        """Yield the sound of a text, whole.

        Raises:
            ModelError: the talker failed.
        """
        import torch

        spoken = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        if not spoken:
            return
        with self._lock, torch.random.fork_rng():
            torch.manual_seed(self._seed)
            try:
                sound = self._speak([*spoken, self._tokenizer.eos_token_id])
            except RuntimeError as error:
                reason = first_line(error)
                raise ModelError(f"the talker failed ({reason})", "Give it less text, or another device.") from error
        if len(sound):
            yield sound

    def _speak(self, tokens: list[int]) -> np.ndarray:
        import torch
        from transformers import LogitsProcessorList

        messages = [
            {"role": "system", "content": _SYSTEM},
            {"role": "user", "content": "Say what you want to say."},
        ]
        prompt = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        inputs = self._tokenizer(prompt, add_special_tokens=False, return_tensors="pt").to(self._model.device)
        # The talker is cut off where it does not find an end: speech takes 50 codes a second, English about 4 tokens.
        longest = 50 * (3 + len(tokens))
        talker = self._model.config.talker_config
        _, sound = self._model.generate(
            **inputs,
            speaker=self._speaker,
            return_audio=True,
            thinker_max_new_tokens=len(tokens),
            thinker_do_sample=False,
            thinker_logits_processor=LogitsProcessorList([_Forced(tokens, inputs["input_ids"].shape[1])]),
            talker_max_new_tokens=longest,
            talker_eos_token_id=[talker.tts_codec_pad_token_id, talker.tts_codec_end_token_id],
        )
        return np.asarray(sound.to(torch.float32).cpu().numpy().reshape(-1), np.float32)


class _Forced:
    """Lets a model write given tokens and no others."""

    def __init__(self, tokens: list[int], prompt_length: int) -> None:
        self._tokens, self._prompt_length = tokens, prompt_length

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        place = min(input_ids.shape[1] - self._prompt_length, len(self._tokens) - 1)
        forced = scores.new_full(scores.shape, float("-inf"))
        forced[:, self._tokens[place]] = 0.0
        return forced


def _load(folder: Any, dtype: str, device_map: Any) -> tuple[Any, Any]:
    import transformers

    refuse_model_code(folder)
    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if not getattr(config, "enable_audio_output", False):
            raise ModelError("the model has no talker", "Give a whole Qwen2.5-Omni.", folder)
        model = transformers.Qwen2_5OmniForConditionalGeneration.from_pretrained(
            folder, dtype=dtype, device_map=device_map
        )
        return model.eval(), transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except ModelError:
        raise
    except Exception as error:  # each library has types of its own, for damaged weights for instance
        raise ModelError(f"it cannot be loaded ({first_line(error)})", "Give a whole Qwen2.5-Omni.", folder) from error
