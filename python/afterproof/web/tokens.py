"""Bearer tokens of clients (RFC 6750): who may write, by a file that holds no secret.

    acme = "sha256:9f86d08..."                        one token
    initech = ["sha256:2c26b4...", "sha256:fcde2b..."]    two, while one replaces the other

A token has 256 random bits, so its plain SHA-256 tells nobody the token: there is no dictionary to try. The file is
read again whenever it has changed, before the next request is judged: taking a line out is all it takes to revoke.
"""

import hashlib
import hmac
import logging
import re
import secrets
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ..errors import ConfigError

log = logging.getLogger(__name__)

PREFIX: Final = "afterproof_"
"""What every token starts with, so that whoever looks for leaked secrets finds one."""

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
REMIND_AFTER: Final = 60.0
"""Seconds after which a file that cannot be used is complained about again."""

_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})")
_LONGEST: Final = 256
_Signature = tuple[int, int, int]


def new_token() -> str:
    """A fresh token."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """A token as the file has it."""
    return f"sha256:{_digest(token).hex()}"


def parse(text: str) -> dict[bytes, str]:
    """The clients' names by the SHA-256 of their tokens.

    Raises:
        ValueError: what is wrong, as a sentence that names the client.
    """
    clients: dict[bytes, str] = {}
    for name, value in tomllib.loads(text).items():
        if not NAME.fullmatch(name):
            raise ValueError(f"the client {name[:64]!r} must be 1 to 64 letters, digits, - and _")
        for one in value if isinstance(value, list) else [value]:
            match = _HASH.fullmatch(one) if isinstance(one, str) else None
            if match is None:
                raise ValueError(f"{name} must be sha256: and 64 hex digits, or an array of such")
            digest = bytes.fromhex(match[1])
            if clients.setdefault(digest, name) != name:
                raise ValueError(f"{name} has the token of {clients[digest]}")
    return clients


class Tokens:
    """The clients in the file at ``path``, as it is now; as it last was in order, while it is not.

    Raises:
        ConfigError: it is not in order at the start.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        # Tokens are looked up under a key of this process: how long a lookup takes tells nothing about any of them.
        self._key = secrets.token_bytes(32)
        self._seen: _Signature | None = None
        self._trouble = ""
        self._said_at = 0.0
        self._clients: Mapping[bytes, str] = {}
        self._read(_signature(path))
        if self._trouble:
            raise ConfigError(f"relayer.tokens: {self._trouble}")

    def client(self, token: str) -> str | None:
        """Whose token it is, if anybody's."""
        self._look()
        if len(token) > _LONGEST:
            return None
        return self._clients.get(self._under_key(_digest(token)))

    def _look(self) -> None:
        signature = _signature(self._path)
        if signature != self._seen:
            self._read(signature)
        if self._trouble and self._clock() - self._said_at >= REMIND_AFTER:
            self._said_at = self._clock()
            log.error("relayer.tokens: %s: the clients that it last named stay as they were", self._trouble)

    def _read(self, signature: _Signature | None) -> None:
        # The signature is taken before the file is read: a change between the two is seen next time.
        self._seen = signature
        try:
            clients = parse(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            self._complain(f"{self._path} cannot be read: {error.strerror}")
        except ValueError as error:  # no UTF-8 and no TOML are such too
            self._complain(f"{self._path}: {error}")
        else:
            again = bool(self._clients or self._trouble)
            self._clients = {self._under_key(digest): name for digest, name in clients.items()}
            self._trouble = ""
            if again:
                log.info("relayer.tokens: read again: %d tokens", len(clients))

    def _complain(self, trouble: str) -> None:
        self._trouble, self._said_at = trouble, self._clock() - REMIND_AFTER

    def _under_key(self, digest: bytes) -> bytes:
        return hmac.digest(self._key, digest, "sha256")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _signature(path: Path) -> _Signature | None:
    """What changes when a file does; None: there is none to look at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
