"""Receipts that were accepted, each at its sequence number on the lane."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import MappingProxyType
from typing import Final, NamedTuple

from ..protocol.arrays import Leaves
from ..protocol.receipt import Leaf, Receipt, Scheme
from .database import Database
from .leaves import LeafPlaces
from .names import AlreadyNamed as AlreadyNamed
from .names import Name, Names, free_twins, names_of
from .runs import LAST, Run, Runs

NOTHING: Final[Mapping[Name, int]] = MappingProxyType({})


class StoredReceipt(NamedTuple):
    """A receipt with its place; ``received_at`` in unix seconds.

    ``emptied``: its number was filled with the empty leaf, because the relayer's judge would have disputed it.
    """

    leaf: Leaf
    scheme: Scheme
    lane: int
    seq: int
    received_at: int
    emptied: bool = False


class Receipts:
    """The tables ``runs``, ``names``, ``emptied`` and ``sequences``; ``leaves`` tells where a leaf stands."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names = Names(database)
        self.runs = Runs(database)
        self.leaves = LeafPlaces(database, self.runs)

    def find(self, receipt: Receipt) -> StoredReceipt | None:
        """The stored receipt with this receipt's hash, or None."""
        return self.find_all([receipt.issued_at], [receipt.hash])[0].get(receipt.hash)

    def find_all(
        self, times: Sequence[int], hashes: Sequence[bytes]
    ) -> tuple[dict[bytes, StoredReceipt], dict[Name, int]]:
        """Those of some receipts that are stored, by receipt hash, and which names are taken, for :meth:`add_all`.

        Receipts are given by when they were issued, and by their hashes.
        """
        names = {name for name in names_of(times, hashes) if name[0] <= LAST}
        places = self._names.find(names)
        seqs: dict[int, set[int]] = {}
        for place in chain.from_iterable(places.values()):
            seqs.setdefault(place.lane, set()).add(place.seq)
        wanted = set(hashes)
        stored = [one for lane, some in seqs.items() for one in self._at(lane, sorted(some))]
        known = {one.leaf.receipt.hash: one for one in stored if one.leaf.receipt.hash in wanted}
        return known, free_twins(places, names)

    def by_leaf(self, leaf_hash: bytes) -> StoredReceipt | None:
        """The stored receipt with a leaf hash (32 bytes), or None."""
        place = self.leaves.place(leaf_hash)
        if place is None:
            return None
        lane, seq = place
        found = next(self._at(lane, [seq]), None)
        return found if found is not None and found.leaf.hash == leaf_hash else None

    def first(self, lane: int) -> int | None:
        """The least number of a lane at which a receipt is kept, or None."""
        found = self.runs.first(lane, 0)
        return found[0] if found is not None else None

    def forget(self, lane: int, below: int) -> int:
        """Remove the receipts at numbers below ``below``; how many there were. Their numbers are not given again.

        Belongs in a transaction.
        """
        count = 0
        for run in self.runs.within(lane, 0, below):
            leaves = run.leaves
            names = names_of(leaves.times, leaves.hashes)
            self._names.forget(lane, zip(names, range(run.first_seq, run.end), strict=True))
            self.leaves.forget(run)
            count += run.count
        self.runs.forget(lane, below)
        self._database.execute("DELETE FROM emptied WHERE lane = ? AND seq < ?", (lane, below))
        return count

    def add(self, lane: int, items: Sequence[tuple[Leaf, Scheme]], received_at: int) -> list[StoredReceipt]:
        """Give each leaf the lane's next number and keep it: :meth:`add_all`."""
        first_seq = self.add_all(lane, Leaves.of(items), received_at)
        return [
            StoredReceipt(leaf, scheme, lane, seq, received_at)
            for seq, (leaf, scheme) in enumerate(items, first_seq)
        ]

    def add_all(
        self, lane: int, leaves: Leaves, received_at: int, taken: Mapping[Name, int] = NOTHING
    ) -> int:
        """Give each of some leaves the lane's next number, and keep it; the first one's number.

        Belongs in a transaction. ``taken``: what :meth:`find_all` says of them within it; nothing, if it was not asked.

        Raises:
            AlreadyNamed: one may be stored already; ask, and leave out those that are. Nothing may be committed.
        """
        first_seq = self.next_seq(lane)
        self._names.add(lane, first_seq, leaves.times, leaves.hashes, taken)
        self.runs.add(lane, first_seq, leaves, received_at)
        self._database.execute(
            "INSERT INTO sequences (lane, next_seq) VALUES (?, ?)"
            " ON CONFLICT (lane) DO UPDATE SET next_seq = excluded.next_seq",
            (lane, first_seq + len(leaves.words)),
        )
        return first_seq

    def next_seq(self, lane: int) -> int:
        """The next number to give away: behind all that were given away here, and all that are on chain."""
        given = self._database.row("SELECT next_seq FROM sequences WHERE lane = ?", (lane,))
        posted = self._database.row(
            "SELECT first_seq + count FROM posted WHERE lane = ? ORDER BY first_seq DESC LIMIT 1", (lane,)
        )
        return max(int(row[0]) if row else 0 for row in (given, posted))

    def in_order(self, lane: int, first_seq: int, most: int) -> list[StoredReceipt]:
        """Up to ``most`` receipts of a lane from ``first_seq`` on, by number; numbers may be missing."""
        return list(islice(self._from(lane, first_seq, LAST), most))

    def oldest_from(self, lane: int, first_seq: int) -> tuple[int, int, int] | None:
        """Of a lane's receipts from ``first_seq`` on: how many, the least number, and when that one came.

        How many by their numbers: where those of receipts that are on chain are missing, they count.
        """
        found = self.runs.first(lane, first_seq)
        return (self.runs.end(lane) - found[0], *found) if found is not None else None

    def empty(self, lane: int, seqs: Iterable[int]) -> None:
        """The empty leaf takes these receipts' numbers."""
        self._database.execute_many(
            "INSERT INTO emptied (lane, seq) VALUES (?, ?) ON CONFLICT DO NOTHING",
            ((lane, seq) for seq in seqs),
        )

    def count(self, lane: int) -> int:
        """How many receipts of a lane are stored."""
        return self.runs.count(lane)

    def each(self, lane: int, first_seq: int, count: int) -> Iterator[StoredReceipt]:
        """The receipts at ``count`` numbers from ``first_seq`` on, read a few runs at a time."""
        return self._from(lane, first_seq, first_seq + count)

    def issued(self, lane: int, first_seq: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Number, issuedAt and when it came of each receipt from ``first_seq`` up to ``end`` that is not emptied."""
        emptied = self._emptied(lane, first_seq, end)
        for run in self.runs.within(lane, first_seq, end):
            for seq, issued_at in enumerate(run.issued_at, run.first_seq):
                if seq not in emptied:
                    yield seq, issued_at, run.received_at

    def _from(self, lane: int, first_seq: int, end: int) -> Iterator[StoredReceipt]:
        emptied = self._emptied(lane, first_seq, end)
        for run in self.runs.within(lane, first_seq, end):
            for place in range(run.count):
                yield _stored(run, place, emptied)

    def _at(self, lane: int, seqs: Sequence[int]) -> Iterator[StoredReceipt]:
        """The receipts at some numbers, the least first; numbers may be missing."""
        emptied = self._emptied(lane, seqs[0], seqs[-1] + 1)
        run: Run | None = None
        for seq in seqs:
            if run is None or seq >= run.end:
                run = self.runs.holding(lane, seq)
            if run is not None:
                yield _stored(run, seq - run.first_seq, emptied)

    def _emptied(self, lane: int, first_seq: int, end: int) -> set[int]:
        rows = self._database.rows(
            "SELECT seq FROM emptied WHERE lane = ? AND seq >= ? AND seq < ?", (lane, first_seq, end)
        )
        return {seq for (seq,) in rows}


def _stored(run: Run, place: int, emptied: Container[int]) -> StoredReceipt:
    seq = run.first_seq + place
    return StoredReceipt(run.leaf(place), run.scheme, run.lane, seq, run.received_at, seq in emptied)
