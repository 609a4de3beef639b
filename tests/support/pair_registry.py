"""The registry's half of the pair: its actions on both sides, and its state read and compared."""

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from afterproof.protocol.attestations import FOREVER, Claims, end_by
from afterproof.protocol.outcome import Env, Event
from afterproof.protocol.registry import Registry
from tests.support.evm import Contract, Evm

Actions = dict[str, tuple[Callable[..., list[Event]], Any, str, Callable[..., tuple[Any, ...]]]]


def registry_actions(spec: Registry, contract: Contract, evidence: Contract, evm: Evm) -> Actions:
    """Each action of the specification, with the contract's function and how its arguments are encoded."""

    def open_nonce(env: Env, operator: bytes, payout: bytes) -> list[Event]:
        return spec.open_nonce(env, operator, payout, evm.parent_hash)

    actions: dict[str, tuple[Callable[..., list[Event]], str, Callable[..., tuple[Any, ...]]]] = {
        "open_nonce": (open_nonce, "openNonce", _claimed),
        "endorse": (spec.endorse, "endorse", _claimed),
        "post_attestation": (spec.post, "post", _claimed),
        "post_proven": (spec.post_proven, "postProven", _claimed),
        "challenge": (spec.challenge, "challenge", _claimed),
        "prove": (spec.prove, "prove", _claimed),
        "expire_challenge": (spec.expire_challenge, "expireChallenge", _claimed),
        "retire": (spec.retire, "retire", _claimed),
        "release_bond": (spec.release_bond, "releaseBond", _claimed),
        "revoke": (spec.revoke, "revoke", _claimed),
        "revoke_attestation": (spec.revoke_attestation, "revokeAttestation", _claimed),
        "revoke_measurement": (spec.revoke_measurement, "revokeMeasurement", _claimed),
        "revoke_certificate": (spec.revoke_certificate, "revokeCertificate", _claimed),
        "allow_measurement": (spec.allow_measurement, "allowMeasurement", _claimed),
        "add_evidence": (spec.add_evidence, "addEvidence", lambda kind, _: (kind, evidence)),
        "set_revoker": (spec.set_revoker, "setRevoker", _claimed),
        "propose_operator": (spec.propose_operator, "proposeOperator", _claimed),
        "accept_operator": (spec.accept_operator, "acceptOperator", _claimed),
        "set_payout": (spec.set_payout, "setPayout", _claimed),
        "sweep_registry": (spec.sweep_burned, "sweepBurned", _claimed),
        "withdraw_from_registry": (spec.withdraw, "withdraw", _claimed),
    }
    return {name: (method, contract, fn, encode) for name, (method, fn, encode) in actions.items()}


def _claimed(*arguments: Any) -> tuple[Any, ...]:
    return tuple(astuple(argument) if isinstance(argument, Claims) else argument for argument in arguments)


def compare_registry(
    spec: Registry, contract: Contract, evm: Evm, plain: Callable[[Any], Any], forced: int
) -> None:
    """Everything that both registries know, read and compared; and what the contract holds with what it owes."""
    call, now = contract.call, evm.reading_now
    assert call("attestationCount") == len(spec.attestations)
    for number in spec.attestations:
        assert plain(tuple(call("attestation", number))) == plain(_attestation(spec, number, now)), number
        assert call("stateOf", number) == spec.state_of(number, now)
    assert call("nodes", 0, 1000) == tuple(spec.nodes)
    for name, node in spec.nodes.items():
        ends = end_by(node.ends, FOREVER) % FOREVER
        numbers = node.attestations
        wanted = (node.operator, node.payout, ends, len(numbers), numbers[-1])
        assert plain(tuple(call("nodeState", name))) == plain(wanted)
        assert plain(call("operatorOf", name)) == plain(node.operator)
        assert plain(call("proposedOperator", name)) == plain(node.proposed)
        assert call("registrations", name) == len(numbers)
        assert call("attestationsOf", name, 0, 1000) == tuple(numbers)
    assert call("measurements", 0, 1000) == tuple(spec.measurements)
    for name, record in spec.measurements.items():
        ends = end_by(record.ends, FOREVER) % FOREVER
        listed = (record.allowed_at, ends, record.binding, record.version, record.build)
        assert plain(tuple(call("measurementOf", name))) == plain(listed)
    for name, certificate_ends in spec.certificate_ends.items():
        assert call("certificateEnd", name) == end_by(certificate_ends, FOREVER) % FOREVER
    for account, amount in spec.credits.items():
        assert call("credits", account) == amount
    assert call("burned") == spec.burned
    assert plain(call("revoker")) == plain(spec.revoker)
    assert call("challengeDeposit") == spec.terms.deposit(evm.base_fee)
    assert evm.balance(contract.address) == spec.holdings() + forced


def _attestation(spec: Registry, number: int, now: int) -> tuple[Any, ...]:
    found = spec.attestations[number]
    tenure = spec.tenure_of(number)
    end = tenure.end(now, spec.terms.max_reach_back)
    measurement = found.claims.measurement if found.claims else bytes(32)
    claims_hash = found.claims.hash() if found.claims else bytes(32)
    money = (found.poster, found.bond, found.challenger, found.deposit)
    state = spec.state_of(number, now)
    when = (tenure.starts_at, end, tenure.deadline)
    return (found.node, state, tenure.kind, *when, measurement, claims_hash, *money)
