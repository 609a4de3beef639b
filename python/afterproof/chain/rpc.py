"""JSON-RPC to the chain, through one node or several: requests, and answers as checked values.

Each request goes to the first node that is fit for it, and on to the next where that one does not answer, answers
nonsense, or asks to be left alone. Transactions go to all of them.

With a quorum, what is taken in of the chain (blocks, events, what the contracts hold) is what so many nodes agree on:
each is asked in turn until they do, about the newest block that so many of them have. Then one node's refusal of what
would be sent proves nothing either: so many must refuse.

What one node told of the chain is not taken back by another: for a while a node that has not come as far as the
newest block told of answers nothing about the present state. A node whose newest block is old, while others have
newer ones, is left out.
"""

import logging
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from afterproof.errors import AfterproofError, ChainUnavailable, ConfigError

from .base import Block
from .broadcast import broadcast
from .endpoint import Endpoint, Observer
from .errors import NodeError, NotOffered, Throttled, TooManyResults, Unreachable
from .heads import Behind, Heads
from .quorum import Agreement, is_taken_in

log = logging.getLogger(__name__)

T = TypeVar("T")

STALE_AFTER: Final = 30.0
"""Seconds by which a node's newest block may be older than another's."""

RECHECK: Final = 60.0
"""Seconds after which a node that was on another chain is asked again where it is."""


class Rpc:
    """The nodes at ``urls`` (http or https; one or several, in order of preference).

    Each answer is awaited for ``timeout`` seconds. Nodes on another chain than ``chain_id`` are refused; None: any
    will do. ``quorum`` nodes must agree on what is taken in. Safe for several threads.

    Raises:
        ConfigError: one of ``urls`` is not of that form, or there is none, or there are fewer than ``quorum``.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        timeout: float = 10.0,
        chain_id: int | None = None,
        observer: Observer | None = None,
        stale_after: float = STALE_AFTER,
        clock: Callable[[], float] = time.monotonic,
        quorum: int = 1,
    ) -> None:
        several = [urls] if isinstance(urls, str) else list(urls)
        if not several:
            raise ConfigError("chain.rpc must be the http:// or https:// address of a node")
        if quorum > len(several):
            raise ConfigError(
                f"chain.quorum must be at most the number of nodes in chain.rpc, {len(several)}, and is {quorum}"
            )
        self._endpoints = [Endpoint(url, timeout, observer=observer) for url in several]
        self._timeout = timeout
        self._chain_id = chain_id
        self._clock = clock
        self._quorum = quorum
        self._heads = Heads(self._endpoints, stale_after, clock, self.check_chain, trusting=quorum == 1)
        self._agreement = Agreement(quorum, len(several), self, self._heads, clock)

    def __repr__(self) -> str:
        return f"Rpc({self.node})"

    @property
    def node(self) -> str:
        """The nodes as they may be shown."""
        return ", ".join(one.node for one in self._endpoints)

    def request(self, method: str, *params: Any) -> Any:
        """The result of a request, any JSON value.

        Raises:
            ChainUnavailable: no answer, or nonsense.
            CallReverted, SendFailed: as the node's error says.
            ConfigError: no node is on the right chain.
        """
        return self._ask(method, params, lambda result: result)

    def request_from(self, method: str, *params: Any) -> tuple[Any, Endpoint | None]:
        """The same, and which node's word it is; None: so many nodes agree on it."""
        if self._quorum > 1 and is_taken_in(method, params):
            return self.request(method, *params), None
        return self.ask_besides(None, method, params)

    def blame(self, one: Endpoint, error: ChainUnavailable) -> None:
        """What a node answered was found wrong: it is left alone for a while, as long as there are others."""
        one.failed(error, self._clock())
        one.complain("eth_getLogs", "LeftOut")

    def quantity(self, method: str, *params: Any) -> int:
        """The result of a request, an unsigned number."""
        return self._ask(method, params, lambda result: quantity(result, method))

    def data(self, method: str, *params: Any) -> bytes:
        """The result of a request, bytes."""
        return self._ask(method, params, lambda result: data(result, method))

    def block(self, number: int | str) -> Block | None:
        """The block of that number or tag; None where the node has none."""
        header = self.header(number)
        return None if header is None else block_of(header)

    def header(self, number: int | str) -> dict[str, Any] | None:
        """The block of that number or tag as the node's JSON object; None where the node has none."""
        tag = number if isinstance(number, str) else hex(number)
        return self._ask("eth_getBlockByNumber", (tag, False), _header)

    def send(self, raw: bytes) -> None:
        """Hands a signed transaction in, to every node at hand. One that they have already is no error.

        Raises:
            SendFailed: none takes it, and at least one said why.
            ChainUnavailable: none answered: one may have it all the same.
        """
        self._agreement.forget()
        for group in self.groups(self._clock()):
            try:
                return broadcast(group, raw, self._timeout, self._clock, self.check_chain)
            except Unreachable as error:
                trouble = error
        raise trouble

    def check_chain(self, one: Endpoint) -> None:
        """Looks once, and again after each failure, whether a node is on the right chain.

        Raises:
            ConfigError: it is not; it is left out for a while.
        """
        if one.chain_known or self._chain_id is None:
            return
        here = quantity(one.ask("eth_chainId"), "eth_chainId")
        if here != self._chain_id:
            sentence = (
                f"chain.rpc: {one.named} is on chain {here}, but the deployment's address file is for "
                f"chain {self._chain_id}: set chain.rpc to a node of that chain, or use this chain's address file"
            )
            if not one.refused and len(self._endpoints) > 1:
                log.error("%s; it is not used", sentence)
            one.refused = sentence
            one.rest(self._clock(), RECHECK)
            raise ConfigError(sentence)
        one.refused, one.chain_known = "", True

    def groups(self, now: float) -> list[list[Endpoint]]:
        """The nodes that are well, in order of preference; then those that are to be tried where these fail.

        Raises:
            ConfigError, Unreachable: there are none at all.
        """
        well = [one for one in self._endpoints if not one.is_resting(now)]
        unwell = [one for one in self._endpoints if one.is_resting(now) and not one.refused]
        tired = sorted((one for one in unwell if not one.must_rest(now)), key=lambda one: one.rests_until)
        groups = [group for group in (well, tired) if group]
        if not groups and not unwell:
            raise ConfigError(self._endpoints[0].refused)
        if not groups:
            first = min(unwell, key=lambda one: one.rests_until)
            rest = first.must_rest(now)
            raise Unreachable(f"{first.named} asked to be left alone for {rest:.0f} seconds more", rest)
        return groups

    def _ask(self, method: str, params: tuple[Any, ...], read: Callable[[Any], T]) -> T:
        """What ``read`` makes of the answer; raises ChainUnavailable where that is nonsense."""
        if self._quorum > 1 and is_taken_in(method, params):
            self._heads.look_around()
            return read(self._agreement.answer(method, params))
        return self.ask_besides(None, method, params, read)[0]

    def ask_besides(
        self,
        besides: Endpoint | None,
        method: str,
        params: tuple[Any, ...],
        read: Callable[[Any], T] = lambda result: result,
    ) -> tuple[T, Endpoint]:
        """What ``read`` makes of the first fit node's answer, and which node that was: not ``besides``, if there are
        others."""
        self._heads.look_around()
        troubles: list[AfterproofError] = []
        refusals: list[AfterproofError] = []
        for group in self.groups(self._clock()):
            for one in group:
                if one is besides and len(self._endpoints) > 1:
                    continue
                try:
                    return self.hear(one, method, params, read)[1], one
                except TooManyResults:
                    raise
                except (ChainUnavailable, ConfigError) as error:
                    troubles.append(error)
                except AfterproofError as error:
                    refusals.append(error)
                    if len(refusals) >= self._quorum:
                        raise
            if any(isinstance(error, NodeError) and not isinstance(error, Throttled) for error in troubles):
                break  # the others would only take long to say no more
        if refusals:
            raise ChainUnavailable(
                f"chain.quorum: {self._quorum} nodes must agree, and {len(refusals)} says: {refusals[0]}"
            )
        raise _telling(troubles)

    def hear(
        self, one: Endpoint, method: str, params: tuple[Any, ...], read: Callable[[Any], T]
    ) -> tuple[Any, T]:
        """One node's answer, and what ``read`` makes of it. How the node did is noted."""
        try:
            self.check_chain(one)
            self._heads.admit(one, method, params)
            result = one.ask(method, *params)
            answer = read(result)
            self._heads.notice(one, method, params, result)
            if method == "eth_getTransactionReceipt" and result is not None:
                self._agreement.forget()
        except Behind:
            one.rest(self._clock(), 1.0)
            raise
        except ConfigError:
            raise
        except ChainUnavailable as error:
            if isinstance(error, Throttled) or not isinstance(error, NodeError):
                one.failed(error, self._clock())
            raise
        except AfterproofError:
            one.answered()
            raise
        one.answered()
        return result, answer


def _telling(troubles: list[AfterproofError]) -> AfterproofError:
    """The error to raise for those of all nodes: the one that says most, or all in one."""
    said = [error for error in troubles if isinstance(error, NodeError)]
    said.sort(key=lambda error: isinstance(error, NotOffered))
    if said:
        return said[0]
    if len(troubles) == 1 or all(isinstance(error, ConfigError) for error in troubles):
        return troubles[0]
    return ChainUnavailable("; ".join(dict.fromkeys(str(error) for error in troubles)))


def _header(answer: Any) -> dict[str, Any] | None:
    if answer is not None and not isinstance(answer, dict):
        raise ChainUnavailable("the node answered eth_getBlockByNumber with something that is not a block")
    return answer


def block_of(header: dict[str, Any]) -> Block:
    """The block in a node's JSON object."""
    return Block(
        quantity(header.get("number"), "a block's number"),
        data(header.get("hash"), "a block's hash", 32),
        quantity(header.get("timestamp"), "a block's timestamp"),
    )


def quantity(value: Any, what: str) -> int:
    """An unsigned number of at most 256 bits from its 0x-hex."""
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", value):
        raise ChainUnavailable(f"the node answered {what} with something that is not a number")
    return int(value, 16)


def data(value: Any, what: str, size: int | None = None) -> bytes:
    """Bytes, ``size`` of them if given, from their 0x-hex."""
    well_formed = isinstance(value, str) and re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", value)
    if not well_formed or (size is not None and len(value) != 2 + 2 * size):
        raise ChainUnavailable(f"the node answered {what} with something that is not {size or 'whole'} bytes")
    return bytes.fromhex(value[2:])
