"""Chat models over HTTP: OpenAI's client, a real server around a policy, and what a request holds."""

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from langchain_core.tools import tool

from omnisense import PolicyError, ScriptedPolicy
from omnisense.reasoning.policies.chat_model import ChatModelPolicy
from omnisense.reasoning.policies.messages import message, text_of
from omnisense.reasoning.policies.serve import serve_policy
from omnisense.reasoning.policies.tool_calls import ToolCall, call_tools, result_messages
from tests.conftest import DEMO

openai = pytest.importorskip("langchain_openai", reason="the extra 'openai' is not installed")

HI = [message("user", "Hi there")]
SCHEMA = {"type": "object", "properties": {"mood": {"type": "string"}}, "required": ["mood"]}


@tool
def look(start_s: float) -> str:
    """Look at the picture again."""
    return "a hand"


def client(url, **settings):
    model = openai.ChatOpenAI(model="policy", base_url=url, api_key="none", max_retries=0)
    return ChatModelPolicy(model, attempts=1, **settings)


def test_replies_whole_and_streamed():
    with serve_policy(ScriptedPolicy(["one two three"])) as server:
        policy, pieces = client(server.url), []
        assert policy.write([HI, HI], max_new_tokens=7, temperature=0.5, seed=3) == ["one two three"] * 2
        assert policy.write([HI], stop=["three"], on_token=pieces.append) == ["one two "]
        assert len(pieces) == 3
        assert policy.write([HI], max_seconds=5)[0].rstrip() == "one two three"
    first, streamed = server.requests[0], server.requests[2]
    assert first["messages"] == [{"role": "user", "content": "Hi there"}]
    assert (first["max_completion_tokens"], first["temperature"], first["seed"]) == (7, 0.5, 3)
    assert streamed["stop"] == ["three"]
    assert server.usage[0] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_schemas_reach_the_server_and_choices_are_read():
    with serve_policy(ScriptedPolicy(['{"mood": "calm"}', "B. sad", "hm", "hm"])) as server:
        policy = client(server.url)
        assert policy.write([HI], schema=SCHEMA) == ['{"mood": "calm"}']
        sent = server.requests[0]["response_format"]
        assert sent["type"] == "json_schema"
        assert sent["json_schema"]["schema"] == SCHEMA
        assert policy.choose([HI], [["happy", "sad"]])[0].index == 1
        assert not policy.choose([HI], [["happy", "sad"]])[0].readable
    assert server.requests[1]["response_format"]["json_schema"]["schema"]["properties"]["option"]["enum"] == [
        "happy",
        "sad",
    ]
    [asked] = server.requests[1]["messages"]  # one message, since many templates refuse two of one role in a row
    assert asked["content"].startswith("Hi there\n\nTake one of")


def test_tools_are_called_and_their_results_go_back():
    script = ScriptedPolicy(['Wait.\n{"tool": "look", "arguments": {"start_s": 2}}', "A hand."])
    with serve_policy(script) as server:
        policy = client(server.url)
        for seconds in (None, 5):
            script._written = 0
            reply = call_tools(policy, HI, [look], max_new_tokens=20, max_seconds=seconds)
            assert (reply.text, reply.calls) == ("Wait.", (ToolCall("look", {"start_s": 2.0}),))
        [request] = server.requests[:1]
        assert request["tools"][0]["function"]["name"] == "look"
        prompt = [*HI, *result_messages(reply, ["a hand"])]
        assert call_tools(policy, prompt, [look], max_new_tokens=20).text == "A hand."
    assert "a hand" in text_of(script.calls[-1][-1])


def test_frames_and_audio_arrive_as_openai_writes_them():
    import av
    from PIL import Image

    part = {"type": "video", "path": str(DEMO), "start_s": 0.0, "end_s": 2.0}
    prompt = [{"role": "user", "content": [{"type": "text", "text": "look"}, part]}]
    script = ScriptedPolicy(["seen"])
    with serve_policy(script) as server:
        assert client(server.url, modalities={"image", "audio"}).write([prompt]) == ["seen"]
        with pytest.raises(PolicyError, match="does not accept video"):
            client(server.url).write([prompt])
    [request] = server.requests
    blocks = request["messages"][0]["content"]
    frames = [block for block in blocks if block["type"] == "image_url"]
    assert len(frames) == 8
    head, data = frames[0]["image_url"]["url"].split(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size[0] > 100
    [sound] = [block["input_audio"] for block in blocks if block["type"] == "input_audio"]
    assert sound["format"] == "wav"
    with av.open(io.BytesIO(base64.b64decode(sound["data"]))) as file:
        assert float(file.duration / av.time_base) == pytest.approx(2.0, abs=0.05)
    assert [p["type"] for p in script.calls[0][0]["content"]] == ["text", *["image"] * 8, "audio"]


class Refusing(BaseHTTPRequestHandler):
    """A service that knows neither schemas, log-probabilities nor tools, and says so."""

    seen: list = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(body)
        refused = [name for name in ("response_format", "logprobs", "tools") if body.get(name)]
        answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": '{"option":"B"}'}}]}
        data = json.dumps({"error": {"message": f"unknown: {refused}"}} if refused else answer).encode()
        self.send_response(400 if refused else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def test_what_a_service_refuses_is_left_out_from_then_on(caplog):
    http = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        policy = client(f"http://127.0.0.1:{http.server_address[1]}/v1")
        for _ in range(2):
            assert policy.choose([HI], [["happy", "sad"]])[0].index == 1
        assert len(Refusing.seen) == 4  # with both, without log-probabilities, without a schema; then at once
        assert call_tools(policy, HI, [look], max_new_tokens=20).text == '{"option":"B"}'
        assert policy.write([HI], schema=SCHEMA) == ['{"option":"B"}']
    finally:
        http.shutdown()
        http.server_close()
    assert "refuses requests with a schema" in caplog.text
    assert "takes no tools" in caplog.text
    assert len(Refusing.seen) == 7
