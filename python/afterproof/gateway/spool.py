"""Receipts on disk until a relayer has taken them: append-only segments and a cursor, safe to kill.

    lock                     held while a gateway uses the folder
    receipts-00000001.jsonl  one receipt a line; a segment is only ever appended to
    cursor.json              {"segment", "offset"}: everything before it has been dealt with

Why it loses nothing: `append` hands the line to the operating system before the answer leaves, so a killed
process loses no line; `sync` brings what has to wait onto the disk itself, for power cuts. The cursor is
replaced as a whole, and only after the relayer has answered; a crash between the two sends some receipts
again, which a relayer answers with their first promise. A run never appends to an earlier run's segment, so a
line cut short by a crash stays the last of its segment, is reported and passed over.
"""

import fcntl
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

import msgspec

from ..errors import AfterproofError

log = logging.getLogger(__name__)

MAX_LINE: Final = 4096
"""Bytes of one line at most; an RSA receipt has about 1,600."""


class SpoolFull(AfterproofError):
    """The spool holds as many bytes as it may: the relayer has been away for long."""


class SpoolInUse(AfterproofError):
    """Another process uses this spool folder."""


class Cursor(msgspec.Struct, frozen=True):
    """A place in the spool: a segment's number and an offset in bytes within it."""

    segment: int
    offset: int


@dataclass(frozen=True)
class Waiting:
    """The next receipts to forward, oldest first, and for each the cursor that stands behind it."""

    lines: list[bytes]
    ends: list[Cursor]


class Spool:
    """A queue of JSON lines in `folder`. For one thread; `limit` and `segment_size` are in bytes.

    Raises:
        SpoolInUse: another process has it open.
        OSError: the folder cannot be made, read or written.
    """

    def __init__(self, folder: Path, limit: int = 256 * 2**20, segment_size: int = 8 * 2**20) -> None:
        self._folder, self._limit, self._segment_size = folder, limit, segment_size
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise SpoolInUse(f"another process uses the spool folder {folder}") from None
        self._writer: int | None = None
        self._cursor = self._read_cursor()
        self._next_segment = max([self._cursor.segment, *self._segments()]) + 1
        self._waiting = sum(self._path(n).stat().st_size for n in self._segments()) - self._cursor.offset

    @property
    def waiting_bytes(self) -> int:
        """Bytes of receipts not yet dealt with."""
        return self._waiting

    @property
    def has_room(self) -> bool:
        """Whether one more line of any allowed length fits."""
        return self._waiting + MAX_LINE <= self._limit

    def append(self, line: bytes) -> None:
        """Keep `line` (without a line break) until the cursor passes it. Takes some microseconds.

        Raises:
            SpoolFull: it would hold more than `limit` bytes.
            OSError: the disk does not take it. The line is not kept, later ones may be.
        """
        if len(line) >= MAX_LINE or b"\n" in line:
            raise ValueError(f"a line must be shorter than {MAX_LINE} bytes and have no line break")
        if self._waiting + len(line) + 1 > self._limit:
            raise SpoolFull(
                f"the spool folder {self._folder} holds {self._waiting} bytes of receipts, its limit"
            )
        if self._writer is None:
            path = self._path(self._next_segment)
            self._writer = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            self._written = 0
            self._next_segment += 1
        try:
            count = os.write(self._writer, line + b"\n")
        except OSError:
            self._end_segment()
            raise
        self._waiting += count
        self._written += count
        if count != len(line) + 1:
            self._end_segment()
            raise OSError(f"only {count} of {len(line) + 1} bytes could be written to {self._folder}")
        if self._written >= self._segment_size:
            os.fsync(self._writer)
            self._end_segment()

    def peek(self, at_most: int) -> Waiting:
        """The next lines, at most `at_most`, or none. Unreadable ones are logged and passed over."""
        while True:
            segment, offset = self._cursor.segment, self._cursor.offset
            data = self._read(segment, offset, at_most * MAX_LINE)
            whole = data.split(b"\n")[:-1][:at_most]
            if whole:
                ends = accumulate((len(line) + 1 for line in whole), initial=offset)
                found = [
                    (line, Cursor(segment, end)) for line, end in zip(whole, list(ends)[1:], strict=True)
                ]
                readable = [pair for pair in found if self._readable(pair[0], segment)]
                if readable:
                    return Waiting(*map(list, zip(*readable, strict=True)))
                self.move_to(found[-1][1])
                continue
            later = [n for n in self._segments() if n > segment]
            if not later:
                return Waiting([], [])
            if data:
                lost = self._path(segment).stat().st_size - offset
                log.error("spool segment %d ends in %d bytes cut short by a crash", segment, lost)
                self._waiting -= lost
            # The cursor first: after a crash between the two, the next start removes what it has passed.
            self._store_cursor(Cursor(later[0], 0))
            self._path(segment).unlink(missing_ok=True)

    def move_to(self, cursor: Cursor) -> None:
        """Everything before `cursor`, which :meth:`peek` gave, has been dealt with."""
        self._waiting -= cursor.offset - self._cursor.offset
        self._store_cursor(cursor)

    def sync(self) -> Callable[[], None]:
        """A call, for another thread, that returns once everything appended so far is on the disk itself."""
        if self._writer is None:
            return lambda: None
        descriptor = os.dup(self._writer)

        def sync_and_close() -> None:
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

        return sync_and_close

    def close(self) -> None:
        """Bring everything onto the disk and let go of the folder."""
        if self._writer is not None:
            os.fsync(self._writer)
            self._end_segment()
        os.close(self._lock)

    def _end_segment(self) -> None:
        assert self._writer is not None
        os.close(self._writer)
        self._writer = None

    def _path(self, segment: int) -> Path:
        return self._folder / f"receipts-{segment:08d}.jsonl"

    def _segments(self) -> list[int]:
        return sorted(
            int(path.stem.removeprefix("receipts-")) for path in self._folder.glob("receipts-*.jsonl")
        )

    def _read(self, segment: int, offset: int, size: int) -> bytes:
        try:
            with self._path(segment).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except FileNotFoundError:
            return b""

    def _readable(self, line: bytes, segment: int) -> bool:
        """Whether `line` may go into an array: a receipt's JSON is ASCII. Damage is logged."""
        try:
            if line.isascii():
                msgspec.json.decode(line, type=msgspec.Raw)
                return True
        except (msgspec.DecodeError, RecursionError):
            pass
        log.error("spool segment %d holds a line of %d bytes that is not JSON", segment, len(line))
        return False

    def _read_cursor(self) -> Cursor:
        """The stored cursor; where it is missing or damaged, the start of what is there."""
        segments = self._segments()
        start = Cursor(segments[0] if segments else 0, 0)
        try:
            cursor = msgspec.json.decode((self._folder / "cursor.json").read_bytes(), type=Cursor)
        except (FileNotFoundError, msgspec.DecodeError):
            return start
        for passed in (n for n in segments if n < cursor.segment):
            self._path(passed).unlink()
        if cursor.segment not in segments or cursor.offset > self._path(cursor.segment).stat().st_size:
            return Cursor(cursor.segment, 0)
        return cursor

    def _store_cursor(self, cursor: Cursor) -> None:
        temporary = self._folder / "cursor.json.new"
        temporary.write_bytes(msgspec.json.encode(cursor))
        temporary.replace(self._folder / "cursor.json")
        self._cursor = cursor
