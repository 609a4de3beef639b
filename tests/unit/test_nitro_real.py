"""The two documents of real AWS Nitro enclaves, on a chain of their own time, under AWS's real root.

a real document
├── when it is proven in one transaction → its facts are Python's, for less than an osaka transaction may cost
├── when it is proven again with its authorities remembered → the same, for half of it
├── when s is replaced by n - s → it should hold: nobody can tell which one the enclave wrote
├── when it is altered anywhere → it should revert by name, where Python refuses it too
└── when another root is pinned, or another key asked for → it should revert
"""

from collections.abc import Iterator

import pytest

from afterproof.attestation.checks import AWS_ROOT
from afterproof.attestation.document import Document, parse
from afterproof.attestation.proof import paths, prove
from tests.support.anvil import anvil
from tests.support.calls import Node, View
from tests.support.nitro_authority import Authority, N
from tests.support.nitro_evidence import best_hints, deploy_evidence, facts_of, judge, pinned, send
from tests.support.nitro_forms import DATA

both = pytest.mark.parametrize("file", ["real-2024.cose", "real-2026-02.cose"])
#: Bytes of a file that are altered, evenly spread, and the first and last few.
PLACES = 60


def real(file: str) -> Document:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"missing: ../shared/data/nitro/{file}, a document of a real enclave")
    return parse(path.read_bytes())


def key_of(document: Document) -> bytes:
    """What public_key says is asked for: whose hash user_data holds is not in the files."""
    assert document.public_key
    return document.public_key


@pytest.fixture
def evidence(file: str) -> Iterator[View]:
    document = real(file)
    with anvil(hardfork="osaka", timestamp=document.seconds, gas_cap=True) as running:
        node = Node(running.port)
        try:
            yield deploy_evidence(node, AWS_ROOT)
        finally:
            node.close()


@both
def test_verify_real_inOneTransactionThenCheaper(file: str, evidence: View) -> None:
    document = real(file)
    block = evidence.node.rpc("eth_getBlockByNumber", "latest", False)
    assert 0 <= int(block["timestamp"], 16) - document.seconds < 60
    key, proof = key_of(document), prove(document)
    assert not proof.certificates
    assert tuple(evidence.call("verify", document.raw, proof.hints, key)) == facts_of(document, key)
    cold = send(evidence, "verify", document.raw, proof.hints, key)
    assert cold["status"] == "0x1" and int(cold["gasUsed"], 16) < 7_500_000
    proof = prove(document, [path for path in paths(document) if evidence.call("certificate", path).proven])
    warm = send(evidence, "verify", document.raw, proof.hints, key)
    assert warm["status"] == "0x1" and int(warm["gasUsed"], 16) < 3_500_000
    assert tuple(evidence.call("verify", document.raw, proof.hints, key)) == facts_of(document, key)


@both
def test_verify_realWithTheOtherS_holds(file: str, evidence: View) -> None:
    document = real(file)
    other = document.raw[:-48] + (N - int.from_bytes(document.signature[48:])).to_bytes(48)
    assert judge(evidence, other, AWS_ROOT, key_of(document))[0] == ""


@both
def test_verify_realAltered_reverts(file: str, evidence: View) -> None:
    document = real(file)
    key, raw = key_of(document), document.raw
    spread = range(0, len(raw), len(raw) // PLACES)
    names = set()
    for number, at in enumerate([*range(4), *spread, *range(len(raw) - 4, len(raw))]):
        altered = bytearray(raw)
        altered[at] ^= 1 << number % 8
        name, _ = judge(evidence, bytes(altered), AWS_ROOT, key)
        assert name, f"byte {at}"
        names.add(name)
    assert len(names) > 3
    for cut in (raw[:-1], raw[1:], raw + b"\0", b""):
        assert judge(evidence, cut, AWS_ROOT, key)[0]


@both
def test_verify_realUnderAnotherRootOrForAnotherKey_reverts(file: str, evidence: View) -> None:
    document, other = real(file), Authority(b"not AWS").root_hash
    key = key_of(document)
    assert judge(evidence, document.raw, AWS_ROOT, key + b"\0")[0] == "KeyNotNamed"
    assert judge(evidence, document.raw, AWS_ROOT, key)[0] == ""
    with pinned(evidence, other):
        assert judge(evidence, document.raw, other, key)[0] == "WrongRoot"
    assert best_hints(document) == prove(document).hints
