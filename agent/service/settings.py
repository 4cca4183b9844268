"""Settings of the service, and the file of API keys."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from omnisense.errors import InputError

_MIN_KEY_CHARS = 16  # 96 bits in base64, which cannot be guessed over a network


class ServiceSettings(BaseModel):
    """Who may use the service, and how much of it.

    Attributes:
        host: address to listen on; without API keys it must be a loopback address.
        port: to listen on.
        api_keys: SHA-256 of each key in hexadecimal digits, by the name of its owner; empty: no key is needed.
        allowed_hosts: values of the Host header that are accepted beside ``host`` and the loopback names.
        allowed_origins: origins whose web pages may use the service, beside its own.
        allow_remote_media: whether media parts may be http(s) URLs. Private addresses are never fetched.
        max_body_mb: of a request with JSON, in MiB; media in data URLs count by their base64 text.
        max_upload_mb: of an uploaded clip, in MiB.
        max_uploads_mb: of all clips of one key that are kept at the same time, in MiB.
        max_clip_s: duration of a clip.
        max_pixels: width times height of a frame.
        max_turns: turns and perceptions that run at the same time.
        max_queue: how many more may wait; further ones are answered 429 with Retry-After.
        max_turns_per_key: how many of both one key may have at the same time.
        requests_per_minute: of one key.
        max_sessions: live sessions at the same time.
        max_sessions_per_key: how many of them one key may have, where keys are set.
        max_session_lag_s: a live client that has not read for so long is cut off.
        upload_hours: how long an uploaded clip is kept.
        uploads: folder for uploaded clips; None: one in the user's data folder.
        runs: folder whose evaluation runs can be read; None: none.
        escalation_webhook: URL that is sent each safety escalation as JSON.
        escalation_log: file to which each safety escalation is appended as a line of JSON.
        drain_s: how long a shutdown waits for turns that have begun.
        preload: whether all models are loaded at the start instead of on first use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    api_keys: Mapping[str, str] = Field(default_factory=dict)
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allow_remote_media: bool = False
    max_body_mb: float = Field(default=32.0, gt=0)
    max_upload_mb: float = Field(default=512.0, gt=0)
    max_uploads_mb: float = Field(default=20_480.0, gt=0)
    max_clip_s: float = Field(default=3600.0, gt=0)
    max_pixels: int = Field(default=7680 * 4320, gt=0)
    max_turns: int = Field(default=4, ge=1)
    max_queue: int = Field(default=64, ge=0)
    max_turns_per_key: int = Field(default=64, ge=1)
    requests_per_minute: float = Field(default=600.0, gt=0)
    max_sessions: int = Field(default=8, ge=1)
    max_sessions_per_key: int = Field(default=8, ge=1)
    max_session_lag_s: float = Field(default=10.0, gt=0)
    upload_hours: float = Field(default=24.0, gt=0)
    uploads: Path | None = None
    runs: Path | None = None
    escalation_webhook: str | None = None
    escalation_log: Path | None = None
    drain_s: float = Field(default=30.0, ge=0)
    preload: bool = True

    def check(self) -> None:
        """Check that no stranger can use the service without a key.

        Raises:
            InputError: it listens on other than a loopback address, and there are no API keys.
        """
        if not self.api_keys and not is_loopback(self.host):
            raise InputError(
                f"the service would listen on {self.host} without API keys",
                "Give --api-key-file FILE, or leave out --host to serve this machine only.",
            )

    def owner_of(self, key: str) -> str | None:
        """Return the name of a key's owner, in time that does not depend on how much of it is right."""
        digest = hash_key(key)
        found = None
        for name, known in self.api_keys.items():
            if hmac.compare_digest(digest, known):
                found = name
        return found


def is_loopback(host: str) -> bool:
    """Whether an address or name is that of this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key as 64 hexadecimal digits."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def read_api_keys(path: Path) -> dict[str, str]:
    """Read a file of API keys: a line ``NAME KEY`` for each, ``#`` begins a comment.

    Returns:
        The SHA-256 of each key, by name.

    Raises:
        InputError: it cannot be read, holds no key, or a line of it is no such line.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the file of API keys cannot be read ({error})", "Give a text file.", path) from error
    keys: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) != 2 or len(words[1]) < _MIN_KEY_CHARS or words[0] in keys or not words[0].isascii():
            raise InputError(
                f"line {number} is not a name and a key",
                f"Write NAME KEY, with a name of its own and a key of {_MIN_KEY_CHARS} characters or more.",
                path,
            )
        keys[words[0]] = hash_key(words[1])
    if not keys:
        raise InputError("the file holds no API key", "Write a line NAME KEY for each.", path)
    return keys
