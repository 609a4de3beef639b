"""Packed leaves in columns: the raw words and signatures of a tile, without an object for each leaf.

A verifier looks at every leaf that anybody posts, and has something to say of few: it makes a :class:`.receipt.Leaf` of
those alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sha3 import keccak_256

from .errors import InvalidData
from .receipt import EMPTY_LEAF_HASH, MAX_SIGNATURE, Leaf, Receipt

EMPTY_MARK: Final = b"\xff\xff"
"""What stands for the empty leaf, in place of a signature's length."""

WORDS: Final = 192
"""Bytes of a receipt's six words."""

HEAD: Final = 2 + WORDS


@dataclass(frozen=True, slots=True)
class Columns:
    """Leaves in order: the words of each (192 bytes; None: the empty leaf) and its signature, at most 256 bytes."""

    words: list[bytes | None]
    signatures: list[bytes]

    @classmethod
    def of(cls, leaves: Sequence[Leaf | None]) -> "Columns":
        """The same leaves in columns."""
        return cls(
            [None if leaf is None else leaf.receipt.words for leaf in leaves],
            [b"" if leaf is None else leaf.signature for leaf in leaves],
        )

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self.words)

    @property
    def nodes(self) -> set[bytes]:
        """The nodes that the leaves name."""
        return {words[:32] for words in self.words if words is not None}

    def leaf(self, index: int) -> Leaf | None:
        """One of the leaves."""
        words = self.words[index]
        return None if words is None else Leaf(Receipt.from_words(words), self.signatures[index])

    def leaves(self) -> list[Leaf | None]:
        """All of them."""
        return [self.leaf(index) for index in range(len(self.words))]

    def hashes(self) -> list[bytes]:
        """The leaf hash of each."""
        hasher = keccak_256
        return [
            EMPTY_LEAF_HASH if words is None else hasher(b"\0" + words + hasher(signature).digest()).digest()
            for words, signature in zip(self.words, self.signatures, strict=True)
        ]


def columns_of(data: bytes, count: int) -> Columns:
    """The ``count`` leaves packed in ``data``.

    Raises:
        InvalidData: too few or too many bytes, or a signature's length above 256.
    """
    columns, end = first_columns(data, count)
    if end != len(data):
        raise InvalidData(f"{len(data) - end} bytes follow the last of {count} leaves")
    return columns


def first_columns(data: bytes, count: int) -> tuple[Columns, int]:
    """The first ``count`` leaves packed in ``data``, and how many bytes they take; others may follow.

    Raises:
        InvalidData: too few bytes, or a signature's length above 256.
    """
    length = int.from_bytes(data[:2])
    stride = HEAD + length
    end = count * stride
    # Signatures of one length, as one scheme's are: then each leaf's place is known without the others.
    if length <= MAX_SIGNATURE and data[:end:stride] + data[1:end:stride] == (
        data[:1] * count + data[1:2] * count
    ):
        starts = range(0, end, stride)
        if end <= len(data):
            return Columns(
                [data[at + 2 : at + HEAD] for at in starts], [data[at + HEAD : at + stride] for at in starts]
            ), end
    return _walked(data, count)


def _walked(data: bytes, count: int) -> tuple[Columns, int]:
    """The same, leaf by leaf."""
    found, signatures = list[bytes | None](), list[bytes]()
    at = 0
    for index in range(count):
        head = data[at : at + 2]
        if len(head) < 2:
            raise InvalidData(f"leaf {index} of {count}: the data ends before it")
        if head == EMPTY_MARK:
            found.append(None)
            signatures.append(b"")
            at += 2
            continue
        length = int.from_bytes(head)
        if length > MAX_SIGNATURE:
            raise InvalidData(f"leaf {index}: a signature of {length} bytes is longer than {MAX_SIGNATURE}")
        end = at + HEAD + length
        if end > len(data):
            raise InvalidData(f"leaf {index} of {count}: the data ends within it")
        found.append(data[at + 2 : at + HEAD])
        signatures.append(data[at + HEAD : end])
        at = end
    return Columns(found, signatures), at
