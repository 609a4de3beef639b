"""Attestations come: nonces, endorsements, postings with a proof and without; and what every posting must be."""

from typing import Final

from .attestations import ENDORSEMENT, NO_UNTIL, Binding, Claims, Tenure, end_by
from .outcome import Env, Event, Revert, checked_owner
from .receipt import keccak
from .registry_evidence import RegistryEvidence
from .registry_state import NO_NONCE, NOBODY, Attestation, Node
from .signing import node_of, scheme_of, verify_hash

MAX_CURRENT: Final = 3
"""How many attestations of a node may not be over at the same time."""


class Posting(RegistryEvidence):
    """Everything that makes an attestation."""

    def open_nonce(self, env: Env, operator: bytes, payout: bytes, entropy: bytes) -> list[Event]:
        """A nonce that names operator and payout; ``entropy`` is the hash of the block before."""
        _check_named(operator)
        count = len(self.nonces) + 1
        words = [self.domain.chain_id.to_bytes(32), self.domain.contract, operator, payout]
        words += [count.to_bytes(32), entropy]
        nonce = keccak(b"".join(word.rjust(32, b"\0") for word in words))
        self.nonces[nonce] = (operator, payout)
        return [Event("NonceOpened", (nonce, operator, payout))]

    def endorse(self, env: Env, public_key: bytes, operator: bytes) -> list[Event]:
        """The owner vouches for a node, live from the next second on."""
        checked_owner(env, self.owner)
        _check_named(operator)
        name, node = self._living(env, public_key)
        self._check_operator(name, node, operator)
        current = [self.attestations[number] for number in self._current(env, node)]
        if any(attestation.claims is None for attestation in current):
            raise Revert("AlreadyRegistered", name)
        starts_at = env.now + 1
        number = self._append(
            env, name, node, Attestation(name, None, Tenure(ENDORSEMENT, starts_at, NO_UNTIL))
        )
        events = self._set_operator(name, operator, node.payout)
        return [*events, Event("NodeEndorsed", (number, name, operator, starts_at, public_key))]

    def post(self, env: Env, claims: Claims, public_key: bytes, signature: bytes, uri: str) -> list[Event]:
        """An attestation, live once its window has passed unchallenged; the key itself names the operator."""
        name, node = self._living(env, public_key)
        starts_at = env.now + self.terms.window + 1
        self._check_claims(env, claims, starts_at)
        if claims.nonce != NO_NONCE:
            self._check_nonce(claims)
        count = len(node.attestations)
        if not verify_hash(
            public_key, self.registration_digest(claims.operator, claims.payout, count), signature
        ):
            raise Revert("NotSignedByKey", name, count)
        number = self._store(env, name, node, claims, starts_at, proven=False)
        events = self._set_operator(name, claims.operator, claims.payout)
        posted = (number, name, env.sender, claims, starts_at, public_key, uri)
        return [*events, Event("AttestationPosted", posted)]

    def post_proven(
        self, env: Env, claims: Claims, public_key: bytes, uri: str, document: bytes, hints: bytes
    ) -> list[Event]:
        """An attestation with its proof, live from the next second on; its document names the operator."""
        name, node = self._living(env, public_key)
        starts_at = env.now + 1
        self._check_claims(env, claims, starts_at)
        self._check_nonce(claims)
        if self.measurements[claims.measurement].binding is Binding.KEY:
            raise Revert("OperatorUnbound", claims.measurement)
        self._check_operator(name, node, claims.operator)
        self._verify(claims, 0, public_key, document, hints)
        number = self._store(env, name, node, claims, starts_at, proven=True)
        events = self._set_operator(name, claims.operator, claims.payout)
        posted = (number, name, env.sender, claims, starts_at, public_key, uri)
        proven = Event("AttestationProven", (number, env.sender, starts_at))
        return [*events, Event("AttestationPosted", posted), proven]

    # --- checks --------------------------------------------------------------------------------------

    def _living(self, env: Env, public_key: bytes) -> tuple[bytes, Node]:
        if scheme_of(public_key) is None:
            raise Revert("UnknownKeyForm", len(public_key))
        name = node_of(public_key)
        node = self.nodes.get(name, Node(public_key))
        end = end_by(node.ends, env.now)
        if end <= env.now:
            raise Revert("NodeEnded", name, end)
        return name, node

    def _check_claims(self, env: Env, claims: Claims, starts_at: int) -> None:
        terms = self.terms
        if claims.kind not in self.evidence:
            raise Revert("UnknownEvidence", claims.kind)
        measurement = self.measurements.get(claims.measurement)
        if measurement is None or end_by(measurement.ends, env.now) <= env.now:
            raise Revert("MeasurementNotAllowed", claims.measurement)
        for certificate in claims.certificates:
            if end_by(self.certificate_ends[certificate], env.now) <= env.now:
                raise Revert("CertificateRevoked", certificate)
        earliest, latest = max(env.now - terms.max_document_age, 0), env.now + terms.max_clock_skew
        if not earliest <= claims.document_time <= latest:
            raise Revert("UntimelyDocument", claims.document_time, earliest, latest)
        earliest, latest = starts_at + 1, claims.document_time + terms.max_attested_for
        if not earliest <= claims.attested_until <= latest:
            raise Revert("BadEnd", claims.attested_until, earliest, latest)
        # Else whoever sees the key's signature, or the document, could spend it on other claims.
        if env.sender != claims.operator:
            raise Revert("NotOperator", env.sender)
        if env.value != terms.bond:
            raise Revert("WrongBond", env.value, terms.bond)

    def _check_nonce(self, claims: Claims) -> None:
        if self.nonces.get(claims.nonce) != (claims.operator, claims.payout):
            raise Revert("UnknownNonce", claims.nonce)

    def _check_operator(self, name: bytes, node: Node, operator: bytes) -> None:
        if node.operator not in (NOBODY, operator):
            raise Revert("OtherOperator", name, node.operator)

    def _current(self, env: Env, node: Node) -> list[int]:
        """The attestations of a node that are not over."""
        reach = self.terms.max_reach_back
        return [
            number
            for number in node.attestations
            if not self._tenure(self.attestations[number]).is_over(env.now, reach)
        ]

    # --- effects -------------------------------------------------------------------------------------

    def _store(
        self, env: Env, name: bytes, node: Node, claims: Claims, starts_at: int, *, proven: bool
    ) -> int:
        tenure = Tenure(claims.kind, starts_at, claims.attested_until, proven=proven)
        found = Attestation(name, claims, tenure, poster=env.sender, bond=env.value)
        return self._append(env, name, node, found)

    def _append(self, env: Env, name: bytes, node: Node, found: Attestation) -> int:
        if node.attestations and node.latest_at == env.now:
            raise Revert("OnePerSecond", name)
        if len(self._current(env, node)) >= MAX_CURRENT:
            raise Revert("TooManyCurrent", name)
        number = len(self.attestations) + 1
        self.attestations[number] = found
        node.attestations.append(number)
        node.latest_at = env.now
        self.nodes[name] = node
        return number

    def _set_operator(self, name: bytes, operator: bytes, payout: bytes) -> list[Event]:
        node = self.nodes[name]
        if (node.operator, node.payout) == (operator, payout):
            return []
        node.operator, node.payout, node.proposed = operator, payout, NOBODY
        return [Event("OperatorChanged", (name, operator, payout))]


def _check_named(operator: bytes) -> None:
    if operator == NOBODY:
        raise Revert("NoOperator")
