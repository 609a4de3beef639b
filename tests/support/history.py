"""A store, and a short history of the chain for it to follow."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from afterproof.chain.base import (
    AttestationChallenged,
    AttestationPosted,
    AttestationProven,
    AttestationRetired,
    Block,
    BondReleased,
    CertificateEnded,
    DemandExpired,
    Deployment,
    EpochAnnounced,
    FaultProven,
    FuseBlown,
    Logged,
    MeasurementAllowed,
    MeasurementRevoked,
    NodeEndorsed,
    NodeRevoked,
    OperatorChanged,
    Place,
    Posted,
)
from afterproof.protocol.attestations import Binding, Claims
from afterproof.protocol.header import Header, batch_id
from afterproof.protocol.receipt import Leaf, Receipt, keccak
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.terms import DEMO, ETHER, PRODUCTION
from afterproof.store import Store
from tests.support.databases import place

DEPLOYMENT = Deployment(31_337, b"\x51" * 20, b"\x52" * 20, 1)
NODE = b"\x0d" * 32
BATCH = batch_id(1, 0)
CERTIFICATES = (b"\x01" * 16, b"\x02" * 16, bytes(16), bytes(16))
CLAIMS = Claims(
    1, keccak(b"code"), 1002, 1500, keccak(b"document"), CERTIFICATES, bytes(32), b"\x0a" * 20, b"\x0d" * 20
)


def opened(folder: Path, **changes: Any) -> Store:
    """The store in ``folder``, which knows the registry's terms."""
    role = changes.pop("role", "verifier")
    exclusive = changes.pop("exclusive", False)
    where = place(folder / "store.sqlite3")
    store = Store.open(where, replace(DEPLOYMENT, **changes), role, exclusive)
    store.registry.put_terms(DEMO_REGISTRY.beside(DEMO))
    return store


def block(number: int, fork: int = 0) -> Block:
    """A block, one a second."""
    return Block(number, keccak(b"%d/%d" % (number, fork)), 1000 + number)


def logged(event: Any, number: int, index: int = 0) -> Logged:
    """An event at a block."""
    here = block(number)
    return Logged(Place(number, here.hash, here.timestamp, keccak(b"tx%d" % number), index), event)


def posted(first_seq: int = 0, count: int = 3, anchor: int = 1005, end: int = 1017) -> Posted:
    """A batch of lane 1."""
    header = Header(count, anchor, end, anchor, 0, 1)
    return Posted(1, batch_id(1, first_seq), keccak(b"root"), header, (keccak(b"root"),), "http://data")


def leaf(number: int, issued_at: int = 900) -> Leaf:
    """A leaf with a made-up signature."""
    return Leaf(Receipt(NODE, bytes(32), keccak(b"%d" % number), bytes(32), bytes(32), issued_at), b"s" * 65)


HISTORY = [
    logged(EpochAnnounced(1, 1001, DEMO, frozenset({1})), 1),
    logged(OperatorChanged(NODE, b"\x0a" * 20, bytes(20)), 2),
    logged(NodeEndorsed(1, NODE, b"\x0a" * 20, 1003, b"key"), 2, 1),
    logged(MeasurementAllowed(CLAIMS.measurement, Binding.NONCE, "v1", "git:1"), 2, 2),
    logged(AttestationPosted(2, NODE, b"\x0a" * 20, CLAIMS, 1020, b"key", "http://document"), 3),
    logged(AttestationChallenged(2, b"\x0b" * 20, 0, 1012, ETHER), 4),
    logged(AttestationProven(2, b"\x0c" * 20, 1007), 6),
    logged(CertificateEnded(CLAIMS.certificates[1], 1009, "compromised"), 8, 2),
    logged(MeasurementRevoked(CLAIMS.measurement, 1008, "a hole"), 9, 2),
    logged(AttestationRetired(2, 1030), 7, 2),
    logged(BondReleased(2, b"\x0a" * 20, ETHER), 9, 3),
    logged(posted(), 5),
    logged(FaultProven(BATCH, 2, 1, b"\x02" * 20, 10 * ETHER), 7),
    logged(FaultProven(BATCH, 2, 3, b"\x03" * 20, 5 * ETHER), 7, 1),
    logged(NodeRevoked(NODE, 1004, "stolen"), 8),
    logged(DemandExpired(BATCH, 0, b"\x03" * 20, 3 * ETHER), 8, 1),
    logged(EpochAnnounced(2, 2000, PRODUCTION, frozenset()), 9),
    logged(FuseBlown(BATCH), 9, 1),
]


def upto(last: int) -> list[Logged]:
    """The history up to a block."""
    return [one for one in HISTORY if one.place.block <= last]


def followed(store: Store, last: int) -> None:
    """Follow the history block by block from the cursor."""
    cursor = store.chain.cursor()
    for number in range(cursor.number + 1 if cursor else 1, last + 1):
        store.chain.apply([one for one in HISTORY if one.place.block == number], block(number))
