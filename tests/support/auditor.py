"""An auditor in the small world: whoever comes later, and sees only the chain and what is published.

report = audited(world)
assert report.is_clean
"""

from pathlib import Path
from typing import Any

from afterproof.audit.collect import collect
from afterproof.audit.examiner import Passing
from afterproof.audit.run import Audit
from afterproof.audit.scope import Scope
from afterproof.data import Archive, Data
from afterproof.protocol.header import first_seq_of
from afterproof.protocol.report import Report, kind_name
from afterproof.protocol.state import FaultKind
from afterproof.running import Inline, Runner
from afterproof.steps import Context
from afterproof.store import Store
from tests.support.databases import hurry, place
from tests.support.world import RIVAL, World


def auditor(
    world: World, name: str = "auditor", archive: Path | None = None, runner: Runner | None = None
) -> Context:
    """An auditor's context on the state ``name``, opened afresh."""
    store = Store.open(place(world.folder / f"{name}.sqlite3"), world.chain.deployment, "auditor")
    hurry(store)
    data = Data(others=world.shelf, archive=Archive(archive) if archive is not None else Passing())
    return Context(
        world.chain.account_view(RIVAL), store, world.config, data, world._clock, runner=runner or Inline()
    )


def audited(
    world: World,
    name: str = "auditor",
    archive: Path | None = None,
    runner: Runner | None = None,
    **scope: Any,
) -> Report:
    """The report of an audit up to now; on a state that is there already it goes on."""
    context, meant = auditor(world, name, archive, runner), Scope(**scope)
    try:
        audit = Audit(context, meant, sleep=lambda _: None)
        return collect(context, meant, audit, audit.run())
    finally:
        context.store.close()


def faults(report: Report) -> dict[tuple[int, int, str], str]:
    """What is wrong, by the batch's first number, leaf and kind: whether it was proven."""
    return {
        (first_seq_of(one.batch), one.index, kind_name(one.kind)): one.state
        if one.found
        else f"{one.state}, not found"
        for one in report.faults
    }


BAD, DUPLICATE, RANGE = (
    FaultKind.BAD_SIGNATURE.name,
    FaultKind.DUPLICATE_RECEIPT.name,
    FaultKind.MISDECLARED_RANGE.name,
)
