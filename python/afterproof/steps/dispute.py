"""Dispute: prove each fault that was found, the soonest deadline first, and note what came of it."""

import logging
from typing import Final

from ..errors import AfterproofError, CallReverted, SendFailed
from ..protocol.header import first_seq_of, lane_of
from ..protocol.merkle import root_of
from ..protocol.receipt import Leaf, Receipt
from ..protocol.state import Claim, FaultKind
from ..protocol.terms import GWEI
from ..store.batches import PostedBatch, VoidedLeaf
from ..store.deadlines import Action, Deadline
from ..store.verdicts import State, Verdict, What
from .context import Context

log = logging.getLogger(__name__)

MOST: Final = 16
"""Proofs sent before the chain is looked at again."""

RESEND: Final = 2
"""Seconds until a proof that landed, but whose event did not come, is tried again: a reorganisation may have taken it.
Soon, because windows may be short, and safely so: what did land is refused in the simulation, before it costs gas."""

LONGEST_BACKOFF: Final = 60


def dispute(context: Context) -> bool:
    """Prove what is pending, one transaction each; what another has proven first is a lost race.

    A refused or failed proof is tried again later and holds up no other. True where more wait to be sent.

    Raises:
        ChainUnavailable: the node does not answer.
    """
    cursor = context.store.chain.cursor()
    if cursor is None:
        return False
    sent = 0
    for deadline in context.store.deadlines.all(Action.DISPUTE):
        verdict = context.store.verdicts.find(deadline.batch, deadline.place, What.DISPUTE)
        posted = context.store.batches.posted(deadline.batch)
        if verdict is None or posted is None:
            log.error("leaf %d of batch %d is not in the store any more", deadline.place, deadline.batch)
            context.store.deadlines.remove(deadline)
            continue
        proven = context.store.batches.void(deadline.batch, deadline.place)
        if proven is not None:
            _settle_proven(context, deadline, verdict, proven, cursor.number)
        elif cursor.timestamp > deadline.time:
            _settle(context, deadline, verdict, State.TOO_LATE, cursor.number)
            log.error("%s was not disputed before its window ended%s", _name(verdict), _because(verdict))
        elif not _holds(posted, verdict):
            # A mistake of ours, or a damaged store: never sent, and it must hold up no other.
            _settle(context, deadline, verdict, State.UNPROVABLE, cursor.number)
            log.error("%s is not in its batch by the proof in the store; it is not disputed", _name(verdict))
        elif verdict.next_at <= context.now:
            if sent == MOST:
                return True
            sent += 1
            _prove(context, verdict)
    return False


def _prove(context: Context, verdict: Verdict) -> None:
    """Send one proof. Whether it counted is learnt from its event."""
    leaf = _leaf(verdict)
    claim = Claim(verdict.batch, verdict.place, leaf.receipt, leaf.signature, verdict.proof, verdict.evidence)
    try:
        landed = context.chain.prove_fault(FaultKind(verdict.kind), claim)
    except CallReverted as error:
        if error.error == "AlreadyProven":
            log.info("%s is proven already", _name(verdict))  # by whom, the event will say
            context.store.verdicts.postpone(verdict, context.now + 1, str(error))
        else:
            _postpone(context, verdict, error)
    except SendFailed as error:
        _postpone(context, verdict, error)
    else:
        context.store.verdicts.sent(verdict, landed.tx_hash, landed.fee, context.now + RESEND)
        log.info("proved %s in block %d for %d gas", _name(verdict), landed.block, landed.gas_used)


def _holds(posted: PostedBatch, verdict: Verdict) -> bool:
    """Whether the leaf stands where the verdict says, by the proof that would be sent."""
    return root_of(_leaf(verdict).hash, verdict.place, posted.header.count, verdict.proof) == posted.root


def _leaf(verdict: Verdict) -> Leaf:
    return Leaf(Receipt.from_words(verdict.words), verdict.signature)


def _postpone(context: Context, verdict: Verdict, error: AfterproofError) -> None:
    wait = min(2 ** min(verdict.attempts, 16), LONGEST_BACKOFF)
    context.store.verdicts.postpone(verdict, context.now + wait, str(error))
    log.error("%s was not proven, again in %d s: %s", _name(verdict), wait, error)


def _settle_proven(
    context: Context, deadline: Deadline, verdict: Verdict, proven: VoidedLeaf, block: int
) -> None:
    if proven.prover == context.chain.account:
        # The prover's share, as the contract divides it: half, in whole gwei.
        reward = proven.slashed // GWEI // 2 * GWEI
        _settle(context, deadline, verdict, State.PROVEN, block, reward)
        log.info(
            "%s is voided; the lane lost %d wei, %d of it are ours", _name(verdict), proven.slashed, reward
        )
    else:
        _settle(context, deadline, verdict, State.LOST_RACE, block)
        log.info("%s was proven first by 0x%s", _name(verdict), proven.prover.hex())


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
        context.store.deadlines.remove(deadline)


def _name(verdict: Verdict) -> str:
    kind = FaultKind(verdict.kind).name
    return f"{kind} of leaf {verdict.place} in batch {lane_of(verdict.batch)}/{first_seq_of(verdict.batch)}"


def _because(verdict: Verdict) -> str:
    return f"; the last attempt failed: {verdict.why}" if verdict.why else ""
