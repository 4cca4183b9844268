"""What trainer and worker send each other arrives as it was."""

import numpy as np
import pytest

from omnisense.reasoning.policies.media_inputs import SampledMedia
from omnisense.rl.rollouts.messages import (
    Completion,
    Rollout,
    RolloutPrompt,
    RolloutSampling,
    dump_request,
    dump_rollouts,
    load,
    load_request,
    load_rollouts,
)

SAMPLING = RolloutSampling(max_new_tokens=4, temperature=0.7, suppressed=(3,), end=(1, 2), seed=5)


def test_a_request_arrives_as_it_was():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (3, 4, 6, 3), np.uint8)
    sound = rng.normal(0, 1, 50).astype(np.float32)
    media = SampledMedia([frames[0]], [frames, frames[:2]], [2.0, 2.0], [sound], [True, False], [0])
    sent = [RolloutPrompt([1, 2, 3], media, 4), RolloutPrompt([7], completions=2)]
    prompts, sampling = load_request(*load(dump_request(sent, SAMPLING)))
    assert sampling == SAMPLING
    assert [(p.ids, p.completions) for p in prompts] == [([1, 2, 3], 4), ([7], 2)]
    got = prompts[0].media
    assert (got.rates, got.video_has_audio, got.audio_of_video) == ([2.0, 2.0], [True, False], [0])
    for ours, theirs in zip([*media.images, *media.videos, *media.audio], [*got.images, *got.videos, *got.audio]):  # noqa: B905
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
    assert prompts[1].media == SampledMedia()


def test_rollouts_arrive_as_they_were():
    sent = [Rollout([1, 2], [Completion([5, 6], [-0.5, -1e-9]), Completion([], [])])]
    assert load_rollouts(load(dump_rollouts(sent))[0]) == sent


def test_nothing_is_unpickled():
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    import io

    buffer = io.BytesIO()
    np.savez(buffer, header=np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        load(buffer.getvalue())
