"""Users of the demo: they ask the gateways to read held-out digits, one image a request, several at once."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import httpx

from ..gateway import client, models
from ..protocol.receipt import Domain

USERS: Final = 4
"""Requests under way at a time, at most."""

RATE: Final = 30.0
"""Requests a second, all users together: so that the receipts fill several batches."""


@dataclass(frozen=True)
class Endpoint:
    """A gateway that answers: its address, and the 32-byte node whose receipts it must give."""

    name: str
    url: str
    node: bytes


@dataclass(frozen=True)
class Answered:
    """An answer with its checked receipt. ``number`` counts requests from 1."""

    number: int
    gateway: str
    digit: int
    expected: int
    elapsed_ms: float
    leaf_hash: bytes
    issued_at: int

    @property
    def correct(self) -> bool:
        """Whether the digit is the one in the picture."""
        return self.digit == self.expected


class Traffic:
    """Sends every held-out image once, in turn to each of ``gateways``; ``on_answer`` is called from its threads."""

    def __init__(
        self, gateways: Sequence[Endpoint], domain: Domain, on_answer: Callable[[Answered], None]
    ) -> None:
        self._gateways, self._domain, self._on_answer = gateways, domain, on_answer
        self._images, self._labels = models.heldout()
        self._stop = threading.Event()
        self._http = httpx.Client(timeout=client.TIMEOUT)
        self._pool = ThreadPoolExecutor(USERS, thread_name_prefix="user")
        self._futures: list[Future[None]] = []
        self.answers: list[Answered] = []
        self.failures: list[str] = []

    @property
    def total(self) -> int:
        """How many requests there are in all."""
        return len(self._images)

    @property
    def done(self) -> bool:
        """Whether every request has been answered or has failed."""
        return len(self.answers) + len(self.failures) == self.total

    def start(self) -> None:
        """Begin; returns at once."""
        begun = time.monotonic()
        self._futures = [
            self._pool.submit(self._ask, index, begun + index / RATE) for index in range(self.total)
        ]

    def stop(self) -> None:
        """Send nothing more, and wait for what is under way."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
        self._http.close()

    def check(self) -> None:
        """Raises what a request's thread raised, were it a mistake of ours."""
        for future in self._futures:
            if future.done() and not future.cancelled():
                future.result()

    def _ask(self, index: int, due: float) -> None:
        if self._stop.wait(max(0.0, due - time.monotonic())):
            return
        gateway = self._gateways[index % len(self._gateways)]
        image = self._images[index : index + 1]
        try:
            answer = client.infer(
                gateway.url, "digits", image, self._domain, node=gateway.node, http=self._http
            )
        except client.GatewayError as error:
            self.failures.append(f"request {index + 1} to {gateway.name} failed: {error}")
            return
        leaf, digit = answer.signed.leaf, int(answer.digits[0])
        answered = Answered(
            index + 1, gateway.name, digit, int(self._labels[index]),
            answer.elapsed_ms, leaf.hash, leaf.receipt.issued_at,
        )  # fmt: skip
        self._on_answer(answered)
        self.answers.append(answered)
