"""What several nodes must agree on. Answers are compared by what they say of the chain, whatever their form."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from afterproof.errors import AfterproofError, ChainUnavailable, ConfigError, Disagreement

from .endpoint import Endpoint
from .errors import TooManyResults
from .heads import Heads, number_of

log = logging.getLogger(__name__)

_BLOCK: Final = "eth_getBlockByNumber"

_ABOUT: Final = {
    _BLOCK: "the chain's blocks",
    "eth_getLogs": "the events of a range of blocks",
    "eth_call": "what the contracts hold",
    "eth_getCode": "the contracts' code",
    "eth_getBalance": "an account's balance",
}
_HEADER: Final = ("number", "hash", "parentHash", "timestamp", "baseFeePerGas", "logsBloom")
_LOG: Final = ("blockNumber", "blockHash", "transactionHash", "logIndex", "address", "topics", "data")

PIN: Final = 1.0
"""Seconds for which what the contracts hold is read at the same block."""

OUTVOTED_REST: Final = 30.0
"""Seconds for which a node that was outvoted is left alone, as long as there are others."""

REPEAT_AFTER: Final = 60.0
"""Seconds after which it is said again that a node is outvoted."""


def is_taken_in(method: str, params: Sequence[Any]) -> bool:
    """Whether a request's answer is taken in, so that nodes must agree on it.

    What hangs on transactions that wait is each node's own: nothing is taken in from there.
    """
    return method in _ABOUT and "pending" not in params


def essence(method: str, result: Any) -> str:
    """What two answers to a request must have in common, whichever programs the nodes run."""
    if method == _BLOCK and isinstance(result, dict):
        result = [result.get(name) for name in _HEADER]
    elif method == "eth_getLogs" and isinstance(result, list):
        result = sorted(json.dumps(_picked(log)) for log in result)
    return json.dumps(result).lower()


def common(method: str, result: Any) -> Any:
    """An answer without what the nodes were not compared by: a log's time is the block's."""
    if method != "eth_getLogs" or not isinstance(result, list):
        return result
    return [
        {key: value for key, value in one.items() if key != "blockTimestamp"}
        if isinstance(one, dict)
        else one
        for one in result
    ]


class Asking(Protocol):
    """Who asks the nodes."""

    def groups(self, now: float) -> list[list[Endpoint]]:
        """The nodes that are well, in order of preference; then those that are to be tried where these fail."""
        ...

    def hear(
        self, one: Endpoint, method: str, params: tuple[Any, ...], read: Callable[[Any], Any]
    ) -> tuple[Any, Any]:
        """One node's answer, and what ``read`` makes of it."""
        ...


class Agreement:
    """What ``least`` of ``among`` nodes agree on, each asked in turn by ``asking`` until so many do."""

    def __init__(
        self, least: int, among: int, asking: Asking, heads: Heads, clock: Callable[[], float]
    ) -> None:
        self._least, self._among, self._asking = least, among, asking
        self._heads, self._clock = heads, clock
        self._pin: tuple[int, float] | None = None

    def answer(self, method: str, params: tuple[Any, ...]) -> Any:
        """The answer that so many nodes give; what is asked of the newest block, of the newest that so many have.

        Raises:
            Disagreement: too few agree, or answer.
            CallReverted, SendFailed: so many refuse.
        """
        if method == _BLOCK and params[0] == "latest":
            return self._head()
        params = tuple(hex(self._newest()) if one == "latest" else one for one in params)
        ballot, troubles = Ballot(self._least, _ABOUT[method]), list[AfterproofError]()
        for group in self._asking.groups(self._clock()):
            for one in group:
                if self._vote(ballot, one, method, params, troubles):
                    return ballot.outcome(self._clock)
        for error in troubles:
            if isinstance(error, TooManyResults):
                raise error  # of less, those may agree that are asked for less
        raise ballot.trouble(self._among, troubles)

    def forget(self) -> None:
        """The chain has gone on: the newest block is another."""
        self._pin = None

    def _vote(
        self,
        ballot: "Ballot",
        one: Endpoint,
        method: str,
        params: tuple[Any, ...],
        troubles: list[AfterproofError],
    ) -> bool:
        """Whether a node's answer is the one that decides."""
        try:
            result, _ = self._asking.hear(one, method, params, lambda result: result)
        except (ChainUnavailable, ConfigError) as error:
            troubles.append(error)
            return False
        except AfterproofError as error:
            return ballot.cast(one, f"{type(error).__name__} {error}", error)
        return ballot.cast(one, essence(method, result), common(method, result))

    def _head(self) -> Any:
        """The newest block that so many nodes have, and are at one about."""
        ballot, troubles = Ballot(self._least, _ABOUT[_BLOCK]), list[AfterproofError]()
        heads = self._heads_told(troubles)
        for number in sorted({number for number, _, _ in heads}, reverse=True):
            reached = [head for head in heads if head[0] >= number]
            if len(reached) < self._least:
                continue
            ballot = Ballot(self._least, _ABOUT[_BLOCK])
            for at, one, header in reached:
                if at == number:
                    is_won = ballot.cast(one, essence(_BLOCK, header), header)
                else:
                    is_won = self._vote(ballot, one, _BLOCK, (hex(number), False), troubles)
                if is_won:
                    self._heads.agree(number)
                    self._pin = number, self._clock()
                    return ballot.outcome(self._clock)
        raise ballot.trouble(self._among, troubles, len(heads))

    def _heads_told(self, troubles: list[AfterproofError]) -> list[tuple[int, Endpoint, Any]]:
        """The newest block of each node that is well; of the others too, where those are too few."""
        found = []
        for group in self._asking.groups(self._clock()):
            for one in group:
                try:
                    header, number = self._asking.hear(one, _BLOCK, ("latest", False), _number)
                    found.append((number, one, header))
                except (ChainUnavailable, ConfigError) as error:
                    troubles.append(error)
            if len(found) >= self._least:
                break
        return found

    def _newest(self) -> int:
        """The number of the newest block that so many nodes have, as it was a moment ago."""
        pin = self._pin
        if pin is None or not 0 <= self._clock() - pin[1] < PIN:
            return _number(self._head())
        return pin[0]


def _number(header: Any) -> int:
    if not isinstance(header, dict):
        raise ChainUnavailable("the node has no newest block")
    return number_of(header.get("number"))


def _picked(one: Any) -> Any:
    return [one.get(name) for name in _LOG] + [bool(one.get("removed"))] if isinstance(one, dict) else one


@dataclass
class Ballot:
    """The answers to one question, until ``least`` nodes agree; a refusal is an answer too."""

    least: int
    about: str
    votes: list[tuple[Endpoint, str, Any]] = field(default_factory=list)

    def cast(self, one: Endpoint, key: str, answer: Any) -> bool:
        """A node's answer, alike to others' by ``key``; whether so many nodes give it."""
        self.votes.append((one, key, answer))
        return sum(known == key for _, known, _ in self.votes) >= self.least

    def outcome(self, clock: Callable[[], float]) -> Any:
        """The answer that was cast last, which won; the others are left alone for a while.

        Raises:
            AfterproofError: the answer was that refusal.
        """
        _, key, answer = self.votes[-1]
        for one, other, _ in self.votes:
            if other != key:
                one.rest(clock(), OUTVOTED_REST)
                one.complain(self.about, "Outvoted")
                if one.is_to_be_said(time.monotonic(), REPEAT_AFTER):
                    log.error(
                        "%s says otherwise than %d others of %s: it is not believed",
                        one.named, self.least, self.about,
                    )  # fmt: skip
        if isinstance(answer, AfterproofError):
            raise answer
        return answer

    def trouble(
        self, among: int, troubles: Sequence[AfterproofError], answered: int | None = None
    ) -> ChainUnavailable:
        """Why there is no outcome. The sentence is the same as long as the trouble is."""
        if len({key for _, key, _ in self.votes}) > 1:
            return Disagreement(
                f"chain.quorum: no {self.least} of the {among} nodes agree on {self.about}: nothing is taken in "
                "until they do"
            )
        why = "; ".join(dict.fromkeys(str(error) for error in troubles))
        return Disagreement(
            f"chain.quorum: {self.least} nodes must agree on {self.about}, and "
            f"{len(self.votes) if answered is None else answered} answered" + (f": {why}" if why else "")
        )
