"""The one table from what a node or the network says to our exceptions.

Nothing else looks at a message's text. What a node says is untrusted: it is shown shortened and printable, never
followed. Sources: EIP-1474 (codes), the wording of geth, reth, Nethermind, Erigon, Besu, anvil and hosted nodes.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final

import requests

from afterproof.errors import (
    AfterproofError,
    CallReverted,
    ChainUnavailable,
    InsufficientFunds,
    SendFailed,
)

from .abi import CustomError, MalformedAbi, interface
from .artifacts import names


class Unreachable(ChainUnavailable):
    """No answer came, or nonsense. ``rest`` is for how many seconds the node asked to be left alone, if it did."""

    def __init__(self, message: str, rest: float | None = None) -> None:
        super().__init__(message)
        self.rest = rest


class NodeError(ChainUnavailable):
    """The node answered, with an error of its own."""


class Throttled(NodeError):
    """The node answers no more requests for now: there were too many."""


class TooManyResults(NodeError):
    """The node refuses a range of blocks as too large: ask for less."""


class NotOffered(NodeError):
    """The node does not know the method."""


class AlreadyKnown(SendFailed):
    """The node has this very transaction already: it is on its way."""


class NumberTaken(SendFailed):
    """The transaction's number is that of one that landed: this one can never land."""


class Outbid(SendFailed):
    """Another transaction waits under the same number, and offers about as much or more."""


class OfferTooLow(SendFailed):
    """The node takes no transaction that offers so little."""


_METHOD_NOT_FOUND: Final = -32601
_EXECUTION_REVERTED: Final = 3  # geth's, and most others'
_TOO_MANY_REQUESTS: Final = 429

LONGEST_REST: Final = 60.0
"""Seconds that a node is left alone at most, whatever it asks for: promises fall due meanwhile."""

_SEND_TABLE: Final[tuple[tuple[type[SendFailed], str, str], ...]] = (
    (
        AlreadyKnown,
        "already known|already imported|known transaction|already exists",
        "it is on its way already",
    ),
    (
        InsufficientFunds,
        "insufficient (funds|balance|eth)|not enough (funds|balance)|out of funds|outoffund|doesn't have enough",
        "the account cannot pay for it: send native coin to the account, then try again",
    ),
    (
        NumberTaken,
        "nonce (is )?too low|old nonce|invalid nonce|nonce has already|invalid transaction nonce",
        "another transaction of the account took its number: look at what landed, then try again; "
        "let one process alone use an account",
    ),
    (
        SendFailed,
        "nonce (is )?too high|nonce gap|nonce too distant",
        "earlier transactions of the account are missing: try again",
    ),
    (
        Outbid,
        "replacement|could not replace",
        "an earlier transaction of the account waits under the same number: wait until it landed, then try again; "
        "let one process alone use an account",
    ),
    (
        OfferTooLow,
        "underpriced|fee cap|max fee|maxfee|fee too low|feetoolow|gas price|gasprice|base fee|priority fee",
        "the fee does not suit the chain at the moment: try again",
    ),
    (
        SendFailed,
        "gas limit|gaslimit|intrinsic gas|block gas|gas cap|gas required exceeds|out of gas|outofgas",
        "it needs more gas than the chain allows, or than the account can pay for",
    ),
    (SendFailed, "oversized|too large|initcode size|code size", "it is larger than the chain allows"),
    (SendFailed, "transaction type|txtype|eip-?1559", "the chain does not take this type of transaction"),
)
_THROTTLED: Final = (
    "rate.?limit|too many requests|requests? (per|rate)|throughput|compute units|throttl|quota|daily request"
)
_TOO_MANY: Final = "too many|more than|limit|range|too large|exceed|too wide|timeout|timed out|response size"


def from_response(method: str, error: Any) -> AfterproofError:
    """Our exception for the ``error`` object of a JSON-RPC response to ``method``."""
    if not isinstance(error, dict):
        return ChainUnavailable(f"the node answered {method} with a malformed error")
    code, text = error.get("code"), str(error.get("message"))
    data = revert_data(error.get("data"))
    said = f"the node answered {method} with: {shown(text)}"
    lower = text.lower()
    if data or code == _EXECUTION_REVERTED or "revert" in lower:
        return reverted(data or b"")
    if code == _METHOD_NOT_FOUND:
        return NotOffered(said)
    if code == _TOO_MANY_REQUESTS or re.search(_THROTTLED, lower):
        return Throttled(said)
    if method == "eth_getLogs" and re.search(_TOO_MANY, lower):
        return TooManyResults(said)
    for kind, pattern, advice in _SEND_TABLE:
        if re.search(pattern, lower):
            return kind(f"the transaction was refused ({shown(text)}): {advice}")
    return NodeError(said)


def from_failure(node: str, timeout: float, error: Exception) -> Unreachable:
    """Our exception for a request to ``node`` (what it is and where) that failed on the way or brought nonsense."""
    if isinstance(error, requests.Timeout):
        return Unreachable(f"{node} did not answer within {timeout:g} seconds")
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code
        return Unreachable(f"{node} answered with HTTP status {status}", rest_asked(error.response))
    if isinstance(error, requests.exceptions.SSLError):
        return Unreachable(f"{node} could not be reached over TLS: check its certificate")
    if isinstance(error, requests.exceptions.JSONDecodeError | ValueError | RecursionError):
        return Unreachable(f"{node} answered with something that is not JSON-RPC")
    return Unreachable(f"{node} cannot be reached: check that it runs and that its address is right")


def rest_asked(response: requests.Response) -> float | None:
    """For how many seconds a server asks to be left alone (RFC 9110, Retry-After), at most LONGEST_REST."""
    if response.status_code not in (_TOO_MANY_REQUESTS, 503):
        return None
    text = str(response.headers.get("Retry-After", "")).strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return min(float(text), LONGEST_REST)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    wait = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    return min(max(wait, 0.0), LONGEST_REST)


def reverted(data: bytes) -> CallReverted:
    """The exception for a call that reverted with ``data``, decoded with the errors of all our contracts.

    ``NoReason()`` for empty data, ``UnknownError(data)`` for an error that none of them declares.
    """
    if not data:
        return CallReverted("NoReason")
    known = _errors().get(data[:4])
    try:
        if known:
            return CallReverted(known.name, known.decode(data))
    except MalformedAbi:
        pass
    return CallReverted("UnknownError", (data,))


def revert_data(value: Any, depth: int = 3) -> bytes | None:
    """The revert data in an error's ``data`` member, wherever a node puts it; None where there is none."""
    if isinstance(value, str):
        found = re.fullmatch(r"(?:Reverted )?0x((?:[0-9a-fA-F]{2})*)", value)
        return bytes.fromhex(found[1]) if found else None
    if isinstance(value, dict) and depth:
        inner = (
            revert_data(value[key], depth - 1)
            for key in ("data", "result", "return", "output")
            if key in value
        )
        return next((data for data in inner if data is not None), None)
    return None


def shown(text: str) -> str:
    """A node's text as it may be shown: printable, one line, at most 200 characters."""
    clean = "".join(character if character.isprintable() else " " for character in text)
    return clean if len(clean) <= 200 else clean[:199] + "…"


@cache
def _errors() -> dict[bytes, CustomError]:
    built_in = (
        CustomError({"name": "Error", "inputs": [{"type": "string"}]}),
        CustomError({"name": "Panic", "inputs": [{"type": "uint256"}]}),
    )
    ours = (error for name in names() for error in interface(name).errors)
    return {error.selector: error for error in (*ours, *built_in)}
