"""Intake: check receipts, give each its place on the lane, and have all of them on disk before any is answered.

Requests that come in together are judged together and are one commit. On a lane with ``ahead`` each receipt is promised
its place by a time: one signature for all of a request that name the same beneficiary, made in the commit that stores
the receipts, and so answered once it is on disk. A lane whose ``ahead`` is 0 promises nothing: its receipts are taken
without a promise, or, by ``relayer.require_promises``, not at all.
"""

import logging
from collections.abc import Callable, Sequence

from ..protocol.admission import Refused as Refused
from ..protocol.arrays import Handed
from ..protocol.errors import InvalidField
from ..protocol.receipt import Scheme, SignedReceipt
from ..telemetry.relaying import Intake
from .context import Context
from .ground import Full as Full
from .ground import Ground, admission_on, ground_of
from .ground import Unready as Unready
from .handing import Accepted as Accepted
from .handing import Answer as Answer
from .handing import Answers as Answers
from .handing import Request as Request
from .handing import Taken as Taken
from .placing import Group
from .rolls import Roll

log = logging.getLogger(__name__)


def intake(
    context: Context, items: Sequence[SignedReceipt | InvalidField], beneficiaries: Sequence[bytes] = ()
) -> list[Answer]:
    """An answer for each item of one request, in order: :func:`intake_together`."""
    return list(intake_together(context, [Request.of(items, beneficiaries)])[0])


def intake_together(
    context: Context, requests: Sequence[Request], more: Callable[[], Sequence[Request]] = tuple
) -> list[Answers]:
    """An answer for each item of each request, in order.

    Before anything is stored, ``more`` is asked for what has come meanwhile, until there is none: it is taken as well.

    Everything is checked before anything is stored, and all that is accepted is one commit, sequence numbers and
    promises included. A receipt that is there already, or that comes a second time, gets its first answer, whatever
    signature it comes with now.

    Raises:
        StoreUnavailable: the database cannot; nothing was accepted.
    """
    store = context.store
    cursor = store.chain.cursor()
    roll = context.rolls.at(cursor)
    chain_now = max(context.now, cursor.timestamp if cursor is not None else 0)
    ground = ground_of(context, roll, chain_now)
    refusals = _refusals(context, ground, roll, chain_now)
    group = Group(context)
    refused: dict[int, Answer] = {}
    while requests:
        start = len(group.hashes)
        refused |= {start + place: why for place, why in refusals(*group.add(requests)).items()}
        requests = more()
    context.rolls.check(roll, store.chain.cursor() if roll.has_grown else cursor)
    answers = group.take(ground, refused)
    _count(context.metrics.intake, group, answers)
    log.debug("%d requests, %d receipts, %d promises", len(answers), len(group.hashes), len(group.placed))
    return answers


def why_unready(context: Context) -> str:
    """Why no receipt is taken now, as a sentence; empty: they are."""
    ground = ground_of(context, Roll(), context.chain_now)
    return ground.why if isinstance(ground, Unready) else ""


def _refusals(
    context: Context, ground: Ground | Unready, roll: Roll, chain_now: int
) -> Callable[[Handed, Sequence[bytes]], dict[int, Answer]]:
    """What says which receipts are not taken, by their places, and why; it is given them with their hashes."""
    if isinstance(ground, Unready):
        return lambda _, hashes: dict.fromkeys(range(len(hashes)), ground)
    admission, oldest = admission_on(context, ground, roll, chain_now), ground.oldest(ground.margin)

    def refusals(handed: Handed, hashes: Sequence[bytes]) -> dict[int, Answer]:
        refused: dict[int, Answer] = dict(admission.refusals(handed, hashes))
        if min(handed.times, default=oldest) < oldest:
            slow = (place for place, time in enumerate(handed.times) if time < oldest)
            refused |= {place: ground.too_slow() for place in slow if place not in refused}
        return refused

    return refusals


def _count(figures: Intake, group: Group, answers: Sequence[Answers]) -> None:
    """Count what came of requests: what was taken by scheme at once, what was not one by one."""
    taken = 0
    for placed in group.placed:
        schemes = placed.leaves.schemes
        figures.accept({scheme: number for scheme in Scheme if (number := schemes.count(scheme))})
        taken += placed.count
        if placed.signed is not None:
            figures.promise(placed.count)
    if taken == sum(map(len, answers)):
        return
    for answer in (answer for found in answers for answer in found):
        if isinstance(answer, Refused):
            figures.refuse(answer.field, answer.by_rule)
        elif isinstance(answer, Accepted):
            figures.repeated.inc(answer.repeated)
        else:
            figures.put_off("full" if isinstance(answer, Full) else "unready")
