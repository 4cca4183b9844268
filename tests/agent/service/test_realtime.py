"""The realtime interface, with the official client."""

import base64
import contextlib
import json
import random
import socket
import string
import time

import httpx
import numpy as np
import openai
import pytest
import websockets.sync.client

pytest.importorskip("omnisense.agent.live.session")

from omnisense.agent.live import events as live
from omnisense.agent.live.latency import TurnLatency
from omnisense.agent.service.pcm import PCM_RATE_HZ, Resampler, from_pcm16, to_pcm16
from omnisense.agent.service.realtime_replies import Translator
from omnisense.agent.service.settings import hash_key
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from tests.agent.service.conftest import running, scripted_agent

TEXT_ONLY = {"type": "realtime", "output_modalities": ["text"]}


@pytest.fixture(scope="module")
def talking(perception):
    with running(scripted_agent(perception=perception)) as found:
        yield found


def connect(service, key="none"):
    return service.client(key).realtime.connect(model="omnisense")


def until(connection, kind, limit=400):
    """The events up to one of a kind."""
    events = []
    for _ in range(limit):
        events.append(connection.recv())
        if events[-1].type == kind:
            return events
    raise AssertionError(f"no {kind} in {[e.type for e in events]}")


def say(connection, text):
    content = [{"type": "input_text", "text": text}]
    connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    connection.response.create()
    return until(connection, "omnisense.turn_recorded")


def test_typed_turn_is_answered_in_text_and_remembered(talking):
    with connect(talking) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session=TEXT_ONLY | {"omnisense": {"thread_id": "ana"}})
        updated = connection.recv()
        assert (updated.type, updated.session.output_modalities) == ("session.updated", ["text"])
        events = say(connection, "I lost my job today.")
        kinds = [event.type for event in events]
        expected = [
            "conversation.item.added",
            "response.created",
            "omnisense.appraisal",
            "response.output_text.delta",
            "response.output_text.done",
            "response.done",
        ]
        assert [kind for kind in kinds if kind in expected][: len(expected) + 1].count("response.done") == 1
        order = [kinds.index(kind) for kind in expected]
        assert order == sorted(order)
        by_kind = {event.type: event for event in events}
        said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        done = by_kind["response.done"].response
        assert done.status == "completed"
        assert done.output[0].content[0].text == said == talking.agent.respond(text="I lost my job today.").response
        assert by_kind["omnisense.appraisal"].appraisal["emotion"]["value"] == "sadness"
    kept = httpx.get(f"{talking.url}/v1/threads/ana").json()["items"]
    assert [(turn["typed"], turn["reply"]) for turn in kept] == [("I lost my job today.", said)]


def drain(socket, messages=()):
    """Send messages, then receive until the connection is closed."""
    for message in messages:
        socket.send(message)
    while True:
        socket.recv()


def fuzzed(count):
    """Events that are malformed in every way."""
    rng = random.Random(7)
    kinds = [
        "session.update",
        "input_audio_buffer.append",
        "conversation.item.create",
        "conversation.item.truncate",
        "x",
    ]
    values = [None, 0, -1, 1e400, "", "\0", "é" * 50, [], {}, [[]], {"type": None}, True, "AAA", "data:,"]
    fields = ["session", "audio", "item", "item_id", "audio_end_ms", "content_index", "event_id", "response"]
    for i in range(count):
        if i % 5 == 0:
            yield "".join(rng.choices(string.printable, k=rng.randrange(60)))
        elif i % 5 == 1:
            yield "[" * rng.choice([1, 500, 100_000])
        else:
            event = {rng.choice(fields): rng.choice(values) for _ in range(3)} | {"type": rng.choice([*kinds, "x"])}
            if i % 5 == 4:
                event["item"] = {
                    "type": "message",
                    "role": rng.choice(["user", "assistant", 7]),
                    "content": rng.choice([[], [{"type": "input_image", "image_url": rng.choice(values)}], None]),
                }
            yield json.dumps(event)


def test_malformed_events_are_errors_and_the_conversation_goes_on(talking):
    with connect(talking) as connection:
        connection.recv()
        connection.session.update(session=TEXT_ONLY)
        connection.recv()
        for event in fuzzed(200):
            connection._connection.send(event)
        connection.input_audio_buffer.clear()
        answers = until(connection, "input_audio_buffer.cleared")[:-1]
        errors = [event for event in answers if event.type == "error"]
        assert len(errors) > 150  # the others are valid by chance: an empty sound, an update of nothing
        assert all(event.error.message and event.error.type == "invalid_request_error" for event in errors)
        connection._connection.send(b"\0\1")
        assert connection.recv().type == "error"
        assert say(connection, "Hello.")[-1].interrupted is False


@pytest.mark.parametrize(
    ("event", "param"),
    [
        (
            {"type": "session.update", "session": {"type": "realtime", "tools": [{"type": "function"}]}},
            "session.update.session.tools",
        ),
        ({"type": "session.update", "session": {"type": "realtime", "model": "gpt-realtime"}}, "model"),
        (
            {"type": "session.update", "session": {"type": "realtime", "omnisense": {"pause_s": "long"}}},
            "omnisense.pause_s",
        ),
        ({"type": "session.update", "session": {"type": "realtime", "omnisense": {"pause_s": -1.0}}}, "session"),
        ({"type": "conversation.item.truncate", "item_id": "nothing", "audio_end_ms": 3}, "item_id"),
        ({"type": "input_audio_buffer.append", "audio": "%%%"}, "audio"),
    ],
)
def test_what_cannot_be_done_is_an_error_with_the_id_of_the_event(talking, event, param):
    with connect(talking) as connection:
        connection.recv()
        connection.send(event | {"event_id": "mine"})
        answer = connection.recv()
        assert (answer.type, answer.error.param) == ("error", param)
        assert answer.error.event_id in ("mine", None)


def test_camera_frames_with_too_many_pixels_are_refused_before_they_are_decoded(start, perception, monkeypatch):
    import io

    from PIL import Image

    from omnisense.agent.service import realtime

    decoded = []
    frame_of = realtime._frame_of
    monkeypatch.setattr(realtime, "_frame_of", lambda clip: decoded.append(clip.width) or frame_of(clip))

    def show(connection, width):
        picture = io.BytesIO()
        Image.new("RGB", (width, 100)).save(picture, "PNG")
        url = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
        content = [{"type": "input_image", "image_url": url}]
        connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        return connection.recv()

    with start(scripted_agent(perception=perception), max_pixels=200 * 100) as service, connect(service) as connection:
        connection.recv()
        refused = show(connection, 201)
        assert (refused.type, refused.error.code) == ("error", "frame_too_large")
        assert "201x100 pixels" in refused.error.message
        assert decoded == []
        assert show(connection, 200).type != "error"
        assert decoded == [200]


def test_settings_of_turn_taking(talking):
    with connect(talking) as connection:
        connection.recv()

        def update(turn_detection, **own):
            audio = {"input": {"turn_detection": turn_detection}}
            connection.session.update(session={"type": "realtime", "audio": audio, "omnisense": own})
            return connection.recv().session

        manual = update(None)
        assert manual.audio.input.turn_detection is None
        assert manual.omnisense["turn_detection"] == "manual"
        patient = update(
            {"type": "semantic_vad", "eagerness": "low", "interrupt_response": False}, check_in=True, resume_after_s=3
        )
        assert patient.omnisense["max_endpointing_s"] == 4.0
        assert patient.omnisense["allow_interruptions"] is False
        assert patient.omnisense["check_in"] is True
        assert patient.omnisense["resume_after_s"] == 3
        quick = update({"type": "server_vad", "silence_duration_ms": 300})
        assert quick.omnisense["min_endpointing_s"] == 0.3


def test_keys_origins_and_the_number_of_sessions(start):
    key = "ana-0123456789abcdef"
    with start(scripted_agent(), api_keys={"ana": hash_key(key)}, max_sessions=1) as service:
        address = service.url.replace("http", "ws") + "/v1/realtime"

        def status(**options):
            with pytest.raises(websockets.exceptions.InvalidStatus) as caught:
                websockets.sync.client.connect(address, **options).__enter__()
            return caught.value.response.status_code

        assert status() == 401
        assert status(additional_headers={"Authorization": "Bearer wrong"}) == 401
        good = {"Authorization": f"Bearer {key}"}
        assert status(additional_headers=good, origin="https://evil.example") == 403
        browser = ["realtime", f"openai-insecure-api-key.{key}"]
        with websockets.sync.client.connect(address, subprotocols=browser, origin=service.url) as connection:
            assert connection.subprotocol == "realtime"
            assert json.loads(connection.recv())["type"] == "session.created"
            assert "omnisense_sessions_active 1.0" in httpx.get(f"{service.url}/metrics", headers=good).text
            assert status(additional_headers=good) == 429
        until_true(lambda: not service.server.app.state.service.live)


def test_client_that_does_not_read_is_cut_off(start):
    """It takes no memory of the server for long, and its place becomes free."""
    # Each event is answered by an error with the id of the event.
    event = json.dumps({"type": "session.update", "session": {"model": "none"}, "event_id": "x" * 50_000}).encode()
    frame = b"\x81\xff" + len(event).to_bytes(8, "big") + bytes(4) + event  # masked with zeros
    with start(scripted_agent(), max_session_lag_s=0.3, max_sessions=1) as service:
        host = service.url.removeprefix("http://")
        name, _, port = host.partition(":")
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)  # some kernels would hold all the answers
            deaf.connect((name, int(port)))
            head = [
                "GET /v1/realtime HTTP/1.1",
                f"Host: {host}",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Version: 13",
            ]
            deaf.sendall("\r\n".join([*head, "", ""]).encode())
            deaf.settimeout(20)
            assert deaf.recv(12) == b"HTTP/1.1 101"  # the session has begun; nothing is read from here on
            with contextlib.suppress(OSError):
                for _ in range(600):
                    deaf.sendall(frame)
            until_true(lambda: not service.server.app.state.service.live)
        assert 'cut_off_total{reason="slow"} 1.0' in httpx.get(f"{service.url}/metrics").text
        with connect(service) as connection:
            assert connection.recv().type == "session.created"


def until_true(condition, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_shutdown_lets_the_turn_end_and_says_why(start, perception):
    def reply(messages):
        time.sleep(0.5)
        return "I hear you."

    agent = scripted_agent(policy=ScriptedPolicy(reply), perception=perception)
    with start(agent) as service, connect(service) as connection:
        connection.recv()
        connection.session.update(session=TEXT_ONLY)
        connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
        )
        connection.response.create()
        while getattr(event := connection.recv(), "state", "") != "thinking":
            assert event.type != "error"
        service.server.should_exit = True
        until(connection, "omnisense.turn_recorded")
        with pytest.raises(websockets.exceptions.ConnectionClosed) as caught:
            drain(connection._connection)
        assert caught.value.rcvd.code == 1001
        assert "shutting down" in caught.value.rcvd.reason


# --- without a server -----------------------------------------------------------------------------------------


def test_partial_words_are_told_once_they_are_agreed_on():
    translator = Translator(speaks=True)

    def look(text):
        events = translator.translate(live.PartialTranscript(1.0, "turn-1", text))
        return [event["delta"] for event in events if event["type"].endswith("transcription.delta")]

    assert look("I lost") == []
    assert look("I lost my dog") == ["I lost"]
    assert look("I lost my job") == [" my"]
    assert look("He lost my job today") == []
    assert look("I lost my job today") == []
    assert look("I lost my job today") == [" job today"]


def test_an_interrupted_reply_says_what_was_played():
    translator = Translator(speaks=True)
    reply = scripted_agent().respond(text="I lost my job today.")
    list(translator.translate(live.ReplyStarted(1.0, "turn-1", "reply-1")))
    [appraisal] = translator.translate(live.ReplyWritten(1.0, "turn-1", "reply-1", reply))
    assert appraisal["type"] == "omnisense.appraisal"
    sound = np.sin(np.arange(24_000) / 20).astype(np.float32)
    [delta] = translator.translate(live.ReplyAudio(1.1, "reply-1", sound, 24_000, 0.0))
    assert len(base64.b64decode(delta["delta"])) == 48_000
    turn = Turn("I lost my job today.", "", None, "I am")
    ended = live.ReplyEnded(2.0, "turn-1", "reply-1", turn, TurnLatency(e2e_latency=0.9), "interrupted")
    events = {event["type"]: event for event in translator.translate(ended)}
    assert events["response.output_audio_transcript.done"]["transcript"] == "I am"
    assert events["response.done"]["response"]["status_details"]["reason"] == "turn_detected"
    assert events["omnisense.turn_recorded"]["interrupted"]
    assert events["omnisense.turn_recorded"]["latency"]["e2e_latency"] == 0.9


def test_resampling_in_pieces_has_no_seams():
    seconds = np.arange(PCM_RATE_HZ) / PCM_RATE_HZ
    sound = (0.5 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32)
    resample = Resampler(PCM_RATE_HZ, 16_000)
    pieces = np.concatenate([resample(sound[at : at + 480]) for at in range(0, len(sound), 480)])
    assert 15_900 < len(pieces) <= 16_000
    middle = pieces[2000:14_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    peak = int(spectrum.argmax())
    assert peak * 16_000 / len(middle) == pytest.approx(440, abs=2)
    assert spectrum[peak + 20 :].max() < spectrum[peak] / 1000  # seams would be heard as clicks
    assert np.abs(from_pcm16(to_pcm16(sound)) - sound).max() < 1e-4


def test_official_client_refuses_nothing_that_is_sent(talking):
    """Every event of the session is read as one of the client's own types, or is one of ours."""
    from openai.types.realtime import realtime_server_event

    known = str(realtime_server_event.RealtimeServerEvent)
    with connect(talking) as connection:
        first = connection.recv()
        connection.session.update(session=TEXT_ONLY)
        for event in [first, *say(connection, "I lost my job today.")]:
            assert event.type.startswith("omnisense.") or type(event).__name__ in known, event
    assert openai.__version__


# --- with sound -----------------------------------------------------------------------------------------------


def send_speech(connection, sound, pace=1.0):
    """Send (N,) float32 at 24 kHz as a microphone would, with silence after it."""
    silence = np.zeros(int(1.5 * PCM_RATE_HZ), np.float32)
    samples = np.concatenate([sound, silence])
    began = time.monotonic()
    for at in range(0, len(samples), 2400):
        piece = to_pcm16(samples[at : at + 2400])
        connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
        time.sleep(max(0.0, began + (at + 2400) / PCM_RATE_HZ / pace - time.monotonic()))


@pytest.mark.models
@pytest.mark.slow
def test_spoken_turn_is_heard_and_answered_aloud(start, perception):
    """The reply is sound whose words are those of its transcript."""
    import jiwer

    from omnisense.agent.voice.base import speak
    from omnisense.agent.voice.load import load_voice
    from omnisense.perception.audio.chunks import AudioChunk
    from omnisense.perception.types import Span

    voice = load_voice("hibari")
    agent = scripted_agent(perception=perception)
    with start(agent, voice=voice) as service, connect(service) as connection:
        connection.recv()
        send_speech(connection, speak(voice, "I lost my job today."))
        events = until(connection, "omnisense.turn_recorded", limit=4000)
    kinds = [event.type for event in events]
    for kind in ("speech_started", "speech_stopped", "committed"):
        assert f"input_audio_buffer.{kind}" in kinds
    by_kind = {event.type: event for event in events}
    heard = by_kind["conversation.item.input_audio_transcription.completed"].transcript
    assert "lost my job" in heard.lower()
    assert by_kind["omnisense.appraisal"].appraisal["emotion"]["value"] == "sadness"
    reply = by_kind["response.output_audio_transcript.done"].transcript
    data = b"".join(base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta")
    sound = Resampler(PCM_RATE_HZ, 16_000)(from_pcm16(data))
    assert np.abs(sound).max() > 0.05
    said = (
        perception.registry.get("speech")
        .transcribe([AudioChunk(0.0, sound, (Span(0.0, len(sound) / 16_000),))])
        .transcript.text
    )
    assert jiwer.wer(plain(reply), plain(said)) <= 0.15
    latency = by_kind["omnisense.turn_recorded"].latency
    assert latency["e2e_latency"] is not None


def plain(text):
    return " ".join("".join(c for c in text.lower() if c.isalnum() or c in " '").split())
