"""What must hold of money while steps are taken, by the chain's events: nobody honest pays but for what it dared."""

from collections import Counter

from afterproof.chain.base import (
    AttestationChallenged,
    AttestationProven,
    AttestationRejected,
    ChainEvent,
    DemandExpired,
    FaultProven,
    Posted,
    PromiseBroken,
    TileAnswered,
    TileDemanded,
)
from afterproof.protocol.header import lane_of
from afterproof.protocol.terms import GWEI
from tests.stateful.steps_base import StepsBase
from tests.stateful.steps_village import ACCOUNTS, STAKE, WEALTH
from tests.support.invariants import half_is_burned, honest_keep_their_stake


def percent_of(amount: int, percent: int) -> int:
    """A share as the contract divides it, in whole gwei."""
    return amount // GWEI * percent // 100 * GWEI


class Money:
    """Everybody's gains and losses by the events of a chain, in wei, but for what lanes have at stake."""

    def __init__(self, machine: StepsBase) -> None:
        self.machine = machine
        self.gains: Counter[bytes] = Counter()
        self.slashed: Counter[int] = Counter()
        self.credited = 0
        self.demands: dict[tuple[int, int], TileDemanded] = {}
        self.halves: Counter[tuple[int, int]] = Counter()
        self.challenges: dict[int, AttestationChallenged] = {}
        for mined in machine.world.chain._blocks:
            for logged in mined.logs:
                self._add(logged.event, logged.place.timestamp)

    def _add(self, event: ChainEvent, now: int) -> None:
        match event:
            case FaultProven():
                self._slash(lane_of(event.batch), event.slashed, {event.prover: 50})
            case DemandExpired():
                self.gains[event.challenger] += self.demands[event.batch, event.tile].deposit
                self._slash(lane_of(event.batch), event.slashed, {event.challenger: 50})
            case PromiseBroken():
                self._slash(event.lane, event.slashed, {event.beneficiary: 45, event.caller: 5})
            case TileDemanded():
                self.demands[event.batch, event.tile] = event
                self.gains[event.challenger] -= event.deposit
            case TileAnswered():
                self._answer(event, now)
            case AttestationChallenged():
                self.challenges[event.id] = event
                self.gains[event.challenger] -= event.deposit
            case AttestationProven() if event.id in self.challenges:
                self.gains[event.prover] += self.challenges[event.id].deposit
            case AttestationRejected():
                self.gains[event.challenger] += event.slashed // 2 + self.challenges[event.id].deposit

    def _slash(self, lane: int, slashed: int, shares: dict[bytes, int]) -> None:
        self.slashed[lane] += slashed
        for payee, percent in shares.items():
            share = percent_of(slashed, percent)
            self.gains[payee] += share
            self.credited += share

    def _answer(self, event: TileAnswered, now: int) -> None:
        demand, place = self.demands[event.batch, event.tile], (event.batch, event.tile)
        settled = self.machine.settlement.batches[event.batch].demands[event.tile]
        middle = settled.opened_at + (demand.deadline - settled.opened_at) // 2
        payee = event.answerer
        if now <= middle:
            payee = self.machine.settlement.lanes[lane_of(event.batch)].owner
        halves = 1 if self.machine.settlement.batches[event.batch].leaves_of(event.tile) <= 128 else 2
        self.halves[place] += 1
        if not settled.answered_at:
            return  # paid once all is shown
        first = demand.deposit // 2
        part = demand.deposit if halves == 1 else first if self.halves[place] == 1 else demand.deposit - first
        self.gains[payee] += part


def check_money(machine: StepsBase) -> None:
    """Nothing is lost or made, half of what is slashed burns, and no honest lane has lost anything."""
    settlement, registry, chain = machine.settlement, machine.registry, machine.world.chain
    held = settlement.owed() + registry.holdings()
    assert settlement.balance == settlement.owed()
    assert sum(chain._state.balances.values()) + held == sum(machine.allocated.values())
    money = Money(machine)
    half_is_burned(settlement, money.slashed.total(), money.credited, swept=0)
    honest_keep_their_stake(settlement, {machine.world.lane: STAKE}, [machine.world.lane])
    for lane, state in settlement.lanes.items():
        assert STAKE - state.stake == money.slashed[lane]


def check_out_of_pocket(machine: StepsBase) -> None:
    """What an honest party has staked was refused to it: it dared nothing for trouble of its own."""
    names = {account: name for name, account in ACCOUNTS.items()}
    uris = {}
    for event in machine.events():
        if isinstance(event, Posted):
            uris[event.batch] = event.data_uri
        if isinstance(event, TileDemanded) and event.challenger in names:
            name = names[event.challenger]
            assert lane_of(event.batch) != machine.world.lane, f"{name} demanded of the honest relayer"
            assert (name, uris[event.batch]) in machine.web.refused, f"{name} demanded what it could have"
        if isinstance(event, AttestationChallenged) and event.challenger in names:
            name, attestor = names[event.challenger], machine.kind_of(event.id)
            could_not = (name, attestor.uri) in machine.web.refused
            assert attestor.kind == "false" or could_not, f"{name} challenged a {attestor.kind} attestation"


def check_everybody_has_its_own(machine: StepsBase) -> None:
    """At the end: every honest party has, or is owed, what it began with and what it earned, to the wei."""
    money = Money(machine)
    state = machine.world.chain._state
    for name, account in ACCOUNTS.items():
        owed = state.settlement.credits.get(account, 0) + state.registry.credits.get(account, 0)
        began = WEALTH + (STAKE if name == "relayer" else 0)
        found = state.balances[account] + owed - began
        assert found == money.gains[account], f"{name} has gained {found}, not {money.gains[account]}"
