"""Every honest party can always get its money out: from any state, by actions of the contract alone.

    assert_all_get_out(pair, batches, openings, honest={1, 2})

What each is owed is worked out here from what the specification holds, by the percentages of the design, not by
the actions that are tried. Honest lanes answer what is demanded of them, in the last second; the others do nothing.
A griefer demands what it can on the way, everyone leaves, every broken promise is claimed, every demand expires, and
nobody receives a wei more or less. Payees that take no ether lose nothing by it, and harm nobody.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from afterproof.protocol.answers import answers, tile_path
from afterproof.protocol.batching import TILE, Batch
from afterproof.protocol.claims import Opening
from afterproof.protocol.header import BatchId, lane_of
from afterproof.protocol.outcome import Revert
from afterproof.protocol.state import ZERO_ADDRESS, Demand
from afterproof.protocol.terms import GWEI
from tests.support.pair import Pair

MOST_GRIEVED = 2
"""Batches that the griefer picks."""


def assert_all_get_out(
    pair: Pair, batches: Mapping[BatchId, Batch], openings: Iterable[Opening], honest: Collection[int]
) -> None:
    """Plays it to the end, then takes everything back. ``batches`` are those whose leaves are known."""
    saved = pair.save()
    try:
        _WayOut(pair, batches, honest).play(openings)
    finally:
        pair.restore(saved)


class _WayOut:
    def __init__(self, pair: Pair, batches: Mapping[BatchId, Batch], honest: Collection[int]) -> None:
        self.pair, self.spec, self.batches, self.honest = pair, pair.spec, batches, honest
        self.griefer, self.caller = pair.accounts[8], pair.accounts[7]
        self.owed = Counter(self.spec.credits)
        self.stakes = {number: lane.stake for number, lane in self.spec.lanes.items()}
        self.claimed = set(self.spec.broken)
        self.due: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []

    def play(self, openings: Iterable[Opening]) -> None:
        for number, lane in self.spec.lanes.items():
            if not lane.exit_at:
                self.must("exit", lane.owner, number)
        self.grieve()
        for identity, batch in self.spec.batches.items():
            for tile, demand in batch.demands.items():
                if not demand.answered_at and not demand.expired:
                    self.settle_later(identity, tile, demand)
        for opening in openings:
            when = self.spec.due(opening.signed.promise.include_by) + 1
            self.later(max(when, self.pair.evm.now), self.claim, opening)
        for at, _, step, arguments in sorted(self.due, key=lambda entry: entry[:2]):
            self.pair.evm.warp(max(at, self.pair.evm.now))
            step(*arguments)
        self.leave()
        self.collect()

    def later(self, at: int, step: Callable[..., None], *arguments: Any) -> None:
        self.due.append((at, len(self.due), step, arguments))

    def must(self, action: str, sender: bytes, *arguments: Any, value: int = 0) -> None:
        """Plays an action that has to go through."""
        try:
            self.pair.act_alone(action, sender, *arguments, value=value)
        except Revert as revert:
            raise AssertionError(f"nobody may refuse {action}{arguments}: {revert}") from revert

    # --- demands -------------------------------------------------------------------------------

    def grieve(self) -> None:
        """Somebody demands tiles of honest lanes, because it can."""
        now, grieved = self.pair.evm.now, 0
        for identity, batch in self.spec.batches.items():
            known = self.batches.get(identity)
            open_now = now <= batch.header.window_end and not batch.struck_at and 0 not in batch.demands
            if known and open_now and lane_of(identity) in self.honest and grieved < MOST_GRIEVED:
                roots = known.tree.tile_roots
                deposit = self.spec.deposit(identity, 0, self.pair.evm.base_fee)
                path = tile_path(roots, 0)
                self.must("demand_tile", self.griefer, identity, 0, roots[0], path, value=deposit)
                grieved += 1

    def settle_later(self, identity: BatchId, tile: int, demand: Demand) -> None:
        in_time = self.pair.evm.now <= demand.deadline
        if in_time and identity in self.batches and lane_of(identity) in self.honest:
            self.later(demand.deadline, self.answer, identity, tile, demand)
        else:
            self.later(demand.deadline + 1, self.expire, identity, tile, demand)

    def answer(self, identity: BatchId, tile: int, demand: Demand) -> None:
        """The lane's owner shows what is missing, and has the deposit back but for a half that another showed."""
        owner = self.spec.lanes[lane_of(identity)].owner
        known = self.batches[identity]
        halves = answers(known.leaves[TILE * tile : TILE * (tile + 1)])
        earlier = demand.deposit // 2 if demand.answered else 0
        self.owed[demand.payee] += earlier
        self.owed[owner] += demand.deposit - earlier
        path = tile_path(known.tree.tile_roots, tile)
        for one in halves:
            if one.half not in demand.answered:
                self.must("answer_tile", owner, identity, tile, one.half, one.data, one.other, path)

    def expire(self, identity: BatchId, tile: int, demand: Demand) -> None:
        """The challenger has its deposit back, and half of what the lane loses for each leaf that was not void."""
        batch = self.spec.batches[identity]
        size = min(TILE, batch.header.count - TILE * tile)
        sound = size - sum(TILE * tile <= index < TILE * tile + size for index in batch.voids)
        price = sound * self.spec.epochs[batch.header.epoch - 1].terms.leaf_slash
        self.owed[demand.challenger] += demand.deposit
        self.slash(lane_of(identity), price, {demand.challenger: 50})
        self.must("expire_demand", self.caller, identity, tile)

    # --- promises ------------------------------------------------------------------------------

    def claim(self, opening: Opening) -> None:
        """The holder of a promise that was never kept is paid; what was posted, or is void, is left alone."""
        promise, lane = opening.signed.promise, self.spec.lanes[opening.place[0]]
        term = [epoch for epoch in self.spec.epochs if epoch.starts_at <= promise.include_by]
        terms = (term or self.spec.epochs)[-1 if term else 0].terms
        late = self.pair.evm.now > self.spec.due(promise.include_by) + terms.claim_window
        signer = opening.signed.signer(self.pair.promise_domain)
        if (
            late
            or opening.place in self.claimed
            or not lane.next_seq <= opening.seq < lane.reach
            or promise.include_by > lane.last_due
            or signer != lane.promise_key(opening.seq)
        ):
            return
        assert opening.place[0] not in self.honest, f"an honest lane never posted {opening.place}"
        self.claimed.add(opening.place)
        shares = {self.caller: 5}
        if promise.beneficiary != ZERO_ADDRESS:
            shares[promise.beneficiary] = shares.get(promise.beneficiary, 0) + 45
        self.slash(opening.place[0], terms.promise_slash, shares)
        self.must("claim_missed", self.caller, opening, 0)

    def slash(self, lane: int, price: int, shares: Mapping[bytes, int]) -> None:
        """A lane loses the price, or all that it has; payees get their percentages of it in whole gwei."""
        lost = min(price, self.stakes[lane])
        self.stakes[lane] -= lost
        for payee, percent in shares.items():
            self.owed[payee] += lost // GWEI * percent // 100 * GWEI

    # --- the end -------------------------------------------------------------------------------

    def leave(self) -> None:
        """Every lane's last tile has ended: it is released, waits no longer than it must, and takes its stake."""
        ends = [batch.header.latest_end + 1 for batch in self.spec.batches.values()]
        self.pair.evm.warp(max([self.pair.evm.now, *ends]))
        for number in self.stakes:
            self.must("release_cover", self.caller, number, 2**64)
        over = self.pair.evm.now + self.longest_wait()
        for number, lane in self.spec.lanes.items():
            assert lane.liable_until <= over, f"lane {number} is held until {lane.liable_until}, after {over}"
        self.pair.evm.warp(
            max(self.pair.evm.now, *(lane.liable_until + 1 for lane in self.spec.lanes.values()))
        )
        for number, lane in self.spec.lanes.items():
            self.must("withdraw_stake", lane.owner, number)
            self.owed[lane.owner] += self.stakes[number]

    def longest_wait(self) -> int:
        """Seconds that a lane can still be bound once all its tiles have ended: a promise, deferred, and its claims."""
        longest = {
            name: max(getattr(epoch.terms, name) for epoch in self.spec.epochs)
            for name in ("max_promise_delay", "max_pause", "catch_up", "claim_window", "window")
        }
        return sum(longest.values())

    def collect(self) -> None:
        """Everyone draws what it is owed, to the wei; what burns, burns; nothing is left but what was forced in."""
        for account, amount in sorted(self.owed.items()):
            if amount:
                self.draw(account, amount)
        for number, lane in self.spec.lanes.items():
            if lane.burned:
                self.must("sweep_burned", self.caller, number)
        left = self.pair.evm.balance(self.pair.settlement.address)
        assert left == self.pair.forced, f"{left} wei are left, {self.pair.forced} were forced in"

    def draw(self, account: bytes, amount: int) -> None:
        """Draws a credit; one who takes no ether has it sent elsewhere, after trying."""
        to = account
        if account in self.pair.refusing:
            try:
                self.pair.act_alone("withdraw", account, account)
            except Revert as revert:
                assert revert.error == "PaymentRefused", f"nobody may refuse withdraw: {revert}"
            to = bytes([0xE1]) * 20
        before = self.pair.evm.balance(to)
        self.must("withdraw", account, to)
        received = self.pair.evm.balance(to) - before
        assert received == amount, f"{account.hex()} is owed {amount} and got {received}"
