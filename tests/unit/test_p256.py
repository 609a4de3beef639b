"""ECDSA on P-256 (contracts/crypto/EcdsaP256.sol, afterproof/protocol/p256.py).

given a chain with the precompile at 0x100, one without it, and one where something else stands there
    when signature, digest and key lie at any edge
        it should answer as plain integers and `cryptography` do
    when anything of a good signature is changed
        it should answer alike
when Python signs
    it should be as RFC 6979 has it
given too little gas
    it should revert, and never answer falsely, whatever the gas
given a chain without MODEXP, or a starved one
    it should revert with ModExpFailed
given code at 0x100 that answers anything but 32 bytes of 1, reverts, or burns all gas
    it should be decided in Solidity, at bounded cost
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from eth.exceptions import OutOfGas
from eth.vm.forks.prague.computation import PragueComputation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.protocol.p256 import is_p256_key, verify_p256
from afterproof.protocol.signing import P256Signer
from tests.support.calls import CALL_GAS, Node, View, chain
from tests.support.evm import Evm, reverts
from tests.support.p256 import Case, N, P, edge_cases, on_curve, signed, valid

PRECOMPILE = "0x" + "01".rjust(38, "0") + "00"
MODEXP = bytes(19) + b"\x05"
GOOD = signed(0xC0FFEE, 0xBEEF, 2**255 + 12345)
FORGED = GOOD._replace(digest=GOOD.digest ^ 1)
CASES = {name: (case, truth) for name, case, truth in edge_cases()}
WITH, WITHOUT = "osaka", "prague"

#: Runtime code to stand at 0x100.
CODE = {
    "zero": "60206000f3",
    "two": "600260005260206000f3",
    "one in the first byte": "600160f81b60005260206000f3",
    "all ones": "60001960005260206000f3",
    "one byte of 1": "600160005360016000f3",
    "64 bytes, the first word 1": "600160005260406000f3",
    "33 bytes, the first word 1": "600160005260216000f3",
    "31 bytes, the first 1": "6001600053601f6000f3",
    "reverts with 1": "600160005260206000fd",
    "burns all gas": "fe",
    "burns all gas in a loop": "5b600056",
    "returns as much as it can": "61f0006000f3",
    "its own input": "3660008037366000f3",
}


@pytest.fixture(scope="module", params=[WITH, WITHOUT])
def harness(request: pytest.FixtureRequest) -> Iterator[View]:
    with chain(hardfork=request.param) as node:
        yield node.deploy("EcdsaP256Harness")


@pytest.fixture(scope="module")
def without() -> Iterator[View]:
    with chain(hardfork=WITHOUT) as node:
        yield node.deploy("EcdsaP256Harness")


@contextmanager
def etched(node: Node, code: str) -> Iterator[None]:
    node.rpc("anvil_setCode", PRECOMPILE, "0x" + code)
    try:
        yield
    finally:
        node.rpc("anvil_setCode", PRECOMPILE, "0x")


def many(harness: View, cases: list[Case]) -> list[bool]:
    """What the contract says of each; as many at a time as a call's gas pays for."""
    said: list[bool] = []
    for i in range(0, len(cases), 40):
        said += harness.call("verifyMany", [case.words for case in cases[i : i + 40]])
    return said


def in_python(case: Case) -> bool:
    return is_p256_key(case.public_key) and verify_p256(case.public_key, case.signature, case.words[0])


# --- edges ---------------------------------------------------------------------------------------


def test_python_edgeCases_asPlainIntegersHaveIt() -> None:
    assert len(CASES) > 150 and {truth for _, truth in CASES.values()} == {True, False}
    for name, (case, truth) in CASES.items():
        assert valid(case) is truth, name
        assert in_python(case) is truth, name
        assert is_p256_key(case.public_key) is on_curve(case.x, case.y), name


def test_verify_edgeCases_asPlainIntegersHaveIt(harness: View) -> None:
    said = many(harness, [case for case, _ in CASES.values()])
    wrong = [
        name for (name, (_, truth)), answer in zip(CASES.items(), said, strict=True) if answer is not truth
    ]
    assert wrong == []


def test_precompile_isWhereItIsSaidToBe() -> None:
    """Else the tests above would compare Solidity with itself."""
    for hardfork, there in ((WITH, True), (WITHOUT, False)):
        with chain(hardfork=hardfork) as node:
            request = {"to": PRECOMPILE, "data": "0x" + b"".join(GOOD.words).hex()}
            assert node.rpc("eth_call", request, "latest") == ("0x" + "1".rjust(64, "0") if there else "0x")


scalars = st.one_of(
    st.integers(0, 2**256 - 1), st.sampled_from([0, 1, N - 1, N, N + 1, P - 1, P, 2**256 - 1])
)


@st.composite
def nearly_signed(draw: st.DrawFn) -> Case:
    """A signature by the library, with the library's nonce, perhaps changed."""
    d, digest = draw(st.integers(1, N - 1)), draw(scalars)
    case = signed(d, draw(st.integers(1, N - 1)), digest)
    if draw(st.booleans()):
        case = case._replace(s=N - case.s)
    name = draw(st.sampled_from([None, *Case._fields]))
    if name is None:
        return case
    before = getattr(case, name)
    bit = draw(st.integers(0, 255))
    after = draw(
        st.sampled_from([before ^ (1 << bit), (before + N) % 2**256, (before + P) % 2**256]) | scalars
    )
    return case._replace(**{name: after})


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases=st.lists(nearly_signed(), min_size=4, max_size=4))
def test_verify_anyChange_asPythonHasIt(harness: View, cases: list[Case]) -> None:
    assert many(harness, cases) == [valid(case) for case in cases] == [in_python(case) for case in cases]


@settings(deadline=None)
@given(signature=st.binary(max_size=300).filter(lambda drawn: len(drawn) != 64))
def test_python_anotherLength_false(signature: bytes) -> None:
    assert not verify_p256(GOOD.public_key, signature, GOOD.words[0])
    padded = (GOOD.signature + signature)[: len(signature) or -1]
    assert len(padded) == 64 or not verify_p256(GOOD.public_key, padded, GOOD.words[0])


def test_signer_anyHash_verifiesAndIsTheSameEachTime() -> None:
    """RFC 6979, A.2.5: P-256 with SHA-256 over "sample"."""
    secret = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    signer = P256Signer(ec.derive_private_key(secret, ec.SECP256R1()))
    digest = sha256(b"sample").digest()
    signature = signer.sign_hash(digest)
    assert signature.hex().upper() == (
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )
    assert int.from_bytes(signature[32:]) > N // 2, "an s in the upper half, as the RFC has it"
    assert verify_p256(signer.public_key, signature, digest)


# --- what stands at 0x100 ------------------------------------------------------------------------


@pytest.mark.parametrize("what", list(CODE))
def test_verify_otherCodeAtThePrecompile_isDecidedInSolidity(without: View, what: str) -> None:
    with etched(without.node, CODE[what]):
        for case, truth in ((GOOD, True), (GOOD._replace(s=N - GOOD.s), True), (FORGED, False)):
            said, gas = without.call("measure", case.words)
            assert said is truth
            assert gas < 600_000


def test_verify_precompileThatSaysYesToAll_isOnlyAskedOfWhatCouldBe(without: View) -> None:
    """A chain that lies outright is believed, but not about what is no signature or no key at all."""
    with etched(without.node, "600160005260206000f3"):
        assert without.call("verify", FORGED.words)
        for name, wrong in (("r", 0), ("s", 0), ("r", N), ("s", N), ("x", P), ("y", GOOD.y ^ 1)):
            assert not without.call("verify", GOOD._replace(**{name: wrong}).words), (name, wrong)


# --- gas -----------------------------------------------------------------------------------------


def swept(harness: View, case: Case, first: int, last: int, step: int) -> tuple[int, int, int]:
    """How often `verify` is true, is false and reverts under the gas limits of that range."""
    sweep = harness.node.deploy("GasSweep")
    data = harness.interface.function("verify", 1).encode((case.words,))
    totals = (0, 0, 0)
    chunk = step * max(1, CALL_GAS // 2 // last)
    for start in range(first, last + 1, chunk):
        found = sweep.call("sweep", harness.address, data, start, min(start + chunk - 1, last), step)
        totals = tuple(total + one for total, one in zip(totals, found, strict=True))
    return totals


def least_gas(harness: View, case: Case) -> int:
    """The least limit under which `verify` answers."""
    low, high = 0, 1_000_000
    while low < high:
        middle = (low + high) // 2
        if sum(swept(harness, case, middle, middle, 1)[:2]):
            high = middle
        else:
            low = middle + 1
    return low


@pytest.mark.parametrize("case", [GOOD, FORGED], ids=["good", "forged"])
def test_verify_anyGasLimit_neverAnswersFalsely(harness: View, case: Case) -> None:
    truth, least = valid(case), least_gas(harness, case)
    for first, last, step in ((0, 12_000, 1), (12_000, 600_000, 997), (least - 700, least + 300, 1)):
        yes, no, _ = swept(harness, case, max(0, first), last, step)
        assert (no if truth else yes) == 0
    assert swept(harness, case, least - 700, least - 1, 1) == (0, 0, 700)
    assert swept(harness, case, least, least + 300, 1) == ((301, 0, 0) if truth else (0, 301, 0))


@pytest.mark.parametrize("what", ["burns all gas", "reverts with 1", "two"])
def test_verify_anyGasLimitAndOtherCode_neverAnswersFalsely(without: View, what: str) -> None:
    with etched(without.node, CODE[what]):
        for case, truth in ((GOOD, True), (FORGED, False)):
            yes, no, reverted = swept(without, case, 0, 600_000, 2_503)
            assert (no if truth else yes) == 0 and yes + no > 0 and reverted > 0


def test_measure_eitherPath_costsNoMoreThanIsSaid() -> None:
    """Execution alone: the precompile's 6,900, and OpenZeppelin's Solidity behind it for what it does not affirm."""
    figures = {}
    for hardfork in (WITH, WITHOUT):
        with chain(hardfork=hardfork) as node:
            harness = node.deploy("EcdsaP256Harness")
            figures[hardfork] = [harness.call("measure", case.words)[1] for case in (GOOD, FORGED)]
    assert figures[WITH][0] < 9_000
    assert max(figures[WITH][1], *figures[WITHOUT]) < 400_000


# --- MODEXP --------------------------------------------------------------------------------------


def _missing(computation: Any) -> Any:
    return computation


def _short(computation: Any) -> Any:
    computation.output = bytes(31)
    return computation


def _wrong(computation: Any) -> Any:
    computation.output = b"\x07" * 32
    return computation


def _starved(computation: Any) -> Any:
    raise OutOfGas("starved")


@pytest.mark.parametrize("behaviour", [_missing, _short, _wrong, _starved])
def test_verify_modexpDoesNotAnswer_reverts(monkeypatch: pytest.MonkeyPatch, behaviour: Any) -> None:
    harness = Evm().deploy("EcdsaP256Harness")
    for case, truth in ((GOOD, True), (FORGED, False)):
        assert harness.call("verify", case.words) is truth
    broken = {**PragueComputation._precompiles, MODEXP: behaviour}
    monkeypatch.setattr(PragueComputation, "_precompiles", broken)
    for case in (GOOD, FORGED):
        with reverts("ModExpFailed"):
            harness.call("verify", case.words)
