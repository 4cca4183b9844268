"""Requests to a LangChain chat model: concurrency, retries, schemas, tools, and a time limit.

Batching, concurrency limits and retries are LangChain's. What a service refuses (a schema, log-probabilities) is left
out, once, and a warning says so.
"""

from __future__ import annotations

import contextvars
import json
import logging
import math
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from omnisense.errors import PolicyError, first_line
from omnisense.reasoning.policies.base import OnToken

_log = logging.getLogger(__name__)
_ALTERNATIVES = 20  # per token, where log-probabilities are asked for: the most that OpenAI's API allows
_SCHEMA, _LIST_SCHEMA = "a schema", "the schema of a list"  # OpenAI's own service takes objects only
_REFUSALS = (400, 422, 501)  # HTTP: bad request, unprocessable, not implemented


class RefusedError(PolicyError):
    """The service refuses requests of this form."""


class ChatRequests:
    """Sends requests to a chat model.

    Args:
        model: a LangChain ``BaseChatModel``.
        name: for messages.
        max_concurrency: upper bound for concurrent requests.
        attempts: how often a failing request is tried that has no time limit and is not streamed.
    """

    def __init__(self, model: Any, name: str, max_concurrency: int, attempts: int) -> None:
        self._model, self._name, self._attempts = model, name, attempts
        self._max_concurrency = max_concurrency
        self._fields = getattr(type(model), "model_fields", {})
        self._accepted: set[str] = set()
        self._refused: set[str] = set()

    def send(
        self,
        inputs: Sequence[Any],
        settings: Mapping[str, Any],
        *,
        schema: Mapping[str, Any] | None = None,
        logprobs: bool = False,
        tools: Sequence[Any] = (),
        on_token: OnToken | None = None,
        max_seconds: float | None = None,
    ) -> list[Any]:
        """Return one AI message for each conversation.

        Args:
            inputs: one conversation each.
            settings: of the model; those that it has no field for are left out, except ``stop``.
            schema: a JSON schema for the replies.
            logprobs: whether to ask for log-probabilities, which are then in ``response_metadata``.
            tools: LangChain tools that the model may call.
            on_token: receives the first reply piece by piece, in the caller's thread.
            max_seconds: what is written by then is returned. The requests go on in the background until the service
                sends its next piece.

        Raises:
            RefusedError: the service refuses the request.
            PolicyError: the service failed.
            NotImplementedError: the model takes no tools.
        """
        of_schema = "" if schema is None else _schema_kind(schema)
        wanted = {name for name, is_wanted in (("log-probabilities", logprobs), (of_schema, schema)) if is_wanted}
        wanted -= self._refused
        dropped: set[str] = set()
        while True:
            runnable = self._runnable(settings, schema, wanted, tools)
            try:
                if on_token or max_seconds is not None:
                    replies = self._stream(runnable, inputs, on_token, max_seconds)
                else:
                    replies = self._batch(runnable, inputs, is_new=not wanted <= self._accepted)
                break
            except Exception as error:  # each service raises its own types
                is_refusal = _is_refusal(error)
                if not (wanted and is_refusal):
                    kind = RefusedError if is_refusal else PolicyError
                    raise kind(
                        f"{self._name} failed ({first_line(error)})",
                        "Check the service, its address and key, and run the turn again.",
                    ) from error
            dropped.add(min(wanted, key=("log-probabilities", of_schema).index))
            wanted -= dropped
        for feature in dropped:
            _log.warning("%s refuses requests with %s; from now on they are sent without", self._name, feature)
        self._refused |= dropped
        self._accepted |= wanted
        return replies

    def _runnable(
        self, settings: Mapping[str, Any], schema: Mapping[str, Any] | None, wanted: set[str], tools: Sequence[Any]
    ) -> Any:
        known = {key: value for key, value in settings.items() if key in self._fields or key == "stop"}
        if "log-probabilities" in wanted and {"logprobs", "top_logprobs"} <= self._fields.keys():
            known |= {"logprobs": True, "top_logprobs": _ALTERNATIVES}
        if tools:
            return self._model.bind_tools(list(tools), **known)
        if schema is None or _schema_kind(schema) not in wanted:
            return self._model.bind(**known)
        if "extra_body" in self._fields:  # OpenAI's API. The setting of the same name raises where a reply is cut off.
            named = {"name": str(schema.get("title", "reply")), "schema": dict(schema)}
            body = {"response_format": {"type": "json_schema", "json_schema": named}}
            return self._model.bind(**known, extra_body={**(self._model.extra_body or {}), **body})
        if "format" in self._fields:  # Ollama
            return self._model.bind(**known, format=dict(schema))
        if _schema_kind(schema) == _LIST_SCHEMA:  # LangChain knows structured output as objects only
            return self._model.bind(**known)
        return _structured(self._model, known, schema)

    def _batch(self, runnable: Any, inputs: Sequence[Any], is_new: bool) -> list[Any]:
        began = time.perf_counter()
        config = {"max_concurrency": self._max_concurrency}
        replies: list[Any] | None = None
        if is_new:  # a request of a form that the service may refuse: it need not refuse it several times
            try:
                replies = runnable.batch(list(inputs), config=config)
            except Exception as error:
                if _is_refusal(error):
                    raise
        if replies is None:
            replies = runnable.with_retry(stop_after_attempt=self._attempts).batch(list(inputs), config=config)
        _log.debug("%s: %d requests, %.2f s", self._name, len(inputs), time.perf_counter() - began)
        return replies

    def _stream(
        self, runnable: Any, inputs: Sequence[Any], on_token: OnToken | None, max_seconds: float | None
    ) -> list[Any]:
        from langchain_core.messages import AIMessage

        deadline = math.inf if max_seconds is None else time.perf_counter() + max_seconds
        replies: list[Any] = [None] * len(inputs)
        pieces = _Pieces(runnable, inputs, self._max_concurrency)
        while (item := pieces.next(deadline)) is not None:
            i, piece = item
            replies[i] = piece if replies[i] is None else replies[i] + piece
            if on_token and i == 0 and piece.text:
                on_token(piece.text)
        if pieces.open:
            _log.warning("%s: the time is up after %g s, %d replies are cut off", self._name, max_seconds, pieces.open)
        return [AIMessage("") if reply is None else reply for reply in replies]


class _Pieces:
    """The pieces of several streamed replies, read in the background so that waiting for one can end."""

    def __init__(self, runnable: Any, inputs: Sequence[Any], limit: int) -> None:
        self._runnable, self._gate, self._over = runnable, threading.Semaphore(limit), threading.Event()
        self._queue: queue.Queue[tuple[int, Any]] = queue.Queue()
        self.open = len(inputs)
        for i, prompt in enumerate(inputs):
            context = contextvars.copy_context()  # LangChain finds the callbacks of a turn there
            threading.Thread(target=context.run, args=(self._read, i, prompt), daemon=True).start()

    def next(self, deadline: float) -> tuple[int, Any] | None:
        """Return the next piece with the reply it belongs to; None at the end, or when the time is up."""
        while self.open:
            left = deadline - time.perf_counter()
            try:
                i, piece = self._queue.get(timeout=None if left == math.inf else max(left, 0))
            except queue.Empty:
                break
            if isinstance(piece, BaseException):
                self._over.set()
                raise piece
            if piece is not None:
                return i, piece
            self.open -= 1
        self._over.set()
        return None

    def _read(self, i: int, prompt: Any) -> None:
        with self._gate:
            if self._over.is_set():
                return
            try:
                for piece in self._runnable.stream(prompt):
                    self._queue.put((i, piece))
                    if self._over.is_set():
                        return  # which closes the connection, and so ends the work of the service
                self._queue.put((i, None))
            except Exception as error:  # raised in the caller's thread
                self._queue.put((i, error))


def _schema_kind(schema: Mapping[str, Any]) -> str:
    return _SCHEMA if schema.get("type", "object") == "object" else _LIST_SCHEMA


def _structured(model: Any, settings: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Return a model that writes JSON by LangChain's own means; without such, the model itself."""
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import RunnableLambda

    try:
        title = {"title": "Reply", "description": "The reply."}  # LangChain needs both
        structured = model.model_copy(update=dict(settings)).with_structured_output(
            {**title, **schema}, include_raw=True
        )
    except NotImplementedError:
        return model.bind(**settings)

    def to_message(answer: Any) -> AIMessage:
        if answer["parsed"] is None:
            return AIMessage(answer["raw"].text)
        return AIMessage(json.dumps(answer["parsed"], ensure_ascii=False))

    return structured | RunnableLambda(to_message)


def _is_refusal(error: BaseException) -> bool:
    response = getattr(error, "response", None)
    return getattr(error, "status_code", getattr(response, "status_code", None)) in _REFUSALS
