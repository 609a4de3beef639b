"""Hands receipts on to a relayer, in the background: answering a user never waits for it.

`hand_on` only appends to the spool. One task takes what waits there, oldest first, and posts arrays to
``{relayer}/v1/receipts`` until each receipt has been promised or refused:

    200, an item with "leafHash"      the relayer has stored it: done
    200, an item with "error"         refused for good: logged as an error with the receipt, done;
                                      "status" 429 or 5xx in it is a delay: tried again from this one on
    413                               half as many at a time; a single receipt is refused
    429, 5xx, no connection, and any  tried again after Retry-After or an exponential backoff, for ever:
    other answer                      nothing is dropped because a relayer is away or misconfigured

A receipt may be posted twice (after a crash, or when an answer is lost); a relayer answers a repeat with its
first promise.
"""

import asyncio
import contextlib
import email.utils
import logging
import random
import time
from typing import Any, Final, Protocol

import httpx
import msgspec

from .spool import Spool, SpoolFull

log = logging.getLogger(__name__)

BATCH: Final = 100
"""Receipts in one request at most."""

LINGER: Final = 0.02
"""Seconds that the first receipt of a batch waits for company."""

FIRST_BACKOFF: Final = 0.5
LONGEST_BACKOFF: Final = 30.0
LONGEST_RETRY_AFTER: Final = 300.0
RETRY_DISK: Final = 10.0


class Outlet(Protocol):
    """Where a gateway's receipts go."""

    @property
    def ready(self) -> bool:
        """Whether the next receipt would be kept."""
        ...

    def hand_on(self, wire: bytes) -> None:
        """Take one receipt's JSON. Never waits and never raises."""
        ...


class NoRelayer:
    """The outlet of a gateway without a relayer: users hand on the receipts that come with their answers."""

    ready = True

    def hand_on(self, wire: bytes) -> None:
        """Implements :meth:`Outlet.hand_on`."""


class _Later(Exception):
    """This attempt settled nothing; `seconds` is what the relayer asks to wait, if it does."""

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


class _TooLarge(Exception):
    """The relayer does not take that many bytes at once."""


class Forwarder:
    """Forwards to the relayer at `relayer` (an http or https address) what waits in `spool`.

    Start :meth:`run` as a task; end it with :meth:`drain`. Both belong to one event loop, `hand_on` too.
    """

    def __init__(self, relayer: str, spool: Spool, client: httpx.AsyncClient) -> None:
        self._address = relayer.rstrip("/") + "/v1/receipts"
        self._spool, self._client = spool, client
        self._wake = asyncio.Event()
        self._closing = False
        self._size = BATCH
        self._lost_at: float | None = None

    @property
    def ready(self) -> bool:
        """False while the spool is full, and for ten seconds after a receipt could not be kept."""
        return self._spool.has_room and (
            self._lost_at is None or time.monotonic() - self._lost_at > RETRY_DISK
        )

    def hand_on(self, wire: bytes) -> None:
        """Keep one receipt until the relayer has it. A failure is logged, and `ready` turns false."""
        try:
            self._spool.append(wire)
        except (SpoolFull, OSError) as error:
            if self._lost_at is None:
                log.critical("receipts are answered but not kept for the relayer: %s", error)
            self._lost_at = time.monotonic()
            return
        if self._lost_at is not None:
            log.warning("receipts are kept for the relayer again")
        self._lost_at = None
        self._wake.set()

    async def run(self) -> None:
        """Forward for ever; once draining, until nothing waits or an attempt fails."""
        failures = 0
        while True:
            try:
                if not await self._forward_next():
                    if self._closing:
                        return
                    await self._wake.wait()
                    self._wake.clear()
                    await asyncio.sleep(0 if self._closing else LINGER)
                failures = 0
            except (_Later, OSError) as later:
                failures += 1
                if not await self._keep_waiting(later, failures):
                    return

    async def _forward_next(self) -> bool:
        """One attempt at the oldest receipts; False where none waits."""
        waiting = self._spool.peek(self._size)
        if not waiting.lines:
            return False
        try:
            items = await self._post(waiting.lines)
        except _TooLarge:
            if len(waiting.lines) == 1:
                _refused(waiting.lines[0], {"rule": "is larger than the relayer takes"})
                self._spool.move_to(waiting.ends[0])
            self._size = max(1, len(waiting.lines) // 2)
            return True
        settled = None
        for line, end, item in zip(waiting.lines, waiting.ends, items, strict=True):
            if "leafHash" not in item:
                if _is_delay(item["error"]):
                    if settled is None:
                        raise _Later(f"puts a receipt off: {_text(item['error'])}")
                    break  # the next attempt begins with it
                _refused(line, item["error"])
            settled = end
        if settled is not None:
            self._spool.move_to(settled)
        self._size = min(BATCH, self._size * 2)
        return True

    async def _keep_waiting(self, reason: Exception, failures: int) -> bool:
        """Wait before the next attempt; False where there shall be none because of draining."""
        if self._closing:
            log.warning("%d bytes of receipts stay in the spool: %s", self._spool.waiting_bytes, reason)
            return False
        with contextlib.suppress(OSError):  # what has to wait goes onto the disk itself, if that works
            await asyncio.to_thread(self._spool.sync())
        asked = reason.seconds if isinstance(reason, _Later) else None
        pause = max(asked or 0.0, backoff(failures, random.random()))
        log.warning("forwarding to %s: %s; next attempt in %.1f s", self._address, reason, pause)
        await self._pause(pause)
        return True

    async def drain(self, task: "asyncio.Task[None]", seconds: float) -> None:
        """End `task`, which runs :meth:`run`, after at most `seconds`. What is left stays in the spool."""
        self._closing = True
        self._wake.set()
        try:
            await asyncio.wait_for(task, seconds)
        except TimeoutError:
            log.warning("%d bytes of receipts stay in the spool: no time left", self._spool.waiting_bytes)

    async def _pause(self, seconds: float) -> None:
        """Sleep, unless draining begins."""
        deadline = time.monotonic() + seconds
        while not self._closing and (left := deadline - time.monotonic()) > 0:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), left)
            except TimeoutError:
                return

    async def _post(self, lines: list[bytes]) -> list[dict[str, Any]]:
        body = b"[" + b",".join(lines) + b"]"
        try:
            answer = await self._client.post(
                self._address, content=body, headers={"Content-Type": "application/json"}
            )
        except httpx.HTTPError as error:
            raise _Later(f"does not answer ({str(error) or type(error).__name__})") from None
        if answer.status_code == 413:
            raise _TooLarge
        if answer.status_code != 200:
            text = answer.text[:200].replace("\n", " ")
            raise _Later(
                f"answered {answer.status_code} {text}", retry_after(answer.headers.get("Retry-After"))
            )
        try:
            items = msgspec.json.decode(answer.content, type=list[dict[str, Any]])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _Later(f"its answer is not a JSON array of objects ({error})") from None
        if len(items) != len(lines) or not all("leafHash" in item or "error" in item for item in items):
            raise _Later(f"its answer does not have a leafHash or an error for each of {len(lines)} receipts")
        return items


def backoff(failures: int, jitter: float) -> float:
    """Seconds to wait after `failures` in a row: 0.5, doubled up to 30; `jitter` in [0, 1) halves it."""
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 16)) * (1 - jitter / 2)


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header (RFC 9110 section 10.2.3) asks for, at most 300; None: unreadable."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        until = email.utils.parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None
    return min(max(until - time.time(), 0.0), LONGEST_RETRY_AFTER)


def _is_delay(error: object) -> bool:
    status = error.get("status") if isinstance(error, dict) else None
    return isinstance(status, int) and (status == 429 or status >= 500)


def _refused(line: bytes, error: object) -> None:
    log.error("the relayer refused a receipt: %s; the receipt: %s", _text(error), line.decode())


def _text(error: object) -> str:
    return msgspec.json.encode(error).decode()[:500]
