"""Multimodal models: tiny ones built on the spot, through the real loading, sampling, sound and padding."""

import numpy as np
import pytest

from omnisense.errors import MediaError, PolicyError
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.policies.batching import collate
from omnisense.reasoning.policies.messages import PreparedPrompt, message
from omnisense.reasoning.policies.transformers import TransformersPolicy
from omnisense.testing.tiny_models import tiny_audio, tiny_omni, tiny_omni3, tiny_vlm
from tests.conftest import write_media

pytestmark = pytest.mark.networks

FEW = Sampling(rule="count", count=4, max_pixels=56 * 84)


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """Two videos that look and sound different, a sound longer than 30 s, a picture."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("media")
    loud = np.random.default_rng(0).normal(0, 0.2, 44_100 * 2).astype(np.float32)
    paths = {
        "one": write_media(folder / "one.mp4"),
        "two": write_media(folder / "two.mp4", size=(120, 160), samples=loud),
        "silent": write_media(folder / "silent.mp4", audio_s=None),
        "long": write_media(folder / "long.wav", video_s=None, audio_s=35.0, audio_codec="pcm_s16le"),
        "short": write_media(folder / "short.wav", video_s=None, audio_s=1.5, audio_codec="pcm_s16le"),
    }
    paths["picture"] = folder / "picture.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)).save(paths["picture"])
    return {name: str(path) for name, path in paths.items()}


def ask(*parts, text="What is felt?"):
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


def video(path, sound=False, **more):
    return {"type": "video", "path": path, "sampling": FEW, "with_audio": sound, **more}


@pytest.fixture(scope="module")
def prompts(media):
    return {
        "video": ask(video(media["one"])),
        "both": ask(video(media["two"], sound=True)),
        "both again": ask(video(media["one"], sound=True), text="And now, in a longer question than before?"),
        "audio": ask({"type": "audio", "path": media["short"]}),
        "two sounds": ask({"type": "audio", "path": media["short"]}, {"type": "audio", "path": media["long"]}),
        "image": ask({"type": "image", "path": media["picture"]}),
        "text": ask(),
        "system": [message("system", "Be brief."), *ask(video(media["silent"], sound=True))],
    }


def loaded(make, folder):
    return TransformersPolicy(make(folder), dtype="float32", batch_size=16)


@pytest.fixture(scope="module")
def omni(tmp_path_factory):
    return loaded(tiny_omni, tmp_path_factory.mktemp("omni"))


@pytest.fixture(scope="module")
def omni3(tmp_path_factory):
    return loaded(tiny_omni3, tmp_path_factory.mktemp("omni3"))


@pytest.fixture(scope="module")
def vlm(tmp_path_factory):
    return loaded(tiny_vlm, tmp_path_factory.mktemp("vlm"))


@pytest.fixture(scope="module")
def listener(tmp_path_factory):
    return loaded(tiny_audio, tmp_path_factory.mktemp("audio"))


def logits(policy, prompts):
    """Logits (B, V) after the last token of each prompt, all in one batch."""
    import torch

    model, encoder = policy.load()
    rows = [policy.prepare(prompt).inputs for prompt in prompts]
    with torch.inference_mode():
        return model(**collate(rows, encoder.tokenizer.pad_token_id)).logits[:, -1]


CASES = [
    ("omni", ["video", "both", "both again", "audio", "two sounds", "image", "text", "system"]),
    ("omni", ["text", "both", "video", "both"]),
    ("omni3", ["video", "both", "both again", "audio", "two sounds", "image", "text", "system"]),
    ("vlm", ["video", "image", "text", "video"]),
    ("listener", ["audio", "text", "audio"]),
]


@pytest.mark.parametrize(("name", "mix"), CASES)
def test_a_mixed_batch_equals_one_by_one(name, mix, prompts, request):
    import torch

    policy = request.getfixturevalue(name)
    asked = [prompts[m] for m in mix]
    if policy.load()[1].family.batches_media:  # others are computed one by one
        together = logits(policy, asked)
        alone = torch.cat([logits(policy, [prompt]) for prompt in asked])
        assert torch.allclose(together, alone, atol=1e-4), (together - alone).abs().max(1)
    assert policy.write(asked, max_new_tokens=8) == [policy.write([p], max_new_tokens=8)[0] for p in asked]


@pytest.mark.parametrize(("name", "mix"), CASES)
def test_choices_equal_a_plain_forward(name, mix, prompts, request):
    import torch

    policy = request.getfixturevalue(name)
    model, encoder = policy.load()
    options = ["sad", "very happy", "angry"]
    for prompt, choice in zip(
        [prompts[m] for m in mix], policy.choose([prompts[m] for m in mix], [options] * len(mix)), strict=True
    ):
        row = policy.prepare(prompt).inputs
        means = []
        for tokens in encoder.option_tokens(row.text, options):
            tail = torch.tensor([tokens])
            inputs = dict(row.inputs)
            for key, value in row.inputs.items():
                if value.shape == row.inputs["input_ids"].shape:  # the tokens, their mask, and in 5.x their types
                    more = tail if key == "input_ids" else torch.full_like(tail, key == "attention_mask")
                    inputs[key] = torch.cat([value, more], 1)
            with torch.inference_mode():
                log_probs = torch.log_softmax(model(**inputs).logits[0, row.length - 1 : -1], -1)
            means.append(log_probs.gather(1, tail.T).mean())
        assert choice.probabilities == pytest.approx(torch.softmax(torch.stack(means), 0).tolist(), abs=1e-4)


def test_what_is_seen_and_heard_reaches_the_model(omni, prompts, media):
    import torch

    swapped = ask(video(media["two"], sound=True))
    base = logits(omni, [prompts["both again"][:0] or ask(video(media["one"], sound=True))])
    for other in (swapped, ask(video(media["one"])), ask(video(media["one"], sound=True, start_s=0.5, end_s=1.5))):
        assert not torch.allclose(base, logits(omni, [other]), atol=1e-3)
    quiet, loud = ask({"type": "audio", "path": media["short"]}), ask({"type": "audio", "path": media["two"]})
    assert not torch.allclose(logits(omni, [quiet]), logits(omni, [loud]), atol=1e-3)


def test_the_record_of_what_was_seen_is_true(omni, listener, prompts, media):
    both = omni.prepare(prompts["both"])
    assert isinstance(both, PreparedPrompt)
    assert both == prompts["both"]
    assert len(both.media_usage.times_s) == 4
    assert both.media_usage.audio_s == pytest.approx(2.0, abs=0.1)
    assert omni.prepare(prompts["video"]).media_usage.audio_s == 0
    assert omni.prepare(prompts["system"]).media_usage.audio_s == 0  # it was asked for, and the file has none
    long = ask({"type": "audio", "path": media["long"]})
    assert omni.prepare(long).media_usage.audio_s == pytest.approx(35.0, abs=0.1)  # not cut at 30 s
    assert omni.prepare(long).inputs.inputs["feature_attention_mask"].sum() == pytest.approx(3500, abs=10)
    assert listener.prepare(long).media_usage.audio_s == 30  # all that its tower takes


def test_frames_are_those_of_the_sampling(omni, media):
    part = video(media["one"], start_s=0.5, end_s=1.5)
    usage = omni.prepare(ask(part)).media_usage
    expected = open_clip(media["one"])[0.5:1.5].frames(FEW)
    assert usage.times_s == tuple(expected.times_s.tolist())
    assert np.array_equal(usage.images[0], expected.images)


def test_modalities_are_known_before_the_model_is_loaded(tmp_path):
    policy = TransformersPolicy(tiny_vlm(tmp_path / "vlm"))
    assert policy.modalities == {"text", "image", "video"}
    assert policy._loaded is None
    with pytest.raises(PolicyError, match="the prompt holds audio"):
        policy.prepare(ask({"type": "audio", "path": "x.wav"}))


def test_a_video_with_sound_and_one_without_do_not_share_a_prompt(omni, media):
    with pytest.raises(PolicyError, match="one without"):
        omni.prepare(ask(video(media["one"], sound=True), video(media["two"])))


def test_media_that_is_not_there(omni, media):
    with pytest.raises(MediaError, match="ends beyond its 2"):
        omni.prepare(ask(video(media["one"], start_s=1.0, end_s=9.0)))
    with pytest.raises(MediaError, match="the file does not exist"):
        omni.prepare(ask(video("gone.mp4")))


def test_media_tokens_are_never_written(omni, prompts):
    from omnisense.reasoning.policies.encoding import media_token_ids

    model, encoder = omni.load()
    banned = media_token_ids(model.config)
    assert len(banned) == 5
    written = omni.write([prompts["both"]] * 4, max_new_tokens=64, temperature=5.0)
    ids = encoder.tokenizer(written, add_special_tokens=False)["input_ids"]
    assert not {token for row in ids for token in row} & set(banned)


@pytest.mark.parametrize("name", ["omni", "omni3", "vlm", "listener"])
def test_writing_computes_logits_at_the_last_position_only(name, prompts, request):
    policy, seen = request.getfixturevalue(name), []
    model = policy.load()[0]
    handle = model.get_output_embeddings().register_forward_hook(lambda _, args, out: seen.append(out.shape[1]))
    written = policy.write([prompts["text"], prompts["text"]], max_new_tokens=3)
    handle.remove()
    assert len(written) == 2
    assert set(seen) == {1}
