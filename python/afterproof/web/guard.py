"""Who may write, and how much: asked by every route that takes something in, before it does.

With ``relayer.tokens`` a client is whom its bearer token names; without, whoever has its address. With ``relayer.rate``
each may hand in so many receipts a second.
"""

import ipaddress
from typing import Final

from starlette.requests import Request

from ..config import RelayerConfig
from .errors import Refusal
from .rates import Rates
from .tokens import Tokens

REALM: Final = 'Bearer realm="afterproof"'


class Guard:
    """What the settings say of clients.

    Raises:
        ConfigError: the tokens' file is not in order.
    """

    def __init__(self, settings: RelayerConfig, rates: Rates | None = None) -> None:
        self._tokens = None if settings.tokens is None else Tokens(settings.tokens)
        self._rates = rates
        if rates is None and settings.rate is not None:
            self._rates = Rates(settings.rate, settings.burst)

    def client(self, request: Request) -> str:
        """Who asks.

        Raises:
            Refusal: 401 with WWW-Authenticate (RFC 6750 section 3): without a token, or with one of nobody.
        """
        if self._tokens is None:
            return address_of(request)
        scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(401, "Authorization", "must be Bearer and a token of this relayer", challenge=REALM)
        client = self._tokens.client(token.strip())
        if client is None:
            raise Refusal(
                401,
                "Authorization",
                "has a token that is nobody's",
                challenge=f'{REALM}, error="invalid_token"',
            )
        return client

    def take(self, client: str, count: int = 1) -> None:
        """Let a client hand in ``count`` receipts.

        Raises:
            Refusal: 429 with Retry-After: it has handed in as many as it may.
        """
        if self._rates is None:
            return
        wait = self._rates.take(client, count)
        if wait:
            rule = f"may hand in {self._rates.rate:g} receipts a second, and {self._rates.burst} at once"
            raise Refusal(429, "client", f"{rule}: again in {wait} seconds", wait)


def address_of(request: Request) -> str:
    """The address that asks; of IPv6 its network of 64 bits, which is what one client has."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))
