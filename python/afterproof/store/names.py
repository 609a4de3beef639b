"""Where a receipt hash stands, by what is short of it: so that none is stored twice, and each is found again.

Integers alone, in an index that is local while it grows: a receipt's second first, then eight bytes of its hash. Two
receipts of one second may share those, by chance or with great effort; the later is another's ``twin`` then. Whoever
finds a number by a name looks at the receipt that stands there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count, islice, repeat
from struct import iter_unpack
from typing import Final, NamedTuple

from ..errors import AfterproofError
from .database import Database, Row

_AT_ONCE: Final = 256
"""Names that one statement looks for, or adds, at most."""

Name = tuple[int, int]
"""When a receipt was issued, and the first eight bytes of its hash as a signed number."""


class Place(NamedTuple):
    """Where a receipt stands, and which of those of its name it is."""

    twin: int
    lane: int
    seq: int


class AlreadyNamed(AfterproofError):
    """A receipt of that second and name is stored: perhaps the same, perhaps one that only looks like it."""


class Names:
    """The table ``names``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        lane: int,
        first_seq: int,
        times: Sequence[int],
        hashes: Sequence[bytes],
        taken: Mapping[Name, int],
    ) -> None:
        """Name the receipts at consecutive numbers; ``taken``: the least ``twin`` that is free, for names in use.

        Raises:
            AlreadyNamed: more are in use than ``taken`` says. Nothing of the transaction may be committed then.
        """
        names = _short(hashes)
        twins = _twins(zip(times, names, strict=True), taken) if taken else repeat(0)
        rows = zip(times, names, twins, repeat(lane), count(first_seq), strict=False)  # the last have no end
        added, left = 0, len(names)
        while left:
            # A few lengths only, so that each is prepared once.
            length = min(_AT_ONCE, 1 << (left.bit_length() - 1))
            marks = ", ".join(["(?, ?, ?, ?, ?)"] * length)
            added += self._database.execute(
                f"INSERT INTO names (issued_at, name, twin, lane, seq) VALUES {marks} ON CONFLICT DO NOTHING",
                list(chain.from_iterable(islice(rows, length))),
            )
            left -= length
        if added < len(names):
            raise AlreadyNamed(f"{len(names) - added} receipts have names that are in use")

    def find(self, names: Iterable[Name]) -> dict[Name, list[Place]]:
        """Who has each of some names; those of nobody are left out."""
        by_second: dict[int, list[int]] = {}
        for time, name in names:
            by_second.setdefault(time, []).append(name)
        found: dict[Name, list[Place]] = {}
        for time, wanted in by_second.items():
            for start in range(0, len(wanted), _AT_ONCE):
                for name, *place in self._rows_of(time, wanted[start : start + _AT_ONCE]):
                    found.setdefault((time, name), []).append(Place(*place))
        return found

    def _rows_of(self, time: int, names: Sequence[int]) -> list[Row]:
        # A few lengths only, so that each is prepared once: the last name fills up.
        length = 1 << (len(names) - 1).bit_length()
        padded = [*names, *[names[-1]] * (length - len(names))]
        marks = "?" + ", ?" * (length - 1)
        return self._database.rows(
            f"SELECT name, twin, lane, seq FROM names WHERE issued_at = ? AND name IN ({marks})",
            (time, *padded),
        )

    def forget(self, lane: int, names: Iterable[tuple[Name, int]]) -> None:
        """Remove the names of receipts of a lane at their numbers."""
        self._database.execute_many(
            "DELETE FROM names WHERE issued_at = ? AND name = ? AND lane = ? AND seq = ?",
            ((time, name, lane, seq) for (time, name), seq in names),
        )


def names_of(times: Sequence[int], hashes: Sequence[bytes]) -> list[Name]:
    """The names of receipts issued at ``times``, by their hashes."""
    return list(zip(times, _short(hashes), strict=True))


def free_twins(found: Mapping[Name, Sequence[Place]], names: Iterable[Name]) -> dict[Name, int]:
    """The least ``twin`` that is free of each of ``names``, where ``found`` says who has them."""
    return {name: max((place.twin for place in found.get(name, ())), default=-1) + 1 for name in names}


def _short(hashes: Sequence[bytes]) -> list[int]:
    return [name for (name,) in iter_unpack(">q24x", b"".join(hashes))]


def _twins(names: Iterable[Name], taken: Mapping[Name, int]) -> Iterator[int]:
    free = dict(taken)
    for name in names:
        twin = free.get(name, 0)
        free[name] = twin + 1
        yield twin
