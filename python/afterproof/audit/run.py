"""Running an audit: follow the chain to its head, examine what has to be, in parallel, and write it down in order.

Each batch is written down by itself, so an audit that was cut off goes on where it was. Batches that can still change,
or whose data could not be had, are looked at again by the next run.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from ..chain.base import Block
from ..errors import AfterproofError, ChainUnavailable, ConfigError
from ..protocol.header import BatchId, first_seq_of, lane_of
from ..protocol.state import FaultKind
from ..running.tiles import NotJudged
from ..steps import Context
from ..steps.unstored import backoff
from ..steps.watch import watch
from .examiner import Result, examine_batch, network_works
from .scope import Scope, Task, plan

log = logging.getLogger(__name__)

Tell = Callable[[str, int, int], None]
"""Told of progress: what is being done, how much of it is done, of how much."""

AHEAD: Final = 4
"""Batches whose data is fetched and read at the same time; their tiles are judged by as many workers as there are."""

ATTEMPTS: Final = 5
"""How often a node that does not answer is asked, before the audit is put off."""

DARK: Final = 16
"""Batches one after the other whose data cannot be had before this machine's own network is looked at."""


class NoNetwork(AfterproofError):
    """This machine's own network gives no sign that it works: nothing can be said of data that cannot be had."""

    def __init__(self) -> None:
        super().__init__(
            "data cannot be had, and this machine's own network gives no sign that it works: nobody is accused; "
            "set verifier.probe to an address that is known to answer, and run the audit again: it goes on from here"
        )


class Audit:
    """An audit of ``scope`` on an auditor's store; the context's runner judges."""

    def __init__(
        self,
        context: Context,
        scope: Scope,
        tell: Tell = lambda what, done, total: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._context, self._scope, self._tell, self._sleep = context, scope, tell, sleep
        self._stopped = threading.Event()
        self._in_the_dark = 0
        self.trouble: list[str] = []
        self.is_cut_off = False

    def run(self) -> Block:
        """Examine all that has to be; the block up to which the chain was followed.

        What could not be told by trouble of our own is in ``trouble`` then; ``is_cut_off``: nothing can be said of data
        that could not be had.

        Raises:
            ConfigError: the scope names a lane that is not there.
            AfterproofError: trouble of our own; what was written down so far stays.
        """
        cursor = self._follow()
        self._check_lanes()
        self._pass(cursor)
        lacking = self._lacking()
        if lacking and self._look_again(lacking, cursor):
            self._pass(cursor)
        return cursor

    def _follow(self) -> Block:
        """Bring the store to the chain's head."""
        store, failures = self._context.store, 0
        first = self._context.deployment.block
        while True:
            try:
                more = watch(self._context)
                head = self._context.chain.head().number
            except ChainUnavailable as error:
                failures += 1
                if failures == ATTEMPTS:
                    raise
                log.warning("%s; asking again in %d s", error, backoff(failures))
                self._sleep(backoff(failures))
                continue
            failures, cursor = 0, store.chain.cursor()
            if cursor is not None:
                self._tell(
                    "following the chain", cursor.number - first + 1, max(head, cursor.number) - first + 1
                )
            if not more and cursor is not None:
                return cursor

    def _check_lanes(self) -> None:
        count = self._context.chain.lane_count()
        for lane in sorted(self._scope.lanes or ()):
            if not 0 < lane <= count:
                raise ConfigError(f"there is no lane {lane} on this chain: it has {count}")

    def _pass(self, cursor: Block) -> None:
        """Examine whatever has to be."""
        store = self._context.store
        terms = [epoch.terms for epoch in store.registry.epochs()]
        delay = max((each.max_posting_delay for each in terms), default=0)
        span = delay + max((each.max_clock_skew for each in terms), default=0)
        tasks = [
            task
            for lane in store.audits.lanes()
            if self._scope.lanes is None or lane in self._scope.lanes
            for task in plan(store.audits.candidates(lane), self._scope, span)
        ]
        store.audits.forget_receipts()
        self._tell("examining batches", 0, len(tasks))
        for done, (task, result) in enumerate(self._examined(tasks, cursor), 1):
            if result is not None:
                self._record(task, result, delay, cursor)
            self._tell("examining batches", done, len(tasks))

    def _examined(self, tasks: Iterable[Task], cursor: Block) -> Iterator[tuple[Task, Result | None]]:
        """The results in order, ``AHEAD`` batches at a time. None: it could not be judged."""
        waiting: deque[tuple[Task, Future[Result | None]]] = deque()
        pool = ThreadPoolExecutor(AHEAD, "audit")
        try:
            for task in tasks:
                waiting.append((task, pool.submit(self._examine, task.batch, cursor)))
                if len(waiting) > AHEAD:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        except BaseException:
            self._context.runner.stop()  # nobody is to wait for what is left of large batches
            raise
        finally:
            self._stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            self._stopped.clear()

    def _examine(self, batch: BatchId, cursor: Block) -> Result | None:
        if self._stopped.is_set():
            return None
        posted = self._context.store.batches.posted(batch)
        if posted is None:
            raise AfterproofError(f"batch {batch} is not in the store any more: two audits run on it")
        try:
            return examine_batch(self._context, posted, cursor)
        except NotJudged as error:
            log.error("%s: %s", error, error.trace)
            self.trouble.append(str(error))
            return None

    def _record(self, task: Task, result: Result, delay: int, cursor: Block) -> None:
        """Write down what was found of a batch, with the receipts that stand at an earlier number too.

        Receipts of later batches may be in the store already: they stand at later numbers, and are younger.
        """
        audits, lane, first_seq = self._context.store.audits, lane_of(task.batch), first_seq_of(task.batch)
        with self._context.store.transaction():
            audits.forget_receipts_before(lane, result.posted.header.anchor - delay)
            if not task.for_others:
                numbers = range(first_seq, result.posted.end)
                again = audits.again(lane, numbers, result.times) if result.times is not None else []
                result.found.faults += [(seq - first_seq, int(FaultKind.DUPLICATE_RECEIPT)) for seq in again]
                result.found.faults.sort()
                audits.put(result.found, result.posted.root, result.settled_at, cursor.number)
        self._in_the_dark = self._in_the_dark + 1 if result.found.lacking else 0
        if self._in_the_dark >= DARK:
            if not network_works(self._context):
                raise NoNetwork
            self._in_the_dark = 0

    # --- data that could not be had ------------------------------------------------------------

    def _lacking(self) -> list[BatchId]:
        """The batches that are meant and of whose data something could not be had."""
        audits = self._context.store.audits
        return [
            one.id
            for lane in audits.lanes()
            for one in audits.candidates(lane)
            if self._scope.has(one.id, one.block, one.posted_at) and one.examined and not one.complete
        ]

    def _look_again(self, lacking: list[BatchId], cursor: Block) -> bool:
        """Look for data once more, with a sign before and after that the network works; whether some was had now."""
        audits, some = self._context.store.audits, False
        works = network_works(self._context)
        for done, batch in enumerate(lacking if works else (), 1):
            before, result = audits.get(batch), self._examine(batch, cursor)
            if before is not None and result is not None:
                some = some or len(result.found.lacking) < len(before.lacking)
            self._tell("looking again for data", done, len(lacking))
        if not works or not network_works(self._context):
            self.is_cut_off = True
            self.trouble.append(str(NoNetwork()))
        return some
