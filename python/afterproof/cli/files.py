"""Files that a person names: read whole, trouble as sentences."""

import sys
from pathlib import Path

import msgspec

from ..errors import ConfigError
from ..protocol.errors import InvalidField


def read_bytes(path: Path) -> bytes:
    """What a file holds.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


def read_json(file: str, what: str) -> object:
    """The JSON in a file, or on standard input (``-``); ``what`` it should hold, for messages.

    Raises:
        ConfigError: it cannot be read.
        InvalidField: it is no JSON.
    """
    content = sys.stdin.read().encode() if file == "-" else read_bytes(Path(file))
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidField(what, f"must be JSON: {error}") from None
    except RecursionError:
        raise InvalidField(what, "must not be nested that deeply") from None
