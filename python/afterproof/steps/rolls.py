"""Epochs and nodes as the store has them, so that intake need not ask again for each receipt."""

from dataclasses import replace
from typing import Final

from ..chain.base import Block
from ..protocol.attestations import NodeRecord
from ..store.registry import EpochRecord, Registry


class Roll:
    """What the store had of epochs and nodes when the chain was followed to ``cursor``, so as not to ask again.

    All of it changes only in commits that move the cursor. Not stored; a new one where the cursor is another.
    """

    MOST: Final = 4096
    """Nodes that are kept at most."""

    def __init__(self, cursor: Block | None = None) -> None:
        self.cursor = cursor
        self.has_grown = False
        self._nodes: dict[bytes, NodeRecord | None] = {}
        self._epoch: tuple[int, EpochRecord | None] = (-1, None)

    def epoch_at(self, registry: Registry, time: int) -> EpochRecord | None:
        """:meth:`Registry.epoch_at`."""
        if self._epoch[0] != time:
            self._epoch = (time, registry.epoch_at(time))
            self.has_grown = True
        return self._epoch[1]

    def node(self, registry: Registry, name: bytes, as_of: int) -> NodeRecord | None:
        """A node's record at ``as_of``, without attestations that were over before."""
        found = self._nodes.get(name)
        if name not in self._nodes or (found is not None and as_of < found.as_of):
            if len(self._nodes) >= self.MOST:
                self._nodes.clear()
            found = self._nodes[name] = registry.node(name, as_of, since=as_of)
            self.has_grown = True
        return found if found is None or found.as_of == as_of else replace(found, as_of=as_of)


class Rolls:
    """The last :class:`Roll`."""

    def __init__(self) -> None:
        self._last = Roll()

    def at(self, cursor: Block | None) -> Roll:
        """The roll of a cursor that was just read."""
        if cursor is None or cursor != self._last.cursor:
            self._last = Roll(cursor)
        return self._last

    def check(self, roll: Roll, cursor: Block | None) -> None:
        """What a roll was extended by was read while the cursor stood; where it has moved since, begin anew."""
        if roll.has_grown and cursor != roll.cursor and self._last is roll:
            self._last = Roll()
        roll.has_grown = False
