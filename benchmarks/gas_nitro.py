"""What is measured of Nitro evidence: see :mod:`.gas_figures`. Documents are a test authority's, of real ones' size."""

from dataclasses import astuple
from typing import Final

from afterproof.attestation.document import Document, parse
from afterproof.attestation.proof import certificate_proofs, prove
from afterproof.attestation.verify import read_chain
from afterproof.chain.plan import NITRO
from afterproof.protocol.attestations import Binding, Claims
from afterproof.protocol.registry_views import registration_digest
from benchmarks.gas_stage import Stage
from tests.support.nitro_authority import INSTANCE, ZONAL, Authority, gateway_data
from tests.support.scene import secp_signer

EVIDENCE: Final = "NitroEvidence"
REGISTRY: Final = "AttestationRegistry"
AUTHORITY: Final = Authority(b"gas")
NODE: Final = secp_signer(1)
URI: Final = "https://operator.example/attestations/0123456789abcdef"


def nitro_prove_certificate(stage: Stage) -> int:
    """That of an instance, the one that changes most often, below a zone's that was proven."""
    document = _document(stage)
    _remember(stage, document, ZONAL)
    call = certificate_proofs(document)[INSTANCE]
    return stage.transact(stage.prover, EVIDENCE, "proveCertificate", call.der, call.parent, call.hints)


def nitro_prove_document(stage: Stage) -> int:
    """With its last certificate, those of the authorities being proven: a transaction to the verifier itself."""
    document = _document(stage)
    proof = prove(document, _remember(stage, document, INSTANCE))
    return stage.transact(stage.prover, EVIDENCE, "verify", document.raw, proof.hints, NODE.public_key)


def nitro_total(stage: Stage, warm: bool) -> int:
    """All that it takes to prove a posted attestation to the registry: one transaction. With five signatures, nothing
    known but the hash of the root; warm: the authorities' certificates were proven before.
    """
    document = _document(stage)
    claims = _claims(stage, document)
    stage.transact(
        stage.owner, REGISTRY, "allowMeasurement", claims.measurement, Binding.KEY, "1.0.0", "git:v1.0.0"
    )
    signature = NODE.sign_hash(registration_digest(stage.domain, claims.operator, claims.payout, 0))
    arguments = (astuple(claims), NODE.public_key, signature, URI)
    stage.transact(stage.relayer, REGISTRY, "post", *arguments, value=stage.registry_terms.bond)
    proof = prove(document, _remember(stage, document, INSTANCE) if warm else ())
    assert not proof.certificates
    number = stage.view(REGISTRY, "attestationCount")[1]
    proven = (number, astuple(claims), NODE.public_key, document.raw, proof.hints)
    return stage.transact(stage.prover, REGISTRY, "prove", *proven)


def _document(stage: Stage) -> Document:
    """A document of just now, under the root that is pinned from now on."""
    stage.transact(stage.owner, EVIDENCE, "setRoot", AUTHORITY.root_hash)
    return parse(AUTHORITY.issue(stage.now, user_data=gateway_data(b"tls", NODE.public_key), s="high").raw)


def _remember(stage: Stage, document: Document, last: int) -> tuple[bytes, ...]:
    """Proves the certificates from the root to the place ``last``, each in a transaction of its own; their paths."""
    calls = certificate_proofs(document)[: last + 1]
    for each in calls:
        stage.transact(stage.prover, EVIDENCE, "proveCertificate", each.der, each.parent, each.hints)
    return tuple(each.path for each in calls)


def _claims(stage: Stage, document: Document) -> Claims:
    first, second, third, fourth = (each.id for each in read_chain(document)[1:])  # type: ignore[union-attr]
    assert document.measurement is not None
    until = document.seconds + 30 * 86_400
    ids = (first, second, third, fourth)
    who = (stage.relayer, stage.beneficiary)
    return Claims(NITRO, document.measurement, document.seconds, until, document.hash, ids, bytes(32), *who)
