"""Signature schemes (contracts/schemes): valid, invalid, or a revert when it cannot be told.

when the key is not of the scheme's form
    it should revert with KeyOfAnotherScheme
when the key does not hash to the receipt's node
    it should revert with KeyOfAnotherNode
when the signature is the key's, over this receipt
    it should answer true
given too little gas
    it should revert, and never answer falsely, under every gas limit
"""

from collections.abc import Iterator
from typing import Any

import pytest
from eth_utils import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.calls import Node, View, chain, sweep_gas
from tests.support.evm import reverts
from tests.support.signers import (
    NODE,
    P256,
    REGISTRY,
    OpenGradient,
    Secp256k1,
    replaced,
)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with chain() as running:
        yield running


#: Each scheme's contract with its arguments, and a node that signs by it.
SCHEMES: dict[str, tuple[tuple[str, ...], Any]] = {
    "SECP256K1": (("Secp256k1Scheme", REGISTRY), Secp256k1(keccak(b"signer"))),
    "OPENGRADIENT_RSA_PSS": (("OpenGradientRsaPssScheme",), OpenGradient()),
    "P256": (("P256Scheme", REGISTRY), P256()),
}


@pytest.fixture(params=list(SCHEMES), scope="module")
def pair(request: pytest.FixtureRequest, node: Node) -> tuple[View, Any]:
    """A scheme and a node that signs by it."""
    contract, signer = SCHEMES[request.param]
    return node.deploy(*contract), signer


# --- every scheme --------------------------------------------------------------------------------


def test_verify_ownSignature_true(pair: tuple[View, Any]) -> None:
    scheme, node = pair
    for issued_at in (0, 1_700_000_000, 2**64 - 1):
        words = node.receipt(issued_at)
        assert scheme.call("verify", words, node.sign(words), node.public_key)


def test_verify_keyOfAnotherNode_reverts(pair: tuple[View, Any]) -> None:
    scheme, node = pair
    words = replaced(node.receipt(), NODE, keccak(b"another node"))
    with reverts("KeyOfAnotherNode", words[NODE], node.node):
        scheme.call("verify", words, node.sign(words), node.public_key)


def test_verify_keyOfAnotherForm_reverts(pair: tuple[View, Any]) -> None:
    scheme, node = pair
    wrong = [
        *[other.public_key for _, other in SCHEMES.values() if other is not node],
        b"",
        bytes(32),
        node.public_key[:-1],
        node.public_key + b"\0",
        b"\x01" + node.public_key[1:],
    ]
    for public_key in wrong:
        words = replaced(node.receipt(), NODE, keccak(public_key))
        with reverts("KeyOfAnotherScheme"):
            scheme.call("verify", words, node.sign(words), public_key)


def test_verify_keyOfAnotherNodeAndMalformedReceipt_reverts(pair: tuple[View, Any]) -> None:
    """Under a wrong key nothing is known: not even of a receipt that no key could have signed."""
    scheme, node = pair
    words = replaced(node.receipt(2**64), NODE, keccak(b"another node"))
    with reverts("KeyOfAnotherNode"):
        scheme.call("verify", words, b"", node.public_key)


def test_verify_emptySignature_false(pair: tuple[View, Any]) -> None:
    scheme, node = pair
    assert not scheme.call("verify", node.receipt(), b"", node.public_key)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signature=st.binary(max_size=300), length=st.sampled_from([None, 64, 65, 256]))
def test_verify_anyBytes_false(pair: tuple[View, Any], signature: bytes, length: int | None) -> None:
    scheme, node = pair
    signature = signature if length is None else signature[:length].ljust(length, b"\x1b")
    assert scheme.call("verify", node.receipt(), signature, node.public_key) is False


@pytest.mark.parametrize("hardfork", ["cancun", "osaka"])
@pytest.mark.parametrize(("name", "upto", "step"), [
    ("SECP256K1", 8_000, 1), ("OPENGRADIENT_RSA_PSS", 45_000, 1), ("P256", 450_000, 499)
])  # fmt: skip
def test_verify_anyGasLimit_neverAnswersFalsely(name: str, upto: int, step: int, hardfork: str) -> None:
    contract, signs = SCHEMES[name]
    upto = 18_000 if (name, hardfork) == ("OPENGRADIENT_RSA_PSS", "cancun") else upto
    words, forged = signs.receipt(), signs.sign(signs.receipt(1))
    with chain(hardfork=hardfork) as node:
        scheme = node.deploy(*contract)
        for signature, truth in ((signs.sign(words), True), (forged, False)):
            args = (words, signature, signs.public_key)
            assert scheme.call("verify", *args) is truth
            yes, no, starved = sweep_gas(node, scheme, "verify", *args, upto=upto, step=step)
            assert (yes > 0, no > 0) == (truth, not truth)
            assert starved > 0
