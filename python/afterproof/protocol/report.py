"""An audit's report: what was found of all batches that were meant, added up. Pure; times in unix seconds, gaps in
seconds, amounts in wei."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .examining import Examined, Tally
from .header import BatchId, first_seq_of, lane_of
from .receipt import hex0x
from .state import FaultKind, PromiseFault

HOUR: Final = 3600
PERCENTS: Final = (50, 90, 99)
GAPS: Final = ("to_post", "to_final", "whole")
"""The parts of the trust gap: issued to posted, posted to final, and all of it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """By whom, when and where a fault was proven, and what the lane lost by it."""

    prover: bytes
    at: int
    block: int
    tx_hash: bytes
    slashed: int
    kind: int

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "kind": kind_name(self.kind), "prover": hex0x(self.prover), "at": self.at, "block": self.block,
            "tx_hash": hex0x(self.tx_hash), "slashed": str(self.slashed),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class AuditedFault:
    """A fault of a leaf. ``state``: proven; or else open (it can still be), struck (all of the tile is void anyway), or
    missed (nobody proved it in time). ``found``: by this audit; False: the chain says so, and this audit cannot tell.
    """

    batch: BatchId
    index: int
    kind: int
    state: str
    found: bool
    proof: Proof | None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            **place_json(self.batch), "leaf": self.index, "seq": first_seq_of(self.batch) + self.index,
            "kind": kind_name(self.kind), "state": self.state, "found": self.found,
            "proof": self.proof.to_json() if self.proof else None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A tile whose data could not be had, or is not what was posted."""

    batch: BatchId
    tile: int
    leaves: int
    why: str

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {**place_json(self.batch), "tile": self.tile, "leaves": self.leaves, "why": self.why}


@dataclass(frozen=True, slots=True)
class Demanded:
    """A demand of a tile. ``outcome``: answered, struck or open."""

    batch: BatchId
    tile: int
    challenger: bytes
    opened_at: int
    deadline: int
    outcome: str
    answered_at: int | None
    deposit: int
    slashed: int | None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            **place_json(self.batch), "tile": self.tile, "challenger": hex0x(self.challenger),
            "opened_at": self.opened_at, "deadline": self.deadline, "outcome": self.outcome,
            "answered_at": self.answered_at, "deposit": str(self.deposit), "slashed": str(self.slashed or 0),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClaimedPromise:
    """A promise that was proven broken on chain."""

    lane: int
    seq: int
    fault: int
    beneficiary: bytes
    caller: bytes
    slashed: int
    at: int
    block: int
    tx_hash: bytes

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "lane": self.lane, "seq": self.seq, "fault": PromiseFault(self.fault).name,
            "beneficiary": hex0x(self.beneficiary), "caller": hex0x(self.caller),
            "slashed": str(self.slashed), "at": self.at, "block": self.block, "tx_hash": hex0x(self.tx_hash),
        }  # fmt: skip


@dataclass
class Sums:
    """What is added up of a lane, or of all. ``slashed``: what faults, demands and promises cost."""

    batches: int = 0
    checked: int = 0
    tally: Tally = field(default_factory=Tally)
    slashed: Counter[str] = field(default_factory=Counter)
    gaps: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in GAPS})
    hour: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in GAPS})
    hours: list[dict[str, Any]] = field(default_factory=list)

    def add(self, found: Examined) -> None:
        """One more batch."""
        self.batches += 1
        self.checked += found.checked
        self.tally.add(found.tally)
        for name in GAPS:
            self.hour[name].update(getattr(found, name))

    def end_hour(self, start: int) -> None:
        """The batches from now on are of another hour than that which began at ``start``."""
        if any(self.hour.values()):
            self.hours.append({"hour": start, **gaps_json(self.hour)})
        for name in GAPS:
            self.gaps[name].update(self.hour[name])
            self.hour[name] = Counter()

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        slashed = {name: str(self.slashed[name]) for name in ("faults", "demands", "promises")}
        return {
            "batches": self.batches,
            "receipts": {"checked": self.checked, **vars(self.tally)},
            "slashed": {**slashed, "total": str(self.slashed.total())},
            "trust_gap": {**gaps_json(self.gaps), "hours": self.hours},
        }


@dataclass
class Report:
    """A report under way: batches are added in the order in which they were posted, then it is closed.

    ``trouble``: sentences of what could not be told, by no fault of those that are audited; ``is_cut_off``: so it is
    with data that could not be had.
    """

    trouble: list[str] = field(default_factory=list)
    is_cut_off: bool = False
    unexamined: int = 0
    all: Sums = field(default_factory=Sums)
    lanes: dict[int, Sums] = field(default_factory=dict)
    faults: list[AuditedFault] = field(default_factory=list)
    lacking: list[Unavailable] = field(default_factory=list)
    demands: list[Demanded] = field(default_factory=list)
    promises: list[ClaimedPromise] = field(default_factory=list)
    fuses: list[BatchId] = field(default_factory=list)
    _hour: int | None = None

    def add(self, found: Examined, posted_at: int) -> None:
        """What was found of a batch that was posted at a time."""
        hour = posted_at - posted_at % HOUR
        if hour != self._hour:
            self.close()
            self._hour = hour
        for sums in (self.all, self._lane(lane_of(found.batch))):
            sums.add(found)
        self.lacking += [Unavailable(found.batch, one.tile, one.leaves, one.why) for one in found.lacking]

    def add_faults(self, faults: Iterable[AuditedFault], proven: Iterable[Proof], lane: int) -> None:
        """The faults of a batch, and every proof that was landed against it."""
        self.faults += faults
        self._slash(lane, "faults", sum(one.slashed for one in proven))

    def add_demands(self, demands: Iterable[Demanded]) -> None:
        """The demands of a batch's tiles."""
        for one in demands:
            self.demands.append(one)
            self._slash(lane_of(one.batch), "demands", one.slashed or 0)

    def add_promise(self, promise: ClaimedPromise) -> None:
        """A promise that was proven broken."""
        self.promises.append(promise)
        self._slash(promise.lane, "promises", promise.slashed)

    def close(self) -> None:
        """No more batches come, of the hour at least."""
        if self._hour is not None:
            for sums in (self.all, *self.lanes.values()):
                sums.end_hour(self._hour)

    @property
    def is_complete(self) -> bool:
        """Whether all that was asked could be told."""
        return not (self.trouble or self.unexamined or self.is_cut_off)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong, as far as could be told: no fault, proven or not, no data withheld, no tile struck,
        no promise broken."""
        withheld = bool(self.lacking) and not self.is_cut_off
        struck = any(one.outcome == "struck" for one in self.demands)
        return not (self.faults or withheld or struck or self.promises)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        lacking = [one.to_json() for one in self.lacking]
        return {
            "complete": self.is_complete,
            "clean": self.is_clean if self.is_complete or not self.is_clean else None,
            "trouble": self.trouble,
            "unexamined_batches": self.unexamined,
            **self.all.to_json(),
            "lanes": [{"lane": lane, **sums.to_json()} for lane, sums in sorted(self.lanes.items())],
            "faults": [one.to_json() for one in self.faults],
            "unavailable": [] if self.is_cut_off else lacking,
            "not_looked_for": lacking if self.is_cut_off else [],
            "demands": [one.to_json() for one in self.demands],
            "fuses_blown": [place_json(batch) for batch in self.fuses],
            "promises": [one.to_json() for one in self.promises],
        }

    def _lane(self, lane: int) -> Sums:
        return self.lanes.setdefault(lane, Sums())

    def _slash(self, lane: int, what: str, amount: int) -> None:
        for sums in (self.all, self._lane(lane)):
            sums.slashed[what] += amount


def percentile(counts: Mapping[int, int], percent: int) -> int | None:
    """The least value that ``percent`` of what is counted do not exceed (nearest rank); None of nothing."""
    total = sum(counts.values())
    rank = -(-total * percent // 100)
    for value in sorted(counts):
        rank -= counts[value]
        if rank <= 0:
            return value
    return None


def gaps_json(gaps: Mapping[str, Mapping[int, int]]) -> dict[str, Any]:
    """The percentiles of each part of the gap, with how many receipts they are of."""
    return {
        name: {
            "receipts": sum(counts.values()),
            **{f"p{percent}": percentile(counts, percent) for percent in PERCENTS},
        }
        for name, counts in gaps.items()
    }


def kind_name(kind: int) -> str:
    """A fault's name; its number where it has none."""
    return FaultKind(kind).name if kind in FaultKind._value2member_map_ else str(kind)


def place_json(batch: BatchId) -> dict[str, Any]:
    """A batch by its id, and by lane and first number."""
    return {"batch": str(batch), "lane": lane_of(batch), "first_seq": first_seq_of(batch)}
