"""From prompts to a model's tensors: each prompt alone, then collated, so that any mix in a batch equals one by one.

Upstream processors take one ``use_audio_in_video`` for a whole batch and count videos across its rows, so a batch that
mixes plain video with video and sound is silently wrong. Here a row is encoded alone, and its rope positions are
computed alone (:func:`positions_row_by_row`).
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from omnisense.errors import PolicyError
from omnisense.perception.media.clip import SAMPLE_RATE_HZ
from omnisense.reasoning.policies.messages import MediaUsage, Messages, Part, clip_of, media_of, text_of


class Family(NamedTuple):
    """A kind of model.

    Attributes:
        loader: the class of transformers that loads it.
        modalities: the part types it takes.
        batches_media: whether rows with media may share a batch; shown by test for these families only.
        fixed_sound: whether its audio tower takes 30 s at once, no more and no less.
        boxes: what plain numbers in a box mean to it, by its training (:mod:`omnisense.reasoning.answers.boxes`).
    """

    loader: str
    modalities: frozenset[str]
    batches_media: bool = True
    fixed_sound: bool = False
    boxes: Literal["fractions", "bins", "thousandths", "pixels"] = "thousandths"


_TEXT = Family("AutoModelForCausalLM", frozenset({"text"}))
_VISION = frozenset({"text", "image", "video"})
_OMNI = _VISION | {"audio"}
# In transformers 4.57 Qwen3-Omni fails on images beside videos, and without flash attention its sounds hear each other.
_SINCE_5 = int(version("transformers").partition(".")[0]) >= 5
_FAMILIES = {
    "qwen2_5_omni": Family("Qwen2_5OmniThinkerForConditionalGeneration", _OMNI, boxes="pixels"),
    "qwen2_5_omni_thinker": Family("Qwen2_5OmniThinkerForConditionalGeneration", _OMNI, boxes="pixels"),
    "qwen3_omni_moe": Family("Qwen3OmniMoeThinkerForConditionalGeneration", _OMNI, _SINCE_5),
    "qwen3_omni_moe_thinker": Family("Qwen3OmniMoeThinkerForConditionalGeneration", _OMNI, _SINCE_5),
    "qwen2_audio": Family("Qwen2AudioForConditionalGeneration", frozenset({"text", "audio"}), fixed_sound=True),
    "qwen2_vl": Family("AutoModelForImageTextToText", _VISION),
    "qwen2_5_vl": Family("AutoModelForImageTextToText", _VISION, boxes="pixels"),
}


# What has one entry a token. By name: the mask of a sound may happen to be as long as its prompt.
ALONG_TOKENS = frozenset({"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"})


def batch_groups(rows: Sequence[EncodedPrompt], family: Family) -> list[list[int]]:
    """Rows, by index, that may share a batch."""
    groups: dict[Hashable, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(i if row.has_media and not family.batches_media else "together", []).append(i)
    return list(groups.values())


def family_of(folder: Path) -> Family:
    """The family of a saved model, from its configuration.

    Raises:
        OSError, KeyError, ValueError: there is no readable configuration.
    """
    from transformers import PretrainedConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    model_type = PretrainedConfig.get_config_dict(folder)[0]["model_type"]
    if model_type in _FAMILIES:
        return _FAMILIES[model_type]
    if model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        return Family("AutoModelForImageTextToText", _VISION, batches_media=False)
    return _TEXT


@dataclass(frozen=True)
class EncodedPrompt:
    """One prompt as tensors with a batch dimension of one; ``text`` is what the chat template made of it."""

    text: str
    inputs: dict[str, Any]

    @property
    def length(self) -> int:
        """Tokens of the prompt, those of its media included."""
        return int(self.inputs["input_ids"].shape[1])

    @property
    def has_media(self) -> bool:
        """Whether there is anything but text."""
        return not self.inputs.keys() <= ALONG_TOKENS


class Encoder:
    """Encodes prompts for one model.

    Args:
        processor: the model's processor; for text models its tokenizer.
        family: the kind of model.
    """

    def __init__(self, processor: Any, family: Family) -> None:
        self.processor, self.family = processor, family
        self.tokenizer = processor if family is _TEXT else processor.tokenizer
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def encode(self, prompt: Messages) -> tuple[EncodedPrompt, MediaUsage]:
        """One prompt as tensors, and what of its media is in them.

        Raises:
            PolicyError: a part that the model does not take.
            MediaError: media that cannot be decoded.
        """
        lacking = sorted({part["type"] for part in media_of(prompt)} - self.family.modalities)
        if lacking:
            raise PolicyError(
                f"this model takes {', '.join(sorted(self.family.modalities))}; the prompt holds {', '.join(lacking)}",
                "Render the percepts to text, or use a model that takes them.",
            )
        if self.family is _TEXT:
            text = self._template([{"role": m["role"], "content": text_of(m)} for m in prompt])
            # The template has written the special tokens already.
            inputs = self.tokenizer(text, return_tensors="pt", add_special_tokens=False, return_token_type_ids=False)
            return EncodedPrompt(text, dict(inputs)), MediaUsage()
        media = _Media(self.family, hasattr(self.processor, "video_processor"))
        conversation = [
            {"role": m["role"], "content": [p for x in m["content"] for p in media.take(x)]} for m in prompt
        ]
        text = self._template(conversation)
        inputs = self.processor(text=[text], return_tensors="pt", **media.arguments(self.processor))
        return EncodedPrompt(text, _trimmed(dict(inputs), self.family.fixed_sound)), media.seen()

    def _template(self, conversation: list[dict[str, Any]]) -> str:
        inside = conversation[-1]["role"] == "assistant"
        settings = {"tokenize": False, "add_generation_prompt": not inside, "continue_final_message": inside}
        if self.family is _TEXT:
            text: str = self.processor.apply_chat_template(conversation, **settings)
            return text
        from transformers import ProcessorMixin

        # Qwen2.5-Omni's own method warns, at each call, of system turns that only matter when it speaks.
        return str(ProcessorMixin.apply_chat_template(self.processor, conversation, **settings))

    def option_tokens(self, text: str, option: str) -> list[int]:
        """The tokens of an option as it follows a prompt's text.

        Raises:
            PolicyError: the option is empty.
        """
        glue = "" if text[-1:].isspace() else " "
        tokens: list[int] = self.tokenizer(glue + option, add_special_tokens=False)["input_ids"]
        if not tokens:
            raise PolicyError(f"the option {option!r} is empty", "Give options with text.")
        return tokens


class _Media:
    """The media of one prompt, decoded in the order of its parts."""

    def __init__(self, family: Family, takes_video: bool) -> None:
        self._family, self._hears, self._takes_video = family, "audio" in family.modalities, takes_video
        self._images: list[np.ndarray] = []
        self._videos: list[np.ndarray] = []
        self._rates: list[float] = []
        self._sounds: list[np.ndarray] = []
        self._with_sound: list[bool] = []  # of each video
        self._sound_of: list[int | None] = []  # of each sound: the video that it belongs to
        self._times_s: list[float] = []

    def take(self, part: Part) -> list[dict[str, Any]]:
        """Decode a part; what stands for it in the chat template."""
        if part["type"] == "text":
            return [{"type": "text", "text": part["text"]}]
        clip = clip_of(part)
        if part["type"] == "audio":
            self._sounds.append(clip.audio())
            self._sound_of.append(None)
            return [{"type": "audio"}]
        frames = clip.frames(part.get("sampling"))
        self._times_s += frames.times_s.tolist()
        if part["type"] == "image" or not self._takes_video:
            self._images += list(frames.images)
            return [{"type": "image"}] * len(frames.images)
        self._videos.append(frames.images)
        self._rates.append(_rate(frames.times_s, clip.duration_s))
        self._with_sound.append(self._hears and clip.has_audio and part.get("with_audio", True))
        if self._with_sound[-1]:
            self._sounds.append(clip.audio())
            self._sound_of.append(len(self._videos) - 1)
        return [{"type": "video"}]

    def arguments(self, processor: Any) -> dict[str, Any]:
        """What the processor is called with besides the text."""
        if len(set(self._with_sound)) > 1:
            raise PolicyError("one prompt holds a video with sound and one without", "Put them in separate prompts.")
        found: dict[str, Any] = {}
        if self._images:
            found["images"] = self._images
        if self._videos:
            found["videos"] = self._videos
            found |= self._video_settings(processor)
        if self._sounds:
            found["audio"] = self._sounds
            # By default the sound of every model is cut at 30 s, and sounds of unlike length beyond that fail.
            found["audio_kwargs"] = {
                "sampling_rate": SAMPLE_RATE_HZ,
                "truncation": self._family.fixed_sound,
                "return_attention_mask": True,
                "padding": "max_length",
            }
            if not self._family.fixed_sound:
                found["audio_kwargs"]["max_length"] = max(30 * SAMPLE_RATE_HZ, *map(len, self._sounds))
        return found

    def _video_settings(self, processor: Any) -> dict[str, Any]:
        """``videos_kwargs``, and what goes beside it."""
        # One full, fresh dictionary: transformers 4.57 ignores flat video settings beside it, and empties it.
        settings: dict[str, Any] = {"do_sample_frames": False, "fps": self._rates[0]}
        if len(set(self._rates)) > 1:
            raise PolicyError("one prompt holds videos of unlike frame rates", "Sample them alike, or ask apart.")
        if not self._hears:
            settings["video_metadata"] = [
                {"total_num_frames": len(v), "fps": rate, "frames_indices": list(range(len(v)))}
                for v, rate in zip(self._videos, self._rates, strict=True)
            ]
            return {"videos_kwargs": settings}
        settings["size"] = dict(processor.video_processor.size)
        chunks = {"seconds_per_chunk": 2.0, "position_id_per_seconds": 25}
        if not hasattr(processor, "_resolve_audio_from_video"):  # before transformers 5.2x
            return {"videos_kwargs": settings | chunks | {"use_audio_in_video": any(self._with_sound)}}
        found = {"videos_kwargs": settings, **chunks}
        if any(self._with_sound):
            found |= {"load_audio_from_video": True, "audio_from_video_indices": self._sound_of}
        return found

    def seen(self) -> MediaUsage:
        """What the tensors hold."""
        images = (
            [np.stack(self._images)] if len({i.shape for i in self._images}) == 1 else [i[None] for i in self._images]
        )
        most_s = 30.0 if self._family.fixed_sound else float("inf")
        heard_s = sum(min(len(sound) / SAMPLE_RATE_HZ, most_s) for sound in self._sounds)
        return MediaUsage(tuple(self._times_s), (*self._videos, *images), round(heard_s, 3))


def _rate(times_s: np.ndarray, duration_s: float) -> float:
    """Frames a second of a sampled video; of a single frame, one for its whole length."""
    if len(times_s) > 1 and times_s[-1] > times_s[0]:
        return float((len(times_s) - 1) / (times_s[-1] - times_s[0]))
    return 1.0 / max(duration_s, 1.0)


def _trimmed(inputs: dict[str, Any], fixed_length: bool) -> dict[str, Any]:
    """Sound padded to the longest of its prompt instead of to 30 s, unless its tower needs that; lists as tensors."""
    import torch

    mask = inputs.get("feature_attention_mask")
    if mask is not None and inputs["input_features"].ndim == 3 and not fixed_length:
        longest = int(mask.sum(-1).max())
        inputs["input_features"] = inputs["input_features"][..., :longest]
        inputs["feature_attention_mask"] = mask[:, :longest]
    return {key: value if torch.is_tensor(value) else torch.as_tensor(value) for key, value in inputs.items()}


def collate(rows: Sequence[EncodedPrompt], pad_token_id: int) -> dict[str, Any]:
    """Encoded prompts as one batch: tokens padded on the left, media one after another in the rows' order."""
    import torch

    batch: dict[str, Any] = {}
    for key in dict.fromkeys(key for row in rows for key in row.inputs):
        found = [row.inputs[key] for row in rows if key in row.inputs]
        if key in ALONG_TOKENS:
            width = max(row.length for row in rows)
            filler = pad_token_id if key == "input_ids" else 0
            batch[key] = torch.cat([torch.nn.functional.pad(t, (width - t.shape[1], 0), value=filler) for t in found])
        else:
            batch[key] = torch.cat(_like_shaped(found))
    return batch


def on_device(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """The tensors where the model is; pixels and sound in its precision."""
    return {
        key: value.to(model.device, model.dtype)
        if key in ("pixel_values", "pixel_values_videos", "input_features")
        else value.to(model.device)
        for key, value in inputs.items()
    }


def _like_shaped(tensors: list[Any]) -> list[Any]:
    """Tensors padded with zeros at the end of every dimension but the first, so that they can be joined."""
    import torch

    if len({t.shape[1:] for t in tensors}) == 1:
        return tensors
    most = [max(sizes) for sizes in zip(*(t.shape[1:] for t in tensors), strict=True)]
    padded = []
    for t in tensors:
        lack = [(0, want - have) for want, have in zip(most, t.shape[1:], strict=True)]
        padded.append(torch.nn.functional.pad(t, [n for pair in reversed(lack) for n in pair]))
    return padded


def positions_row_by_row(model: Any) -> None:
    """Make an omni model compute rope positions for each row of a batch alone, its sound flag read off the tokens.

    In transformers 5.x the thinker and the model inside it both have the method.
    """
    for module in model.modules():
        if hasattr(module, "get_rope_index"):
            _row_by_row(module)


def _row_by_row(module: Any) -> None:
    upstream, config = module.get_rope_index, module.config

    def get_rope_index(
        self: Any,
        input_ids: Any,
        image_grid_thw: Any = None,
        video_grid_thw: Any = None,
        attention_mask: Any = None,
        use_audio_in_video: Any = None,
        audio_seqlens: Any = None,
        second_per_grids: Any = None,
        **more: Any,
    ) -> tuple[Any, Any]:
        import torch

        images = videos = sounds = 0
        positions, deltas = [], []
        known: dict[bytes, tuple[Any, Any]] = {}  # a group's prompts are all the same
        for i in range(len(input_ids)):
            ids = input_ids[i : i + 1]
            mask = None if attention_mask is None else attention_mask[i : i + 1]
            real = ids[0] if mask is None else ids[0][mask[0] == 1]
            follows = real[1:][real[:-1] == config.vision_start_token_id]
            n_images = int((follows == config.image_token_id).sum())
            with_sound = int((follows == config.audio_start_token_id).sum())
            n_videos = with_sound + int((follows == config.video_token_id).sum())
            n_sounds = int((real == config.audio_start_token_id).sum())
            media = (
                image_grid_thw[images : images + n_images] if n_images else None,
                video_grid_thw[videos : videos + n_videos] if n_videos else None,
                audio_seqlens[sounds : sounds + n_sounds] if n_sounds else None,
                second_per_grids[videos : videos + n_videos] if n_videos else None,
            )
            images, videos, sounds = images + n_images, videos + n_videos, sounds + n_sounds
            key = b"".join(_bytes(x) for x in (ids, mask, *media))
            if key not in known:
                whole = torch.ones_like(ids) if mask is None else mask
                row = upstream(ids, media[0], media[1], whole, with_sound > 0, media[2], media[3], **more)
                known[key] = row[0], row[1].reshape(1, -1)
            positions.append(known[key][0])
            deltas.append(known[key][1])
        return torch.cat(positions, dim=1), torch.cat(deltas)

    module.get_rope_index = types.MethodType(get_rope_index, module)


def _bytes(value: Any) -> bytes:
    import torch

    return b"-" if value is None else torch.as_tensor(value).cpu().contiguous().numpy().tobytes() + b"|"


def media_token_ids(config: Any) -> list[int]:
    """Tokens that stand for media: a reply that contains one would be read as media that are not there."""
    names = ("image_token", "video_token", "audio_token", "vision_start_token", "audio_start_token")
    found = [getattr(config, f"{name}_{kind}", None) for name in names for kind in ("id", "index")]
    return sorted({token for token in found if isinstance(token, int)})
