"""ECDSA on P-384 in Solidity (contracts/crypto/P384.sol), with hints.

when the signature is one of Wycheproof's
├── given it is valid: it should answer true with its hints
└── given it is not: it should answer false, with whatever hints there are
when the signature is valid
├── it should answer true with its hints, whether s is high or low
├── given hints of which a byte is another: it should answer false
├── given hints that are cut, longer, empty, noise, or another signature's: false
└── given steps that are repeated, left out or swapped: false
when the signature does not verify
├── given hints of the valid one next to it: false
└── given a walk that arrives, yet proves nothing (c is zero, or not the signature's scalars): false
when r or s is zero or not below n, the key is no point or has a coordinate not below p, or a length is wrong
└── it should answer false
given too little gas
└── it should revert, and never answer falsely
given tables that are not the verifier's
└── it should not be created
the generated tables
└── should be what their generator writes
"""

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator

import pytest
from eth_utils import to_checksum_address

from afterproof.attestation import p384, p384_hints
from afterproof.attestation.p384 import G, N, P
from afterproof.protocol.errors import InvalidField
from scripts.compile import CONTRACTS
from scripts.p384 import tables
from tests.support.abi import Interface
from tests.support.calls import Node, RpcError, View, chain, sweep_gas
from tests.support.compiled import artifact
from tests.support.p384 import VECTORS, Signed, deploy_p384, pair, related, signed

HEAD = 1 + 48
START_OF_STEPS = HEAD + 16 * 48


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with chain(hardfork="osaka") as running:
        yield running


@pytest.fixture(scope="module")
def verifier(node: Node) -> View:
    return deploy_p384(node)


@pytest.fixture(scope="module")
def valid() -> Signed:
    return signed(0xA11CE, b"a certificate")


@pytest.fixture(scope="module")
def good_hints(valid: Signed) -> bytes:
    return valid.hints


def answer(verifier: View, given: Signed, hints: bytes) -> bool:
    return bool(verifier.call("verify", *given.arguments, hints))


# --- Wycheproof -----------------------------------------------------------------------------------


def test_verify_wycheproof_agrees(verifier: View) -> None:
    if not VECTORS.exists():
        pytest.skip(f"missing: ../shared/data/wycheproof/{VECTORS.name}")
    counts: dict[str, int] = defaultdict(int)
    noise = random.Random(384).randbytes(15_000)
    for group in json.loads(VECTORS.read_text())["testGroups"]:
        public_key = bytes.fromhex(group["publicKey"]["uncompressed"])[1:]
        neighbours = [b"", noise, bytes(15_000)]
        for case in group["tests"]:
            digest = hashlib.sha384(bytes.fromhex(case["msg"])).digest()
            given = Signed(digest, bytes.fromhex(case["sig"]), public_key)
            if case["result"] == "valid":
                neighbours.append(given.hints)
                assert answer(verifier, given, neighbours[-1]), case["comment"]
            else:
                with pytest.raises(InvalidField):
                    pytest.fail(f"{case['comment']}: {len(given.hints)} bytes of hints")
                for hints in neighbours[:8]:
                    assert not answer(verifier, given, hints), case["comment"]
            counts[case["result"]] += 1
    assert counts == {"valid": 193, "invalid": 87}


# --- valid signatures -----------------------------------------------------------------------------


def test_verify_anyKeyAndMessage_true(verifier: View) -> None:
    for secret in (1, 2, 3, N - 1, N // 2, 2**192, 0xA11CE):
        for message in (b"", b"m" * 1000):
            given = signed(secret, message)
            r, s = (int.from_bytes(given.signature[at : at + 48]) for at in (0, 48))
            assert answer(verifier, given, given.hints)
            other = Signed(given.digest, pair(r, N - s), given.public_key)
            assert answer(verifier, other, other.hints)


def made(e: int, secret: int, nonce: int) -> Signed:
    """A signature of any number for a digest, with any nonce."""
    sum_, key = p384.multiply(nonce, G), p384.multiply(secret, G)
    assert sum_ is not None and key is not None
    r = sum_[0] % N
    s = pow(nonce, -1, N) * (e + r * secret) % N
    return Signed(e.to_bytes(48), pair(r, s), pair(*key))


@pytest.mark.parametrize(
    "e", [0, 1, N - 1, N, N + 1, 2**384 - 1], ids=["0", "1", "n-1", "n", "n+1", "2^384-1"]
)
def test_verify_extremeDigest_true(verifier: View, e: int) -> None:
    given = made(e, 0xB0B, 0xCAFE)
    assert answer(verifier, given, given.hints)


@pytest.mark.parametrize(
    ("secret", "nonce"), [(1, 1), (1, 2), (2, 1), (5, 5), (7, N - 7), (1, N - 1), (3, 2**192)]
)
def test_verify_pointsInKnownRelation_true(verifier: View, secret: int, nonce: int) -> None:
    """Q, R and G that are equal, negatives or small multiples of each other: sums that meet, but for the start."""
    for e in (0, 1, 2**383 + 12345):
        given = made(e, secret, nonce)
        assert answer(verifier, given, given.hints)


# --- wrong hints ----------------------------------------------------------------------------------


def test_verify_oneByteOfHintsChanged_false(verifier: View, valid: Signed, good_hints: bytes) -> None:
    """All of the head, the tables and the first steps, and every seventh byte from there on."""
    chance = random.Random(7)
    dense = START_OF_STEPS + 150
    for at in (*range(0, dense), *range(dense, len(good_hints), 7)):
        changed = bytearray(good_hints)
        changed[at] ^= chance.randrange(1, 256)
        assert not answer(verifier, valid, bytes(changed)), at


def test_verify_oneByteOfStepsSetToAnything_false(verifier: View, valid: Signed, good_hints: bytes) -> None:
    """The byte that says what a step does, and its index, at the first steps of each kind."""
    kinds = {}
    for at, size in steps(good_hints):
        kinds.setdefault(good_hints[at], (at, size))
    for at, size in kinds.values():
        for place in (at, at + 1)[: 1 if size == 49 else 2]:
            for value in range(0, 256, 3 if place == at else 9):
                changed = bytearray(good_hints)
                changed[place] = value
                assert answer(verifier, valid, bytes(changed)) == (changed == good_hints), (place, value)


def steps(hints: bytes) -> Iterator[tuple[int, int]]:
    """(place, size) of each step."""
    at = START_OF_STEPS
    while at < len(hints):
        size = 49 if hints[at] == 0 else 98 if hints[at] & 1 else 50
        yield at, size
        at += size


def test_verify_hintsOfAnotherLength_false(verifier: View, valid: Signed, good_hints: bytes) -> None:
    for length in (0, 1, HEAD, HEAD + 8 * 48, START_OF_STEPS, START_OF_STEPS + 1, len(good_hints) - 1):
        assert not answer(verifier, valid, good_hints[:length])
    (last, _) = list(steps(good_hints))[-1]
    for more in (b"\0", b"\x10", bytes(49), good_hints[last:], good_hints):
        assert not answer(verifier, valid, good_hints + more)
    assert not answer(verifier, valid, random.Random(8).randbytes(len(good_hints)))
    assert not answer(verifier, valid, bytes(len(good_hints)))


def test_verify_stepsRearranged_false(verifier: View, valid: Signed, good_hints: bytes) -> None:
    places = list(steps(good_hints))
    for number in range(0, len(places) - 1, 16):
        (a, size), (b, other) = places[number], places[number + 1]
        first, second, rest = good_hints[a:b], good_hints[b : b + other], good_hints[b + other :]
        start = good_hints[:a]
        for changed in (
            start + second + rest,
            start + first + first + second + rest,
            start + second + first + rest,
        ):
            assert changed == good_hints or not answer(verifier, valid, changed), (number, size)


def test_verify_hintsOfAnotherSignature_false(verifier: View, valid: Signed, good_hints: bytes) -> None:
    for other in (
        signed(0xA11CE, b"a certificate"),
        signed(0xA11CE, b"another"),
        signed(0xB0B, b"a certificate"),
    ):
        assert answer(verifier, other, other.hints)
        assert not answer(verifier, other, good_hints)
        assert not answer(verifier, valid, other.hints)


# --- false signatures -----------------------------------------------------------------------------


def test_verify_relatedSignature_false(verifier: View, valid: Signed, good_hints: bytes) -> None:
    for what, other in related(valid).items():
        assert not answer(verifier, other, good_hints), what


def walk(given: Signed, scalars: tuple[int, int, int, int], r: p384.Point) -> bytes:
    """Hints for any walk by multiples of Q, R, G and 2^192 * G."""
    q = int.from_bytes(given.public_key[:48]), int.from_bytes(given.public_key[48:])
    taken = p384_hints._Walk(q, r)
    taken.go(scalars)
    flag = r[0] != int.from_bytes(given.signature[:48])
    return bytes([flag]) + r[1].to_bytes(48) + bytes(taken.out)


def test_verify_walkOfNothing_false(verifier: View, valid: Signed) -> None:
    """With c = 0 the relation holds for every signature."""
    for other in (valid, *related(valid).values()):
        r = int.from_bytes(other.signature[:48])
        y = pow(r**3 - 3 * r + p384.B, (P + 1) // 4, P)
        if p384.on_curve((r, y)):
            assert not answer(verifier, other, walk(other, (0, 0, 0, 0), (r, y)))


def test_verify_walkWithOtherScalars_false(verifier: View) -> None:
    """Q = 5G and R = 3G: 3Q - 5R = 0 is true, and says nothing about a digest."""
    q, r = p384.multiply(5, G), p384.multiply(3, G)
    assert q is not None and r is not None
    for e, s in ((1, 1), (0, 1), (12345, N - 1)):
        false = Signed(e.to_bytes(48), pair(r[0], s), pair(*q))
        with pytest.raises(InvalidField, match="does not verify"):
            pytest.fail(f"{len(false.hints)} bytes of hints")
        for scalars in ((3, -5, 0, 0), (-3, 5, 0, 0), (1, -1, -2, 0), (0, 1, -3, 0), (1, 0, -5, 0)):
            assert not answer(verifier, false, walk(false, scalars, r))
    # The same walks prove the signatures whose scalars they are: e / s = -2 and r / s = 1, up to the sign of c.
    true = Signed((-2 * r[0] % N).to_bytes(48), pair(r[0], r[0]), pair(*q))
    assert answer(verifier, true, walk(true, (1, -1, -2, 0), r))


# --- malformed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 48], ids=["r", "s"])
@pytest.mark.parametrize("wrong", [0, N, N + 1, 2**384 - 1], ids=["0", "n", "n+1", "2^384-1"])
def test_verify_scalarOutOfRange_false(
    verifier: View, valid: Signed, good_hints: bytes, at: int, wrong: int
) -> None:
    signature = valid.signature[:at] + wrong.to_bytes(48) + valid.signature[at + 48 :]
    assert not answer(verifier, Signed(valid.digest, signature, valid.public_key), good_hints)


def test_verify_scalarPlusN_false(verifier: View) -> None:
    """r + n and s + n fit in 48 bytes for one signature in 2^194; here r and s are made for that."""
    small = 12345
    q = p384.multiply(7, G)
    assert q is not None
    # s = small: e = small * k - r * d, for k = 9.
    r = p384.multiply(9, G)
    assert r is not None
    e = (small * 9 - r[0] * 7) % N
    given = Signed(e.to_bytes(48), pair(r[0] % N, small), pair(*q))
    hints = given.hints
    assert answer(verifier, given, hints)
    assert not answer(verifier, Signed(given.digest, pair(r[0] % N, small + N), given.public_key), hints)


def test_verify_keyIsNoPoint_false(verifier: View, valid: Signed, good_hints: bytes) -> None:
    x, y = (int.from_bytes(valid.public_key[at : at + 48]) for at in (0, 48))
    wrong = [
        (0, 0),
        (x, 0),
        (0, y),
        (y, x),
        (x, y ^ 1),
        (P, y),
        (x, P),
        (2**384 - 1, y),
        (x, 2**384 - 1),
        (x + 1, y),
    ]
    for point in wrong:
        key = pair(*(c % 2**384 for c in point))
        assert not answer(verifier, Signed(valid.digest, valid.signature, key), good_hints), point


def test_verify_coordinatePlusP_false(verifier: View) -> None:
    """The same residue, but not the same key."""
    x = next(x for x in range(1, 100) if p384.on_curve((x, pow(x**3 - 3 * x + p384.B, (P + 1) // 4, P))))
    q = x, pow(x**3 - 3 * x + p384.B, (P + 1) // 4, P)
    # Nobody knows this key's secret, but a signature of some digest can be found: R = G + Q, s = r, e = r.
    r = p384.add(G, q)
    assert r is not None
    given = Signed(pair(r[0] % N, r[0] % N)[:48], pair(r[0] % N, r[0] % N), pair(*q))
    hints = given.hints
    assert answer(verifier, given, hints)
    assert not answer(verifier, Signed(given.digest, given.signature, pair(x + P, q[1])), hints)


def test_verify_wrongLength_false(verifier: View, valid: Signed, good_hints: bytes) -> None:
    for at in range(3):
        part = valid.arguments[at]
        for wrong in (b"", part[:-1], part + b"\0", b"\0" + part, part * 2):
            arguments = [*valid.arguments[:at], wrong, *valid.arguments[at + 1 :]]
            assert verifier.call("verify", *arguments, good_hints) is False


# --- gas ------------------------------------------------------------------------------------------


def test_verify_anyGasLimit_neverAnswersFalsely(
    node: Node, verifier: View, valid: Signed, good_hints: bytes
) -> None:
    upto = 900_000
    yes, no, starved = sweep_gas(
        node, verifier, "verify", *valid.arguments, good_hints, upto=upto, step=1_999
    )
    assert yes > 0 and no == 0 and starved > 100
    false = related(valid)["digest + 1"]
    yes, no, starved = sweep_gas(
        node, verifier, "verify", *false.arguments, good_hints, upto=upto, step=7_001
    )
    assert yes == 0 and no > 0 and starved > 50


# --- tables ---------------------------------------------------------------------------------------


def test_verifier_otherTables_isNotCreated(node: Node) -> None:
    low, high = (bytes.fromhex(node.deploy(name).address[2:]) for name in ("P384TableLow", "P384TableHigh"))
    compiled = artifact("P384")
    interface = Interface(compiled["abi"])
    nothing = bytes(20)
    for wrong, named in (
        ((high, low), high),
        ((low, low), low),
        ((low, nothing), nothing),
        ((nothing, high), nothing),
    ):
        code = compiled["bytecode"] + interface.constructor.encode(wrong).hex()
        with pytest.raises(RpcError) as refused:
            node.rpc("eth_call", {"data": code, "gas": hex(2**24)}, "latest")
        error = interface.error(bytes.fromhex(refused.value.data[2:]))
        assert error == ("WrongTable", (to_checksum_address(named),))


def test_tables_committed_areWhatTheGeneratorWrites() -> None:
    assert (CONTRACTS / "crypto" / "P384Tables.sol").read_text() == tables.source(), (
        "run python -m scripts.p384"
    )


def test_tables_deployed_areTheMultiples(node: Node) -> None:
    for name, base in (("P384TableLow", G), ("P384TableHigh", p384.multiply(1 << p384_hints.HALF, G))):
        code = bytes.fromhex(node.rpc("eth_getCode", node.deploy(name).address, "latest")[2:])
        assert len(code) == 1 + 255 * 96 and code[0] == 0
        for index in (0, 1, 100, 254):
            multiple = p384.multiply(2 * index + 1, base)
            assert multiple is not None
            x, y = (p384_hints.montgomery(c).to_bytes(48) for c in multiple)
            assert code[1 + 96 * index : 97 + 96 * index] == x + y
