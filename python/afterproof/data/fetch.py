"""Fetching batch data from addresses that strangers wrote on chain.

Only http and https; no redirects, no proxy of the environment, no cookies, no compressed bodies; a limit of bytes, and
one of seconds for all of it; and, unless allowed, no address of a private network: the name is resolved once, every
address it has is looked at, and the connection is made to the address that was looked at, so that a name cannot
change in between.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from ..errors import DataUnavailable

Resolver = Callable[[str, int], list[str]]

MAX_URI: Final = 2048
_PORTS: Final = {"http": 80, "https": 443}


class Fetcher:
    """Implements :class:`Source` over HTTP. ``timeout`` in seconds for the whole of one fetch.

    ``resolve`` and ``transport`` take the place of the network in tests.
    """

    def __init__(
        self,
        allow_private: bool = False,
        timeout: float = 10.0,
        resolve: Resolver | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._timeout = timeout
        self._resolve = resolve or _addresses
        self._transport = transport
        self._tls = httpx.create_ssl_context(trust_env=False)

    def fetch(self, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Source.fetch`."""
        parts = list[bytes]()
        self.fetch_into(uri, at_most, parts.append)
        return b"".join(parts)

    def fetch_into(self, uri: str, at_most: int, write: Callable[[bytes], object]) -> None:
        """Implements :meth:`Source.fetch_into`."""
        parts = _checked(uri)
        try:
            asyncio.run(asyncio.wait_for(self._get(parts, at_most, write), self._timeout))
        except TimeoutError:
            raise DataUnavailable(f"{_shown(uri)}: took longer than {self._timeout:g} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise DataUnavailable(f"{_shown(uri)}: {str(error) or type(error).__name__}") from None
        except DataUnavailable as error:
            raise DataUnavailable(f"{_shown(uri)}: {error}") from None

    async def _get(self, parts: SplitResult, at_most: int, write: Callable[[bytes], object]) -> None:
        address = await asyncio.to_thread(self._address, parts)
        client = httpx.AsyncClient(
            timeout=self._timeout, follow_redirects=False, trust_env=False, verify=self._tls,
            transport=self._transport,
        )  # fmt: skip
        async with client:
            response = await client.send(_request(client, parts, address), stream=True)
            try:
                await _body(response, at_most, write)
            finally:
                await response.aclose()

    def _address(self, parts: SplitResult) -> str:
        """The address to connect to, once all that the host has were looked at."""
        addresses = self._resolve(parts.hostname or "", parts.port or _PORTS[parts.scheme])
        if not addresses:
            raise DataUnavailable("the host has no address")
        for address in addresses:
            if not self._allow_private and not is_public(address):
                raise DataUnavailable(f"the host's address {address} is private, and those are not allowed")
        return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also the IPv4 one within an IPv6 one."""
    ip = ipaddress.ip_address(address.split("%")[0])
    inner: ipaddress.IPv4Address | None = None
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if int(ip) >> 32 == 0x64FF9B << 64:  # 64:ff9b::/96, RFC 6052
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    found = inner or ip
    return found.is_global and not found.is_multicast


def _checked(uri: str) -> SplitResult:
    """The parts of an address that may be fetched."""
    if len(uri) > MAX_URI or not (uri.isascii() and uri.isprintable()) or " " in uri:
        raise DataUnavailable(f"{_shown(uri)}: is no address of at most {MAX_URI} printable characters")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise DataUnavailable(f"{_shown(uri)}: is no address") from None
    if parts.scheme not in _PORTS:
        raise DataUnavailable(f"{_shown(uri)}: only http and https are fetched")
    if not parts.hostname or port == 0 or "@" in parts.netloc:
        raise DataUnavailable(f"{_shown(uri)}: is no plain address of a host")
    return parts


def _request(client: httpx.AsyncClient, parts: SplitResult, address: str) -> httpx.Request:
    """A request to ``address`` that speaks to the host by its name."""
    usual, host = _PORTS[parts.scheme], parts.hostname or ""
    port = parts.port or usual
    where = f"[{address}]" if ":" in address else address
    name = f"[{host}]" if ":" in host else host
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    headers = {
        "Host": name if port == usual else f"{name}:{port}",
        "Accept-Encoding": "identity",
        "User-Agent": "afterproof",
    }
    extensions = {"sni_hostname": host} if parts.scheme == "https" else {}
    return client.build_request(
        "GET", f"{parts.scheme}://{where}:{port}{target}", headers=headers, extensions=extensions
    )


async def _body(response: httpx.Response, at_most: int, write: Callable[[bytes], object]) -> None:
    if response.status_code != 200:
        raise DataUnavailable(f"answered {response.status_code}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise DataUnavailable("answered with a compressed body")
    had = 0
    async for part in response.aiter_raw():
        had += len(part)
        if had > at_most:
            raise DataUnavailable(f"sent more than the {at_most} bytes that its leaves can have")
        write(part)


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(info[4][0]) for info in found]


def _shown(uri: str) -> str:
    """An address in a message: strangers wrote it."""
    return repr(uri[:200])
