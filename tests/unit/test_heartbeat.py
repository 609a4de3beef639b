"""The pure half of heartbeats: message, signature, rounds, bitmaps.

the message
├── it should be keccak256 of the node and the time as a uint256
└── given a node or a time of another form → it should name the field
verifying
├── given a signature of each scheme → it should be true, and false for another time
└── given a key of no known form, or another node's → it should name the key
rounds and bitmaps
├── every second should be of one round, its span's, and reportable until the end of the next
└── a report's words should hold the places they were made of, and no others
"""

import pytest
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st

from afterproof.protocol import heartbeat as pulse
from afterproof.protocol.errors import InvalidField
from afterproof.protocol.receipt import keccak
from afterproof.protocol.signing import P256Signer, RsaPssSigner, Secp256k1Signer
from tests.support.scene import p256_signer, rsa_signer, secp_signer

AT = 1_700_000_123

AnySigner = RsaPssSigner | Secp256k1Signer | P256Signer


def beat(signer: AnySigner, at: int = AT) -> pulse.Heartbeat:
    signature = signer.sign_hash(pulse.heartbeat_digest(signer.node, at))
    return pulse.Heartbeat(signer.node, at, signer.public_key, signature)


def test_digest_is_keccak_of_node_and_time() -> None:
    node = keccak(b"node")
    assert pulse.heartbeat_digest(node, AT) == keccak(node + AT.to_bytes(32))
    assert pulse.heartbeat_digest(node, AT) == keccak(encode(["bytes32", "uint256"], [node, AT]))
    assert pulse.heartbeat_digest(node, 2**256 - 1) == keccak(node + b"\xff" * 32)


@pytest.mark.parametrize(
    ("node", "at", "field"),
    [
        (bytes(31), AT, "node"),
        (bytes(33), AT, "node"),
        (bytes(32), -1, "timestamp"),
        (bytes(32), 2**256, "timestamp"),
    ],
)
def test_digest_of_another_form_names_the_field(node: bytes, at: int, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        pulse.heartbeat_digest(node, at)
    assert caught.value.field == field


@pytest.mark.parametrize("signer", [rsa_signer(), secp_signer(), p256_signer()], ids=lambda s: s.scheme.value)
def test_verify_is_true_of_what_was_signed_alone(signer: AnySigner) -> None:
    good = beat(signer)
    assert pulse.verify_heartbeat(good)
    later = pulse.Heartbeat(good.node, AT + 1, good.public_key, good.signature)
    assert not pulse.verify_heartbeat(later)
    for signature in (b"", good.signature[:-1], good.signature + b"\0", bytes(257)):
        assert not pulse.verify_heartbeat(pulse.Heartbeat(good.node, AT, good.public_key, signature))


def test_verify_given_a_key_that_says_nothing_names_it() -> None:
    good = beat(secp_signer())
    for key in (b"", bytes(32), secp_signer(1).public_key):
        with pytest.raises(InvalidField, match="publicKey"):
            pulse.verify_heartbeat(pulse.Heartbeat(good.node, AT, key, good.signature))


@given(st.integers(0, 2**40), st.integers(1, 86_400), st.integers(1, 10**6))
def test_rounds_hold_every_second_once(at: int, length: int, window: int) -> None:
    number = pulse.round_of(at, length)
    first, last = pulse.round_span(number, length)
    assert first <= at <= last == first + length - 1
    assert pulse.reportable_rounds(at, length) == tuple(range(max(0, number - 1), number + 1))
    final = pulse.round_span(number + 1, length)[1]
    assert number in pulse.reportable_rounds(final, length)
    assert number not in pulse.reportable_rounds(final + 1, length)
    assert pulse.challengeable_until(number, length, window) == final + window


@given(st.lists(st.integers(0, 2_000), max_size=50))
def test_bitmaps_hold_the_places_they_were_made_of(indices: list[int]) -> None:
    words = pulse.bitmaps(indices)
    assert all(0 < bits < 2**256 for bits in words.values())
    back = [index for word, bits in sorted(words.items()) for index in pulse.indices_of(word, bits)]
    assert back == sorted(set(indices))


def test_bitmaps_of_a_negative_place_names_it() -> None:
    with pytest.raises(InvalidField, match="index"):
        pulse.bitmaps([3, -1])
