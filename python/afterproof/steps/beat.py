"""Beat: report on-chain which nodes gave a sign of life, and show their signatures to whoever doubts it.

A relayer reports when ``relayer.heartbeats`` says so; its account then bonds itself once. What is to be reported
follows from the store and from what the contract holds now, so a report that was lost or undone is made again.
"""

import logging
from collections.abc import Sequence
from typing import Final

from ..errors import AfterproofError, CallReverted
from ..protocol.errors import InvalidField
from ..protocol.heartbeat import (
    WORD,
    Heartbeat,
    bitmaps,
    reportable_rounds,
    round_of,
    verify_heartbeat,
)
from ..protocol.heartbeat_terms import HeartbeatTerms
from ..store.heartbeats import StoredHeartbeat
from .context import Context

log = logging.getLogger(__name__)

ASKED_AT_ONCE: Final = 25
"""Heartbeats that are looked at in one round for being challenged, so that other steps need not wait."""


def is_reporter(context: Context) -> bool:
    """Whether this relayer reports heartbeats."""
    return context.config.relayer.heartbeats and context.deployment.heartbeats is not None


def take_heartbeat(context: Context, node: bytes, timestamp: int, signature: bytes) -> StoredHeartbeat:
    """Verify a node's heartbeat and have it on disk; one of its round that came earlier is answered instead.

    Raises:
        InvalidField: the node is not registered, the time is of no round that can be reported now, or the signature
            is not the node's.
        ChainError: the terms cannot be read.
    """
    key = context.store.registry.public_key(node)
    if key is None:
        raise InvalidField("teeId", "is not registered")
    length = _terms(context).round_length
    number = round_of(timestamp, length)
    if number not in reportable_rounds(context.chain_now, length):
        raise InvalidField("timestamp", f"is of no round that can be reported now: it is {context.chain_now}")
    if not verify_heartbeat(Heartbeat(node, timestamp, key, signature)):
        raise InvalidField("signature", "does not verify under the node's key")
    kept = context.store.heartbeats.find(number, node)
    if kept is None:
        context.store.heartbeats.add(StoredHeartbeat(number, node, timestamp, signature, context.now))
        kept = context.store.heartbeats.find(number, node)
        assert kept is not None
    return kept


def beat(context: Context) -> bool:
    """Answer challenges, then report what was not reported; True where more challenges are to be looked for.

    Raises:
        ChainError: a transaction was refused or failed; the state is looked at afresh in the next round.
        AfterproofError: the bond is too small to report.
    """
    if not is_reporter(context):
        return False
    more = _answer(context)
    _report(context)
    terms = _terms(context)
    oldest = context.chain_now - terms.challenge_window - terms.answer_period
    context.store.heartbeats.forget_before(round_of(max(oldest, 0), terms.round_length) - 2)
    return more


# --- reporting -------------------------------------------------------------------------------------


def _report(context: Context) -> None:
    if context.store.batches.oldest_unposted(context.lane) is not None:
        return  # a batch comes first: a report that does not land would stand in its way
    places: dict[bytes, int] | None = None
    for number in reportable_rounds(context.chain.head().timestamp, _terms(context).round_length):
        stored = context.store.heartbeats.of_round(number)
        if not stored or not _is_ripe(context, stored):
            continue
        if places is None:
            places = {node: place for place, node in enumerate(context.chain.nodes())}
        known = [one for one in stored if one.node in places]
        seen = bitmaps(places[one.node] for one in known)
        missing = {word: bits for word, bits in seen.items() if bits & ~_on_chain(context, number, word)}
        fresh = [
            one for one in known if one.tx_hash is None or missing.get(places[one.node] // WORD)
        ]  # one that is on chain without our knowing how is reported again: its gateway waits for a hash
        if not fresh:
            continue
        words = sorted({places[one.node] // WORD for one in fresh})
        _bond(context)
        span = range(words[0], words[-1] + 1)
        landed = context.chain.report_heartbeats(number, words[0], [seen.get(word, 0) for word in span])
        context.store.heartbeats.set_reported(fresh, landed.tx_hash)
        context.metrics.chain.land("beat", landed.gas_used, landed.fee)
        context.metrics.line.heartbeats.inc(len(fresh))
        log.info(
            "reported %d heartbeats of round %d for %d gas", len(fresh), number, landed.gas_used,
            extra={"round": number, "count": len(fresh)} | landed.fields,
        )  # fmt: skip


def _is_ripe(context: Context, stored: Sequence[StoredHeartbeat]) -> bool:
    """Whether the first that waits has waited long enough for others; what was undone may be reported at once."""
    waiting = [one.received_at for one in stored if one.tx_hash is None]
    return not waiting or context.clock() - min(waiting) >= context.config.relayer.heartbeat_delay


def _on_chain(context: Context, number: int, word: int) -> int:
    return context.chain.heartbeat_bitmap(context.chain.account, number, word)


def _bond(context: Context) -> None:
    """Put the bond up, once. One that was slashed is for its owner to look into."""
    state, needed = context.chain.reporter(context.chain.account), _terms(context).bond
    if state.left_at:
        raise AfterproofError("this account has left the reporters: unset relayer.heartbeats, or use another")
    if state.bond >= needed:
        return
    if state.bond:
        raise AfterproofError(
            f"the reporter's bond is down to {state.bond} wei of {needed}: a challenge was lost; find out why, then "
            "join the reporters again with what is missing"
        )
    landed = context.chain.join_reporters(needed)
    context.metrics.chain.land("beat", landed.gas_used, landed.fee)
    log.info("joined the reporters of heartbeats with a bond of %d wei", needed, extra=landed.fields)


# --- challenges ------------------------------------------------------------------------------------


def _answer(context: Context) -> bool:
    """Look for challenges among some of the heartbeats kept, and answer what is found; True: look on."""
    watch, me = context.heartbeat_watch, context.chain.account
    if not context.chain.reporter(me).open_challenges:
        watch.looked_until = (-1, b"")
        return False
    some = context.store.heartbeats.after(*watch.looked_until, ASKED_AT_ONCE)
    # Once all were looked at, from the beginning: what is left may be another's to settle.
    watch.looked_until = (some[-1].round, some[-1].node) if some else (-1, b"")
    places = {node: place for place, node in enumerate(context.chain.nodes())}
    for one in some:
        place = places.get(one.node)
        deadline = None if place is None else context.chain.heartbeat_deadline(me, one.round, place)
        if place is not None and deadline is not None:
            _show(context, one, place, deadline)
    return bool(some)


def _show(context: Context, one: StoredHeartbeat, place: int, deadline: int) -> None:
    name, fields = f"the heartbeat of node 0x{one.node.hex()} in round {one.round}", {"round": one.round}
    key = context.store.registry.public_key(one.node)
    if key is None or context.chain.head().timestamp > deadline:
        log.error("%s was challenged and cannot be shown any more", name, extra=fields)
        return
    account = context.chain.account
    try:
        landed = context.chain.answer_heartbeat(account, one.round, place, one.timestamp, key, one.signature)
    except CallReverted as error:
        about = {**fields, "error": str(error)}
        log.error("%s was challenged, and its signature refused: %s", name, error, extra=about)
        return
    context.metrics.chain.land("beat", landed.gas_used, landed.fee)
    log.info("%s was challenged, and its signature shown", name, extra=fields | landed.fields)


def _terms(context: Context) -> HeartbeatTerms:
    watch = context.heartbeat_watch
    if watch.terms is None:
        watch.terms = context.chain.heartbeat_terms()
    return watch.terms
