"""The in-memory chain's registry as one account acts on it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from afterproof.protocol.attestations import Binding, Claims
from afterproof.protocol.outcome import Env, Event, Revert, checked_owner
from afterproof.protocol.registry import Registry

from .memory_evidence import NitroVerifier
from .memory_state import Action, OnHeartbeats, in_registry
from .states import Landed, Listener, Outcome, Purpose, Sent

if TYPE_CHECKING:
    from .memory import MemoryChain


OTHER: Final = Purpose("other")


class MemoryRegistryAccount:
    """Implements :class:`afterproof.chain.registry_sending.RegistrySender`."""

    chain: "MemoryChain"
    account: bytes
    listener: Listener | None
    may_act: Callable[[], None]

    def open_nonce(self, operator: bytes, payout: bytes, dry_run: bool = False) -> tuple[bytes, Landed]:
        """Implements :meth:`RegistrySender.open_nonce`."""
        chain = self.chain
        events, landed = self._registered(
            lambda registry, env: registry.open_nonce(env, operator, payout, chain.parent_hash(env.now)),
            dry_run=dry_run,
        )
        nonce: bytes = events[0].arguments[0]
        return nonce, landed

    def endorse(self, public_key: bytes, operator: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.endorse`."""
        return self._register(lambda registry, env: registry.endorse(env, public_key, operator), dry_run)

    def post_attestation(
        self, claims: Claims, public_key: bytes, signature: bytes, uri: str, bond: int, dry_run: bool = False
    ) -> tuple[int, Landed]:
        """Implements :meth:`RegistrySender.post_attestation`."""
        return _numbered(
            *self._registered(
                lambda registry, env: registry.post(env, claims, public_key, signature, uri), bond, dry_run
            )
        )

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
        return _numbered(
            *self._registered(
                lambda registry, env: registry.post_proven(env, claims, public_key, uri, document, hints),
                bond,
                dry_run,
            )
        )

    def challenge_attestation(self, number: int, deposit: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.challenge_attestation`."""
        return self._registered(
            lambda registry, env: registry.challenge(env, number), deposit, dry_run, _about(number)
        )[1]

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
        return self._register(
            lambda registry, env: registry.prove(env, number, claims, public_key, document, hints),
            dry_run,
            _about(number),
        )

    def prove_certificate(
        self, kind: int, der: bytes, parent: bytes, hints: bytes, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`RegistrySender.prove_certificate`."""

        def prove(registry: Registry, _: Env) -> list[Event]:
            verifier = registry.evidence.get(kind)
            if not isinstance(verifier, NitroVerifier):
                raise Revert("UnknownEvidence", kind)
            verifier.prove_certificate(der, parent)
            return []

        return self._register(prove, dry_run, Purpose("attest"))

    def expire_challenge(self, number: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.expire_challenge`."""
        return self._register(
            lambda registry, env: registry.expire_challenge(env, number), dry_run, _about(number)
        )

    def retire_attestation(self, number: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.retire_attestation`."""
        return self._register(lambda registry, env: registry.retire(env, number), dry_run)

    def release_bond(self, number: int, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.release_bond`."""
        return self._register(lambda registry, env: registry.release_bond(env, number), dry_run)

    def revoke(self, node: bytes, effective_from: int, reason: str, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.revoke`."""
        return self._register(
            lambda registry, env: registry.revoke(env, node, effective_from, reason), dry_run
        )

    def revoke_attestation(
        self, number: int, effective_from: int, reason: str, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`RegistrySender.revoke_attestation`."""
        return self._register(
            lambda registry, env: registry.revoke_attestation(env, number, effective_from, reason), dry_run
        )

    def revoke_measurement(
        self, measurement: bytes, effective_from: int, reason: str, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`RegistrySender.revoke_measurement`."""
        return self._register(
            lambda registry, env: registry.revoke_measurement(env, measurement, effective_from, reason),
            dry_run,
        )

    def revoke_certificate(
        self, issuer: bytes, serial: int, effective_from: int, reason: str, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`RegistrySender.revoke_certificate`."""
        return self._register(
            lambda registry, env: registry.revoke_certificate(env, issuer, serial, effective_from, reason),
            dry_run,
        )

    def allow_measurement(
        self, measurement: bytes, binding: Binding, version: str, build: str, dry_run: bool = False
    ) -> Landed:
        """Implements :meth:`RegistrySender.allow_measurement`."""
        return self._register(
            lambda registry, env: registry.allow_measurement(env, measurement, binding, version, build),
            dry_run,
        )

    def add_evidence(self, kind: int, verifier: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.add_evidence`; ``chain.verifiers.place`` gives the address."""
        judges = self.chain.verifiers.at(verifier)

        def add(registry: Registry, env: Env) -> list[Event]:
            checked_owner(env, registry.owner)
            if judges is None:
                raise Revert("CannotAdd", kind)
            registry.add_evidence(env, kind, judges)
            return [Event("EvidenceAdded", (kind, verifier))]

        return self._register(add, dry_run)

    def set_revoker(self, revoker: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.set_revoker`."""
        return self._register(lambda registry, env: registry.set_revoker(env, revoker), dry_run)

    def propose_operator(self, node: bytes, to: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.propose_operator`."""
        return self._register(lambda registry, env: registry.propose_operator(env, node, to), dry_run)

    def accept_operator(self, node: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.accept_operator`."""
        return self._register(lambda registry, env: registry.accept_operator(env, node), dry_run)

    def set_payout(self, node: bytes, payout: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.set_payout`."""
        return self._register(lambda registry, env: registry.set_payout(env, node, payout), dry_run)

    def sweep_registry(self, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.sweep_registry`."""
        return self._register(lambda registry, env: registry.sweep_burned(env), dry_run)

    def withdraw_from_registry(self, to: bytes, dry_run: bool = False) -> Landed:
        """Implements :meth:`RegistrySender.withdraw_from_registry`."""
        return self._register(lambda registry, env: registry.withdraw(env, to), dry_run, Purpose("withdraw"))

    def _register(
        self, action: Callable[[Registry, Env], list[Event]], dry_run: bool = False, purpose: Purpose = OTHER
    ) -> Landed:
        return self._registered(action, dry_run=dry_run, purpose=purpose)[1]

    def _registered(
        self,
        action: Callable[[Registry, Env], list[Event]],
        value: int = 0,
        dry_run: bool = False,
        purpose: Purpose = OTHER,
    ) -> tuple[list[Event], Landed]:
        return self._acted(
            lambda env, _, registry: in_registry(action(registry, env)), value, dry_run, purpose
        )

    def _acted(
        self,
        action: Action | OnHeartbeats,
        value: int = 0,
        dry_run: bool = False,
        purpose: Purpose = OTHER,
    ) -> tuple[list[Event], Landed]:
        """Acts, and tells what is said to be told."""
        told: list[tuple[bytes, Outcome | None]] = []
        try:
            return self.chain.act(
                self.account,
                action,
                value,
                dry_run,
                lambda tx_hash, outcome: told.append((tx_hash, outcome)),
                self.may_act,
            )
        finally:
            for tx_hash, outcome in told:
                if self.listener is not None:
                    number = int.from_bytes(tx_hash[:6])  # no account has numbers here: each its own
                    self.listener(Sent(tx_hash, self.account, number, purpose, outcome))


def _about(number: int) -> Purpose:
    return Purpose("attest", attestation=number)


def _numbered(events: Sequence[Event], landed: Landed) -> tuple[int, Landed]:
    number: int = next(event.arguments[0] for event in events if event.name == "AttestationPosted")
    return number, landed
