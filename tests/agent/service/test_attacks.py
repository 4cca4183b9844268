"""Clients that mean harm: malformed requests and frames, hostile names and media, floods."""

import base64
import contextlib
import gzip
import io
import json
import socket
import threading
import time
import zlib

import httpx
import numpy as np
import pytest

from omnisense.agent.service import remote_media
from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.settings import hash_key
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from tests.agent.service.conftest import running, scripted_agent
from tests.agent.service.test_realtime import TEXT_ONLY, connect, until, until_true

ANA, BEN = "ana-0123456789abcdef", "ben-0123456789abcdef"
GOOD = "I hear you, and it sounds hard."


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running(scripted_agent(policy=ScriptedPolicy([GOOD])), uploads=tmp_path_factory.mktemp("uploads")) as found:
        yield found


def visual_only():
    return scripted_agent(perception=Perception(PerceptionSettings(streams=("visual",)), cache=False))


def ask(service, *, content="Hello.", thread=None, key=None, **more):
    body = {"model": "omnisense", "messages": [{"role": "user", "content": content}], **more}
    if thread is not None:
        body["omnisense"] = {"thread_id": thread}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.post(f"{service.url}/v1/chat/completions", json=body, headers=headers, timeout=60)


def refused(answer, *statuses):
    """Whether an answer is an error of the client's, in OpenAI's form."""
    error = answer.json()["error"]
    assert answer.status_code in (statuses or range(400, 500)), error
    assert error["message"]
    assert error["code"] != "internal_error"
    return True


# --- requests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe{}",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"model": "omnisense", "messages": {"role": "user"}}',
        b'{"model": "omnisense", "messages": [null, 7, "x"]}',
        b'{"model": "omnisense", "n": ' + b"1" * 5000 + b', "messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "omnisense", "n": NaN, "messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "omnisense", "messages": [{"role": "user", "content": [{"type": "text", "text": {}}]}]}',
        b'{"model": ["omnisense"], "messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "omnisense", "user": "\\ud800", "messages": [{"role": "user", "content": "\\ud800"}], "n": 2}',
        b'{"model": "omnisense", "omnisense": [], "messages": [{"role": "user", "content": "x"}]}',
    ],
)
def test_malformed_bodies_are_errors_of_the_client(service, body):
    headers = {"Content-Type": "application/json"}
    assert refused(httpx.post(f"{service.url}/v1/chat/completions", content=body, headers=headers, timeout=60))


@pytest.mark.slow
def test_a_long_conversation_without_a_thread_costs_no_more_than_what_is_read(service):
    turns = [{"role": role, "content": "I am tired."} for _ in range(20_000) for role in ("user", "assistant")]
    began = time.monotonic()
    answer = ask(service, messages=[*turns, {"role": "user", "content": "Hello."}])
    assert answer.status_code == 200
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b/c", "a?b#c%", "'; DROP TABLE omnisense_turns; --", "<b>é</b>"]
)
def test_a_thread_may_have_any_name(service, name):
    from urllib.parse import quote

    assert ask(service, thread=name).status_code == 200
    place = f"{service.url}/v1/threads/{quote(name, safe='')}"
    assert httpx.get(place).json()["thread_id"] == name
    assert httpx.get(f"{place}/export").json()["thread_id"] == name
    assert httpx.delete(place).status_code == 204
    assert httpx.get(place).status_code == 404


@pytest.mark.parametrize("name", ["", "x" * 10_000, "a\0b", "a\nb", "ana\x1fdiary", 7, ["ana"], {"a": 1}])
def test_what_cannot_name_a_thread_is_refused(service, name):
    assert refused(ask(service, thread=name), 400)


def test_no_name_reaches_the_thread_of_another(start):
    keys = {"ana": hash_key(ANA), "ben": hash_key(BEN)}
    with start(scripted_agent(policy=ScriptedPolicy([GOOD])), api_keys=keys) as service:
        assert ask(service, thread="diary", content="My secret is X.", key=ANA).status_code == 200
        for name in ("ana\x1fdiary", "\x1fana\x1fdiary", "../ana\x1fdiary", "diary"):
            answer = ask(service, thread=name, content="What did I say?", key=BEN)
            assert "secret" not in answer.text
        headers = {"Authorization": f"Bearer {BEN}"}
        for name in ("ana%1fdiary", "diary"):
            kept = httpx.get(f"{service.url}/v1/threads/{name}", headers=headers)
            assert "secret" not in kept.text
            assert httpx.delete(f"{service.url}/v1/threads/{name}", headers=headers).status_code in (204, 404)
        mine = httpx.get(f"{service.url}/v1/threads", headers={"Authorization": f"Bearer {ANA}"}).json()["data"]
        assert [(thread["thread_id"], thread["turns"]) for thread in mine] == [("diary", 1)]


@pytest.mark.parametrize("header", ["Origin: http://[", "Origin: null", "Origin: \xff", "Host: [", "Host: a:b:c"])
def test_headers_that_are_no_addresses_are_refused(service, header):
    host, _, port = service.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        own = "" if header.startswith("Host") else f"Host: {host}\r\n"
        client.sendall(f"GET /v1/models HTTP/1.1\r\n{own}{header}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        assert client.recv(4096).split()[1] in (b"403", b"400")


def test_methods_of_a_clients_own_fill_no_memory(service):
    host, _, port = service.url.removeprefix("http://").partition(":")
    for number in range(20):
        with socket.create_connection((host, int(port))) as client:
            client.sendall(f"GET{number:03} / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            while client.recv(4096):
                pass
    assert not [line for line in httpx.get(f"{service.url}/metrics").text.splitlines() if "GET0" in line]


# --- media --------------------------------------------------------------------------------------------------


@pytest.fixture
def listener():
    """An address of this machine, and who connected to it."""
    met = []
    server = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            try:
                met.append(server.accept())
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield f"127.0.0.1:{server.getsockname()[1]}", met
    server.close()


PLAYLISTS = [
    "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://{0}/a.ts\n#EXT-X-ENDLIST\n",
    "ffconcat version 1.0\nfile 'http://{0}/a.mp4'\n",
    "file http://{0}/a.mp4\n",
    "v=0\no=- 0 0 IN IP4 {1}\ns=x\nc=IN IP4 {1}\nt=0 0\nm=audio {2} RTP/AVP 0\n",
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><BaseURL>http://{0}/</BaseURL></MPD>',
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="http://{0}/a.png" width="9"/></svg>',
    "RTSP://{0}/a.sdp\n",
    "http://{0}/a.mp4",
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["image_url", "video_url", "audio_url", "input_audio", "upload"])
def test_nothing_that_is_sent_makes_the_server_connect(service, listener, kind):
    place, met = listener
    host, _, port = place.partition(":")
    bodies = [text.format(place, host, port).encode() for text in PLAYLISTS]
    for body in bodies:
        if kind == "upload":
            answer = httpx.post(f"{service.url}/v1/clips?name=a.m3u8", content=body, timeout=60)
        elif kind == "input_audio":
            data = {"data": base64.b64encode(body).decode(), "format": "m3u8"}
            answer = ask(service, content=[{"type": kind, "input_audio": data}])
        else:
            url = f"data:application/x-mpegurl;base64,{base64.b64encode(body).decode()}"
            answer = ask(service, content=[{"type": kind, kind: {"url": url}}])
        assert refused(answer)
    if kind.endswith("_url"):
        for url in (f"http://{place}/a", f"HTTP://{place}/a", f" http://{place}/a", f"//{place}/a", f"tcp://{place}"):
            assert refused(ask(service, content=[{"type": kind, kind: {"url": url}}]), 400)
    assert met == []


@pytest.mark.parametrize(
    "address", ["64:ff9b::7f00:1", "64:ff9b::a00:7", "2002:7f00:1::", "2002:a00:7::1", "::7f00:1", "::ffff:0:7f00:1"]
)
def test_private_addresses_inside_public_ones_are_never_fetched(address):
    with pytest.raises(ServiceError, match="private"):
        remote_media.fetch(f"http://[{address}]/a.mp4", 1000)


def bomb_png(width, height):
    """A picture of one colour, as small as it can be."""
    import struct

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + width * 3)
    pixels = b"".join(packer.compress(row) for _ in range(min(height, 2000))) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.slow
def test_pictures_of_gigabytes_are_refused_by_their_header(service):
    for width, height in ((60_000, 60_000), (2**31 - 1, 2**31 - 1), (1, 50_000_000), (40_000, 1_000)):
        data = bomb_png(min(width, 40_000), 10) if width > 40_000 else bomb_png(width, min(height, 2_000))
        data = data[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + data[24:]
        data = data[:29] + zlib.crc32(data[12:29]).to_bytes(4, "big") + data[33:]
        url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        began = time.monotonic()
        assert refused(ask(service, content=[{"type": "image_url", "image_url": {"url": url}}]), 400, 413)
        assert refused(httpx.post(f"{service.url}/v1/clips", content=data, timeout=60), 400, 413)
        assert time.monotonic() - began < 10


@pytest.mark.slow
def test_archives_are_no_clips(service):
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.mp4", bytes(50_000_000))
    for data in (packed.getvalue(), gzip.compress(bytes(50_000_000))):
        assert refused(httpx.post(f"{service.url}/v1/clips?name=a.mp4", content=data, timeout=60), 400)
        headers = {"Content-Encoding": "gzip"}
        assert refused(httpx.post(f"{service.url}/v1/clips", content=data, headers=headers, timeout=60), 400)
    assert httpx.get(f"{service.url}/v1/clips").json()["data"] == []


def test_large_data_urls_are_refused_before_they_are_read(service):
    host, _, port = service.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: 134000000\r\n\r\n"
        client.sendall(f'{head}{{"model": "omnisense", "messages": [{{"role": "user", "content": [{{'.encode())
        client.settimeout(20)
        assert client.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_data_urls_that_grow_when_they_are_read_are_refused(service):
    url = "data:video/mp4," + "%41" * 100_000
    answer = ask(service, content=[{"type": "video_url", "video_url": {"url": url}}])
    assert refused(answer, 400)
    assert answer.json()["error"]["code"] == "media_url"


@pytest.mark.slow
def test_uploads_do_not_fill_the_disk(start, make_media, tmp_path):
    clip = make_media("a.mp4", audio_s=None, video_s=0.5).read_bytes()
    limit = len(clip) * 1.5 / 2**20
    with start(visual_only(), uploads=tmp_path / "uploads", max_uploads_mb=limit) as service:
        sent = [httpx.post(f"{service.url}/v1/clips", content=clip, timeout=60) for _ in range(3)]
        assert [answer.status_code for answer in sent] == [201, 201, 413]
        assert sent[-1].json()["error"]["code"] == "uploads_full"
        assert httpx.delete(f"{service.url}/v1/clips/{sent[0].json()['id']}").status_code == 204
        assert httpx.post(f"{service.url}/v1/clips", content=clip, timeout=60).status_code == 201


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["../../../etc/cron.d/x", "..\\..\\x", "/etc/passwd", "a\0b.mp4", "\ud800", "<img src=x>"]
)
def test_names_of_uploads_are_never_paths(start, make_media, tmp_path, name):
    from urllib.parse import quote

    clip = make_media("a.mp4", audio_s=None, video_s=0.5).read_bytes()
    uploads = tmp_path / "uploads"
    with start(visual_only(), uploads=uploads) as service:
        place = f"{service.url}/v1/clips?name={quote(name, errors='surrogatepass')}"
        answer = httpx.post(place, content=clip, headers={"Content-Type": "text/html"}, timeout=60)
        assert answer.status_code == 201
        assert "/" not in answer.json()["name"]
        assert "\\" not in answer.json()["name"]
        [kept] = uploads.glob("*/*")
        content = httpx.get(f"{service.url}/v1/clips/{kept.name}/content")
        assert content.headers["content-type"] == "video/mp4"
        assert content.headers["x-content-type-options"] == "nosniff"
        until_true(lambda: httpx.get(f"{service.url}/v1/clips/{kept.name}").json()["status"] != "perceiving")
        assert {path.name for path in kept.iterdir()} <= {"media", "clip.json", "percepts.json"}
        assert refused(httpx.post(f"{service.url}/v1/clips?name={'x' * 10_000}", content=clip), 400)


# --- live conversations ---------------------------------------------------------------------------------------


def handshake(service):
    """A WebSocket whose frames are written by hand."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    client = socket.create_connection((host, int(port)))
    client.sendall(
        f"GET /v1/realtime HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
    )
    client.settimeout(20)
    client.recv(65_536)
    return client


def frame(first, data):
    """A frame of a client, masked with zeros."""
    size = len(data)
    if size < 126:
        head = bytes([size | 0x80])
    else:
        head = b"\xfe" + size.to_bytes(2, "big") if size < 65_536 else b"\xff" + size.to_bytes(8, "big")
    return bytes([first]) + head + bytes(4) + data


def packed(size):
    """Zeros as a compressed message."""
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(bytes(size)) + packer.flush(zlib.Z_SYNC_FLUSH)[:-4]


def live(service):
    return service.server.app.state.service.live


@pytest.mark.parametrize(
    "sent",
    [
        b"\0\xff" * 500,
        b"GET / HTTP/1.1\r\n\r\n",
        frame(0x81, b"\xff\xfe\xfd"),  # text that is no UTF-8
        frame(0x80, b"x"),  # a continuation of nothing
        frame(0xF1, b"x"),  # reserved bits
        frame(0x8B, b"x"),  # an unknown opcode
        b"\x81\xff" + (2**63).to_bytes(8, "big"),  # a length that cannot be
        b"\x81\x05hello",  # without a mask
        frame(0xC1, packed(100_000_000)),  # 100 kB that become 100 MB
        frame(0x89, b"x" * 126),  # a ping that is too long
        b"",
    ],
)
@pytest.mark.parametrize("half_closed", [False, True])
def test_broken_frames_end_their_connection_only(service, sent, half_closed):
    with handshake(service) as client:
        client.sendall(sent)
        if half_closed or not sent:
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while client.recv(65_536):
                pass
    until_true(lambda: not live(service))
    with connect(service) as connection:
        assert connection.recv().type == "session.created"
    until_true(lambda: not live(service))


@pytest.mark.slow
def test_ten_thousand_tiny_frames_are_answered(service):
    with connect(service) as connection:
        connection.recv()
        received = []

        def receive():
            while len(received) < 10_000:
                received.append(connection._connection.recv())

        receiving = threading.Thread(target=receive)
        receiving.start()
        for _ in range(10_000):
            connection._connection.send("{}")
        receiving.join(60)
        assert len(received) == 10_000
        assert {json.loads(text)["type"] for text in received} == {"error"}
    until_true(lambda: not live(service))


@pytest.fixture(scope="module")
def talking(perception):
    with running(scripted_agent(perception=perception)) as found:
        yield found


@pytest.mark.slow
@pytest.mark.models
def test_texts_that_are_never_answered_fill_no_memory(talking):
    with connect(talking) as connection:
        connection.recv()
        connection.session.update(session=TEXT_ONLY)
        connection.recv()
        told = []
        for _ in range(12):
            content = [{"type": "input_text", "text": "x" * 10_000}]
            connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
            told.append(connection.recv().type)
            if told[-1] != "error":
                connection.recv()
        assert told == ["conversation.item.added"] * 10 + ["error"] * 2
        connection.response.create()
        until(connection, "response.done")


@pytest.mark.parametrize("thread", ["x" * 10_000, "a\0b", "", 7, "\ud800"])
def test_what_cannot_name_a_thread_is_refused_live(service, thread):
    with connect(service) as connection:
        connection.recv()
        session = TEXT_ONLY | {"omnisense": {"thread_id": thread}}
        connection._connection.send(json.dumps({"type": "session.update", "session": session}))
        assert connection.recv().type == "error"
    until_true(lambda: not live(service))


@pytest.mark.slow
@pytest.mark.models
def test_events_in_any_order_end_no_conversation(talking):
    silence = base64.b64encode(np.zeros(2400, "<i2").tobytes()).decode()
    kinds = [
        {"type": "response.create"},
        {"type": "response.cancel"},
        {"type": "input_audio_buffer.commit"},
        {"type": "input_audio_buffer.clear"},
        {"type": "input_audio_buffer.append", "audio": silence},
        {"type": "input_audio_buffer.append", "audio": ""},
        {"type": "input_audio_buffer.append", "audio": "AA=="},
        {"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": 10**30},
        {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["audio"]}},
    ]
    with connect(talking) as connection:
        connection.recv()
        connection.session.update(session=TEXT_ONLY)
        connection.recv()
        for number in range(60):
            connection._connection.send(json.dumps(kinds[(number * 7 + number // 9) % len(kinds)]))
        content = [{"type": "input_text", "text": "Hello."}]
        connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        connection.response.create()
        events = until(connection, "omnisense.turn_recorded")
        assert not [event for event in events if event.type == "error" and event.error.code == "internal_error"]
