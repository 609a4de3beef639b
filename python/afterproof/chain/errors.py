"""The one table from what a node or the network says to our exceptions.

Nothing else looks at a message's text. What a node says is untrusted: it is shown shortened and printable, never
followed. Sources: EIP-1474 (codes), the wording of geth, reth, Nethermind, Erigon, Besu, anvil and hosted nodes.
"""

import re
from functools import cache
from typing import Any, Final

import requests

from afterproof.errors import AfterproofError, CallReverted, ChainUnavailable, SendFailed

from .abi import CustomError, MalformedAbi, interface
from .artifacts import names


class NodeError(ChainUnavailable):
    """The node answered, with an error of its own."""


class TooManyResults(NodeError):
    """The node refuses a range of blocks as too large: ask for less."""


class NotOffered(NodeError):
    """The node does not know the method."""


class AlreadyKnown(SendFailed):
    """The node has this very transaction already: it is on its way."""


_METHOD_NOT_FOUND: Final = -32601
_EXECUTION_REVERTED: Final = 3  # geth's, and most others'

_SEND_TABLE: Final[tuple[tuple[type[SendFailed], str, str], ...]] = (
    (
        AlreadyKnown,
        "already known|already imported|known transaction|already exists",
        "it is on its way already",
    ),
    (
        SendFailed,
        "insufficient (funds|balance|eth)|not enough (funds|balance)|out of funds|outoffund|doesn't have enough",
        "the account cannot pay for it: send native coin to the account, then try again",
    ),
    (
        SendFailed,
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
        SendFailed,
        "replacement|could not replace",
        "an earlier transaction of the account waits under the same number: wait until it landed, then try again; "
        "let one process alone use an account",
    ),
    (
        SendFailed,
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
    if method == "eth_getLogs" and re.search(_TOO_MANY, lower):
        return TooManyResults(said)
    for kind, pattern, advice in _SEND_TABLE:
        if re.search(pattern, lower):
            return kind(f"the transaction was refused ({shown(text)}): {advice}")
    return NodeError(said)


def from_failure(node: str, timeout: float, error: Exception) -> ChainUnavailable:
    """Our exception for a request to ``node`` that failed on the way (requests) or was answered with nonsense."""
    if isinstance(error, requests.Timeout):
        return ChainUnavailable(f"the node at {node} did not answer within {timeout:g} seconds")
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code
        return ChainUnavailable(f"the node at {node} answered with HTTP status {status}")
    if isinstance(error, requests.exceptions.SSLError):
        return ChainUnavailable(f"the node at {node} could not be reached over TLS: check its certificate")
    if isinstance(error, requests.exceptions.JSONDecodeError | ValueError | RecursionError):
        return ChainUnavailable(f"the node at {node} answered with something that is not JSON-RPC")
    return ChainUnavailable(
        f"the node at {node} cannot be reached: check that it runs and that its address is right"
    )


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
