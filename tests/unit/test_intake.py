"""Intake: which receipts a relayer accepts, and what is on disk when it answers.

handing receipts in
├── when a receipt is honest → it should give it the lane's next number and store it
├── when it comes again, in another list, in the same one, or with another signature
│   └── it should give the first answer again and store nothing
├── when it breaks a rule → it should name field and rule, store nothing of it, and take its neighbours
│   ├── too old by one second, or from the future by one second
│   ├── scheme not the key's, key of no scheme, key of another node
│   ├── node unknown, not live yet, or no longer, whatever was remembered of it
│   └── signature that does not verify
├── when it is exactly at the edges of time → it should accept it
├── when the chain has not been followed lately → it should put everything off, but answer repeats
└── when the disk fails → it should raise and have accepted nothing
"""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from afterproof.errors import StoreUnavailable
from afterproof.protocol.attestations import NodeRecord
from afterproof.protocol.errors import InvalidField
from afterproof.protocol.receipt import Leaf, Scheme, SignedReceipt
from afterproof.protocol.signing import RsaPssSigner
from afterproof.steps import Context
from afterproof.steps.intake import Accepted, Answer, Refused, Unready, intake
from afterproof.steps.unstored import STALE
from afterproof.steps.watch import watch
from tests.support.crashes import Crash, crash_at
from tests.support.databases import on_both, read_only
from tests.support.scene import receipt_of, secp_signer
from tests.support.world import OPERATOR, OWNER, World

pytestmark = on_both


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


def field_of(answer: Answer) -> str:
    """The field that a refusal names."""
    assert isinstance(answer, Refused), answer
    return answer.field


def test_intake_of_honest_receipts_numbers_and_stores_them(world: World, relayer: Context) -> None:
    receipts = [world.signed(n, node=n % 2) for n in range(5)]
    answers = world.take_in(relayer, *receipts)
    assert [answer.stored.seq for answer in answers] == [0, 1, 2, 3, 4]
    assert not any(answer.repeated for answer in answers)
    stored = world.relayer().store.receipts.in_order(world.lane, 0, 10)
    assert [one.leaf for one in stored] == [receipt.leaf for receipt in receipts]
    assert {one.received_at for one in stored} == {world.now}


def test_intake_of_rsa_receipts_accepts_them(world: World) -> None:
    signer = RsaPssSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    world.chain.account_view(OWNER).endorse(signer.public_key, OPERATOR)
    world.wait(2)
    relayer = world.relayer()
    world.round(relayer)
    signed = signer.sign(receipt_of(signer, world.now, 1), world.domain)
    assert world.take_in(relayer, signed)[0].stored.scheme is Scheme.OPENGRADIENT_RSA_PSS


def test_intake_of_a_repeat_gives_the_first_answer(world: World, relayer: Context) -> None:
    first = world.take_in(relayer, world.signed(1))[0]
    other_signature = replace(world.signed(1), signature=bytes(65))
    world.wait(1)
    again = world.take_in(
        relayer, world.signed(2), replace(other_signature, receipt=first.stored.leaf.receipt)
    )
    assert again[1].repeated and (again[1].stored, again[1].promise) == (first.stored, None)
    assert again[0].stored.seq == 1
    world.wait(1000)  # a repeat has no age limit
    world.round(relayer)
    assert world.take_in(relayer, replace(other_signature, receipt=first.stored.leaf.receipt)) == [again[1]]


def test_intake_of_a_receipt_twice_in_one_list_stores_it_once(world: World, relayer: Context) -> None:
    signed = world.signed(1)
    first, second, third = world.take_in(relayer, signed, world.signed(2), signed)
    assert (first.repeated, second.repeated, third.repeated) == (False, False, True)
    assert third.stored == first.stored
    assert relayer.store.receipts.count(world.lane) == 2


def bad(world: World, which: str) -> SignedReceipt:
    """A receipt that breaks one rule."""
    good, terms = world.signed(7), world.terms
    if which == "too old":
        return world.signed(7, age=terms.max_posting_delay - terms.margin + 1)
    if which == "future":
        return world.signed(7, age=-terms.max_clock_skew - 1)
    if which == "scheme":
        return replace(good, scheme=Scheme.OPENGRADIENT_RSA_PSS)
    if which == "no key":
        return replace(good, public_key=b"\x01" * 33)
    if which == "other key":
        return replace(good, public_key=world.nodes[1].public_key)
    if which == "stranger":
        return world.of_stranger(7)
    if which == "forged":
        return world.forged(7)
    assert which == "empty signature"
    return replace(good, signature=b"")


@pytest.mark.parametrize(
    ("which", "field", "rule"),
    [
        ("too old", "receipt.issuedAt", "too long ago"),
        ("future", "receipt.issuedAt", "in the future"),
        ("scheme", "scheme", "must be SECP256K1"),
        ("no key", "publicKey", "no known signature scheme"),
        ("other key", "publicKey", "does not hash to receipt.node"),
        ("stranger", "receipt.node", "not registered"),
        ("forged", "signature", "does not verify"),
        ("empty signature", "signature", "does not verify"),
    ],
)
def test_intake_of_a_bad_receipt_names_field_and_rule_and_takes_its_neighbours(
    world: World, relayer: Context, which: str, field: str, rule: str
) -> None:
    before, refused, after = intake(relayer, [world.signed(1), bad(world, which), world.signed(2)])
    assert isinstance(refused, Refused) and refused.field == field and rule in refused.rule
    assert isinstance(before, Accepted) and isinstance(after, Accepted)
    assert (before.stored.seq, after.stored.seq) == (0, 1)
    assert relayer.store.receipts.count(world.lane) == 2


def test_intake_of_what_is_no_receipt_passes_its_error_on(world: World, relayer: Context) -> None:
    answers = intake(relayer, [InvalidField("receipt.node", "is missing"), world.signed(1)])
    assert answers[0] == Refused("receipt.node", "is missing", by_rule=False)
    assert isinstance(answers[1], Accepted)


def test_intake_at_the_edges_of_time_accepts(world: World, relayer: Context) -> None:
    terms = world.terms
    world.take_in(
        relayer,
        world.signed(1, age=terms.max_posting_delay - terms.margin),
        world.signed(2, age=-terms.max_clock_skew),
    )


def test_intake_for_a_node_that_ended_or_has_not_begun_refuses(world: World, relayer: Context) -> None:
    owner = world.chain.account_view(OWNER)
    world.take_in(relayer, world.signed(1, node=1))
    owner.revoke(world.nodes[1].node, world.now + 1, "stolen")
    late = secp_signer(5)
    owner.endorse(late.public_key, OPERATOR)  # live from the next second on
    world.round(relayer)
    young = late.sign(receipt_of(late, world.now, 1), world.domain)
    ended, early = intake(relayer, [world.signed(2, node=1), young])
    assert field_of(ended) == field_of(early) == "receipt.node"
    world.wait(1)
    world.round(relayer)
    assert isinstance(intake(relayer, [young])[0], Accepted)


def test_intake_remembers_a_node_only_as_long_as_that_is_right(
    world: World, relayer: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[bytes]()
    plain = relayer.store.registry.node

    def counted(name: bytes, as_of: int, since: int = 0) -> NodeRecord | None:
        asked.append(name)
        return plain(name, as_of, since)

    monkeypatch.setattr(relayer.store.registry, "node", counted)
    node = world.nodes[1].node
    world.chain.account_view(OWNER).revoke(node, world.now + 20, "key rotated")
    world.round(relayer)
    asked.clear()
    for number in range(3):
        world.take_in(relayer, world.signed(number, node=1), world.signed(10 + number, node=1))
    assert asked == [node]
    world.wait(30)  # nobody looks at the chain, but time passes: its end is known
    (ended,) = intake(relayer, [world.signed(4, node=1)])
    assert field_of(ended) == "receipt.node" and asked == [node]
    world.round(relayer, steps=[watch])
    world.take_in(relayer, world.signed(5))
    assert asked == [node, world.nodes[0].node]


def test_intake_forgets_what_it_read_while_the_chain_was_followed(world: World, relayer: Context) -> None:
    cursor = relayer.store.chain.cursor()
    roll = relayer.rolls.at(cursor)
    assert roll.node(relayer.store.registry, world.nodes[0].node, world.now) is not None
    world.wait(1)
    world.round(relayer)
    relayer.rolls.check(roll, relayer.store.chain.cursor())
    assert relayer.rolls.at(cursor) is not roll
    kept = relayer.rolls.at(cursor)
    relayer.rolls.check(kept, None)  # nothing was read: nothing to forget
    assert relayer.rolls.at(cursor) is kept


def test_intake_before_the_chain_was_followed_puts_off(world: World) -> None:
    fresh = world.relayer()
    answers = intake(fresh, [world.signed(1), InvalidField("receipt", "must be a JSON object")])
    assert isinstance(answers[0], Unready) and isinstance(answers[1], Refused)
    assert fresh.store.receipts.count(world.lane) == 0


def test_intake_when_the_chain_went_silent_puts_off_but_answers_repeats(
    world: World, relayer: Context
) -> None:
    first = world.take_in(relayer, world.signed(1))[0]
    repeat = replace(world.signed(1), receipt=first.stored.leaf.receipt)
    world.wait(int(STALE) + 1)
    answers = intake(relayer, [world.signed(2), repeat])
    assert isinstance(answers[0], Unready)
    assert isinstance(answers[1], Accepted) and answers[1].repeated and answers[1].stored == first.stored


@pytest.mark.parametrize("when", ["before", "after"])
def test_intake_when_the_disk_fails_raises_and_a_second_try_is_sound(
    world: World, relayer: Context, when: str
) -> None:
    receipts = [world.signed(n) for n in range(3)]
    with crash_at(relayer.store, 1, when), pytest.raises(Crash):
        intake(relayer, receipts)
    restarted = world.relayer()
    assert restarted.store.receipts.count(world.lane) == (0 if when == "before" else 3)
    world.round(restarted)
    answers = world.take_in(restarted, *receipts)
    assert [answer.stored.seq for answer in answers] == [0, 1, 2]


def test_intake_when_the_database_cannot_write_says_so(world: World, relayer: Context) -> None:
    read_only(relayer.store, True)
    with pytest.raises(StoreUnavailable):
        intake(relayer, [world.signed(1)])
    read_only(relayer.store, False)
    assert relayer.store.receipts.count(world.lane) == 0


def test_every_accepted_leaf_is_one_the_judge_accepts(world: World, relayer: Context) -> None:
    """What intake takes and the relayer posts at once is never disputed: the whole line says so in test_steps_line."""
    answers = intake(relayer, [world.signed(1), world.forged(2), world.of_stranger(3), world.signed(4)])
    leaves: list[Leaf] = [answer.stored.leaf for answer in answers if isinstance(answer, Accepted)]
    assert leaves == [world.signed(1).leaf, world.signed(4).leaf]
