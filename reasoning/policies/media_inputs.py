"""The media of a prompt, decoded into the arguments of a Hugging Face processor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omnisense.errors import PolicyError
from omnisense.perception.media.clip import SAMPLE_RATE_HZ
from omnisense.reasoning.policies.families import ModelFamily
from omnisense.reasoning.policies.media_cache import audio_of, frames_of
from omnisense.reasoning.policies.messages import MediaUsage, Part, clip_of, time_label


@dataclass
class SampledMedia:
    """The media of one prompt as arrays, in the order of its parts.

    Attributes:
        images: (H, W, 3) uint8 each.
        videos: (T, H, W, 3) uint8 each: frames that have been sampled already.
        rates: frames per second of each video.
        audio: mono float32 at 16 kHz each.
        video_has_audio: for each video, whether its sound is among the audio.
        audio_of_video: for each audio, the index of its video; None if it is not of a video.
    """

    images: list[np.ndarray] = field(default_factory=list)
    videos: list[np.ndarray] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    audio: list[np.ndarray] = field(default_factory=list)
    video_has_audio: list[bool] = field(default_factory=list)
    audio_of_video: list[int | None] = field(default_factory=list)


class MediaInputs:
    """The media of one prompt, decoded in the order of its parts.

    Args:
        family: of the model.
        accepts_video: whether its processor does.
        sampled: media that have been decoded already.
    """

    def __init__(self, family: ModelFamily, accepts_video: bool, sampled: SampledMedia | None = None) -> None:
        self._family, self._accepts_audio, self._accepts_video = family, "audio" in family.modalities, accepts_video
        self.sampled = sampled or SampledMedia()
        self._times_s: list[float] = []

    def take(self, part: Part) -> list[dict[str, Any]]:
        """Decode a part; return what stands for it in the chat template."""
        if part["type"] == "text":
            return [{"type": "text", "text": part["text"]}]
        clip = clip_of(part)
        if part["type"] == "audio":
            self.sampled.audio.append(audio_of(clip))
            self.sampled.audio_of_video.append(None)
            return [{"type": "audio"}]
        frames = frames_of(clip, part.get("sampling"))
        self._times_s += frames.times_s.tolist()
        if part["type"] == "image" or not self._accepts_video:
            self.sampled.images += list(frames.images)
            if not part.get("with_times"):
                return [{"type": "image"}] * len(frames.images)
            return [x for t in frames.times_s for x in ({"type": "text", "text": time_label(t)}, {"type": "image"})]
        self.sampled.videos.append(frames.images)
        self.sampled.rates.append(_rate(frames.times_s, clip.duration_s))
        self.sampled.video_has_audio.append(self._accepts_audio and clip.has_audio and part.get("with_audio", True))
        if self.sampled.video_has_audio[-1]:
            self.sampled.audio.append(audio_of(clip))
            self.sampled.audio_of_video.append(len(self.sampled.videos) - 1)
        return [{"type": "video"}]

    def arguments(self, processor: Any) -> dict[str, Any]:
        """Return the arguments of the processor besides the text."""
        if len(set(self.sampled.video_has_audio)) > 1:
            raise PolicyError("one prompt holds a video with audio and one without", "Put them in separate prompts.")
        found: dict[str, Any] = {}
        if self.sampled.images:
            found["images"] = self.sampled.images
        if self.sampled.videos:
            found["videos"] = self.sampled.videos
            found |= self._video_settings(processor)
        if self.sampled.audio:
            found["audio"] = self.sampled.audio
            # By default audio is cut at 30 s for every model, and audio of different lengths beyond that fails.
            found["audio_kwargs"] = {
                "sampling_rate": SAMPLE_RATE_HZ,
                "truncation": self._family.fixed_audio_length,
                "return_attention_mask": True,
                "padding": "max_length",
            }
            if not self._family.fixed_audio_length:
                found["audio_kwargs"]["max_length"] = max(30 * SAMPLE_RATE_HZ, *map(len, self.sampled.audio))
        return found

    def _video_settings(self, processor: Any) -> dict[str, Any]:
        """Return ``videos_kwargs`` and the arguments that go with it."""
        # One complete, new dictionary: transformers 4.57 ignores flat video settings beside it, and empties it.
        settings: dict[str, Any] = {"do_sample_frames": False, "fps": self.sampled.rates[0]}
        if len(set(self.sampled.rates)) > 1:
            raise PolicyError(
                "one prompt holds videos of different frame rates",
                "Sample them at the same rate, or use separate prompts.",
            )
        if not self._accepts_audio:
            settings["video_metadata"] = [
                {"total_num_frames": len(v), "fps": rate, "frames_indices": list(range(len(v)))}
                for v, rate in zip(self.sampled.videos, self.sampled.rates, strict=True)
            ]
            return {"videos_kwargs": settings}
        settings["size"] = dict(processor.video_processor.size)
        chunks = {"seconds_per_chunk": 2.0, "position_id_per_seconds": 25}
        if not hasattr(processor, "_resolve_audio_from_video"):  # before transformers 5.2x
            return {"videos_kwargs": settings | chunks | {"use_audio_in_video": any(self.sampled.video_has_audio)}}
        found = {"videos_kwargs": settings, **chunks}
        if any(self.sampled.video_has_audio):
            found |= {"load_audio_from_video": True, "audio_from_video_indices": self.sampled.audio_of_video}
        return found

    def usage(self) -> MediaUsage:
        """Return what of the media the tensors hold."""
        images = (
            [np.stack(self.sampled.images)]
            if len({i.shape for i in self.sampled.images}) == 1
            else [i[None] for i in self.sampled.images]
        )
        limit_s = 30.0 if self._family.fixed_audio_length else float("inf")
        audio_s = sum(min(len(samples) / SAMPLE_RATE_HZ, limit_s) for samples in self.sampled.audio)
        return MediaUsage(tuple(self._times_s), (*self.sampled.videos, *images), round(audio_s, 3))


def _rate(times_s: np.ndarray, duration_s: float) -> float:
    """Return the frame rate of a sampled video; of a single frame, one for its whole length."""
    if len(times_s) > 1 and times_s[-1] > times_s[0]:
        return float((len(times_s) - 1) / (times_s[-1] - times_s[0]))
    return 1.0 / max(duration_s, 1.0)
