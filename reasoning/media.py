"""Which media of a clip go into a prompt: the frames where something happens and the sound that matters.

Everything is by reference (:class:`omnisense.reasoning.policies.messages.Part`): a policy decodes it when it prepares
the prompt, once for all prompts of a turn.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from omnisense.errors import InputError
from omnisense.perception.media.clip import Clip
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, Event
from omnisense.reasoning.policies.messages import Message, Modality, Part

# Qwen2-VL to Qwen3-Omni: 28 x 28 pixels or 40 ms of sound to a token; the two frames of a video's pair share theirs.
_PIXELS_PER_TOKEN = 28 * 28
_AUDIO_TOKENS_PER_S = 25
_VIDEO_FPS = 2.0
_PADDING_S = 0.25  # around speech: its times are not exact
_MIN_WINDOW_S = 0.5
_MAX_WINDOW_S = 30.0  # Whisper's encoder takes no more at once; some models built on it drop the rest


@dataclass(frozen=True)
class MediaBudget:
    """How much of a clip goes into one prompt.

    Attributes:
        frames: upper bound on the number of frames.
        max_pixels: upper bound on width times height of one frame.
        audio_s: upper bound on the seconds of sound.
        max_tokens: upper bound on the tokens of frames and sound together, as Qwen's omni models count them (28 x 28
            pixels or 40 ms each; other models differ). Sound comes first; frames are scaled down to the rest.

    Raises:
        InputError: a value that is negative, or fewer than 256 tokens.
    """

    frames: int = 16
    max_pixels: int = 360 * 420
    audio_s: float = 60.0
    max_tokens: int = 4_000

    def __post_init__(self) -> None:
        for name in ("frames", "max_pixels", "audio_s"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} is {getattr(self, name)}", "Give 0 or more.")
        if self.max_tokens < 256:
            raise InputError(f"max_tokens is {self.max_tokens}", "Give at least 256.")


def media_parts(
    clip: Clip | None,
    percepts: Percepts | None,
    modalities: Collection[Modality],
    budget: MediaBudget | None = None,
    windows: Sequence[tuple[float, float]] = (),
) -> list[Part]:
    """Return the parts of a clip that a policy is shown beside the timeline; none for a text model or without a clip.

    A video short enough to be shown whole is one video part, with its sound where the policy accepts both. Of a longer
    one the policy gets single frames (:meth:`omnisense.Sampling.moments`), each with its time, and the sound of the
    utterances with the highest weights in the timeline.

    Args:
        clip: the clip, or a window of one; times in labels count from its start, as in the timeline.
        percepts: of this clip; without them frames are spread evenly, and the sound is taken from the start.
        modalities: the part types that the policy accepts.
        budget: by default that of :class:`MediaBudget`.
        windows: in seconds from the start of the clip, to be seen and heard above all: half of the frames lie in
            them, and their sound comes first. One that ends beyond the clip ends with it.
    """
    budget = budget or MediaBudget()
    if clip is None:
        return []
    windows = [(start_s, min(end_s, clip.duration_s)) for start_s, end_s in windows if start_s < clip.duration_s]
    hears = clip.has_audio and "audio" in modalities and budget.audio_s > 0
    sees = clip.has_video and bool({"image", "video"} & set(modalities)) and budget.frames > 0
    heard = _sound_windows(clip, percepts, _audio_limit_s(budget, sees), windows) if hears else []
    audio_s = sum(end_s - start_s for start_s, end_s in heard)
    pixels = int((budget.max_tokens - audio_s * _AUDIO_TOKENS_PER_S) * _PIXELS_PER_TOKEN)
    whole = not heard or heard == [(0.0, clip.duration_s)]
    if sees and clip.kind == "video" and "video" in modalities and whole and _is_short(clip, budget):
        sampling = Sampling(fps=_VIDEO_FPS, max_pixels=budget.max_pixels, max_total_pixels=2 * pixels)
        tokens = _frame_tokens(clip, sampling) // 2 + round(audio_s * _AUDIO_TOKENS_PER_S)
        part: Part = {"sampling": sampling, "with_audio": bool(heard), "with_times": True, "tokens": tokens}
        return [{**_reference(clip, "video"), **part}]
    parts = _frame_parts(clip, percepts, modalities, budget, pixels, windows) if sees else []
    for start_s, end_s in (piece for window in heard for piece in _pieces(window)):
        if (start_s, end_s) != (0.0, clip.duration_s):
            parts.append({"type": "text", "text": f"Sound from {start_s:.1f} to {end_s:.1f} s:"})
        tokens = round((end_s - start_s) * _AUDIO_TOKENS_PER_S)
        parts.append({**_reference(clip, "audio", (start_s, end_s)), "tokens": tokens})
    return parts


def with_media(prompt: Message, parts: Sequence[Part]) -> Message:
    """Return a message with media before its own parts."""
    return {**prompt, "content": [*parts, *prompt["content"]]}


def _is_short(clip: Clip, budget: MediaBudget) -> bool:
    return clip.duration_s * _VIDEO_FPS <= budget.frames


def _audio_limit_s(budget: MediaBudget, sees: bool) -> float:
    """Return the seconds of sound; at most half of the tokens where there are frames too."""
    tokens = budget.max_tokens // 2 if sees else budget.max_tokens
    return min(budget.audio_s, tokens / _AUDIO_TOKENS_PER_S)


def _reference(clip: Clip, kind: Modality, window: tuple[float, float] | None = None) -> Part:
    """Return a part that refers to a clip, or to a window within it."""
    start_s, end_s = window or (0.0, clip.duration_s)
    part: Part = {"type": kind, "path": str(clip.path)}
    if clip.kind != "image":
        part |= {"start_s": clip.start_s + start_s, "end_s": clip.start_s + end_s}
    return part


def _spread(clip: Clip, percepts: Percepts | None, count: int, windows: Sequence[tuple[float, float]]) -> Sampling:
    """Return which frames are shown: where something happens, and half of them in the windows, if there are any."""
    inside = _even_times(_merged([w for w in windows if w[0] < clip.duration_s]), count // 2)
    left = count - len(inside)
    if percepts is None and not inside:
        return Sampling(rule="count", count=count)
    if percepts is None:
        others = _even_times([(0.0, clip.duration_s)], left)
    else:
        others = list(Sampling.moments(percepts, left).times_s)
    return Sampling(rule="times", times_s=tuple(sorted({*inside, *others})))


def _even_times(windows: Sequence[tuple[float, float]], count: int) -> list[float]:
    """Return times that lie evenly in windows, by their length."""
    total_s = sum(end_s - start_s for start_s, end_s in windows)
    times_s: list[float] = []
    for at in range(count if total_s > 0 else 0):
        left_s = (at + 0.5) * total_s / count
        for start_s, end_s in windows:
            if left_s < end_s - start_s:
                times_s.append(round(start_s + left_s, 3))
                break
            left_s -= end_s - start_s
    return times_s


def _frame_parts(
    clip: Clip,
    percepts: Percepts | None,
    modalities: Collection[Modality],
    budget: MediaBudget,
    pixels: int,
    windows: Sequence[tuple[float, float]],
) -> list[Part]:
    if clip.kind == "image":
        # A model of videos only takes a picture as a video of one frame.
        kind: Modality = "image" if "image" in modalities else "video"
        sampling = Sampling(max_pixels=min(budget.frames * budget.max_pixels, pixels))
        return [{**_reference(clip, kind), "sampling": sampling, "tokens": _frame_tokens(clip, sampling)}]
    spread = _spread(clip, percepts, budget.frames, windows)
    sampling = replace(spread, max_pixels=budget.max_pixels, max_total_pixels=pixels)
    if "image" not in modalities:
        tokens = _frame_tokens(clip, sampling) // 2
        return [{**_reference(clip, "video"), "sampling": sampling, "with_audio": False, "tokens": tokens}]
    tokens = _frame_tokens(clip, sampling)
    return [{**_reference(clip, "image"), "sampling": sampling, "with_times": True, "tokens": tokens}]


def _frame_tokens(clip: Clip, sampling: Sampling) -> int:
    """Estimate the tokens of frames that are shown one by one; a video's pairs of frames take half of that."""
    plan = sampling.plan(clip.duration_s, clip.frame_rate, clip.frame_count, clip.width, clip.height)
    return len(plan.times_s) * plan.width * plan.height // _PIXELS_PER_TOKEN


# --- sound --------------------------------------------------------------------------------------------------


def _sound_windows(
    clip: Clip, percepts: Percepts | None, limit_s: float, first: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Return the windows of sound in order of time; of a clip that fits, all of it."""
    if clip.duration_s <= limit_s:
        return [(0.0, clip.duration_s)]
    if percepts is None:
        others = [(0.0, limit_s)]
    elif isinstance(percepts.audio, AudioStream):
        heard = sorted((e for e in percepts.timeline().events if _is_heard(e)), key=lambda e: -e.weight)
        others = [(event.start_s, event.end_s) for event in heard]
    else:
        return []
    taken: list[tuple[float, float]] = []
    left_s = limit_s
    for wanted in (*first, *others):
        start_s = max(0.0, wanted[0] - _PADDING_S)
        end_s = min(clip.duration_s, wanted[1] + _PADDING_S, start_s + left_s)
        if end_s - start_s >= _MIN_WINDOW_S:
            merged = _merged([*taken, (start_s, end_s)])
            taken, left_s = merged, limit_s - sum(b - a for a, b in merged)
    return taken


def _pieces(window: tuple[float, float]) -> list[tuple[float, float]]:
    """Return a window in pieces of equal length that every model hears to their end."""
    count = math.ceil((window[1] - window[0]) / _MAX_WINDOW_S)
    edges = [window[0] + (window[1] - window[0]) * i / count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def _is_heard(event: Event) -> bool:
    """Whether an event is one of sound; pauses and silence are not worth hearing."""
    return event.channel == "speech" or (event.channel == "voice" and event.weight > 0.3)


def _merged(windows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start_s, end_s in sorted(windows):
        if merged and start_s <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end_s)
        else:
            merged.append((start_s, end_s))
    return merged
