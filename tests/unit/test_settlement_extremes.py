"""Settlement: the largest values, the largest transactions, and contracts that misbehave.

transactions
├── a post of 4,000 tile roots with the longest address → it should fit any node's limits of size and gas
└── an answer of either half of a tile of the largest batch, with the longest signatures → likewise
the header
├── given many tiles of the largest batch demanded at once → it should count them, and touch no other field
└── given an answer later than the header can say → the stake should stay until the tile's own end all the same
money and gas
├── when ether comes with a call that takes none, with no call or one that there is not → it should be refused
└── under every gas limit → a post, a demand, a release, a sweep, a withdrawal should happen whole or not at all
a fault's own contract
├── when it answers one → it should prove; when it answers anything else, too little, or nothing → it should not
└── when it reverts, with or without a word, or burns all gas → its word should reach the prover, and nothing be proven
being paid
└── when whoever is paid comes back to prove, sweep, expire or withdraw → each should happen once, and add up
"""

from collections.abc import Iterator
from dataclasses import astuple, replace
from typing import Any

import pytest
from eth_utils import to_canonical_address

from afterproof.data.fetch import MAX_URI
from afterproof.protocol.batching import TILE, build_batch
from afterproof.protocol.header import BatchId, batch_id
from afterproof.protocol.merkle import BatchTree, node_hash
from afterproof.protocol.outcome import Env
from afterproof.protocol.packing import pack
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.settlement import MAX_COUNT
from afterproof.protocol.state import FaultKind
from afterproof.protocol.terms import DAY, DEMO, ETHER
from tests.support.abi import Function
from tests.support.compiled import artifact
from tests.support.evm import Reverted
from tests.support.invariants import solvent
from tests.support.pair import encode_claim
from tests.support.promises import PromiseScene, fresh
from tests.support.scene import Scene, tile_of

GAS, SIZE = 2**24, 131_072
#: An EIP-1559 transaction beside its calldata, every field as long as it can be, the access list empty.
ENVELOPE = 300
TILES = MAX_COUNT // TILE
SLASH, DEPOSIT = DEMO.leaf_slash, DEMO.demand_deposit


@pytest.fixture
def vast() -> Iterator[PromiseScene]:
    """A scene for the largest batch: too many tiles to read each."""
    scene = fresh()
    yield scene
    for identity in scene.pair.spec.batches:
        header_of(scene, identity)
    solvent(scene.pair)


@pytest.fixture
def scene() -> Iterator[PromiseScene]:
    scene = fresh()
    yield scene
    scene.compare()


def size_of(scene: Scene, function: str, arguments: tuple[Any, ...]) -> int:
    """Bytes of a transaction that calls the contract so."""
    plain = [list(argument) if isinstance(argument, tuple) else argument for argument in arguments]
    return len(scene.pair.settlement.interface.function(function, len(plain)).encode(plain)) + ENVELOPE


def gas_of(scene: Scene, function: str, arguments: tuple[Any, ...], sender: bytes) -> int:
    """What a transaction costs that a chain with EIP-7825 takes; it is undone."""
    plain = [list(argument) if isinstance(argument, tuple) else argument for argument in arguments]
    start = scene.pair.evm.snapshot()
    used = scene.pair.settlement.send(function, *plain, sender=sender, gas=GAS).gas_used
    scene.pair.evm.restore(start)
    return used


def largest(scene: Scene, first: bytes, uri: str = "") -> tuple[Any, ...]:
    """The arguments of a post of as many leaves as there can be, covered; ``first`` is the root of the first tile."""
    scene.pair.act("top_up", scene.stranger, scene.lane, value=400 * ETHER)
    roots = [first, *(b"\xff" * 24 + i.to_bytes(8) for i in range(1, TILES))]
    return scene.lane, scene.pair.spec.lanes[scene.lane].next_seq, MAX_COUNT, scene.now, scene.now, roots, uri


# --- transactions -----------------------------------------------------------------------------------


def test_largest_post_fits_the_limits_of_any_node(vast: PromiseScene) -> None:
    arguments = largest(vast, b"\xff" * 32, "x" * MAX_URI)
    assert size_of(vast, "post", arguments) <= SIZE
    assert gas_of(vast, "post", arguments, vast.poster) < GAS // 2
    vast.pair.act("post", vast.poster, *arguments)


@pytest.mark.parametrize("half", [0, 1])
def test_largest_answer_fits_the_limits_of_any_node(vast: PromiseScene, half: int) -> None:
    shown = build_batch(0, 0, [Leaf(vast.leaf(1).receipt, b"\xff" * 256)] * 128)
    root = node_hash(shown.tree.root, shown.tree.root)
    arguments = largest(vast, root)
    vast.pair.act("post", vast.poster, *arguments)
    identity, path = batch_id(vast.lane, arguments[1]), tuple(BatchTree(arguments[5]).proof(0))
    assert len(path) == 12
    vast.pair.act("demand_tile", vast.prover, identity, 0, root, path, value=DEPOSIT)
    answers = [(identity, 0, number, pack(shown.leaves), shown.tree.root, path) for number in (0, 1)]
    vast.pair.act("answer_tile", vast.stranger, *answers[1 - half])
    assert size_of(vast, "answerTile", answers[half]) < 95_000 < SIZE
    assert gas_of(vast, "answerTile", answers[half], vast.stranger) < GAS // 4
    vast.pair.act("answer_tile", vast.stranger, *answers[half])


# --- the header -------------------------------------------------------------------------------------


def test_header_counts_the_demands_of_the_largest_batch(vast: PromiseScene) -> None:
    arguments = largest(vast, b"\xff" * 32)
    vast.pair.act("post", vast.poster, *arguments)
    identity, tree = batch_id(vast.lane, arguments[1]), BatchTree(arguments[5])
    before = vast.pair.spec.batches[identity].header
    assert TILES < 2**12, "the field holds a demand of each"
    tiles = [*range(0, TILES, 256), TILES - 1]
    for tile in tiles:
        root, path = arguments[5][tile], tuple(tree.proof(tile))
        vast.pair.act("demand_tile", vast.prover, identity, tile, root, path, value=DEPOSIT)
    assert header_of(vast, identity) == replace(before, open_demands=len(tiles), flags=8)
    vast.warp(vast.pair.spec.batches[identity].demands[tiles[-1]].deadline + 1)
    for tile in tiles:
        vast.pair.act("expire_demand", vast.stranger, identity, tile)
    # Voids, demands and a blown fuse, whose count goes as far as its field.
    assert header_of(vast, identity) == replace(before, fault_count=1023, flags=1 + 4 + 8)
    assert vast.spec_lane.stake == 410 * ETHER - len(tiles) * TILE * SLASH
    vast.pair.act("release_cover", vast.stranger, vast.lane, 1)
    assert vast.spec_lane.open == 0


def header_of(scene: Scene, identity: BatchId) -> Any:
    """The header, the same in contract and specification."""
    header = scene.pair.spec.batches[identity].header
    assert scene.pair.settlement.call("batch", identity)[1] == header.pack()
    return header


def test_stake_stays_until_an_end_that_the_header_cannot_hold() -> None:
    long = replace(
        DEMO, window=60 * DAY, answer_period=30 * DAY, answer_spacing=30 * DAY, claim_window=DEMO.claim_window
    )
    scene = fresh(long)
    batch = scene.post(*[None] * (7 * TILE), scene.forged(1))
    for tile in range(8):
        scene.demand(batch, tile)
    for tile in range(7):
        scene.answer(batch, tile)
    scene.pair.act("exit", scene.relayer, scene.lane)
    scene.pass_deadline(batch, 7, offset=0)
    scene.answer(batch, 7)
    end = scene.pair.spec.tile_end(scene.pair.spec.batches[batch.id], 7)
    assert end == scene.now + 60 * DAY > header_of(scene, batch.id).latest_end
    scene.warp(header_of(scene, batch.id).latest_end + 1)
    scene.pair.act("release_cover", scene.stranger, scene.lane, 1)
    assert scene.refusal("withdraw_stake", scene.relayer, scene.lane) == "StillLiable"
    scene.warp(end)
    assert scene.refusal("withdraw_stake", scene.relayer, scene.lane) == "StillLiable"
    scene.prove(batch, 7 * TILE)
    assert scene.spec_lane.stake == 10 * ETHER - SLASH
    scene.compare()


# --- money and gas ----------------------------------------------------------------------------------


def test_ether_is_taken_by_what_is_payable_alone(scene: PromiseScene) -> None:
    abi = [entry for entry in artifact("Settlement")["abi"] if entry["type"] == "function"]
    payable = {entry["name"] for entry in abi if entry["stateMutability"] == "payable"}
    assert payable == {"openLane", "topUp", "demandTile"}
    selectors = [Function(entry).selector for entry in abi if entry["name"] not in payable]
    assert len(selectors) > 30
    start = scene.pair.evm.snapshot().root
    # With enough words behind it, a selector would be decoded; the value is refused before.
    for data in (*(selector + bytes(960) for selector in selectors), b"\xff" * 4, b"", b"\0"):
        with pytest.raises(Reverted) as refused:
            scene.pair.evm.transfer(scene.pair.settlement, 1, sender=scene.stranger, data=data)
        assert refused.value.raw == b""
    assert scene.pair.evm.snapshot().root == start


@pytest.mark.parametrize("action", ["post", "demandTile", "releaseCover", "sweepBurned", "withdraw"])
def test_action_under_every_gas_limit_happens_whole_or_not_at_all(scene: PromiseScene, action: str) -> None:
    old = scene.post(scene.forged(1))
    scene.prove(old, 0)
    scene.end_window(old)
    batch = scene.post(scene.leaf(2), *[None] * TILE)
    identity, tile, root, path = tile_of(batch, 1)
    roots = build_batch(scene.lane, 258, [scene.leaf(3)]).tree.tile_roots
    calls: dict[str, tuple[tuple[Any, ...], bytes, int]] = {
        "post": ((scene.lane, 258, 1, scene.now, scene.now, roots, "data:x"), scene.poster, 0),
        "demandTile": ((identity, tile, root, list(path)), scene.stranger, DEPOSIT),
        "releaseCover": ((scene.lane, 5), scene.stranger, 0),
        "sweepBurned": ((scene.lane,), scene.stranger, 0),
        "withdraw": ((scene.holder,), scene.prover, 0),
    }
    arguments, sender, value = calls[action]
    send, start = scene.pair.settlement.send, scene.pair.evm.snapshot()
    plenty = send(action, *arguments, sender=sender, value=value)
    end, went, refused = scene.pair.evm.snapshot().root, 0, 0
    for gas in range(21_000, 2 * plenty.gas_used, 503):
        scene.pair.evm.restore(start)
        try:
            send(action, *arguments, sender=sender, value=value, gas=gas)
        except (Reverted, ValueError):
            refused += 1
            assert scene.pair.evm.snapshot().root == start.root
        else:
            went += 1
            assert scene.pair.evm.snapshot().root == end
    scene.pair.evm.restore(start)
    assert went > 10 and refused > 10


# --- a fault's own contract -------------------------------------------------------------------------

#: Code of a fault's contract, and what a prover hears; None: that it is proven.
JUDGES = {
    "answers one": ("600160005260206000f3", None),
    "answers one and more": ("600160005260606000f3", None),
    "answers zero": ("60206000f3", "NotProven"),
    "answers two": ("600260005260206000f3", "NotProven"),
    "answers the largest number": ("60001960005260206000f3", "NotProven"),
    "answers one in too few bytes": ("6001600052601f6001f3", "NotProven"),
    "answers nothing, as what is gone would": ("00", "NotProven"),
    "reverts without a word": ("60006000fd", ""),
    "reverts with a true": ("600160005260206000fd", ""),
    "reverts with a settlement's own error": ("63b6b5d5f060005260046000fd", ""),
    "burns all gas": ("fe", ""),
    "never ends": ("5b600056", ""),
    "tries to write": ("600160005560016000526020 6000f3".replace(" ", ""), ""),
}


@pytest.mark.parametrize("judge", JUDGES)
def test_fault_is_proven_by_the_answer_one_alone(judge: str) -> None:
    scene, (code, heard) = Scene(), JUDGES[judge]
    evm = scene.pair.evm
    init = f"60{len(code) // 2:02x}80600b6000396000f3{code}"
    fault = evm.deploy({"abi": [], "bytecode": "0x" + init})
    settlement = evm.deploy(
        "Settlement", scene.owner, scene.owner, scene.pair.registry, astuple(DEMO), [(1, fault)]
    )
    settlement.send("openLane", scene.poster, scene.poster, 0, sender=scene.relayer, value=ETHER)
    batch = build_batch(1, 0, [scene.leaf(1), scene.leaf(2)])
    settlement.send(
        "post", 1, 0, 2, scene.now, scene.now, batch.tree.tile_roots, "data:x", sender=scene.poster
    )
    claim = encode_claim(scene.claim(batch, 1))
    if heard is None:
        settlement.send("proveFault", 1, claim, sender=scene.prover, gas=1_000_000)
    else:
        start = evm.snapshot().root
        with pytest.raises(Reverted) as refused:
            settlement.send("proveFault", 1, claim, sender=scene.prover, gas=1_000_000)
        assert refused.value.name == heard
        assert evm.snapshot().root == start
    lane, proven = settlement.call("lane", 1), heard is None
    assert (lane.stake, settlement.call("voidMap", 1 << 64, 0)) == (ETHER - SLASH * proven, 2 * proven)


# --- being paid -------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", ["prove", "sweep", "expire", "withdraw"])
def test_paid_contract_that_comes_back_finds_all_in_order(scene: PromiseScene, back: str) -> None:
    caller = scene.pair.evm.deploy("ReenteringCaller")
    account, settlement, spec = to_canonical_address(caller.address), scene.pair.settlement, scene.pair.spec
    batch = scene.post(scene.forged(1), scene.forged(2), *[None] * TILE)
    claims = [scene.claim(batch, index) for index in (0, 1)]
    scene.demand(batch, 1)
    scene.pass_deadline(batch, 1)
    env = Env(account, scene.now, 0, scene.pair.evm.base_fee)

    def encoded(function: str, *arguments: Any) -> bytes:
        return settlement.interface.function(function, len(arguments)).encode(arguments)

    ways: dict[str, tuple[bytes, Any]] = {
        "prove": (
            encoded("proveFault", 1, encode_claim(claims[1])),
            lambda: spec.prove_fault(env, FaultKind.BAD_SIGNATURE, claims[1]),
        ),
        "sweep": (encoded("sweepBurned", scene.lane), lambda: spec.sweep_burned(env, scene.lane)),
        "expire": (encoded("expireDemand", batch.id, 1), lambda: spec.expire_demand(env, batch.id, 1)),
        "withdraw": (encoded("withdraw", account), None),
    }
    again, mirrored = ways[back]
    prove = encoded("proveFault", 1, encode_claim(claims[0]))
    caller.send("run", settlement, prove, b"", sender=scene.stranger)
    spec.prove_fault(env, FaultKind.BAD_SIGNATURE, claims[0])
    caller.send("run", settlement, encoded("withdraw", account), again, sender=scene.stranger)
    spec.withdraw(env, account)
    if mirrored is not None:
        mirrored()
    assert (caller.call("entered"), caller.call("succeeded")) == (1, 0 if mirrored is None else 1)
    assert scene.pair.evm.balance(account) == SLASH // 2
    assert scene.credit(account) == (SLASH // 2 if back == "prove" else 0)
