"""Rules about demands and attestations: who demands, shows, attests, challenges and proves besides the verifiers."""

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import rule

from afterproof.chain.base import Posted
from afterproof.errors import AfterproofError
from afterproof.protocol.answers import answers, tile_path
from afterproof.protocol.batching import TILE
from afterproof.protocol.header import BatchId
from afterproof.protocol.state import Demand
from afterproof.protocol.terms import ETHER
from tests.stateful.steps_posting import KINDS, PICK, PostingRules
from tests.stateful.steps_village import NAP, REGISTRY, Attestor
from tests.support.nitro_world import OTHER_PCRS, URL, measurement_of
from tests.support.world import OPERATOR, RIVAL

ATTESTED_FOR = REGISTRY.window + 800
"""Seconds that an attestation holds: so short that its bond can be had back within a run."""


class ChallengeRules(PostingRules):
    """Griefers and the cheat, where something must be shown or proven."""

    # --- demands -------------------------------------------------------------------------------

    @rule(pick=PICK, tile=st.integers(0, 3))
    def grieve(self, pick: int, tile: int) -> None:
        """Somebody demands a tile, because it can."""
        with self.perhaps():
            posted = [event for event in self.events() if isinstance(event, Posted)]
            if posted:
                event = posted[-1 - pick % len(posted)]
                roots = event.tile_roots
                tile %= len(roots)
                deposit = self.griefer.deposit_for(event.batch, tile)
                path = tile_path(roots, tile)
                self.griefer.demand_tile(event.batch, tile, roots[tile], path, deposit)

    @rule(pick=PICK, halves=st.integers(1, 2))
    def cheat_answers(self, pick: int, halves: int) -> None:
        """The cheat shows on chain what was demanded of it, or half of it."""
        demanded = self.open_demands()
        if demanded:
            self._show(*demanded[-1 - pick % len(demanded)], halves)

    @rule(kinds=KINDS)
    def cheat_shows_late(self, kinds: list[str]) -> None:
        """The cheat has a batch demanded as late as can be, and shows it in the last second."""
        self.wake(*self.contexts)
        asleep_since = self.world.now
        self.cheat_posts(["forged", *kinds], (), False, 0, False)
        self.world.wait(max(asleep_since + NAP - self.world.now, 1))
        self.sleep_no_longer()
        for identity, tile in self.open_demands()[-1:]:
            self.sleep_until(self.settlement.batches[identity].demands[tile].deadline - 1)
            if (identity, tile) in self.open_demands():
                self._show(identity, tile, halves=2)
                self.world.wait(5)  # its window is over, but that of what was shown has just begun

    def _show(self, identity: BatchId, tile: int, halves: int) -> None:
        batch = self.planted[identity, self.settlement.batches[identity].root].batch
        leaves = batch.leaves[TILE * tile : TILE * (tile + 1)]
        path = tile_path(batch.tree.tile_roots, tile)
        for one in answers(leaves)[:halves]:
            with suppress(AfterproofError):
                self.cheat.answer_tile(identity, tile, one.half, one.data, one.other, path)

    def open_demands(self) -> list[tuple[BatchId, int]]:
        """The tiles of the cheat's that are to be shown."""
        return [
            (identity, tile)
            for identity, _ in self.cheated()
            for tile, demand in self.settlement.batches[identity].demands.items()
            if self.is_open(demand)
        ]

    def is_open(self, demand: Demand) -> bool:
        """Whether a demand can be answered."""
        return not demand.answered_at and self.world.now <= demand.deadline

    # --- attestations --------------------------------------------------------------------------

    @rule(kind=st.sampled_from(["true", "true", "false", "withheld"]))
    def attest(self, kind: str) -> None:
        """A node is attested: by its operator, or by the cheat, on a false or on a hidden document."""
        if len(self.attestors) == 6:
            return
        with self.perhaps():
            signer = self.attested.key()
            document = self.attested.document(signer)
            claimed: dict[str, object] = {"attested_until": document.seconds + ATTESTED_FOR}
            if kind == "false":
                claimed["measurement"] = measurement_of(OTHER_PCRS)
            uri = f"{URL}/{document.hash.hex()[:8]}"
            if kind == "withheld":
                self.web.hidden.add(uri)
            self.attestors.append(Attestor(kind, signer, document.raw, document.hash, uri))
            operator = OPERATOR if kind == "true" else RIVAL
            self.attested.post(document, signer, claimed, operator=operator)

    @rule(pick=PICK)
    def challenge(self, pick: int) -> None:
        """Somebody challenges an attestation, whatever it is worth."""
        numbers = self.attested_numbers()
        if numbers:
            with self.perhaps():
                self.griefer.challenge_attestation(numbers[-1 - pick % len(numbers)], ETHER // 50)

    @rule(pick=PICK)
    def cheat_proves(self, pick: int) -> None:
        """The cheat proves what it can of its own, where it was hidden."""
        numbers = [number for number in self.attested_numbers() if self.kind_of(number).kind == "withheld"]
        if numbers:
            number = numbers[-1 - pick % len(numbers)]
            attestor, found = self.kind_of(number), self.registry.attestations[number]
            assert found.claims is not None
            with self.perhaps():
                key = attestor.signer.public_key
                self.cheat.prove_attestation(number, found.claims, key, attestor.raw, b"")

    @rule(pick=PICK)
    def cheat_shows_document(self, pick: int) -> None:
        """A document can be had from now on."""
        hidden = sorted(self.web.hidden)
        if hidden:
            self.web.hidden.discard(hidden[-1 - pick % len(hidden)])

    def attested_numbers(self) -> list[int]:
        """The attestations on documents that are on the chain."""
        return [number for number, one in self.registry.attestations.items() if one.claims is not None]

    def kind_of(self, number: int) -> Attestor:
        """What an attestation was meant to be."""
        claims = self.registry.attestations[number].claims
        assert claims is not None
        return next(one for one in self.attestors if one.hash == claims.document_hash)
