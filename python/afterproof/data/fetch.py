"""Fetching batch data from addresses that strangers wrote on chain.

Only http and https; no redirects, no proxy of the environment, no compressed bodies; a limit of bytes and of
seconds; and, unless allowed, no address of a private network: the name is resolved once, every address it has is
looked at, and the connection is made to the address that was looked at, so that a name cannot change in between.
"""

import ipaddress
import socket
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from ..errors import DataUnavailable

Resolver = Callable[[str, int], list[str]]

MAX_URI: Final = 2048
_PORTS: Final = {"http": 80, "https": 443}


class Fetcher:
    """Implements :class:`Source` over HTTP. ``timeout`` in seconds for the whole of one fetch."""

    def __init__(
        self,
        allow_private: bool = False,
        timeout: float = 10.0,
        resolve: Resolver | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._timeout = timeout
        self._resolve = resolve or _addresses
        self._client = httpx.Client(
            timeout=min(timeout, 5.0), follow_redirects=False, trust_env=False, transport=transport
        )

    def fetch(self, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Source.fetch`."""
        parts = _checked(uri)
        deadline = time.monotonic() + self._timeout
        try:
            address = self._address(parts)
            request = self._request(parts, address)
            response = self._client.send(request, stream=True)
            try:
                return _body(response, at_most, deadline)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise DataUnavailable(f"{_shown(uri)}: {str(error) or type(error).__name__}") from None
        except DataUnavailable as error:
            raise DataUnavailable(f"{_shown(uri)}: {error}") from None

    def _address(self, parts: SplitResult) -> str:
        host = parts.hostname or ""
        addresses = self._resolve(host, parts.port or _PORTS[parts.scheme])
        if not addresses:
            raise DataUnavailable("the host has no address")
        if not self._allow_private:
            for address in addresses:
                if not _is_public(address):
                    raise DataUnavailable(
                        f"the host's address {address} is not public, and private ones are not allowed"
                    )
        return addresses[0]

    def _request(self, parts: SplitResult, address: str) -> httpx.Request:
        """A request to ``address`` that speaks to the host by its name."""
        port = parts.port or _PORTS[parts.scheme]
        where = f"[{address}]" if ":" in address else address
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        host = parts.hostname or ""
        name = f"[{host}]" if ":" in host else host
        headers = {
            "Host": name if port == _PORTS[parts.scheme] else f"{name}:{port}",
            "Accept-Encoding": "identity",
            "User-Agent": "afterproof",
        }
        extensions = {"sni_hostname": host} if parts.scheme == "https" else {}
        return self._client.build_request(
            "GET", f"{parts.scheme}://{where}:{port}{target}", headers=headers, extensions=extensions
        )


def _checked(uri: str) -> SplitResult:
    """The parts of an address that may be fetched."""
    if len(uri) > MAX_URI or not uri.isprintable() or " " in uri:
        raise DataUnavailable(f"{_shown(uri)}: is no address of at most {MAX_URI} printable characters")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise DataUnavailable(f"{_shown(uri)}: is no address") from None
    if parts.scheme not in _PORTS:
        raise DataUnavailable(f"{_shown(uri)}: only http and https are fetched")
    if not parts.hostname or port == 0 or parts.username is not None or parts.password is not None:
        raise DataUnavailable(f"{_shown(uri)}: is no plain address of a host")
    return parts


def _body(response: httpx.Response, at_most: int, deadline: float) -> bytes:
    if response.status_code != 200:
        raise DataUnavailable(f"answered {response.status_code}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise DataUnavailable("answered with a compressed body")
    body = bytearray()
    for part in response.iter_raw():
        body += part
        if len(body) > at_most:
            raise DataUnavailable(f"sent more than the {at_most} bytes that its leaves can have")
        if time.monotonic() > deadline:
            raise DataUnavailable("took too long")
    return bytes(body)


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # An address that stands for an IPv4 one is as public as that one is.
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or _nat64(ip)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


def _nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address within 64:ff9b::/96 (RFC 6052)."""
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if int(ip) >> 32 == 0x64FF9B << 64 else None


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(info[4][0]) for info in found]


def _shown(uri: str) -> str:
    """An address in a message: strangers wrote it."""
    return repr(uri[:200])
