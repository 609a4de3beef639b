"""A node that leaves events out of an answer is noticed by its blocks' blooms, near the head.

events of a few blocks, on a real node behind one that tampers
├── left out of answers about ranges, or about the block too → nothing is said of the chain; later it goes on
├── with a second node → the first is blamed, and the second asked from then on
├── named, and not in the block → nothing is said of the chain
├── a bloom that affirms what is not there → looked at once more, by receipts where it is sparse, and gone on from
│   └── though the node knows neither way to look
├── a bloom that is empty amid transactions → it says nothing
└── many blocks → no header of them is asked for
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from afterproof.chain.base import Deployment, Logged
from afterproof.chain.blooms import NEAR, may_hold
from afterproof.chain.evm import EvmReader
from afterproof.chain.sender import EvmSender
from afterproof.errors import ChainUnavailable
from afterproof.protocol.receipt import keccak
from tests.support.chains import IMPATIENT, KEYS, deployed_anvil, rpc
from tests.support.false_node import false_node, tampering

UNKNOWN = {"error": {"code": -32601, "message": "method not found"}}
Edit = Callable[[str, list[Any], dict[str, Any]], Any]


class Stage:
    """A chain whose newest block has an event of ours, and the one before it none."""

    def __init__(self, url: str, deployment: Deployment) -> None:
        self.url, self.deployment = url, deployment
        relayer = EvmSender(url, deployment, KEYS["relayer"], options=IMPATIENT)
        rpc(url, "evm_mine")
        self.quiet = relayer.head().number
        relayer.open_lane(relayer.account, relayer.account, 0, 10**18)
        self.loud = relayer.head().number
        self.asked: list[str] = []

    def reader(self, *edits: Edit) -> EvmReader:
        """A chain through nodes that tamper so, after it was found to be the right one."""
        self.edits: list[Edit | None] = [None] * len(edits)
        self.stack = ExitStack()
        urls = [self.stack.enter_context(false_node(self._answer(place))) for place in range(len(edits))]
        reader = EvmReader(urls, self.deployment)
        self.edits[:] = edits
        self.asked.clear()
        return reader

    def _answer(self, place: int) -> Any:
        def edit(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
            self.asked.append(method)
            change = self.edits[place]
            return answer if change is None else change(method, params, answer)

        return tampering(self.url, edit)

    @property
    def truth(self) -> list[Logged]:
        return EvmReader(self.url, self.deployment).events(self.quiet, self.loud)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with deployed_anvil() as (url, deployment):
        made = Stage(url, deployment)
        made.stack = ExitStack()
        yield made


@pytest.fixture(autouse=True)
def closed(stage: Stage) -> Iterator[None]:
    yield
    stage.stack.close()


def honest(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
    return answer


def by_range(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
    """Leaves events out where many blocks are asked about, as an index does that lags."""
    return {"result": []} if method == "eth_getLogs" and "blockHash" not in params[0] else answer


def altogether(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
    return {"result": []} if method == "eth_getLogs" else answer


def blooming(bloom: bytes, *unknown: str) -> Edit:
    """Every block has this bloom; the node does not know the methods ``unknown``."""

    def edit(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
        if method in unknown and (method != "eth_getLogs" or "blockHash" in params[0]):
            return UNKNOWN
        if method == "eth_getBlockByNumber" and answer.get("result"):
            answer["result"]["logsBloom"] = "0x" + bloom.hex()
        return answer

    return edit


def bloom_of(*items: bytes) -> bytes:
    bits = 0
    for item in items:
        for at in (0, 2, 4):
            bits |= 1 << (int.from_bytes(keccak(item)[at : at + 2]) & 2047)
    return bits.to_bytes(256)


def test_blooms_hold_what_the_chain_put_in(stage: Stage) -> None:
    header = rpc(stage.url, "eth_getBlockByNumber", hex(stage.loud), False)
    (one,) = rpc(stage.url, "eth_getLogs", {"blockHash": header["hash"]})
    items = [bytes.fromhex(item[2:]) for item in (one["address"], *one["topics"])]
    bloom = bytes.fromhex(header["logsBloom"][2:])
    assert bloom_of(*items) == bloom and all(may_hold(bloom, item) for item in items)
    assert not may_hold(bloom, stage.deployment.registry) and not may_hold(bytes(256), items[0])


@pytest.mark.parametrize("edit", [by_range, altogether])
def test_events_that_a_node_leaves_out_are_noticed(stage: Stage, edit: Edit) -> None:
    reader = stage.reader(edit)
    for first in (stage.quiet, stage.loud):
        with pytest.raises(ChainUnavailable, match=f"left 1 of our events out of block {stage.loud}"):
            reader.events(first, stage.loud)
    assert reader.events(stage.quiet, stage.quiet) == []
    stage.edits[0] = None
    assert reader.events(stage.quiet, stage.loud) == stage.truth != []


def test_a_second_node_is_asked_then_and_the_first_blamed(stage: Stage) -> None:
    reader = stage.reader(altogether, honest)
    with pytest.raises(ChainUnavailable, match="left 1 of our events out"):
        reader.events(stage.quiet, stage.loud)
    assert "eth_getBlockReceipts" not in stage.asked
    assert reader.events(stage.quiet, stage.loud) == stage.truth


def test_an_event_that_is_not_in_its_block_is_noticed(stage: Stage) -> None:
    def invents(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
        if method == "eth_getLogs":
            answer["result"][0]["topics"][1] = "0x" + 31 * "00" + "99"
        return answer

    with pytest.raises(ChainUnavailable, match=f"named an event that block {stage.loud} has not"):
        stage.reader(invents).events(stage.loud, stage.loud)


@pytest.mark.parametrize("unknown", [(), ("eth_getBlockReceipts",), ("eth_getBlockReceipts", "eth_getLogs")])
@pytest.mark.parametrize("crowded", [False, True])
def test_a_bloom_that_affirms_too_much_stops_nothing(
    stage: Stage, crowded: bool, unknown: tuple[str, ...]
) -> None:
    log = stage.truth[0]
    some = rpc(stage.url, "eth_getBlockByNumber", hex(log.place.block), False)["logsBloom"]
    reader = stage.reader(blooming(b"\xff" * 256 if crowded else bytes.fromhex(some[2:]), *unknown))
    assert reader.events(stage.quiet, stage.quiet) == []
    assert stage.asked.count("eth_getLogs") == 2
    assert stage.asked.count("eth_getBlockReceipts") == (not crowded or "eth_getLogs" in unknown)


def test_an_empty_bloom_amid_transactions_says_nothing(stage: Stage) -> None:
    assert stage.reader(blooming(bytes(256))).events(stage.quiet, stage.loud) == stage.truth


def test_no_header_of_many_blocks_is_asked_for(stage: Stage) -> None:
    reader = stage.reader(honest)
    rpc(stage.url, "anvil_mine", hex(NEAR))
    reader.events(stage.loud, stage.loud + NEAR)
    assert stage.asked.count("eth_getBlockByNumber") <= 1  # of the block with the event
    stage.asked.clear()
    reader.events(stage.loud + 1, stage.loud + NEAR)
    assert stage.asked.count("eth_getBlockByNumber") == NEAR
