"""How the steps' machine ends: what was planted is punished, once; what was promised is paid; stores agree."""

from collections import Counter

from afterproof.chain.base import AttestationRejected, FaultProven, PromiseBroken
from afterproof.protocol.batching import TILE, is_timely
from afterproof.protocol.header import HAS_MISDECLARED, BatchId, lane_of
from afterproof.protocol.state import FaultKind, PromiseFault, Standing, VoidReason
from afterproof.store.deadlines import Action
from afterproof.store.verdicts import State, What
from tests.stateful.steps_base import StepsBase
from tests.stateful.steps_village import ACCOUNTS, TERMS, VERIFIERS, Entrusted, Planted
from tests.support.crashes import tables

SOUND = ("good", "promised", "again", "old")
BAD = ("forged", "stranger")
FROM_CHAIN = (
    "epochs", "posted", "faults", "strikes", "nodes", "operators", "measurements", "attestations", "claims",
    "attestation_changes", "subjects", "ends", "demands", "answers", "broken",
)  # fmt: skip
"""Tables that say what the chain says: the same in every verifier's store."""


def check_leaves(machine: StepsBase) -> None:
    """No bad leaf is final, and no good one was disputed, unless it stands earlier too."""
    settlement, now = machine.settlement, machine.world.now
    false = {one.signer.node for one in machine.attestors if one.kind == "false"}
    final: Counter[tuple[int, bytes]] = Counter()
    for identity, planted in machine.cheated():
        for index, kind, leaf, proof in planted.places:
            standing = settlement.standing(now, identity, index, leaf.words, proof)
            bad = kind in BAD or leaf.receipt.node in false
            assert not (bad and standing is Standing.FINAL), f"a {kind} leaf of batch {identity} became final"
            final[lane_of(identity), leaf.receipt.hash] += (
                standing is Standing.FINAL and not settlement.batches[identity].demands
            )
            if kind in SOUND and _why(machine, identity, index, leaf.words, proof) is VoidReason.FAULTY:
                assert _stands_twice(machine, identity, index), f"a {kind} leaf of {identity} was struck out"
    assert not final or max(final.values()) <= 1, "the same receipt is final twice"


def _why(
    machine: StepsBase, batch: BatchId, index: int, words: bytes, proof: tuple[bytes, ...]
) -> VoidReason:
    return machine.settlement.why_void(machine.world.now, batch, index, words, proof)


def _stands_twice(machine: StepsBase, batch: BatchId, index: int) -> bool:
    """Whether the receipt stands at an earlier number of the lane."""
    leaves = {
        identity + at: leaf.receipt.hash
        for identity, planted in machine.cheated()
        for at, _, leaf, _ in planted.places
        if lane_of(identity) == lane_of(batch)
    }
    return leaves[batch + index] in [receipt for number, receipt in leaves.items() if number < batch + index]


def check_punished(machine: StepsBase) -> None:
    """Every fault that was planted is proven or struck, exactly once, and no more than what was planted."""
    settlement, now = machine.settlement, machine.world.now
    proven = [event for event in machine.events() if isinstance(event, FaultProven)]
    voiding = [event for event in proven if event.kind != FaultKind.MISDECLARED_RANGE]
    counts = Counter((event.batch, event.index) for event in voiding)
    assert not counts or max(counts.values()) == 1
    for identity, planted in machine.cheated():
        batch = settlement.batches[identity]
        for index, kind, leaf, proof in planted.places:
            struck = settlement.struck_at(batch, index // TILE, now) is not None
            standing = settlement.standing(now, identity, index, leaf.words, proof)
            if kind == "forged":
                assert struck or counts[identity, index] == 1, f"a forged leaf of {identity} went unpunished"
            elif kind == "good":
                assert struck or standing is Standing.FINAL or counts[identity, index], f"{standing.name}"
        outside = _misdeclared(machine, identity, planted)
        flagged = bool(batch.header.flags & HAS_MISDECLARED)
        assert not flagged or outside, f"nothing is wrong with the range of {identity}"
        unpunished = [at for at in outside if settlement.struck_at(batch, at // TILE, now) is None]
        assert flagged or not unpunished, f"leaves {unpunished} of {identity} lie outside its range"


def _misdeclared(machine: StepsBase, identity: BatchId, planted: Planted) -> list[int]:
    """The timely leaves outside the declared range."""
    anchor, (oldest, newest) = machine.settlement.batches[identity].header.anchor, planted.declared
    issued = {index: leaf.receipt.issued_at for index, _, leaf, _ in planted.places}
    return [
        index for index, at in issued.items() if is_timely(at, anchor, TERMS) and not oldest <= at <= newest
    ]


def check_attestations(machine: StepsBase) -> None:
    """Nothing false holds on: each was rejected once; no true one ever was."""
    rejected = Counter(event.id for event in machine.events() if isinstance(event, AttestationRejected))
    for number in machine.attested_numbers():
        attestor, found = machine.kind_of(number), machine.registry.attestations[number]
        what = f"attestation {number}, {attestor.kind},"
        is_rejected = found.tenure.is_rejected(machine.world.now)
        is_collected = not found.deposit or found.challenger not in ACCOUNTS.values()
        assert rejected[number] <= 1 and is_collected, f"{what} is not settled"
        if attestor.kind == "true":
            assert not is_rejected, f"{what} was rejected"
        elif attestor.kind == "false":
            assert is_rejected, f"{what} was not rejected"


def check_promises(machine: StepsBase) -> None:
    """Each broken promise in an honest verifier's hands was paid to its holder, once; none that was kept."""
    events = [event for event in machine.events() if isinstance(event, PromiseBroken)]
    found = Counter((event.lane, event.seq, event.fault == PromiseFault.DOUBLE_PROMISE) for event in events)
    by_place: dict[tuple[int, int], list[Entrusted]] = {}
    for one in machine.entrusted:
        by_place.setdefault(one.place, []).append(one)
    for place, held in by_place.items():
        lane = machine.settlement.lanes.get(place[0])
        if lane is None or place[1] >= lane.reach:
            continue  # a reorganisation took the lane, or the posts on which the promise rested
        broken = [one for one in held if _is_broken(machine, one)]
        doubled = any(len({one.leaf for one in held if one.name == name}) > 1 for name in VERIFIERS)
        assert found[*place, False] == bool(broken), f"{place}: {found}, broken {len(broken)}"
        assert found[*place, True] == doubled, f"{place}: {found}, doubled {doubled}"
    for event in events:
        held = by_place[event.lane, event.seq]
        assert event.caller in ACCOUNTS.values()
        assert event.beneficiary in [one.held.signed.promise.beneficiary for one in held]


def _is_broken(machine: StepsBase, one: Entrusted) -> bool:
    """Whether a promise was broken, as the chain is now."""
    settlement, (lane, seq) = machine.settlement, one.place
    due = settlement.due(one.held.signed.promise.include_by)
    for identity, batch in settlement.batches.items():
        index = seq - (identity & 2**64 - 1)
        if lane_of(identity) == lane and 0 <= index < batch.header.count:
            if lane == machine.world.lane:
                return batch.header.anchor > due
            struck = settlement.struck_at(batch, index // TILE, machine.world.now) is not None
            stands = machine.planted[identity, batch.root].batch.tree.levels[0][index]
            return struck or batch.header.anchor > due or stands != one.leaf
    return machine.world.now > due


def check_stores(machine: StepsBase) -> None:
    """The verifiers' stores say the same of the chain, their verdicts fit it, and nothing is left to be done."""
    kept = {}
    for name, context in machine.contexts.items():
        if context.store.role == "verifier":
            pending = {action: context.store.deadlines.count(action) for action in Action}
            assert not any(pending.values()), f"{name} is not done: {pending}"
            rows = tables(context.store, without={"posted.final_block"})
            kept[name] = {table: rows[table] for table in FROM_CHAIN}
    for name, of_chain in kept.items():
        for table, rows in of_chain.items():
            assert rows == kept["first"][table], f"{table} of {name} is not as the first's"
    proven = [event for event in machine.events() if isinstance(event, FaultProven)]
    for name in kept:
        _check_verdicts(machine, name, proven)


def _check_verdicts(machine: StepsBase, name: str, proven: list[FaultProven]) -> None:
    store, account = machine.contexts[name].store, ACCOUNTS[name]
    by_place = {(event.batch, event.index, event.kind): event.prover for event in proven}
    for verdict in store.verdicts.all(What.DISPUTE):
        prover = by_place.get((verdict.batch, verdict.place, verdict.kind))
        is_ours = verdict.state is State.PROVEN
        assert is_ours == (prover == account), f"{name}: {verdict.state} by {prover!r}"
        assert verdict.state not in (State.PENDING, State.UNPROVABLE), f"{name}: {verdict}"
    for identity, planted in machine.cheated():
        batch = machine.settlement.batches[identity]
        archive = machine.contexts[name].data.archive
        with archive.kept(identity, batch.header, planted.batch.tree.tile_roots) as kept:
            tiles = {tile: kept.tile(tile) for tile in range(batch.header.tiles)}
        held = {tile: columns for tile, columns in tiles.items() if columns is not None}
        for tile, columns in held.items():
            assert tuple(columns.leaves()) == tuple(planted.batch.leaves[TILE * tile : TILE * (tile + 1)])
        check = store.verdicts.check(identity)
        assert check is not None, f"{name} never looked at batch {identity}"
        lacking = set(range(batch.header.tiles)) - held.keys()
        for tile in lacking:
            assert machine.settlement.struck_at(batch, tile, machine.world.now) is not None, f"{check}"
