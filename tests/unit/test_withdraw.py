"""Withdrawing: a verifier pulls its credits where that is worth the gas.

credit with a contract
├── above the setting → it should be withdrawn to the account, once, from either contract
├── below it → it should stay; while the funds are low it should not
├── when the setting is 0 → it should stay
├── when fees are absurd → it should stay, until they are not
├── when the contract or the node refuses → it should be tried again, later
├── it should not be looked at again at once
└── on a real node: what a demand earned is withdrawn, and the ledger has each fee to the wei
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import Purpose, Withdrawn
from afterproof.chain.memory import GAS
from afterproof.config import Config, VerifierConfig
from afterproof.errors import ChainUnavailable, SendFailed
from afterproof.protocol.funds import Short
from afterproof.protocol.shares import PROVER_PERCENT, share_of
from afterproof.protocol.terms import DEMO, ETHER
from afterproof.steps import Context
from afterproof.steps.account import account
from afterproof.steps.watch import watch
from afterproof.steps.withdraw import LOOK_EVERY, WORTH, withdraw
from afterproof.store import Store
from afterproof.store.ledger import Kind, Sum
from tests.support.chains import EvmStage, deployed_anvil
from tests.support.on_stage import honest, on_stage, post
from tests.support.scene import tile_of
from tests.support.world import VERIFIER, World
from tests.unit.test_steps_demand import having

LEAST = ETHER // 50


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def verifier(world: World) -> Context:
    made = world.verifier()
    world.round(made)
    world.wait(LOOK_EVERY)
    return made


def credit(world: World, settlement: int = 0, registry: int = 0) -> None:
    """Have the contracts owe the verifier so much; given by nobody."""

    def give(env: Any, settled: Any, registered: Any) -> list[Any]:
        settled.credits[VERIFIER] = settled.credits.get(VERIFIER, 0) + settlement
        settled.balance += settlement
        registered.credits[VERIFIER] += registry
        return []

    world.chain.act(VERIFIER, give)


def paid(world: World) -> int:
    """What the verifier got beyond what it began with."""
    return world.chain.account_view(VERIFIER).balance(VERIFIER) - ETHER


def test_credit_above_the_setting_is_withdrawn_once_from_either_contract(
    world: World, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    credit(world, LEAST, 2 * LEAST)
    withdraw(verifier)
    assert paid(world) == 3 * LEAST and verifier.chain.credits(VERIFIER) == 0
    assert "withdrew 0.02 ether from the settlement contract in block" in caplog.text
    assert "withdrew 0.04 ether from the registry in block" in caplog.text
    blocks = len(world.chain._blocks)
    world.wait(LOOK_EVERY)
    withdraw(verifier)
    assert len(world.chain._blocks) == blocks + 1  # nothing was sent
    (first, *_) = [one.event for one in verifier.chain.events(0, 10**6) if isinstance(one.event, Withdrawn)]
    assert first == Withdrawn(VERIFIER, VERIFIER, LEAST)


def test_credit_is_not_looked_at_again_at_once(world: World, verifier: Context) -> None:
    withdraw(verifier)
    credit(world, LEAST)
    withdraw(verifier)
    assert paid(world) == 0
    world.wait(LOOK_EVERY)
    withdraw(verifier)
    assert paid(world) == LEAST


def test_credit_below_the_setting_stays_unless_the_funds_are_low(world: World, verifier: Context) -> None:
    credit(world, LEAST - 1)
    withdraw(verifier)
    assert paid(world) == 0
    world.wait(LOOK_EVERY)
    verifier.funds_watch.warnings[Short.RESERVE] = "low"
    withdraw(verifier)
    assert paid(world) == LEAST - 1


def test_nothing_is_withdrawn_where_that_is_off(world: World, verifier: Context) -> None:
    credit(world, ETHER)
    verifier.funds_watch.warnings[Short.FUNDS] = "low"
    withdraw(having(verifier, withdraw_above="0"))
    assert paid(world) == 0


def test_credit_stays_while_fees_are_absurd(
    world: World, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    credit(world, LEAST)
    world.chain.price(LEAST // WORTH // GAS + 1)
    withdraw(verifier)
    assert paid(world) == 0 and "owes stay there: withdrawing takes 0.0004" in caplog.text
    world.wait(LOOK_EVERY)
    world.chain.price(LEAST // WORTH // GAS)
    withdraw(verifier)
    assert paid(world) == LEAST


class Broke:
    """A chain on which nothing can be sent."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def withdraw(self, to: bytes, dry_run: bool = False) -> Any:
        """Implements :meth:`ChainSender.withdraw`."""
        if dry_run:
            return self._chain.withdraw(to, dry_run)
        raise SendFailed("it was refused")


def test_refused_withdrawal_is_tried_again_later(
    world: World, verifier: Context, caplog: pytest.LogCaptureFixture
) -> None:
    credit(world, LEAST, LEAST)
    chain: Any = Broke(verifier.chain)
    withdraw(replace(verifier, chain=chain))
    assert paid(world) == LEAST  # the registry's
    assert (
        "0.02 ether that the settlement contract owes could not be withdrawn: it was refused" in caplog.text
    )
    world.wait(LOOK_EVERY)
    world.chain.fail_next(1)
    with pytest.raises(ChainUnavailable):
        withdraw(verifier)
    world.wait(LOOK_EVERY)
    withdraw(verifier)
    assert paid(world) == 2 * LEAST


def test_on_a_real_node_what_was_earned_is_withdrawn_and_every_fee_kept(tmp_path: Path) -> None:
    with deployed_anvil() as (url, deployment):
        stage = EvmStage(url, deployment)
        prover = stage.prover
        store = Store.open(tmp_path / "v.sqlite3", deployment, "verifier")
        settings = VerifierConfig(withdraw_above="0.01ether")
        verifier = Context(prover, store, Config(verifier=settings), clock=lambda: float(stage.now))
        on_stage(stage)
        batch = post(stage, honest(stage), *[None] * 255)
        before = prover.balance(prover.account)
        demanded = prover.demand_tile(*tile_of(batch, 0), DEMO.demand_deposit)
        stage.at(stage.now + DEMO.answer_period + 1)
        expired = prover.expire_demand(batch.id, 0)
        while watch(verifier):
            pass
        withdraw(verifier)
        while watch(verifier):
            pass
        assert not account(verifier)
        share = share_of(256 * DEMO.leaf_slash, PROVER_PERCENT)
        assert prover.credits(prover.account) == 0
        sums = store.ledger.sums([prover.account])
        assert sums["demand"] == Sum(2, 0, demanded.fee + expired.fee, share)
        assert sums["withdraw"].count == 1 and sums["withdraw"].cost > 0
        assert prover.balance(prover.account) - before == sum(one.net for one in sums.values())
        newest = store.ledger.entries([prover.account])[0]
        assert (newest.purpose, newest.kind) == (Purpose("withdraw"), Kind.COST)
        store.close()
