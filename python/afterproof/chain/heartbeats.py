"""What the steps ask of ``Heartbeats``, and do there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from afterproof.protocol.heartbeat_terms import HeartbeatTerms

from .states import Landed


@dataclass(frozen=True, slots=True)
class ReporterState:
    """A reporter as the contract has it: its bond in wei, and when it left in unix seconds (0: it has not)."""

    bond: int
    open_challenges: int
    left_at: int


class HeartbeatSender(Protocol):
    """Reads at the newest block, and actions; errors as :class:`afterproof.chain.base.ChainSender` says.

    Where ``deployment.heartbeats`` is None there is no such contract, and all of it raises SendFailed.
    """

    def heartbeat_terms(self) -> HeartbeatTerms:
        """What heartbeats go by; it never changes."""
        ...

    def reporter(self, account: bytes) -> ReporterState:
        """A reporter as the contract has it now."""
        ...

    def heartbeat_bitmap(self, reporter: bytes, round_number: int, word: int) -> int:
        """What a reporter said of a word of nodes in a round."""
        ...

    def heartbeat_deadline(self, reporter: bytes, round_number: int, index: int) -> int | None:
        """Until when the challenge of a bit can be answered; None where none is open."""
        ...

    def join_reporters(self, bond: int) -> Landed:
        """``Heartbeats.join`` with ``bond`` wei more."""
        ...

    def report_heartbeats(self, round_number: int, first_word: int, bitmaps: Sequence[int]) -> Landed:
        """``Heartbeats.report``."""
        ...

    def challenge_heartbeat(self, reporter: bytes, round_number: int, index: int, deposit: int) -> Landed:
        """``Heartbeats.challenge``."""
        ...

    def answer_heartbeat(
        self, reporter: bytes, round_number: int, index: int, timestamp: int, key: bytes, signature: bytes
    ) -> Landed:
        """``Heartbeats.answer``: with the node's public key and what it signed."""
        ...
