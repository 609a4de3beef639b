"""One transaction to several nodes at once: the first that takes it is enough, and none holds up the others."""

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from afterproof.errors import AfterproofError, ChainUnavailable, SendFailed

from .endpoint import Endpoint
from .errors import AlreadyKnown, NodeError, Throttled, Unreachable


def broadcast(
    endpoints: Sequence[Endpoint],
    raw: bytes,
    timeout: float,
    clock: Callable[[], float],
    check_chain: Callable[[Endpoint], None],
) -> None:
    """Hands ``raw`` to all ``endpoints``; returns when one has taken it, or had it already.

    Raises:
        SendFailed: none takes it, and at least one said why.
        Unreachable: none answered.
    """
    heard: SimpleQueue[AfterproofError | None] = SimpleQueue()

    def hand_in(one: Endpoint) -> None:
        heard.put(_outcome(one, raw, clock, check_chain))

    for one in endpoints[1:]:
        # Daemons: a node that keeps silent must not keep the process from ending.
        threading.Thread(target=hand_in, args=(one,), name="broadcast", daemon=True).start()
    if len(endpoints) == 1:
        hand_in(endpoints[0])
    else:
        threading.Thread(target=hand_in, args=(endpoints[0],), name="broadcast", daemon=True).start()
    troubles: list[AfterproofError] = []
    for _ in endpoints:
        try:
            trouble = heard.get(timeout=2 * timeout + 1)
        except Empty:
            trouble = Unreachable("a node takes too long to answer eth_sendRawTransaction")
        if trouble is None:
            return
        troubles.append(trouble)
    refusal = next((error for error in troubles if isinstance(error, SendFailed)), None)
    if refusal is not None:
        raise refusal
    raise Unreachable("; ".join(dict.fromkeys(str(error) for error in troubles)))


def _outcome(
    one: Endpoint, raw: bytes, clock: Callable[[], float], check_chain: Callable[[Endpoint], None]
) -> AfterproofError | None:
    """What became of it at one node; None: it has it."""
    try:
        check_chain(one)
        one.ask("eth_sendRawTransaction", "0x" + raw.hex())
    except AlreadyKnown:
        pass
    except ChainUnavailable as error:
        if isinstance(error, Throttled) or not isinstance(error, NodeError):
            one.failed(error, clock())
        return error
    except AfterproofError as error:
        return error
    one.answered()
    return None
