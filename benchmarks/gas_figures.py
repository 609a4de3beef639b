"""What is measured: one small function a figure, each on a stage as it was set up.

Whole transactions, every slot cold and every payee without credit, unless the name ends in ``_warm``; views: their
execution alone; libraries: the call alone. Batches have 1,024 leaves unless the name gives another number; promises are
of one receipt.
"""

from collections.abc import Callable
from typing import Final

from afterproof.attestation.p384_hints import hints
from afterproof.protocol.batching import Batch
from afterproof.protocol.evidence import duplicate_evidence
from afterproof.protocol.heartbeat import KEPT_ROUNDS, round_of
from afterproof.protocol.heartbeat_terms import PRODUCTION_HEARTBEAT_TERMS
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.packing import pack
from afterproof.protocol.receipt import keccak
from afterproof.protocol.signing import Signer
from afterproof.protocol.state import FaultKind
from benchmarks.fixed_p384 import FIXED_P384
from benchmarks.fixed_rsa import SECOND_KEY_FILE, fixed_rsa_signer
from benchmarks.gas_chain import GasError
from benchmarks.gas_nitro import nitro_prove_certificate, nitro_prove_document, nitro_total
from benchmarks.gas_registry import is_final_nitro, registry_post
from benchmarks.gas_stage import Stage
from tests.support.pair import encode_opening, encode_words
from tests.support.scene import secp_signer

EARLY: Final = 3
"""The place of a leaf in the first tile."""

MIDDLE: Final = 700
"""The place of a leaf in a tile in the middle, with a proof of full length."""

TILE: Final = 2
"""The tile of ``MIDDLE``."""


# --- heartbeats ----------------------------------------------------------------------------------


def heartbeat(stage: Stage) -> int:
    """A reporter's report of one word, 256 nodes, in steady state: the slots that it writes were written before."""
    terms = PRODUCTION_HEARTBEAT_TERMS
    stage.transact(stage.relayer, "Heartbeats", "join", value=terms.bond)

    def report(bitmap: int) -> int:
        number = round_of(stage.now, terms.round_length)
        return stage.transact(stage.relayer, "Heartbeats", "report", number, 0, [bitmap])

    report(2**256 - 2)
    stage.wait(KEPT_ROUNDS * terms.round_length)
    return report(2**256 - 1)


# --- posting and reading -------------------------------------------------------------------------


def post(stage: Stage, count: int) -> int:
    """In steady state: the lane has posted before, and its stake is so short that it must release the batch before."""
    lane = stage.open_lane(count)
    stage.post_roots(lane, count)
    stage.end_window()
    return stage.post_roots(lane, count)


def is_final(stage: Stage) -> int:
    """The view's execution for a leaf of an endorsed node."""
    batch = stage.post({MIDDLE: stage.leaf(stage.secp)})
    stage.end_window()
    words = encode_words(batch.leaves[MIDDLE].words)  # type: ignore[union-attr]
    gas, final = stage.view("Settlement", "isFinal", batch.id, MIDDLE, words, batch.tree.proof(MIDDLE))
    if not final:
        raise GasError("the leaf is not final")
    return gas


# --- faults --------------------------------------------------------------------------------------


def bad_signature(stage: Stage, signer: Signer, warm: bool = False) -> int:
    """A forgery in the middle of a batch; warm: the prover was credited before, for another tile of the batch."""
    batch = stage.post({place: stage.forged(signer, place) for place in (EARLY, MIDDLE)})
    if warm:
        stage.prove(FaultKind.BAD_SIGNATURE, stage.claim(batch, EARLY))
    return stage.prove(FaultKind.BAD_SIGNATURE, stage.claim(batch, MIDDLE))


def verify_p256(stage: Stage) -> int:
    """The scheme's view of a good signature: the precompile's word is enough. Of a bad one Solidity has the last."""
    leaf = stage.leaf(stage.p256)
    words = encode_words(leaf.receipt.words)
    gas, valid = stage.view("P256Scheme", "verify", words, leaf.signature, stage.p256.public_key)
    if not valid:
        raise GasError("the signature is not valid")
    return gas


def duplicate(stage: Stage) -> int:
    """The same leaf in two batches."""
    leaf = stage.leaf(stage.secp)
    earlier, later = stage.post({EARLY: leaf}), stage.post({MIDDLE: leaf})
    proof = tuple(earlier.tree.proof(EARLY))
    evidence = duplicate_evidence(earlier.id, EARLY, keccak(leaf.signature), proof)
    return stage.prove(FaultKind.DUPLICATE_RECEIPT, stage.claim(later, MIDDLE, evidence))


def misdeclared(stage: Stage) -> int:
    """A leaf older than the batch declares."""
    old = stage.leaf(stage.secp, age=100)
    batch = stage.post({MIDDLE: old}, declared=(stage.now, stage.now))
    return stage.prove(FaultKind.MISDECLARED_RANGE, stage.claim(batch, MIDDLE, b""))


# --- promises ------------------------------------------------------------------------------------


def missed(stage: Stage, posted: bool) -> int:
    """Not posted in time; or posted too late."""
    leaf = stage.leaf(stage.secp)
    first = stage.next_seq(stage.lane)
    opening = stage.promised(first + MIDDLE, leaf.hash, stage.now + 600)
    stage.wait(600)
    if posted:
        stage.post({MIDDLE: leaf})
    return stage.settle(stage.prover, "claimMissed", encode_opening(opening), first)


def omitted(stage: Stage) -> int:
    """Another leaf stands there."""
    opening = stage.promised(
        stage.next_seq(stage.lane) + MIDDLE, stage.leaf(stage.secp, 1).hash, stage.now + 600
    )
    batch = stage.post({MIDDLE: stage.leaf(stage.secp, 2)})
    other = batch.leaves[MIDDLE].hash  # type: ignore[union-attr]
    where = (batch.first_seq, other, batch.tree.proof(MIDDLE))
    return stage.settle(stage.prover, "claimOmitted", encode_opening(opening), *where)


def double(stage: Stage) -> int:
    """Two leaves for a number that is not posted yet."""
    seq, due = stage.next_seq(stage.lane), stage.now + 600
    openings = [stage.promised(seq, stage.leaf(stage.secp, number).hash, due) for number in (1, 2)]
    return stage.settle(stage.prover, "claimDouble", *map(encode_opening, openings), 0)


# --- demands -------------------------------------------------------------------------------------


def path_of_tile(batch: Batch) -> list[bytes]:
    """The proof of the measured tile's root among the tile roots."""
    return BatchTree(batch.tree.tile_roots).proof(TILE)


def demand(stage: Stage, batch: Batch) -> int:
    """For a tile in the middle."""
    _, deposit = stage.view("Settlement", "depositFor", batch.id, TILE)
    which = (batch.id, TILE, batch.tree.tile_roots[TILE], path_of_tile(batch))
    return stage.settle(stage.prover, "demandTile", *which, value=deposit)


def answer(stage: Stage, signer: Signer) -> int:
    """Both halves of a tile, in the first half of the period."""
    batch = stage.post({}, by=signer)
    demand(stage, batch)
    gas = 0
    for half in (0, 1):
        first = 256 * TILE + 128 * half
        data, other = pack(batch.leaves[first : first + 128]), batch.tree.levels[7][2 * TILE + 1 - half]
        which = (batch.id, TILE, half, data, other, path_of_tile(batch))
        gas += stage.settle(stage.relayer, "answerTile", *which)
    return gas


def expire(stage: Stage) -> int:
    """Nobody answered."""
    batch = stage.post({})
    demand(stage, batch)
    stage.wait(stage.terms.answer_period)
    return stage.settle(stage.prover, "expireDemand", batch.id, TILE)


# --- the rest ------------------------------------------------------------------------------------


def withdraw(stage: Stage) -> int:
    """A prover takes all its credit."""
    batch = stage.post({MIDDLE: stage.forged(stage.secp)})
    stage.prove(FaultKind.BAD_SIGNATURE, stage.claim(batch, MIDDLE))
    return stage.settle(stage.prover, "withdraw", stage.prover)


def open_lane(stage: Stage) -> int:
    """Not the first lane."""
    keys = (stage.poster, stage.promiser.address)
    return stage.settle(stage.relayer, "openLane", *keys, 0, value=stage.terms.min_stake)


def endorse(stage: Stage) -> int:
    """A secp256k1 key, not the first node."""
    key = secp_signer(1).public_key
    return stage.transact(stage.owner, "AttestationRegistry", "endorse", key, stage.relayer)


def sha384(stage: Stage) -> int:
    """The digest of a slice of calldata as long as what signs the newer of the real Nitro documents."""
    return stage.harnessed("Sha384Harness", bytes(4_469))


# --- cryptography ---------------------------------------------------------------------------------


def p384(stage: Stage, transaction: bool = False) -> int:
    """ECDSA on P-384: the verifier's execution, with the decoding of its arguments; or a transaction that does nothing
    else, and pays for 15 kB of hints.
    """
    arguments = (*FIXED_P384, hints(*FIXED_P384))
    gas, valid = stage.view("P384", "verify", *arguments)
    if not valid:
        raise GasError("the signature is not valid")
    return stage.transact(stage.prover, "P384", "verify", *arguments) if transaction else gas


FIGURES: Final[dict[str, Callable[[Stage], int]]] = {
    "answer_tile_256_rsa2048": lambda stage: answer(stage, stage.rsa),
    "answer_tile_256_secp256k1": lambda stage: answer(stage, stage.secp),
    "demand_tile": lambda stage: demand(stage, stage.post({})),
    "endorse": endorse,
    "expire_demand": expire,
    "fault_bad_signature_p256": lambda stage: bad_signature(stage, stage.p256),
    "fault_bad_signature_rsa2048": lambda stage: bad_signature(stage, stage.rsa),
    "fault_bad_signature_secp256k1": lambda stage: bad_signature(stage, stage.secp),
    "fault_bad_signature_secp256k1_warm": lambda stage: bad_signature(stage, stage.secp, warm=True),
    "fault_duplicate": duplicate,
    "fault_misdeclared_range": misdeclared,
    "heartbeat": heartbeat,
    "is_final_1024": is_final,
    "is_final_1024_nitro": lambda stage: is_final_nitro(stage, MIDDLE),
    "nitro_cold_total": lambda stage: nitro_total(stage, warm=False),
    "nitro_prove_certificate": nitro_prove_certificate,
    "nitro_prove_document": nitro_prove_document,
    "nitro_warm_total": lambda stage: nitro_total(stage, warm=True),
    "open_lane": open_lane,
    "p384_verify": p384,
    "p384_verify_transaction": lambda stage: p384(stage, transaction=True),
    "post_1024": lambda stage: post(stage, 1_024),
    "post_102400": lambda stage: post(stage, 102_400),
    "post_256": lambda stage: post(stage, 256),
    "promise_double": double,
    "promise_missed": lambda stage: missed(stage, posted=False),
    "promise_missed_posted_late": lambda stage: missed(stage, posted=True),
    "promise_omitted": omitted,
    "registry_post": lambda stage: registry_post(stage, fixed_rsa_signer(SECOND_KEY_FILE)),
    "verify_p256": verify_p256,
    "sha384_4469_bytes": sha384,
    "withdraw": withdraw,
}
