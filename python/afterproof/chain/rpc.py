"""JSON-RPC to one node: requests, and its answers as checked values.

Over web3's HTTPProvider, without its retries (the steps come round again) and without its formatters: whatever a
node answers is checked here, and only :mod:`afterproof.errors` come out.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from afterproof.errors import ChainUnavailable, ConfigError

from .base import Block
from .errors import from_failure, from_response


class Rpc:
    """A node at ``url`` (http or https), each answer awaited for ``timeout`` seconds.

    Raises:
        ConfigError: ``url`` is not of that form.
    """

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        self.node = _node_of(url)
        self._timeout = timeout
        self._provider = HTTPProvider(url, {"timeout": timeout}, exception_retry_configuration=None)

    def __repr__(self) -> str:
        return f"Rpc({self.node})"

    def request(self, method: str, *params: Any) -> Any:
        """The result of a request, any JSON value.

        Raises:
            ChainUnavailable: no answer, or nonsense.
            CallReverted, SendFailed: as the node's error says.
        """
        try:
            response = self._provider.make_request(RPCEndpoint(method), params)
        except requests.HTTPError as error:
            # Some nodes send a JSON-RPC error with HTTP status 400 or 500.
            response = _body_of(error)
            if response is None:
                raise from_failure(self.node, self._timeout, error) from None
        except (requests.RequestException, OSError, ValueError, RecursionError) as error:
            # The cause is left out: its text holds the address, which may hold an access key.
            raise from_failure(self.node, self._timeout, error) from None
        if not isinstance(response, dict) or ("result" not in response and "error" not in response):
            raise ChainUnavailable(f"the node at {self.node} answered with something that is not JSON-RPC")
        if response.get("error") is not None:
            raise from_response(method, response["error"])
        return response.get("result")

    def quantity(self, method: str, *params: Any) -> int:
        """The result of a request, an unsigned number."""
        return quantity(self.request(method, *params), method)

    def data(self, method: str, *params: Any) -> bytes:
        """The result of a request, bytes."""
        return data(self.request(method, *params), method)

    def block(self, number: int | str) -> Block | None:
        """The block of that number or tag; None where the node has none."""
        header = self.header(number)
        return None if header is None else block_of(header)

    def header(self, number: int | str) -> dict[str, Any] | None:
        """The block of that number or tag as the node's JSON object; None where the node has none."""
        tag = number if isinstance(number, str) else hex(number)
        answer = self.request("eth_getBlockByNumber", tag, False)
        if answer is not None and not isinstance(answer, dict):
            raise ChainUnavailable(
                "the node answered eth_getBlockByNumber with something that is not a block"
            )
        return answer


def block_of(header: dict[str, Any]) -> Block:
    """The block in a node's JSON object."""
    return Block(
        quantity(header.get("number"), "a block's number"),
        data(header.get("hash"), "a block's hash", 32),
        quantity(header.get("timestamp"), "a block's timestamp"),
    )


def quantity(value: Any, what: str) -> int:
    """An unsigned number of at most 256 bits from its 0x-hex."""
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", value):
        raise ChainUnavailable(f"the node answered {what} with something that is not a number")
    return int(value, 16)


def data(value: Any, what: str, size: int | None = None) -> bytes:
    """Bytes, ``size`` of them if given, from their 0x-hex."""
    well_formed = isinstance(value, str) and re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", value)
    if not well_formed or (size is not None and len(value) != 2 + 2 * size):
        raise ChainUnavailable(f"the node answered {what} with something that is not {size or 'whole'} bytes")
    return bytes.fromhex(value[2:])


def _node_of(url: str) -> str:
    """The part of an address that may be shown: paths, queries and user names can hold access keys."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("chain.rpc must be the http:// or https:// address of a node")
    return f"{parts.scheme}://{parts.hostname}{port}"


def _body_of(error: requests.HTTPError) -> Any:
    try:
        body = error.response.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and isinstance(body.get("error"), dict) else None
