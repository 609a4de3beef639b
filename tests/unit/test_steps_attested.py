"""A node that nobody vouches for, but that was attested: the line takes its receipts as the contract reads them.

intake
├── when its attestation is still in its window, contested, rejected, retired or expired → it should refuse
└── when it is live, challenged or proven → it should accept
a posted receipt of a node whose attestation is challenged afterwards
├── when nobody proves it → relayer, verifier and contract should read it Voided, from the deadline on, and nobody
│   should dispute it
├── when somebody does → it should become final
└── when the chain takes the proof back → it should read Voided after all
"""

from pathlib import Path

import pytest

from afterproof.protocol.attestations import Claims
from afterproof.protocol.header import batch_id
from afterproof.protocol.state import Standing, VoidReason
from afterproof.protocol.terms import ETHER
from afterproof.steps import Context
from afterproof.steps.intake import Accepted, Refused, intake
from afterproof.steps.query import find_receipt
from afterproof.steps.watch import watch
from tests.support.databases import on_both
from tests.support.evidence import verify_document
from tests.support.on_registry import allow_code, post_attestation
from tests.support.scene import secp_signer
from tests.support.world import OPERATOR, OWNER, RIVAL, World

pytestmark = on_both

NEW = secp_signer(7)


class Attested(World):
    """A world in which one more node was attested just now."""

    number: int
    claims: Claims
    document: bytes

    def attest(self, lasts: int = 600) -> None:
        """Post an attestation of the new node."""
        for account in (OPERATOR, RIVAL):
            self.chain.fund(account, 10 * ETHER)
        operator = self.chain.account_view(OPERATOR)
        allow_code(self.chain.account_view(OWNER), self.chain.verifiers.place(verify_document))
        self.nodes.append(NEW)
        self.number, self.claims, self.document = post_attestation(operator, NEW, self.now, lasts)
        self.window = operator.registry_terms().window
        self.proof_period = operator.registry_terms().proof_period

    def challenge(self) -> None:
        """Say "prove it"."""
        rival = self.chain.account_view(RIVAL)
        rival.challenge_attestation(self.number, rival.challenge_deposit())

    def prove(self) -> None:
        """Prove it."""
        rival = self.chain.account_view(RIVAL)
        rival.prove_attestation(self.number, self.claims, NEW.public_key, self.document, b"")

    def offers(self, relayer: Context, number: int) -> bool:
        """Whether a receipt of the new node is accepted now; refused for its node alone."""
        self.round(relayer, steps=(watch,))
        (answer,) = intake(relayer, [self.signed(number, node=2)])
        if isinstance(answer, Refused):
            assert (answer.field, "not live now" in answer.rule) == ("receipt.node", True), answer
        else:
            assert isinstance(answer, Accepted), answer
        return isinstance(answer, Accepted)

    def live_receipt(self, relayer: Context, verifier: Context) -> bytes:
        """A receipt of the new node, posted, checked, and in its window; its leaf hash."""
        self.wait(self.window + 1)
        self.round(relayer, verifier)
        (answer,) = self.take_in(relayer, self.signed(1, node=2))
        self.wait(4)
        self.round(relayer, verifier)
        return answer.stored.leaf.hash


@pytest.fixture
def world(tmp_path: Path) -> Attested:
    made = Attested(tmp_path)
    made.attest()
    return made


def reads(world: World, relayer: Context, leaf_hash: bytes) -> tuple[Standing, VoidReason]:
    """A receipt's standing, which relayer and contract must agree on."""
    found = find_receipt(relayer, leaf_hash)
    assert found is not None and found.inclusion is not None
    where = (found.inclusion.batch, found.inclusion.index, found.leaf.words, found.inclusion.proof)
    chain = world.chain.account_view(RIVAL)
    assert (found.standing, found.void_reason) == (chain.standing(*where), chain.why_void(*where))
    return found.standing, found.void_reason


def test_intake_takes_receipts_while_the_attestation_is_live(world: Attested) -> None:
    relayer = world.relayer()
    assert not world.offers(relayer, 1)
    world.wait(world.window)
    assert not world.offers(relayer, 2)
    world.wait(1)
    assert world.offers(relayer, 3)
    world.challenge()
    assert world.offers(relayer, 4)
    world.prove()
    assert world.offers(relayer, 5)
    world.chain.account_view(OPERATOR).retire_attestation(world.number)
    assert world.offers(relayer, 6)
    world.wait(world.terms.max_promise_delay)
    assert world.offers(relayer, 7)
    world.wait(1)
    assert not world.offers(relayer, 8)


def test_intake_refuses_what_is_contested_until_it_is_proven(world: Attested) -> None:
    relayer = world.relayer()
    world.challenge()
    world.wait(world.window + 1 - world.proof_period)
    assert not world.offers(relayer, 1)
    world.wait(1)
    assert not world.offers(relayer, 2)


def test_intake_takes_what_was_contested_once_it_is_proven(world: Attested) -> None:
    relayer = world.relayer()
    world.challenge()
    world.prove()
    assert not world.offers(relayer, 1)
    world.wait(1)
    assert world.offers(relayer, 2)


def test_intake_refuses_what_has_expired(tmp_path: Path) -> None:
    world = Attested(tmp_path)
    world.attest(lasts=20)
    relayer = world.relayer()
    until = world.claims.attested_until
    world.wait(until - 1 - world.now)
    assert world.offers(relayer, 1)
    world.wait(1)
    assert not world.offers(relayer, 2)


def test_a_receipt_is_void_once_its_nodes_proof_is_overdue(world: Attested) -> None:
    relayer, verifier = world.relayer(), world.verifier()
    leaf_hash = world.live_receipt(relayer, verifier)
    assert reads(world, relayer, leaf_hash) == (Standing.POSTED, VoidReason.NONE)
    world.challenge()
    world.wait(world.proof_period)
    world.round(relayer, verifier)
    assert reads(world, relayer, leaf_hash) == (Standing.POSTED, VoidReason.NONE)
    world.wait(1)
    world.round(relayer, verifier)
    assert reads(world, relayer, leaf_hash) == (Standing.VOIDED, VoidReason.NOT_ENTITLED)
    assert not world.offers(relayer, 2)
    world.wait(world.terms.window + 1)
    world.round(relayer, verifier)
    assert reads(world, relayer, leaf_hash) == (Standing.VOIDED, VoidReason.NOT_ENTITLED)
    assert verifier.store.verdicts.all() == []
    checked = verifier.store.verdicts.check(batch_id(1, 0))
    assert checked is not None and checked.disputed == 0


def test_a_receipt_is_final_when_its_nodes_proof_comes_in_time(world: Attested) -> None:
    relayer, verifier = world.relayer(), world.verifier()
    leaf_hash = world.live_receipt(relayer, verifier)
    world.challenge()
    world.wait(world.proof_period - 1)
    world.prove()
    world.wait(world.terms.window + 1)
    world.round(relayer, verifier)
    assert reads(world, relayer, leaf_hash) == (Standing.FINAL, VoidReason.NONE)


def test_a_proof_that_the_chain_takes_back_was_never_made(world: Attested) -> None:
    relayer, verifier = world.relayer(), world.verifier()
    leaf_hash = world.live_receipt(relayer, verifier)
    world.challenge()
    world.wait(world.proof_period - 1)
    world.prove()
    world.round(relayer, verifier)
    stored = relayer.store.registry.attestations.get(world.number)
    assert stored is not None and stored.tenure.proven and stored.challenge is None
    world.chain.reorg(1)
    world.wait(2)
    world.wait(1)
    world.round(relayer, verifier)
    assert reads(world, relayer, leaf_hash) == (Standing.VOIDED, VoidReason.NOT_ENTITLED)
    again = relayer.store.registry.attestations.get(world.number)
    assert again is not None and not again.tenure.proven
    assert again.challenge is not None and again.challenge.challenger == RIVAL
