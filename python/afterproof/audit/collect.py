"""Collecting the report: what was found of each batch, beside what the chain says of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..chain.base import Block
from ..protocol.header import lane_of
from ..protocol.merkle import TILE
from ..protocol.report import AuditedFault, ClaimedPromise, Demanded, Proof, Report
from ..steps import Context
from ..store.batches import PostedBatch
from ..store.demands import StoredDemand
from ..store.faults import ProvenFault
from .run import Audit
from .scope import Scope


def collect(context: Context, scope: Scope, audit: Audit, cursor: Block) -> Report:
    """The report on all batches that are meant, by what the chain said up to ``cursor``."""
    report, store = Report(audit.trouble, audit.is_cut_off), context.store
    for batch, block, posted_at in store.audits.in_order():
        posted = store.batches.posted(batch) if scope.has(batch, block, posted_at) else None
        if posted is None:
            continue
        found = store.audits.get(batch)
        if found is None:
            report.unexamined += 1
        else:
            report.add(found, posted_at)
        proven = store.faults.of(batch)
        look = Look(context, posted, cursor, proven)
        faults = found.faults if found is not None else []
        report.add_faults(look.faults(faults), [_proof(one) for one in proven], lane_of(batch))
        report.add_demands(_demanded(one, cursor.timestamp) for one in store.demands.of(batch).values())
        if store.faults.fuse_blown_at(batch) is not None:
            report.fuses.append(batch)
    for one in store.broken.all():
        if scope.spans(one.block, one.timestamp) and (scope.lanes is None or one.lane in scope.lanes):
            report.add_promise(
                ClaimedPromise(
                    one.lane, one.seq, one.fault, one.beneficiary, one.caller, one.slashed, one.timestamp,
                    one.block, one.tx_hash,
                )
            )  # fmt: skip
    report.close()
    return report


@dataclass(frozen=True)
class Look:
    """One batch's faults, beside what was proven of it."""

    context: Context
    posted: PostedBatch
    cursor: Block
    proven: list[ProvenFault]

    def faults(self, found: list[tuple[int, int]]) -> Iterator[AuditedFault]:
        """What was found, each with its proof; then what was proven and not found."""
        used: set[tuple[int, int]] = set()
        for index, kind in found:
            proof = self.context.store.faults.closing(self.posted.id, index, kind)
            if proof is not None:
                used.add((proof.place, proof.kind))
            state = self._state(index) if proof is None else "proven"
            yield AuditedFault(
                self.posted.id, index, kind, state, True, _proof(proof) if proof is not None else None
            )
        for one in self.proven:
            if (one.place, one.kind) not in used:
                yield AuditedFault(self.posted.id, one.place, one.kind, "proven", False, _proof(one))

    def _state(self, index: int) -> str:
        """What is to become of a fault that nobody has proven."""
        tiles, now = self.context.store.tiles, self.cursor.timestamp
        if tiles.struck_at(self.posted, index // TILE, now) is not None:
            return "struck"
        end = tiles.end(self.posted, index // TILE)
        return "open" if end is None or now <= end else "missed"


def _proof(one: ProvenFault) -> Proof:
    return Proof(one.prover, one.timestamp, one.block, one.tx_hash, one.slashed, one.kind)


def _demanded(one: StoredDemand, now: int) -> Demanded:
    outcome = "answered" if one.answered_at is not None else "struck" if one.has_run_out(now) else "open"
    return Demanded(
        one.batch, one.tile, one.challenger, one.opened_at, one.deadline, outcome, one.answered_at, one.deposit,
        one.slashed,
    )  # fmt: skip
