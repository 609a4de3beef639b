"""P-384 for the tests: keys, signatures, and the verifier on a node."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from afterproof.attestation.p384 import N, P
from afterproof.attestation.p384_hints import hints
from tests.support.calls import Node, View

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "../shared/data/wycheproof/ecdsa_secp384r1_sha384_p1363_test.json"


def deploy_p384(node: Node) -> View:
    """The verifier with its tables."""
    tables = [bytes.fromhex(node.deploy(name).address[2:]) for name in ("P384TableLow", "P384TableHigh")]
    return node.deploy("P384", *tables)


@dataclass(frozen=True)
class Signed:
    """What the verifier takes: 48 bytes of digest, r . s, x . y."""

    digest: bytes
    signature: bytes
    public_key: bytes

    @property
    def hints(self) -> bytes:
        return hints(self.digest, self.signature, self.public_key)

    @property
    def arguments(self) -> tuple[bytes, bytes, bytes]:
        return self.digest, self.signature, self.public_key


def signed(secret: int, message: bytes) -> Signed:
    """A signature by `cryptography`, of another nonce each time."""
    key = ec.derive_private_key(secret, ec.SECP384R1())
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA384())))
    public = key.public_key().public_numbers()
    return Signed(hashlib.sha384(message).digest(), pair(r, s), pair(public.x, public.y))


def pair(a: int, b: int) -> bytes:
    """Two numbers of 48 bytes."""
    return a.to_bytes(48) + b.to_bytes(48)


def words(number: int) -> tuple[int, int]:
    """A number as the contracts hold it, high and low."""
    return number >> 256, number % (1 << 256)


def number(high_and_low: tuple[int, int]) -> int:
    return high_and_low[0] << 256 | high_and_low[1]


def form(number: int) -> int:
    """Montgomery's."""
    return (number << 256) % P


def related(valid: Signed) -> dict[str, Signed]:
    """Signatures that do not verify, each as near to a valid one as can be."""
    r, s = int.from_bytes(valid.signature[:48]), int.from_bytes(valid.signature[48:])
    x, y = int.from_bytes(valid.public_key[:48]), int.from_bytes(valid.public_key[48:])
    e = int.from_bytes(valid.digest)
    return {
        "r + 1": Signed(valid.digest, pair((r + 1) % N, s), valid.public_key),
        "r negated": Signed(valid.digest, pair(N - r, s), valid.public_key),
        "s + 1": Signed(valid.digest, pair(r, (s + 1) % N), valid.public_key),
        "r and s swapped": Signed(valid.digest, pair(s, r), valid.public_key),
        "digest + 1": Signed(((e + 1) % 2**384).to_bytes(48), valid.signature, valid.public_key),
        "digest zero": Signed(bytes(48), valid.signature, valid.public_key),
        "key negated": Signed(valid.digest, valid.signature, pair(x, P - y)),
    }
