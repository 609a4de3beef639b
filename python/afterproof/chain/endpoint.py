"""One JSON-RPC server over HTTP, a node or a signer: a request, its answer, and how it has been of late.

Over web3's HTTPProvider, without its retries (the steps come round again) and without its formatters: whatever
comes back is checked by who asked, and only :mod:`afterproof.errors` come out.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from afterproof.errors import AfterproofError, ConfigError

from .errors import LONGEST_REST, Throttled, Unreachable, from_failure, from_response

Observer = Callable[[str, str, float | None, str | None], None]
"""Told of every request: the server as it may be shown, the method, the seconds it took, and the name of the error's
class or None. Without seconds: what was found wrong with an answer later, ``method`` being what it was about. Must not
raise."""

_TOO_MANY_REQUESTS = 429

# Both tell each request's whole address at level DEBUG, and access keys stand in it.
for _library in ("web3", "urllib3"):
    logging.getLogger(_library).setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block that a node told of: its number, its time, and when that was by the monotonic clock."""

    number: int
    timestamp: int
    at: float


class Endpoint:
    """A server at ``url`` (http or https), each answer awaited for ``timeout`` seconds.

    ``setting`` and ``what`` say in messages where the address comes from, and what is there.

    Raises:
        ConfigError: ``url`` is not of that form.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        setting: str = "chain.rpc",
        what: str = "node",
        observer: Observer | None = None,
    ) -> None:
        self.node = _shown(url, setting, what)
        self.named = f"the {what} at {self.node}"
        self._timeout = timeout
        self._observer = observer
        self._provider = HTTPProvider(url, {"timeout": timeout}, exception_retry_configuration=None)
        self._failures = 0
        self._rests_until = 0.0
        self._asked_to_rest = False
        self.chain_known = False
        self.refused = ""
        self.head: Head | None = None
        self._said_at: float | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.node})"

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a request, any JSON value.

        Raises:
            Unreachable: no answer, or nonsense.
            CallReverted, SendFailed, NodeError: as the server's error says.
        """
        if self._observer is None:
            return self._ask(method, params)
        started, failed = time.perf_counter(), None
        try:
            return self._ask(method, params)
        except AfterproofError as error:
            failed = type(error).__name__
            raise
        finally:
            self._observer(self.node, method, time.perf_counter() - started, failed)

    def _ask(self, method: str, params: tuple[Any, ...]) -> Any:
        try:
            response = self._provider.make_request(RPCEndpoint(method), params)
        except requests.HTTPError as error:
            # Some nodes send a JSON-RPC error with HTTP status 400 or 500.
            response = _body_of(error)
            if response is None:
                raise from_failure(self.named, self._timeout, error) from None
        except (requests.RequestException, OSError, ValueError, RecursionError) as error:
            # The cause is left out: its text holds the address, which may hold an access key.
            raise from_failure(self.named, self._timeout, error) from None
        if not isinstance(response, dict) or ("result" not in response and "error" not in response):
            raise Unreachable(f"{self.named} answered with something that is not JSON-RPC")
        if response.get("error") is not None:
            raise from_response(method, response["error"])
        return response.get("result")

    # --- how it has been -----------------------------------------------------------------------

    def failed(self, error: Exception, now: float) -> None:
        """It did not do its duty: it rests for a second, twice as long after each further failure, up to a minute.

        One that asked to be left alone rests for as long as it asked. What fails while it rests counts once.
        """
        self.chain_known = False  # whoever answers there next may be another node
        asked = error.rest if isinstance(error, Unreachable) else None
        if self.is_resting(now) and asked is None:
            return
        self._failures += 1
        wait = min(2.0 ** min(self._failures - 1, 16), LONGEST_REST)
        self._asked_to_rest = asked is not None or isinstance(error, Throttled)
        self._rests_until = now + (wait if asked is None else asked)

    def answered(self) -> None:
        """It did its duty."""
        self._failures, self._rests_until, self._asked_to_rest = 0, 0.0, False

    def rest(self, now: float, seconds: float) -> None:
        """Leave it alone for a moment, through no fault of its own."""
        self._rests_until = max(self._rests_until, now + seconds)

    def is_resting(self, now: float) -> bool:
        """Whether it is left alone, as long as there are others."""
        return now < self._rests_until

    def must_rest(self, now: float) -> float:
        """The seconds for which it is left alone even where there is no other, because it asked for that; 0: none."""
        return max(self._rests_until - now, 0.0) if self._asked_to_rest else 0.0

    def complain(self, about: str, kind: str) -> None:
        """Something was found wrong with what it answered."""
        if self._observer is not None:
            self._observer(self.node, about, None, kind)

    def is_to_be_said(self, now: float, every: float) -> bool:
        """Whether what is wrong with it was not said lately; it is said now, then."""
        if self._said_at is not None and now - self._said_at < every:
            return False
        self._said_at = now
        return True

    @property
    def rests_until(self) -> float:
        """When its rest is over, by the monotonic clock."""
        return self._rests_until


def _shown(url: str, setting: str, what: str) -> str:
    """The part of an address that may be shown: paths, queries and user names can hold access keys."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{setting} must be the http:// or https:// address of a {what}")
    return f"{parts.scheme}://{parts.hostname}{port}"


def _body_of(error: requests.HTTPError) -> Any:
    if error.response.status_code == _TOO_MANY_REQUESTS:
        return None  # its headers say more than its body
    try:
        body = error.response.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and isinstance(body.get("error"), dict) else None
