"""Chat completions, with the official client."""

import base64
import threading
import time
from importlib.resources import files

import av
import httpx
import openai
import pytest

from omnisense.agent.service.chat_requests import ChatRequest, turn_request
from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.settings import ServiceSettings
from omnisense.perception.media.clip import open_clip
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from tests.agent.service.conftest import scripted_agent

SAD = [{"role": "user", "content": "I lost my job today."}]


def data_url(path, kind):
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def test_reply_with_its_evidence(service):
    client = service.client()
    assert [model.id for model in client.models.list()] == ["omnisense"]
    assert client.models.retrieve("omnisense").id == "omnisense"
    done = client.chat.completions.create(model="omnisense", messages=SAD, temperature=0.3)
    assert done.choices[0].message.content == service.agent.respond(text=SAD[0]["content"]).response
    assert done.choices[0].finish_reason == "stop"
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    evidence = done.omnisense
    assert evidence["appraisal"]["emotion"]["value"] == "sadness"
    assert evidence["appraisal"]["emotion"]["evidence"][0]["id"] == "typed"
    assert evidence["ignored"] == ["temperature"]


def test_stream_is_the_reply_and_nothing_else(service):
    client = service.client()
    whole = client.chat.completions.create(model="omnisense", messages=SAD).choices[0].message.content
    chunks = list(
        client.chat.completions.create(
            model="omnisense", messages=SAD, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole
    assert chunks[-1].usage.total_tokens > 0
    assert [c.choices[0].finish_reason for c in chunks[:-1]][-1] == "stop"
    assert chunks[-2].omnisense["appraisal"]["emotion"]["value"] == "sadness"


def test_stream_tells_the_stages_on_request(service):
    stream = service.client().chat.completions.create(
        model="omnisense", messages=SAD, stream=True, extra_body={"omnisense": {"events": True}}
    )
    told = [chunk.omnisense["event"] for chunk in stream if not chunk.choices]
    assert {"guard", "release"} <= {event["name"] for event in told if event["type"] == "stage"}
    assert told[-1] == {"type": "finished"}


def test_multiple_choice_is_answered_in_the_form_asked_for(start):
    agent = scripted_agent(policy=ScriptedPolicy(choices=[1]))
    asked = "What does she feel?\nA. joy\nB. anger\n"
    forms = {
        f"{asked}Answer with the option's letter from the given choices directly.": "B",
        f"{asked}The last line of your response should be of the following format: 'ANSWER: $LETTER'": "ANSWER: B",
    }
    with start(agent) as service:
        for text, reply in forms.items():
            messages = [{"role": "user", "content": text}]
            done = service.client().chat.completions.create(model="omnisense", messages=messages)
            assert done.choices[0].message.content == reply
            assert done.omnisense["trace"]["reply"]["written_by"] == "policy"


def test_messages_are_the_conversation_without_a_thread(service):
    messages = [
        {"role": "user", "content": "My dog is called Bruno."},
        {"role": "assistant", "content": "What a good name."},
        {"role": "user", "content": "What did I say first?"},
    ]
    done = service.client().chat.completions.create(model="omnisense", messages=messages)
    assert "Bruno" in done.omnisense["appraisal"]["context"]["recalled"]
    assert httpx.get(f"{service.url}/v1/threads").json()["data"] == []


def test_thread_is_remembered_exported_and_deleted(service):
    client, threads = service.client(), f"{service.url}/v1/threads"
    for text in ("My name is Ana.", "And what did I say first?"):
        done = client.chat.completions.create(
            model="omnisense",
            messages=[{"role": "user", "content": text}],
            extra_body={"omnisense": {"thread_id": "ana/1"}},
        )
    assert "Ana" in done.omnisense["appraisal"]["context"]["recalled"]
    assert done.omnisense["thread_id"] == "ana/1"
    assert [t["thread_id"] for t in httpx.get(threads).json()["data"]] == ["ana/1"]
    kept = httpx.get(f"{threads}/ana/1").json()
    assert [turn["typed"] for turn in kept["items"]] == ["My name is Ana.", "And what did I say first?"]
    assert kept["notes"]
    exported = httpx.get(f"{threads}/ana/1/export")
    assert exported.json() == kept
    assert exported.headers["content-disposition"].startswith("attachment")
    assert httpx.delete(f"{threads}/ana/1").status_code == 204
    assert httpx.get(f"{threads}/ana/1").status_code == 404
    assert httpx.delete(f"{threads}/ana/1").status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"model": "gpt-5"}, 404, "model_not_found"),
        ({"n": 2}, 400, "unsupported_value"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 400, "unsupported_parameter"),
        ({"response_format": {"type": "json_object"}}, 400, "unsupported_parameter"),
        ({"messages": []}, 400, "invalid_value"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "invalid_value"),
        ({"messages": [{"role": "assistant", "content": "Hi."}]}, 400, "invalid_value"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, 400, "invalid_value"),
        ({"extra_body": {"omnisense": {"thread": "ana"}}}, 400, "invalid_value"),
        ({"extra_body": {"omnisense": {"thread_id": "a\0b"}}}, 400, "invalid_value"),
    ],
)
def test_bad_request_has_an_error_in_openai_form(service, change, status, code):
    with pytest.raises(openai.APIStatusError) as caught:
        service.client().chat.completions.create(**({"model": "omnisense", "messages": SAD} | change))
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert caught.value.body["message"]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}}, "media_base64"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}, "media_error"),
        ({"type": "video_url", "video_url": {"url": "http://127.0.0.1/clip.mp4"}}, "media_url"),
        ({"type": "video_url", "video_url": {"url": "file:///etc/passwd"}}, "media_url"),
        ({"type": "video_url", "video_url": {"url": "clip:../../etc/passwd"}}, "clip_not_found"),
        ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, "media_base64"),
    ],
)
def test_bad_media_are_refused(service, part, code):
    with pytest.raises(openai.APIStatusError) as caught:
        service.client().chat.completions.create(model="omnisense", messages=[{"role": "user", "content": [part]}])
    assert caught.value.code == code
    assert "/tmp" not in caught.value.body["message"]


def test_media_parts_of_every_kind_are_opened_within_the_limits(make_media):
    video = make_media("a.mp4", video_s=2, audio_s=2)
    sound = make_media("a.wav", video_s=None, audio_codec="pcm_s16le", audio_s=1)
    parts = {
        "video": {"type": "video_url", "video_url": {"url": data_url(video, "video/mp4")}},
        "audio": {"type": "audio_url", "audio_url": {"url": data_url(sound, "audio/wav")}},
    }
    spoken = {"data": base64.b64encode(sound.read_bytes()).decode(), "format": "wav"}

    def clip_of(part, **limits):
        request = ChatRequest(model="omnisense", messages=[{"role": "user", "content": [part]}])
        return turn_request(request, ServiceSettings(**limits), lambda _: None, open_clip).clip

    for kind, part in parts.items():
        assert clip_of(part).kind == kind
    assert clip_of({"type": "input_audio", "input_audio": spoken}).kind == "audio"
    with pytest.raises(ServiceError, match="more than the 1 s allowed"):
        clip_of(parts["video"], max_clip_s=1)
    with pytest.raises(ServiceError, match="160x120 pixels"):
        clip_of(parts["video"], max_pixels=10_000)


def test_video_is_perceived(start, make_media):
    visual = Perception(PerceptionSettings(streams=("visual",)), cache=False)
    clip = make_media("a.mp4", audio_s=None)
    part = {"type": "video_url", "video_url": {"url": data_url(clip, "video/mp4")}}
    with start(scripted_agent(perception=visual)) as service:
        done = service.client().chat.completions.create(
            model="omnisense",
            messages=[{"role": "user", "content": [{"type": "text", "text": "What do you see?"}, part]}],
            extra_body={"omnisense": {"percepts": True}},
        )
    assert done.omnisense["events"][0]["id"] == "e1"
    assert done.omnisense["percepts"]["clip"]["path"] == ""
    assert "transcript" in done.omnisense["missing"]


@pytest.mark.models
def test_picture_is_perceived(start, tmp_path):
    picture = tmp_path / "face.jpg"
    with av.open(str(files("omnisense.agent") / "demo.mp4")) as demo:
        next(demo.decode(video=0)).to_image().save(picture)
    visual = Perception(PerceptionSettings(streams=("visual",)), cache=False)
    part = {"type": "image_url", "image_url": {"url": data_url(picture, "image/jpeg"), "detail": "high"}}
    with start(scripted_agent(perception=visual)) as service:
        done = service.client().chat.completions.create(
            model="omnisense",
            messages=[{"role": "user", "content": [{"type": "text", "text": "How do I look?"}, part]}],
        )
    assert "happy" in str(done.omnisense["events"])


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["input_audio", "audio_url"])
def test_sound_is_heard_and_the_answer_streamed(start, perception, tmp_path, kind):
    from omnisense.agent.voice.base import speak
    from omnisense.agent.voice.load import load_voice
    from omnisense.perception.media.encode import write_wav

    voice, sound = load_voice("hibari"), tmp_path / "said.wav"
    write_wav(sound, speak(voice, "I lost my job today."), voice.sample_rate)
    parts = {
        "input_audio": {"data": base64.b64encode(sound.read_bytes()).decode(), "format": "wav"},
        "audio_url": {"url": data_url(sound, "audio/wav")},
    }
    with start(scripted_agent(perception=perception)) as service:
        stream = service.client().chat.completions.create(
            model="omnisense",
            messages=[{"role": "user", "content": [{"type": kind, kind: parts[kind]}]}],
            stream=True,
        )
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "lost my job" in str(chunks[-1].omnisense["events"]).lower()
    assert chunks[-1].omnisense["appraisal"]["emotion"]["value"] == "sadness"


def test_full_queue_answers_429_with_retry_after(start):
    release = threading.Event()

    def reply(messages):
        release.wait(20)
        return "I hear you."

    agent = scripted_agent(policy=ScriptedPolicy(reply, lambda *_: (release.wait(20), 0)[1]))
    with start(agent, max_turns=1, max_queue=1) as service:
        answers = []

        def ask():
            answers.append(service.client().chat.completions.create(model="omnisense", messages=SAD))

        waiting = [threading.Thread(target=ask) for _ in range(2)]
        for thread in waiting:
            thread.start()
        queue = service.server.app.state.service.queue
        while queue.admitted < 2:
            time.sleep(0.01)
        with pytest.raises(openai.RateLimitError) as caught:
            service.client().chat.completions.create(model="omnisense", messages=SAD)
        assert caught.value.code == "queue_full"
        assert int(caught.value.response.headers["retry-after"]) >= 1
        assert "omnisense_queue_length 1.0" in httpx.get(f"{service.url}/metrics").text
        release.set()
        for thread in waiting:
            thread.join()
        assert len(answers) == 2


def test_client_that_leaves_finds_its_turn_in_the_thread(start):
    entered, release = threading.Event(), threading.Event()

    def reply(messages):
        entered.set()
        release.wait(20)
        return "I hear you."

    with start(scripted_agent(policy=ScriptedPolicy(reply))) as service:
        body = {"model": "omnisense", "messages": SAD, "omnisense": {"thread_id": "ana"}, "stream": True}
        with httpx.stream("POST", f"{service.url}/v1/chat/completions", json=body) as stream:
            next(stream.iter_lines())
            assert entered.wait(10)
        release.set()
        deadline = time.monotonic() + 10
        while not (found := httpx.get(f"{service.url}/v1/threads/ana").json().get("items")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert found[0]["typed"] == SAD[0]["content"]


def test_shutdown_waits_for_the_turn_that_has_begun(start):
    entered = threading.Event()

    def reply(messages):
        entered.set()
        time.sleep(0.5)
        return "I hear you."

    answers = []
    with start(scripted_agent(policy=ScriptedPolicy(reply))) as service:
        asking = threading.Thread(
            target=lambda: answers.append(service.client().chat.completions.create(model="omnisense", messages=SAD))
        )
        asking.start()
        assert entered.wait(10)
    asking.join()
    assert answers[0].choices[0].message.content
