"""The store decides who was live exactly as the registry does: random histories, followed, and followed anew.

a random history of postings, proofs, challenges, revocations, hand-overs, and time
├── played on the in-memory chain and followed by the store, range by range
├── at every edge of it, known by every edge → was_live and assurance as the specification has them
├── also of a record that leaves out what was over before
├── after a reorganisation, and what came instead of it → the same
└── each attestation with its claims, its tenure and its operator as the specification has them
"""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from afterproof.chain.memory import MemoryChain
from afterproof.config import Config
from afterproof.errors import CallReverted
from afterproof.protocol.attestations import FOREVER, Binding, Claims, NodeRecord
from afterproof.protocol.registry import Registry
from afterproof.protocol.terms import DEMO, ETHER
from afterproof.steps import Context
from afterproof.steps.watch import watch
from afterproof.store import Store
from tests.support.databases import hurry, on_both, place
from tests.support.evidence import verify_document
from tests.support.on_registry import CODE, ISSUER, SERIALS, URI, allow_code, claims_of, registration
from tests.support.scene import secp_signer

pytestmark = on_both

OWNER, OPERATORS, CHALLENGER = b"\x0f" * 20, (b"\x01" * 20, b"\x02" * 20), b"\x03" * 20
NODES = (secp_signer(0), secp_signer(1))
ACTIONS = 90


class History:
    """A chain on which anything may happen to two nodes' attestations."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.chain = MemoryChain(OWNER, DEMO, balances=dict.fromkeys((*OPERATORS, CHALLENGER), 10**6 * ETHER))
        self.owner = self.chain.account_view(OWNER)
        allow_code(self.owner, self.chain.verifiers.place(verify_document))
        self.documents: dict[bytes, tuple[Claims, bytes, bytes]] = {}
        self.done: dict[str, int] = {}

    @property
    def spec(self) -> Registry:
        """The registry's specification as it is now."""
        return self.chain.view().registry

    def play(self, count: int) -> None:
        """``count`` actions, legal or not."""
        for _ in range(count):
            name = self.random.choice(_MOVES)
            try:
                getattr(self, f"_{name}")()
            except CallReverted as refused:
                name = f"{name}: {refused.error}"
            self.done[name] = self.done.get(name, 0) + 1

    def _wait(self) -> None:
        self.chain.mine(self.random.choice((1, 1, 2, 3, 5, 8, 13)))

    def _endorse(self) -> None:
        self.owner.endorse(self.random.choice(NODES).public_key, OPERATORS[0])

    def _post(self) -> None:
        signer, who = self.random.choice(NODES), self.random.choice(OPERATORS)
        sender = self.chain.account_view(who)
        claims, document = claims_of(signer, who, self.chain.now, lasts=self.random.choice((15, 25, 60)))
        self.documents[claims.hash()] = (claims, document, signer.public_key)
        bond = sender.registry_terms().bond
        signature = registration(sender, signer, claims)
        sender.post_attestation(claims, signer.public_key, signature, URI, bond)

    def _post_proven(self) -> None:
        signer, who = self.random.choice(NODES), self.random.choice(OPERATORS)
        sender = self.chain.account_view(who)
        binding = self.random.choice((Binding.NONCE, Binding.USER_DATA))
        nonce, _ = sender.open_nonce(who, who)
        claims, document = claims_of(
            signer, who, self.chain.now, binding, lasts=self.random.choice((5, 20, 40)), nonce=nonce
        )
        bond = sender.registry_terms().bond
        sender.post_proven(claims, signer.public_key, URI, document, b"", bond)

    def _challenge(self) -> None:
        chain = self.chain.account_view(CHALLENGER)
        chain.challenge_attestation(self._some(), chain.challenge_deposit())

    def _prove(self) -> None:
        number = self._some()
        found = self.spec.attestations.get(number)
        if found is None or found.claims is None or found.claims.hash() not in self.documents:
            return
        claims, document, key = self.documents[found.claims.hash()]
        self.chain.account_view(CHALLENGER).prove_attestation(number, claims, key, document, b"")

    def _expire(self) -> None:
        self.chain.account_view(CHALLENGER).expire_challenge(self._some())

    def _retire(self) -> None:
        self.chain.account_view(self.random.choice(OPERATORS)).retire_attestation(self._some())

    def _release(self) -> None:
        self.chain.account_view(CHALLENGER).release_bond(self._some())

    def _revoke_attestation(self) -> None:
        self.owner.revoke_attestation(self._some(), self._since(), "")

    def _revoke_certificate(self) -> None:
        if self.random.random() < 0.15:
            self.owner.revoke_certificate(ISSUER, self.random.choice(SERIALS), self._since() + 60, "")

    def _revoke_measurement(self) -> None:
        if self.random.random() < 0.2:
            self.owner.revoke_measurement(self.random.choice(list(CODE.values())), self._since() + 60, "")

    def _revoke(self) -> None:
        if self.random.random() < 0.1:
            self.owner.revoke(self.random.choice(NODES).node, self._since() + 20, "")

    def _hand_over(self) -> None:
        name = self.random.choice(NODES).node
        before = self.chain.account_view(OPERATORS[0])
        before.propose_operator(name, OPERATORS[1])
        self.chain.account_view(OPERATORS[1]).accept_operator(name)

    def _some(self) -> int:
        return max(len(self.spec.attestations) - self.random.choice((0, 0, 0, 1, 1, 2, 4)), 1)

    def _since(self) -> int:
        return self.chain.now + self.random.randint(-10, 15)

    def edges(self, node: bytes) -> list[int]:
        """Seconds at which an answer about a node could change, and those before and after."""
        registry, now = self.spec, self.chain.now
        times = {0, now}
        times |= {second for end in registry.nodes[node].ends for second in end}
        for number in registry.nodes[node].attestations:
            tenure = registry.tenure_of(number)
            reach = registry.terms.max_reach_back
            times |= {tenure.starts_at, tenure.until, tenure.deadline, tenure.deadline + 1 - reach}
            times |= {second for ends in tenure.ends for end in ends for second in end}
        near = sorted({time + offset for time in times for offset in (-1, 0, 1) if time + offset >= 0})
        return [*self.random.sample(near, min(len(near), 40)), now, FOREVER]


_MOVES = (
    "wait", "wait", "wait", "endorse", "post", "post", "post", "post_proven", "challenge", "challenge", "prove",
    "expire", "retire", "release", "revoke_attestation", "revoke_certificate", "revoke_measurement", "revoke",
    "hand_over",
)  # fmt: skip


def _follow(history: History, context: Context) -> None:
    while watch(context):
        pass
    registry, now = history.spec, history.chain.now
    for node in registry.nodes:
        record = context.store.registry.node(node, now)
        assert record is not None and _plain(record) == _plain(registry.record(node, now))
        edges = history.edges(node)
        for at in edges:
            recent = context.store.registry.node(node, now, since=at)
            assert recent is not None
            for known_by in edges:
                expected = registry.was_live(node, at, known_by, now)
                assert record.was_live(at, known_by) == expected, (at, known_by)
                assert recent.was_live(at, known_by) == expected, (at, known_by)
            assert record.assurance(at) == recent.assurance(at) == registry.assurance(node, at, now)
        assert context.store.registry.operator_of(node) == (
            registry.nodes[node].operator, registry.nodes[node].payout,
        )  # fmt: skip
    for number, found in registry.attestations.items():
        stored = context.store.registry.attestations.get(number)
        assert stored is not None and stored.claims == found.claims and stored.node == found.node
        assert stored.is_settled == (found.claims is not None and not found.bond)
        if stored.challenge is not None and not stored.is_settled:
            assert (stored.challenge.challenger, stored.challenge.deposit) == (
                found.challenger,
                found.deposit,
            )
    assert context.store.registry.attestations.count() == len(registry.attestations)


def _plain(record: NodeRecord | None) -> NodeRecord:
    """A record without the traces in which nothing was recorded, the others in one order."""
    assert record is not None
    tenures = (replace(one, ends=tuple(sorted(filter(None, one.ends)))) for one in record.tenures)
    return replace(record, tenures=tuple(tenures))


@pytest.mark.parametrize("seed", range(6))
def test_the_store_knows_who_was_live_as_the_registry_does(seed: int, tmp_path: Path) -> None:
    history = History(seed)
    context = _context(history, tmp_path)
    for _ in range(3):
        history.play(ACTIONS // 3)
        _follow(history, context)
    for depth in (1, 5, 17):
        history.chain.reorg(depth=depth, replay=history.random.random() < 0.5)
        history.chain.mine()
        history.play(ACTIONS // 4)
        history.chain.mine(1)
        _follow(history, context)


def test_the_histories_are_of_all_kinds() -> None:
    done: dict[str, int] = {}
    for seed in range(6):
        history = History(seed)
        history.play(2 * ACTIONS)
        for name, count in history.done.items():
            done[name] = done.get(name, 0) + count
    assert all(done.get(name) for name in set(_MOVES)), done
    assert sum(":" in name for name in done) > 10, done


def _context(history: History, folder: Path) -> Context:
    store = Store.open(place(folder / "store.sqlite3"), history.chain.deployment, "verifier")
    hurry(store)
    view = history.chain.account_view(CHALLENGER)
    return Context(view, store, Config(), clock=lambda: float(history.chain.now))
