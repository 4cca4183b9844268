"""Who a request is from."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request, WebSocket
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from omnisense.agent.service.errors import ServiceError
from omnisense.agent.service.service import Service

# Browsers cannot set headers of a WebSocket: OpenAI's clients for them give the key as a subprotocol.
_KEY_PROTOCOL = "openai-insecure-api-key."
_bearer = HTTPBearer(auto_error=False, description="An API key of the operator's; none is needed where none are set.")


def service_of(request: Request) -> Service:
    """Return the service that the app serves."""
    return cast("Service", request.app.state.service)


def owner_of(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    """Return the owner of the request's key, empty where no keys are set, and count the request.

    Raises:
        ServiceError: 401, the key is missing or wrong; 429, its requests of this minute are used up.
    """
    service = service_of(request)
    return _admit(service, given.credentials if given else "")


def owner_of_socket(socket: WebSocket) -> str:
    """Return the owner of a WebSocket's key; raises as :func:`owner_of`."""
    service = cast("Service", socket.app.state.service)
    scheme, _, key = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        offered = (name.strip() for name in socket.headers.get("sec-websocket-protocol", "").split(","))
        key = next((name.removeprefix(_KEY_PROTOCOL) for name in offered if name.startswith(_KEY_PROTOCOL)), "")
    return _admit(service, key.strip())


def _admit(service: Service, key: str) -> str:
    owner: str | None = ""
    if service.settings.api_keys:
        owner = service.settings.owner_of(key) if key else None
    if owner is None:
        raise ServiceError(
            401,
            "the API key is wrong" if key else "an API key is needed: send Authorization: Bearer KEY",
            "invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )
    service.rate_limit.take(owner)
    return owner
