"""``Heartbeats`` on a chain behind a node's JSON-RPC."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from afterproof.errors import SendFailed
from afterproof.protocol.heartbeat_terms import HeartbeatTerms

from .heartbeats import ReporterState
from .states import Deployment, Landed


class EvmHeartbeats(ABC):
    """Implements :class:`afterproof.chain.heartbeats.HeartbeatSender` over one way to call and to act."""

    deployment: Deployment

    @abstractmethod
    def _call(self, contract: bytes, name: str, function: str, *arguments: Any) -> tuple[Any, ...]:
        """What a view answers at the newest block."""
        ...

    @abstractmethod
    def _act(
        self, target: str, function: str, arguments: tuple[Any, ...], value: int = 0, dry_run: bool = False
    ) -> tuple[tuple[Any, ...], Landed]:
        """What a call of ``target`` returns by its simulation, and how it landed."""
        ...

    def heartbeat_terms(self) -> HeartbeatTerms:
        """Implements :meth:`HeartbeatSender.heartbeat_terms`."""
        return HeartbeatTerms(*self._beats("terms")[0])

    def reporter(self, account: bytes) -> ReporterState:
        """Implements :meth:`HeartbeatSender.reporter`."""
        return ReporterState(*self._beats("reporterOf", account)[0])

    def heartbeat_bitmap(self, reporter: bytes, round_number: int, word: int) -> int:
        """Implements :meth:`HeartbeatSender.heartbeat_bitmap`."""
        return int(self._beats("bitmap", reporter, round_number, word)[0])

    def heartbeat_deadline(self, reporter: bytes, round_number: int, index: int) -> int | None:
        """Implements :meth:`HeartbeatSender.heartbeat_deadline`."""
        ((challenger, deadline, answered, expired, _),) = self._beats(
            "challengeOf", reporter, round_number, index
        )
        return int(deadline) if any(challenger) and not answered and not expired else None

    def join_reporters(self, bond: int) -> Landed:
        """Implements :meth:`HeartbeatSender.join_reporters`."""
        return self._beat("join", value=bond)

    def report_heartbeats(self, round_number: int, first_word: int, bitmaps: Sequence[int]) -> Landed:
        """Implements :meth:`HeartbeatSender.report_heartbeats`."""
        return self._beat("report", round_number, first_word, list(bitmaps))

    def challenge_heartbeat(self, reporter: bytes, round_number: int, index: int, deposit: int) -> Landed:
        """Implements :meth:`HeartbeatSender.challenge_heartbeat`."""
        return self._beat("challenge", reporter, round_number, index, value=deposit)

    def answer_heartbeat(
        self, reporter: bytes, round_number: int, index: int, timestamp: int, key: bytes, signature: bytes
    ) -> Landed:
        """Implements :meth:`HeartbeatSender.answer_heartbeat`."""
        return self._beat("answer", reporter, round_number, index, timestamp, key, signature)

    def _beats(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        return self._call(self._contract(), "Heartbeats", function, *arguments)

    def _beat(self, function: str, *arguments: Any, value: int = 0) -> Landed:
        self._contract()
        return self._act("heartbeats", function, arguments, value)[1]

    def _contract(self) -> bytes:
        if self.deployment.heartbeats is None:
            raise SendFailed(
                "the address file names no Heartbeats: use one that this version's deployment wrote"
            )
        return self.deployment.heartbeats
