"""What trainer and worker send each other: JSON with arrays beside it, read without unpickling anything."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from omnisense.reasoning.policies.media_inputs import SampledMedia


@dataclass(frozen=True)
class RolloutPrompt:
    """A prompt that is to be continued.

    Attributes:
        ids: its tokens, with a single one for each image, video or audio.
        media: these, as arrays.
        completions: how many are wanted.
    """

    ids: list[int]
    media: SampledMedia = field(default_factory=SampledMedia)
    completions: int = 1


class RolloutSampling(BaseModel):
    """How tokens are sampled; all but ``suppressed`` are TRL's settings of the same names.

    Attributes:
        suppressed: tokens that are never written.
        end: tokens that end a completion.
        seed: of this call.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_new_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    suppressed: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Completion:
    """Tokens that were written, the end token included, and the log-probability of each at the sampling temperature."""

    ids: list[int]
    log_probs: list[float]


@dataclass(frozen=True)
class Rollout:
    """What a worker wrote after a prompt; ``prompt_ids`` are the tokens that its model read, with those of media."""

    prompt_ids: list[int]
    completions: list[Completion]


def dump(content: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> bytes:
    """Return JSON content and arrays as bytes."""
    buffer = io.BytesIO()
    header = np.frombuffer(json.dumps(content).encode(), np.uint8)
    np.savez(buffer, allow_pickle=False, header=header, **{f"a{i}": array for i, array in enumerate(arrays)})
    return buffer.getvalue()


def load(data: bytes) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return what :func:`dump` wrote."""
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        content: dict[str, Any] = json.loads(found["header"].tobytes())
        return content, [found[f"a{i}"] for i in range(len(found.files) - 1)]


def dump_request(prompts: Sequence[RolloutPrompt], sampling: RolloutSampling) -> bytes:
    """Return a request for completions as bytes."""
    rows, arrays = [], []
    for prompt in prompts:
        media = vars(prompt.media).copy()
        counts = {kind: len(media[kind]) for kind in _ARRAYS}
        arrays += [array for kind in _ARRAYS for array in media[kind]]
        rest = {key: value for key, value in media.items() if key not in _ARRAYS}
        rows.append({"ids": prompt.ids, "completions": prompt.completions, "media": rest, "counts": counts})
    return dump({"verb": "generate", "prompts": rows, "sampling": sampling.model_dump()}, arrays)


def load_request(content: dict[str, Any], arrays: Sequence[np.ndarray]) -> tuple[list[RolloutPrompt], RolloutSampling]:
    """Return the request in a message."""
    remaining, prompts = iter(arrays), []
    for row in content["prompts"]:
        taken: dict[str, Any] = {kind: [next(remaining) for _ in range(row["counts"][kind])] for kind in _ARRAYS}
        prompts.append(RolloutPrompt(row["ids"], SampledMedia(**row["media"], **taken), row["completions"]))
    return prompts, RolloutSampling.model_validate(content["sampling"])


def dump_rollouts(rollouts: Sequence[Rollout]) -> bytes:
    """Return what was written as bytes."""
    return dump({"rollouts": [asdict(rollout) for rollout in rollouts]})


def load_rollouts(content: dict[str, Any]) -> list[Rollout]:
    """Return what was written."""
    return [Rollout(r["prompt_ids"], [Completion(**c) for c in r["completions"]]) for r in content["rollouts"]]


_ARRAYS = ("images", "videos", "audio")
