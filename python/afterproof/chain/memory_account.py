"""The in-memory chain as one account acts on it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from afterproof.protocol.claims import Opening
from afterproof.protocol.header import BatchId
from afterproof.protocol.outcome import Env, Event, Revert
from afterproof.protocol.settlement import Settlement
from afterproof.protocol.state import LANE_FAULTS, Claim, FaultKind
from afterproof.protocol.terms import Terms

from .base import Landed, Listener, Purpose
from .memory_heartbeats import MemoryHeartbeats
from .memory_reader import MemoryReader
from .memory_registry import OTHER
from .memory_state import FAULT_CONTRACTS

if TYPE_CHECKING:
    from .memory import MemoryChain


class MemoryAccount(MemoryReader, MemoryHeartbeats):
    """Implements :class:`afterproof.chain.base.ChainSender` over a :class:`afterproof.chain.memory.MemoryChain`."""

    def __init__(self, chain: "MemoryChain", account: bytes) -> None:
        super().__init__(chain)
        self.account = account
        self.listener: Listener | None = None
        self.may_act: Callable[[], None] = lambda: None

    def guard(self, may_act: Callable[[], None]) -> None:
        """Implements :meth:`ChainSender.guard`."""
        self.may_act = may_act

    def __repr__(self) -> str:
        return f"MemoryAccount(0x{self.account.hex()})"

    def tell(self, listener: Listener) -> None:
        """Implements :meth:`ChainSender.tell`."""
        self.listener = listener

    # --- lanes ---------------------------------------------------------------------------------

    def post(
        self,
        lane: int,
        first_seq: int,
        count: int,
        oldest: int,
        newest: int,
        tile_roots: Sequence[bytes],
        data_uri: str,
        urgent: bool = False,
    ) -> Landed:
        """Implements :meth:`ChainSender.post`."""
        roots = list(tile_roots)
        return self._settle(
            lambda settlement, env: settlement.post(
                env, lane, first_seq, count, oldest, newest, roots, data_uri
            ),
            purpose=Purpose("post", lane, first_seq),
        )

    def open_lane(
        self, poster: bytes, promise_key: bytes, ahead: int, stake: int, dry_run: bool = False
    ) -> tuple[int, Landed]:
        """Implements :meth:`ChainSender.open_lane`."""
        events, landed = self._acted(
            lambda env, settlement, _: settlement.open_lane(env, poster, promise_key, ahead), stake, dry_run
        )
        lane: int = events[0].arguments[0]
        return lane, landed

    def top_up(self, lane: int, amount: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.top_up`."""
        return self._settle(lambda settlement, env: settlement.top_up(env, lane), amount, dry_run)

    def rotate_lane(self, lane: int, poster: bytes, promise_key: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.rotate_lane`."""
        return self._settle(
            lambda settlement, env: settlement.rotate(env, lane, poster, promise_key), dry_run=dry_run
        )

    def set_ahead(self, lane: int, ahead: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.set_ahead`."""
        return self._settle(lambda settlement, env: settlement.set_ahead(env, lane, ahead), dry_run=dry_run)

    def apply_ahead(self, lane: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.apply_ahead`."""
        return self._settle(lambda settlement, env: settlement.apply_ahead(env, lane), dry_run=dry_run)

    def exit_lane(self, lane: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.exit_lane`."""
        return self._settle(lambda settlement, env: settlement.exit(env, lane), dry_run=dry_run)

    def withdraw_stake(self, lane: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.withdraw_stake`."""
        return self._settle(lambda settlement, env: settlement.withdraw_stake(env, lane), dry_run=dry_run)

    def release_cover(self, lane: int, max_batches: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.release_cover`."""
        return self._settle(
            lambda settlement, env: settlement.release_cover(env, lane, max_batches), dry_run=dry_run
        )

    def sweep_burned(self, lane: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.sweep_burned`."""
        return self._settle(lambda settlement, env: settlement.sweep_burned(env, lane), dry_run=dry_run)

    def withdraw(self, to: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.withdraw`."""
        return self._settle(
            lambda settlement, env: settlement.withdraw(env, to), 0, dry_run, Purpose("withdraw")
        )

    # --- faults, demands, promises -------------------------------------------------------------

    def prove_fault(self, kind: FaultKind, claim: Claim, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.prove_fault`."""
        return self._settle(
            lambda settlement, env: settlement.prove_fault(env, int(kind), claim),
            dry_run=dry_run,
            purpose=Purpose.of_batch("dispute", claim.batch, claim.index),
        )

    def demand_tile(
        self,
        batch: BatchId,
        tile: int,
        tile_root: bytes,
        path: Sequence[bytes],
        deposit: int,
        dry_run: bool = False,
    ) -> Landed:
        """Implements :meth:`ChainSender.demand_tile`."""
        proof = tuple(path)
        return self._settle(
            lambda settlement, env: settlement.demand_tile(env, batch, tile, tile_root, proof),
            deposit,
            dry_run,
            Purpose.of_batch("demand", batch, tile),
        )

    def answer_tile(
        self,
        batch: BatchId,
        tile: int,
        half: int,
        data: bytes,
        other: bytes,
        path: Sequence[bytes],
        dry_run: bool = False,
    ) -> Landed:
        """Implements :meth:`ChainSender.answer_tile`."""
        proof = tuple(path)
        return self._settle(
            lambda settlement, env: settlement.answer_tile(env, batch, tile, half, data, other, proof),
            0,
            dry_run,
            Purpose.of_batch("answer", batch, tile),
        )

    def expire_demand(self, batch: BatchId, tile: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.expire_demand`."""
        return self._settle(
            lambda settlement, env: settlement.expire_demand(env, batch, tile),
            0,
            dry_run,
            Purpose.of_batch("demand", batch, tile),
        )

    def claim_missed(self, opening: Opening, first_seq: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.claim_missed`."""
        return self._settle(
            lambda settlement, env: settlement.claim_missed(env, opening, first_seq),
            0,
            dry_run,
            Purpose("claim", *opening.place),
        )

    def claim_omitted(
        self, opening: Opening, first_seq: int, other: bytes, path: Sequence[bytes], dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`ChainSender.claim_omitted`."""
        proof = tuple(path)
        return self._settle(
            lambda settlement, env: settlement.claim_omitted(env, opening, first_seq, other, proof),
            0,
            dry_run,
            Purpose("claim", *opening.place),
        )

    def claim_double(self, first: Opening, second: Opening, first_seq: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.claim_double`."""
        return self._settle(
            lambda settlement, env: settlement.claim_double(env, first, second, first_seq),
            0,
            dry_run,
            Purpose("claim", *first.place),
        )

    # --- owner and guardian --------------------------------------------------------------------

    def announce_epoch(
        self, terms: Terms, faults: Mapping[FaultKind, bytes], starts_at: int, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`ChainSender.announce_epoch`."""
        kinds, unknown = frozenset(faults), set(faults.values()) - set(FAULT_CONTRACTS.values())

        def announce(settlement: Settlement, env: Env) -> list[Event]:
            if unknown and kinds <= LANE_FAULTS and env.sender == settlement.owner:
                raise Revert("BadTerms", "faults", "name contracts that exist")
            return settlement.announce_epoch(env, terms, kinds, starts_at)

        return self._settle(announce, dry_run=dry_run)

    def pause_posting(self, seconds: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.pause_posting`."""
        return self._settle(lambda settlement, env: settlement.pause(env, seconds), dry_run=dry_run)

    def set_guardian(self, guardian: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.set_guardian`."""
        return self._settle(lambda settlement, env: settlement.set_guardian(env, guardian), dry_run=dry_run)

    def _settle(
        self,
        action: Callable[[Settlement, Env], list[Event]],
        value: int = 0,
        dry_run: bool = False,
        purpose: Purpose = OTHER,
    ) -> Landed:
        """Acts on the settlement contract."""
        return self._acted(lambda env, settlement, _: action(settlement, env), value, dry_run, purpose)[1]
