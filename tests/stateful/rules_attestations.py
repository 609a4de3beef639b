"""Rules about postings, challenges and proofs; and about time, which honest posters do not let run out."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from afterproof.protocol.attestations import Binding
from afterproof.protocol.receipt import keccak
from tests.stateful.registry_base import ACTORS, NODES, NUMBERS, OFFSETS, RegistryBase, signers
from tests.support.registry_scene import CHAIN
from tests.support.scene import secp_signer

LIVES = st.sampled_from([13, 14, 15, 20, 25, 40, 100, 100, 600])
LIES = st.sampled_from(["", "", "", "measurement", "time", "certificates"])


class AttestationRules(RegistryBase):
    """What operators, challengers and provers do."""

    @rule(actor=st.integers(1, 2), node=NODES, life=LIVES, lie=LIES)
    def post(self, actor: int, node: int, life: int, lie: str) -> None:
        self.post_sound(actor, node, life, self.lies()[lie])

    @rule(challenger=ACTORS, node=NODES, life=LIVES, lie=LIES, seconds=st.sampled_from([0, 5, 12, 13, 20]))
    def post_and_be_challenged(self, challenger: int, node: int, life: int, lie: str, seconds: int) -> None:
        """The way that most of this goes, in one step."""
        self.move_to(self.scene.now + 1)
        if self.post_sound(1 + node % 2, node, life, self.lies()[lie]):
            number = len(self.spec.attestations)
            self.move_to(self.scene.now + seconds)
            deposit = self.scene.terms.deposit(self.evm.base_fee)
            self.attempt("challenge", challenger, number, value=deposit)

    def lies(self) -> dict[str, dict[str, Any] | None]:
        """What documents may say falsely."""
        return {
            "": None,
            "measurement": {"measurement": keccak(b"other code")},
            "time": {"document_time": self.scene.now - 1},
            "certificates": {"certificates": (*CHAIN[:3], keccak(b"other")[:16])},
        }

    @rule(node=NODES, wrong=st.sampled_from(["key", "bond", "sender"]))
    def post_unsoundly(self, node: int, wrong: str) -> None:
        signer = signers()[node]
        claims, _ = self.scene.claims(signer, operator=self.accounts[1])
        posting = self.scene.posting(claims, secp_signer(7) if wrong == "key" else signer)
        arguments = (claims, signer.public_key, *posting[2:])
        value = self.scene.terms.bond + (wrong == "bond")
        sender = 2 if wrong == "sender" else 1
        assert not self.attempt("post_attestation", sender, *arguments, value=value)

    @rule(
        actor=st.integers(1, 3),
        node=NODES,
        life=LIVES,
        binding=st.sampled_from([Binding.NONCE, Binding.NONCE, Binding.USER_DATA, Binding.KEY]),
        lie=st.sampled_from(["", "", "", "", "nonce", "sender", "payout"]),
    )
    def post_proven(self, actor: int, node: int, life: int, binding: Binding, lie: str) -> None:
        signer = signers()[node]
        present = self.spec.nodes.get(signer.node)
        operator = present.operator if present and lie == "" else self.accounts[actor]
        actor = self.accounts.index(operator)
        events = self.attempt("open_nonce", 5, operator, self.scene.payout)
        assert events
        nonce = events[0].arguments[0]
        changes: dict[str, Any] = {"attested_until": self.scene.now + life, "operator": operator}
        if lie == "nonce":
            changes["facts"] = {"nonce": bytes(32), "user_word": bytes(32)}
        if lie == "payout":
            changes["payout"] = next(account for account in self.accounts if account != self.scene.payout)
        claims, document = self.scene.claims(signer, binding=binding, nonce=nonce, **changes)
        sender = 5 if lie == "sender" else actor
        bond = self.scene.terms.bond
        posting = (claims, signer.public_key, "", document, b"")
        if self.attempt("post_proven", sender, *posting, value=bond):
            assert lie == ""
            number = len(self.spec.attestations)
            self.scene.posted[number] = (signer, claims, document)
            self.honest.add(number)
            self.proven_in_time.add(number)

    @rule(actor=ACTORS, number=NUMBERS, more=st.sampled_from([-1, 0, 0, 5]))
    def challenge(self, actor: int, number: int, more: int) -> None:
        number = self.pick(number)
        self.attempt("challenge", actor, number, value=self.scene.terms.deposit(self.evm.base_fee) + more)

    @rule(
        actor=ACTORS,
        number=NUMBERS,
        wrong=st.sampled_from(["", "", "", "hints", "key", "claims", "document"]),
    )
    def prove(self, actor: int, number: int, wrong: str) -> None:
        number = self.pick(number)
        posted = self.claims_of(number)
        if posted is None:
            return
        signer, claims, document = posted
        key, hints = signer.public_key, b""
        if wrong == "hints":
            hints = b"wrong"
        if wrong == "key":
            key = bytes(12) + b"\x07" * 20
        if wrong == "claims":
            claims, _ = self.scene.claims(signer)
        if wrong == "document":
            document = document[:-1] + b"\x00"
        if self.attempt("prove", actor, number, claims, key, document, hints):
            self.proven_in_time.add(number)

    @rule(actor=ACTORS, number=NUMBERS)
    def expire(self, actor: int, number: int) -> None:
        self.attempt("expire_challenge", actor, self.pick(number))

    @rule(actor=st.integers(1, 4), number=NUMBERS)
    def retire(self, actor: int, number: int) -> None:
        self.attempt("retire", actor, self.pick(number))

    @rule(actor=ACTORS, number=NUMBERS)
    def release(self, actor: int, number: int) -> None:
        self.attempt("release_bond", actor, self.pick(number))

    # --- time ------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 1, 2, 5, 9]))
    def wait(self, seconds: int) -> None:
        self.move_to(self.scene.now + seconds)

    @rule(which=st.integers(0, 20), offset=OFFSETS)
    def wait_for_an_edge(self, which: int, offset: int) -> None:
        """Lands before, on or after a second at which something starts, ends or runs out."""
        edges = set()
        for number, found in self.spec.attestations.items():
            tenure = self.scene.tenure(number)
            reach = self.scene.terms.max_reach_back
            edges |= {tenure.starts_at, tenure.deadline, min(tenure.until, 2**39)}
            edges |= {end for ends in tenure.ends for _, end in ends}
            edges |= {end + reach for _, end in found.ends} | {min(tenure.until, 2**39) + reach}
        ahead = sorted(edge for edge in edges if self.scene.now < edge + offset < self.scene.now + 1000)
        if ahead:
            self.move_to(ahead[which % len(ahead)] + offset)

    def move_to(self, when: int) -> None:
        """Lets time pass; honest posters use the last second that a challenge leaves them."""
        due = [
            (tenure.deadline, number)
            for number in self.honest
            if (tenure := self.spec.attestations[number].tenure).deadline and tenure.deadline < when
        ]
        for deadline, number in sorted(due):
            if self.spec.attestations[number].bond:
                self.evm.warp(max(deadline, self.scene.now))
                self.answer(number)
        self.evm.warp(when)
