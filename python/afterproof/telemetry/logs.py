"""Logging: one line a message, for people or, with ``format`` json, for programs.

    12:00:01 batch    closed batch 1/0 of 256 receipts: it is full

    {"timestamp": "2026-11-20T12:00:01.250+00:00", "level": "info", "logger": "afterproof.steps.batch",
     "message": "closed batch 1/0 of 256 receipts: it is full", "lane": 1, "batch": "1/0", "count": 256, ...}

Messages are sentences and never hold a secret: settings keep theirs out of ``repr``, and what the chain or a
stranger wrote is shown with its control characters escaped, so that nobody can forge a line. What a message is about
is in its ``extra`` too, under the names in :data:`FIELDS`: people see the sentence alone.
"""

import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TextIO

from pythonjsonlogger.json import JsonFormatter

_QUIET: Final = (
    "httpx",
    "httpcore",
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "web3",
    "urllib3",
    "asyncio",
)

FIELDS: Final = {
    "lane": "the number of a lane",
    "batch": "a batch as lane/firstSeq",
    "seq": "a receipt's number on its lane",
    "count": "how many receipts or leaves",
    "reason": "why a batch was closed, as a metric's label",
    "tx_hash": "the hash of a transaction",
    "block": "the number of a block",
    "gas": "the gas that a transaction used",
    "fee": "what it cost, in wei",
    "uri": "where a batch's data is",
    "root": "a batch's root",
    "voided": "how many leaves are void, by proof or by rule",
    "struck": "how many tiles are struck",
    "accepted": "how many leaves were found right",
    "disputed": "how many leaves are to be disputed",
    "attempt": "how often something was tried",
    "retry_seconds": "seconds until something is tried again",
    "fault": "the name of a fault",
    "place": "a leaf's place in its batch",
    "tile": "a tile's place in its batch",
    "deposit": "what is staked with a demand or a challenge, in wei",
    "promise": "the id of a promise that is watched",
    "reward": "what a proof earned, in wei",
    "attestation": "the number of an attestation",
    "round": "the number of a round of heartbeats",
    "step": "a step of the loop",
    "error": "what went wrong",
    "error_type": "the kind of error",
}
"""The fields that messages have beyond the usual ones, and what each is. JSON alone shows them."""


class LogFormat(StrEnum):
    """How a log is written."""

    TEXT = "text"
    """A line for people."""

    JSON = "json"
    """A JSON object a line."""


class LogLevel(StrEnum):
    """From which level on messages are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class OneLine(logging.Formatter):
    """Formats a record as one line. With ``verbose`` an unexpected error's traceback follows it."""

    def __init__(self, verbose: bool = False) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        message = _printable(record.getMessage())
        if record.levelno >= logging.WARNING:
            message = f"{record.levelname.lower()}: {message}"
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            message += f" ({type(error).__name__}: {_printable(str(error))})"
            if self._verbose:
                message += "\n" + self.formatException(record.exc_info)
        where = record.name.rpartition(".")[2]
        return f"{self.formatTime(record, self.datefmt)} {where:<9} {message}"


class OneObject(JsonFormatter):
    """Formats a record as one JSON object in one line. With ``verbose`` it holds an unexpected error's traceback."""

    def __init__(self, verbose: bool = False) -> None:
        super().__init__("%(message)s", json_default=_plain, json_ensure_ascii=True)
        self._verbose = verbose

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Implements :meth:`JsonFormatter.add_fields`: what every message has first, then what this one is about."""
        at = datetime.fromtimestamp(record.created, UTC)
        log_data["timestamp"] = at.isoformat(timespec="milliseconds")
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        log_data["message"] = _printable(record.getMessage())
        for name in FIELDS:
            if hasattr(record, name):
                log_data[name] = getattr(record, name)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            log_data["error"], log_data["error_type"] = _printable(str(error)), type(error).__name__
            if self._verbose and record.exc_info:
                log_data["traceback"] = self.formatException(record.exc_info)


def set_up(
    verbose: bool = False,
    stream: TextIO | None = None,
    format: LogFormat = LogFormat.TEXT,
    level: LogLevel = LogLevel.INFO,
) -> None:
    """Log to ``stream`` (standard error) from ``level`` on; ``verbose``: debug messages and tracebacks too."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(OneObject(verbose) if format is LogFormat.JSON else OneLine(verbose))
    least = logging.DEBUG if verbose else logging.getLevelNamesMapping()[level.name]
    logging.basicConfig(level=max(least, logging.INFO), handlers=[handler], force=True)
    logging.getLogger("afterproof").setLevel(least)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _plain(value: Any) -> str:
    """What JSON has no form for, as text: bytes as 0x-hex."""
    return "0x" + value.hex() if isinstance(value, bytes) else _printable(str(value))
