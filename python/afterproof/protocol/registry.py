"""``AttestationRegistry`` as a pure state machine: who may sign, and since when one knows.

Changes are only ever added, each with the second from which it holds and the second in which it was recorded.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from .outcome import Env, Event, Revert, checked_owner
from .signing import node_of, scheme_of

FOREVER: Final = 2**256 - 1


class Assurance(IntEnum):
    """How surely a node is what it says, in rising order."""

    NONE = 0
    ENDORSED = 1
    UNCHALLENGED = 2
    PROVEN = 3


@dataclass(frozen=True)
class NodeRecord:
    """A node: its key, when it starts, and each end as ``(recorded_at, ends_at)``, in the order recorded."""

    public_key: bytes
    starts_at: int
    operator: bytes = bytes(20)
    ends: tuple[tuple[int, int], ...] = ()

    def ends_at(self, known_by: int = FOREVER) -> int | None:
        """The end by the records made no later than ``known_by``; None where there is none."""
        known = [end for recorded, end in self.ends if recorded <= known_by]
        return known[-1] if known else None

    def was_live(self, at: int, known_by: int = FOREVER) -> bool:
        """Whether the node was live at ``at`` by the records made no later than ``known_by``."""
        # A registration is recorded one second before it starts.
        if at < self.starts_at or known_by < self.starts_at - 1:
            return False
        end = self.ends_at(known_by)
        return end is None or at < end

    def with_end(self, recorded_at: int, ends_at: int) -> "NodeRecord":
        """The record with one more end; one recorded in the same second replaces the one before."""
        kept = tuple(end for end in self.ends if end[0] != recorded_at)
        return NodeRecord(self.public_key, self.starts_at, self.operator, (*kept, (recorded_at, ends_at)))


@dataclass
class Registry:
    """The registry's state. Every action checks first and changes nothing when it raises :class:`Revert`."""

    owner: bytes
    max_reach_back: int
    nodes: dict[bytes, NodeRecord] = field(default_factory=dict)

    def endorse(self, env: Env, public_key: bytes, operator: bytes) -> list[Event]:
        """The owner vouches for a node, live from the next second on."""
        checked_owner(env, self.owner)
        if scheme_of(public_key) is None:
            raise Revert("UnknownKeyForm", len(public_key))
        if not any(operator):
            raise Revert("NoOperator")
        node = node_of(public_key)
        if node in self.nodes:
            raise Revert("AlreadyRegistered", node)
        self.nodes[node] = NodeRecord(public_key, env.now + 1, operator)
        return [Event("NodeRegistered", (node, Assurance.ENDORSED, operator, env.now + 1, public_key))]

    def revoke(self, env: Env, node: bytes, effective_from: int, reason: str) -> list[Event]:
        """The owner ends a node, at most ``max_reach_back`` ago, now or later. An end only ever moves earlier."""
        checked_owner(env, self.owner)
        record = self.nodes.get(node)
        if record is None:
            raise Revert("UnknownNode", node)
        earliest = max(env.now - self.max_reach_back, 1)
        if effective_from < earliest:
            raise Revert("TooFarBack", effective_from, earliest)
        end = record.ends_at()
        if end is not None and effective_from >= end:
            raise Revert("AlreadyRevoked", node, end)
        self.nodes[node] = record.with_end(env.now, effective_from)
        return [Event("NodeRevoked", (node, effective_from, reason))]

    def was_live(self, node: bytes, at: int, known_by: int) -> bool:
        """Whether ``node`` was live at ``at`` by the records made no later than ``known_by``."""
        return node in self.nodes and self.nodes[node].was_live(at, known_by)

    def assurance(self, node: bytes, at: int) -> Assurance:
        """How surely ``node`` was what it says at ``at``, by all records so far."""
        return Assurance.ENDORSED if self.was_live(node, at, FOREVER) else Assurance.NONE
