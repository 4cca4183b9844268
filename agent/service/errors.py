"""Errors of the service, in OpenAI's form: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from omnisense.errors import ConflictError, InputError, MediaError, OmniSenseError, StorageError
from omnisense.text import shorten

_log = logging.getLogger(__name__)
_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class ServiceError(HTTPException):
    """A request that cannot be answered.

    Args:
        status: HTTP status code.
        message: what is wrong and what to do about it.
        code: for programs, such as ``model_not_found``.
        param: the field of the request that is wrong.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.code, self.param = code, param

    def __str__(self) -> str:
        return self.detail

    def body(self) -> dict[str, Any]:
        """Return the error in OpenAI's form."""
        kind = _KINDS.get(self.status_code, "invalid_request_error" if self.status_code < 500 else "server_error")
        return {"error": {"message": self.detail, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """Return the answer to the request."""
        return JSONResponse(self.body(), self.status_code, self.headers)


def service_error(error: OmniSenseError) -> ServiceError:
    """Return what a client is told of an error, without paths of this machine."""
    message = f"{error.problem}. {error.remedy}"
    if isinstance(error, MediaError):
        return ServiceError(400, message, "media_error")
    if isinstance(error, InputError):
        return ServiceError(400, message, "input_error")
    if isinstance(error, ConflictError):
        return ServiceError(409, message, "conflict")
    if isinstance(error, StorageError):
        return ServiceError(503, message, "storage_error", headers={"Retry-After": "5"})
    return ServiceError(503, message, "model_error", headers={"Retry-After": "5"})


def add_error_handlers(app: FastAPI) -> None:
    """Answer all errors of the app in OpenAI's form."""

    @app.exception_handler(ServiceError)
    async def known(_: Request, error: ServiceError) -> JSONResponse:
        return error.response()

    @app.exception_handler(OmniSenseError)
    async def ours(_: Request, error: OmniSenseError) -> JSONResponse:
        answer = service_error(error)
        if answer.status_code >= 500:
            _log.warning("a request failed: %s", error)
        return answer.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return invalid_request(error.errors()).response()

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        message = f"{request.method} {request.url.path}: {error.detail}"
        return ServiceError(error.status_code, message, headers=error.headers).response()

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> JSONResponse:
        _log.error("a request failed: this is a bug in OmniSense", exc_info=error)
        return ServiceError(500, "an internal error; the server's log has its traceback", "internal_error").response()


def invalid_request(errors: Any) -> ServiceError:
    """Return the error for the first of pydantic's findings, without the values that were sent."""
    first = errors[0]
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    param = ".".join(place) or None
    return ServiceError(400, shorten(f"{param or 'the body'}: {first['msg']}", 300), "invalid_value", param)
