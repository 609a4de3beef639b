"""Receipts side by side, a column for each of their fields: read, hashed and checked by the column.

What :mod:`.receipt` says of one receipt, to the byte, for as many as come at once. What each costs is then its hashes
and its signature, with next to nothing around them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from .hashing import keccak_each
from .receipt import RECEIPT_TYPE, Domain, Leaf, Receipt, Scheme, SignedReceipt, keccak

_TYPEHASH: Final = keccak(RECEIPT_TYPE)


class Handed(NamedTuple):
    """Receipts as they are handed in. ``words``: 192 bytes each; ``times``: when they were issued."""

    words: Sequence[bytes]
    times: Sequence[int]
    signatures: Sequence[bytes]
    schemes: Sequence[Scheme]
    public_keys: Sequence[bytes]

    @classmethod
    def of(cls, receipts: Sequence[SignedReceipt]) -> "Handed":
        """The columns of receipts."""
        return cls(
            [one.receipt.words for one in receipts],
            [one.receipt.issued_at for one in receipts],
            [one.signature for one in receipts],
            [one.scheme for one in receipts],
            [one.public_key for one in receipts],
        )

    @classmethod
    def joined(cls, parts: Sequence["Handed"]) -> "Handed":
        """All receipts of several, one part behind the other."""
        if len(parts) == 1:
            return parts[0]
        return cls._make(_joined(parts))

    def at(self, places: Sequence[int]) -> "Handed":
        """The receipts at some places."""
        return self if len(places) == len(self.words) else Handed._make(_at(self, places))

    def receipt(self, place: int) -> SignedReceipt:
        """The receipt at a place."""
        receipt = Receipt.from_words(self.words[place])
        return SignedReceipt(receipt, self.schemes[place], self.signatures[place], self.public_keys[place])


class Leaves(NamedTuple):
    """Leaves that are to stand in a row, or do. ``hashes`` are those of the receipts, ``leaf_hashes`` their own."""

    words: Sequence[bytes]
    times: Sequence[int]
    signatures: Sequence[bytes]
    schemes: Sequence[Scheme]
    hashes: Sequence[bytes]
    leaf_hashes: Sequence[bytes]

    @classmethod
    def of(cls, leaves: Sequence[tuple[Leaf, Scheme]]) -> "Leaves":
        """The columns of leaves and their schemes."""
        words = [leaf.receipt.words for leaf, _ in leaves]
        times = [leaf.receipt.issued_at for leaf, _ in leaves]
        signatures = [leaf.signature for leaf, _ in leaves]
        schemes = [scheme for _, scheme in leaves]
        return cls(
            words, times, signatures, schemes, receipt_hashes(words), leaf_hashes_of(words, signatures)
        )

    def at(self, places: Sequence[int]) -> "Leaves":
        """The leaves at some places, in that order."""
        return Leaves._make(_at(self, places))

    @classmethod
    def joined(cls, parts: Iterable["Leaves"]) -> "Leaves":
        """All leaves of several, one part behind the other."""
        return cls._make(_joined(parts))

    def part(self, start: int, end: int) -> "Leaves":
        """The leaves at places from ``start`` up to ``end``."""
        return Leaves._make(_part(self, start, end))

    def leaf(self, place: int) -> Leaf:
        """The leaf at a place."""
        return Leaf(Receipt.from_words(self.words[place]), self.signatures[place])


def receipt_hashes(words: Sequence[bytes]) -> list[bytes]:
    """:attr:`Receipt.hash` of each."""
    head = _TYPEHASH
    return keccak_each([head + each for each in words])


def leaf_hashes_of(words: Sequence[bytes], signatures: Sequence[bytes]) -> list[bytes]:
    """:attr:`Leaf.hash` of each."""
    signed = keccak_each(signatures)
    return keccak_each([b"\x00" + each + hashed for each, hashed in zip(words, signed, strict=True)])


def digests(scheme: Scheme, words: Sequence[bytes], hashes: Sequence[bytes], domain: Domain) -> list[bytes]:
    """:func:`.receipt.digest` of each, of receipts that all have this scheme; ``hashes`` are the receipts'."""
    if scheme is Scheme.OPENGRADIENT_RSA_PSS:
        return keccak_each([each[64:128] + each[160:] for each in words])
    head = b"\x19\x01" + domain.separator
    return keccak_each([head + each for each in hashes])


def _at(columns: Iterable[Sequence[Any]], places: Sequence[int]) -> Iterator[list[Any]]:
    return ([column[place] for place in places] for column in columns)


def _part(columns: Iterable[Sequence[Any]], start: int, end: int) -> Iterator[Sequence[Any]]:
    return (column[start:end] for column in columns)


def _joined(parts: Iterable[Iterable[Sequence[Any]]]) -> Iterator[list[Any]]:
    return ([each for column in columns for each in column] for columns in zip(*parts, strict=True))
