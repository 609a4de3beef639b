"""A batch's id and header, as the contract packs them: ``contracts/types/Header.sol`` has the layout."""

from dataclasses import dataclass, fields
from typing import Final, NewType

BatchId = NewType("BatchId", int)
"""``lane << 64 | firstSeq``."""

_WIDTHS: Final = {
    "count": 20,
    "anchor": 40,
    "window_end": 40,
    "oldest": 40,
    "span": 32,
    "epoch": 16,
    "pause_index": 16,
    "fault_count": 10,
    "open_demands": 12,
    "end_delta": 24,
    "flags": 6,
}
HAS_VOIDS: Final = 1
HAS_MISDECLARED: Final = 2
IS_STRUCK: Final = 4
HAS_DEMANDS: Final = 8
MAX_FAULT_COUNT: Final = 2**10 - 1


def batch_id(lane: int, first_seq: int) -> BatchId:
    """The id of the batch of ``lane`` that starts at ``first_seq``."""
    return BatchId(lane << 64 | first_seq)


def lane_of(batch: BatchId) -> int:
    """The lane of a batch."""
    return batch >> 64


def first_seq_of(batch: BatchId) -> int:
    """The first sequence number of a batch."""
    return batch & (2**64 - 1)


def name_of(batch: BatchId) -> str:
    """A batch as messages call it: ``lane/firstSeq``."""
    return f"{lane_of(batch)}/{first_seq_of(batch)}"


@dataclass(frozen=True, slots=True)
class Header:
    """Times in unix seconds, ``span`` and ``end_delta`` in seconds."""

    count: int
    anchor: int
    window_end: int
    oldest: int
    span: int
    epoch: int
    pause_index: int = 0
    fault_count: int = 0
    open_demands: int = 0
    end_delta: int = 0
    flags: int = 0

    @property
    def newest(self) -> int:
        """Greatest issuedAt of the timely leaves, as declared."""
        return self.oldest + self.span

    @property
    def tiles(self) -> int:
        """The number of tiles."""
        return (self.count + 255) // 256

    @property
    def latest_end(self) -> int:
        """When the last of the tiles ends, inclusive."""
        return self.window_end + self.end_delta

    def is_closed(self, at: int) -> bool:
        """Whether nothing in the batch can be disputed any more."""
        return at > self.latest_end and self.open_demands == 0

    def pack(self) -> int:
        """The header as its 256-bit word."""
        word, shift = 0, 0
        for name, width in _WIDTHS.items():
            value = getattr(self, name)
            if not 0 <= value < 1 << width:
                raise ValueError(f"{name} of {value} does not fit {width} bits")
            word |= value << shift
            shift += width
        return word

    @classmethod
    def unpack(cls, word: int) -> "Header":
        """The header in a 256-bit word."""
        values = {}
        for name, width in _WIDTHS.items():
            values[name] = word & ((1 << width) - 1)
            word >>= width
        return cls(**values)


assert sum(_WIDTHS.values()) == 256 and list(_WIDTHS) == [f.name for f in fields(Header)]
