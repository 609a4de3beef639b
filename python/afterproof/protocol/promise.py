"""Promises: a relayer's signed word that receipts will stand at given numbers by a given time.

``InclusionPromise`` is EIP-712 under the settlement contract's domain, signed by the lane's promise key: one signature
for one request of any number of receipts, whose leaf hashes are the leaves of ``root``'s batch tree. A claim opens one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from .errors import InvalidField
from .merkle import BatchTree, root_of
from .receipt import Domain, hex0x, keccak
from .signing import recover_address

PROMISE_TYPE: Final = (
    b"InclusionPromise(uint32 lane,uint64 firstSeq,uint32 count,bytes32 root,uint64 includeBy,"
    b"address beneficiary)"
)
_TYPEHASH: Final = keccak(PROMISE_TYPE)
NOBODY: Final = bytes(20)
"""The beneficiary of a promise without one: its share burns."""


@dataclass(frozen=True)
class Promise:
    """``count`` receipts, from number ``first_seq`` of ``lane`` on, posted by ``include_by`` (unix seconds)."""

    lane: int
    first_seq: int
    count: int
    root: bytes
    include_by: int
    beneficiary: bytes = NOBODY

    @cached_property
    def hash(self) -> bytes:
        """EIP-712 ``hashStruct``."""
        numbers = (self.lane, self.first_seq, self.count)
        words = [number.to_bytes(32) for number in numbers]
        words += [self.root, self.include_by.to_bytes(32), self.beneficiary.rjust(32, b"\0")]
        return keccak(_TYPEHASH + b"".join(words))

    def digest(self, domain: Domain) -> bytes:
        """What the promise key signs; ``domain`` is the settlement contract's."""
        return keccak(b"\x19\x01" + domain.separator + self.hash)

    def opens(self, seq: int, leaf_hash: bytes, proof: Sequence[bytes]) -> bool:
        """Whether the promise holds ``leaf_hash`` at number ``seq``. One of a zero root holds nothing."""
        if not any(self.root) or not self.first_seq <= seq < self.first_seq + self.count:
            return False
        return root_of(leaf_hash, seq - self.first_seq, self.count, proof) == self.root


@dataclass(frozen=True)
class SignedPromise:
    """A promise with its 65-byte signature."""

    promise: Promise
    signature: bytes

    def signer(self, domain: Domain) -> bytes | None:
        """The address that signed, or None for a malformed signature."""
        return recover_address(self.promise.digest(domain), self.signature)

    def to_json(self) -> dict[str, Any]:
        """The one form of promises in files and HTTP."""
        p = self.promise
        return {
            "promise": {
                "lane": p.lane,
                "firstSeq": p.first_seq,
                "count": p.count,
                "root": hex0x(p.root),
                "includeBy": p.include_by,
                "beneficiary": hex0x(p.beneficiary),
            },
            "signature": hex0x(self.signature),
        }


def promise_of(
    lane: int, first_seq: int, leaf_hashes: Sequence[bytes], include_by: int, beneficiary: bytes = NOBODY
) -> Promise:
    """The promise that ``leaf_hashes`` (at least one) will stand from ``first_seq`` on."""
    if len(beneficiary) != 20:
        raise InvalidField("beneficiary", "must be an address of 20 bytes")
    root = BatchTree(leaf_hashes).root
    return Promise(lane, first_seq, len(leaf_hashes), root, include_by, beneficiary)
