"""A local model behind an OpenAI-compatible server in this process, and a chat policy that asks it.

The server does what small services do: it takes text, ``max_tokens``, ``temperature`` and ``stop``, streams in one
piece, and ignores schemas and tools.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from omnisense.errors import OmniSenseError
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages, message


@contextmanager
def served_policy(policy: Policy) -> Iterator[Policy]:
    """Serve a policy on a free port of this machine; give a chat policy that asks it.

    Raises:
        InputError: langchain-openai is not installed.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(policy))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield _chat_policy(f"http://127.0.0.1:{server.server_address[1]}/v1", policy.name)
    finally:
        server.shutdown()
        server.server_close()


def _chat_policy(address: str, name: str) -> Policy:
    from omnisense.errors import InputError
    from omnisense.reasoning.policies.chat_model import ChatModelPolicy

    try:
        from langchain_openai import ChatOpenAI
    except ImportError as error:
        raise InputError("langchain-openai is not installed", "Run `pip install 'omnisense[openai]'`.") from error
    model = ChatOpenAI(model=name, base_url=address, api_key="none", temperature=0)  # type: ignore[arg-type]
    return ChatModelPolicy(model, max_concurrency=1)


def _handler(policy: Policy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                reply = _write(policy, request)
            except OmniSenseError as error:
                self._send(400, json.dumps({"error": {"message": str(error)}}), "application/json")
                return
            if request.get("stream"):
                chunks = [_chunk(policy.name, reply, None), _chunk(policy.name, "", "stop")]
                events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
                self._send(200, f"{events}data: [DONE]\n\n", "text/event-stream")
            else:
                self._send(200, json.dumps(_completion(policy.name, reply)), "application/json")

        def _send(self, status: int, body: str, kind: str) -> None:
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Log nothing: requests hold what a person said."""

    return Handler


def _write(policy: Policy, request: dict[str, Any]) -> str:
    stop = request.get("stop") or []
    return policy.write(
        [_messages(request["messages"])],
        max_new_tokens=int(request.get("max_completion_tokens") or request.get("max_tokens") or 256),
        temperature=float(request.get("temperature") or 0),
        stop=[stop] if isinstance(stop, str) else stop,
        seed=int(request.get("seed") or 0),
    )[0]


def _messages(given: list[dict[str, Any]]) -> Messages:
    found = []
    for entry in given:
        content = entry["content"]
        text = content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
        found.append(message(entry["role"], text))
    return found


def _completion(model: str, reply: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": reply}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {"id": "1", "object": "chat.completion", "created": int(time.time()), "model": model, "choices": [choice],
            "usage": usage}  # fmt: skip


def _chunk(model: str, text: str, finish: str | None) -> dict[str, Any]:
    delta = {"role": "assistant", "content": text} if text else {}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion.chunk", "created": int(time.time()), "model": model,
            "choices": [choice]}  # fmt: skip
