"""What befalls those who work on the chain: reorganisations, nodes that fail, and time that passes at once."""

import threading
import time
from collections import Counter
from contextlib import ExitStack
from typing import Final

from tests.chaos.plan import DEEPEST, Failure
from tests.support import rpc_proxy as faults
from tests.support.chains import rpc
from tests.support.ground import Ground
from tests.support.rpc_proxy import Fault, Question, Reply, Reset, RpcProxy

_GARBAGE: Final = (b"", b"<html>busy</html>", b"[]", b"null", b'{"jsonrpc":"2.0","id":1', b"\xff\xfe\x00")


def fault_of(how: Failure, node: str) -> Fault:
    """A failure, as a proxy before ``node`` does it."""
    match how:
        case Failure.SILENT:
            return faults.silent
        case Failure.LATE:
            return faults.late(0.7)
        case Failure.RESET:
            return faults.reset
        case Failure.LOST:
            return faults.lost_answer
        case Failure.CUT:
            return faults.cut
        case Failure.BUSY:
            return faults.status(429, {"Retry-After": "1"})
        case Failure.DOWN:
            return faults.status(503, body=b"upstream")
        case Failure.GARBAGE:
            return faults.garbage(*_GARBAGE)
        case Failure.STALE:
            return faults.StaleHead(node)
        case Failure.SWALLOWS:
            return faults.swallowed


class Nodes:
    """Each process's way to the node, and how many of its questions failed how."""

    def __init__(self, proxies: dict[str, RpcProxy]) -> None:
        self._proxies = proxies
        self._doing: dict[str, ExitStack] = {}
        self._lock = threading.Lock()
        self.failed: Counter[Failure] = Counter()

    def fail(self, who: str, how: Failure) -> None:
        """From now on what a process asks meets a failure."""
        self.mend(who)
        proxy, stack = self._proxies[who], ExitStack()
        fault = self._counted(fault_of(how, proxy.node), how)
        stack.enter_context(proxy.doing(fault, surely=False))
        self._doing[who] = stack

    def mend(self, who: str) -> None:
        """A process's node works again."""
        if who in self._doing:
            self._doing.pop(who).close()

    def _counted(self, fault: Fault, how: Failure) -> Fault:
        def act(question: Question) -> Reply | None:
            try:
                reply = fault(question)
            except Reset:
                self._count(how)
                raise
            if reply is not None:
                self._count(how)
            return reply

        return act

    def _count(self, how: Failure) -> None:
        with self._lock:
            self.failed[how] += 1


class Time:
    """The chain's time: the clock's, and what has passed at once beside it."""

    def __init__(self, on: Ground) -> None:
        self._on, self._ahead = on, 0

    @property
    def now(self) -> int:
        """The newest block's time."""
        return self._on.reader.head().timestamp

    def settle(self) -> None:
        """What was done is out of reach of any reorganisation."""
        with self._on.clock.lock:
            for _ in range(DEEPEST + 1):
                rpc(self._on.url, "evm_mine")

    def jump(self, seconds: int) -> None:
        """So many seconds pass in one block."""
        with self._on.clock.lock:
            self._ahead += seconds
            rpc(self._on.url, "evm_increaseTime", seconds)
            rpc(self._on.url, "evm_mine")

    def reach(self, second: int) -> None:
        """The newest block is beyond a second."""
        self.jump(max(second - self.now, 0) + 1)

    def go_back(self, depth: int, replaced: bool) -> None:
        """The newest ``depth`` blocks vanish; as many empty ones take their place, or none."""
        with self._on.clock.lock:
            if replaced:
                rpc(self._on.url, "anvil_reorg", depth, [])
            else:
                rpc(self._on.url, "anvil_rollback", depth)
            rpc(self._on.url, "evm_setTime", int(time.time()) + self._ahead)  # it went back as well
