"""What owners, revokers and operators do on the registry, over the in-memory chain: node, measurement.

node show
├── of an endorsed node, of one with attestations in several states → operator, assurance now, each attestation
└── of an unknown one → a sentence
node revoke, revoke-attestation, revoke-certificate, measurement revoke
├── by the owner, and by the revoker that the owner appointed → it ends from then on; --dry-run changes nothing
└── by a stranger, of what is not there, of a file that is no certificate → a sentence
node propose, accept, payout → a node is handed over in two steps
measurement allow, list
├── by hash or by registers → it is listed with version, binding and build
└── registers that are not all there, twice, both names → a sentence
credits show, withdraw --from registry → what the registry owes, paid out once
refusals → each error of the registry has a sentence that takes the error's own arguments
"""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from afterproof.attestation.certificates import read_certificate
from afterproof.chain.abi import interface
from afterproof.cli.refusals import explained
from afterproof.errors import CallReverted
from afterproof.protocol.attestations import Assurance, AttestationState, Binding
from afterproof.protocol.receipt import hex0x, keccak
from afterproof.protocol.terms import ETHER
from tests.support.evidence import verify_document
from tests.support.nitro_authority import Authority
from tests.support.on_chain import on, refused
from tests.support.on_registry import CODE, allow_code, post_attestation
from tests.support.scene import secp_signer
from tests.support.world import OWNER, RIVAL, VERIFIER, World

NEW = secp_signer(7)
WHY = ("--reason", "it lies")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    allow_code(made.chain.account_view(OWNER), made.chain.verifiers.place(verify_document))
    return made


def attested(world: World) -> int:
    """An attestation of the new node, run by the rival."""
    return post_attestation(world.chain.account_view(RIVAL), NEW, world.now)[0]


def test_node_show_tells_of_an_endorsed_node(world: World) -> None:
    name = hex0x(world.nodes[0].node)
    said = on(world, VERIFIER, "node", "show", name).out
    assert "ENDORSED" in said and "not said" in said
    answer = on(world, VERIFIER, "node", "show", name, "--json").json
    (only,) = answer.pop("attestations")
    assert (answer["assurance"], answer["payout"], answer["ends_at"]) == ("ENDORSED", None, None)
    assert (only["id"], only["state"], only["kind"], only["ends_at"]) == (1, "ENDORSED", 0, None)
    assert "was never registered" in refused(on(world, VERIFIER, "node", "show", "0x" + "77" * 32))


def test_node_show_lists_attestations_with_their_states(world: World) -> None:
    number = attested(world)
    world.chain.fund(VERIFIER, ETHER)
    verifier = world.chain.account_view(VERIFIER)
    verifier.challenge_attestation(number, verifier.challenge_deposit())
    said = on(world, VERIFIER, "node", "show", hex0x(NEW.node)).out
    assert "CONTESTED" in said and "not before it is proven" in said and hex0x(CODE[Binding.KEY]) in said
    (only,) = on(world, VERIFIER, "node", "show", hex0x(NEW.node), "--json").json["attestations"]
    assert only["starts_at"] is None and only["challenge_deadline"] > world.now
    assert (only["challenger"], only["poster"]) == (hex0x(VERIFIER), hex0x(RIVAL))
    listed = on(world, VERIFIER, "node", "list", "--json").json["nodes"]
    assert [node["assurance"] for node in listed] == ["ENDORSED", "ENDORSED", "NONE"]


def test_an_attestation_is_revoked_by_owner_or_revoker(world: World) -> None:
    number, view = attested(world), world.chain.account_view(VERIFIER)
    world.wait(20)
    assert view.assurance(NEW.node, world.now) is Assurance.UNCHALLENGED
    revoke = ("node", "revoke-attestation", str(number), *WHY)
    assert "only the registry's owner and the revoker" in refused(on(world, VERIFIER, *revoke))
    appoint = ("node", "appoint-revoker", hex0x(VERIFIER))
    assert on(world, OWNER, *appoint, "--dry-run").out.startswith("Would make 0x")
    assert view.revoker() == bytes(20)
    assert on(world, OWNER, *appoint).status == 0 and view.revoker() == VERIFIER
    assert "Would revoke attestation" in on(world, VERIFIER, *revoke, "--dry-run").out
    assert view.state_of(number) is AttestationState.UNCHALLENGED
    answer = on(world, VERIFIER, *revoke, "--json").json
    assert (answer["attestation"], answer["reason"]) == (number, "it lies")
    assert view.state_of(number) is AttestationState.REVOKED
    again = refused(on(world, VERIFIER, *revoke))
    assert f"attestation {number} has ended" in again and "only an earlier end counts" in again
    missing = ("node", "revoke-attestation", "99", *WHY)
    assert "there is no attestation 99" in refused(on(world, OWNER, *missing))
    assert on(world, OWNER, "node", "appoint-revoker", "none").out.startswith("Made nobody revoker")


def test_a_certificate_is_revoked_by_its_file(world: World, tmp_path: Path) -> None:
    der = Authority().root
    file = tmp_path / "certificate.der"
    file.write_bytes(der)
    name = read_certificate(der, "it").id
    command = ("node", "revoke-certificate", str(file), *WHY)
    assert on(world, OWNER, *command, "--dry-run").status == 0
    view = world.chain.account_view(OWNER)
    assert view.certificate_end(name) == 0
    answer = on(world, OWNER, *command, "--from", str(world.now + 50), "--json").json
    assert answer["certificate"] == hex0x(name)
    assert view.certificate_end(name) == answer["effective_from"]
    file.write_bytes(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM))
    assert f"certificate {hex0x(name)} has ended" in refused(
        on(world, OWNER, *command, "--from", str(world.now + 60))
    )
    file.write_bytes(b"-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----")
    assert "FILE: it holds no certificate in PEM" in refused(on(world, OWNER, *command))
    file.write_bytes(b"nothing")
    assert "FILE must be an X.509 certificate in DER" in refused(on(world, OWNER, *command))


def test_a_node_is_handed_over_in_two_steps(world: World) -> None:
    attested(world)
    name = hex0x(NEW.node)
    view = world.chain.account_view(VERIFIER)
    assert "only the node's operator" in refused(on(world, VERIFIER, "node", "payout", name, hex0x(VERIFIER)))
    assert "has not proposed" in refused(on(world, VERIFIER, "node", "accept", name))
    assert on(world, RIVAL, "node", "propose", name, hex0x(VERIFIER)).out.startswith("Proposed 0x")
    assert on(world, VERIFIER, "node", "accept", name).out.startswith(f"Took over node {name}")
    assert on(world, VERIFIER, "node", "payout", name, hex0x(OWNER)).out.startswith("From now on node")
    state = view.node(NEW.node)
    assert state is not None and (state.operator, state.payout) == (VERIFIER, OWNER)


def test_what_the_registry_owes_is_shown_and_withdrawn(world: World) -> None:
    number, view = attested(world), world.chain.account_view(RIVAL)
    on(world, RIVAL, "node", "show", hex0x(NEW.node))
    view.retire_attestation(number)
    world.wait(view.registry_terms().retire_delay + view.registry_terms().max_reach_back + 2)
    view.release_bond(number)
    bond = view.registry_terms().bond
    shown = on(world, RIVAL, "credits", "show")
    assert "can withdraw 0 ether." in shown.out and "The registry owes it 0.1 ether" in shown.out
    answer = on(world, RIVAL, "credits", "show", "--json").json
    assert (answer["credit_wei"], answer["registry_credit_wei"]) == (0, bond)
    before = view.balance(RIVAL)
    withdraw = ("credits", "withdraw", "--from", "registry")
    assert "Would withdraw 0.1 ether" in on(world, RIVAL, *withdraw, "--dry-run").out
    assert on(world, RIVAL, *withdraw, "--json").json["contract"] == "registry"
    assert view.balance(RIVAL) == before + bond
    assert "nothing to withdraw" in refused(on(world, RIVAL, *withdraw))


def test_measurements_are_allowed_listed_and_ended(world: World) -> None:
    registers = [bytes([index]) * 48 for index in range(3)]
    code = keccak(b"".join(registers))
    pcrs = [part for index, value in enumerate(registers) for part in ("--pcr", f"{index}={value.hex()}")]
    said = ("--code-version", "1.4.0", "--build", "https://example.org/\x1b[31mrepo", "--binding", "nonce")
    allow = ("measurement", "allow", *pcrs, *said)
    assert "Would allow measurement" in on(world, OWNER, *allow, "--dry-run").out
    assert on(world, OWNER, *allow, "--json").json["measurement"] == hex0x(code)
    now = world.now
    assert "is in the list, or was" in refused(on(world, OWNER, *allow))
    assert "only the owner may do this" in refused(
        on(world, RIVAL, "measurement", "allow", "0x" + "77" * 32, *said)
    )
    listed = on(world, RIVAL, "measurement", "list", "--json").json["measurements"]
    assert listed[-1] == {
        "measurement": hex0x(code), "version": "1.4.0", "binding": "nonce", "allowed_at": now,
        "ends_at": None, "build": "https://example.org/ [31mrepo",
    }  # fmt: skip
    assert "\x1b" not in on(world, RIVAL, "measurement", "list").out
    assert on(world, OWNER, "measurement", "revoke", hex0x(code), *WHY).status == 0
    found = on(world, RIVAL, "measurement", "list", "--json").json["measurements"][-1]
    assert found["ends_at"] is not None and found["ends_at"] <= world.now
    unknown = ("measurement", "revoke", "0x" + "77" * 32, *WHY)
    assert "is not allowed, or was revoked" in refused(on(world, OWNER, *unknown))


@pytest.mark.parametrize(
    "name",
    [
        [],
        ["--pcr", "0=" + "00" * 48],
        ["--pcr", "0=" + "00" * 48, "--pcr", "1=" + "00" * 48, "--pcr", "8=" + "00" * 48],
        ["--pcr", "0=" + "00" * 48, "--pcr", "0=" + "11" * 48, "--pcr", "1=" + "00" * 48, "--pcr", "2=" + "00" * 48],
        ["0x" + "77" * 32, "--pcr", "0=" + "00" * 48],
    ],
)  # fmt: skip
def test_code_that_is_not_named_in_one_way_is_refused(world: World, name: list[str]) -> None:
    ran = on(world, OWNER, "measurement", "allow", *name, "--code-version", "1", "--build", "x")
    assert ran.status == 2 and "PCR0, PCR1 and PCR2" in ran.err


def test_every_refusal_of_the_registry_is_a_sentence() -> None:
    plain: dict[str, Any] = {
        "uint256": 7, "uint8": 7, "uint48": 7, "bytes32": b"\x01" * 32, "bytes16": b"\x01" * 16,
        "address": b"\x01" * 20, "string": "publicKey", "bytes": b"\x01",
    }  # fmt: skip
    internal = {"BadRegistryTerms", "OwnableInvalidOwner"}  # of the constructor alone
    for error in interface("IAttestationRegistry").errors:
        if error.name in internal:
            continue
        refusal = CallReverted(error.name, tuple(plain[kind] for kind in error.inputs))
        assert explained(refusal) != str(refusal), error.name
        assert explained(refusal).endswith(f" ({error.name})"), error.name
