"""What every request passes first: Host, Origin and size of the body; and the headers that every answer has."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.metrics import Metrics
from omnisense.agent.service.settings import ServiceSettings

UPLOAD_PATH = "/v1/clips"
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_MIB = 1024 * 1024
# The page's own files and nothing else; media that the page made (blob:) and pictures in data URLs.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; worker-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
}


class Gate:
    """ASGI middleware in front of the app.

    A request with another Host than the service's own (as after DNS rebinding), or from a web page of another origin
    that is not allowed, is refused with 403; a body that is too large with 413, before it is read.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        names = {settings.host, f"[{settings.host}]", *settings.allowed_hosts}
        self._hosts = {name.lower() for name in (*names, *_LOOPBACK_NAMES)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            if refused:
                await send({"type": "websocket.close", "code": 1008, "reason": str(refused)})
            else:
                await self._app(scope, receive, send)
            return
        origin = headers.get("origin")
        sending = self._finishing(scope, send, origin if origin in self._settings.allowed_origins else None)
        if refused:
            await refused.response()(scope, receive, sending)
        elif scope["method"] == "OPTIONS" and origin in self._settings.allowed_origins:
            await sending({"type": "http.response.start", "status": 204, "headers": []})
            await sending({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, _limited(receive, self._body_limit(scope)), sending)

    def _refusal(self, scope: Scope, headers: Headers) -> ServiceError | None:
        host = headers.get("host", "")
        if _name_of(host) not in self._hosts:
            return ServiceError(403, "this host name is not served; name it with --allow-host", "host_not_allowed")
        origin = headers.get("origin")
        own = _netloc_of(origin) == host if origin else headers.get("sec-fetch-site") != "cross-site"
        if not own and origin not in self._settings.allowed_origins:
            return ServiceError(403, "pages of this origin are not allowed; see --allow-origin", "origin_not_allowed")
        length = headers.get("content-length", "0")
        if scope["type"] == "http" and (not length.isdecimal() or int(length) > self._body_limit(scope)):
            return _too_large(self._body_limit(scope))
        return None

    def _body_limit(self, scope: Scope) -> int:
        settings = self._settings
        return int((settings.max_upload_mb if scope["path"] == UPLOAD_PATH else settings.max_body_mb) * _MIB)

    def _finishing(self, scope: Scope, send: Send, allowed_origin: str | None) -> Callable[[Message], Any]:
        """Return ``send`` with our headers, which counts the request at its end."""
        began = time.perf_counter()
        status = 0

        async def finish(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if allowed_origin:
                    headers["Access-Control-Allow-Origin"] = allowed_origin
                    headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
                    headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
                    headers["Vary"] = "Origin"
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                route = getattr(scope.get("route"), "path", "other")  # never the path itself: it may hold names
                method = scope["method"] if scope["method"] in _METHODS else "other"  # a client's own would fill memory
                self._metrics.requests.labels(method, route, str(status)).inc()
                self._metrics.request_seconds.labels(route).observe(time.perf_counter() - began)

        return finish


def _limited(receive: Receive, limit: int) -> Receive:
    """Return ``receive`` that refuses a body which grows over the limit, for clients that do not tell its length."""
    received = 0

    async def receive_some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return receive_some


def _too_large(limit: int) -> ServiceError:
    return ServiceError(413, f"the body is larger than {limit / _MIB:g} MiB", "body_too_large")


def _netloc_of(origin: str) -> str:
    """Return the host and port of an Origin header; empty where it has none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _name_of(host: str) -> str:
    """Return a Host header without its port, in lower case."""
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).lower()
