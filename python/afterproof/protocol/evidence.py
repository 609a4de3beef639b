"""The evidence that a fault's contract asks for, as bytes."""

from typing import Final

from .header import BatchId
from .outcome import Revert

_WORD: Final = 32
_HEAD: Final = 3


def duplicate_evidence(batch: BatchId, index: int, signature_hash: bytes, proof: tuple[bytes, ...]) -> bytes:
    """Where the same receipt stands earlier on the lane: its batch, index, keccak256(signature), inclusion proof."""
    return b"".join((batch.to_bytes(_WORD), index.to_bytes(_WORD), signature_hash, *proof))


def read_duplicate_evidence(evidence: bytes) -> tuple[BatchId, int, bytes, tuple[bytes, ...]]:
    """The parts of :func:`duplicate_evidence`; reverts where the bytes are not such."""
    if len(evidence) < _HEAD * _WORD or len(evidence) % _WORD:
        raise Revert("MalformedEvidence", len(evidence))
    batch, index, signature_hash, *proof = (
        evidence[at : at + _WORD] for at in range(0, len(evidence), _WORD)
    )
    return BatchId(int.from_bytes(batch)), int.from_bytes(index), signature_hash, tuple(proof)
