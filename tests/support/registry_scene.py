"""A stage for tests of the registry: code that is allowed, evidence that is known, documents that fit claims."""

from dataclasses import replace
from typing import Any

from afterproof.protocol.attestations import FOREVER, Binding, Claims, Facts, Tenure
from afterproof.protocol.outcome import Event, Revert
from afterproof.protocol.receipt import keccak
from afterproof.protocol.registry_terms import DEMO_REGISTRY, RegistryTerms
from afterproof.protocol.signing import Signer
from afterproof.protocol.terms import DEMO
from tests.support.evidence import document_of, verify_document
from tests.support.evm import Evm
from tests.support.pair import Pair
from tests.support.scene import secp_signer

KIND = 1
NOTHING = bytes(32)
MEASUREMENTS = {binding: keccak(b"code bound by %d" % binding) for binding in Binding}
"""Code of each binding."""

ISSUER = keccak(b"an issuer's name")
CHAIN = tuple(keccak(ISSUER + serial.to_bytes(32))[:16] for serial in (1, 2, 3, 4))
"""The certificates that documents hang on: of ``ISSUER``, with the serial numbers 1 to 4."""


class RegistryScene:
    """Contract and specification with one kind of evidence and code of every binding; nobody attested yet."""

    def __init__(self, terms: RegistryTerms = DEMO_REGISTRY, base_fee: int = 0) -> None:
        self.pair = Pair(DEMO, Evm(base_fee=base_fee), terms)
        self.spec, self.contract = self.pair.spec_registry, self.pair.registry
        self.terms = self.spec.terms
        self.owner, self.operator, self.payout, self.challenger, self.prover, self.other, self.stranger = (
            self.pair.accounts[:7]
        )
        self.node = secp_signer(0)
        self.act("add_evidence", self.owner, KIND, verify_document)
        for binding, measurement in MEASUREMENTS.items():
            self.act("allow_measurement", self.owner, measurement, binding, f"v{binding}", "git:1")
        self.posted: dict[int, tuple[Signer, Claims, bytes]] = {}

    # --- time and actions ------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The chain's time."""
        return self.pair.evm.now

    def at(self, when: int) -> None:
        """Moves to a time."""
        self.pair.evm.warp(when)

    def wait(self, seconds: int) -> None:
        """Lets time pass."""
        self.at(self.now + seconds)

    def act(self, action: str, sender: bytes, *arguments: Any, value: int = 0) -> list[Event]:
        """Plays an action on both sides."""
        return self.pair.act(action, sender, *arguments, value=value)

    def refusal(self, action: str, sender: bytes, *arguments: Any, value: int = 0) -> tuple[Any, ...]:
        """The error with which both sides refuse an action, and its arguments; neither has changed by it."""
        try:
            self.act(action, sender, *arguments, value=value)
        except Revert as revert:
            self.pair.compare_registry()
            return (revert.error, *revert.arguments)
        raise AssertionError(f"{action} went through")

    # --- postings --------------------------------------------------------------------------------

    def claims(
        self,
        signer: Signer | None = None,
        *,
        binding: Binding = Binding.KEY,
        facts: dict[str, Any] | None = None,
        **changes: Any,
    ) -> tuple[Claims, bytes]:
        """Sound claims of a node, made now, and a document that proves them.

        ``changes`` are to the claims, ``facts`` to what the document says instead.
        """
        now = self.now
        plain = Claims(
            KIND, MEASUREMENTS[binding], now, now + 100, NOTHING, CHAIN, NOTHING, self.operator, self.payout
        )
        claims = replace(plain, **changes)
        said = Facts(claims.measurement, claims.document_time, claims.certificates, NOTHING, NOTHING)
        if binding is Binding.USER_DATA:
            said = replace(said, user_word=claims.nonce)
        else:
            said = replace(said, nonce=claims.nonce)
        document = document_of(replace(said, **(facts or {})), (signer or self.node).public_key)
        if "document_hash" not in changes:
            claims = replace(claims, document_hash=keccak(document))
        return claims, document

    def signature(self, claims: Claims, signer: Signer | None = None, count: int | None = None) -> bytes:
        """The key's word on who operates the node, over its next nonce unless another is given."""
        signer = signer or self.node
        if count is None:
            node = self.spec.nodes.get(signer.node)
            count = len(node.attestations) if node else 0
        return signer.sign_hash(self.spec.registration_digest(claims.operator, claims.payout, count))

    def posting(
        self, claims: Claims, signer: Signer | None = None, count: int | None = None
    ) -> tuple[Claims, bytes, bytes, str]:
        """The arguments of a posting."""
        signer = signer or self.node
        return claims, signer.public_key, self.signature(claims, signer, count), "https://document.example"

    def post(self, signer: Signer | None = None, **changes: Any) -> int:
        """Posts sound claims; the attestation's number."""
        claims, document = self.claims(signer, **changes)
        self.act("post_attestation", claims.operator, *self.posting(claims, signer), value=self.terms.bond)
        return self._remember(signer, claims, document)

    def post_proven(
        self, signer: Signer | None = None, binding: Binding = Binding.NONCE, **changes: Any
    ) -> int:
        """Posts claims with their proof under a nonce opened now; the attestation's number."""
        operator = changes.get("operator", self.operator)
        nonce = self.open_nonce(operator, changes.get("payout", self.payout))
        claims, document = self.claims(signer, binding=binding, **{"nonce": nonce, **changes})
        key = (signer or self.node).public_key
        self.act("post_proven", operator, claims, key, "", document, b"", value=self.terms.bond)
        return self._remember(signer, claims, document)

    def endorse(self, signer: Signer | None = None) -> int:
        """The owner vouches for a node."""
        key = (signer or self.node).public_key
        event = self.act("endorse", self.owner, key, self.operator)[-1]
        return int(event.arguments[0])

    def open_nonce(self, operator: bytes, payout: bytes) -> bytes:
        """A nonce that names them."""
        (event,) = self.act("open_nonce", self.stranger, operator, payout)
        return bytes(event.arguments[0])

    def _remember(self, signer: Signer | None, claims: Claims, document: bytes) -> int:
        number = len(self.spec.attestations)
        self.posted[number] = (signer or self.node, claims, document)
        return number

    # --- challenges ------------------------------------------------------------------------------

    def challenge(self, number: int, value: int | None = None) -> int:
        """Challenges with the least deposit unless another is given; the deadline."""
        deposit = self.terms.deposit(self.pair.evm.base_fee) if value is None else value
        self.act("challenge", self.challenger, number, value=deposit)
        return self.tenure(number).deadline

    def proof(self, number: int, hints: bytes = b"") -> tuple[int, Claims, bytes, bytes, bytes]:
        """The arguments of a proof of what was posted."""
        signer, claims, document = self.posted[number]
        return number, claims, signer.public_key, document, hints

    def prove(self, number: int) -> None:
        """Proves what was posted."""
        self.act("prove", self.prover, *self.proof(number))

    def tenure(self, number: int) -> Tenure:
        """When an attestation holds."""
        return self.spec.tenure_of(number)

    # --- reading ---------------------------------------------------------------------------------

    def live(self, at: int, known_by: int = FOREVER, signer: Signer | None = None) -> bool:
        """Whether the node was live, by both sides."""
        name = (signer or self.node).node
        found = bool(self.contract.call("wasLive", name, at, known_by))
        assert found == self.spec.was_live(name, at, known_by, self.now), (at, known_by)
        return found

    def edges(self, signer: Signer | None = None) -> list[int]:
        """Every second at which an answer about the node could change, the one before it, and the one after."""
        node = self.spec.nodes[(signer or self.node).node]
        times = {self.now, 0}
        times |= {second for end in node.ends for second in end}
        for number in node.attestations:
            tenure = self.tenure(number)
            reach = self.terms.max_reach_back
            times |= {tenure.starts_at, tenure.until, tenure.deadline, tenure.deadline + 1 - reach}
            times |= {second for ends in tenure.ends for end in ends for second in end}
        near = {time + offset for time in times for offset in (-1, 0, 1)}
        return [*sorted(time for time in near if time >= 0), FOREVER]

    def records(self, signer: Signer | None = None) -> list[int]:
        """Every second since which something more is known of the node, and the one before it."""
        node = self.spec.nodes[(signer or self.node).node]
        times = {self.now, *(recorded for recorded, _ in node.ends)}
        for number in node.attestations:
            tenure = self.tenure(number)
            times |= {max(tenure.starts_at - 1, 1), tenure.deadline + 1}
            times |= {recorded for ends in tenure.ends for recorded, _ in ends}
        return [*sorted({time - offset for time in times for offset in (0, 1)}), FOREVER]

    def agree(self, signer: Signer | None = None) -> None:
        """Asks both sides at every edge of the node's history, known since every record; and compares their states."""
        name = (signer or self.node).node
        for at in self.edges(signer):
            for known_by in self.records(signer):
                self.live(at, known_by, signer)
            found = self.contract.call("assurance", name, at)
            assert found == self.spec.assurance(name, at, self.now), at
        self.pair.compare_registry()
