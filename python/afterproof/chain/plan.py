"""The plan of a deployment: which contracts, made of what, in which order. Pure: :mod:`.deploy` carries it out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from afterproof.attestation.claims import NITRO
from afterproof.protocol.heartbeat_terms import HEARTBEAT_TERM_NAMES
from afterproof.protocol.registry_terms import REGISTRY_TERM_NAMES
from afterproof.protocol.state import FaultKind
from afterproof.protocol.terms import TERM_NAMES

from .abi import encode, interface
from .artifacts import artifact
from .parameters import Parameters

FAULT_CONTRACTS: Final = {
    FaultKind.BAD_SIGNATURE: "BadSignature",
    FaultKind.DUPLICATE_RECEIPT: "DuplicateReceipt",
    FaultKind.MISDECLARED_RANGE: "MisdeclaredRange",
}
"""The contract that judges each kind of fault; nobody judges a wrong result yet."""


@dataclass(frozen=True, slots=True)
class Ref:
    """The address of the contract that an earlier step deployed."""

    step: str


@dataclass(frozen=True, slots=True)
class Step:
    """One contract to deploy, named as its artifact; arguments may hold :class:`Ref` at any depth."""

    name: str
    arguments: tuple[Any, ...]


def plan(parameters: Parameters, deployer: bytes) -> tuple[Step, ...]:
    """The contracts in the order of their deployment by the account ``deployer``, each after its libraries."""
    person = parameters.owner or deployer
    guardian = guardian_of(parameters, deployer)
    owner: bytes | Ref = person
    steps = []
    if parameters.timelock_delay:
        # Without an admin: whoever wants to change its roles proposes that to the timelock itself.
        nobody = bytes(20)
        steps.append(Step("Timelock", (parameters.timelock_delay, (person,), (person,), nobody)))
        owner = Ref("Timelock")
    registry = Ref("AttestationRegistry")
    terms = tuple(getattr(parameters.terms, name) for name in TERM_NAMES)
    registry_terms = tuple(getattr(parameters.registry, name) for name in REGISTRY_TERM_NAMES)
    heartbeat_terms = tuple(getattr(parameters.heartbeats.terms, name) for name in HEARTBEAT_TERM_NAMES)
    faults = tuple((kind.value, Ref(contract)) for kind, contract in FAULT_CONTRACTS.items())
    tables = (Step("P384TableLow", ()), Step("P384TableHigh", ()))
    steps += [
        *tables,
        Step("P384", tuple(Ref(table.name) for table in tables)),
        Step("NitroEvidence", (owner, parameters.nitro_root, Ref("P384"))),
        Step("AttestationRegistry", (owner, registry_terms, ((NITRO, Ref("NitroEvidence")),))),
        Step("Secp256k1Scheme", (registry,)),
        Step("OpenGradientRsaPssScheme", ()),
        Step("P256Scheme", (registry,)),
        Step("BadSignature", tuple(map(Ref, ("Secp256k1Scheme", "OpenGradientRsaPssScheme", "P256Scheme")))),
        Step("DuplicateReceipt", ()),
        Step("MisdeclaredRange", ()),
        Step("Settlement", (owner, guardian, registry, terms, faults)),
        Step("Directory", (registry,)),
        Step("Heartbeats", (registry, heartbeat_terms)),
        Step("OpenGradientView", (Ref("Directory"), Ref("Heartbeats"), parameters.heartbeats.max_age)),
    ]
    return tuple(dict.fromkeys(linked for step in steps for linked in _after_libraries(step)))


def _after_libraries(step: Step) -> Iterator[Step]:
    """A step after the libraries that its contract links, and those that they link."""
    for library in artifact(step.name).links:
        yield from _after_libraries(Step(library, ()))
    yield step


def guardian_of(parameters: Parameters, deployer: bytes) -> bytes:
    """Who may pause posting when ``deployer`` deploys; zeros: nobody."""
    return deployer if parameters.guardian is None else parameters.guardian


def creation_code(step: Step, addresses: dict[str, bytes]) -> bytes:
    """The code that creates a step's contract, given the addresses of the earlier ones."""
    return artifact(step.name).creation_code(addresses) + constructor_arguments(step, addresses)


def constructor_arguments(step: Step, addresses: dict[str, bytes]) -> bytes:
    """What stands behind a contract's own code when it is created: its arguments, encoded."""
    return encode(interface(step.name).constructor, _resolved(step.arguments, addresses))


def _resolved(value: Any, addresses: dict[str, bytes]) -> Any:
    if isinstance(value, Ref):
        return addresses[value.step]
    if isinstance(value, tuple):
        return tuple(_resolved(item, addresses) for item in value)
    return value
