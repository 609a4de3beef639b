"""POST /heartbeat, asked by a gateway-shaped client over a real server, and the step that reports.

POST /heartbeat
├── given a reporter
│   ├── it should report the node's bit on chain, and answer the transaction within a gateway's patience
│   ├── it should answer the same transaction to a second heartbeat of the round
│   └── it should put up its bond once, and report several nodes of a round together
├── when nothing lands in time → success with a txHash of null; reported later, and told then
├── given a wrong contract, node, time or signature, or a field that is missing → 400 that names it, nothing stored
└── given a relayer that reports none → 503 in words
beat
├── when a bit is challenged → it should show the signature in time, and be paid the deposit; also after a restart
│   ├── given a report whose transaction was never learnt → it should show it all the same
│   └── when the contract refuses it → it should say so and report the others
├── when a report is undone by a reorganisation → it should report again
├── when the first waits for others → it should report only after the delay
├── when its bond is short after a lost challenge → it should say so and report nothing
└── when nobody can ask any more → it should forget
"""

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.memory_state import OnHeartbeats
from afterproof.errors import AfterproofError
from afterproof.protocol.funds import Short
from afterproof.protocol.heartbeat_terms import DEMO_HEARTBEAT_TERMS as TERMS
from afterproof.steps import Context
from afterproof.steps.batch import batch
from afterproof.steps.beat import beat
from afterproof.steps.funds import funds
from afterproof.steps.post import post
from afterproof.steps.unstored import FundsWatch
from afterproof.steps.watch import watch
from afterproof.units import checksummed
from afterproof.web import heartbeat as web
from tests.support.tee_gateway import TeeGateway, served
from tests.support.world import OPERATOR, OWNER, RELAYER, RIVAL, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.config = replace(
        made.config, relayer=replace(made.config.relayer, heartbeats=True, heartbeat_delay=0.0)
    )
    return made


@pytest.fixture
def relayer(world: World) -> Context:
    return world.relayer()


def registered(world: World, relayer: Context, url: str) -> TeeGateway:
    gateway = TeeGateway(url)
    world.chain.account_view(OWNER).endorse(gateway.public_key, OPERATOR)
    world.wait(TERMS.round_length - world.now % TERMS.round_length)  # a round begins
    watch(relayer)
    return gateway


@pytest.fixture
def gateway(world: World, relayer: Context) -> Iterator[TeeGateway]:
    with served(relayer) as url:
        yield registered(world, relayer, url)


@contextmanager
def looping(relayer: Context) -> Iterator[None]:
    """The step in a loop, as the relayer's process has it."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(0.02):
            beat(relayer)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def contract(world: World) -> str:
    assert world.chain.deployment.heartbeats is not None
    return checksummed(world.chain.deployment.heartbeats)


def place(world: World, gateway: TeeGateway) -> int:
    return world.chain.account_view(RIVAL).nodes().index(gateway.tee_id)


def bits(world: World, at: int) -> int:
    return world.chain.account_view(RIVAL).heartbeat_bitmap(RELAYER, at // TERMS.round_length, 0)


def reported(world: World, relayer: Context, gateway: TeeGateway) -> int:
    """A heartbeat that is on chain; its time."""
    at = world.now
    with looping(relayer):
        assert gateway.beat(at, contract(world)).json()["txHash"]
    return at


def kept(relayer: Context, at: int) -> int:
    return len(relayer.store.heartbeats.of_round(at // TERMS.round_length))


def test_heartbeat_is_reported_and_its_transaction_told(
    world: World, relayer: Context, gateway: TeeGateway
) -> None:
    at = world.now
    with looping(relayer):
        answer = gateway.beat(at, contract(world))
        again = gateway.beat(at + 1, contract(world).lower())
    assert answer.status_code == 200
    told = answer.json()
    transactions = {one.hash for mined in world.chain._blocks for one in mined.transactions}
    assert bytes.fromhex(told.pop("txHash")[2:]) in transactions
    assert told == {
        "success": True,
        "teeId": "0x" + gateway.tee_id.hex(),
        "timestamp": str(at),
        "relayer": checksummed(RELAYER),
        "contract": contract(world),
    }
    assert again.json()["txHash"] == answer.json()["txHash"] and again.json()["timestamp"] == str(at + 1)
    assert bits(world, at) == 1 << place(world, gateway)
    assert world.chain.account_view(RIVAL).reporter(RELAYER).bond == TERMS.bond
    assert kept(relayer, at) == 1


def test_nodes_of_a_round_are_reported_together(world: World, relayer: Context, gateway: TeeGateway) -> None:
    other = registered(world, relayer, gateway.url)
    at = world.now
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(one.beat, at, contract(world)) for one in (gateway, other)]
        while kept(relayer, at) < 2:
            pass
        with looping(relayer):
            told = {answer.result().json()["txHash"] for answer in answers}
    assert len(told) == 1 and None not in told
    assert bits(world, at) == 1 << place(world, gateway) | 1 << place(world, other)


def test_report_that_takes_long_is_told_later(
    world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.Heartbeats.__init__, "__defaults__", (0.3,))
    with served(relayer) as url:
        gateway = registered(world, relayer, url)
        at = world.now
        answer = gateway.beat(at, contract(world))
        assert answer.status_code == 200
        assert (answer.json()["success"], answer.json()["txHash"]) == (True, None)
        beat(relayer)
        assert bits(world, at) == 1 << place(world, gateway)
        assert gateway.beat(at, contract(world)).json()["txHash"].startswith("0x")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"contractAddress": "0x" + "11" * 20}, "contractAddress must be 0x"),
        ({"contractAddress": "0x11"}, "contractAddress is not an address"),
        ({"contractAddress": 5}, "contractAddress is not an address"),
        ({"teeId": None}, "teeId is missing"),
        ({"timestamp": None}, "timestamp is missing"),
        ({"signature": None}, "signature is missing"),
        ({"teeId": "0x" + "22" * 32}, "teeId is not registered"),
        ({"teeId": "0x22"}, "teeId must"),
        ({"timestamp": "1"}, "timestamp is of no round that can be reported now"),
        ({"timestamp": str(2**64 - 1)}, "timestamp is of no round that can be reported now"),
        ({"timestamp": str(2**64)}, "timestamp must"),
        ({"timestamp": 1.5}, "timestamp must"),
        ({"signature": "*"}, "signature must be base64"),
        ({"signature": base64.b64encode(bytes(256)).decode()}, "signature does not verify"),
        ({"signature": base64.b64encode(b"short").decode()}, "signature does not verify"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_stored(
    world: World, relayer: Context, gateway: TeeGateway, change: dict[str, Any], names: str
) -> None:
    answer = gateway.beat(world.now, contract(world), **change)
    assert answer.status_code == 400 and set(answer.json()) == {"error"}
    assert answer.json()["error"].startswith(names)
    assert kept(relayer, world.now) == 0


def test_signature_over_another_time_is_refused(world: World, relayer: Context, gateway: TeeGateway) -> None:
    answer = gateway.beat(world.now, contract(world), timestamp=str(world.now + 1))
    assert (answer.status_code, answer.json()) == (
        400, {"error": "signature does not verify under the node's key"},
    )  # fmt: skip


def test_relayer_that_reports_none_is_503(world: World, relayer: Context) -> None:
    silent = world.with_settings(relayer, heartbeats=False)
    with served(silent) as url:
        answer = registered(world, silent, url).beat(world.now, contract(world))
    assert answer.status_code == 503 and "relayer.heartbeats" in answer.json()["error"]
    assert not beat(silent) and kept(silent, world.now) == 0


def test_challenge_is_answered_with_the_signature(
    world: World, relayer: Context, gateway: TeeGateway
) -> None:
    at = reported(world, relayer, gateway)
    rival, number, index = world.chain.account_view(RIVAL), at // TERMS.round_length, place(world, gateway)
    rival.challenge_heartbeat(RELAYER, number, index, TERMS.deposit_floor)
    assert rival.reporter(RELAYER).open_challenges == 1
    assert rival.heartbeat_deadline(RELAYER, number, index) is not None
    restarted = replace(world.relayer(), config=relayer.config)
    watch(restarted)
    beat(restarted)
    assert rival.reporter(RELAYER).open_challenges == 0
    assert rival.heartbeat_deadline(RELAYER, number, index) is None
    heartbeats = world.chain.view().heartbeats
    assert heartbeats.credits == {RELAYER: TERMS.deposit_floor}
    assert heartbeats.bonds[RELAYER] == TERMS.bond


def test_challenge_of_a_report_that_was_never_learnt_of_is_answered(
    world: World, relayer: Context, gateway: TeeGateway
) -> None:
    at = reported(world, relayer, gateway)
    relayer.store._database.execute("UPDATE heartbeats SET tx_hash = NULL")
    world.wait(3 * TERMS.round_length)  # too late to report it again
    rival = world.chain.account_view(RIVAL)
    rival.challenge_heartbeat(RELAYER, at // TERMS.round_length, place(world, gateway), TERMS.deposit_floor)
    beat(relayer)
    assert rival.reporter(RELAYER).open_challenges == 0


def test_signature_that_the_contract_refuses_stops_nothing(
    world: World, relayer: Context, gateway: TeeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    other = registered(world, relayer, gateway.url)
    at = reported(world, relayer, gateway)
    relayer.store._database.execute("UPDATE heartbeats SET signature = ?", (bytes(256),))
    rival, number = world.chain.account_view(RIVAL), at // TERMS.round_length
    rival.challenge_heartbeat(RELAYER, number, place(world, gateway), TERMS.deposit_floor)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(other.beat, at, contract(world))
        while kept(relayer, at) < 2:
            pass
        beat(relayer)
        assert answer.result().json()["txHash"]
    assert "its signature refused: the contract refused with NotSigned" in caplog.text
    assert bits(world, at) == 1 << place(world, gateway) | 1 << place(world, other)
    assert rival.reporter(RELAYER).open_challenges == 1


def test_report_that_was_undone_is_made_again(world: World, relayer: Context, gateway: TeeGateway) -> None:
    at = reported(world, relayer, gateway)
    first = relayer.store.heartbeats.of_round(at // TERMS.round_length)[0].tx_hash
    world.chain.reorg(1)
    assert bits(world, at) == 0
    beat(relayer)
    assert bits(world, at) == 1 << place(world, gateway)
    assert relayer.store.heartbeats.of_round(at // TERMS.round_length)[0].tx_hash != first
    blocks = len(world.chain._blocks)
    beat(relayer)
    assert len(world.chain._blocks) == blocks  # what stands is not reported twice
    assert [one.what for one in relayer.store.spending.since(0)] == ["beat"] * 3  # with the bond


def test_first_waits_for_others(world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.Heartbeats.__init__, "__defaults__", (0.0,))
    patient = world.with_settings(relayer, heartbeat_delay=3.0)
    with served(patient) as url:
        gateway = registered(world, patient, url)
        at = world.now
        gateway.beat(at, contract(world))
        world.wait(2)
        beat(patient)
        assert bits(world, at) == 0
        world.wait(1)
        beat(patient)
        assert bits(world, at) == 1 << place(world, gateway)


def test_report_stands_back_while_a_batch_is_not_on_chain(
    world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.Heartbeats.__init__, "__defaults__", (0.0,))
    with served(relayer) as url:
        gateway = registered(world, relayer, url)
        at = world.now
        gateway.beat(at, contract(world))
    world.take_in(relayer, world.signed(1))
    world.wait(int(relayer.config.relayer.max_age) + 1)
    batch(relayer)
    beat(relayer)
    assert bits(world, at) == 0
    post(relayer)
    watch(relayer)
    beat(relayer)
    assert bits(world, at) == 1 << place(world, gateway)


def test_short_bond_is_said_and_nothing_reported(world: World, relayer: Context, gateway: TeeGateway) -> None:
    at = reported(world, relayer, gateway)
    rival, number, index = world.chain.account_view(RIVAL), at // TERMS.round_length, place(world, gateway)
    rival.challenge_heartbeat(RELAYER, number, index, TERMS.deposit_floor)
    world.wait(TERMS.answer_period + 1)
    world.chain.act(RIVAL, OnHeartbeats(lambda beats, env, _: beats.expire(env, RELAYER, number, index)))
    assert rival.reporter(RELAYER).bond == TERMS.bond - TERMS.slash
    watch(relayer)
    with ThreadPoolExecutor(1) as pool:
        at = world.now
        answer = pool.submit(gateway.beat, at, contract(world))
        while not kept(relayer, at):
            pass
        with pytest.raises(AfterproofError, match="bond is down to"):
            beat(relayer)
        afresh = replace(relayer, funds_watch=FundsWatch())
        funds(afresh)
        assert "heartbeats are not reported" in afresh.funds_watch.warnings[Short.BOND]
        assert bits(world, at) == 0
        world.chain.account_view(RELAYER).join_reporters(TERMS.slash)
        beat(relayer)
        assert answer.result().json()["txHash"] and bits(world, at) == 1 << place(world, gateway)


def test_what_nobody_can_ask_for_is_forgotten(world: World, relayer: Context, gateway: TeeGateway) -> None:
    at = reported(world, relayer, gateway)
    end = (
        (at // TERMS.round_length + 2) * TERMS.round_length - 1 + TERMS.challenge_window + TERMS.answer_period
    )
    world.wait(end - world.now)
    watch(relayer)
    beat(relayer)
    assert kept(relayer, at) == 1
    world.wait(2 * TERMS.round_length)
    watch(relayer)
    beat(relayer)
    assert kept(relayer, at) == 0
