"""Directory: operators list their nodes, for clients to find.

listing
├── when the caller is not the node's operator, or the node unknown → it should revert
├── when the node is not live, or the place not the node's → it should revert
├── when a field is too long, or the endpoint empty or no visible ASCII → it should revert
├── given fields of the largest size → it should be found as it was listed
└── given a listing that is there → it is replaced, under its new type
taking out
├── when it is not listed → it should revert
├── when the node is live and the caller not its operator → it should revert
└── else (its operator; anyone, once it is dead) → it is gone
a new operator
├── when the node changed hands → the listing reads as not current, and the old operator can change nothing
└── the new one may list it anew, or take it out
pages
└── given any sequence of the above → each type holds what a plain set holds, page by page, once each
cost
└── given a gateway's listing, with a certificate of 900 bytes → it should cost less than 600,000 gas
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.evm import Contract, reverts
from tests.support.liveness import Liveness, listing
from tests.support.scene import secp_signer

FOREVER = 2**256 - 1


class Stage(Liveness):
    def __init__(self) -> None:
        super().__init__()
        self.directory: Contract = self.deploy_directory()

    def enlist(self, entry: tuple[Any, ...], by: str | None = None) -> Any:
        return self.directory.send("list", entry, sender=by or self.operator)

    def take_out(self, node: bytes, by: str | None = None) -> Any:
        return self.directory.send("unlist", node, sender=by or self.operator)

    def nodes(self, node_type: int = 0, offset: int = 0, limit: int = FOREVER) -> list[bytes]:
        return [bytes(node) for node in self.directory.call("nodes", node_type, offset, limit)]

    def revoke(self, node: bytes) -> None:
        self.registry.send("revoke", node, self.now, "lost", sender=self.owner)

    def hand_over(self, node: bytes, to: str) -> None:
        self.registry.send("proposeOperator", node, to, sender=self.operator)
        self.registry.send("acceptOperator", node, sender=to)


@pytest.fixture(scope="module")
def deployed() -> Stage:
    return Stage()


@pytest.fixture
def stage(deployed: Stage) -> Any:
    before = deployed.evm.snapshot()
    yield deployed
    deployed.evm.restore(before)


def test_deploy_without_a_registry_reverts(stage: Stage) -> None:
    with reverts("NoRegistry"):
        stage.evm.deploy("Directory", bytes(20))


# --- listing --------------------------------------------------------------------------------------


def test_list_is_found_as_it_was_listed(stage: Stage) -> None:
    entries = []
    for index, signer in enumerate(stage.signers):
        entry = listing(
            signer,
            index,
            reporter=stage.reporter,
            endpoint="h" * 256,
            certificate=bytes(4_096),
            ohttp=b"\xff" * 256,
        )
        event = stage.enlist(entry).event("NodeListed")
        assert (event["node"], event["operator"], event["endpoint"]) == (
            signer.node,
            stage.operator,
            "h" * 256,
        )
        entries.append(entry)
    assert stage.nodes() == [signer.node for signer in stage.signers]
    for signer, entry in zip(stage.signers, entries, strict=True):
        found = stage.directory.call("listed", signer.node)
        assert tuple(found.listing) == entry
        assert (found.operator, found.listedAt, found.current) == (stage.operator, stage.now, True)
    assert stage.directory.call("nodeCount", 0) == 3 and stage.directory.call("nodeCount", 1) == 0


def test_list_by_another_reverts(stage: Stage) -> None:
    signer = stage.signers[0]
    for caller in (stage.owner, stage.stranger, stage.reporter):
        with reverts("NotOperatorOf", signer.node, caller):
            stage.enlist(listing(signer, 0), by=caller)


def test_list_of_an_unknown_node_reverts(stage: Stage) -> None:
    unknown = secp_signer(9)
    with reverts("NotOperatorOf", unknown.node, stage.operator):
        stage.enlist(listing(unknown, 0))


def test_list_of_a_node_that_is_not_live_reverts(stage: Stage) -> None:
    fresh = secp_signer(9)
    stage.registry.send("endorse", fresh.public_key, stage.operator, sender=stage.owner)
    with reverts("NotLive", fresh.node):
        stage.enlist(listing(fresh, 3))
    stage.wait(1)
    stage.enlist(listing(fresh, 3))
    stage.revoke(fresh.node)
    with reverts("NotLive", fresh.node):
        stage.enlist(listing(fresh, 3))


def test_list_at_another_place_reverts(stage: Stage) -> None:
    signer = stage.signers[1]
    for index in (0, 2, 3, 2**32 - 1):
        with reverts("WrongIndex", signer.node, index):
            stage.enlist(listing(signer, index))


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"endpoint": ""}, ("endpoint", 0, 1, 256)),
        ({"endpoint": "x" * 257}, ("endpoint", 257, 1, 256)),
        ({"certificate": bytes(4_097)}, ("tlsCertificate", 4_097, 0, 4_096)),
        ({"ohttp": bytes(257)}, ("ohttpKeyConfig", 257, 0, 256)),
    ],
)
def test_list_of_another_length_names_the_field(
    stage: Stage, changes: dict[str, Any], refused: tuple[Any, ...]
) -> None:
    with reverts("WrongLength", *refused):
        stage.enlist(listing(stage.signers[0], 0, **changes))


@pytest.mark.parametrize("character", ["\0", "\n", " ", "\x7f", "é"])
def test_list_of_an_endpoint_that_is_no_url_names_the_place(stage: Stage, character: str) -> None:
    with reverts("BadEndpoint", 8, character.encode()[0]):
        stage.enlist(listing(stage.signers[0], 0, endpoint="https://" + character))


def test_list_of_an_endpoint_that_is_no_text_reverts(stage: Stage) -> None:
    function = stage.directory.interface.function("list", 1)
    call = function.encode([listing(stage.signers[0], 0, endpoint="https://x")])
    broken = call.replace(b"https://x", b"https://\xff")
    with reverts("BadEndpoint", 8, 0xFF):
        stage.evm.transfer(stage.directory, 0, sender=stage.operator, data=broken)


def test_list_again_replaces_it_under_its_new_type(stage: Stage) -> None:
    first, second = stage.signers[0], stage.signers[1]
    stage.enlist(listing(first, 0))
    stage.enlist(listing(second, 1))
    stage.wait(7)
    stage.enlist(listing(first, 0, node_type=255, endpoint="https://moved.example", certificate=b""))
    assert (stage.nodes(0), stage.nodes(255)) == ([second.node], [first.node])
    found = stage.directory.call("listed", first.node)
    assert (found.listing.endpoint, found.listedAt) == ("https://moved.example", stage.now)
    stage.enlist(listing(first, 0, node_type=255))
    assert stage.nodes(255) == [first.node]


# --- taking out -----------------------------------------------------------------------------------


def test_unlist_of_what_is_not_listed_reverts(stage: Stage) -> None:
    node = stage.signers[0].node
    for _ in range(2):
        with reverts("NotListed", node):
            stage.take_out(node)
        with reverts("NotListed", node):
            stage.directory.call("listed", node)
        assert stage.directory.call("isListed", node) is False
        stage.enlist(listing(stage.signers[0], 0))
        assert stage.take_out(node).event("NodeUnlisted")["by"] == stage.operator


def test_unlist_by_another_waits_for_the_end_of_the_node(stage: Stage) -> None:
    signer = stage.signers[0]
    stage.enlist(listing(signer, 0))
    for caller in (stage.owner, stage.stranger):
        with reverts("NotOperatorOf", signer.node, caller):
            stage.take_out(signer.node, by=caller)
    stage.registry.send("revoke", signer.node, stage.now + 10, "later", sender=stage.owner)
    stage.wait(9)
    with reverts("NotOperatorOf", signer.node, stage.stranger):
        stage.take_out(signer.node, by=stage.stranger)
    stage.wait(1)
    stage.take_out(signer.node, by=stage.stranger)
    assert stage.nodes() == []


# --- a new operator -------------------------------------------------------------------------------


def test_new_operator_alone_has_the_listing(stage: Stage) -> None:
    signer, old, new = stage.signers[0], stage.operator, stage.stranger
    stage.enlist(listing(signer, 0))
    stage.hand_over(signer.node, new)
    assert stage.directory.call("listed", signer.node).current is False
    with reverts("NotOperatorOf", signer.node, old):
        stage.enlist(listing(signer, 0), by=old)
    with reverts("NotOperatorOf", signer.node, old):
        stage.take_out(signer.node, by=old)
    before = stage.evm.snapshot()
    stage.take_out(signer.node, by=new)
    stage.evm.restore(before)
    stage.enlist(listing(signer, 0), by=new)
    found = stage.directory.call("listed", signer.node)
    assert (found.operator, found.current) == (new, True)


# --- pages ----------------------------------------------------------------------------------------

CHANGES = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 1, 255, None])), max_size=12)


@settings(max_examples=25)
@given(changes=CHANGES, step=st.integers(1, 4))
def test_pages_hold_what_a_set_holds(
    deployed: Stage, changes: list[tuple[int, int | None]], step: int
) -> None:
    before = deployed.evm.snapshot()
    try:
        plain: dict[bytes, int] = {}
        for index, node_type in changes:
            signer = deployed.signers[index]
            if node_type is not None:
                deployed.enlist(listing(signer, index, node_type=node_type, certificate=b""))
                plain[signer.node] = node_type
            elif plain.pop(signer.node, None) is not None:
                deployed.take_out(signer.node)
        for node_type in (0, 1, 2, 255):
            wanted = {node for node, kind in plain.items() if kind == node_type}
            pages = [deployed.nodes(node_type, offset, step) for offset in range(0, 6, step)]
            found = [node for page in pages for node in page]
            assert len(found) == len(wanted) and set(found) == wanted
            assert deployed.directory.call("nodeCount", node_type) == len(wanted)
            assert deployed.nodes(node_type, FOREVER, FOREVER) == []
            assert set(deployed.nodes(node_type)) == wanted
    finally:
        deployed.evm.restore(before)


# --- cost -----------------------------------------------------------------------------------------


def test_list_of_a_gateway_costs_what_was_promised(stage: Stage) -> None:
    entry = listing(stage.signers[0], 0, reporter=stage.reporter, certificate=b"\x5a" * 900)
    assert stage.enlist(entry).gas_used < 600_000
