"""What is handed in to intake, and what it answers. No step itself.

Receipts of one request stand side by side, on their way in and once they have their places: what is said of one of them
is worked out when somebody asks for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, overload

from ..protocol.admission import Refused
from ..protocol.arrays import Handed, Leaves
from ..protocol.errors import InvalidField
from ..protocol.merkle import BatchTree
from ..protocol.promise import NOBODY, HeldPromise, SignedPromise
from ..protocol.receipt import SignedReceipt
from ..store.receipts import StoredReceipt
from .ground import Full, Unready


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody hands in at once; ``errors``: what of it could not be parsed, by its place among the items.

    ``beneficiaries``, in the order of ``handed``, are who is paid for a broken promise; without them nobody.
    ``urgent``: the batch that holds it is to be closed at once.
    """

    handed: Handed
    beneficiaries: Sequence[bytes] = ()
    errors: Mapping[int, InvalidField] = field(default_factory=dict)
    urgent: bool = False

    @classmethod
    def of(
        cls,
        items: Sequence[SignedReceipt | InvalidField],
        beneficiaries: Sequence[bytes] = (),
        urgent: bool = False,
    ) -> "Request":
        """A request of receipts, and of errors where there are none; ``beneficiaries`` in the order of all of them."""
        errors = {place: item for place, item in enumerate(items) if isinstance(item, InvalidField)}
        paid = [each for place, each in enumerate(beneficiaries) if place not in errors]
        handed = Handed.of([item for item in items if not isinstance(item, InvalidField)])
        return cls(handed, () if set(paid) <= {NOBODY} else paid, errors, urgent)


@dataclass(frozen=True, slots=True)
class Placed:
    """Receipts at consecutive numbers, on disk; with a promise, those that it is about, and their ``tree``."""

    lane: int
    first_seq: int
    received_at: int
    leaves: Leaves
    signed: SignedPromise | None = None
    tree: BatchTree | None = field(default=None, compare=False)

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.leaves.words)


class Accepted(NamedTuple):
    """A receipt has its place and is on disk. ``repeated``: it was there before; this is its first answer again."""

    placed: Placed
    at: int
    repeated: bool = False
    emptied: bool = False

    @property
    def stored(self) -> StoredReceipt:
        """The receipt with its place."""
        placed, at = self.placed, self.at
        return StoredReceipt(
            placed.leaves.leaf(at), placed.leaves.schemes[at], placed.lane, placed.first_seq + at,
            placed.received_at, self.emptied,
        )  # fmt: skip

    @property
    def promise(self) -> HeldPromise | None:
        """What was promised of it; None: nothing."""
        signed, tree = self.placed.signed, self.placed.tree
        if signed is None or tree is None:
            return None
        return HeldPromise(signed, self.at, tuple(tree.proof(self.at)))


Answer = Accepted | Refused | Unready | Full
Answers = Sequence[Answer]


class Taken(Answers):
    """The answers to a request all of whose receipts were placed now, in order."""

    def __init__(self, placed: Placed) -> None:
        self.placed = placed

    def __len__(self) -> int:
        return self.placed.count

    @overload
    def __getitem__(self, at: int) -> Accepted: ...

    @overload
    def __getitem__(self, at: slice) -> list[Answer]: ...

    def __getitem__(self, at: int | slice) -> Accepted | list[Answer]:
        places = range(self.placed.count)[at]
        return Accepted(self.placed, places) if isinstance(places, int) else [self[place] for place in places]
