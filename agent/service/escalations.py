"""Safety escalations: told to the operator by a webhook or a log, without the person's words."""

from __future__ import annotations

import http.client
import json
import logging
import os
import threading
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omnisense.agent.service.metrics import Metrics
from omnisense.errors import InputError
from omnisense.reasoning.loop.appraisal import SafetyFinding

_TRIES, _PAUSE_S, _TIMEOUT_S = 3, 2.0, 10.0
_log = logging.getLogger(__name__)


class _RefuseRedirects(urllib.request.HTTPRedirectHandler):
    """Makes a redirection an error: it would be followed with GET, without the event."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_RefuseRedirects)


class Escalations:
    """Tells the operator of each turn that calls for a person.

    What is told: the time, the owner of the key, the thread, the category of the risk, its grade, and whom and when it
    is about. Who needs the words reads the thread.

    Args:
        webhook: URL that is sent them as JSON, three times at most. A redirection counts as a failure.
        log: file to which they are appended, readable by its owner only.
        metrics: that count them.

    Raises:
        InputError: the log cannot be written, or the webhook is no http(s) URL.
    """

    def __init__(self, webhook: str | None, log: Path | None, metrics: Metrics) -> None:
        if webhook and not webhook.startswith(("http://", "https://")):
            raise InputError(f"the webhook {webhook!r} is not a URL", "Give one that begins with https://.")
        self._webhook, self._path, self._metrics = webhook, log, metrics
        self._guard = threading.Lock()
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="webhook")
        if log:
            self._append("")

    def report(self, owner: str, thread_id: str | None, finding: SafetyFinding) -> None:
        """Tell the operator of a finding that escalates; others are left alone."""
        if not finding.escalate:
            return
        self._metrics.escalations.labels(category=finding.category or "other").inc()
        event = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "owner": owner,
            "thread_id": thread_id,
            "category": finding.category,
            "grade": finding.grade,
            "about": finding.about,
            "when": finding.when,
        }
        _log.warning("a turn calls for a person: %s (%s)", finding.category, finding.grade)
        if self._path:
            try:
                self._append(json.dumps(event) + "\n")
            except InputError:
                self._metrics.escalations_failed.inc()
                _log.exception("an escalation could not be written to the log")
        if self._webhook:
            self._sender.submit(self._send, self._webhook, event)

    def close(self) -> None:
        """Wait until what was reported is sent."""
        self._sender.shutdown(wait=True)

    def _append(self, line: str) -> None:
        assert self._path is not None
        try:
            with (
                self._guard,
                open(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file,
            ):
                file.write(line)
        except OSError as error:
            raise InputError(
                f"the log of escalations cannot be written ({error.strerror})", "Name another file.", self._path
            ) from error

    def _send(self, url: str, event: Mapping[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        for attempt in range(_TRIES):
            try:
                request = urllib.request.Request(url, json.dumps(event).encode(), headers)
                with _opener.open(request, timeout=_TIMEOUT_S):
                    return
            except (OSError, http.client.HTTPException, ValueError) as error:  # the others: no HTTP, no URL
                _log.error("the webhook for escalations failed (%s), try %d of %d", error, attempt + 1, _TRIES)
                if attempt + 1 < _TRIES:
                    time.sleep(_PAUSE_S * 2**attempt)
        self._metrics.escalations_failed.inc()
