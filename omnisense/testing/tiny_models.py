"""Tiny models with random weights, built and saved as real checkpoints: text, omni, vision-language, audio.

Loading, processors, sampling, audio, padding and rope positions run the real code; only the weights are random. Every
function writes a checkpoint to a folder, returns the folder, and builds the same weights each time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_MEDIA = {
    "image_token": "<|IMAGE|>",
    "audio_token": "<|AUDIO|>",
    "video_token": "<|VIDEO|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
}
_VISION = {
    "image_token": "<|image_pad|>",
    "video_token": "<|video_pad|>",
    "vision_bos_token": "<|vision_start|>",
    "vision_eos_token": "<|vision_end|>",
}
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for p in m['content'] %}"
    "{% if p['type'] == 'image' %}{V}<IMG>{W}{% elif p['type'] == 'video' %}{V}<VID>{W}"
    "{% elif p['type'] == 'audio' %}{A}<AUD>{B}{% else %}{{ p['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{% if not (loop.last and continue_final_message is defined and continue_final_message) %}<|im_end|>\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 4096,
}


def _tokenizer(media: dict[str, str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import Qwen2TokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = Qwen2TokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>", extra_special_tokens=media
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", *media.values()]})
    return tokenizer


def _template(bos: str, eos: str, image: str, video: str, audio: str, a: str = "", b: str = "") -> str:
    text = _TEMPLATE
    marks = {"{V}": bos, "{W}": eos, "<IMG>": image, "<VID>": video, "<AUD>": audio, "{A}": a, "{B}": b}
    for mark, token in marks.items():
        text = text.replace(mark, token)
    return text


def _pixels(patch: int) -> dict[str, int]:
    """Return how frames are cut into patches, of a side of ``patch`` pixels, two frames deep and merged 2 by 2."""
    return {"min_pixels": 4 * patch**2, "max_pixels": 24 * patch**2, "patch_size": patch, "merge_size": 2,
            "temporal_patch_size": 2}  # fmt: skip


def _save(model: Any, processor: Any, folder: Path, both: tuple[Any, ...] = ()) -> Path:
    import torch

    model.generation_config.eos_token_id = getattr(processor, "tokenizer", processor).eos_token_id
    with torch.no_grad():  # at their initial scale, images and audio hardly change the logits
        for parameter in model.parameters():
            parameter.mul_(3)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    if both:  # transformers 4.57 writes image and audio settings to one file, the second over the first
        merged: dict[str, Any] = {}
        for part in both:
            merged |= part.to_dict()
        (folder / "preprocessor_config.json").write_text(json.dumps(merged, default=str))
    return folder


def _save_omni(model: Any, processor_class: Any, tokenizer: Any, pixels: dict[str, int], folder: Path) -> Path:
    from transformers import Qwen2VLImageProcessor, Qwen2VLVideoProcessor, WhisperFeatureExtractor

    image, audio = Qwen2VLImageProcessor(**pixels), WhisperFeatureExtractor(feature_size=128)
    media = (
        "<|vision_bos|>",
        "<|vision_eos|>",
        "<|IMAGE|>",
        "<|VIDEO|>",
        "<|AUDIO|>",
        "<|audio_bos|>",
        "<|audio_eos|>",
    )
    video = Qwen2VLVideoProcessor(**pixels)
    processor = processor_class(image, video, audio, tokenizer, chat_template=_template(*media))
    return _save(model, processor, folder, both=(image, audio))


def tiny_text(folder: Path) -> Path:
    """Save a Qwen2 of about 30,000 parameters."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    tokenizer = _tokenizer({})
    tokenizer.chat_template = _template("", "", "", "", "")
    model = Qwen2ForCausalLM(Qwen2Config(**_TEXT, vocab_size=len(tokenizer)))
    return _save(model, tokenizer, folder)


def tiny_omni(folder: Path, width: int = 32, layers: int = 2) -> Path:
    """Save a Qwen2.5-Omni thinker, by default of about 250,000 parameters.

    Args:
        folder: where the checkpoint is written.
        width: size of all hidden states, a multiple of 32.
        layers: number of layers of the language model; the vision and audio encoders have one.
    """
    import torch
    from transformers import (
        Qwen2_5OmniProcessor,
        Qwen2_5OmniThinkerConfig,
        Qwen2_5OmniThinkerForConditionalGeneration,
    )

    torch.manual_seed(0)
    tokenizer = _tokenizer(_MEDIA)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in _MEDIA.items()}
    pixels = _pixels(14)
    heads, inner = width // 16, width * 3 // 2
    config = Qwen2_5OmniThinkerConfig(
        audio_config={"d_model": width, "encoder_layers": 1, "encoder_attention_heads": heads, "encoder_ffn_dim": inner,
                      "num_mel_bins": 128, "output_dim": width, "n_window": 100},
        vision_config={"depth": 1, "hidden_size": width, "intermediate_size": inner, "num_heads": heads,
                       "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": width,
                       "fullatt_block_indexes": [0], "window_size": 112},
        text_config=_TEXT | {"vocab_size": len(tokenizer), "hidden_size": width, "intermediate_size": inner,
                             "num_hidden_layers": layers, "num_attention_heads": heads,
                             "num_key_value_heads": heads // 2,
                             "rope_scaling": {"mrope_section": [2, 3, 3], "rope_type": "default"}},
        image_token_index=ids["image_token"], video_token_index=ids["video_token"],
        audio_token_index=ids["audio_token"],
        audio_start_token_id=ids["audio_bos_token"], audio_end_token_id=ids["audio_eos_token"],
        vision_start_token_id=ids["vision_bos_token"], vision_end_token_id=ids["vision_eos_token"],
        position_id_per_seconds=25, seconds_per_chunk=2, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return _save_omni(
        Qwen2_5OmniThinkerForConditionalGeneration(config), Qwen2_5OmniProcessor, tokenizer, pixels, folder
    )


def tiny_omni3(folder: Path) -> Path:
    """Save a Qwen3-Omni thinker (mixture of experts) of about 200,000 parameters."""
    import torch
    from transformers import (
        Qwen3OmniMoeProcessor,
        Qwen3OmniMoeThinkerConfig,
        Qwen3OmniMoeThinkerForConditionalGeneration,
    )

    torch.manual_seed(0)
    tokenizer = _tokenizer(_MEDIA)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in _MEDIA.items()}
    pixels = _pixels(16)
    config = Qwen3OmniMoeThinkerConfig(
        audio_config={"d_model": 32, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 48,
                      "num_mel_bins": 128, "output_dim": 32, "n_window": 50, "n_window_infer": 200,
                      "downsample_hidden_size": 8},
        vision_config={"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 16,
                       "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 32,
                       "num_position_embeddings": 16, "deepstack_visual_indexes": [0]},
        text_config=_TEXT | {"vocab_size": len(tokenizer), "moe_intermediate_size": 16, "num_experts": 4,
                             "num_experts_per_tok": 2, "head_dim": 16, "decoder_sparse_step": 1,
                             "rope_scaling": {"mrope_section": [2, 3, 3], "rope_type": "default",
                                              "mrope_interleaved": True}},
        image_token_id=ids["image_token"], video_token_id=ids["video_token"], audio_token_id=ids["audio_token"],
        audio_start_token_id=ids["audio_bos_token"], audio_end_token_id=ids["audio_eos_token"],
        vision_start_token_id=ids["vision_bos_token"], vision_end_token_id=ids["vision_eos_token"],
        position_id_per_seconds=25, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return _save_omni(
        Qwen3OmniMoeThinkerForConditionalGeneration(config), Qwen3OmniMoeProcessor, tokenizer, pixels, folder
    )


def tiny_vlm(folder: Path) -> Path:
    """Save a Qwen2.5-VL of about 100,000 parameters."""
    import torch
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    torch.manual_seed(0)
    tokenizer = _tokenizer(_VISION)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in _VISION.items()}
    pixels = _pixels(14)
    config = Qwen2_5_VLConfig(
        vision_config={"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 14,
                       "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 32,
                       "fullatt_block_indexes": [0], "window_size": 112},
        text_config=_TEXT | {"vocab_size": len(tokenizer),
                             "rope_scaling": {"mrope_section": [2, 3, 3], "type": "mrope"}},
        image_token_id=ids["image_token"], video_token_id=ids["video_token"],
        vision_start_token_id=ids["vision_bos_token"], vision_end_token_id=ids["vision_eos_token"],
    )  # fmt: skip
    model = Qwen2_5_VLForConditionalGeneration(config)
    template = _template("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "")
    image, video = Qwen2VLImageProcessor(**pixels), Qwen2VLVideoProcessor(**pixels)
    return _save(model, Qwen2_5_VLProcessor(image, tokenizer, video, chat_template=template), folder)


def tiny_vlm3(folder: Path) -> Path:
    """Save a Qwen3-VL of about 100,000 parameters."""
    import torch
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    torch.manual_seed(0)
    tokenizer = _tokenizer(_VISION)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in _VISION.items()}
    pixels = _pixels(16)
    config = Qwen3VLConfig(
        vision_config={"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 16,
                       "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 32,
                       "num_position_embeddings": 16, "deepstack_visual_indexes": [0]},
        text_config=_TEXT | {"vocab_size": len(tokenizer), "head_dim": 16,
                             "rope_scaling": {"mrope_section": [2, 3, 3], "rope_type": "default",
                                              "mrope_interleaved": True}},
        image_token_id=ids["image_token"], video_token_id=ids["video_token"],
        vision_start_token_id=ids["vision_bos_token"], vision_end_token_id=ids["vision_eos_token"],
    )  # fmt: skip
    model = Qwen3VLForConditionalGeneration(config)
    template = _template("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "")
    image, video = Qwen2VLImageProcessor(**pixels), Qwen3VLVideoProcessor(**pixels)
    return _save(model, Qwen3VLProcessor(image, tokenizer, video, chat_template=template), folder)


def tiny_smolvlm(folder: Path) -> Path:
    """Save a SmolVLM of about 50,000 parameters. Its processor needs the package num2words."""
    import torch
    from transformers import (
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )

    torch.manual_seed(0)
    media = {"image_token": "<image>", "fake_image_token": "<fake_token_around_image>",
             "global_image_token": "<global-img>", "end_of_utterance_token": "<end_of_utterance>"}  # fmt: skip
    tokenizer = _tokenizer(media)
    config = SmolVLMConfig(
        vision_config={"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2,
                       "image_size": 32, "patch_size": 8},
        text_config=_TEXT | {"vocab_size": len(tokenizer), "model_type": "llama",
                             "pad_token_id": tokenizer.pad_token_id},
        scale_factor=2, image_token_id=tokenizer.convert_tokens_to_ids("<image>"), pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = SmolVLMForConditionalGeneration(config)
    side: dict[str, Any] = {"max_image_size": {"longest_edge": 32}, "size": {"longest_edge": 32}}
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(**side, do_image_splitting=False), tokenizer, SmolVLMVideoProcessor(**side),
        image_seq_len=4, chat_template=_template("", "", "<image>", "<video>", ""),
    )  # fmt: skip
    return _save(model, processor, folder)


def tiny_audio(folder: Path) -> Path:
    """Save a Qwen2-Audio of about 150,000 parameters."""
    import torch
    from transformers import (
        Qwen2AudioConfig,
        Qwen2AudioForConditionalGeneration,
        Qwen2AudioProcessor,
        WhisperFeatureExtractor,
    )

    torch.manual_seed(0)
    media = {"audio_token": "<|AUDIO|>", "audio_bos_token": "<|audio_bos|>", "audio_eos_token": "<|audio_eos|>"}
    tokenizer = _tokenizer(media)
    config = Qwen2AudioConfig(
        audio_config={"d_model": 32, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 48,
                      "num_mel_bins": 128, "model_type": "qwen2_audio_encoder"},
        text_config=_TEXT | {"vocab_size": len(tokenizer), "model_type": "qwen2"},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )  # fmt: skip
    model = Qwen2AudioForConditionalGeneration(config)
    processor = Qwen2AudioProcessor(
        WhisperFeatureExtractor(feature_size=128), tokenizer,
        chat_template=_template("", "", "", "", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"),
    )  # fmt: skip
    return _save(model, processor, folder)
