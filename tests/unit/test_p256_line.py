"""A node that signs with P-256, from its gateway to finality; and its forgeries, on chains of either kind.

a gateway with a P-256 key
└── its answers' receipts should be taken in, posted, checked, and become final, and nobody be slashed
a forgery in its name, posted by a cheat
└── the verifier should prove it; the lane is slashed, the honest leaf beside it becomes final
on a real node, with the precompile at 0x100 (osaka) and without it (prague)
├── honest: of either s → it should not be provable
├── forged → it should be provable, for about the same gas
└── malformed → it should be provable
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from afterproof.config import GatewayConfig
from afterproof.gateway import models
from afterproof.gateway.app import Gateway, create_app
from afterproof.gateway.receipting import RECEIPT_HEADER, from_header
from afterproof.gateway.served import ServedDigits
from afterproof.gateway.server import load_signer
from afterproof.keyfiles import gateway_key, new_node_key, public_key_of
from afterproof.protocol.receipt import Leaf, Scheme, SignedReceipt
from afterproof.protocol.signing import Signer
from afterproof.protocol.state import FaultKind, Standing
from afterproof.protocol.terms import DEMO
from afterproof.steps import Context
from afterproof.steps.batch import close, next_receipts
from afterproof.steps.post import post as post_step
from afterproof.steps.query import find_receipt
from afterproof.steps.watch import watch
from tests.support.chains import EvmStage, deployed_anvil
from tests.support.on_stage import Refused, claim_of, domain_of, open_lane, post
from tests.support.p256 import N
from tests.support.scene import forged_leaf, leaf_of, p256_signer
from tests.support.world import OPERATOR, OWNER, VERIFIER, World

NODE = p256_signer()


class Handed:
    """An outlet that keeps what the gateway hands on."""

    ready = True

    def __init__(self) -> None:
        self.wires: list[bytes] = []

    def hand_on(self, wire: bytes) -> None:
        self.wires.append(wire)


def answered(world: World, signer: Signer, count: int) -> list[SignedReceipt]:
    """The receipts that a gateway's answers to that many requests carry."""
    images, _ = models.heldout()
    gateway = Gateway(
        {"digits": ServedDigits(models.digits())}, signer, world.domain, Handed(), lambda: world.now, 200_000
    )

    async def exchange() -> list[SignedReceipt]:
        transport = httpx.ASGITransport(create_app(gateway))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            receipts = []
            for image in images[:count]:
                tensor = {
                    "name": "image",
                    "shape": [1, 64],
                    "datatype": "UINT8",
                    "data": image.ravel().tolist(),
                }
                answer = await client.post("/v2/models/digits/infer", json={"inputs": [tensor]})
                receipts.append(from_header(answer.headers[RECEIPT_HEADER]))
            return receipts

    return asyncio.run(exchange())


def of_p256(tmp_path: Path) -> tuple[World, Signer]:
    """A world with a live P-256 node, whose key came from `keys new` by way of its file."""
    file = tmp_path / "node.pem"
    file.write_bytes(new_node_key(Scheme.P256).file)
    signer = load_signer(Scheme.P256, gateway_key(GatewayConfig(scheme=Scheme.P256, key_file=file)))
    assert public_key_of(str(file)) == signer.public_key
    world = World(tmp_path)
    world.chain.account_view(OWNER).endorse(signer.public_key, OPERATOR)
    world.nodes.append(signer)  # type: ignore[arg-type]
    world.wait(2)
    return world, signer


def standings(relayer: Context, receipts: list[SignedReceipt]) -> list[Standing]:
    views = [find_receipt(relayer, one.leaf.hash) for one in receipts]
    return [view.standing for view in views if view is not None]


def test_gateway_withAP256Key_receiptsBecomeFinal(tmp_path: Path) -> None:
    world, signer = of_p256(tmp_path)
    relayer, verifier = world.relayer(), world.verifier()
    world.round(relayer, verifier)
    receipts = [SignedReceipt.from_json(one.to_json()) for one in answered(world, signer, 4)]
    assert {one.scheme for one in receipts} == {Scheme.P256}
    world.take_in(relayer, *receipts)
    world.round(relayer, verifier)
    assert standings(relayer, receipts) == [Standing.POSTED] * 4
    world.rounds(world.terms.window + 3, relayer, verifier)
    assert standings(relayer, receipts) == [Standing.FINAL] * 4
    assert verifier.store.verdicts.all() == [] and verifier.chain.credits(VERIFIER) == 0


def test_forgery_inAP256NodesName_isProvenByTheVerifier(tmp_path: Path) -> None:
    world, signer = of_p256(tmp_path)
    relayer, verifier = world.relayer(), world.verifier()
    world.round(relayer, verifier)
    honest, forged = answered(world, signer, 1)[0], world.forged(7, node=2)
    world.take_in(relayer, honest)
    world.slip_in(relayer, forged)
    watch(relayer)
    waiting = next_receipts(relayer)
    close(relayer, waiting[0].seq, [one.leaf for one in waiting], "a cheat closes when it likes")
    post_step(relayer)
    world.rounds(world.terms.window + 3, relayer, verifier)
    assert standings(relayer, [honest, forged]) == [Standing.FINAL, Standing.VOIDED]
    assert verifier.chain.credits(VERIFIER) == world.terms.leaf_slash // 2


# --- on real nodes -------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["osaka", "prague"])
def stage(request: pytest.FixtureRequest) -> Iterator[EvmStage]:
    """A live P-256 node and an open lane."""
    with deployed_anvil(request.param) as (url, deployment):
        made = EvmStage(url, deployment)
        made.owner.endorse(NODE.public_key, made.relayer.account)  # type: ignore[attr-defined]
        open_lane(made)  # type: ignore[arg-type]
        made.until(made.now + 2)
        yield made


def test_proveFault_ofAP256Leaf_onlyWhenItIsBad(stage: EvmStage) -> None:
    chain = stage.prover  # type: ignore[attr-defined]
    domain = domain_of(stage.owner)
    good = leaf_of(NODE, domain, stage.now, 1)
    other_s = (N - int.from_bytes(good.signature[32:])).to_bytes(32)
    honest = [good, Leaf(good.receipt, good.signature[:32] + other_s)]
    forged = [forged_leaf(NODE, domain, stage.now, number) for number in (2, 3)]
    malformed = [
        Leaf(good.receipt, wrong) for wrong in (b"", good.signature + b"\0", bytes(64), b"\xff" * 64)
    ]
    batch = post(stage, *honest, *forged, *malformed)  # type: ignore[arg-type]
    claims = [claim_of(batch, index, NODE.public_key) for index in range(batch.count)]
    for claim in claims[:2]:
        with Refused("NotProven", int(FaultKind.BAD_SIGNATURE)):
            chain.prove_fault(FaultKind.BAD_SIGNATURE, claim)
    used = [chain.prove_fault(FaultKind.BAD_SIGNATURE, claim).gas_used for claim in claims[2:]]
    # The forgeries cost a verification in Solidity, precompile or not: its "no" is never believed.
    assert 350_000 < max(used[:2]) < 500_000 and max(used[2:]) < 130_000
    stage.until(stage.now + DEMO.window + 1)
    read = [
        chain.standing(batch.id, index, leaf.words, batch.tree.proof(index))
        for index, leaf in enumerate(batch.leaves)
        if leaf is not None
    ]
    assert read == [Standing.FINAL] * 2 + [Standing.VOIDED] * 6
