"""RSASSA-PSS-VERIFY in Solidity (contracts/crypto/RsaPss.sol).

when the modulus is not of exactly 2048 bits
    it should revert with NotRsa2048
when the signature is one of Wycheproof's
    it should answer as Wycheproof does
when the signature is valid
    it should answer true
    given the number s + n fits in 256 bytes too
        it should answer false for it
when the signature is not a number below n in 256 bytes
    it should answer false
when the encoded message is wrong in one field
    it should answer false
when the message or the key is another
    it should answer false
given Python's `cryptography` and a plain version of the RFC
    it should agree with both, whatever the signature
given too little gas
    it should revert, and never answer falsely, under every gas limit
given a chain whose precompile is missing, fails, or returns too little
    it should revert with the precompile's error
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from eth.vm.forks.prague.computation import PragueComputation
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from tests.support.calls import Node, View, chain, sweep_gas
from tests.support.evm import Evm, reverts

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "../shared/data/wycheproof/rsa_pss_2048_sha256_mgf1_32_test.json"

SIZE = 256
TOP = 1 << 2047
SHA256, MODEXP = bytes(19) + b"\x02", bytes(19) + b"\x05"


@dataclass(frozen=True)
class Key:
    """An RSA-2048 key with e = 65537."""

    private: rsa.RSAPrivateKey

    @cached_property
    def n(self) -> int:
        return self.private.public_key().public_numbers().n

    @cached_property
    def modulus(self) -> bytes:
        return self.n.to_bytes(SIZE)

    @cached_property
    def d(self) -> int:
        return self.private.private_numbers().d

    def sign(self, message: bytes, salt: int = 32, hashed: hashes.HashAlgorithm | None = None) -> bytes:
        hashed = hashed or hashes.SHA256()
        return self.private.sign(message, padding.PSS(padding.MGF1(hashed), salt), hashed)

    def power(self, number: int) -> bytes:
        """The signature whose encoded message is exactly `number`."""
        return pow(number, self.d, self.n).to_bytes(SIZE)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """What `cryptography` says."""
        return verifies(self.n, message, signature)


def verifies(n: int, message: bytes, signature: bytes) -> bool:
    # OpenSSL takes a signature without its leading zero bytes; RFC 8017 8.1.2 step 1 does not.
    if len(signature) != SIZE:
        return False
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    try:
        rsa.RSAPublicNumbers(65537, n).public_key().verify(signature, message, scheme, hashes.SHA256())
    except InvalidSignature:
        return False
    return True


@dataclass
class Encoded:
    """The fields of an encoded message (RFC 8017 9.1.1), any of which a test may falsify before it is masked."""

    message: bytes
    salt: bytes = b"\x5a" * 32
    zeros: bytes = bytes(190)
    one: int = 1
    top: int = 0
    prefix: bytes = bytes(8)
    trailer: int = 0xBC
    mask_from: bytes | None = None
    masked_hash: bytes | None = None

    @property
    def number(self) -> int:
        h = hashlib.sha256(self.prefix + hashlib.sha256(self.message).digest() + self.salt).digest()
        db = self.zeros + bytes([self.one]) + self.salt
        seed = self.mask_from or h
        mask = b"".join(hashlib.sha256(seed + i.to_bytes(4)).digest() for i in range(7))[: len(db)]
        masked = bytearray(a ^ b for a, b in zip(db, mask, strict=True))
        masked[0] = masked[0] & 0x7F | self.top << 7
        return int.from_bytes(bytes(masked) + (self.masked_hash or h) + bytes([self.trailer]))


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with chain() as running:
        yield running


@pytest.fixture(scope="module")
def harness(node: Node) -> View:
    return node.deploy("RsaPssHarness")


@pytest.fixture(scope="module")
def keys() -> list[Key]:
    return [Key(rsa.generate_private_key(65537, 2048)) for _ in range(3)]


@pytest.fixture(scope="module")
def key(keys: list[Key]) -> Key:
    return keys[0]


def agreed(harness: View, key: Key, message: bytes, signature: bytes) -> bool:
    """The library's answer, which must be that of `cryptography` and of the plain version."""
    answer = harness.call("verify", key.modulus, message, signature)
    assert (
        answer
        == key.verifies(message, signature)
        == harness.call("verifyPlain", key.modulus, message, signature)
    )
    return answer


# --- Wycheproof ---------------------------------------------------------------------------------


def test_verify_wycheproof_agrees(harness: View) -> None:
    if not VECTORS.exists():
        pytest.skip(f"Wycheproof's vectors are not at {VECTORS.name} in ../shared/data/wycheproof")
    (group,) = json.loads(VECTORS.read_text())["testGroups"]
    modulus = int(group["publicKey"]["modulus"], 16).to_bytes(SIZE)
    assert group["publicKey"]["publicExponent"] == "010001"
    for case in group["tests"]:
        message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
        answer = harness.call("verify", modulus, message, signature)
        assert answer == (case["result"] == "valid"), case["comment"]
        assert answer == harness.call("verifyPlain", modulus, message, signature), case["comment"]
    assert len(group["tests"]) == 108


# --- what is valid, and what is not --------------------------------------------------------------


def test_verify_validSignature_true(harness: View, keys: list[Key]) -> None:
    for key in keys:
        for message in (b"", b"m", bytes(32), b"m" * 1000):
            assert agreed(harness, key, message, key.sign(message))


def test_verify_ownEncoding_true(harness: View, key: Key) -> None:
    """The fields that the next tests falsify one by one are right before."""
    assert agreed(harness, key, b"m", key.power(Encoded(b"m").number))


@pytest.mark.parametrize(
    "wrong",
    [
        {"trailer": 0xBD},
        {"trailer": 0xCC},  # the other trailer field of ISO 9796-2
        {"top": 1},
        {"one": 0},
        {"one": 2},
        {"one": 0x81},
        {"zeros": bytes(189) + b"\x01"},
        {"zeros": bytes(160) + b"\x80" + bytes(29)},
        {"zeros": bytes(159) + b"\x01" + bytes(30)},
        {"zeros": bytes(96) + b"\x10" + bytes(93)},
        {"zeros": b"\x40" + bytes(189)},
        {"prefix": bytes(7) + b"\x01"},
        {"prefix": bytes(7)},
        {"prefix": b""},
        {"mask_from": bytes(32)},
        {"masked_hash": bytes(32)},
        {"zeros": bytes(189) + b"\x01", "one": 0, "salt": bytes(32)},
        {"zeros": bytes(190 + 32), "salt": b""},
        {"zeros": bytes(190 + 12), "salt": bytes(20)},
        {"zeros": bytes(190 + 1), "salt": bytes(31)},
        {"zeros": bytes(190 - 1), "salt": bytes(33)},
        {"zeros": b"", "salt": bytes(222)},
    ],
    ids=str,
)
def test_verify_oneFieldWrong_false(harness: View, key: Key, wrong: dict[str, Any]) -> None:
    encoded = Encoded(b"m", **wrong).number
    # With the top bit set EM may be above n; another salt finds one below.
    for filler in range(256):
        if encoded < key.n:
            break
        encoded = Encoded(b"m", **{"salt": bytes([filler]) * 32, **wrong}).number
    assert not agreed(harness, key, b"m", key.power(encoded))


def test_verify_anotherHash_false(harness: View, key: Key) -> None:
    for hashed in (hashes.SHA1(), hashes.SHA224(), hashes.SHA384(), hashes.SHA512(), hashes.SHA3_256()):
        assert not agreed(harness, key, b"m", key.sign(b"m", 32, hashed))
    mixed = padding.PSS(padding.MGF1(hashes.SHA1()), 32)
    assert not agreed(harness, key, b"m", key.private.sign(b"m", mixed, hashes.SHA256()))


def test_verify_pkcs1v15_false(harness: View, key: Key) -> None:
    assert not agreed(harness, key, b"m", key.private.sign(b"m", padding.PKCS1v15(), hashes.SHA256()))


def test_verify_anotherMessageOrKey_false(harness: View, keys: list[Key]) -> None:
    signature = keys[0].sign(b"m")
    assert not agreed(harness, keys[0], b"n", signature)
    assert not agreed(harness, keys[0], hashlib.sha256(b"m").digest(), signature)
    assert not agreed(harness, keys[1], b"m", signature)


def test_verify_notBelowN_false(harness: View, key: Key) -> None:
    """s + n is the same residue: a verifier that reduces would accept a second signature for the same message."""
    signature = key.sign(b"m")
    while int.from_bytes(signature) + key.n >= 1 << 2048:
        signature = key.sign(b"m")
    assert agreed(harness, key, b"m", signature)
    assert not agreed(harness, key, b"m", (int.from_bytes(signature) + key.n).to_bytes(SIZE))


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_verify_aroundN_false(harness: View, key: Key, offset: int) -> None:
    assert not agreed(harness, key, b"m", (key.n + offset).to_bytes(SIZE))


@pytest.mark.parametrize("number", [0, 1, 2, TOP, 2 * TOP - 1], ids=["0", "1", "2", "2^2047", "2^2048-1"])
def test_verify_extremeNumber_false(harness: View, key: Key, number: int) -> None:
    assert not agreed(harness, key, b"m", number.to_bytes(SIZE))


def test_verify_wrongLength_false(harness: View, key: Key) -> None:
    signature = key.sign(b"m")
    # With a leading zero the shorter ones are the same number, which OpenSSL accepts.
    while signature[0] != 0:
        signature = key.sign(b"m")
    assert agreed(harness, key, b"m", signature)
    wrong = [b"", signature[1:], signature[:-1], signature + b"\0", b"\0" + signature, signature * 2]
    for malformed in wrong:
        assert not agreed(harness, key, b"m", malformed)


@pytest.mark.parametrize("length", [0, 1, 32, 255, 257, 384, 512])
def test_verify_modulusOfAnotherLength_reverts(harness: View, length: int) -> None:
    with reverts("NotRsa2048"):
        harness.call("verify", b"\xff" * length, b"m", bytes(SIZE))


def test_verify_modulusWithoutTopBit_reverts(harness: View) -> None:
    with reverts("NotRsa2048"):
        harness.call("verify", b"\x7f" + b"\xff" * 255, b"m", bytes(SIZE))


# --- against `cryptography` ----------------------------------------------------------------------

quick = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
messages = st.one_of(st.binary(max_size=100), st.binary(min_size=32, max_size=32))


@quick
@given(data=st.data())
def test_verify_mutatedSignature_agrees(harness: View, keys: list[Key], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(keys))
    note(f"n = {key.n}, d = {key.d}")
    message = data.draw(messages)
    signature = bytearray(key.sign(message, data.draw(st.sampled_from([32, 32, 32, 0, 20, 31, 33, 48, 222]))))
    for _ in range(data.draw(st.integers(0, 2))):
        signature[data.draw(st.integers(0, SIZE - 1))] ^= 1 << data.draw(st.integers(0, 7))
    shown = data.draw(st.one_of(st.just(message), messages))
    agreed(harness, key, shown, bytes(signature))


@quick
@given(data=st.data())
def test_verify_falsifiedEncoding_agrees(harness: View, keys: list[Key], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(keys))
    note(f"n = {key.n}, d = {key.d}")
    message = data.draw(messages)
    at, bit = data.draw(st.integers(0, 189)), data.draw(st.sampled_from([0, 0, 1, 2, 4, 8, 16, 32, 64]))
    zeros = bytes(at) + bytes([bit]) + bytes(189 - at)
    number = Encoded(
        message,
        salt=data.draw(st.binary(min_size=32, max_size=32)),
        zeros=zeros,
        one=data.draw(st.sampled_from([1, 1, 1, 0, 2, 0x80])),
        top=data.draw(st.sampled_from([0, 0, 0, 1])),
        trailer=data.draw(st.sampled_from([0xBC, 0xBC, 0xBC, 0xBB, 0])),
    ).number
    number ^= data.draw(st.one_of(st.just(0), st.integers(0, 2047).map(lambda bit: 1 << bit)))
    assume(number < key.n)
    agreed(harness, key, message, key.power(number))


@quick
@given(
    n=st.integers(TOP, 2 * TOP - 1).map(lambda number: number | 1),
    signature=st.one_of(
        st.binary(min_size=SIZE, max_size=SIZE), st.integers(0, 3).map(lambda i: i.to_bytes(SIZE))
    ),
    message=messages,
)
def test_verify_modulusOfUnknownFactors_agrees(
    harness: View, n: int, signature: bytes, message: bytes
) -> None:
    """A node may register any odd number of 2048 bits as its modulus; both verifiers must still say the same."""
    answer = harness.call("verify", n.to_bytes(SIZE), message, signature)
    assert answer == verifies(n, message, signature)


# --- gas -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hardfork", "ceiling"), [("cancun", 11_000), ("prague", 11_000), ("osaka", 38_500)])
def test_verify_anyGasLimit_neverAnswersFalsely(key: Key, hardfork: str, ceiling: int) -> None:
    valid, invalid = key.sign(b"m"), key.sign(b"n")
    with chain(hardfork=hardfork) as node:
        harness = node.deploy("RsaPssHarness")
        answer, used = harness.call("measure", key.modulus, b"m", valid)
        assert answer and used < ceiling
        upto = ceiling + 4_000  # the harness's own share
        yes, no, starved = sweep_gas(node, harness, "verify", key.modulus, b"m", valid, upto=upto)
        assert yes > 0 and no == 0 and starved > used
        yes, no, starved = sweep_gas(node, harness, "verify", key.modulus, b"m", invalid, upto=upto)
        assert yes == 0 and no > 0 and starved > 0


# --- precompiles that do not answer --------------------------------------------------------------


def _missing(computation: Any) -> Any:
    computation.output = b""
    return computation


def _short(computation: Any) -> Any:
    computation.output = b"\x01" * 31
    return computation


def _long(computation: Any) -> Any:
    computation.output = bytes(512)
    return computation


def _starved(computation: Any) -> Any:
    computation.consume_gas(2**62, "more than there is")


@pytest.mark.parametrize("behaviour", [_missing, _short, _long, _starved])
@pytest.mark.parametrize(("precompile", "error"), [(MODEXP, "ModExpFailed"), (SHA256, "Sha256Failed")])
def test_verify_precompileDoesNotAnswer_reverts(
    key: Key, monkeypatch: pytest.MonkeyPatch, behaviour: Any, precompile: bytes, error: str
) -> None:
    harness = Evm().deploy("RsaPssHarness")
    signature = key.sign(b"m")
    assert harness.call("verify", key.modulus, b"m", signature)
    broken = {**PragueComputation._precompiles, precompile: behaviour}
    monkeypatch.setattr(PragueComputation, "_precompiles", broken)
    with reverts(error):
        harness.call("verify", key.modulus, b"m", signature)
