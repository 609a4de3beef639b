"""Evidence that says what it is told to: ``contracts/test/EvidenceHarness.sol``, and the same as a function."""

from afterproof.protocol.attestations import Facts
from afterproof.protocol.outcome import Revert
from afterproof.protocol.receipt import keccak

_WORDS = 9


def document_of(facts: Facts, public_key: bytes) -> bytes:
    """A document that says ``facts`` of the node with that key: ``abi.encode(facts, node)``."""
    words = [facts.measurement, facts.document_time.to_bytes(32)]
    words += [certificate.ljust(32, b"\0") for certificate in facts.certificates]
    return b"".join([*words, facts.nonce, facts.user_word, keccak(public_key)])


def verify_document(document: bytes, hints: bytes, public_key: bytes) -> Facts:
    """What the document says; :class:`Revert` where it, its hints or its key are wrong."""
    if len(document) != 32 * _WORDS:
        raise Revert("NotADocument", len(document))
    if hints:
        raise Revert("WrongHints")
    words = [document[i : i + 32] for i in range(0, len(document), 32)]
    if keccak(public_key) != words[8]:
        raise Revert("OtherKey", words[8])
    first, second, third, fourth = (word[:16] for word in words[2:6])
    certificates = (first, second, third, fourth)
    return Facts(words[0], int.from_bytes(words[1]), certificates, words[6], words[7])
