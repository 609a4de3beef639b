"""Funds: what runs out, how long it lasts, and when that is said.

what is warned of
├── an account that holds nothing, or whose funds last for less than set at today's rate
├── of a verifier: an account that does not suffice for its dearest actions at today's fees
├── a stake that covers too few more receipts, fewer than wait, or fewer than a window takes at today's rate
├── promises: few numbers left, those of another key, a lane that leaves
└── a reporter's bond that is too small
the rate
├── it should be what the last day cost, and of less than an hour be made no more than an hour's
└── posts whose cost nobody knows should count like the others
the step
├── it should look once a minute, say each warning once, again after an hour, and that it is over
└── what it found should be there for others to read
the table of costs
└── it should keep each transaction once, and forget after some days
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterproof.chain.base import Outcome, Purpose, Sent
from afterproof.chain.memory import GAS
from afterproof.errors import ChainUnavailable
from afterproof.protocol.funds import (
    Account,
    Authority,
    Cover,
    Funds,
    Limits,
    Reserve,
    Short,
    a_day,
    capacity,
    warnings,
)
from afterproof.protocol.terms import DAY, DEMO, ETHER, GWEI
from afterproof.settings import Answering
from afterproof.steps import Context
from afterproof.steps.funds import LOOK_EVERY, PROOF_GAS, REPEAT_AFTER, TILE_GAS, funds
from afterproof.steps.measure import Meter
from afterproof.store.spending import KEPT, Spent
from afterproof.telemetry.metrics import Metrics
from afterproof.units import wei_of
from tests.support.databases import on_both
from tests.support.scene import secp_signer
from tests.support.world import PROMISER, RELAYER, VERIFIER, World

LIMITS = Limits(funds=3 * DAY, share=0.1)
RICH = Account(ETHER)
ROOM = Cover(capacity=1000, open=100, waiting=5, a_window=100, window=DAY)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Funds(RICH), {}),
        (Funds(RICH, ROOM, Authority(100, 50)), {}),
        (Funds(Account(0)), {Short.FUNDS: "the account holds nothing"}),
        (Funds(Account(3 * ETHER, 1.0 * ETHER)), {}),
        (
            Funds(Account(ETHER // 2, 0.2 * ETHER)),
            {
                Short.FUNDS: "the account's 0.5 ether last for about 2.5 days at today's rate of 0.2 a day: fund it"
            },
        ),
        (Funds(Account(ETHER // 24, 1.0 * ETHER)), {Short.FUNDS: "last for about 60 minutes"}),
        (Funds(Account(ETHER // 8, 1.0 * ETHER)), {Short.FUNDS: "last for about 3.0 hours"}),
        (Funds(RICH, replace(ROOM, open=900)), {}),
        (
            Funds(RICH, replace(ROOM, open=901)),
            {Short.COVER: "the lane's stake covers 99 more receipts of 1000: top up the lane"},
        ),
        (
            Funds(RICH, replace(ROOM, open=990, waiting=10)),
            {Short.COVER: "covers 10 more receipts of 1000: top"},
        ),
        (
            Funds(RICH, replace(ROOM, open=990, waiting=11)),
            {Short.COVER: "covers 10 more receipts of 1000, and 11 wait: posting is refused until"},
        ),
        (Funds(RICH, replace(ROOM, open=1200, waiting=0)), {Short.COVER: "covers 0 more receipts"}),
        (Funds(RICH, replace(ROOM, a_window=1000)), {}),
        (
            Funds(RICH, replace(ROOM, a_window=1200)),
            {
                Short.COVER: "covers 900 more receipts of 1000, used up in about 18.0 hours at today's rate of 1200 "
                "in each window of 24.0 hours: top up the lane"
            },
        ),
        (Funds(RICH, None, Authority(100, 10)), {}),
        (
            Funds(RICH, None, Authority(100, 9)),
            {Short.PROMISES: "9 of 100 numbers are left to promise before more receipts are on chain"},
        ),
        (
            Funds(RICH, None, Authority(100, 40, foreign=20)),
            {
                Short.KEY: "the last 20 numbers that the lane may promise are another key's, 40 are left of this one's"
            },
        ),
        (Funds(RICH, None, Authority(100, 50, 0, 1234)), {Short.LEAVING: "promises due after 1234"}),
        (Funds(RICH, reserve=Reserve(ETHER // 4, ETHER // 4, ETHER // 2)), {}),
        (
            Funds(RICH, reserve=Reserve(ETHER // 4, ETHER // 4, ETHER // 2 + 10**15)),
            {
                Short.RESERVE: "the account's 1 ether are less than its dearest actions may take at today's fees, "
                "1.001 (0.25 for the deposit of a demand, 0.25 for the deposit of a challenge, 0.501 for gas): fund it"
            },
        ),
        (Funds(Account(0), reserve=Reserve(gas=1)), {Short.FUNDS: "the account holds nothing"}),
        (Funds(RICH, bond=(ETHER, ETHER)), {}),
        (
            Funds(RICH, bond=(ETHER // 2, ETHER)),
            {Short.BOND: "the bond of the heartbeats' reporter is 0.5 of 1 ether"},
        ),
    ],
)
def test_warnings_by_table(found: Funds, expected: dict[Short, str]) -> None:
    said = dict(warnings(found, LIMITS))
    assert set(said) == set(expected)
    for what, sentence in expected.items():
        assert sentence in said[what]


@given(
    open_=st.integers(0, 5000),
    waiting=st.integers(0, 5000),
    rate=st.floats(0, 5000),
    more=st.integers(0, 5000),
)
def test_more_stake_never_adds_a_warning(open_: int, waiting: int, rate: float, more: int) -> None:
    """The share that must be free is one of the whole, so it grows with the stake by less than what is free."""
    less, cover = (Cover(1000 + n, open_, waiting, rate, DAY) for n in (0, more))
    if not dict(warnings(Funds(RICH, less), LIMITS)):
        assert not dict(warnings(Funds(RICH, cover), LIMITS))


@pytest.mark.parametrize(
    ("fees", "posts", "others", "seconds", "expected"),
    [
        ([], 5, 0, DAY, None),
        ([10, 20], 2, 0, DAY, 30),
        ([10, 20], 4, 0, DAY, 60),  # two whose cost nobody knows
        ([10, 20], 0, 0, DAY, 30),
        ([], 0, 7, DAY, 7),
        ([10, 20], 2, 7, DAY / 2, 74),
        ([10], 1, 0, 60, 240),  # as if the hour were over
    ],
)
def test_a_day_costs_what_the_last_did(
    fees: list[int], posts: int, others: int, seconds: float, expected: float | None
) -> None:
    assert a_day(fees, posts, others, seconds) == expected


def test_capacity_is_what_the_stake_covers_beside_what_may_be_promised() -> None:
    assert capacity(100, 10, 3, 5) == 25
    assert capacity(9, 10, 3, 5) == 0 and capacity(20, 10, 3, 5) == 0


# --- the step ---------------------------------------------------------------------------------------


class Watched:
    """A chain that counts the looks at the account."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def balance(self, account: bytes) -> int:
        """Implements :meth:`ChainReader.balance`."""
        self.looks += 1
        return int(self._chain.balance(account))


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the step said since this was last asked."""
    found = [one.getMessage() for one in caplog.records if one.name == "afterproof.steps.funds"]
    caplog.clear()
    return [one.removeprefix(f"lane 1, account 0x{RELAYER.hex()}: ") for one in found]


def posting(world: World) -> Context:
    """A relayer that has posted a batch for a tenth of an ether."""
    world.chain.price(ETHER // 10 // GAS)
    chain: Any = Watched(world.chain.account_view(RELAYER))
    relayer = world.relayer(chain=chain)
    world.round(relayer)
    world.take_in(relayer, *[world.signed(n) for n in range(4)])
    world.round(relayer)
    return relayer


@on_both
def test_step_says_each_warning_once_then_every_hour_and_when_it_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world = World(tmp_path, ahead=100)
    world.chain.fund(RELAYER, -world.chain.account_view(RELAYER).balance(RELAYER) + 3 * ETHER)
    relayer = posting(world)
    chain: Any = relayer.chain
    assert said(caplog) == []  # at the first look nothing had been posted
    world.wait(int(LOOK_EVERY))
    looks = chain.looks
    for _ in range(3):
        assert not funds(relayer)
    assert chain.looks == looks + 1
    first = ["the account's 3 ether last for about 30.0 hours at today's rate of 2.4 a day: fund it"]
    assert said(caplog) == first
    assert list(relayer.funds_watch.warnings) == [Short.FUNDS]
    found = relayer.funds_watch.found
    assert found is not None and found.account == Account(3 * ETHER, pytest.approx(2.4 * ETHER))
    world.wait(int(REPEAT_AFTER) - 1)
    funds(relayer)
    assert said(caplog) == []
    world.wait(int(LOOK_EVERY))
    funds(relayer)
    (again,) = said(caplog)
    assert again.startswith("the account's 3 ether last for about")
    world.chain.fund(RELAYER, 100 * ETHER)
    world.wait(int(LOOK_EVERY))
    funds(relayer)
    assert said(caplog) == ["lane 1: no more to warn of as to funds"]
    assert relayer.funds_watch.warnings == {}


@on_both
def test_step_measures_the_lane(tmp_path: Path) -> None:
    world = World(tmp_path, replace(DEMO, window=600), stake=DEMO.min_stake + 30 * DEMO.cover, ahead=10)
    relayer = posting(world)
    world.take_in(relayer, world.signed(9))
    world.wait(int(LOOK_EVERY))
    funds(relayer)
    found = relayer.funds_watch.found
    assert found is not None
    assert found.cover == Cover(capacity=20, open=4, waiting=1, a_window=4, window=600)
    assert found.authority == Authority(ahead=10, left=9)
    world.chain.account_view(RELAYER).rotate_lane(1, RELAYER, secp_signer(51).address)
    world.chain.account_view(RELAYER).exit_lane(1)
    last_due = world.now + DEMO.max_promise_delay
    world.wait(700)
    world.round(relayer)  # posts the fifth; the four are final
    world.wait(int(LOOK_EVERY))
    world.round(relayer)
    found = relayer.funds_watch.found
    assert found is not None and found.cover is not None and found.cover.open == 1
    assert found.authority.foreign > 0 and found.authority.last_due == last_due
    assert set(relayer.funds_watch.warnings) == {Short.KEY, Short.LEAVING}


@on_both
def test_step_takes_the_rate_of_the_last_hour_and_of_the_time_whose_costs_are_known(tmp_path: Path) -> None:
    world = World(tmp_path, replace(DEMO, window=600))
    relayer = posting(world)
    relayer.store._database.execute("DELETE FROM spending")  # as if an older program had posted it
    world.wait(700)
    world.round(relayer)
    world.take_in(relayer, *[world.signed(10 + n) for n in range(4)])
    world.round(relayer)
    world.wait(700)
    world.round(relayer)
    found = relayer.funds_watch.found
    assert found is not None and found.cover is not None
    assert (found.cover.open, found.cover.a_window) == (0, pytest.approx(8 * 600 / 3600))
    assert found.account.a_day == pytest.approx(2.4 * ETHER)  # one post an hour


def test_step_looks_again_in_the_next_round_when_the_node_does_not_answer(tmp_path: Path) -> None:
    world = World(tmp_path)
    relayer = world.relayer()
    world.round(relayer)
    world.wait(int(LOOK_EVERY))
    world.chain.fail_next(1)
    with pytest.raises(ChainUnavailable):
        funds(relayer)
    before = relayer.funds_watch.found
    funds(relayer)
    assert relayer.funds_watch.found is not before


def test_step_before_the_chain_is_followed_says_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    fresh = replace(world.relayer(), promiser=PROMISER)
    assert not funds(fresh) and fresh.funds_watch.found is None


@on_both
def test_verifier_is_warned_when_its_funds_do_not_suffice_for_its_dearest_actions(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world = World(tmp_path)
    verifier = world.verifier()
    world.round(verifier)
    assert verifier.funds_watch.warnings == {} and verifier.funds_watch.found is not None
    reserve = verifier.funds_watch.found.reserve
    assert reserve.demand == DEMO.demand_deposit * 9 // 8 and reserve.challenge > 0 == reserve.gas
    world.chain.charge(1_000 * GWEI)
    world.wait(int(LOOK_EVERY))
    funds(verifier)
    found = verifier.funds_watch.found
    assert found is not None and found.reserve.gas == 2 * TILE_GAS * 1_000 * GWEI
    assert found.reserve.demand == wei_of(verifier.config.verifier.demand_budget)  # no more is ever staked
    assert list(verifier.funds_watch.warnings) == [Short.RESERVE]
    shown = replace(verifier, metrics=Metrics("verifier"))
    Meter(shown).read_store()
    figure = shown.metrics.registry.get_sample_value
    assert figure("afterproof_account_reserve_ether") == pytest.approx(found.reserve.total / ETHER)
    (said_once,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert said_once.startswith(f"account 0x{VERIFIER.hex()}: the account's 1 ether are less than")
    modest = replace(
        verifier.config.verifier,
        demand=False,
        challenge_false=False,
        challenge_withheld=False,
        answer_others=Answering.NEVER,
    )
    world.wait(int(LOOK_EVERY))
    funds(replace(verifier, config=replace(verifier.config, verifier=modest)))
    found = verifier.funds_watch.found
    assert found.reserve == Reserve(gas=2 * PROOF_GAS * 1_000 * GWEI) and verifier.funds_watch.warnings == {}


# --- what was paid ----------------------------------------------------------------------------------


@on_both
def test_spending_keeps_each_transaction_once_for_some_days(tmp_path: Path) -> None:
    spending = World(tmp_path).relayer().store.spending
    sent = Sent(b"\1" * 32, RELAYER, 0, Purpose("post", 1, 5))
    first = Spent(b"\1" * 32, "post", 100, 2**70, 1000)
    later = Spent(b"\2" * 32, "beat", 5, 0, 1000 + KEPT)
    spending.note(sent, 1000)
    assert spending.since(0) == []  # who knows whether it lands
    landed = replace(sent, outcome=Outcome(7, 100, 2**70, True))
    spending.note(landed, 1001)
    spending.note(landed, 1002)
    assert spending.since(0) == [first] and spending.since(1001) == []
    beat = Sent(b"\2" * 32, RELAYER, 1, Purpose("beat"), Outcome(9, 5, 0, False))
    spending.note(beat, 1000 + KEPT)
    assert spending.since(0) == [first, later]
    spending.note(replace(beat, tx_hash=b"\3" * 32, number=2), 1001 + KEPT)
    assert first not in spending.since(0) and len(spending.since(0)) == 2
