"""Which media go into a prompt, and that a model and a server get them."""

import base64
import http.server
import io
import itertools
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from omnisense import InputError, open_clip
from omnisense.perception.types import AudioStream, Missing, Prosody, Segment, Span, Transcript
from omnisense.reasoning.answers.answerer import Answerer
from omnisense.reasoning.answers.question import Question
from omnisense.reasoning.media import MediaBudget, media_parts, with_media
from omnisense.reasoning.policies import media_cache
from omnisense.reasoning.policies.chat_model import ChatModelPolicy
from omnisense.reasoning.policies.messages import message
from omnisense.reasoning.policies.transformers import TransformersPolicy
from omnisense.testing import tiny_audio, tiny_omni, tiny_omni3, tiny_smolvlm, tiny_vlm3
from tests.conftest import write_media
from tests.perception.test_pipeline import make_percepts

ALL = frozenset({"text", "image", "video", "audio"})


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    return {
        "short": open_clip(write_media(folder / "short.mp4", video_s=4.0, audio_s=4.0)),
        "long": open_clip(write_media(folder / "long.mp4", video_s=40.0, audio_s=40.0, fps=5)),
        "silent": open_clip(write_media(folder / "silent.mp4", video_s=40.0, audio_s=None, fps=5)),
        "sound": open_clip(write_media(folder / "sound.wav", video_s=None, audio_s=20.0, audio_codec="pcm_s16le")),
    }


def percepts_of(clip, *segments):
    speech = Transcript("en", tuple(Segment(*s) for s in segments), "test") if segments else Missing("none")
    audio = (
        AudioStream(clip.duration_s, (Span(0.0, 1.0),), (), (), (Prosody(),) * 40, Prosody())
        if clip.has_audio
        else None
    )
    made = make_percepts(audio=audio, transcript=speech)
    return replace(made, clip=replace(made.clip, duration_s=clip.duration_s))


def kinds(parts):
    return [part["type"] for part in parts]


def test_a_short_video_is_shown_whole_with_its_sound(clips):
    (part,) = media_parts(clips["short"], percepts_of(clips["short"]), ALL)
    assert (part["type"], part["with_audio"], part["sampling"].rule) == ("video", True, "rate")
    (seen,) = media_parts(clips["short"], None, {"text", "image", "video"})
    assert (seen["type"], seen["with_audio"]) == ("video", False)
    assert kinds(media_parts(clips["short"], None, {"text", "audio"})) == ["audio"]
    assert kinds(media_parts(clips["sound"], None, ALL)) == ["audio"]
    assert media_parts(clips["short"], None, {"text"}) == [] == media_parts(None, None, ALL)


def test_a_long_video_is_shown_as_moments_and_as_the_speech_that_matters(clips):
    clip, budget = clips["long"], MediaBudget(frames=6, audio_s=5.0)
    percepts = percepts_of(
        clip,
        (2.0, 4.0, "Nothing much."),
        (20.0, 22.0, "I am so sad!", (), None, None, (), ("sadness",), -0.9),
        (22.2, 23.2, "I hate it!", (), None, None, (), ("anger",), -0.9),
    )
    parts = media_parts(clip, percepts, ALL, budget)
    assert kinds(parts) == ["image", "text", "audio", "text", "audio"]
    frames, _, first, label, second = parts
    assert frames["with_times"]
    assert len(frames["sampling"].times_s) == 6
    assert (second["start_s"], second["end_s"]) == (19.75, 23.45)
    assert label["text"] == "Sound from 19.8 to 23.4 s:"
    assert second["end_s"] - second["start_s"] + first["end_s"] - first["start_s"] <= 5.0
    assert kinds(media_parts(clip, percepts, {"text", "video"}, budget)) == ["video"]
    assert kinds(media_parts(clips["silent"], percepts_of(clips["silent"]), ALL, budget)) == ["image"]


def test_long_sound_comes_in_pieces_that_every_model_hears_to_the_end(clips):
    parts = media_parts(clips["long"], None, {"text", "audio"})
    assert [(p["start_s"], p["end_s"]) for p in parts if p["type"] == "audio"] == [(0.0, 20.0), (20.0, 40.0)]
    assert parts[2]["text"] == "Sound from 20.0 to 40.0 s:"


def test_times_of_a_window_count_from_its_start(clips):
    window = clips["long"][10.0:38.0]
    parts = media_parts(window, percepts_of(window, (2.0, 4.0, "Oh no!")), ALL, MediaBudget(frames=4, audio_s=3.0))
    assert (parts[0]["start_s"], parts[0]["end_s"]) == (10.0, 38.0)
    assert (parts[2]["start_s"], parts[2]["end_s"]) == (11.75, 14.25)
    assert parts[1]["text"] == "Sound from 1.8 to 4.2 s:"


def test_half_of_the_frames_and_the_first_sound_are_of_windows_that_were_looked_at(clips):
    clip, budget = clips["long"], MediaBudget(frames=8, audio_s=3.0)
    percepts = percepts_of(clip, (2.0, 4.0, "I am so sad!", (), None, None, (), ("sadness",), -0.9))
    for given in (percepts, None):
        parts = media_parts(clip, given, ALL, budget, [(30.0, 32.0)])
        times_s = parts[0]["sampling"].times_s
        assert sum(30.0 <= at_s <= 32.0 for at_s in times_s) >= 4
        assert min(times_s) < 25.0
        assert (29.75, 32.25) in [(part.get("start_s"), part.get("end_s")) for part in parts]
        beyond = media_parts(clip, given, ALL, budget, [(30.0, 1e9), (1e8, 1e9)])
        assert max(beyond[0]["sampling"].times_s) <= clip.duration_s


@pytest.mark.parametrize("max_tokens", [256, 1000, 4000])
def test_the_budget_is_kept(clips, max_tokens):
    clip = clips["long"]
    parts = media_parts(clip, percepts_of(clip, (0.0, 30.0, "Well!")), ALL, MediaBudget(max_tokens=max_tokens))
    seconds = sum(p["end_s"] - p["start_s"] for p in parts if p["type"] == "audio")
    times_s, width, height = parts[0]["sampling"].plan(clip.duration_s, 5.0, 200, 1280, 720)
    assert seconds * 25 + len(times_s) * width * height / 784 <= max_tokens
    with pytest.raises(InputError):
        MediaBudget(frames=-1)


def test_media_stand_before_the_words():
    part = {"type": "image", "path": "x.png"}
    assert kinds(with_media(message("user", "hello"), [part])["content"]) == ["image", "text"]


def test_decoded_media_are_kept_within_their_bytes(clips, monkeypatch):
    cache = media_cache._RecentlyUsed(10, len)
    made = []

    def make(key):
        made.append(key)
        return "x" * 4

    for key in "abacab":
        cache.get(key, lambda key=key: make(key))
    assert made == ["a", "b", "c", "b"]
    frames = media_cache.frames_of(clips["short"], None)
    assert media_cache.frames_of(clips["short"], None) is frames
    assert media_cache.frames_of(clips["short"][1.0:2.0], None) is not frames


# --- what a model makes of it -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def omni(tmp_path_factory):
    return TransformersPolicy(tiny_omni(tmp_path_factory.mktemp("omni")), dtype="float32")


@pytest.mark.networks
@pytest.mark.parametrize("make", [tiny_smolvlm, tiny_vlm3, tiny_audio, tiny_omni3])
def test_models_of_every_family_take_the_parts(make, clips, tmp_path):
    if make is tiny_smolvlm:
        pytest.importorskip("num2words")
    policy = TransformersPolicy(make(tmp_path), dtype="float32")
    sees, hears = "image" in policy.modalities, "audio" in policy.modalities
    for clip, frames, audio_s in ((clips["short"], 8, 4.0), (clips["long"], 8, 2.5)):
        parts = media_parts(clip, percepts_of(clip, (1.0, 3.0, "Hi")), policy.modalities, MediaBudget(8, audio_s=3.9))
        prompt = policy.prepare([with_media(message("user", "What is felt?"), parts)])
        assert len(prompt.media_usage.times_s) == frames * sees
        assert prompt.media_usage.audio_s == pytest.approx(audio_s * hears, abs=1.5)
        assert policy.choose([prompt], [["joy", "grief"]])[0].probabilities != (0.5, 0.5)


@pytest.mark.networks
@pytest.mark.parametrize("budget", [MediaBudget(), MediaBudget(frames=4, audio_s=1.0)])  # whole; moments and a window
@pytest.mark.parametrize("changed", ["picture", "sound"])
def test_an_answer_changes_with_the_media_when_the_timeline_does_not(omni, clips, tmp_path, changed, budget):
    noise = np.random.default_rng(0).normal(0, 0.3, 44_100 * 4).astype(np.float32)
    settings = {"picture": {"size": (120, 160)}, "sound": {"samples": noise}}[changed]
    other = open_clip(write_media(tmp_path / "other.mp4", video_s=4.0, audio_s=4.0, **settings))
    percepts = percepts_of(clips["short"], (0.5, 2.0, "I am fine."))
    question = Question("What is felt?", "one", ("A. joy", "B. grief", "C. anger"))
    answerer = Answerer(omni)

    def answer(clip):
        parts = media_parts(clip, percepts, omni.modalities, budget) if clip else []
        return answerer.answer(question, percepts, media=parts).probabilities

    answers = [answer(clips["short"]), answer(other), answer(None)]
    assert answer(clips["short"]) == answers[0]
    for one, two in itertools.combinations(answers, 2):
        assert max(abs(one[letter] - two[letter]) for letter in "ABC") > 1e-4


@pytest.fixture
def served(monkeypatch):
    """An OpenAI-compatible server on this machine that keeps what it is asked."""
    pytest.importorskip("langchain_openai")
    requests = []

    class Service(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            reply = {"role": "assistant", "content": "<think>tears</think><answer>B</answer>"}
            choice = {"index": 0, "message": reply, "finish_reason": "stop"}
            found = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield requests
        server.shutdown()


def test_a_served_model_gets_frames_with_their_times_and_sound(served, clips):
    policy = ChatModelPolicy.from_name("openai:m", modalities=("image", "audio"))
    clip = clips["long"]
    percepts = percepts_of(clip, (2.0, 4.0, "I am so sad!"))
    parts = media_parts(clip, percepts, policy.modalities, MediaBudget(frames=3, audio_s=3.0))
    question = Question("What is felt?", "one", ("A. joy", "B. grief"))
    assert Answerer(policy).answer(question, percepts, media=parts).value == "B"
    blocks = served[0]["messages"][0]["content"]
    times_s = policy.prepare([{"role": "user", "content": parts}]).media_usage.times_s
    said = [f"At {time_s:.1f} s:" for time_s in times_s]
    assert [b["text"] for b in blocks if b["type"] == "text"][:4] == [*said, "Sound from 1.8 to 4.2 s:"]
    assert [b["type"] for b in blocks] == [*["text", "image_url"] * 3, "text", "input_audio", "text"]
    picture = Image.open(io.BytesIO(base64.b64decode(blocks[1]["image_url"]["url"].partition(",")[2])))
    assert picture.size == (160, 120)
    heard = base64.b64decode(blocks[7]["input_audio"]["data"])
    assert len(heard) == 44 + 2 * 16_000 * 2.5  # a WAV header and 2.5 s
