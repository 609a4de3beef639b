"""What an account does on ``AttestationRegistry``."""

from typing import Protocol

from afterproof.protocol.attestations import Binding, Claims

from .states import Landed


class RegistrySender(Protocol):
    """Actions; errors and ``dry_run`` as :class:`afterproof.chain.base.ChainSender` says. ``number`` is an
    attestation's, ``bond`` and ``deposit`` the wei that go with the call."""

    account: bytes

    def open_nonce(self, operator: bytes, payout: bytes, dry_run: bool = False) -> tuple[bytes, Landed]:
        """``openNonce``; the nonce with it (of a dry run: one that will not be)."""
        ...

    def endorse(self, public_key: bytes, operator: bytes, dry_run: bool = False) -> Landed:
        """``endorse``."""
        ...

    def post_attestation(
        self, claims: Claims, public_key: bytes, signature: bytes, uri: str, bond: int, dry_run: bool = False
    ) -> tuple[int, Landed]:
        """``post``; the attestation's number with it."""
        ...

    def post_proven(
        self,
        claims: Claims,
        public_key: bytes,
        uri: str,
        document: bytes,
        hints: bytes,
        bond: int,
        dry_run: bool = False,
    ) -> tuple[int, Landed]:
        """``postProven``; the attestation's number with it."""
        ...

    def challenge_attestation(self, number: int, deposit: int, dry_run: bool = False) -> Landed:
        """``challenge``."""
        ...

    def prove_attestation(
        self,
        number: int,
        claims: Claims,
        public_key: bytes,
        document: bytes,
        hints: bytes,
        dry_run: bool = False,
    ) -> Landed:
        """``prove``."""
        ...

    def prove_certificate(
        self, kind: int, der: bytes, parent: bytes, hints: bytes, dry_run: bool = False
    ) -> Landed:
        """``proveCertificate`` of the Nitro evidence of this kind: it is remembered, for every document."""
        ...

    def expire_challenge(self, number: int, dry_run: bool = False) -> Landed:
        """``expireChallenge``."""
        ...

    def retire_attestation(self, number: int, dry_run: bool = False) -> Landed:
        """``retire``."""
        ...

    def release_bond(self, number: int, dry_run: bool = False) -> Landed:
        """``releaseBond``."""
        ...

    def revoke(self, node: bytes, effective_from: int, reason: str, dry_run: bool = False) -> Landed:
        """``revoke``: a node's key."""
        ...

    def revoke_attestation(
        self, number: int, effective_from: int, reason: str, dry_run: bool = False
    ) -> Landed:
        """``revokeAttestation``."""
        ...

    def revoke_measurement(
        self, measurement: bytes, effective_from: int, reason: str, dry_run: bool = False
    ) -> Landed:
        """``revokeMeasurement``."""
        ...

    def revoke_certificate(
        self, issuer: bytes, serial: int, effective_from: int, reason: str, dry_run: bool = False
    ) -> Landed:
        """``revokeCertificate``; ``issuer`` is keccak256 of the DER of its issuer's name."""
        ...

    def allow_measurement(
        self, measurement: bytes, binding: Binding, version: str, build: str, dry_run: bool = False
    ) -> Landed:
        """``allowMeasurement``."""
        ...

    def add_evidence(self, kind: int, verifier: bytes, dry_run: bool = False) -> Landed:
        """``addEvidence``; ``verifier`` is the contract that judges it."""
        ...

    def set_revoker(self, revoker: bytes, dry_run: bool = False) -> Landed:
        """``setRevoker``; zeros: nobody."""
        ...

    def propose_operator(self, node: bytes, to: bytes, dry_run: bool = False) -> Landed:
        """``proposeOperator``."""
        ...

    def accept_operator(self, node: bytes, dry_run: bool = False) -> Landed:
        """``acceptOperator``."""
        ...

    def set_payout(self, node: bytes, payout: bytes, dry_run: bool = False) -> Landed:
        """``setPayout``."""
        ...

    def sweep_registry(self, dry_run: bool = False) -> Landed:
        """The registry's ``sweepBurned``."""
        ...

    def withdraw_from_registry(self, to: bytes, dry_run: bool = False) -> Landed:
        """The registry's ``withdraw``."""
        ...
