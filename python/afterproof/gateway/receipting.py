"""One answer's receipt: made, signed, and in the form in which it travels in a header. Pure."""

import base64
import binascii
from typing import Final

import msgspec

from ..protocol.errors import InvalidField
from ..protocol.receipt import ZERO, Domain, Receipt, SignedReceipt, keccak
from ..protocol.signing import Signer

RECEIPT_HEADER: Final = "Afterproof-Receipt"
_MAX_HEADER: Final = 8192


def issue(signer: Signer, domain: Domain, request: bytes, response: bytes, issued_at: int) -> SignedReceipt:
    """The signed receipt for the answer `response` to `request`, the two bodies exactly as they travel.

    `issued_at` is in unix seconds. `model` and `evidence` are zero: models have no manifests yet.
    """
    receipt = Receipt(signer.node, ZERO, keccak(request), keccak(response), ZERO, issued_at)
    return signer.sign(receipt, domain)


def to_wire(signed: SignedReceipt) -> bytes:
    """The receipt's JSON, compact, on one line: a line of the spool, an item of a relayer's array."""
    return msgspec.json.encode(signed.to_json())


def to_header(wire: bytes) -> str:
    """The ``Afterproof-Receipt`` header's value: :func:`to_wire`'s bytes in base64url without padding."""
    return base64.urlsafe_b64encode(wire).rstrip(b"=").decode("ascii")


def from_header(value: str) -> SignedReceipt:
    """The receipt in a header's value. Says nothing of whether its signature verifies.

    Raises:
        InvalidField: not base64url of a receipt's JSON.
    """
    if len(value) > _MAX_HEADER:
        raise InvalidField(RECEIPT_HEADER, f"must be at most {_MAX_HEADER} characters")
    try:
        padded = value + "=" * (-len(value) % 4)
        wire = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        return SignedReceipt.from_json(msgspec.json.decode(wire))
    except (binascii.Error, UnicodeError, msgspec.DecodeError, RecursionError):
        raise InvalidField(RECEIPT_HEADER, "must be unpadded base64url of a receipt's JSON") from None
