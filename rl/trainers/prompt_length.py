"""The length of a prompt in tokens, estimated without decoding its media."""

from __future__ import annotations

from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.policies.encoding import Encoder
from omnisense.reasoning.policies.messages import Messages, clip_of, media_of

_PIXELS_PER_TOKEN, _AUDIO_TOKENS_PER_S = 28 * 28, 25  # of the Qwen2.5 families; close enough for others
_FRAMES_PER_TOKEN = 2
_ONE_FRAME = Sampling(rule="count", count=1)  # of an image


def estimate_prompt_tokens(encoder: Encoder, prompt: Messages) -> int:
    """Return the length of a prompt: its text by the tokenizer, its media estimated from their duration and size."""
    text = "".join(part["text"] for message in prompt for part in message["content"] if part["type"] == "text")
    tokens = len(encoder.text_tokens(text))
    for part in media_of(prompt):
        clip = clip_of(part)
        if part["type"] != "audio" and clip.has_video:
            sampling = part.get("sampling") or _ONE_FRAME
            plan = sampling.plan(clip.duration_s, clip.frame_rate, clip.frame_count, clip.width, clip.height)
            steps = -(-len(plan.times_s) // _FRAMES_PER_TOKEN)
            tokens += steps * max(1, plan.width * plan.height // _PIXELS_PER_TOKEN)
        if part["type"] == "audio" or part.get("with_audio", False):
            tokens += int(clip.duration_s * _AUDIO_TOKENS_PER_S) if clip.has_audio else 0
    return tokens
