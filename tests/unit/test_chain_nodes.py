"""Several nodes behind one chain: who is asked, who is left out, and that none takes back what another told.

Rpc
├── one node: asked each time, whatever it did before; left alone only as long as it asks for
├── several
│   ├── the first is asked while it is well; refused, silent, HTTP 429 and 5xx, nonsense: the next is
│   ├── one that failed is tried again after a while that doubles; one that said Retry-After, not before that
│   ├── an error of its own does not put a node out of use; a revert or refusal is an answer
│   ├── all fail: ChainUnavailable that names each, and shows no access key
│   └── on another chain: said once, left out; all of them: ConfigError
├── how far they are
│   ├── a node behind the newest block told of answers no question about the present, for a while
│   ├── logs come from a node that has the last block asked for
│   ├── a node far behind the others by the chain's time is left out, until it has caught up
│   └── a node may go back on its own word
├── sending: to all that are well; one that takes it is enough; a refusal tells more than silence
└── observer: every request, with what became of it
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from afterproof.chain.errors import NodeError, Throttled
from afterproof.chain.rpc import Rpc
from afterproof.errors import CallReverted, ChainUnavailable, ConfigError, SendFailed
from tests.support.false_node import Http, false_node

REFUSED = {"error": {"code": -32000, "message": "insufficient funds for gas * price + value"}}
REVERTED = {"error": {"code": 3, "message": "execution reverted", "data": "0x"}}


@dataclass
class Node:
    """A false node on chain 7: its head, what it says instead of an answer, and what it was asked."""

    head: int = 100
    at: int = 1_000
    chain: int = 7
    says: Any = None
    sends: Any = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, params: list[Any]) -> Any:
        self.asked.append(method)
        if self.says is not None:
            return self.says
        if method == "eth_chainId":
            return {"result": hex(self.chain)}
        if method == "eth_getBlockByNumber":
            header = {"number": hex(self.head), "timestamp": hex(self.at), "hash": "0x" + "11" * 32}
            return {"result": header if params[0] == "latest" or int(params[0], 16) <= self.head else None}
        if method == "eth_sendRawTransaction":
            return self.sends or {"result": "0x" + "22" * 32}
        if method == "eth_getTransactionReceipt":
            return {"result": {"blockNumber": params[0]}}
        return {"result": hex(self.head)}

    def was_asked(self, method: str) -> int:
        """How often; and forgets it."""
        found = self.asked.count(method)
        self.asked.clear()
        return found


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """Nodes and one Rpc over all of them, with a clock that stands still."""

    nodes: list[Node]
    rpc: Rpc
    clock: Clock


@contextmanager
def over(*nodes: Node, key: str = "", **options: Any) -> Iterator[World]:
    clock = Clock()
    with ExitStack() as stack:
        for node in nodes:
            node.url = stack.enter_context(false_node(node.answer))
        options = {"timeout": 5.0, "chain_id": 7, "clock": clock} | options
        yield World(list(nodes), Rpc([node.url + key for node in nodes], **options), clock)


def until(condition: Callable[[], bool]) -> None:
    """Waits for what a thread in the background does."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def shown(node: Node) -> str:
    return node.url.replace("http://", "")


# --- one node ----------------------------------------------------------------------------------


def test_one_node_is_asked_again_at_once_whatever_it_did() -> None:
    with over(Node(says=Http(500))) as world:
        for _ in range(3):
            with pytest.raises(ChainUnavailable, match="HTTP status 500"):
                world.rpc.quantity("eth_gasPrice")
        world.nodes[0].says = None
        assert world.rpc.quantity("eth_gasPrice") == 100


@pytest.mark.parametrize(("status", "header", "rest"), [(429, "7", 7), (503, "7", 7), (429, "86400", 60)])
def test_one_node_is_left_alone_for_as_long_as_it_asks_but_not_for_ever(
    status: int, header: str, rest: int
) -> None:
    with over(Node()) as world:
        (node,) = world.nodes
        assert world.rpc.quantity("eth_gasPrice") == 100
        node.says = Http(status, headers=(("Retry-After", header),))
        with pytest.raises(ChainUnavailable, match=f"HTTP status {status}"):
            world.rpc.quantity("eth_gasPrice")
        node.says = None
        node.asked.clear()
        world.clock.now += rest - 1
        with pytest.raises(ChainUnavailable, match="asked to be left alone for 1 seconds more"):
            world.rpc.quantity("eth_gasPrice")
        assert node.asked == []
        world.clock.now += 1
        assert world.rpc.quantity("eth_gasPrice") == 100


def test_a_date_in_retry_after_is_understood_and_nonsense_is_not() -> None:
    for header, waits in (("Thu, 01 Jan 2099 00:00:00 GMT", True), ("soon", False), ("-5", False)):
        with over(Node(says=Http(429, headers=(("Retry-After", header),)))) as world:
            with pytest.raises(ChainUnavailable, match="429"):
                world.rpc.quantity("eth_gasPrice")
            world.nodes[0].says = None
            if waits:
                with pytest.raises(ChainUnavailable, match="left alone for 60"):
                    world.rpc.quantity("eth_gasPrice")
            else:
                assert world.rpc.quantity("eth_gasPrice") == 100


# --- several nodes -----------------------------------------------------------------------------


def test_the_first_is_asked_while_it_is_well() -> None:
    with over(Node(head=1), Node(head=2)) as world:
        for _ in range(3):
            assert world.rpc.quantity("eth_gasPrice") == 1
        assert "eth_gasPrice" not in world.nodes[1].asked


@pytest.mark.parametrize(
    "trouble",
    [
        Http(429),
        Http(502),
        Http(401),
        Http(200, b"<html>"),
        {"result": "plenty"},
        {"error": {"code": -32005, "message": "daily request count exceeded, request rate limited"}},
        {"error": {"code": 429, "message": "compute units"}},
        Http(delay=3.0),
    ],
)
def test_where_one_fails_the_next_is_asked(trouble: Any) -> None:
    with over(Node(head=1), Node(head=2), timeout=0.5) as world:
        first, _ = world.nodes
        assert world.rpc.quantity("eth_gasPrice") == 1
        first.says = trouble
        assert world.rpc.quantity("eth_gasPrice") == 2
        assert first.was_asked("eth_gasPrice") == 2
        assert world.rpc.quantity("eth_gasPrice") == 2
        assert first.was_asked("eth_gasPrice") == 0  # it rests
        first.says = None
        world.clock.now += 1.1
        assert world.rpc.quantity("eth_gasPrice") == 1


def test_nobody_there_is_no_node_to_wait_for() -> None:
    with over(Node(head=2)) as world:
        both = Rpc(["http://127.0.0.1:1", world.nodes[0].url], chain_id=7)
        assert both.quantity("eth_gasPrice") == 2


def test_a_node_that_goes_on_failing_rests_twice_as_long() -> None:
    with over(Node(head=1), Node(head=2), stale_after=1e9) as world:
        first, _ = world.nodes
        assert world.rpc.quantity("eth_gasPrice") == 1
        until(lambda: all("eth_getBlockByNumber" in node.asked for node in world.nodes))
        first.says = Http(500)
        for rest in (1, 2, 4, 8, 16, 32, 60, 60):
            first.asked.clear()
            assert world.rpc.quantity("eth_gasPrice") == 2
            assert len(first.asked) >= 1
            first.asked.clear()
            world.clock.now += rest - 0.1
            assert world.rpc.quantity("eth_gasPrice") == 2
            assert first.asked == [], rest
            world.clock.now += 0.2


def test_where_all_rest_they_are_tried_all_the_same() -> None:
    with over(Node(head=1), Node(head=2)) as world:
        for node in world.nodes:
            node.says = Http(500)
        with pytest.raises(ChainUnavailable) as caught:
            world.rpc.quantity("eth_gasPrice")
        assert all(shown(node) in str(caught.value) for node in world.nodes)
        world.nodes[1].says = None
        assert world.rpc.quantity("eth_gasPrice") == 2


def test_no_address_is_shown_whole() -> None:
    with over(Node(says=Http(500)), Node(says=Http(200, b"x")), key="/v2/hunter2?k=hunter2") as world:
        with pytest.raises(ChainUnavailable) as caught:
            world.rpc.quantity("eth_gasPrice")
        assert "hunter2" not in f"{caught.value} {world.rpc!r} {world.rpc.node}"


def test_an_error_of_its_own_is_heard_from_the_next_too_but_rests_nobody() -> None:
    busy = {"error": {"code": -32603, "message": "header not found"}}
    with over(Node(head=1), Node(head=2)) as world:
        first, second = world.nodes
        first.says = busy
        assert world.rpc.quantity("eth_gasPrice") == 2
        first.says = None
        assert world.rpc.quantity("eth_gasPrice") == 1
        first.says = second.says = busy
        with pytest.raises(NodeError, match="header not found"):
            world.rpc.quantity("eth_gasPrice")


@pytest.mark.parametrize(("answer", "kind"), [(REVERTED, CallReverted), (REFUSED, SendFailed)])
def test_a_revert_is_an_answer(answer: Any, kind: type[Exception]) -> None:
    with over(Node(), Node()) as world:
        first, second = world.nodes
        world.rpc.quantity("eth_gasPrice")
        first.says = answer
        with pytest.raises(kind):
            world.rpc.request("eth_call", {})
        assert "eth_call" not in second.asked


def test_a_throttled_node_alone_says_so() -> None:
    with (
        over(Node(says={"error": {"code": -32005, "message": "too many requests"}}), chain_id=None) as world,
        pytest.raises(Throttled, match="too many requests"),
    ):
        world.rpc.quantity("eth_gasPrice")


def test_a_node_on_another_chain_is_said_once_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with over(Node(head=1, chain=8), Node(head=2)) as world, caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert world.rpc.quantity("eth_gasPrice") == 2
        assert "eth_gasPrice" not in world.nodes[0].asked
        assert world.nodes[0].asked.count("eth_chainId") <= 2  # in the background too
        (said,) = {record.getMessage() for record in caplog.records}
        assert f"http://{shown(world.nodes[0])} is on chain 8" in said and "not used" in said
        world.rpc.send(b"\x01")
        assert "eth_sendRawTransaction" not in world.nodes[0].asked


def test_nodes_all_on_another_chain_are_a_wrong_setting() -> None:
    with over(Node(chain=8), Node(chain=9)) as world:
        for _ in range(2):
            with pytest.raises(ConfigError, match=r"chain\.rpc: .* is on chain [89], .* set chain\.rpc"):
                world.rpc.quantity("eth_gasPrice")


def test_no_node_at_all_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match=r"^chain\.rpc must be"):
        Rpc([])


# --- how far they are --------------------------------------------------------------------------


def test_a_node_behind_what_was_told_answers_nothing_about_the_present() -> None:
    with over(Node(head=100), Node(head=98)) as world:
        first, second = world.nodes
        assert world.rpc.block("latest") is not None
        first.says = Http(500)
        second.asked.clear()
        for method, params in (("eth_call", ({}, "latest")), ("eth_getTransactionCount", ("0x", "pending"))):
            with pytest.raises(ChainUnavailable, match="at block 98, behind block 100"):
                world.rpc.request(method, *params)
            assert method not in second.asked
        with pytest.raises(ChainUnavailable, match="behind block 100"):
            world.rpc.header("latest")
        assert world.rpc.request("eth_getTransactionByHash", "0x") == hex(98)  # no question of how far
        second.head = 100
        world.clock.now += 1.1
        assert world.rpc.request("eth_call", {}, "latest") == hex(100)


def test_that_binds_the_others_for_a_while_only() -> None:
    with over(Node(head=100), Node(head=98)) as world:
        assert world.rpc.block("latest") is not None
        world.nodes[0].says = Http(500)
        with pytest.raises(ChainUnavailable, match="behind block 100"):
            world.rpc.block("latest")
        world.clock.now += 30.1
        block = world.rpc.block("latest")
        assert block is not None and block.number == 98


def test_the_block_of_a_receipt_binds_too() -> None:
    with over(Node(head=100), Node(head=100)) as world:
        assert world.rpc.request("eth_getTransactionReceipt", hex(101))
        with pytest.raises(ChainUnavailable, match="at block 100, behind block 101"):
            world.rpc.request("eth_call", {}, "latest")


def test_logs_come_from_a_node_that_has_the_last_block() -> None:
    with over(Node(head=90), Node(head=100)) as world:
        first, _ = world.nodes
        assert world.rpc.request("eth_getLogs", {"fromBlock": "0x1", "toBlock": hex(95)}) == hex(100)
        assert "eth_getLogs" not in first.asked
        world.clock.now += 1.1
        assert world.rpc.request("eth_getLogs", {"fromBlock": "0x1", "toBlock": hex(90)}) == hex(90)


def test_a_node_may_go_back_on_its_own_word() -> None:
    with over(Node(head=100), Node(head=100)) as world:
        first, _ = world.nodes
        for first.head in (100, 97):
            block = world.rpc.block("latest")
            assert block is not None and block.number == first.head
        assert world.rpc.request("eth_call", {}, "latest") == hex(97)


def test_a_node_far_behind_is_left_out_until_it_has_caught_up() -> None:
    with over(Node(head=10, at=1_000), Node(head=10, at=1_030)) as world:
        first, second = world.nodes
        world.rpc.quantity("eth_gasPrice")
        until(lambda: bool(first.asked) and "eth_getBlockByNumber" in second.asked)
        assert world.rpc.request("eth_call", {}, "latest") == hex(10)
        first.asked.clear()
        second.at, second.head = 1_031, 11

        def call() -> Any:
            world.clock.now += 15  # time to look around
            return world.rpc.request("eth_call", {}, "latest")

        until(lambda: call() == hex(11))
        first.asked.clear()
        assert world.rpc.request("eth_call", {}, "latest") == hex(11)
        assert "eth_call" not in first.asked
        first.at, first.head = 1_031, 12
        until(lambda: call() == hex(12))


# --- sending -----------------------------------------------------------------------------------


def test_a_transaction_goes_to_all_and_one_that_takes_it_is_enough() -> None:
    known = {"error": {"code": -32000, "message": "already known"}}
    for first, second in ((None, None), (known, None), (REFUSED, None), (None, REFUSED), (Http(500), known)):
        with over(Node(sends=first), Node(sends=second), Node()) as world:
            world.rpc.send(b"\x01")
            for node in world.nodes:
                until(lambda node=node: "eth_sendRawTransaction" in node.asked)  # type: ignore[misc]


def test_a_silent_node_holds_up_no_transaction() -> None:
    released: list[int] = []

    def silent(method: str, _: list[Any]) -> Any:
        if method == "eth_sendRawTransaction":
            until(lambda: bool(released))
        return {"result": "0x7"}

    with false_node(silent) as slow, over(Node()) as world:
        Rpc([slow, world.nodes[0].url], timeout=15, chain_id=7).send(b"\x01")
        released.append(1)  # had it been waited for, this would have come too late
        assert "eth_sendRawTransaction" in world.nodes[0].asked


def test_a_refusal_tells_more_than_silence() -> None:
    for other, kind in ((REFUSED, SendFailed), (Http(502), ChainUnavailable)):
        said = "insufficient funds" if kind is SendFailed else r"500.*502|502.*500"
        with over(Node(sends=Http(500)), Node(sends=other)) as world, pytest.raises(kind, match=said):
            world.rpc.send(b"\x01")


# --- observer ----------------------------------------------------------------------------------


def test_an_observer_hears_of_every_request() -> None:
    heard: list[tuple[str, str, float, str | None]] = []
    with over(Node(), key="/hunter2", observer=lambda *one: heard.append(one)) as world:
        (node,) = world.nodes
        world.rpc.quantity("eth_gasPrice")
        node.says = REVERTED
        with pytest.raises(CallReverted):
            world.rpc.request("eth_call", {}, "latest")
    named = f"http://{shown(node)}"
    assert [(one[0], one[1], one[3]) for one in heard] == [
        (named, "eth_chainId", None),
        (named, "eth_gasPrice", None),
        (named, "eth_call", "CallReverted"),
    ]
    assert all(0 <= one[2] < 60 for one in heard)
