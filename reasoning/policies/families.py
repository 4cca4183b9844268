"""Model families: which class of transformers loads a saved model, and what its prompts may hold."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple

from omnisense.reasoning.policies.messages import Modality

BoxUnit = Literal["fractions", "bins", "thousandths", "pixels"]


class ModelFamily(NamedTuple):
    """What models of one architecture have in common.

    Attributes:
        loader: the transformers class that loads it.
        modalities: the part types it accepts.
        batches_media: whether rows with media may share a batch; verified by tests for these families only.
        fixed_audio_length: whether its audio encoder takes exactly 30 s at a time.
        video_as_frames: whether a video is given as single images, because the processor's own videos do not work.
        box_unit: the unit of plain box coordinates in its training data (:mod:`omnisense.reasoning.answers.boxes`).
    """

    loader: str
    modalities: frozenset[Modality]
    batches_media: bool = True
    fixed_audio_length: bool = False
    video_as_frames: bool = False
    box_unit: BoxUnit = "thousandths"


TEXT_FAMILY = ModelFamily("AutoModelForCausalLM", frozenset({"text"}))
_VISION: frozenset[Modality] = frozenset({"text", "image", "video"})
_OMNI: frozenset[Modality] = _VISION | {"audio"}
# In transformers 4.57 Qwen3-Omni fails on images beside videos, and without flash attention its audio segments attend
# to each other.
_SINCE_5 = int(version("transformers").partition(".")[0]) >= 5
_FAMILIES = {
    "qwen2_5_omni": ModelFamily("Qwen2_5OmniThinkerForConditionalGeneration", _OMNI, box_unit="pixels"),
    "qwen2_5_omni_thinker": ModelFamily("Qwen2_5OmniThinkerForConditionalGeneration", _OMNI, box_unit="pixels"),
    "qwen3_omni_moe": ModelFamily("Qwen3OmniMoeThinkerForConditionalGeneration", _OMNI, _SINCE_5),
    "qwen3_omni_moe_thinker": ModelFamily("Qwen3OmniMoeThinkerForConditionalGeneration", _OMNI, _SINCE_5),
    "qwen2_audio": ModelFamily(
        "Qwen2AudioForConditionalGeneration", frozenset({"text", "audio"}), fixed_audio_length=True
    ),
    "qwen2_vl": ModelFamily("AutoModelForImageTextToText", _VISION),
    "qwen2_5_vl": ModelFamily("AutoModelForImageTextToText", _VISION, box_unit="pixels"),
    # Its processor counts the frames of a video as videos (transformers 4.57).
    "smolvlm": ModelFamily("AutoModelForImageTextToText", _VISION, batches_media=False, video_as_frames=True),
}


def family_of(folder: Path) -> ModelFamily:
    """Return the family of a saved model, from its configuration.

    Raises:
        OSError, KeyError, ValueError: the configuration is missing or cannot be read.
    """
    from transformers import PretrainedConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    model_type = PretrainedConfig.get_config_dict(folder)[0]["model_type"]
    if model_type in _FAMILIES:
        return _FAMILIES[model_type]
    if model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        return ModelFamily("AutoModelForImageTextToText", _VISION, batches_media=False)
    return TEXT_FAMILY
