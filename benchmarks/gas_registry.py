"""What is measured of the registry: see :mod:`.gas_figures`."""

from dataclasses import astuple
from typing import Any, Final

from afterproof.protocol.attestations import Binding, Claims, Facts
from afterproof.protocol.receipt import keccak
from afterproof.protocol.registry_views import registration_digest
from afterproof.protocol.signing import Signer
from benchmarks.gas_chain import GasError
from benchmarks.gas_stage import Stage
from tests.support.evidence import document_of
from tests.support.pair import encode_words
from tests.support.scene import secp_signer

KIND: Final = 2
"""Of evidence that says what it is told to, beside the real one."""

REGISTRY: Final = "AttestationRegistry"
CODE: Final = keccak(b"code")
CERTIFICATES: Final = (
    keccak(b"certificate 1")[:16],
    keccak(b"certificate 2")[:16],
    keccak(b"certificate 3")[:16],
    keccak(b"certificate 4")[:16],
)
"""As many as a Nitro document hangs on."""

URI: Final = "https://operator.example/attestations/0123456789abcdef"


def attest(stage: Stage, signer: Signer) -> tuple[int, tuple[Any, bytes]]:
    """Posts a node's first attestation, of evidence and code that the registry knows: the gas of it; and the claims, as
    the ABI's tuple, with a document that proves them."""
    stage.deploy_harness("EvidenceHarness")
    stage.transact(stage.owner, REGISTRY, "addEvidence", KIND, stage.address["EvidenceHarness"])
    stage.transact(stage.owner, REGISTRY, "allowMeasurement", CODE, Binding.KEY, "1.0.0", "git:v1.0.0")
    facts = Facts(CODE, stage.now, CERTIFICATES, bytes(32), bytes(32))
    document = document_of(facts, signer.public_key)
    until, hashed = stage.now + 30 * 86_400, keccak(document)
    who = (stage.relayer, stage.beneficiary)
    claims = Claims(KIND, CODE, stage.now, until, hashed, CERTIFICATES, bytes(32), *who)
    signature = signer.sign_hash(registration_digest(stage.domain, *who, 0))
    arguments = (astuple(claims), signer.public_key, signature, URI)
    gas = stage.transact(stage.relayer, REGISTRY, "post", *arguments, value=stage.registry_terms.bond)
    return gas, (astuple(claims), document)


def registry_post(stage: Stage, signer: Signer) -> int:
    """The first attestation of a node, unproven: its key's word, the bond, where the document is."""
    return attest(stage, signer)[0]


def is_final_nitro(stage: Stage, place: int) -> int:
    """The view's execution for a leaf of a node proven by a document that hangs on four certificates."""
    signer = secp_signer(1)
    _, (claims, document) = attest(stage, signer)
    number = stage.view(REGISTRY, "attestationCount")[1]
    stage.transact(stage.prover, REGISTRY, "prove", number, claims, signer.public_key, document, b"")
    batch = stage.post({place: stage.leaf(signer)})
    stage.end_window()
    words = encode_words(batch.leaves[place].words)  # type: ignore[union-attr]
    gas, final = stage.view("Settlement", "isFinal", batch.id, place, words, batch.tree.proof(place))
    if not final:
        raise GasError("the leaf is not final")
    return gas
