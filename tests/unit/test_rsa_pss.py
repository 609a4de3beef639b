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
(each answer is compared with Python's `cryptography`, Afterproof's verifier and a plain version of the RFC;
more in test_rsa_pss_fuzz)
given too little gas
    it should revert, and never answer falsely, under every gas limit
given a chain whose precompile is missing, fails, or returns too little
    it should revert with the precompile's error
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from eth.vm.forks.prague.computation import PragueComputation

from tests.support.calls import Node, View, chain, sweep_gas
from tests.support.evm import Evm, reverts
from tests.support.pss import SIZE, TOP, Encoded, Key, agreed, verifies

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "../shared/data/wycheproof/rsa_pss_2048_sha256_mgf1_32_test.json"

SHA256, MODEXP = bytes(19) + b"\x02", bytes(19) + b"\x05"

FALSIFIED: dict[str, dict[str, Any]] = {
    "trailer": {"trailer": 0xBD},
    "trailer of ISO 9796-2": {"trailer": 0xCC},
    "top bit": {"top": 1},
    "no 01": {"one": 0},
    "02 for 01": {"one": 2},
    "81 for 01": {"one": 0x81},
    "last zero": {"zeros": bytes(189) + b"\x01"},
    "first zero of word 5": {"zeros": bytes(160) + b"\x80" + bytes(29)},
    "last zero of word 4": {"zeros": bytes(159) + b"\x01" + bytes(30)},
    "first zero of word 3": {"zeros": bytes(96) + b"\x10" + bytes(93)},
    "first bit of all": {"zeros": b"\x40" + bytes(189)},
    "prefix": {"prefix": bytes(7) + b"\x01"},
    "prefix too short": {"prefix": bytes(7)},
    "no prefix": {"prefix": b""},
    "mask of another seed": {"mask_from": bytes(32)},
    "hash": {"masked_hash": bytes(32)},
    "01 one byte early": {"zeros": bytes(189) + b"\x01", "one": 0, "salt": bytes(32)},
    "no salt": {"zeros": bytes(222), "salt": b""},
    "salt of 20": {"zeros": bytes(202), "salt": bytes(20)},
    "salt of 31": {"zeros": bytes(191), "salt": bytes(31)},
    "salt of 33": {"zeros": bytes(189), "salt": bytes(33)},
    "longest salt": {"zeros": b"", "salt": bytes(222)},
}


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


# --- Wycheproof ---------------------------------------------------------------------------------


def test_verify_wycheproof_agrees(harness: View) -> None:
    if not VECTORS.exists():
        pytest.skip(f"missing: ../shared/data/wycheproof/{VECTORS.name}")
    (group,) = json.loads(VECTORS.read_text())["testGroups"]
    modulus = int(group["publicKey"]["modulus"], 16).to_bytes(SIZE)
    assert group["publicKey"]["publicExponent"] == "010001"
    for case in group["tests"]:
        message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
        answer = harness.call("verify", modulus, message, signature)
        assert answer == (case["result"] == "valid"), case["comment"]
        assert answer == harness.call("verifyPlain", modulus, message, signature), case["comment"]
        assert answer == verifies(int.from_bytes(modulus), message, signature), case["comment"]
    assert len(group["tests"]) == 108


# --- what is valid, and what is not --------------------------------------------------------------


def test_verify_validSignature_true(harness: View, keys: list[Key]) -> None:
    for key in keys:
        for message in (b"", b"m", bytes(32), b"m" * 1000):
            assert agreed(harness, key, message, key.sign(message))


def test_verify_ownEncoding_true(harness: View, key: Key) -> None:
    """The fields that the next tests falsify one by one are right before."""
    assert agreed(harness, key, b"m", key.power(Encoded(b"m").number))


@pytest.mark.parametrize("wrong", FALSIFIED.values(), ids=FALSIFIED)
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
@pytest.mark.parametrize(
    ("precompile", "error"), [(MODEXP, "ModExpFailed"), (SHA256, "Sha256Failed")], ids=["modexp", "sha256"]
)
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
