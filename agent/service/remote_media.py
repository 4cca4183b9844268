"""Fetching media from public addresses: never from this machine or its network."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from omnisense.agent.service.errors import ServiceError

_TIMEOUT_S, _MAX_S = 10.0, 60.0
_MAX_REDIRECTS = 3
_CHUNK = 65_536
# Whose last 32 bits are an IPv4 address: compatible, translated (SIIT and NAT64).
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96")))


def fetch(url: str, max_bytes: int) -> bytes:
    """Return what a public http(s) URL holds.

    The address that is checked is the one that is connected to, for every redirect anew, so that a name whose address
    changes meanwhile does not lead elsewhere.

    Raises:
        ServiceError: 400, it is not such a URL, has a private address, is too large, or cannot be fetched.
    """
    deadline = time.monotonic() + _MAX_S
    for _ in range(_MAX_REDIRECTS + 1):
        try:
            target = _request(url, max_bytes, deadline)
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > deadline:
                raise _too_slow() from error
            raise _refused(f"the media cannot be fetched ({type(error).__name__})") from error
        if time.monotonic() > deadline:  # the connection was cut, which may look like the end
            raise _too_slow()
        if isinstance(target, bytes):
            return target
        url = target
    raise _refused("the media are behind too many redirects")


def _request(url: str, max_bytes: int, deadline: float) -> bytes | str:
    """Return the content, or the URL to which the server redirects."""
    connection, path = _connection(url)
    # A socket's timeout is for each piece: a server that sends a byte now and then would hold this thread for days.
    watchdog = threading.Timer(max(0.0, deadline - time.monotonic()), connection.abort)
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request("GET", path, headers={"User-Agent": "omnisense", "Accept-Encoding": "identity"})
        answer = connection.getresponse()
        if answer.status in (301, 302, 303, 307, 308) and answer.getheader("Location"):
            return urljoin(url, str(answer.getheader("Location")))
        if answer.status != 200:
            raise _refused(f"the media cannot be fetched (status {answer.status})")
        received = bytearray()
        while chunk := answer.read(_CHUNK):
            received += chunk
            if len(received) > max_bytes:
                raise _refused(f"the media are larger than {max_bytes / 2**20:g} MiB")
        return bytes(received)
    finally:
        watchdog.cancel()
        connection.close()


class _HTTP(http.client.HTTPConnection):
    """A connection to an address that was checked, whatever its name means now."""

    address = ""
    opened: socket.socket | None = None  # `sock` is None where the answer lasts until the connection is closed

    def connect(self) -> None:
        self.sock = self.opened = socket.create_connection((self.address, self.port), self.timeout)

    def abort(self) -> None:
        """End what is being read; for another thread."""
        with contextlib.suppress(OSError):  # it is closed
            if self.opened is not None:
                self.opened.shutdown(socket.SHUT_RDWR)


class _HTTPS(_HTTP):
    default_port = http.client.HTTPS_PORT

    def connect(self) -> None:
        super().connect()
        self.sock = self.opened = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _connection(url: str) -> tuple[_HTTP, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _refused("this is not a URL") from error
    if parts.scheme not in ("http", "https") or not host:
        raise _refused("media URLs begin with data:, https: or http:")
    connection = (_HTTPS if parts.scheme == "https" else _HTTP)(host, port, timeout=_TIMEOUT_S)
    connection.address = _public_address(host, connection.port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or any(c <= " " for c in path):
        raise _refused("the URL is not encoded")
    return connection, path


def _public_address(host: str, port: int) -> str:
    """Return an address of a host, all of whose addresses are public."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise _refused("the host of the media is unknown") from error
    for address in found:
        known = ipaddress.ip_address(address.partition("%")[0])
        if any(not one.is_global or one.is_multicast for one in (known, *_within(known))):
            raise _refused("media are not fetched from private addresses")
    return sorted(found)[0]


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """Yield the IPv4 addresses to which gateways may translate an IPv6 address (RFC 4291, 6052, 2765, 3056, 4380)."""
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _TRANSLATED):
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        yield from filter(None, (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())))


def _too_slow() -> ServiceError:
    return _refused(f"the media could not be fetched in {_MAX_S:g} s")


def _refused(message: str) -> ServiceError:
    return ServiceError(400, message, "media_url")
