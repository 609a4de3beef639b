"""The evidence that a fault's contract asks for, as ABI bytes."""

from typing import Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from .header import BatchId
from .outcome import Revert

_DUPLICATE: Final = ["uint256", "uint256", "bytes32", "bytes32[]"]


def duplicate_evidence(batch: BatchId, index: int, signature_hash: bytes, proof: tuple[bytes, ...]) -> bytes:
    """Where the same receipt stands earlier on the lane: its batch, index, keccak256(signature), inclusion proof."""
    return encode(_DUPLICATE, [batch, index, signature_hash, list(proof)])


def read_duplicate_evidence(evidence: bytes) -> tuple[BatchId, int, bytes, tuple[bytes, ...]]:
    """The parts of :func:`duplicate_evidence`; reverts without a word where the bytes are not such."""
    try:
        batch, index, signature_hash, proof = decode(_DUPLICATE, evidence)
    except (DecodingError, OverflowError):
        raise Revert("") from None
    return BatchId(batch), index, signature_hash, tuple(proof)
