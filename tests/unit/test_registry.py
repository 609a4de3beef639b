"""AttestationRegistry: endorsement, revocation, and what was known when.

endorsing
├── when the caller is not the owner, the key of no known form, the operator zero → it should revert
├── when the node is or was registered → it should revert
└── else → it is live from the next second on
revoking
├── when the caller is not the owner, or the node unknown → it should revert
├── when it reaches back too far, by one second → it should revert
├── when it would move an end later, or repeat it → it should revert
└── else → it holds from its time on, for whoever asks what is known since its record
asking
├── given any history → contract and specification answer alike at every edge
└── given the largest times → it should not revert
"""

import pytest

from afterproof.protocol.outcome import Revert
from afterproof.protocol.registry import FOREVER, Assurance
from afterproof.protocol.terms import DEMO
from tests.support.evm import reverts
from tests.support.pair import Pair
from tests.support.scene import rsa_signer, secp_signer

NODE = secp_signer(0)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def refused(pair: Pair, action: str, sender: bytes, *arguments: object) -> str:
    with pytest.raises(Revert) as caught:
        pair.act(action, sender, *arguments)
    return caught.value.error


def endorse(pair: Pair) -> None:
    pair.act("endorse", pair.owner, NODE.public_key, pair.accounts[3])


def agree(pair: Pair) -> None:
    """Asks both sides at every edge of the node's history."""
    record = pair.spec_registry.nodes[NODE.node]
    edges = {record.starts_at, pair.evm.now, 0, FOREVER}
    for recorded, end in record.ends:
        edges |= {recorded, end}
    times = sorted({max(0, min(FOREVER, edge + offset)) for edge in edges for offset in (-1, 0, 1)})
    for at in times:
        for known_by in times:
            seen = pair.registry.call("wasLive", NODE.node, at, known_by)
            assert seen == pair.spec_registry.was_live(NODE.node, at, known_by), (at, known_by, record)
        assert pair.registry.call("assurance", NODE.node, at) == pair.spec_registry.assurance(NODE.node, at)


def test_endorse_makes_a_node_live_from_the_next_second(pair: Pair) -> None:
    endorse(pair)
    now = pair.evm.now
    assert pair.registry.call("wasLive", NODE.node, now, FOREVER) is False
    assert pair.registry.call("wasLive", NODE.node, now + 1, now) is True
    assert pair.registry.call("assurance", NODE.node, now + 1) == Assurance.ENDORSED
    state = pair.registry.call("nodeState", NODE.node)
    assert tuple(state) == (now + 1, 0, Assurance.ENDORSED)
    agree(pair)


def test_endorse_of_each_scheme_is_enumerable(pair: Pair) -> None:
    keys = [secp_signer(1).public_key, rsa_signer().public_key, secp_signer(2).public_key]
    nodes = [pair.act("endorse", pair.owner, key, pair.accounts[3])[0].arguments[0] for key in keys]
    call = pair.registry.call
    assert call("nodeCount") == 3
    assert [bytes(node) for node in call("nodes", 0, 2**256 - 1)] == nodes
    assert [bytes(node) for node in call("nodes", 1, 1)] == nodes[1:2]
    assert list(call("nodes", 3, 5)) == [] and list(call("nodes", 2**256 - 1, 2**256 - 1)) == []


def test_endorse_when_unsound_reverts(pair: Pair) -> None:
    operator = pair.accounts[3]
    assert refused(pair, "endorse", operator, NODE.public_key, operator) == "OwnableUnauthorizedAccount"
    assert refused(pair, "endorse", pair.owner, NODE.public_key, bytes(20)) == "NoOperator"
    for key in (b"", bytes(32), b"\1" + bytes(31), NODE.public_key[1:], rsa_signer().public_key[:-1]):
        assert refused(pair, "endorse", pair.owner, key, operator) == "UnknownKeyForm"
    weak = bytearray(rsa_signer().public_key)
    weak[33] &= 0x7F
    assert refused(pair, "endorse", pair.owner, bytes(weak), operator) == "UnknownKeyForm"


def test_endorse_of_a_key_of_a_scheme_that_no_fault_judges_reverts(pair: Pair) -> None:
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
    p256 = head + b"\1" * 64
    assert refused(pair, "endorse", pair.owner, p256, pair.accounts[3]) == "UnknownKeyForm"


def test_endorse_twice_or_after_a_revocation_reverts(pair: Pair) -> None:
    endorse(pair)
    assert refused(pair, "endorse", pair.owner, NODE.public_key, pair.accounts[3]) == "AlreadyRegistered"
    pair.act("revoke", pair.owner, NODE.node, pair.evm.now, "lost")
    assert refused(pair, "endorse", pair.owner, NODE.public_key, pair.accounts[3]) == "AlreadyRegistered"


def test_revoke_when_unsound_reverts(pair: Pair) -> None:
    now = pair.evm.now
    assert refused(pair, "revoke", pair.owner, NODE.node, now, "") == "UnknownNode"
    endorse(pair)
    assert refused(pair, "revoke", pair.accounts[3], NODE.node, now, "") == "OwnableUnauthorizedAccount"
    assert refused(pair, "revoke", pair.owner, NODE.node, now - DEMO.window - 1, "") == "TooFarBack"
    assert refused(pair, "revoke", pair.owner, NODE.node, 0, "") == "TooFarBack"
    pair.act("revoke", pair.owner, NODE.node, now - DEMO.window, "")
    assert refused(pair, "revoke", pair.owner, NODE.node, now - DEMO.window, "") == "AlreadyRevoked"
    assert refused(pair, "revoke", pair.owner, NODE.node, 2**48 - 1, "") == "AlreadyRevoked"
    agree(pair)


def test_revoke_that_reaches_back_is_known_only_since_it_was_recorded(pair: Pair) -> None:
    endorse(pair)
    pair.evm.warp(pair.evm.now + 100)
    now = pair.evm.now
    pair.act("revoke", pair.owner, NODE.node, now - 10, "stolen")
    call = pair.registry.call
    assert call("wasLive", NODE.node, now - 5, now - 1) is True
    assert call("wasLive", NODE.node, now - 5, now) is False
    assert call("wasLive", NODE.node, now - 11, FOREVER) is True
    agree(pair)


def test_revoke_moves_an_end_only_earlier(pair: Pair) -> None:
    endorse(pair)
    pair.evm.warp(pair.evm.now + 100)
    now = pair.evm.now
    pair.act("revoke", pair.owner, NODE.node, now + 50, "announced")
    agree(pair)
    pair.act("revoke", pair.owner, NODE.node, now + 40, "sooner, in the same second")
    agree(pair)
    pair.evm.warp(now + 7)
    pair.act("revoke", pair.owner, NODE.node, now + 5, "at once")
    agree(pair)
    pair.evm.warp(now + 9)
    pair.act("revoke", pair.owner, NODE.node, now - 3, "reaching back")
    agree(pair)


def test_revoke_before_it_ever_started_leaves_no_live_second(pair: Pair) -> None:
    endorse(pair)
    pair.act("revoke", pair.owner, NODE.node, pair.evm.now - 1, "a mistake")
    agree(pair)
    assert pair.registry.call("assurance", NODE.node, pair.evm.now + 1) == Assurance.NONE


def test_deploying_with_a_wrong_reach_reverts(pair: Pair) -> None:
    for reach in (0, 365 * 86_400 + 1, 2**48 - 1):
        with reverts("BadReach", reach):
            pair.evm.deploy("AttestationRegistry", pair.owner, reach)
