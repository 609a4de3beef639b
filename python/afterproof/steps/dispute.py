"""Dispute: prove each fault that was found, the soonest deadline first, and note what came of it."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..chain.base import Block
from ..errors import AfterproofError, CallReverted, SendFailed
from ..protocol.evidence import read_duplicate_evidence
from ..protocol.header import BatchId, first_seq_of, lane_of, name_of
from ..protocol.merkle import TILE, root_of
from ..protocol.receipt import Leaf, Receipt
from ..protocol.shares import PROVER_PERCENT, share_of
from ..protocol.state import Claim, FaultKind
from ..store.batches import PostedBatch
from ..store.deadlines import Action, Deadline
from ..store.faults import ProvenFault
from ..store.verdicts import State, Verdict, What
from .context import Context
from .rehearse import act, is_overtaken
from .unstored import backoff

log = logging.getLogger(__name__)

MOST: Final = 16
"""Proofs sent before the chain is looked at again."""

RESEND: Final = 2
"""Seconds until a proof that landed, but whose event did not come, is tried again: a reorganisation may have taken it.
Soon, because windows may be short, and safely so: what did land is refused in the simulation, before it costs gas."""


@dataclass(frozen=True)
class Due:
    """A fault to be proven: its deadline's row, and ``end``, the last second for it; None: a demand keeps it open."""

    deadline: Deadline
    verdict: Verdict
    posted: PostedBatch
    end: int | None

    @property
    def until(self) -> int:
        """The last second for it, as far as that is known."""
        return self.end if self.end is not None else max(self.deadline.time, self.posted.header.window_end)


def dispute(context: Context) -> bool:
    """Prove what is pending, one transaction each; what another has proven first is a lost race.

    The soonest end comes first, and of those that end together whatever is worth most. A refused or failed proof is
    tried again later and holds up no other. True where more wait to be sent.

    Raises:
        ChainUnavailable: the node does not answer.
    """
    cursor = context.store.chain.cursor()
    if cursor is None:
        return False
    sent: set[tuple[BatchId, int]] = set()
    for due in sorted(_due(context), key=partial(_rank, context)):
        if _settled(context, due, cursor) or due.verdict.next_at > context.now:
            continue
        if context.rehearsal.has("dispute", _about(due.verdict)):
            continue
        place = (due.verdict.batch, due.verdict.place)
        if place in sent and due.verdict.kind != FaultKind.MISDECLARED_RANGE:
            continue  # a leaf is voided once: the other fault waits for what comes of the first
        if len(sent) == MOST:
            return True
        sent.add(place)
        _prove(context, due)
    return False


def _due(context: Context) -> list[Due]:
    """What is to be proven, and its rows tidied up."""
    store, found = context.store, []
    for deadline in store.deadlines.all(Action.DISPUTE):
        verdicts = store.verdicts.at(deadline.batch, deadline.place, What.DISPUTE)
        posted = store.batches.posted(deadline.batch)
        if not verdicts or posted is None:
            log.error("leaf %d of batch %d is not in the store any more", deadline.place, deadline.batch)
            store.deadlines.remove(deadline)
            continue
        pending = [verdict for verdict in verdicts if verdict.state is State.PENDING]
        if not pending:
            with store.transaction():  # another process may find another fault of the leaf at this moment
                _tidy(context, deadline)
        end = store.tiles.end(posted, deadline.place // TILE)
        found += [Due(deadline, verdict, posted, end) for verdict in pending]
    return found


def _rank(context: Context, due: Due) -> tuple[int, int, int, int]:
    """What is sent before what: by its end, by what it earns, by its place."""
    epoch = context.store.registry.epoch(due.posted.header.epoch)
    worth = epoch.terms.leaf_slash if epoch is not None else 0
    return due.until, -worth, due.verdict.batch, due.verdict.place


def _settled(context: Context, due: Due, cursor: Block) -> bool:
    """Whether nothing is left to be done for a fault; why, is written down."""
    store, deadline, verdict = context.store, due.deadline, due.verdict
    proven = store.faults.closing(deadline.batch, deadline.place, verdict.kind)
    tile, now = deadline.place // TILE, cursor.timestamp
    if proven is not None:
        _settle_proven(context, deadline, verdict, proven, cursor.number)
    elif store.tiles.struck_at(due.posted, tile, now) is not None:
        _settle(context, deadline, verdict, State.STRUCK, cursor.number)
        if verdict.kind == FaultKind.MISDECLARED_RANGE:
            _look_again(context, due, now)
        log.info("%s needs no proof any more: its tile was struck", _name(verdict), extra=_fields(verdict))
    elif due.end is not None and now > due.end:
        _settle(context, deadline, verdict, State.TOO_LATE, cursor.number)
        log.error(
            "%s was not disputed before its window ended%s", _name(verdict), _because(verdict),
            extra=_fields(verdict) | {"error": verdict.why},
        )  # fmt: skip
    elif not _holds(due.posted, verdict):
        # A mistake of ours, or a damaged store: never sent, and it must hold up no other.
        _settle(context, deadline, verdict, State.UNPROVABLE, cursor.number)
        log.error(
            "%s is not in its batch by the proof in the store; it is not disputed", _name(verdict),
            extra=_fields(verdict),
        )  # fmt: skip
    elif verdict.kind == FaultKind.DUPLICATE_RECEIPT and not _has_standing_first(context, verdict, now):
        with store.transaction():
            store.verdicts.drop(verdict)
            _tidy(context, deadline)
            store.deadlines.add(Deadline(now, Action.COMPARE, verdict.batch, verdict.place))
        log.info("%s is none any more: the earlier one is void", _name(verdict), extra=_fields(verdict))
    else:
        return False
    return True


def _look_again(context: Context, due: Due, now: int) -> None:
    """Another tile may hold a leaf outside of the declared range: the batch is checked again, from the archive."""
    with context.store.transaction():
        context.store.verdicts.remove_check(due.posted.id)
        context.store.deadlines.add(Deadline(now, Action.CHECK, due.posted.id))


def _has_standing_first(context: Context, verdict: Verdict, now: int) -> bool:
    """Whether the earlier leaf that the evidence names is not known to be void."""
    store = context.store
    batch, index, _, _ = read_duplicate_evidence(verdict.evidence)
    posted = store.batches.posted(batch)
    if posted is None:
        return True  # the contract will say
    return (
        index not in store.faults.voids(batch) and store.tiles.struck_at(posted, index // TILE, now) is None
    )


def _prove(context: Context, due: Due) -> None:
    """Send one proof. Whether it counted is learnt from its event."""
    verdict, leaf = due.verdict, _leaf(due.verdict)
    claim = Claim(verdict.batch, verdict.place, leaf.receipt, leaf.signature, verdict.proof, verdict.evidence)
    about, kind = _about(verdict), FaultKind(verdict.kind)
    try:
        landed = act(
            context, "dispute", about, f"proved {_name(verdict)}",
            lambda dry: context.chain.prove_fault(kind, claim, dry), _fields(verdict),
        )  # fmt: skip
    except CallReverted as error:
        if is_overtaken(error):
            log.info("%s is settled already: %s", _name(verdict), error, extra=_fields(verdict))
            context.store.verdicts.postpone(verdict, context.now + 1, str(error))
        else:
            _postpone(context, due, error)
    except SendFailed as error:
        _postpone(context, due, error)
    else:
        if landed is None:
            return
        context.store.verdicts.sent(verdict, landed.tx_hash, landed.fee, context.now + RESEND)
        context.metrics.chain.land("dispute", landed.gas_used, landed.fee)
        log.info(
            "proved %s in block %d for %d gas", _name(verdict), landed.block, landed.gas_used,
            extra=_fields(verdict) | landed.fields,
        )  # fmt: skip


def _holds(posted: PostedBatch, verdict: Verdict) -> bool:
    """Whether the leaf stands where the verdict says, by the proof that would be sent."""
    return root_of(_leaf(verdict).hash, verdict.place, posted.header.count, verdict.proof) == posted.root


def _leaf(verdict: Verdict) -> Leaf:
    return Leaf(Receipt.from_words(verdict.words), verdict.signature)


def _postpone(context: Context, due: Due, error: AfterproofError) -> None:
    verdict = due.verdict
    wait = backoff(verdict.attempts + 1, left=due.until - context.chain_now)
    context.store.verdicts.postpone(verdict, context.now + wait, str(error))
    fields = _fields(verdict) | {"attempt": verdict.attempts + 1, "retry_seconds": wait, "error": str(error)}
    log.error("%s was not proven, again in %d s: %s", _name(verdict), wait, error, extra=fields)


def _settle_proven(
    context: Context, deadline: Deadline, verdict: Verdict, proven: ProvenFault, block: int
) -> None:
    is_of_verdict = (proven.place, proven.kind) == (verdict.place, verdict.kind)
    if is_of_verdict and proven.prover == context.chain.account:
        reward = share_of(proven.slashed, PROVER_PERCENT)
        _settle(context, deadline, verdict, State.PROVEN, block, reward)
        context.metrics.checking.prove(verdict.kind)
        log.info(
            "%s is proven; the lane lost %d wei, %d of it are ours", _name(verdict), proven.slashed, reward,
            extra=_fields(verdict) | {"reward": reward},
        )  # fmt: skip
    else:
        _settle(context, deadline, verdict, State.LOST_RACE, block)
        fields = _fields(verdict)
        if proven.prover == context.chain.account:
            log.info("%s needs no proof any more: another of ours was enough", _name(verdict), extra=fields)
        else:
            log.info("%s was proven first by 0x%s", _name(verdict), proven.prover.hex(), extra=fields)


def _settle(
    context: Context,
    deadline: Deadline,
    verdict: Verdict,
    state: State,
    block: int,
    reward: int | None = None,
) -> None:
    with context.store.transaction():
        context.store.verdicts.settle(verdict, state, block, reward, verdict.why)
        _tidy(context, deadline)
    context.metrics.checking.settle(state.name.lower())


def _tidy(context: Context, deadline: Deadline) -> None:
    """A leaf's deadline goes with the last of its faults that is pending."""
    verdicts = context.store.verdicts.at(deadline.batch, deadline.place, What.DISPUTE)
    if not any(one.state is State.PENDING for one in verdicts):
        context.store.deadlines.remove(deadline)


def _fields(verdict: Verdict) -> dict[str, object]:
    """What a message about a fault is about."""
    lane, first_seq = lane_of(verdict.batch), first_seq_of(verdict.batch)
    return {"lane": lane, "batch": f"{lane}/{first_seq}", "place": verdict.place,
            "fault": FaultKind(verdict.kind).name.lower()}  # fmt: skip


def _about(verdict: Verdict) -> tuple[int, int, int]:
    return verdict.batch, verdict.place, verdict.kind


def _name(verdict: Verdict) -> str:
    kind = FaultKind(verdict.kind).name
    return f"{kind} of leaf {verdict.place} in batch {name_of(verdict.batch)}"


def _because(verdict: Verdict) -> str:
    return f"; the last attempt failed: {verdict.why}" if verdict.why else ""
