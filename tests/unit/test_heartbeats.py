"""Heartbeats: bonds, reports, and what is kept of them.

deploying
└── when a parameter is out of bounds → it should revert, naming it
joining
├── when the value does not make up the bond, by one wei → it should revert
├── when the caller has left and its bond is not out → it should revert
└── else → the value is at stake, also as a top-up
reporting
├── when the caller has no bond, too small a bond, or has left → it should revert
├── when the round is older than the one before, or later than the present → it should revert
├── when there is no word → it should revert
├── given a second report of a round → bits are only added
├── given several words → each is kept by itself
├── given words beyond the registry's end, or the last word → it should go through
└── given any sequence of reports → what is read is what a plain record of the kept rounds says
reading
├── given a round that is not reported, too old, or to come, or a place of any size → it should read as not seen
└── the last round seen should be the latest of the rounds that are asked about
leaving
├── when the caller has no bond, or has left → it should revert
├── when bits can still be challenged, to the second, or a challenge is open → the bond should stay
└── else → what is left of it is a credit, and the reporter may join anew
ether
└── given a receiver that refuses or calls back → only its own withdrawal fails, and nothing is paid twice
"""

from dataclasses import astuple, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.protocol.heartbeat import KEPT_ROUNDS
from tests.support.evm import Reverted, reverts
from tests.support.liveness import DAY, HeartbeatTerms, Liveness

FULL = 2**256 - 1
TERMS = HeartbeatTerms()


@pytest.fixture(scope="module")
def deployed() -> Liveness:
    stage = Liveness()
    stage.join()
    return stage


@pytest.fixture
def stage(deployed: Liveness) -> Any:
    before = deployed.evm.snapshot()
    yield deployed
    deployed.evm.restore(before)


# --- deploying ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("round_length", 0),
        ("round_length", DAY + 1),
        ("challenge_window", 0),
        ("challenge_window", 214 * 900 + 1),
        ("answer_period", 0),
        ("answer_period", 60 * DAY + 1),
        ("bond", TERMS.slash - 1),
        ("slash", 0),
        ("deposit_floor", 0),
        ("answer_gas", 0),
        ("answer_gas", 10**9 + 1),
    ],
)
def test_deploy_out_of_bounds_names_the_parameter(stage: Liveness, parameter: str, value: int) -> None:
    head, *tail = parameter.split("_")
    terms = astuple(replace(TERMS, **{parameter: value}))
    with pytest.raises(Exception, match=f"BadHeartbeatTerms.*'{head}{''.join(t.title() for t in tail)}'"):
        stage.evm.deploy("Heartbeats", stage.registry, terms)


def test_deploy_without_a_registry_reverts(stage: Liveness) -> None:
    with pytest.raises(Exception, match="'registry'"):
        stage.evm.deploy("Heartbeats", bytes(20), astuple(TERMS))


def test_deploy_at_the_bounds_keeps_the_terms(stage: Liveness) -> None:
    terms = astuple(HeartbeatTerms(1, 214, 1, 1, 1, 1, 10**9))
    assert tuple(stage.evm.deploy("Heartbeats", stage.registry, terms).call("terms")) == terms


# --- joining --------------------------------------------------------------------------------------


def test_join_short_of_the_bond_reverts(stage: Liveness) -> None:
    with reverts("BondTooSmall", TERMS.bond - 1, TERMS.bond):
        stage.join(stage.stranger, TERMS.bond - 1)
    assert stage.bond(stage.stranger) == 0


def test_join_again_tops_up(stage: Liveness) -> None:
    stage.join(value=1)
    assert stage.bond() == TERMS.bond + 1
    stage.check_money()


# --- reporting ------------------------------------------------------------------------------------


def test_report_without_a_bond_reverts(stage: Liveness) -> None:
    with reverts("BondTooSmall", 0, TERMS.bond):
        stage.report(1, by=stage.stranger)


def test_report_after_leaving_reverts(stage: Liveness) -> None:
    stage.heartbeats.send("leave", sender=stage.reporter)
    with reverts("Leaving", stage.reporter):
        stage.report(1)
    with reverts("Leaving", stage.reporter):
        stage.join(value=1)


def test_report_of_a_round_out_of_time_reverts(stage: Liveness) -> None:
    present = stage.round
    for number in (present + 1, present - 2, 0, FULL):
        with reverts("UntimelyRound", number, present - 1, present):
            stage.report(1, number=number)


def test_report_to_the_last_second_of_the_next_round(stage: Liveness) -> None:
    number = stage.round
    stage.evm.warp((number + 2) * TERMS.round_length - 1)
    stage.report(1, number=number)
    stage.wait(1)
    with reverts("UntimelyRound"):
        stage.report(2, number=number)
    assert stage.heartbeats.call("bitmap", stage.reporter, number, 0) == 1


def test_report_of_nothing_reverts(stage: Liveness) -> None:
    with reverts("NothingReported"):
        stage.report()


def test_report_twice_only_adds_bits(stage: Liveness) -> None:
    stage.report(0b011)
    stage.report(0b110)
    stage.report(0)
    assert stage.heartbeats.call("bitmap", stage.reporter, stage.round, 0) == 0b111
    assert not stage.seen(stage.round, 3)


def test_report_of_the_round_before_after_the_present_one_adds_to_it(stage: Liveness) -> None:
    before = stage.round
    stage.report(0b01)
    stage.wait(TERMS.round_length)
    stage.report(0b100)
    stage.report(0b10, number=before)
    bitmap = [stage.heartbeats.call("bitmap", stage.reporter, number, 0) for number in (before, stage.round)]
    assert bitmap == [0b11, 0b100]


def test_report_of_several_words_keeps_each(stage: Liveness) -> None:
    result = stage.report(1, 0, FULL, word=7)
    event = result.event("HeartbeatsReported")
    assert (event["firstWord"], list(event["bitmaps"])) == (7, [1, 0, FULL])
    words = [stage.heartbeats.call("bitmap", stage.reporter, stage.round, word) for word in range(6, 11)]
    assert words == [0, 1, 0, FULL, 0]
    assert stage.seen(stage.round, 9 * 256 + 255) and not stage.seen(stage.round, 8 * 256)


def test_report_of_the_last_words_does_not_wrap(stage: Liveness) -> None:
    last = 2**32 - 1
    stage.report(1, 2, word=last)
    assert stage.heartbeats.call("bitmap", stage.reporter, stage.round, last) == 1
    assert stage.heartbeats.call("bitmap", stage.reporter, stage.round, last + 1) == 2
    assert stage.heartbeats.call("bitmap", stage.reporter, stage.round, 0) == 0


def test_reports_of_others_are_theirs(stage: Liveness) -> None:
    stage.join(stage.stranger)
    stage.report(1)
    stage.report(2, by=stage.stranger)
    assert stage.heartbeats.call("bitmap", stage.reporter, stage.round, 0) == 1
    assert stage.heartbeats.call("bitmap", stage.stranger, stage.round, 0) == 2


class Plain:
    """What should be kept of one word: every bit ever reported, read for the last 216 rounds before the newest."""

    def __init__(self) -> None:
        self.bits: dict[int, int] = {}

    def report(self, number: int, bits: int) -> None:
        self.bits[number] = self.bits.get(number, 0) | bits

    def read(self, number: int) -> int:
        newest = max(self.bits, default=0)
        return self.bits.get(number, 0) if newest - number < KEPT_ROUNDS else 0


GAPS = st.one_of(
    st.integers(0, 3), st.sampled_from([KEPT_ROUNDS - 1, KEPT_ROUNDS, KEPT_ROUNDS + 1, 432, 1_000])
)
REPORTS = st.lists(st.tuples(GAPS, st.integers(0, 1), st.integers(0, FULL)), min_size=1, max_size=12)


@settings(max_examples=60)
@given(reports=REPORTS)
def test_reports_are_read_as_a_plain_record_has_them(
    deployed: Liveness, reports: list[tuple[int, int, int]]
) -> None:
    before = deployed.evm.snapshot()
    try:
        plain, started = Plain(), deployed.round
        for gap, back, bits in reports:
            deployed.wait(gap * TERMS.round_length)
            plain.report(deployed.round - back, bits)
            deployed.report(bits, number=deployed.round - back)
        near = {number + offset for number in plain.bits for offset in (-KEPT_ROUNDS, -1, 0, 1, KEPT_ROUNDS)}
        for number in near | {started, 0}:
            seen = deployed.heartbeats.call("bitmap", deployed.reporter, number, 0)
            assert seen == plain.read(number), (number, plain.bits)
        for bit in (0, 255):
            last = deployed.heartbeats.call("lastSeen", deployed.reporter, bit, FULL)
            present = deployed.round
            rounds = [n for n in plain.bits if plain.read(n) >> bit & 1 and present - n < KEPT_ROUNDS]
            assert last == max(rounds, default=0)
    finally:
        deployed.evm.restore(before)


# --- reading --------------------------------------------------------------------------------------


def test_read_of_anything_else_is_not_seen(stage: Liveness) -> None:
    stage.report(FULL)
    for number in (0, stage.round - 1, stage.round + 1, stage.round - KEPT_ROUNDS, 2**40, FULL):
        assert not stage.seen(number, 0)
    for index in (256, 2**40, FULL):
        assert not stage.seen(stage.round, index)
    assert not stage.heartbeats.call("seen", stage.stranger, stage.round, 0)


def test_last_seen_is_bounded_by_the_rounds_asked_about(stage: Liveness) -> None:
    number = stage.round
    stage.report(1)
    stage.wait(5 * TERMS.round_length)
    last = [stage.heartbeats.call("lastSeen", stage.reporter, 0, rounds) for rounds in (0, 5, 6, FULL)]
    assert last == [0, 0, number, number]


def test_last_seen_of_all_that_is_kept_costs_what_a_view_may(stage: Liveness) -> None:
    stage.report(FULL)
    stage.wait((KEPT_ROUNDS - 1) * TERMS.round_length)
    result = stage.heartbeats.send("lastSeen", stage.reporter, 0, FULL, sender=stage.stranger)
    assert result.gas_used < 700_000


# --- leaving --------------------------------------------------------------------------------------


def test_leave_without_a_bond_or_twice_reverts(stage: Liveness) -> None:
    with reverts("BondTooSmall", 0, 1):
        stage.heartbeats.send("leave", sender=stage.stranger)
    stage.heartbeats.send("leave", sender=stage.reporter)
    with reverts("Leaving", stage.reporter):
        stage.heartbeats.send("leave", sender=stage.reporter)


def test_release_waits_for_the_last_second_of_the_last_bit(stage: Liveness) -> None:
    with reverts("NotLeaving", stage.reporter):
        stage.heartbeats.send("releaseBond", sender=stage.reporter)
    number = stage.round
    stage.report(1)
    stage.heartbeats.send("leave", sender=stage.reporter)
    until = stage.last_second(number)
    stage.evm.warp(until)
    with reverts("BondHeld", until, 0):
        stage.heartbeats.send("releaseBond", sender=stage.reporter)
    stage.wait(1)
    with reverts("TooLate", until):
        stage.challenge(number, 0)
    stage.heartbeats.send("releaseBond", sender=stage.reporter)
    assert (stage.credit(stage.reporter), stage.bond()) == (TERMS.bond, 0)
    with reverts("NotLeaving", stage.reporter):
        stage.heartbeats.send("releaseBond", sender=stage.reporter)
    stage.join()
    stage.report(1)
    stage.check_money()


def test_release_waits_for_open_challenges(stage: Liveness) -> None:
    number = stage.round
    stage.report(0b11)
    stage.heartbeats.send("leave", sender=stage.reporter)
    stage.evm.warp(stage.last_second(number))
    stage.challenge(number, 0)
    stage.challenge(number, 1)
    stage.wait(1)
    stage.answer(number, 0)
    with reverts("BondHeld", stage.last_second(number), 1):
        stage.heartbeats.send("releaseBond", sender=stage.reporter)
    stage.wait(TERMS.answer_period)
    with reverts("BondHeld", stage.last_second(number), 1):
        stage.heartbeats.send("releaseBond", sender=stage.reporter)
    stage.expire(number, 1, by=stage.reporter)
    stage.heartbeats.send("releaseBond", sender=stage.reporter)
    assert stage.credit(stage.reporter) == TERMS.bond - TERMS.slash + TERMS.deposit_floor
    stage.check_money()


# --- ether ----------------------------------------------------------------------------------------


def test_withdraw_to_a_receiver_that_refuses_or_calls_back(stage: Liveness) -> None:
    number = stage.round
    stage.report(1)
    stage.challenge(number, 0)
    stage.wait(TERMS.answer_period + 1)
    stage.expire(number, 0)
    with reverts("PaymentRefused", stage.registry.address):
        stage.heartbeats.send("withdraw", stage.registry, sender=stage.challenger)
    owed = stage.credit(stage.challenger)
    assert owed == TERMS.deposit_floor + TERMS.slash // 2
    stage.heartbeats.send("withdraw", stage.challenger, sender=stage.challenger)
    stage.heartbeats.send("sweepBurned", sender=stage.stranger)
    with reverts("NothingToSweep"):
        stage.heartbeats.send("sweepBurned", sender=stage.stranger)
    burned = stage.evm.balance("0x000000000000000000000000000000000000dEaD")
    assert burned == TERMS.slash - TERMS.slash // 2
    stage.check_money()


def test_sweep_and_withdraw_when_called_back_pay_once(stage: Liveness) -> None:
    caller = stage.evm.deploy("ReenteringCaller")
    stage.evm.set_balance(caller, TERMS.bond)
    encode = stage.heartbeats.interface.function
    number = stage.round
    stage.report(1)
    stage.challenge(number, 0, by=caller.address)
    stage.wait(TERMS.answer_period + 1)
    stage.expire(number, 0)
    withdraw = encode("withdraw", 1).encode([caller.address])
    caller.send("run", stage.heartbeats, withdraw, withdraw, sender=stage.stranger)
    assert (caller.call("entered"), caller.call("succeeded")) == (1, 0)
    stage.check_money()


def test_ether_with_no_call_is_refused(stage: Liveness) -> None:
    with pytest.raises(Reverted):
        stage.evm.transfer(stage.heartbeats, 1, sender=stage.stranger)
    stage.check_money()
