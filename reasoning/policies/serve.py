"""A policy behind OpenAI's chat API on this machine, for tests and benchmarks of served models.

It answers ``POST /v1/chat/completions``, streamed or whole, with text, images and audio in the messages, ``tools``, and
``response_format`` as far as the policy enforces a schema. It is no server for production: requests are not
authenticated, and each runs alone.
"""

from __future__ import annotations

import base64
import contextlib
import json
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from omnisense.errors import InputError, OmniSenseError
from omnisense.reasoning.policies.base import OnToken, Policy
from omnisense.reasoning.policies.messages import Messages, Part, text_of
from omnisense.reasoning.policies.tool_calls import ToolReply, call_tools

_CountTokens = Callable[[str], int]


@dataclass
class PolicyServer:
    """A policy that is being served.

    Attributes:
        url: for OpenAI's client: ``ChatOpenAI(base_url=server.url, api_key="none", model="policy")``.
        requests: the body of each request, in order.
        usage: the tokens of each answered request: ``prompt_tokens`` and ``completion_tokens``.
    """

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    usage: list[dict[str, int]] = field(default_factory=list)


@contextlib.contextmanager
def serve_policy(policy: Policy, port: int = 0) -> Iterator[PolicyServer]:
    """Serve a policy while the context is open.

    Args:
        policy: any. Tokens are counted by its tokenizer if it has one, else words are.
        port: on 127.0.0.1; 0 for a free one.
    """
    with tempfile.TemporaryDirectory() as folder:
        handler = type("Handler", (_Handler,), {"policy": policy, "folder": Path(folder), "lock": threading.Lock()})
        http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        http.daemon_threads = True
        handler.server_state = PolicyServer(f"http://127.0.0.1:{http.server_address[1]}/v1")  # type: ignore[attr-defined]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield handler.server_state  # type: ignore[attr-defined]
        finally:
            http.shutdown()
            http.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    policy: Policy
    folder: Path
    lock: threading.Lock
    server_state: PolicyServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": self.policy.name, "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server_state.requests.append(body)
        if not self.path.endswith("/chat/completions"):
            self._send(404, {"error": {"message": f"no such path: {self.path}"}})
            return
        try:
            with self.lock:
                self._answer(body)
        except OmniSenseError as error:
            self._send(400, {"error": {"message": str(error), "type": "invalid_request_error"}})
        except ConnectionError:
            self.close_connection = True  # the client has gone

    def _answer(self, body: dict[str, Any]) -> None:
        prompt = [_message_of(given, self.folder) for given in body["messages"]]
        if not body.get("stream"):
            reply = _reply(self.policy, prompt, body, None)
            usage = self._count(prompt, reply)
            choice = {"index": 0, "message": _as_message(reply), "finish_reason": _finish(reply)}
            self._send(200, {**_head(self.policy, "chat.completion"), "choices": [choice], "usage": usage})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        head = _head(self.policy, "chat.completion.chunk")
        written: list[str] = []

        def send(delta: dict[str, Any], finish: str | None = None) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            self._event({**head, "choices": [choice]})

        def on_token(text: str) -> None:
            written.append(text)
            send({"content": text})

        send({"role": "assistant", "content": ""})
        reply = _reply(self.policy, prompt, body, None if body.get("tools") else on_token)
        last = _as_message(reply)
        last["content"] = reply.text[len("".join(written)) :]  # what a policy that does not stream wrote
        if "tool_calls" in last:
            last["tool_calls"] = [{"index": i, **call} for i, call in enumerate(last["tool_calls"])]
        send(last, _finish(reply))
        usage = self._count(prompt, reply)
        if (body.get("stream_options") or {}).get("include_usage"):
            self._event({**head, "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _count(self, prompt: Messages, reply: ToolReply) -> dict[str, int]:
        count = _counter(self.policy)
        counts = sum(count(text_of(m)) for m in prompt), count(reply.text)
        usage = {"prompt_tokens": counts[0], "completion_tokens": counts[1], "total_tokens": sum(counts)}
        self.server_state.usage.append(usage)
        return usage

    def _event(self, value: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
        self.wfile.flush()

    def _send(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no access log: it would mix with the program's own output."""


def _reply(policy: Policy, prompt: Messages, body: dict[str, Any], on_token: OnToken | None) -> ToolReply:
    limit = int(body.get("max_completion_tokens") or body.get("max_tokens") or 256)
    if body.get("tools"):
        return call_tools(policy, prompt, [_tool_of(given) for given in body["tools"]], max_new_tokens=limit)
    stop = body.get("stop") or []
    wanted = body.get("response_format") or {}
    [text] = policy.write(
        [prompt],
        max_new_tokens=limit,
        temperature=float(body.get("temperature") or 0),
        stop=[stop] if isinstance(stop, str) else stop,
        seed=int(body.get("seed") or 0),
        on_token=on_token,
        schema=wanted["json_schema"]["schema"] if wanted.get("type") == "json_schema" else None,
    )
    return ToolReply(text)


def _tool_of(given: dict[str, Any]) -> Any:
    from langchain_core.tools import StructuredTool

    function = given["function"]
    return StructuredTool(
        name=function["name"],
        description=function.get("description", ""),
        args_schema=function.get("parameters") or {"type": "object", "properties": {}},
    )


def _message_of(given: dict[str, Any], folder: Path) -> Any:
    role = given["role"] if given["role"] in ("system", "assistant") else "user"  # a tool's result too
    content = given.get("content") or ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    parts = [_part_of(part, folder) for part in parts]
    parts += [{"type": "text", "text": json.dumps(call["function"])} for call in given.get("tool_calls") or ()]
    return {"role": role, "content": parts}


def _part_of(part: dict[str, Any], folder: Path) -> Part:
    if part["type"] == "text":
        return {"type": "text", "text": part["text"]}
    if part["type"] == "image_url" and part["image_url"]["url"].startswith("data:"):
        head, _, data = part["image_url"]["url"].partition(",")
        path = _save(folder, data, head.partition(";")[0].rpartition("/")[2])
        return {"type": "image", "path": path}
    if part["type"] == "input_audio":
        return {"type": "audio", "path": _save(folder, part["input_audio"]["data"], part["input_audio"]["format"])}
    raise InputError(f"a part of type '{part['type']}' is not accepted", "Send text, image_url with data, input_audio.")


def _save(folder: Path, data: str, ending: str) -> str:
    path = folder / f"{uuid.uuid4().hex}.{ending}"
    path.write_bytes(base64.b64decode(data))
    return str(path)


def _head(policy: Policy, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": policy.name}


def _as_message(reply: ToolReply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{uuid.uuid4().hex[:12]}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in reply.calls
        ]
    return message


def _finish(reply: ToolReply) -> str:
    return "tool_calls" if reply.calls else "stop"


def _counter(policy: Any) -> _CountTokens:
    if not hasattr(policy, "load"):
        return lambda text: len(text.split())
    tokenizer = policy.load()[1].tokenizer
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])
