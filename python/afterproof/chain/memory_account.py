"""The in-memory chain as one account sees it and acts on it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from afterproof.errors import CallReverted
from afterproof.protocol.header import BatchId, Header
from afterproof.protocol.settlement import MAX_COUNT
from afterproof.protocol.state import Claim, FaultKind, Standing, VoidReason
from afterproof.protocol.terms import Terms

from .base import Block, Landed, LaneState, Logged, NodeState

if TYPE_CHECKING:
    from .memory import MemoryChain


class MemoryAccount:
    """Implements :class:`afterproof.chain.base.ChainSender` over a :class:`afterproof.chain.memory.MemoryChain`."""

    def __init__(self, chain: "MemoryChain", account: bytes) -> None:
        self.chain = chain
        self.account = account
        self.deployment = chain.deployment

    def __repr__(self) -> str:
        return f"MemoryAccount(0x{self.account.hex()})"

    # --- reads ---------------------------------------------------------------------------------

    def head(self) -> Block:
        """Implements :meth:`ChainReader.head`."""
        return self.chain.view().mined[-1].block

    def block(self, number: int) -> Block | None:
        """Implements :meth:`ChainReader.block`."""
        mined = self.chain.view().mined
        return mined[number].block if 0 <= number < len(mined) else None

    def events(self, first: int, last: int) -> list[Logged]:
        """Implements :meth:`ChainReader.events`."""
        mined = self.chain.view().mined[max(first, 0) : last + 1]
        return [logged for one in mined for logged in one.logs]

    def lane(self, lane: int) -> LaneState | None:
        """Implements :meth:`ChainReader.lane`."""
        found = self.chain.view().settlement.lanes.get(lane)
        if found is None:
            return None
        return LaneState(
            found.owner, found.poster, found.stake, found.burned, found.next_seq, found.open, found.ahead
        )

    def lane_count(self) -> int:
        """Implements :meth:`ChainReader.lane_count`."""
        return len(self.chain.view().settlement.lanes)

    def required_stake(self, lane: int, count: int) -> int:
        """Implements :meth:`ChainReader.required_stake`."""
        view = self.chain.view()
        if count > MAX_COUNT:
            raise CallReverted("WrongCount", (count, MAX_COUNT))
        return view.settlement.required_stake(view.now, lane, count)

    def current_epoch(self) -> int:
        """Implements :meth:`ChainReader.current_epoch`."""
        view = self.chain.view()
        return sum(epoch.starts_at <= view.now for epoch in view.settlement.epochs)

    def terms(self, epoch: int) -> Terms:
        """Implements :meth:`ChainReader.terms`."""
        epochs = self.chain.view().settlement.epochs
        if not 0 < epoch <= len(epochs):
            raise CallReverted("UnknownEpoch", (epoch,))
        return epochs[epoch - 1].terms

    def batch(self, batch: BatchId) -> tuple[bytes, Header] | None:
        """Implements :meth:`ChainReader.batch`."""
        found = self.chain.view().settlement.batches.get(batch)
        return (found.root, found.header) if found else None

    def standing(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> Standing:
        """Implements :meth:`ChainReader.standing`."""
        view = self.chain.view()
        return view.settlement.standing(view.now, batch, index, words, tuple(proof))

    def why_void(self, batch: BatchId, index: int, words: bytes, proof: Sequence[bytes]) -> VoidReason:
        """Implements :meth:`ChainReader.why_void`."""
        return self.chain.view().settlement.why_void(batch, index, words, tuple(proof))

    def node(self, node: bytes) -> NodeState | None:
        """Implements :meth:`ChainReader.node`."""
        registry = self.chain.view().registry
        found = registry.nodes.get(node)
        if found is None:
            return None
        assurance = registry.assurance(node, found.starts_at)
        return NodeState(found.starts_at, found.ends_at() or 0, assurance)

    def nodes(self) -> list[bytes]:
        """Implements :meth:`ChainReader.nodes`."""
        return list(self.chain.view().registry.nodes)

    def was_live(self, node: bytes, at: int, known_by: int) -> bool:
        """Implements :meth:`ChainReader.was_live`."""
        return self.chain.view().registry.was_live(node, at, known_by)

    def credits(self, account: bytes) -> int:
        """Implements :meth:`ChainReader.credits`."""
        return self.chain.view().settlement.credits.get(account, 0)

    def balance(self, account: bytes) -> int:
        """Implements :meth:`ChainReader.balance`."""
        return self.chain.view().balances.get(account, 0)

    # --- transactions --------------------------------------------------------------------------

    def post(
        self,
        lane: int,
        first_seq: int,
        count: int,
        oldest: int,
        newest: int,
        tile_roots: Sequence[bytes],
        data_uri: str,
    ) -> Landed:
        """Implements :meth:`ChainSender.post`."""
        roots = list(tile_roots)
        return self.chain.act(
            self.account,
            lambda env, settlement, _: settlement.post(
                env, lane, first_seq, count, oldest, newest, roots, data_uri
            ),
        )[1]

    def prove_fault(self, kind: FaultKind, claim: Claim) -> Landed:
        """Implements :meth:`ChainSender.prove_fault`."""
        return self.chain.act(
            self.account, lambda env, settlement, _: settlement.prove_fault(env, int(kind), claim)
        )[1]

    def open_lane(
        self, poster: bytes, promise_key: bytes, ahead: int, stake: int, dry_run: bool = False
    ) -> tuple[int, Landed]:
        """Implements :meth:`ChainSender.open_lane`."""
        events, landed = self.chain.act(
            self.account,
            lambda env, settlement, _: settlement.open_lane(env, poster, promise_key, ahead),
            stake,
            dry_run,
        )
        lane: int = events[0].arguments[0]
        return lane, landed

    def top_up(self, lane: int, amount: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.top_up`."""
        return self.chain.act(
            self.account, lambda env, settlement, _: settlement.top_up(env, lane), amount, dry_run
        )[1]

    def withdraw(self, to: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.withdraw`."""
        return self.chain.act(
            self.account, lambda env, settlement, _: settlement.withdraw(env, to), dry_run=dry_run
        )[1]

    def endorse(self, public_key: bytes, operator: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.endorse`."""
        return self.chain.act(
            self.account,
            lambda env, _, registry: registry.endorse(env, public_key, operator),
            dry_run=dry_run,
        )[1]

    def revoke(self, node: bytes, effective_from: int, reason: str, dry_run: bool = False) -> Landed:
        """Implements :meth:`ChainSender.revoke`."""
        return self.chain.act(
            self.account,
            lambda env, _, registry: registry.revoke(env, node, effective_from, reason),
            dry_run=dry_run,
        )[1]
