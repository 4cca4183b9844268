"""The talker of an omni model as a voice: a tiny Qwen2.5-Omni with random weights, talker and vocoder included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from omnisense.agent.voice.base import VoiceStyle
from omnisense.agent.voice.load import load_voice
from omnisense.errors import InputError, ModelError
from omnisense.testing import tiny_omni

_TALKER: dict[str, Any] = {
    "vocab_size": 64, "embedding_size": 32, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
    "rope_scaling": {"mrope_section": [2, 3, 3], "rope_type": "default"},
    "tts_text_start_token_id": 1, "tts_text_end_token_id": 2, "tts_text_pad_token_id": 3,
    "tts_codec_start_token_id": 60, "tts_codec_end_token_id": 61, "tts_codec_pad_token_id": 62,
    "tts_codec_mask_token_id": 63,
}  # fmt: skip
_TOKEN2WAV: dict[str, Any] = {
    "dit_config": {
        "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "emb_dim": 16, "head_dim": 16,
        "block_size": 8, "look_ahead_layers": [0], "look_backward_layers": [0], "num_embeds": 65, "enc_emb_dim": 16,
        "enc_dim": 16, "enc_channels": [16, 16, 16], "enc_kernel_sizes": [3, 3, 1], "enc_dilations": [1, 1, 1],
        "enc_attention_channels": 8, "enc_se_channels": 8,
    },
    "bigvgan_config": {
        "upsample_initial_channel": 64, "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]],
    },
}  # fmt: skip
_OF_THINKER = (
    "audio_token_index",
    "image_token_index",
    "video_token_index",
    "audio_start_token_id",
    "audio_end_token_id",
    "vision_start_token_id",
    "vision_end_token_id",
    "position_id_per_seconds",
    "seconds_per_chunk",
)


@pytest.fixture(scope="module")
def whole_omni(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved Qwen2.5-Omni: the tiny thinker with a talker, a vocoder and two speakers."""
    import torch
    from transformers import (
        Qwen2_5OmniConfig,
        Qwen2_5OmniForConditionalGeneration,
        Qwen2_5OmniThinkerForConditionalGeneration,
    )

    folder = tiny_omni(tmp_path_factory.mktemp("omni"))
    thinker = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(folder)
    config = thinker.config.to_dict()
    torch.manual_seed(0)
    model = Qwen2_5OmniForConditionalGeneration(
        Qwen2_5OmniConfig(
            thinker_config=config,
            talker_config=_TALKER | {name: config[name] for name in _OF_THINKER},
            token2wav_config=_TOKEN2WAV,
            enable_audio_output=True,
        )
    )
    model.thinker.load_state_dict(thinker.state_dict())
    model.save_pretrained(folder)
    speakers = {
        name: {"bos_token": 5, "cond": torch.randn(1, 16), "ref_mel": torch.randn(1, 40, 80)} for name in ("Ana", "Ben")
    }
    torch.save(speakers, folder / "spk_dict.pt")
    return folder


@pytest.mark.slow
def test_the_talker_speaks_a_sentence_at_24_khz_and_the_same_again(whole_omni: Path) -> None:
    voice = load_voice(f"omni:{whole_omni}@Ben")
    assert voice.name.endswith(":Ben")
    (sound,) = voice.synthesize("Hi.")
    assert sound.dtype == np.float32
    assert sound.ndim == 1
    assert len(sound) > 0
    assert len(sound) % 480 == 0  # 50 codes a second at 24 kHz
    assert np.isfinite(sound).all()
    (again,) = voice.synthesize("Hi.", VoiceStyle(pace=0.8))
    assert np.array_equal(sound, again)
    assert list(voice.synthesize("")) == []


@pytest.mark.slow
def test_the_thinker_is_made_to_write_the_sentence(whole_omni: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice: Any = load_voice(f"omni:{whole_omni}")
    written: list[Any] = []
    generate = voice._model.thinker.generate

    def watch(*args: Any, **options: Any) -> Any:
        result = generate(*args, **options)
        written.append(result.sequences[0])
        return result

    monkeypatch.setattr(voice._model.thinker, "generate", watch)
    list(voice.synthesize("I hear you."))
    assert voice._tokenizer.decode(written[0]).endswith("<|im_start|>assistant\nI hear you.<|im_end|>")


def test_a_model_without_a_talker_or_without_the_speaker_is_refused(whole_omni: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Give a whole Qwen2"):
        load_voice(f"omni:{tiny_omni(tmp_path)}")
    with pytest.raises(InputError, match=r"Ana, Ben"):
        load_voice(f"omni:{whole_omni}@Zoe")
