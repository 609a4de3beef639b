"""What became of a promise, by the chain and by what was published."""

from dataclasses import dataclass
from typing import Any

from ..chain.base import ChainReader, FuseBlown, Posted
from ..data import Source
from ..errors import ConfigError, DataUnavailable
from ..protocol.batching import TILE
from ..protocol.claims import Opening
from ..protocol.header import IS_STRUCK, BatchId, Header, first_seq_of
from ..protocol.promise import HeldPromise
from ..protocol.receipt import Domain, hex0x
from ..protocol.watching import Fate
from ..units import checksummed
from .lookup import first_block, named, posted_at_number, standing_at
from .values import moment


@dataclass(frozen=True)
class Found:
    """A promise's fate and why, in words; the batch that holds its number; the other leaf there, where one is."""

    fate: Fate
    why: str
    batch: BatchId | None = None
    other: bytes = b""
    path: tuple[bytes, ...] = ()

    @property
    def first_seq(self) -> int:
        """What a claim names the batch by; 0 where there is none."""
        return 0 if self.batch is None else first_seq_of(self.batch)


@dataclass(frozen=True)
class PromiseChecks:
    """A promise of ``leaf`` (None: it does not say of which): who signed, who should have, and its fate."""

    held: HeldPromise
    leaf: bytes | None
    signer: bytes | None
    key: bytes
    is_enforceable: bool
    due: int
    claims: tuple[bool, bool]
    found: Found

    @property
    def is_signed(self) -> bool:
        """Whether the lane's promise key for the number signed."""
        return self.signer is not None and self.signer == self.key

    @property
    def holds_leaf(self) -> bool:
        """Whether the promise gives the leaf its number."""
        return self.leaf is not None and self.held.holds(self.leaf)

    @property
    def is_sound(self) -> bool:
        """Whether the promise binds its lane and has not been seen broken."""
        kept = self.found.fate in (Fate.OPEN, Fate.KEPT)
        return self.is_signed and self.holds_leaf and self.is_enforceable and kept

    @property
    def opening(self) -> Opening:
        """What a claim hands in.

        Raises:
            ConfigError: the promise holds no leaf, or the lane did not give it: nothing can be claimed.
        """
        if not self.is_signed:
            raise ConfigError(
                f"lane {self.held.signed.promise.lane} never gave this promise: {self._signature()}"
            )
        if self.leaf is None or not self.holds_leaf:
            raise ConfigError("the promise does not hold that leaf: its proof does not lead to promise.root")
        return Opening(self.held.signed, self.held.seq, self.leaf, self.held.proof)

    def rows(self) -> list[tuple[str, object]]:
        """Names and findings, for people."""
        promise = self.held.signed.promise
        nobody = "nobody: that share of a slash burns"
        paid = " and ".join(
            what
            for what, is_paid in zip(("a broken promise", "a double promise"), self.claims, strict=True)
            if is_paid
        )
        limit = (
            "yes"
            if self.is_enforceable
            else "NO: beyond what the lane may promise, or is bound by while it leaves"
        )
        return [
            ("lane", promise.lane),
            ("number", f"{self.held.seq}, one of {promise.count} from {promise.first_seq} on"),
            ("leaf", hex0x(self.leaf) if self.leaf else "not told: --receipt names it"),
            ("opening", "leads to promise.root" if self.holds_leaf else "DOES NOT LEAD to promise.root"),
            ("signature", self._signature()),
            ("binding", limit),
            ("due", f"{moment(self.due)}{' (later than promised: posting was paused)' * self._deferred}"),
            ("beneficiary", checksummed(promise.beneficiary) if any(promise.beneficiary) else nobody),
            ("state", f"{self.found.fate}: {self.found.why}"),
            ("claimed", paid or "nothing"),
        ]

    def to_json(self) -> dict[str, Any]:
        """The findings, for programs."""
        return {
            **self.held.to_json(),
            "seq": self.held.seq,
            "leaf_hash": hex0x(self.leaf) if self.leaf else None,
            "signature_valid": self.is_signed,
            "signer": hex0x(self.signer) if self.signer else None,
            "promise_key": hex0x(self.key),
            "holds_leaf": self.holds_leaf,
            "enforceable": self.is_enforceable,
            "due": self.due,
            "state": self.found.fate.value,
            "why": self.found.why,
            "batch": str(self.found.batch) if self.found.batch is not None else None,
            "claimed": {"broken": self.claims[0], "doubled": self.claims[1]},
        }

    @property
    def _deferred(self) -> bool:
        return self.due > self.held.signed.promise.include_by

    def _signature(self) -> str:
        if self.is_signed:
            return f"valid, by the lane's promise key {checksummed(self.key)}"
        by = "nobody" if self.signer is None else checksummed(self.signer)
        return f"NOT VALID: signed by {by}, but the key for this number is {checksummed(self.key)}"


def examine(
    reader: ChainReader, data: Source, domain: Domain, held: HeldPromise, leaf: bytes | None
) -> PromiseChecks:
    """Find out all about a promise.

    Raises:
        ConfigError: there is no such lane.
    """
    promise, seq = held.signed.promise, held.seq
    lane = reader.lane(promise.lane)
    if lane is None:
        raise ConfigError(f"there is no lane {promise.lane} on this chain: is it another chain's promise?")
    binding = seq < lane.reach and not (lane.exit_at and promise.include_by > lane.last_due)
    due = reader.due_of(promise.include_by)
    found = _fate(reader, data, held, leaf, due, is_posted=seq < lane.next_seq)
    return PromiseChecks(
        held,
        leaf,
        held.signed.signer(domain),
        reader.promise_key_of(promise.lane, seq),
        binding,
        due,
        reader.claims_of(promise.lane, seq),
        found,
    )


def _fate(
    reader: ChainReader, data: Source, held: HeldPromise, leaf: bytes | None, due: int, is_posted: bool
) -> Found:
    promise, now = held.signed.promise, reader.head().timestamp
    if not is_posted:
        if now <= due:
            return Found(Fate.OPEN, f"it is not posted yet, and may be until {moment(due)}")
        return Found(Fate.MISSED, f"it is not posted, and was due {moment(due)}")
    since = promise.include_by - reader.terms(reader.current_epoch()).max_promise_delay
    event = posted_at_number(reader, promise.lane, held.seq, since)
    posted = reader.batch(event.batch) if event is not None else None
    if event is None or posted is None:
        return Found(Fate.UNKNOWN, "the number is posted, but the node does not show its batch: try again")
    index, anchor = held.seq - first_seq_of(event.batch), posted[1].anchor
    if anchor > due:
        why = f"it was posted {moment(anchor)}, {anchor - due} seconds late"
        return Found(Fate.MISSED, why, event.batch)
    if _is_struck(reader, event.batch, posted[1], index // TILE, now):
        return Found(Fate.MISSED, f"its place in {named(event.batch)} was struck", event.batch)
    return _at_its_place(reader, data, event, index, leaf)


def _at_its_place(reader: ChainReader, data: Source, event: Posted, index: int, leaf: bytes | None) -> Found:
    where, at = named(event.batch), moment(event.header.anchor)
    try:
        stands, path = standing_at(reader, data, event, index)
    except DataUnavailable as error:
        why = f"{where} was posted {at}, but what stands in it cannot be had ({error}); "
        return Found(Fate.UNKNOWN, f"{why}demand tile {index // TILE} of it to see", event.batch)
    if leaf is None:
        return Found(
            Fate.UNKNOWN, f"{where} was posted {at}; --receipt tells what should stand in it", event.batch
        )
    if stands == leaf:
        return Found(Fate.KEPT, f"it stands at its number in {where}, posted {at}", event.batch)
    why = f"another leaf stands at its number in {where}: {hex0x(stands)}"
    return Found(Fate.OMITTED, why, event.batch, stands, path)


def _is_struck(reader: ChainReader, batch: BatchId, header: Header, tile: int, now: int) -> bool:
    """Whether a tile was struck: its demand ran out, or the fuse blew before its end."""
    demand = reader.demand_of(batch, tile)
    if demand is not None and not demand.answered_at and now > demand.deadline:
        return True
    if not header.flags & IS_STRUCK:
        return False
    end = header.window_end
    if demand is not None:
        if not demand.answered_at:
            return True  # a tile that is demanded has no end yet
        end = max(end, demand.answered_at + reader.terms(header.epoch).window)
    head = reader.head().number
    first = first_block(reader, header.anchor, reader.deployment.block, head)
    blown = (
        logged.place.timestamp
        for logged in reader.events(first, first_block(reader, end + 1, first, head))
        if isinstance(logged.event, FuseBlown) and logged.event.batch == batch
    )
    return any(at <= end for at in blown)
