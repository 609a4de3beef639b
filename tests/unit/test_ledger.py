"""The ledger: what each action of a verifier cost, earned or lost, by receipts and events.

what is kept
├── a proven fault: the fee, and the prover's share
├── a demand that ran out: both fees, and the share; one that was answered: the deposit is lost, to whoever showed it
├── a transaction that reverted: its fee, and that it was in vain
├── one whose answer was lost: its fee, once it has landed; of one that never lands nothing
├── a claim: the caller's share and the beneficiary's
├── a challenge: the deposit to whoever proves the attestation; half of the bond where nobody does
├── at stake: what is in open demands, neither earned nor lost
└── sums by action since a time, of some accounts or of all that sent anything
it should follow the chain
├── a reorganisation → what it took is gone, and there again once it is back, in another block even
├── followed anew from the beginning, or a restart → it should be the same
└── a database of an older program → it should be followed anew, and keep the costs that it had
`afterproof ledger`
└── it should print the sums, or JSON with the amounts, and refuse what is no database
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import DemandExpired, TileDemanded
from afterproof.chain.memory import GAS
from afterproof.cli.session import Session
from afterproof.config import Config
from afterproof.protocol.answers import answers
from afterproof.protocol.shares import PROVER_PERCENT, share_of
from afterproof.protocol.terms import GWEI
from afterproof.steps import Context
from afterproof.steps.account import account
from afterproof.steps.check import check
from afterproof.steps.dispute import dispute
from afterproof.steps.watch import watch
from afterproof.store import Store
from afterproof.store.database import open_database
from afterproof.store.ledger import Kind, Sum
from afterproof.store.schema import MIGRATIONS
from afterproof.store.store import Role
from tests.support.chains import MemoryStage
from tests.support.cli import run
from tests.support.databases import on_both, place
from tests.support.lane import OwnLane
from tests.support.on_registry import allow_code, post_attestation
from tests.support.on_stage import NODE, STRANGER
from tests.support.watching import HOLDER, Watching
from tests.support.world import RIVAL, VERIFIER, World
from tests.unit.test_steps_demand import DEPOSIT, TERMS, leaves, until
from tests.unit.test_steps_line import CHEAT

FEE = 7 * GWEI * GAS
"""What each transaction is said to cost."""

SHARE = share_of(TERMS.leaf_slash, PROVER_PERCENT)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, TERMS)
    world.chain.price(7 * GWEI)
    return world


def sums(verifier: Context, account: bytes = VERIFIER, since: int = 0) -> dict[str, Sum]:
    """What the ledger says of an account."""
    return verifier.store.ledger.sums([account], since)


def seen(world: World, *contexts: Context) -> None:
    """Let them see what happened, and look at what they sent."""
    for _ in range(2):
        world.round(*contexts)
        world.wait(6)
    world.round(*contexts)


def forged(world: World) -> Context:
    """A verifier that has found a forgery, and not disputed it yet."""
    relayer, verifier = world.relayer(), world.verifier()
    world.round(relayer)
    world.slip_in(relayer, *[world.signed(n) for n in range(3)], world.forged(9))
    world.round(relayer, steps=CHEAT)
    world.round(verifier, steps=(watch, check))
    return verifier


# --- what is kept -----------------------------------------------------------------------------------


@on_both
def test_proven_fault_is_kept_with_its_fee_and_share(world: World) -> None:
    verifier = forged(world)
    before = world.now
    seen(world, verifier)
    assert sums(verifier) == {"dispute": Sum(1, 0, FEE, SHARE)}
    assert sums(verifier, RIVAL) == {} and sums(verifier, since=world.now + 1) == {}
    assert sums(verifier, since=before)["dispute"].net == SHARE - FEE
    cost, reward = sorted(verifier.store.ledger.entries([VERIFIER]), key=lambda one: one.kind)
    assert (cost.kind, reward.kind) == (Kind.COST, Kind.REWARD) and cost.tx_hash == reward.tx_hash
    for one in (cost, reward):
        assert (one.purpose.lane, one.purpose.seq, one.purpose.place) == (1, 0, 3)
    assert len(verifier.store.ledger.entries([VERIFIER], most=1)) == 1
    assert verifier.chain.credits(VERIFIER) == SHARE


@on_both
def test_demand_that_ran_out_pays_and_one_that_was_answered_costs_its_deposit(world: World) -> None:
    lane, verifier = OwnLane(world), world.verifier()
    lane.post(world.signed(10_000).leaf)
    world.round(verifier)
    lane.post(*leaves(world, 3), withheld=True)
    opened = until(world, TileDemanded, verifier)
    world.round(verifier)
    assert verifier.store.ledger.at_stake([VERIFIER]) == opened.deposit
    until(world, DemandExpired, verifier)
    seen(world, verifier)
    reward = share_of(3 * TERMS.leaf_slash, PROVER_PERCENT)
    assert sums(verifier) == {"demand": Sum(2, 0, 2 * FEE, reward)}
    assert verifier.store.ledger.at_stake([VERIFIER]) == 0

    shown = lane.post(*leaves(world, 200, first=50), withheld=True)
    for _ in range(40):
        world.round(verifier)
        if verifier.store.ledger.at_stake([VERIFIER]) == opened.deposit:
            break
        world.wait(1)
    found = verifier.store.demands.get(shown.id, 0)
    assert found is not None
    lane.answer(shown, halves=[1])  # early: half of the deposit is the lane's owner's
    world.wait(found.middle - world.now)
    (half, _), rival = answers(shown.leaves), world.chain.account_view(RIVAL)
    rival.answer_tile(shown.id, 0, half.half, half.data, half.other, ())
    seen(world, verifier)
    assert sums(verifier)["demand"] == Sum(3, 0, 3 * FEE, reward, opened.deposit)
    assert sums(verifier, RIVAL) == {"answer": Sum(reward=opened.deposit - opened.deposit // 2)}
    assert verifier.store.ledger.at_stake([VERIFIER]) == 0 and opened.deposit >= DEPOSIT


@on_both
def test_transaction_that_reverted_costs_its_fee_in_vain(world: World) -> None:
    verifier = forged(world)
    rival = world.verifier("rival", RIVAL)
    world.round(rival, steps=(watch, check))
    world.chain.before_next(lambda: dispute(rival))
    dispute(verifier)
    seen(world, verifier, rival)
    assert sums(verifier) == {"dispute": Sum(1, 1, FEE)}
    assert sums(rival, RIVAL) == {"dispute": Sum(1, 0, FEE, SHARE)}


@on_both
def test_transaction_whose_answer_was_lost_counts_once_it_has_landed(world: World) -> None:
    verifier = forged(world)
    world.chain.delay_next(2)
    dispute(verifier)
    assert sums(verifier) == {} and len(verifier.store.spending.unseen()) == 1
    world.round(verifier, steps=(watch, account))
    assert sums(verifier) == {}  # it has not landed
    world.wait(6)
    world.wait(1)
    world.round(verifier, steps=(watch, account))
    assert sums(verifier) == {"dispute": Sum(1, 0, FEE, SHARE)} and verifier.store.spending.unseen() == []


@on_both
def test_claim_pays_its_caller_and_its_beneficiary(tmp_path: Path) -> None:
    world = Watching(tmp_path)
    world.chain.price(7 * GWEI)
    verifier = world.verifier()
    world.round(verifier)
    receipt = world.signed(0)
    (held,) = world.promised(receipt)
    world.entrusted(verifier, held, receipt)
    world.wait(world.terms.max_promise_delay + 1)
    for _ in range(3):
        world.round(verifier)
        seen(world, verifier)
    slash = world.terms.promise_slash
    assert sums(verifier)["claim"] == Sum(1, 0, FEE, share_of(slash, 5))
    assert sums(verifier, HOLDER)["claim"] == Sum(reward=share_of(slash, 45))
    (entry,) = verifier.store.ledger.entries([HOLDER])[:1]
    assert (entry.purpose.lane, entry.purpose.seq) == (
        held.opening.place if hasattr(held, "opening") else (1, 0)
    )


def test_challenge_pays_whoever_proves_or_takes_half_of_the_bond(tmp_path: Path) -> None:
    stage = MemoryStage()
    allow_code(stage.owner, stage.place_evidence())
    prover, poster, relayer = stage.prover, stage.poster, stage.relayer
    store = Store.open(tmp_path / "v.sqlite3", prover.deployment, "verifier")
    verifier = Context(prover, store, Config(), clock=lambda: float(stage.now))
    terms, deposit = prover.registry_terms(), prover.challenge_deposit()
    proven, claims, document = post_attestation(relayer, NODE, stage.now)
    prover.challenge_attestation(proven, deposit)
    world_of = [prover.account, poster.account, relayer.account]
    watch(verifier)
    assert store.ledger.at_stake(world_of) == deposit
    poster.prove_attestation(proven, claims, NODE.public_key, document, b"")
    false, _, _ = post_attestation(relayer, STRANGER, stage.now)
    prover.challenge_attestation(false, deposit)
    stage.until(stage.now + terms.proof_period + 1)
    prover.expire_challenge(false)
    watch(verifier)
    kept = {one: store.ledger.sums([one])["attest"] for one in world_of}
    assert kept[prover.account] == Sum(reward=terms.bond // 2, loss=deposit)
    assert kept[poster.account] == Sum(reward=deposit)
    assert kept[relayer.account] == Sum(loss=terms.bond)
    assert store.ledger.at_stake(world_of) == 0
    entries = store.ledger.entries([prover.account])
    assert {one.purpose.attestation for one in entries} == {proven, false}
    store.close()


# --- the chain --------------------------------------------------------------------------------------


@on_both
def test_reorganisation_takes_it_and_the_chain_gives_it_back(world: World) -> None:
    verifier = forged(world)
    dispute(verifier)
    world.round(verifier, steps=(watch, account))
    assert sums(verifier) == {"dispute": Sum(1, 0, FEE, SHARE)}
    first = verifier.store.ledger.entries([VERIFIER])
    world.chain.reorg(1, replay=True)
    world.wait(3)  # it is in this block now
    world.round(verifier, steps=(watch,))
    assert sums(verifier) == {"dispute": Sum(reward=SHARE)}  # the fee's block is yet to be asked for
    world.wait(6)
    world.round(verifier, steps=(watch, account))
    assert sums(verifier) == {"dispute": Sum(1, 0, FEE, SHARE)}
    again = verifier.store.ledger.entries([VERIFIER])
    assert [one.tx_hash for one in again] == [one.tx_hash for one in first] and again[0].at > first[0].at
    world.chain.reorg(2)
    world.wait(6)
    world.round(verifier, steps=(watch, account))
    assert sums(verifier) == {}
    seen(world, verifier)
    seen(world, verifier)
    assert sums(verifier) == {"dispute": Sum(1, 0, FEE, SHARE)}  # proven again


@on_both
def test_following_anew_and_a_restart_change_nothing(world: World) -> None:
    verifier = forged(world)
    seen(world, verifier)
    found = verifier.store.ledger.entries([VERIFIER])
    database: Any = verifier.store._database
    for table in ("ledger", "cursor", "blocks"):
        database.execute(f"DELETE FROM {table}")
    world.round(verifier)
    assert verifier.store.ledger.entries([VERIFIER]) == found
    verifier.store.close()
    again = world.verifier()
    world.round(again)
    assert again.store.ledger.entries([VERIFIER]) == found and again.store.ledger.accounts() == [VERIFIER]


@on_both
@pytest.mark.parametrize("role", ["verifier", "relayer"])
def test_database_of_an_older_program_keeps_its_costs_and_is_followed_anew(
    tmp_path: Path, role: Role
) -> None:
    version = next(number for number, one in enumerate(MIGRATIONS) if "CREATE TABLE ledger" in one)
    world = World(tmp_path)
    settings = {
        "chain": "31337", "settlement": "0x" + world.chain.deployment.settlement.hex(),
        "registry": "0x" + world.chain.deployment.registry.hex(), "role": role,
    }  # fmt: skip
    old = open_database(place(tmp_path / "old.sqlite3"), migrations=MIGRATIONS[:version])
    old.execute_many("INSERT INTO settings VALUES (?, ?)", settings.items())
    old.execute("INSERT INTO spending VALUES (?, 'claim', 9, '77', 1000)", (b"\x01" * 32,))
    old.execute("INSERT INTO cursor VALUES (1, 9, ?, 1009)", (b"\x09" * 32,))
    old.close()
    store = Store.open(place(tmp_path / "old.sqlite3"), world.chain.deployment, role)
    assert store.ledger.sums([])["claim"] == Sum(1, 0, 77) and store.ledger.accounts() == []
    assert [one.fee for one in store.spending.since(0)] == [77] and store.spending.unseen() == []
    assert (store.chain.cursor() is None) == (role == "verifier")
    store.close()


# --- the command ------------------------------------------------------------------------------------


def test_command_prints_sums_and_amounts(world: World, tmp_path: Path) -> None:
    verifier = forged(world)
    seen(world, verifier)
    verifier.store.close()
    session = session_on(world, tmp_path / "verifier.sqlite3")
    shown = run("ledger", "--entries", "5", session=session)
    assert shown.status == 0, shown.err
    assert "dispute" in shown.out and "transactions" in shown.out and "1/0, 3" in shown.out
    found = run("ledger", "--json", "--entries", "9", session=session).json
    assert found["by_action"]["dispute"] == found["total"] | {"transactions": 1}
    assert found["total"]["net_wei"] == SHARE - FEE and found["at_stake_wei"] == 0
    assert {one["kind"] for one in found["entries"]} == {"cost", "reward"}
    assert run("ledger", "--json", "--since", "99999999999", session=session).json["by_action"] == {}
    none = run("ledger", "--since", "1d", "--account", "0x" + "11" * 20, session=session)
    assert none.out.startswith("Nothing was paid, earned or lost since 20")
    wrong = run("ledger", "--since", "yesterday", session=session)
    assert wrong.status == 2 and "is not a time" in wrong.err
    absent = run("ledger", session=session_on(world, tmp_path / "none.sqlite3"))
    assert (
        absent.status == 1
        and "there is no database" in absent.err
        and not (tmp_path / "none.sqlite3").exists()
    )


def session_on(world: World, store: Path) -> Session:
    """A session whose settings name a verifier's store."""
    session = Session()
    settings = replace(world.config, verifier=replace(world.config.verifier, store=store))
    session.__dict__ |= {"config": settings, "deployment": world.chain.deployment}
    return session


def test_store_of_a_relayer_keeps_no_ledger(world: World) -> None:
    relayer = world.relayer()
    verifier = forged(world)
    seen(world, verifier, relayer)
    assert relayer.store.ledger.sums([VERIFIER]) == {}
