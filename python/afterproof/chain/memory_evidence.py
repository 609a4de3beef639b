"""Where evidence is judged on the in-memory chain: a Python function at each address."""

from collections.abc import Sequence

from afterproof.attestation.binding import USER_DATA_HASHES, key_hashes
from afterproof.attestation.checks import Policy
from afterproof.attestation.claims import certificates_of
from afterproof.attestation.document import Document, parse
from afterproof.attestation.proof import NO_PARENT, path_of, paths
from afterproof.attestation.verify import verify
from afterproof.protocol.attestations import Facts
from afterproof.protocol.errors import ProtocolError
from afterproof.protocol.outcome import Revert
from afterproof.protocol.receipt import keccak
from afterproof.protocol.registry_state import Verifier


class Verifiers:
    """The contracts that judge evidence, by address. No reorganisation takes them away."""

    def __init__(self) -> None:
        self._placed: dict[bytes, Verifier] = {}

    def place(self, verifier: Verifier) -> bytes:
        """The address of a contract that judges as ``verifier`` does, for ``addEvidence``."""
        address = keccak(b"evidence %d" % len(self._placed))[12:]
        self._placed[address] = verifier
        return address

    def at(self, address: bytes) -> Verifier | None:
        """The judge at an address; None where no code is."""
        return self._placed.get(address)

    def address_of(self, verifier: Verifier) -> bytes:
        """Where a judge is."""
        return next(address for address, placed in self._placed.items() if placed is verifier)


class NitroVerifier:
    """Judges Nitro documents by :mod:`afterproof.attestation` under the root whose SHA-256 is ``root``.

    Needs no hints, so it reads none; certificates are remembered once they or a document of theirs were proven. As a
    contract does, but for its errors: whatever is wrong is ``DocumentNotProven``.
    """

    def __init__(self, root: bytes) -> None:
        self.root = root
        self._proven: set[bytes] = set()

    def __call__(self, document: bytes, hints: bytes, public_key: bytes) -> Facts:
        """Implements ``IEvidence.verify``."""
        try:
            found = parse(document)
            holds = verify(found, Policy(self.root, public_key=public_key)).holds
            certificates = certificates_of(found)
        except ProtocolError:
            raise Revert("DocumentNotProven") from None
        if not holds or found.measurement is None or certificates is None:
            raise Revert("DocumentNotProven")
        self._proven |= set(paths(found))
        nonce, word = _words(found)
        return Facts(found.measurement, found.seconds, certificates, nonce, word)

    def known(self, wanted: Sequence[bytes]) -> frozenset[bytes]:
        """Which certificates are remembered, by their paths."""
        return frozenset(wanted) & self._proven

    def prove_certificate(self, der: bytes, parent: bytes) -> None:
        """Implements ``INitroEvidence.proveCertificate``; the document will say whether it was right."""
        if parent != NO_PARENT and parent not in self._proven:
            raise Revert("UnknownParent", parent)
        self._proven.add(path_of(der, parent))


def _words(document: Document) -> tuple[bytes, bytes]:
    """The nonce, and the word behind the hashes in ``user_data``; zeros where there are none."""
    nonce, data = document.nonce or b"", document.user_data or b""
    taken = USER_DATA_HASHES if key_hashes(document) is not None else 0
    word = data[-32:] if len(data) >= taken + 32 else bytes(32)
    return (nonce if len(nonce) == 32 else bytes(32)), word
