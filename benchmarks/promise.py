"""What a promise costs: the hash of its terms, the digest, and the signature, in CPU time.

The peer, in the same run, is the bare recoverable signature of the library that makes it (libsecp256k1 through
coincurve): what is above a ratio of 1 is Afterproof's.
"""

from coincurve import PrivateKey

from afterproof.protocol.promise import Promise, SignedPromise
from afterproof.protocol.receipt import Domain, keccak
from afterproof.protocol.signing import Secp256k1Signer
from benchmarks.figure import Figures, cpu_seconds

_KEY = keccak(b"promise key")
_DOMAIN = Domain(31_337, bytes(19) + b"\x01")
_REPEATS = 9


def figures() -> Figures:
    """Of 5,000 promises, the median of nine rounds."""
    return _figures(5_000)


def small_figures() -> Figures:
    """Of ten."""
    return _figures(10)


def _figures(count: int) -> Figures:
    signer, bare = Secp256k1Signer(_KEY), PrivateKey(_KEY)
    roots = [keccak(b"root %d" % i) for i in range(count)]

    def promised() -> None:
        # Promises keep their hashes: each must be a new one.
        for seq, root in enumerate(roots):
            promise = Promise(1, seq, 100, root, 1_800_000_000, b"\x0b" * 20)
            SignedPromise(promise, signer.sign_hash(promise.digest(_DOMAIN)))

    def signed() -> None:
        for root in roots:
            bare.sign_recoverable(root, hasher=None)

    ours = cpu_seconds(promised, _REPEATS)
    yield "promise_sign_us", ours / count * 1e6, "us"
    yield "promise_sign_vs_bare", ours / cpu_seconds(signed, _REPEATS), "ratio"
