"""The end: what everybody is owed, worked out from the events alone, and everybody takes it, to the wei."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from afterproof.chain.base import (
    Burned,
    DemandExpired,
    FaultProven,
    LaneOpened,
    LaneState,
    Logged,
    Posted,
    PromiseBroken,
    StakeWithdrawn,
    TileAnswered,
    TileDemanded,
    Withdrawn,
)
from afterproof.chain.sender import EvmSender
from afterproof.demo.accounts import DevelopmentKey
from afterproof.protocol.header import BatchId, lane_of
from afterproof.protocol.terms import GWEI
from tests.chaos.cheats import HOLDERS, PATIENT
from tests.chaos.reckoning import halves
from tests.chaos.stage import KEYS, Stage
from tests.support.invariants import half_is_burned, honest_keep_their_stake

PROVER, CALLER, BENEFICIARY = 50, 5, 45
"""Percent of what a lane loses, as the design has them."""

HURRY = 0.02
"""Seconds between two blocks in the end: nobody is disturbed by it any more."""


@dataclass(frozen=True)
class ChainLanes:
    """The lanes as the chain has them."""

    lanes: dict[int, LaneState]


class Till:
    """What the settlement contract owes whom, by its events, but for stakes."""

    def __init__(self, events: Iterable[Logged]) -> None:
        self.owed, self.slashed, self.credited, self.swept = Counter[bytes](), 0, 0, 0
        self.stakes: dict[int, int] = {}
        self._owners: dict[int, bytes] = {}
        self._sizes: dict[BatchId, int] = {}
        self._demands: dict[tuple[BatchId, int], tuple[TileDemanded, int, list[bytes]]] = {}
        for logged in events:
            self._enter(logged)

    @property
    def held(self) -> int:
        """The deposits of demands that are open."""
        return sum(demand.deposit for demand, _, _ in self._demands.values())

    def _enter(self, logged: Logged) -> None:
        match logged.event:
            case LaneOpened(lane, owner):
                self._owners[lane], self.stakes[lane] = owner, logged.event.stake
            case Posted(_, batch, _, header):
                self._sizes[batch] = header.count
            case FaultProven():
                self._slash(logged.event.slashed, {logged.event.prover: PROVER})
            case PromiseBroken():
                shares = Counter({logged.event.caller: CALLER})
                shares[logged.event.beneficiary] += BENEFICIARY
                self._slash(logged.event.slashed, shares)
            case TileDemanded(batch, tile):
                self._demands[batch, tile] = logged.event, logged.place.timestamp, []
            case TileAnswered():
                self._answer(logged.event, logged.place.timestamp)
            case DemandExpired(batch, tile, challenger, slashed):
                self.owed[challenger] += self._demands.pop((batch, tile))[0].deposit
                self._slash(slashed, {challenger: PROVER})
            case StakeWithdrawn(_, owner, amount):
                self.owed[owner] += amount
            case Withdrawn(account, _, amount):
                self.owed[account] -= amount
            case Burned(_, amount):
                self.swept += amount

    def _slash(self, lost: int, shares: dict[bytes, int]) -> None:
        self.slashed += lost
        for payee, percent in shares.items():
            share = lost // GWEI * percent // 100 * GWEI
            self.owed[payee] += share
            self.credited += share

    def _answer(self, answer: TileAnswered, at: int) -> None:
        """In the first half of the time the lane is paid, whoever answers; then whoever does."""
        demand, opened, payees = self._demands[answer.batch, answer.tile]
        in_time = at <= opened + (demand.deadline - opened) // 2
        payees.append(self._owners[lane_of(answer.batch)] if in_time else answer.answerer)
        if len(payees) == halves(self._sizes[answer.batch] - 256 * answer.tile):
            first = demand.deposit // 2 if len(payees) == 2 else 0
            self.owed[payees[0]] += first
            self.owed[payees[-1]] += demand.deposit - first
            del self._demands[answer.batch, answer.tile]


def check_books(stage: Stage, events: list[Logged]) -> Till:
    """The contract holds what it owes, to the wei; half of what was lost burns; honest lanes have their whole stake."""
    reader, till = stage.on.reader, Till(events)
    lanes = {number: state for number in range(1, reader.lane_count() + 1) if (state := reader.lane(number))}
    half_is_burned(ChainLanes(lanes), till.slashed, till.credited, till.swept)  # type: ignore[arg-type]
    stakes = {number: stake for number, stake in till.stakes.items() if not lanes[number].exit_at}
    honest = stage.honest_lanes & stakes.keys()
    honest_keep_their_stake(ChainLanes(lanes), stakes, honest)  # type: ignore[arg-type]
    for account, amount in till.owed.items():
        assert reader.credits(account) == amount, f"0x{account.hex()} is owed {amount}"
    held = sum(lane.stake + lane.burned for lane in lanes.values()) + sum(till.owed.values()) + till.held
    assert reader.balance(stage.on.deployment.settlement) == held
    return till


def everybody_leaves(stage: Stage) -> dict[bytes, int]:
    """Every lane leaves, every bond is released, every credit drawn; nothing is left. What each account drew."""
    stage.on.clock.pace = HURRY
    reader, senders = stage.on.reader, _senders(stage)
    lanes = {number: state for number in range(1, reader.lane_count() + 1) if (state := reader.lane(number))}
    attested = [one.number for one in stage.attesters.posted if one.sender is stage.attesters.honest]
    for number, lane in lanes.items():
        senders[lane.owner].exit_lane(number)
    for number in attested:
        stage.attesters.honest.retire_attestation(number)
    stage.time.reach(_free_at(stage, attested))
    for number, lane in lanes.items():
        senders[lane.owner].release_cover(number, 2**32)
    stage.time.reach(_free_at(stage, []))  # what was released may be claimed on for a while
    for number, lane in lanes.items():
        senders[lane.owner].withdraw_stake(number)
    for number in attested:
        stage.attesters.honest.release_bond(number)
    check_books(stage, _events(stage))
    drawn = {account: _draw(stage, sender) for account, sender in senders.items()}
    for number in lanes:
        if (state := reader.lane(number)) and state.burned:
            stage.griefer.sweep_burned(number)
    stage.griefer.sweep_registry()
    for contract in (stage.on.deployment.settlement, stage.on.deployment.registry):
        left = reader.balance(contract)
        assert left == 0, f"{left} wei are left in 0x{contract.hex()}"
    return drawn


def _senders(stage: Stage) -> dict[bytes, EvmSender]:
    """Everybody who may have money in a contract."""
    keys: list[DevelopmentKey] = [*KEYS.values(), *HOLDERS]
    fresh = [EvmSender(stage.on.url, stage.on.deployment, key.private, options=PATIENT) for key in keys]
    played = [lane.sender for lane in (*stage.lanes, stage.silent)]
    others = [stage.griefer, stage.attesters.honest, stage.attesters.cheat]
    return {sender.account: sender for sender in (*fresh, *played, *others)}


def _free_at(stage: Stage, attested: list[int]) -> int:
    """When nothing binds anybody any more."""
    reader, terms = stage.on.reader, stage.on.reader.registry_terms()
    until = [state.liable_until for n in range(1, reader.lane_count() + 1) if (state := reader.lane(n))]
    for logged in _events(stage):
        if isinstance(logged.event, Posted) and (found := reader.batch(logged.event.batch)):
            until.append(found[1].latest_end)
    if attested:
        until.append(stage.time.now + terms.retire_delay + terms.max_reach_back + 1)
    return max(until)


def _draw(stage: Stage, sender: EvmSender) -> int:
    """An account's credits at both contracts, drawn."""
    reader, account = stage.on.reader, sender.account
    settled, registered = reader.credits(account), reader.registry_credits(account)
    if settled:
        sender.withdraw(account)
    if registered:
        sender.withdraw_from_registry(account)
    assert reader.credits(account) == reader.registry_credits(account) == 0
    return settled + registered


def _events(stage: Stage) -> list[Logged]:
    return stage.on.reader.events(stage.on.deployment.block, stage.on.reader.head().number)
