"""The clip itself in the prompts of the loop: what a model that sees and hears decides and writes depends on it."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from omnisense import LoopSettings, PolicyProfile, ScriptedPolicy, open_clip
from omnisense.perception.media import decode
from omnisense.reasoning.loop.graph import build_graph
from omnisense.reasoning.loop.state import initial_state
from omnisense.reasoning.media import MediaBudget
from omnisense.reasoning.policies.messages import media_of, text_of
from omnisense.reasoning.policies.transformers import TransformersPolicy
from omnisense.testing import tiny_omni
from tests.conftest import write_media
from tests.perception.test_pipeline import full


class Recorded:
    """A policy that keeps what it is asked, and how likely it finds its choices and two replies."""

    def __init__(self, policy):
        self.policy, self.prompts, self.answers = policy, [], []

    def __getattr__(self, name):
        return getattr(self.policy, name)

    def write(self, prompts, **settings):
        self.choose(prompts, [["I hear you.", "How good!"]] * len(prompts))
        return self.policy.write(prompts, **settings | {"max_new_tokens": 4})

    def choose(self, prompts, options, *, max_seconds=None):
        choices = self.policy.choose(prompts, options)
        self.prompts += prompts
        self.answers += [choice.probabilities for choice in choices]
        return choices


def run(policy, clip, settings):
    recorded = Recorded(policy)
    percepts = full()
    if clip is not None:
        percepts = replace(percepts, clip=replace(percepts.clip, duration_s=clip.duration_s))
    state = {**initial_state(clip, "How am I?"), "percepts": percepts}
    build_graph(recorded, lambda *_: percepts, settings).invoke(state)
    return recorded


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    noise = np.random.default_rng(0).normal(0, 0.3, 44_100 * 4).astype(np.float32)
    plain = {"video_s": 4.0, "audio_s": 4.0}
    return {
        "one": open_clip(write_media(folder / "one.mp4", **plain)),
        "picture": open_clip(write_media(folder / "picture.mp4", **plain, size=(120, 160))),
        "sound": open_clip(write_media(folder / "sound.mp4", **plain, samples=noise)),
    }


@pytest.mark.networks
@pytest.mark.parametrize("leads", [False, True])
def test_decisions_and_replies_change_with_the_media_alone(clips, tmp_path_factory, monkeypatch, leads):
    decoded, read_video = [], decode.read_video
    monkeypatch.setattr(decode, "read_video", lambda clip, *rest: decoded.append(clip) or read_video(clip, *rest))
    policy = TransformersPolicy(tiny_omni(tmp_path_factory.mktemp("omni")), dtype="float32")
    profile = PolicyProfile("tiny", leads=leads)
    settings = LoopSettings(profile=profile, temperature=0.0, drafts=1, max_revisions=0, media=MediaBudget(frames=4))
    runs = {name: run(policy, clip, settings) for name, clip in clips.items()}
    texts = {name: [[text_of(m) for m in prompt] for prompt in r.prompts] for name, r in runs.items()}
    assert texts["one"][0] == texts["picture"][0] == texts["sound"][0]
    assert media_of(runs["one"].prompts[0])
    for one, two in itertools.combinations(runs.values(), 2):
        assert one.answers[0] != two.answers[0]
    assert len(runs["one"].prompts) > 1 or leads
    assert len(decoded) <= len(clips)  # once for all prompts of a turn


def test_a_turn_without_a_clip_has_no_media_and_its_media_count_as_tokens(clips):
    settings = LoopSettings(profile=PolicyProfile("scripted", leads=False), max_revisions=0)
    with_clip, without = (run(ScriptedPolicy(), clip, settings) for clip in (clips["one"], None))
    assert all(media_of(prompt) for prompt in with_clip.prompts)
    assert not any(media_of(prompt) for prompt in without.prompts)
    assert media_of(with_clip.prompts[0])[0]["tokens"] == 8 * 160 * 120 // 784 // 2 + 100
