"""What an account does on the registry of a chain behind a node's JSON-RPC."""

from abc import ABC, abstractmethod
from dataclasses import astuple
from typing import Any

from afterproof.protocol.attestations import Binding, Claims

from .abi import Function, interface
from .registry_events import AttestationPosted, NonceOpened
from .states import Call, Landed


class EvmRegistryActions(ABC):
    """Implements :class:`afterproof.chain.registry_sending.RegistrySender` over one way to make a call."""

    @abstractmethod
    def _act(
        self, target: str, function: str, arguments: tuple[Any, ...], value: int = 0, dry_run: bool = False
    ) -> tuple[tuple[Any, ...], Landed]:
        """What a call of ``target`` returns by its simulation, and how it landed."""
        ...

    @abstractmethod
    def perform(self, kind: Function, call: Call, dry_run: bool = False) -> tuple[tuple[Any, ...], Landed]:
        """Makes a call of the function ``kind``: what it returns by its simulation, and how it landed."""
        ...

    @abstractmethod
    def evidence(self, kind: int) -> bytes:
        """As :meth:`afterproof.chain.registry_reading.RegistryReader.evidence`."""
        ...

    def open_nonce(self, operator: bytes, payout: bytes, dry_run: bool = False) -> tuple[bytes, Landed]:
        """Implements :meth:`RegistrySender.open_nonce`."""
        (nonce,), landed = self._act("registry", "openNonce", (operator, payout), dry_run=dry_run)
        # The simulation stood on another block: the event has the nonce.
        opened = (event.nonce for event in landed.events if isinstance(event, NonceOpened))
        return next(opened, nonce), landed

    def endorse(self, public_key: bytes, operator: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.endorse`."""
        return self._register("endorse", public_key, operator, dry_run=dry_run)

    def post_attestation(
        self, claims: Claims, public_key: bytes, signature: bytes, uri: str, bond: int, dry_run: bool = False
    ) -> tuple[int, Landed]:
        """Implements :meth:`RegistrySender.post_attestation`."""
        arguments = (astuple(claims), public_key, signature, uri)
        return _numbered(*self._act("registry", "post", arguments, bond, dry_run))

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
        """Implements :meth:`RegistrySender.post_proven`."""
        arguments = (astuple(claims), public_key, uri, document, hints)
        return _numbered(*self._act("registry", "postProven", arguments, bond, dry_run))

    def challenge_attestation(self, number: int, deposit: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.challenge_attestation`."""
        return self._register("challenge", number, value=deposit, dry_run=dry_run)

    def prove_attestation(
        self,
        number: int,
        claims: Claims,
        public_key: bytes,
        document: bytes,
        hints: bytes,
        dry_run: bool = False,
    ) -> Landed:
        """Implements :meth:`RegistrySender.prove_attestation`."""
        arguments = (number, astuple(claims), public_key, document, hints)
        return self._register("prove", *arguments, dry_run=dry_run)

    def prove_certificate(
        self, kind: int, der: bytes, parent: bytes, hints: bytes, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`RegistrySender.prove_certificate`."""
        function = interface("NitroEvidence").functions["proveCertificate"]
        call = Call(self.evidence(kind), 0, function.encode(der, parent, hints))
        return self.perform(function, call, dry_run)[1]

    def expire_challenge(self, number: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.expire_challenge`."""
        return self._register("expireChallenge", number, dry_run=dry_run)

    def retire_attestation(self, number: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.retire_attestation`."""
        return self._register("retire", number, dry_run=dry_run)

    def release_bond(self, number: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.release_bond`."""
        return self._register("releaseBond", number, dry_run=dry_run)

    def revoke(self, node: bytes, effective_from: int, reason: str, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.revoke`."""
        return self._register("revoke", node, effective_from, reason, dry_run=dry_run)

    def revoke_attestation(
        self, number: int, effective_from: int, reason: str, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`RegistrySender.revoke_attestation`."""
        return self._register("revokeAttestation", number, effective_from, reason, dry_run=dry_run)

    def revoke_measurement(
        self, measurement: bytes, effective_from: int, reason: str, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`RegistrySender.revoke_measurement`."""
        return self._register("revokeMeasurement", measurement, effective_from, reason, dry_run=dry_run)

    def revoke_certificate(
        self, issuer: bytes, serial: int, effective_from: int, reason: str, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`RegistrySender.revoke_certificate`."""
        return self._register("revokeCertificate", issuer, serial, effective_from, reason, dry_run=dry_run)

    def allow_measurement(
        self, measurement: bytes, binding: Binding, version: str, build: str, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`RegistrySender.allow_measurement`."""
        return self._register("allowMeasurement", measurement, binding, version, build, dry_run=dry_run)

    def add_evidence(self, kind: int, verifier: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.add_evidence`."""
        return self._register("addEvidence", kind, verifier, dry_run=dry_run)

    def set_revoker(self, revoker: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.set_revoker`."""
        return self._register("setRevoker", revoker, dry_run=dry_run)

    def propose_operator(self, node: bytes, to: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.propose_operator`."""
        return self._register("proposeOperator", node, to, dry_run=dry_run)

    def accept_operator(self, node: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.accept_operator`."""
        return self._register("acceptOperator", node, dry_run=dry_run)

    def set_payout(self, node: bytes, payout: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.set_payout`."""
        return self._register("setPayout", node, payout, dry_run=dry_run)

    def sweep_registry(self, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.sweep_registry`."""
        return self._register("sweepBurned", dry_run=dry_run)

    def withdraw_from_registry(self, to: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.withdraw_from_registry`."""
        return self._register("withdraw", to, dry_run=dry_run)

    def _register(self, function: str, *arguments: Any, value: int = 0, dry_run: bool = False) -> Landed:
        return self._act("registry", function, arguments, value, dry_run)[1]


def _numbered(returned: tuple[Any, ...], landed: Landed) -> tuple[int, Landed]:
    # Somebody else's attestation may have come between simulation and transaction: the event has the number.
    posted = (event.id for event in landed.events if isinstance(event, AttestationPosted))
    return next(posted, returned[0]), landed
