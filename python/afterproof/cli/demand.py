"""`demand`: have a tile of a batch shown on chain, show one, or settle a demand that nobody answered."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..chain.base import DemandExpired, DemandState, Posted, TileDemanded
from ..errors import ConfigError, DataUnavailable
from ..protocol.answers import answers, tile_path
from ..protocol.batching import TILE
from ..protocol.disputes import HALF
from ..protocol.header import BatchId
from ..protocol.receipt import hex0x
from ..units import checksummed, ether
from .landed import told
from .lookup import named, posted_batch, published
from .options import acts, examples, reads
from .output import emit, facts
from .promise import source_of
from .session import Session, pass_session
from .values import AMOUNT, BATCH, moment

if TYPE_CHECKING:
    from ..chain.base import ChainReader

_batch = click.argument("batch", type=BATCH)
_tile = click.argument("tile", type=click.IntRange(0))


@click.group()
def demand() -> None:
    """Demand that a batch's data be shown on chain, and answer such demands.

    BATCH is a batch's lane and first number, as in 1/0, or its id. TILE is one of its groups of 256 leaves, from 0 on.
    """


@demand.command(
    "open", epilog=examples("afterproof demand open 1/0 0 --dry-run", "afterproof demand open 1/0 3")
)
@_batch
@_tile
@click.option("--deposit", type=AMOUNT, help="What you stake on it [default: the least, and an eighth more].")
@acts
@pass_session
def open_demand(
    session: Session, batch: BatchId, tile: int, deposit: int | None, dry_run: bool, as_json: bool
) -> None:
    """Demand a tile whose data cannot be had, or is not what was posted.

    The deposit comes back, with half of what the lane loses, if nobody shows the tile in time. If it is shown, the
    deposit pays for that.
    """
    event = _posted(session.reader, batch, tile)
    # The least deposit follows the base fee, which rises by an eighth a block at most.
    deposit = deposit if deposit is not None else session.reader.deposit_for(batch, tile) * 9 // 8
    path = tile_path(event.tile_roots, tile)
    landed = session.sender.demand_tile(batch, tile, event.tile_roots[tile], path, deposit, dry_run)
    opened = next((each for each in landed.events if isinstance(each, TileDemanded)), None)
    what = f"tile {tile} of {named(batch)} for a deposit of {ether(deposit)}"
    until = f", to be answered until {moment(opened.deadline)}" if opened is not None else ""
    told(
        as_json, dry_run, landed, f"Demanded {what}{until}", f"Would demand {what}",
        batch=str(batch), tile=tile, deposit_wei=deposit, deadline=opened.deadline if opened else None,
    )  # fmt: skip


@demand.command(
    epilog=examples(
        "afterproof demand answer 1/0 0", "afterproof demand answer 1/0 0 --data batches/1-0.batch"
    )
)
@_batch
@_tile
@click.option(
    "--data",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The batch's packed leaves, if you have them: else they are fetched.",
)
@acts
@pass_session
def answer(
    session: Session, batch: BatchId, tile: int, data: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Show a demanded tile on chain: one transaction for up to 128 leaves, two for more. Anyone may."""
    event = _posted(session.reader, batch, tile)
    state = _demanded(session.reader, batch, tile)
    try:
        leaves = published(source_of(session, data), event).leaves[TILE * tile : TILE * (tile + 1)]
    except DataUnavailable as error:
        raise DataUnavailable(
            f"the data of {named(batch)} cannot be had ({error}): --data names a file that holds it"
        ) from None
    path = tile_path(event.tile_roots, tile)
    missing = [each for each in answers(leaves) if each.half not in state.answered]
    if not missing:
        raise ConfigError(f"tile {tile} of {named(batch)} was shown already")
    landed = [
        session.sender.answer_tile(batch, tile, each.half, each.data, each.other, path, dry_run)
        for each in missing
    ]
    both = replace(
        landed[-1], gas_used=sum(each.gas_used for each in landed), fee=sum(each.fee for each in landed)
    )
    what = f"{min(len(leaves), HALF * len(missing))} leaves of tile {tile} of {named(batch)}"
    told(
        as_json, dry_run, both, f"Showed {what}", f"Would show {what}",
        batch=str(batch), tile=tile, halves=[each.half for each in missing],
        transactions=[hex0x(each.tx_hash) for each in landed if each.tx_hash],
    )  # fmt: skip


@demand.command(epilog=examples("afterproof demand expire 1/0 0"))
@_batch
@_tile
@acts
@pass_session
def expire(session: Session, batch: BatchId, tile: int, dry_run: bool, as_json: bool) -> None:
    """Settle a demand that nobody answered: the challenger gets the deposit back, and half of what the lane loses.

    The tile reads struck from the second after the deadline, settled or not: this only moves the money.
    """
    state = _demanded(session.reader, batch, tile)
    landed = session.sender.expire_demand(batch, tile, dry_run)
    slashed = next((each.slashed for each in landed.events if isinstance(each, DemandExpired)), None)
    what = f"the demand of tile {tile} of {named(batch)}, by {checksummed(state.challenger)}"
    lost = f": the lane lost {ether(slashed)}" if slashed is not None else ""
    told(
        as_json, dry_run, landed, f"Settled {what}{lost}", f"Would settle {what}",
        batch=str(batch), tile=tile, challenger=hex0x(state.challenger), slashed_wei=slashed,
    )  # fmt: skip


@demand.command(epilog=examples("afterproof demand show 1/0 0"))
@_batch
@_tile
@reads
@pass_session
def show(session: Session, batch: BatchId, tile: int, as_json: bool) -> None:
    """Show the demand of a tile, and what one costs where there is none."""
    reader = session.reader
    event, now = _posted(reader, batch, tile), reader.head().timestamp
    state = reader.demand_of(batch, tile)
    where = {"batch": str(batch), "tile": tile, "tile_root": hex0x(event.tile_roots[tile])}
    if state is None:
        end, least = event.header.window_end, reader.deposit_for(batch, tile)
        can = f"a demand takes {ether(least)} at least, until {moment(end)}"
        text = f"Tile {tile} of {named(batch)} was never demanded; "
        text += f"{can}." if now <= end else f"it cannot be any more: its window ended at {moment(end)}."
        none = {"state": "none", "deposit_wei": least if now <= end else None, "demandable_until": end}
        emit(as_json, {**where, **none}, text)
        return
    rows: list[tuple[str, object]] = [
        ("tile", f"{tile} of {named(batch)}"),
        ("challenger", checksummed(state.challenger)),
        ("demanded", moment(state.opened_at)),
        ("deadline", moment(state.deadline)),
        ("state", _state(state, now)),
        ("deposit", f"{ether(state.deposit)} held"),
    ]
    found = {
        "state": _state(state, now), "challenger": hex0x(state.challenger), "opened_at": state.opened_at,
        "deadline": state.deadline, "answered_at": state.answered_at or None, "deposit_wei": state.deposit,
    }  # fmt: skip
    emit(as_json, {**where, **found}, facts(rows))


def _state(state: DemandState, now: int) -> str:
    if state.answered_at:
        return "answered"
    if state.expired:
        return "expired"
    return "open" if now <= state.deadline else "unanswered: the tile is struck"


def _posted(reader: "ChainReader", batch: BatchId, tile: int) -> Posted:
    event = posted_batch(reader, batch)
    if tile >= len(event.tile_roots):
        count = len(event.tile_roots)
        raise ConfigError(f"{named(batch)} has {count} tile{'s' * (count != 1)}, numbered from 0")
    return event


def _demanded(reader: "ChainReader", batch: BatchId, tile: int) -> DemandState:
    state = reader.demand_of(batch, tile)
    if state is None:
        raise ConfigError(f"tile {tile} of {named(batch)} was never demanded")
    return state
