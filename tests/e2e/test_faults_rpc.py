"""A relayer whose node misbehaves, on a real chain behind a proxy, while clients hand in all the time.

each fault for a while: silence, late answers, connections reset or cut, 429 and 5xx, garbage, other results, wrong
transaction numbers, a stale head, missing events and receipts, transactions that vanish
├── it should acknowledge nothing that it does not keep, and otherwise say 503 or 429
└── once it is over, it should post everything, in time, once, by itself
the chain is reorganised, by 1 to 12 blocks
└── batches that vanished should be posted again under the same numbers
"""

import time
from collections.abc import Iterator

import pytest

from tests.support import rpc_proxy as faults
from tests.support.chains import rpc
from tests.support.ground import Ground, ground
from tests.support.lives import Clients, Relayer, nursery
from tests.support.rpc_proxy import Fault, RpcProxy, rpc_proxy

SECONDS = 2.0
"""How long a fault lasts."""

GARBAGE = (
    b"",
    b"<html>busy</html>",
    b"[]",
    b"null",
    b'"ok"',
    b'{"jsonrpc":"2.0","id":1',
    b'{"jsonrpc":"2.0","id":1}',
    b'{"jsonrpc":"2.0","id":1,"error":"x"}',
    b"[" * 100_000,
    b"\xff\xfe\x00",
)
SEND = "eth_sendRawTransaction"
FAULTS: dict[str, Fault] = {
    "silence": faults.silent,
    "late answers": faults.late(3.0),
    "slow answers": faults.late(0.4),
    "resets": faults.reset,
    "answers lost": faults.lost_answer,
    "answers cut": faults.cut,
    "429": faults.status(429, {"Retry-After": "1"}),
    "429 without a time": faults.status(429),
    "503": faults.status(503, body=b"upstream"),
    "500 with an error": faults.status(
        500, body=b'{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"Internal error"}}'
    ),
    "garbage": faults.garbage(*GARBAGE),
    "results of null": faults.other_result(None),
    "results of text": faults.other_result("0x"),
    "results of lists": faults.other_result([{}]),
    "a number too high": faults.nonce_off_by(3),
    "a number too low": faults.nonce_off_by(-1),
    "no receipts": faults.no_receipts,
    "no events": faults.no_logs,
    "sending refused": faults.only(faults.status(502), SEND),
    "sending unanswered": faults.only(faults.lost_answer, SEND),
    "sending swallowed": faults.swallowed,
    "sending silent": faults.only(faults.silent, SEND),
}


class Stage:
    """A node behind a proxy, and one relayer on it for all tests."""

    def __init__(self, on: Ground, proxy: RpcProxy, relayer: Relayer) -> None:
        self.on, self.proxy, self.relayer = on, proxy, relayer
        self.tests = 0

    def clients(self) -> Clients:
        """Clients that hand in what none did before."""
        self.tests += 1
        return Clients(self.relayer, count=2, pause=0.05, first=self.tests * 10**8)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("faults")
    with (
        ground(folder / "ground") as on,
        nursery() as born,
        rpc_proxy(on.url) as proxy,
        Relayer(on, born, folder / "relayer", rpc=proxy.url, timeout=1.0) as relayer,
    ):
        relayer.start()
        relayer.wait_ready()
        yield Stage(on, proxy, relayer)
        relayer.end()


def bear(stage: Stage, fault: Fault) -> None:
    """A fault amid traffic; then all that was acknowledged must be posted."""
    pid = stage.relayer.life.pid
    with stage.clients():
        stage.relayer.wait_posted()
        with stage.proxy.doing(fault):
            time.sleep(SECONDS)
        acknowledged = len(stage.relayer.book)
        stage.relayer.wait(lambda: len(stage.relayer.book) > acknowledged, "something acknowledged again")
        stage.relayer.wait_posted()
    stage.relayer.settle()
    assert stage.relayer.is_alive and stage.relayer.life.pid == pid


@pytest.mark.parametrize("name", FAULTS)
def test_node_that_misbehaves_is_survived(stage: Stage, name: str) -> None:
    bear(stage, FAULTS[name])


def test_node_that_lags_is_survived(stage: Stage) -> None:
    bear(stage, faults.StaleHead(stage.on.url))


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 11, 12])
def test_batches_that_a_reorganisation_undid_are_posted_again(stage: Stage, depth: int) -> None:
    lane, url = stage.relayer.lane, stage.on.url
    with stage.clients():
        stage.relayer.wait_posted(2)
        with stage.on.clock.lock:
            head = int(rpc(url, "eth_blockNumber"), 16)
            undone = stage.on.posted(lane, head - depth + 1)
            end = stage.on.end(lane)
            if depth % 2:
                rpc(url, "anvil_reorg", depth, [])  # other blocks, empty ones, take their place
            else:
                rpc(url, "anvil_rollback", depth)
            rpc(url, "evm_setTime", int(time.time()))  # anvil's clock went back as well
            assert stage.on.end(lane) == end - sum(one.header.count for one in undone)
        stage.relayer.wait(lambda: stage.on.end(lane) > end, "everything posted again")
    stage.relayer.settle()
    after = {one.batch: one for one in stage.on.posted(lane, head - depth)}
    for one in undone:
        again = after[one.batch]
        assert (again.root, again.header.count) == (one.root, one.header.count)
    assert undone or depth < 8
