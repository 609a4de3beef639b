"""A quorum of nodes: what is taken in is what so many agree on, and nothing is where they do not.

Rpc with a quorum
├── greater than the number of nodes → it should be refused, by name
├── the nodes agree → their answer, whatever its form; a log's own time counts for nothing
├── they are at different blocks → the newest that so many have; what the contracts hold is asked about that one
├── one of three tells another head, block, event, state, or leaves an event out
│   └── it should be outvoted, said once, counted, and left alone for a while
├── one of two does → nothing is said of the chain, in one sentence that stays the same; once they agree it goes on
├── one of two is silent → the same, and why
├── what would be sent: one refusal of two proves nothing, two do
└── what waits in one node's pool is no matter of agreement
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from afterproof.chain.rpc import Rpc
from afterproof.errors import CallReverted, ChainUnavailable, ConfigError, Disagreement
from afterproof.telemetry.metrics import Metrics
from tests.support.false_node import Http, false_node

REVERTED = {"error": {"code": 3, "message": "execution reverted", "data": "0x"}}
LOG = {"address": "0xab", "topics": ["0x01"], "data": "0x", "blockNumber": "0x5", "blockHash": "0x05",
       "transactionHash": "0x77", "logIndex": "0x0", "removed": False}  # fmt: skip
OTHER = LOG | {"logIndex": "0x1"}
RANGE = {"fromBlock": "0x1", "toBlock": "0x5"}


@dataclass
class Node:
    """A node on chain 7 whose blocks follow from their number and ``fork``."""

    head: int = 100
    fork: int = 1
    logs: list[Any] = field(default_factory=lambda: [LOG])
    says: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, params: list[Any]) -> Any:
        self.asked.append((method, params))
        if method in self.says or "all" in self.says:
            return self.says.get(method, self.says.get("all"))
        if method == "eth_chainId":
            return {"result": "0x7"}
        if method == "eth_getBlockByNumber":
            number = self.head if params[0] == "latest" else int(params[0], 16)
            return {"result": self.block(number) if number <= self.head else None}
        if method == "eth_getLogs":
            return {"result": self.logs}
        if method == "eth_call":
            return {"result": f"0x{int(params[1], 16):064x}" if params[1] != "pending" else "0xee"}
        return {"result": "0x64"}

    def block(self, number: int) -> dict[str, Any]:
        return {"number": hex(number), "timestamp": hex(number), "hash": f"0x{self.fork:02x}{number:062x}"}

    def was_asked(self, method: str) -> int:
        found = sum(name == method for name, _ in self.asked)
        self.asked.clear()
        return found


@dataclass
class World:
    nodes: list[Node]
    rpc: Rpc
    now: float = 1_000.0

    def head(self) -> int:
        block = self.rpc.block("latest")
        assert block is not None
        return block.number


@contextmanager
def over(*nodes: Node, quorum: int = 2, **options: Any) -> Iterator[World]:
    with ExitStack() as stack:
        for node in nodes:
            node.url = stack.enter_context(false_node(node.answer))
        clock: Callable[[], float] = lambda: world.now  # noqa: E731 - the world is made of it
        rpc = Rpc([node.url for node in nodes], 5.0, 7, clock=clock, quorum=quorum, **options)
        world = World(list(nodes), rpc)
        yield world


def test_a_quorum_of_more_nodes_than_there_are_is_refused() -> None:
    sentence = r"^chain\.quorum must be at most the number of nodes in chain\.rpc, 2, and is 3$"
    with pytest.raises(ConfigError, match=sentence), over(Node(), Node(), quorum=3):
        pass


def test_alike_answers_are_agreed_on_whatever_their_form() -> None:
    shouted = {
        key: value.replace("0xab", "0xAB") if isinstance(value, str) else value for key, value in LOG.items()
    }
    with over(Node(logs=[LOG, OTHER]), Node(logs=[OTHER, shouted | {"blockTimestamp": "0x9"}])) as world:
        assert world.head() == 100
        logs = world.rpc.request("eth_getLogs", RANGE)
        assert sorted(one["logIndex"] for one in logs) == ["0x0", "0x1"] and "blockTimestamp" not in logs[0]
        assert all(node.was_asked("eth_getLogs") == 1 for node in world.nodes)
    with over(Node(logs=[LOG | {"blockTimestamp": "0x9"}]), Node()) as world:
        assert world.rpc.request("eth_getLogs", RANGE) == [LOG], "a time that nobody agreed on"


def test_the_newest_block_is_the_newest_that_so_many_have() -> None:
    with over(Node(head=102), Node(head=99), Node(head=100)) as world:
        assert world.head() == 100
        assert int(world.rpc.request("eth_call", {}, "latest"), 16) == 100
        world.nodes[1].head = 101
        assert int(world.rpc.request("eth_call", {}, "latest"), 16) == 100  # for a moment
        world.now += 1.0
        assert int(world.rpc.request("eth_call", {}, "latest"), 16) == 101
        assert world.head() == 101
    with over(Node(head=102), Node(head=99), Node(head=100), quorum=3) as world:
        assert world.head() == 99


LIES: dict[str, Callable[[Node], None]] = {
    "a head that nobody has": lambda node: setattr(node, "head", 10**9),
    "a head of long ago": lambda node: setattr(node, "head", 3),
    "another chain of blocks": lambda node: setattr(node, "fork", 2),
    "an event too many": lambda node: setattr(node, "logs", [LOG, OTHER]),
    "an event too few": lambda node: setattr(node, "logs", []),
    "an event of another place": lambda node: setattr(node, "logs", [LOG | {"topics": ["0x02"]}]),
    "another state": lambda node: node.says.update(eth_call={"result": "0x99"}),
    "a revert": lambda node: node.says.update(eth_call=REVERTED),
    "another code": lambda node: node.says.update(eth_getCode={"result": "0x99"}),
}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("place", range(3))
def test_one_that_lies_among_three_is_outvoted(
    place: int, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics("verifier")
    with over(Node(), Node(), Node(), observer=metrics.chain.on_request) as world:
        liar = world.nodes[place]
        LIES[name](liar)
        for _ in range(3):
            assert world.head() == 100
            block = world.rpc.block(5)
            assert block is not None and block.hash[0] == 1
            assert world.rpc.request("eth_getLogs", RANGE) == [LOG]
            assert int(world.rpc.request("eth_call", {}, "latest"), 16) == 100
            assert world.rpc.request("eth_getCode", "0x", "latest") == "0x64"
            world.now += 1.0
        said = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
        outvoted = sum(
            sample.value
            for family in metrics.registry.collect()
            for sample in family.samples
            if sample.name == "afterproof_rpc_errors_total" and sample.labels["kind"] == "Outvoted"
        )
    assert len(said) == min(outvoted, 1)
    if said:
        assert liar.url in said[0] and "it is not believed" in said[0]
    if place < 2 and "head" not in name:  # else the two others may be at one before it is asked
        assert said


def test_one_that_was_outvoted_is_left_alone_for_a_while() -> None:
    with over(Node(logs=[]), Node(), Node()) as world:
        liar = world.nodes[0]
        assert world.rpc.request("eth_getLogs", RANGE) == [LOG]
        assert liar.was_asked("eth_getLogs") == 1
        assert world.rpc.request("eth_getLogs", RANGE) == [LOG]
        assert liar.was_asked("eth_getLogs") == 0
        world.now += 31
        liar.logs = [LOG]
        assert world.rpc.request("eth_getLogs", RANGE) == [LOG]
        assert liar.was_asked("eth_getLogs") == 1


@pytest.mark.parametrize(
    ("name", "method", "about"),
    [
        ("a revert", "eth_call", "what the contracts hold"),
        ("another state", "eth_call", "what the contracts hold"),
        ("an event too many", "eth_getLogs", "the events of a range of blocks"),
        ("an event too few", "eth_getLogs", "the events of a range of blocks"),
        ("another chain of blocks", "eth_getBlockByNumber", "the chain's blocks"),
    ],
)
@pytest.mark.parametrize("place", range(2))
def test_where_one_of_two_lies_nothing_is_taken_in_until_they_agree(
    place: int, name: str, method: str, about: str
) -> None:
    params: dict[str, tuple[Any, ...]] = {
        "eth_getLogs": (RANGE,),
        "eth_call": ({}, "latest"),
        "eth_getBlockByNumber": ("latest", False),
    }
    with over(Node(), Node()) as world:
        first = world.rpc.request(method, *params[method])
        liar = world.nodes[place]
        LIES[name](liar)
        sentence = f"chain.quorum: no 2 of the 2 nodes agree on {about}: nothing is taken in until they do"
        for liar.head in (100, 100, 100):
            with pytest.raises(Disagreement) as caught:
                world.rpc.request(method, *params[method])
            assert str(caught.value) == sentence
            world.now += 1
        liar.says, liar.logs, liar.fork = {}, [LOG], 1
        assert world.rpc.request(method, *params[method]) == first


def test_where_too_few_answer_nothing_is_taken_in_and_why_is_said() -> None:
    with over(Node(), Node()) as world:
        assert world.head() == 100
        world.nodes[1].says["all"] = Http(500)
        for _ in range(2):
            with pytest.raises(Disagreement, match=r"2 nodes must agree on .*, and 1 answered: .*status 500"):
                world.rpc.block("latest")
        world.nodes[1].says.clear()
        world.now += 61
        assert world.head() == 100


def test_a_refusal_of_what_would_be_sent_must_come_from_so_many() -> None:
    with over(Node(), Node()) as world:
        first, second = world.nodes
        first.says["eth_call"] = REVERTED
        assert world.rpc.request("eth_call", {}, "pending") == "0xee"
        second.says["eth_call"] = REVERTED
        with pytest.raises(CallReverted):
            world.rpc.request("eth_call", {}, "pending")
        second.says = {"all": Http(500)}
        with pytest.raises(ChainUnavailable, match=r"2 nodes must agree, and 1 says: the contract refused"):
            world.rpc.request("eth_call", {}, "pending")


def test_what_waits_is_no_matter_of_agreement() -> None:
    with over(Node(head=100), Node(head=100)) as world:
        world.nodes[1].says["eth_getTransactionCount"] = {"result": "0x999"}
        assert world.rpc.quantity("eth_getTransactionCount", "0x", "pending") == 100
        assert world.nodes[1].was_asked("eth_getTransactionCount") == 0


def test_too_many_events_for_those_that_must_agree_are_asked_for_in_parts() -> None:
    from afterproof.chain.errors import TooManyResults

    with over(Node(), Node(), Node()) as world:
        world.nodes[0].says["eth_getLogs"] = {"error": {"code": -32005, "message": "query exceeds limit"}}
        assert world.rpc.request("eth_getLogs", RANGE) == [LOG]  # two others give all of it
        world.nodes[1].says = world.nodes[0].says
        with pytest.raises(TooManyResults):
            world.rpc.request("eth_getLogs", RANGE)
