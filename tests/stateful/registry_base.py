"""The stage of the registry's state machine: what is remembered of a run, and what always holds.

Every step is played on the contract and on its specification; ``Pair`` compares outcome, error name and events. After
each step both are asked whether nodes were live, at and around every second at which an answer could change.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition

from afterproof.protocol.attestations import Claims
from afterproof.protocol.outcome import Event, Revert
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.signing import Signer
from tests.support.registry_scene import RegistryScene
from tests.support.scene import p256_signer, secp_signer

ACTORS = st.integers(0, 5)
NODES = st.integers(0, 2)
NUMBERS = st.integers(0, 8)
OFFSETS = st.sampled_from([-1, 0, 1])


def signers() -> list[Signer]:
    """The nodes of a run."""
    return [secp_signer(0), secp_signer(1), p256_signer()]


class RegistryBase(RuleBasedStateMachine):
    """What the rules stand on."""

    @initialize()
    def deploy(self) -> None:
        self.scene = RegistryScene(DEMO_REGISTRY, base_fee=7)
        self.spec, self.evm = self.scene.spec, self.scene.pair.evm
        self.accounts = self.scene.pair.accounts
        self.honest: set[int] = set()
        """Numbers of postings whose evidence is good, and which are proven whenever they are challenged."""
        self.proven_in_time: set[int] = set()
        self.bonds: dict[int, int] = {}
        self.paid_in = self.paid_out = self.steps = 0
        self.answers: dict[tuple[bytes, int, int], bool] = {}
        self.dark: set[tuple[bytes, int]] = set()
        for node in (0, 1):
            self.post_sound(1 + node, node, 100)

    def attempt(self, action: str, actor: int, *arguments: object, value: int = 0) -> list[Event] | None:
        """Plays an action on both sides; None where both refuse alike."""
        try:
            events = self.scene.act(action, self.accounts[actor], *arguments, value=value)
        except Revert:
            return None
        self.paid_in += value
        for event in events:
            if event.name in ("Withdrawn", "Burned"):
                self.paid_out += event.arguments[-1]
            if event.name == "AttestationRejected":
                number = event.arguments[0]
                assert number not in self.honest, f"{number} was honest and is slashed"
                assert number not in self.proven_in_time, f"{number} was proven in time and is slashed"
        return events

    def post_sound(self, actor: int, node: int, life: int, lie: dict[str, Any] | None = None) -> bool:
        """An operator posts, with evidence that is good, or lies in the facts ``lie``."""
        signer, operator = signers()[node], self.accounts[actor]
        until = self.scene.now + life
        claims, document = self.scene.claims(signer, facts=lie, attested_until=until, operator=operator)
        posting = self.scene.posting(claims, signer)
        if not self.attempt("post_attestation", actor, *posting, value=self.scene.terms.bond):
            return False
        number = len(self.spec.attestations)
        self.scene.posted[number] = (signer, claims, document)
        if not lie:
            self.honest.add(number)
        return True

    def pick(self, number: int) -> int:
        """One of the attestations that there are, newest first; 0 is none."""
        count = len(self.spec.attestations)
        return count - (number - 1) % count if number and count else 0

    def claims_of(self, number: int) -> tuple[Signer, Claims, bytes] | None:
        """What was posted under a number, with its document; None for an endorsement or for nothing."""
        return self.scene.posted.get(number)

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    @precondition(lambda self: hasattr(self, "scene"))
    def money_is_kept(self) -> None:
        held = self.evm.balance(self.scene.contract.address)
        assert held == self.spec.holdings() == self.paid_in - self.paid_out

    @invariant()
    @precondition(lambda self: hasattr(self, "scene"))
    def answers_are_for_ever(self) -> None:
        now = self.scene.now
        for (name, at, known_by), live in list(self.answers.items())[-60:]:
            found = self.spec.was_live(name, at, known_by, now)
            assert found == live, f"at {at}, known by {known_by}: it was {live}"
        for name, at in list(self.dark)[-30:]:
            assert not self.spec.was_live(name, at, now, now), f"second {at} came alive"

    @invariant()
    @precondition(lambda self: hasattr(self, "scene"))
    def both_know_who_was_live(self) -> None:
        """Asks about one node after each step, at a few seconds: another few each time."""
        self.steps += 1
        known = [signer for signer in signers() if signer.node in self.spec.nodes]
        if not known:
            return
        signer, now = known[self.steps % len(known)], self.scene.now
        edges, records = self.scene.edges(signer), self.scene.records(signer)
        near = sorted(edges, key=lambda edge: abs(edge - now))[:12]
        for at in {near[self.steps % len(near)], near[0], edges[self.steps % len(edges)]}:
            for known_by in {records[self.steps % len(records)], records[-2], at}:
                live = self.scene.live(at, known_by, signer)
                if at <= known_by < now:
                    before = self.answers.setdefault((signer.node, at, known_by), live)
                    assert before == live, f"at {at}, known by {known_by}: it was {before}"
            if at <= now and not self.scene.live(at, now, signer):
                self.dark.add((signer.node, at))
            found = self.scene.contract.call("assurance", signer.node, at)
            assert found == self.spec.assurance(signer.node, at, now)
            assert (found != 0) == self.spec.was_live(signer.node, at, now, now)

    def teardown(self) -> None:
        if not hasattr(self, "scene"):
            return
        self.scene.pair.compare_registry()
        for signer in signers():
            if signer.node in self.spec.nodes:
                for at in self.scene.edges(signer):
                    self.scene.live(at, self.scene.now, signer)
        now = self.scene.now
        for (name, at, known_by), live in self.answers.items():
            assert self.scene.contract.call("wasLive", name, at, known_by) == live
        for name, at in self.dark:
            assert not self.scene.contract.call("wasLive", name, at, now)
        self.everybody_honest_gets_its_bond_back()

    def everybody_honest_gets_its_bond_back(self) -> None:
        """Each honest posting is proven where it is challenged, and then, in the end, released."""
        for number in self.honest:
            if self.spec.attestations[number].bond:
                self.answer(number)
        ends = [self.scene.tenure(number).until for number in self.honest]
        self.evm.warp(max([self.scene.now, *ends]) + self.scene.terms.max_reach_back + 1)
        for number in self.honest:
            if self.spec.attestations[number].bond:
                assert self.attempt("release_bond", 5, number), f"the bond of {number} is kept"
            assert self.spec.attestations[number].bond == 0

    def answer(self, number: int) -> None:
        """The proof of an honest posting, if it needs one and has not got it."""
        tenure = self.spec.attestations[number].tenure
        if tenure.deadline and not tenure.proven:
            assert self.attempt("prove", 4, *self.scene.proof(number)), f"{number} cannot be proven"
            self.proven_in_time.add(number)
