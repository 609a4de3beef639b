"""`promise`: whether a relayer's promise holds and was kept, and claiming one that was broken."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..data import Source
from ..errors import ConfigError
from ..protocol.fields import hex_of
from ..protocol.promise import HeldPromise
from ..protocol.receipt import Domain, hex0x
from ..protocol.watching import Fate
from ..units import checksummed, ether
from .files import read_bytes, read_json
from .landed import told
from .options import acts, examples, reads
from .output import emit, facts
from .promise_checks import PromiseChecks, examine
from .receipt import read_receipt
from .session import Session, pass_session

if TYPE_CHECKING:
    from ..chain.base import Landed

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def promise() -> None:
    """Check promises, and claim broken ones.

    FILE is what the relayer answered when the receipt was handed in: JSON with leafHash and promise. Or a promise
    alone (promise, signature, index, proof), with the receipt it is about; or - for standard input.
    """


def _about(command: Command) -> Command:
    receipt = click.option("--receipt", metavar="FILE", help="The receipt that was promised its place.")
    data = click.option(
        "--data",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The batch's packed leaves, if you have them: else they are fetched.",
    )
    return receipt(data(command))


@promise.command(
    short_help="Check a promise, and whether it was kept.",
    epilog=examples(
        "afterproof promise verify answer.json",
        "afterproof promise verify answer.json --receipt receipt.json --json",
    ),
)
@click.argument("file")
@_about
@reads
@pass_session
def verify(session: Session, file: str, receipt: str | None, data: Path | None, as_json: bool) -> None:
    """Check a promise: its signature by the lane's promise key, its opening, and what became of it on chain.

    The state is open, kept, missed (posted late, never, or struck), omitted (another leaf stands at the number) or
    unknown (what was posted cannot be had). The exit status is 0 for a promise that binds its lane and is open or
    kept, and 1 for any other.
    """
    checks = _examined(session, file, receipt, data)
    emit(as_json, checks.to_json(), facts(checks.rows()))
    if not checks.is_sound:
        click.get_current_context().exit(1)


@promise.command(
    short_help="Claim a broken promise.",
    epilog=examples(
        "afterproof promise claim answer.json --dry-run",
        "afterproof promise claim answer.json --data batch.bin",
        "afterproof promise claim answer.json --other another-answer.json",
    ),
)
@click.argument("file")
@click.option("--other", metavar="FILE", help="Another promise of the same number, for another receipt.")
@_about
@acts
@pass_session
def claim(
    session: Session,
    file: str,
    other: str | None,
    receipt: str | None,
    data: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Claim a broken promise: 45 % of the slash go to its beneficiary, 5 % to you, the rest burns.

    Finds out how it was broken. With --other, claims that its number was promised twice; the promise in FILE is paid.
    """
    checks = _examined(session, file, receipt, data)
    if other is not None:
        how, landed = "was given twice", _doubled(session, checks, other, dry_run)
    else:
        how, landed = _broken(session, checks, dry_run)
    said, paid = checks.held.signed.promise, _slashed(landed)
    beneficiary = checksummed(said.beneficiary) if any(said.beneficiary) else "nobody"
    what = f"that the promise of number {checks.held.seq} of lane {said.lane}, to {beneficiary}, {how}"
    lost = f": the lane lost {ether(paid)}" if paid is not None else ""
    told(
        as_json, dry_run, landed, f"Claimed {what}{lost}", f"Would claim {what}",
        lane=said.lane, seq=checks.held.seq, fault="double" if other else checks.found.fate.value,
        beneficiary=hex0x(said.beneficiary), slashed_wei=paid,
    )  # fmt: skip


def _broken(session: Session, checks: PromiseChecks, dry_run: bool) -> "tuple[str, Landed]":
    found, opening = checks.found, checks.opening
    if checks.claims[0]:
        raise ConfigError(
            f"the promise of number {checks.held.seq} was claimed before: nothing is left to claim"
        )
    if found.fate is Fate.MISSED:
        return "was missed", session.sender.claim_missed(opening, found.first_seq, dry_run)
    if found.fate is Fate.OMITTED:
        landed = session.sender.claim_omitted(opening, found.first_seq, found.other, found.path, dry_run)
        return "was given to another leaf", landed
    if found.fate is Fate.UNKNOWN:
        raise ConfigError(f"nothing can be proven yet: {found.why}")
    raise ConfigError(f"the promise is not broken: {found.why}")


def _doubled(session: Session, checks: PromiseChecks, other: str, dry_run: bool) -> "Landed":
    second = _examined(session, other, None, None)
    first, against = checks.opening, second.opening
    if first.place != against.place:
        raise ConfigError(
            f"the promises are of different numbers: lane {first.place[0]}, number {first.seq}, and lane "
            f"{against.place[0]}, number {against.seq}"
        )
    if first.leaf_hash == against.leaf_hash:
        raise ConfigError("both promises are of the same leaf: to repeat a promise breaks none")
    if checks.claims[1]:
        raise ConfigError(f"that number {first.seq} was promised twice was claimed before")
    return session.sender.claim_double(first, against, checks.found.first_seq, dry_run)


def _examined(session: Session, file: str, receipt: str | None, data: Path | None) -> PromiseChecks:
    held, leaf = read_promise(file)
    if receipt is not None:
        stated = read_receipt(receipt).leaf.hash
        if leaf is not None and leaf != stated:
            raise ConfigError(f"the promise is of leaf {hex0x(leaf)}, but the receipt's is {hex0x(stated)}")
        leaf = stated
    deployment = session.deployment
    domain = Domain(deployment.chain_id, deployment.settlement)
    return examine(session.reader, source_of(session, data), domain, held, leaf)


def read_promise(file: str) -> tuple[HeldPromise, bytes | None]:
    """The promise in a file, and the leaf hash that it is of; None where neither file nor promise tells.

    Raises:
        ConfigError: the file cannot be read, or the relayer gave no promise.
        InvalidField: it is none; the message names field and rule.
    """
    value = read_json(file, "the promise file")
    if not isinstance(value, dict) or "leafHash" not in value:
        held = HeldPromise.from_json(value)
        alone = held.signed.promise
        return held, alone.root if alone.count == 1 else None
    leaf = hex_of(value["leafHash"], "leafHash", exactly=32)
    if value.get("promise") is None:
        raise ConfigError(f"{file} holds no promise: the relayer took the receipt without one")
    return HeldPromise.from_json(value["promise"], "promise"), leaf


def source_of(session: Session, file: Path | None) -> Source:
    """Where batch data comes from: a file that was named, or whoever published it."""
    from ..data import Fetcher

    settings = session.config.verifier
    return _Given(file) if file else Fetcher(settings.allow_private_data, settings.data_timeout)


class _Given(Source):
    """One file."""

    def __init__(self, file: Path) -> None:
        self._data = read_bytes(file)

    def fetch(self, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Source.fetch`."""
        return self._data


def _slashed(landed: "Landed") -> int | None:
    from ..chain.base import PromiseBroken

    return next((event.slashed for event in landed.events if isinstance(event, PromiseBroken)), None)
