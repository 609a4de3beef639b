"""Promises: a relayer's signed word that receipts will stand at given numbers by a given time.

``InclusionPromise`` is EIP-712 under the settlement contract's domain, signed by the lane's promise key: one signature
for one request of any number of receipts, whose leaf hashes are the leaves of ``root``'s batch tree. A claim opens one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from .errors import InvalidField
from .fields import hex_of, integer_of, object_of
from .merkle import BatchTree, root_of
from .receipt import MAX_SIGNATURE, Domain, hex0x, keccak
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


@dataclass(frozen=True, init=False)
class HeldPromise:
    """A signed promise with the place that it gives one leaf: what a relayer answers a receipt with."""

    signed: SignedPromise
    index: int
    proof: tuple[bytes, ...]

    def __init__(self, signed: SignedPromise, index: int, proof: tuple[bytes, ...]) -> None:
        # One is made for every receipt that comes in: what a frozen dataclass would write field by field.
        fields = self.__dict__
        fields["signed"] = signed
        fields["index"] = index
        fields["proof"] = proof

    @property
    def seq(self) -> int:
        """The number promised to the leaf."""
        return self.signed.promise.first_seq + self.index

    def holds(self, leaf_hash: bytes) -> bool:
        """Whether the promise gives ``leaf_hash`` that number."""
        return self.signed.promise.opens(self.seq, leaf_hash, self.proof)

    def to_json(self) -> dict[str, Any]:
        """The one form of promises in files and HTTP: 0x-hex, numbers as integers."""
        p = self.signed.promise
        return {
            "promise": {
                "lane": p.lane,
                "firstSeq": p.first_seq,
                "count": p.count,
                "root": hex0x(p.root),
                "includeBy": p.include_by,
                "beneficiary": hex0x(p.beneficiary),
            },
            "signature": hex0x(self.signed.signature),
            "index": self.index,
            "proof": [hex0x(node) for node in self.proof],
        }

    @classmethod
    def from_json(cls, value: object, path: str = "") -> "HeldPromise":
        """Parse :meth:`to_json`'s form, strictly; ``path`` is where it stands, for messages.

        Raises:
            InvalidField: naming the field and the rule.
        """
        at = f"{path}." if path else ""
        top = object_of(value, path, ("promise", "signature", "index", "proof"), "the promise file")
        fields = object_of(top["promise"], f"{at}promise", (*_BITS, "root", "beneficiary"))
        numbers = {
            name: integer_of(fields[name], f"{at}promise.{name}", bits) for name, bits in _BITS.items()
        }
        root = hex_of(fields["root"], f"{at}promise.root", exactly=32)
        beneficiary = hex_of(fields["beneficiary"], f"{at}promise.beneficiary", exactly=20)
        promise = Promise(
            numbers["lane"], numbers["firstSeq"], numbers["count"], root, numbers["includeBy"], beneficiary
        )
        signature = hex_of(top["signature"], f"{at}signature", at_most=MAX_SIGNATURE)
        index = integer_of(top["index"], f"{at}index", 32)
        if index >= promise.count:
            raise InvalidField(f"{at}index", "must be below promise.count")
        if not isinstance(top["proof"], list) or len(top["proof"]) > 32:
            raise InvalidField(f"{at}proof", "must be an array of at most 32 hashes")
        proof = (hex_of(node, f"{at}proof[{i}]", exactly=32) for i, node in enumerate(top["proof"]))
        return cls(SignedPromise(promise, signature), index, tuple(proof))


_BITS: Final = {"lane": 32, "firstSeq": 64, "count": 32, "includeBy": 64}


def promise_of(
    lane: int, first_seq: int, leaf_hashes: Sequence[bytes], include_by: int, beneficiary: bytes = NOBODY
) -> Promise:
    """The promise that ``leaf_hashes`` (at least one) will stand from ``first_seq`` on."""
    return promise_over(BatchTree(leaf_hashes), lane, first_seq, include_by, beneficiary)


def promise_over(
    tree: BatchTree, lane: int, first_seq: int, include_by: int, beneficiary: bytes = NOBODY
) -> Promise:
    """The promise that the leaves of ``tree`` will stand from ``first_seq`` on."""
    if len(beneficiary) != 20:
        raise InvalidField("beneficiary", "must be an address of 20 bytes")
    return Promise(lane, first_seq, tree.size, tree.root, include_by, beneficiary)


def held_promises(signed: SignedPromise, leaf_hashes: Sequence[bytes]) -> list[HeldPromise]:
    """The promise opened at each of the leaves that it was made for."""
    return held_over(BatchTree(leaf_hashes), signed)


def held_over(tree: BatchTree, signed: SignedPromise) -> list[HeldPromise]:
    """The promise opened at each leaf of the tree that it was made over."""
    return [HeldPromise(signed, i, proof) for i, proof in enumerate(tree.proofs())]
