"""A dry run: everything a verifier does, but for sending; each thing that it would have sent is said once.

a verifier that runs dry
├── finds a fault, withheld data, a demand of its own that ran out, one of others' that it could answer, a broken
│   promise, a false attestation, a challenge to be answered or that ran out
│   ├── it should send nothing, whatever comes, with or without an account and funds
│   ├── it should say once what it would have sent, and count it
│   └── when it runs for real on the same store → it should act then
├── has more faults than are sent at a time → it should say all of them
└── on a real chain, as nobody → what it says should have been simulated, a deposit and all
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.base import (
    AttestationChallenged,
    AttestationProven,
    AttestationRejected,
    ChainEvent,
    DemandExpired,
    FaultProven,
    PromiseBroken,
    TileAnswered,
    TileDemanded,
)
from afterproof.chain.rehearsal import NOBODY, EvmRehearsal
from afterproof.errors import SendFailed
from afterproof.protocol.batching import build_batch, declared_range
from afterproof.protocol.receipt import Domain
from afterproof.protocol.terms import DEMO, ETHER
from afterproof.settings import Answering
from afterproof.steps import Context
from afterproof.store import Store
from afterproof.telemetry.checking import REHEARSED
from afterproof.telemetry.metrics import Metrics
from tests.support.chains import IMPATIENT, KEYS, EvmSender, deployed_anvil, rpc
from tests.support.lane import OwnLane
from tests.support.nitro_world import Attested
from tests.support.scene import forged_leaf, leaf_of, secp_signer
from tests.support.watching import Watching
from tests.support.world import OPERATOR, RIVAL, VERIFIER, World

TERMS = replace(DEMO, window=40, answer_period=16, claim_window=40)
Scene = Callable[[World], Any]


def running(context: Context, dry: bool, **changes: Any) -> Context:
    """The same verifier, sending nothing or for real."""
    settings = replace(
        context.config.verifier, dry_run=dry, prove_others=True, answer_others=Answering.ALWAYS, **changes
    )
    metrics = Metrics("verifier")
    return replace(context, metrics=metrics, config=replace(context.config, verifier=settings))


def rehearsed(context: Context) -> dict[str, int]:
    """What was counted as said."""
    found = {
        action: context.metrics.registry.get_sample_value(
            "afterproof_actions_rehearsed_total", {"action": action}
        )
        for action in REHEARSED
    }
    return {action: int(count) for action, count in found.items() if count}


def sent(world: World, account: bytes) -> int:
    """How many transactions an account ever sent."""
    return sum(one.sender == account for mined in world.chain._blocks for one in mined.transactions)


def happened(world: World, kind: type[ChainEvent]) -> bool:
    return any(isinstance(one.event, kind) for one in world.chain.account_view(RIVAL).events(0, 10**6))


# --- what there is to do ----------------------------------------------------------------------------


def a_fault(world: World) -> None:
    OwnLane(world).post(world.forged(1).leaf, world.signed(2).leaf)


def withheld_data(world: World) -> None:
    lane = OwnLane(world)
    lane.post(world.signed(1).leaf)  # there is something to tell by that the network works
    lane.post(world.signed(2).leaf, withheld=True)


def a_demand_of_its_own(world: World) -> None:
    batch = OwnLane(world).post(world.signed(1).leaf, withheld=True)
    world.chain.account_view(VERIFIER).demand_tile(batch.id, 0, batch.tree.root, (), TERMS.demand_deposit)


def a_demand_of_anothers(world: World) -> None:
    batch = OwnLane(world).post(*[world.signed(number).leaf for number in range(130)])
    world.chain.account_view(RIVAL).demand_tile(batch.id, 0, batch.tree.root, (), TERMS.demand_deposit)


def a_broken_promise(world: World) -> None:
    pass  # handed in to the verifier itself


def a_false_attestation(world: World) -> None:
    attested = Attested(world)
    document = attested.document(attested.key())
    attested.post(document, attested.key(), {"document_time": attested.claims(document).document_time - 1})


def a_challenge(world: World) -> None:
    attested = Attested(world)
    world.chain.account_view(RIVAL).challenge_attestation(attested.post(), ETHER // 100 * 9 // 8)


def a_challenge_of_its_own(world: World) -> None:
    attested = Attested(world)
    document = attested.document(attested.key())
    number = attested.post(
        document, attested.key(), {"document_time": attested.claims(document).document_time - 1}
    )
    world.chain.account_view(VERIFIER).challenge_attestation(number, ETHER // 100 * 9 // 8)


SCENES: list[tuple[Scene, dict[str, int], type[ChainEvent], str]] = [
    (a_fault, {"dispute": 1}, FaultProven, "would have proved BAD_SIGNATURE of leaf 0 in batch 1/0"),
    (withheld_data, {"demand": 1}, TileDemanded, "would have demanded tile 0 of batch 1/1 for"),
    (a_demand_of_its_own, {"expire": 1}, DemandExpired, "would have settled our demand of tile 0 of batch 1/0"),
    (a_demand_of_anothers, {"answer": 2}, TileAnswered, "would have shown half 0 of tile 0 of batch 1/0"),
    (a_broken_promise, {"claim": 1}, PromiseBroken, "would have claimed that the promise of number 0 of lane 1"),
    (a_false_attestation, {"challenge": 1}, AttestationChallenged, "would have challenged attestation 3 for"),
    (a_challenge, {"prove": 1}, AttestationProven, "would have proved attestation 3"),
    (a_challenge_of_its_own, {"expire": 1}, AttestationRejected, "would have settled the challenge of"),
]  # fmt: skip


@pytest.mark.parametrize("penniless", [False, True])
@pytest.mark.parametrize(
    ("scene", "counts", "event", "sentence"), SCENES, ids=lambda x: getattr(x, "__name__", "")
)
def test_what_would_be_sent_is_said_once_and_done_later(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    scene: Scene,
    counts: dict[str, int],
    event: type[ChainEvent],
    sentence: str,
    penniless: bool,
) -> None:
    caplog.set_level(logging.WARNING)
    world = Watching(tmp_path, TERMS)
    is_of_its_own = scene in (a_demand_of_its_own, a_challenge_of_its_own)
    account = NOBODY if penniless and not is_of_its_own else VERIFIER
    scene(world)
    dry = running(world.verifier(account=account), dry=True)
    world.round(dry)
    if scene is a_broken_promise:
        receipt = world.signed(1)
        world.entrusted(dry, world.promised(receipt)[0], receipt)
        world.wait(TERMS.max_promise_delay + 2)
    before = sent(world, account)
    for _ in range(40):
        world.round(dry)
        if rehearsed(dry) == counts:
            break
        world.wait(1)
    world.rounds(3, dry)
    assert rehearsed(dry) == counts and caplog.text.count(sentence) == 1
    assert sent(world, account) == before and not happened(world, event)
    world.round(dry)
    real = running(world.verifier(account=VERIFIER), dry=False)
    for _ in range(8):
        world.round(real)
        world.wait(1)
    assert happened(world, event) and rehearsed(real) == {}


def test_all_of_many_faults_are_said(tmp_path: Path) -> None:
    world = World(tmp_path, TERMS)
    dry = running(world.verifier(), dry=True)
    OwnLane(world).post(*[world.forged(number).leaf for number in range(40)])
    world.rounds(3, dry)
    assert rehearsed(dry) == {"dispute": 40} and sent(world, VERIFIER) == 0


def test_what_another_did_meanwhile_is_not_said(tmp_path: Path) -> None:
    world = World(tmp_path, TERMS)
    dry, rival = running(world.verifier(), dry=True), world.verifier("rival", RIVAL)
    a_fault(world)
    world.round(rival)
    world.rounds(5, dry)
    assert rehearsed(dry) == {} and sent(world, RIVAL) == 1


# --- on a real chain --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain() -> Iterator[tuple[str, Any]]:
    with deployed_anvil() as found:
        yield found


def test_nobody_simulates_on_a_real_chain_and_sends_nothing(
    chain: tuple[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    url, deployment = chain
    owner = EvmSender(url, deployment, KEYS["owner"], options=IMPATIENT)
    relayer = EvmSender(url, deployment, KEYS["relayer"], options=IMPATIENT)
    node, domain = secp_signer(0), Domain(deployment.chain_id, deployment.registry)
    owner.endorse(node.public_key, relayer.account)
    lane, _ = relayer.open_lane(relayer.account, relayer.account, 0, ETHER)
    rpc(url, "evm_increaseTime", 5)  # a node may sign from the second after its registration on
    rpc(url, "evm_mine")
    world = World(tmp_path)  # for its shelf
    now = relayer.head().timestamp
    for first, leaf in enumerate((forged_leaf(node, domain, now), leaf_of(node, domain, now, 1))):
        batch = build_batch(lane, first, [leaf])
        oldest, newest = declared_range([leaf], now, DEMO)
        if not first:
            world.directory.publish(batch.id, batch.data)
        uri = f"http://relayer.test/v1/batches/{batch.id}/data"
        relayer.post(lane, first, 1, oldest, newest, [batch.tree.root], uri)
    nobody = EvmRehearsal(url, deployment)
    with pytest.raises(SendFailed, match="withdraw was not sent: this is a dry run"):
        nobody.withdraw(NOBODY)
    store = Store.open(tmp_path / "dry.sqlite3", deployment, "verifier")
    context = world.verifier("other")
    dry = running(
        replace(context, chain=nobody, store=store, clock=lambda: float(now)), dry=True, demand_after=0
    )
    head = rpc(url, "eth_blockNumber")
    for _ in range(3):
        world.round(dry)
    assert rehearsed(dry) == {"dispute": 1, "demand": 1}
    assert rpc(url, "eth_blockNumber") == head
    proved, demanded = (one.getMessage() for one in caplog.records if "would have" in one.getMessage())
    assert "would have proved BAD_SIGNATURE of leaf 0" in proved and " gas, " in proved
    assert f"would have demanded tile 0 of batch {lane}/1 for" in demanded and " gas, " in demanded
    assert "could not be simulated" not in caplog.text
    store.close()


def test_operator_is_known_without_a_key(tmp_path: Path) -> None:
    from afterproof.config import AccountConfig
    from afterproof.keyfiles import account_address

    keystore = tmp_path / "account.json"
    keystore.write_text(f'{{"address": "{OPERATOR.hex()}", "crypto": {{}}}}')
    assert account_address(AccountConfig()) is None
    assert account_address(AccountConfig(keystore=keystore)) == OPERATOR
    assert account_address(AccountConfig(address="0x" + OPERATOR.hex())) == OPERATOR
    keystore.write_text("no keystore")
    assert account_address(AccountConfig(keystore=keystore)) is None
