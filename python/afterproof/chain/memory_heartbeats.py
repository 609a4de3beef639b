"""The in-memory chain's ``Heartbeats`` as one account reads it and acts on it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from afterproof.protocol.heartbeat_terms import HeartbeatTerms
from afterproof.protocol.heartbeats import Heartbeats
from afterproof.protocol.outcome import Env
from afterproof.protocol.registry import Registry

from .heartbeats import ReporterState
from .memory_state import OnHeartbeats
from .states import Landed

if TYPE_CHECKING:
    from .memory import MemoryChain


class MemoryHeartbeats:
    """Implements :class:`afterproof.chain.heartbeats.HeartbeatSender`."""

    chain: "MemoryChain"
    account: bytes
    may_act: Callable[[], None]

    def heartbeat_terms(self) -> HeartbeatTerms:
        """Implements :meth:`HeartbeatSender.heartbeat_terms`."""
        return self.chain.view().heartbeats.terms

    def reporter(self, account: bytes) -> ReporterState:
        """Implements :meth:`HeartbeatSender.reporter`."""
        heartbeats = self.chain.view().heartbeats
        return ReporterState(heartbeats.bonds.get(account, 0), heartbeats.open_challenges(account), 0)

    def heartbeat_bitmap(self, reporter: bytes, round_number: int, word: int) -> int:
        """Implements :meth:`HeartbeatSender.heartbeat_bitmap`."""
        return self.chain.view().heartbeats.bitmap(reporter, round_number, word)

    def heartbeat_deadline(self, reporter: bytes, round_number: int, index: int) -> int | None:
        """Implements :meth:`HeartbeatSender.heartbeat_deadline`."""
        found = self.chain.view().heartbeats.challenges.get((reporter, round_number, index))
        is_open = found is not None and not found.answered and not found.expired
        return found.deadline if found is not None and is_open else None

    def join_reporters(self, bond: int) -> Landed:
        """Implements :meth:`HeartbeatSender.join_reporters`."""
        return self._beat(lambda heartbeats, env, _: heartbeats.join(env), bond)

    def report_heartbeats(self, round_number: int, first_word: int, bitmaps: Sequence[int]) -> Landed:
        """Implements :meth:`HeartbeatSender.report_heartbeats`."""
        words = tuple(bitmaps)
        return self._beat(lambda heartbeats, env, _: heartbeats.report(env, round_number, first_word, words))

    def challenge_heartbeat(self, reporter: bytes, round_number: int, index: int, deposit: int) -> Landed:
        """Implements :meth:`HeartbeatSender.challenge_heartbeat`."""
        return self._beat(
            lambda heartbeats, env, _: heartbeats.challenge(env, reporter, round_number, index), deposit
        )

    def answer_heartbeat(
        self, reporter: bytes, round_number: int, index: int, timestamp: int, key: bytes, signature: bytes
    ) -> Landed:
        """Implements :meth:`HeartbeatSender.answer_heartbeat`."""
        place = (reporter, round_number, index)
        return self._beat(
            lambda heartbeats, env, registry: heartbeats.answer(
                env, list(registry.nodes), place, timestamp, key, signature
            )
        )

    def _beat(self, action: Callable[[Heartbeats, Env, Registry], None], value: int = 0) -> Landed:
        return self.chain.act(self.account, OnHeartbeats(action), value, may_act=self.may_act)[1]
