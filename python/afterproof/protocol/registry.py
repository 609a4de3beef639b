"""``AttestationRegistry`` as a pure state machine: who may sign, on what evidence, and since when one knows.

The document of record: contract and specification are played side by side. Every action checks first and changes
nothing when it raises :class:`Revert`; ``env.value`` is the ether that comes with it.

Read in this order: ``attestations`` (claims, tenures, liveness as values), ``registry_state`` (what there is),
``registry_views`` (the read rules), ``registry_posting``, ``registry_evidence``, ``registry_challenges``, and here
revocations, the owner's word, operators and money.
"""

from .attestations import ENDORSEMENT, FOREVER, Binding, Ends, certificate_id, end_by, with_end
from .outcome import Env, Event, Revert, checked_owner
from .registry_challenges import Challenges
from .registry_posting import Posting
from .registry_state import NOBODY, MeasurementRecord, Node, Verifier


class Registry(Posting, Challenges):
    """The registry's state and its actions."""

    # --- revocations -----------------------------------------------------------------------------------

    def revoke(self, env: Env, name: bytes, effective_from: int, reason: str) -> list[Event]:
        """Ends a node's key, at most ``max_reach_back`` ago, now or later. An end only ever moves earlier."""
        node = self.nodes.get(name)
        if node is None:
            raise Revert("UnknownNode", name)
        node.ends = self._ended(env, node.ends, name, effective_from)
        return [Event("NodeRevoked", (name, effective_from, reason))]

    def revoke_attestation(self, env: Env, number: int, effective_from: int, reason: str) -> list[Event]:
        """Ends one attestation; its node may be attested anew."""
        found = self._existing(number)
        found.ends = self._ended(env, found.ends, number.to_bytes(32), effective_from, found.tenure.until)
        found.revoked = True
        return [Event("AttestationRevoked", (number, effective_from, reason))]

    def revoke_measurement(self, env: Env, name: bytes, effective_from: int, reason: str) -> list[Event]:
        """Ends every attestation of some code."""
        record = self.measurements.get(name)
        if record is None:
            raise Revert("MeasurementNotAllowed", name)
        record.ends = self._ended(env, record.ends, name, effective_from)
        return [Event("MeasurementRevoked", (name, effective_from, reason))]

    def revoke_certificate(
        self, env: Env, issuer: bytes, serial: int, effective_from: int, reason: str
    ) -> list[Event]:
        """Ends every attestation that hangs on a certificate."""
        name = certificate_id(issuer, serial)
        subject = name.ljust(32, b"\0")
        self.certificate_ends[name] = self._ended(env, self.certificate_ends[name], subject, effective_from)
        return [Event("CertificateEnded", (name, effective_from, reason))]

    # --- the owner's word, and the operator's ----------------------------------------------------------

    def allow_measurement(
        self, env: Env, name: bytes, binding: Binding, version: str, build: str
    ) -> list[Event]:
        """Code may run nodes from now on."""
        checked_owner(env, self.owner)
        if name in self.measurements:
            raise Revert("AlreadyAllowed", name)
        if not any(name) or len(self.measurements) == 2**16 - 1:
            raise Revert("CannotAllow", name)
        self.measurements[name] = MeasurementRecord(env.now, binding, version, build)
        return [Event("MeasurementAllowed", (name, binding, version, build))]

    def add_evidence(self, env: Env, kind: int, verifier: Verifier) -> list[Event]:
        """A kind of evidence, for good."""
        checked_owner(env, self.owner)
        if kind == ENDORSEMENT or kind in self.evidence:
            raise Revert("CannotAdd", kind)
        self.evidence[kind] = verifier
        return [Event("EvidenceAdded", (kind, verifier))]

    def set_revoker(self, env: Env, revoker: bytes) -> list[Event]:
        """Who may revoke beside the owner; zeros: nobody."""
        checked_owner(env, self.owner)
        self.revoker = revoker
        return [Event("RevokerChanged", (revoker,))]

    def propose_operator(self, env: Env, name: bytes, to: bytes) -> list[Event]:
        """The operator names who may take a node over."""
        self._operated(env, name).proposed = to
        return [Event("OperatorProposed", (name, to))]

    def accept_operator(self, env: Env, name: bytes) -> list[Event]:
        """Who was named takes a node over."""
        node = self.nodes.get(name)
        if node is None or env.sender != node.proposed:
            raise Revert("NotProposed", env.sender)
        node.operator, node.proposed = env.sender, NOBODY
        return [Event("OperatorChanged", (name, env.sender, node.payout))]

    def set_payout(self, env: Env, name: bytes, payout: bytes) -> list[Event]:
        """Where a node is paid."""
        self._operated(env, name).payout = payout
        return [Event("OperatorChanged", (name, env.sender, payout))]

    # --- money ---------------------------------------------------------------------------------------

    def sweep_burned(self, env: Env) -> list[Event]:
        """Burns what posters have lost."""
        if not self.burned:
            raise Revert("NothingToSweep")
        amount, self.burned = self.burned, 0
        return [Event("Burned", (amount,))]

    def withdraw(self, env: Env, to: bytes) -> list[Event]:
        """The sender's whole credit, to an account that takes it."""
        amount = self.credits.pop(env.sender, 0)
        if not amount:
            raise Revert("NoCredit", env.sender)
        return [Event("Withdrawn", (env.sender, to, amount))]

    # --- checks --------------------------------------------------------------------------------------

    def _operated(self, env: Env, name: bytes) -> Node:
        node = self.nodes.get(name)
        if node is None or env.sender != node.operator:
            raise Revert("NotOperator", env.sender)
        return node

    def _ended(self, env: Env, ends: Ends, subject: bytes, effective_from: int, until: int = FOREVER) -> Ends:
        if env.sender not in (self.owner, self.revoker):
            raise Revert("NotRevoker", env.sender)
        earliest = max(env.now - self.terms.max_reach_back, 1)
        if effective_from < earliest:
            raise Revert("TooFarBack", effective_from, earliest)
        present = min(end_by(ends, env.now), until)
        if effective_from >= present:
            raise Revert("AlreadyRevoked", subject, present)
        return with_end(ends, env.now, effective_from)
