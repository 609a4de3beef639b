"""Logging: one line a message, for people.

    12:00:01 batch    closed batch 1/0 of 256 receipts: it is full

Messages are sentences and never hold a secret: settings keep theirs out of ``repr``, and what the chain or a
stranger wrote is shown with its control characters escaped, so that nobody can forge a line.
"""

import logging
import sys
from typing import Final, TextIO

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


def set_up(verbose: bool = False, stream: TextIO | None = None) -> None:
    """Log to ``stream`` (standard error); ``verbose``: debug messages and tracebacks too."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(OneLine(verbose))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("afterproof").setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
