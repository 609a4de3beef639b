"""`store`: pruning, backing up and restoring a role's database."""

from pathlib import Path

import click

from ..errors import ConfigError
from ..store.backup import backup as copied
from ..store.backup import restore as put_back
from ..store.store import Role, Store
from .options import acts, examples, reads
from .output import emit, note
from .session import Session, pass_session

_role = click.option(
    "--role",
    type=click.Choice(["relayer", "verifier"]),
    default="relayer",
    show_default=True,
    help="Whose database of the settings.",
)


@click.group()
def store() -> None:
    """Prune, back up and restore a database."""


@store.command(
    epilog=examples("afterproof store prune --dry-run", "afterproof store prune --config relayer.toml")
)
@acts
@pass_session
def prune(session: Session, dry_run: bool, as_json: bool) -> None:
    """Remove a relayer's published data, receipts and promises that no claim, demand or dispute can need any more.

    Kept is whatever is younger than the last possible claim and relayer.keep_data. May run beside the relayer.
    """
    from ..data import Data
    from ..data.choice import publisher
    from ..steps import Context
    from ..steps.prune import prune as pruned

    settings = session.config.relayer
    if isinstance(settings.store, Path) and not settings.store.is_file():
        raise ConfigError(f"there is no database {settings.store}")
    opened = Store.open(settings.store, session.deployment, "relayer")
    try:
        data = Data(own=publisher(settings, settings.public_url or "http://relayer.invalid"))
        found = pruned(Context(session.sender, opened, session.config, data), dry_run)
    finally:
        opened.close()
    verb = "Would remove" if dry_run else "Removed"
    emit(
        as_json,
        {
            "removed": not dry_run,
            "batches": found.batches,
            "receipts": found.receipts,
            "because": found.because,
        },
        f"{verb} {found.receipts} receipts in {found.batches} batches; no more, for {found.because}.",
    )


@store.command(epilog=examples("afterproof store backup relayer.backup"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_role
@reads
@pass_session
def backup(session: Session, file: Path, role: Role, as_json: bool) -> None:
    """Copy the database to FILE, whole and of one moment, while the process may run on."""
    path = _path(session, role)
    size = copied(path, file)
    emit(as_json, {"file": str(file), "bytes": size}, f"Copied {path} to {file}: {size} bytes.")


@store.command(epilog=examples("afterproof store restore relayer.backup"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_role
@reads
@pass_session
def restore(session: Session, file: Path, role: Role, as_json: bool) -> None:
    """Put the copy FILE where the settings have the database; there must be none.

    A copy of another chain, contract or role is refused.
    """
    path = _path(session, role)
    put_back(file, path, session.deployment, role)
    emit(as_json, {"file": str(path), "restored": True}, f"Restored {path} from {file}.")
    if role == "relayer":
        note(
            "Beware: what was promised after the copy was made is not in it, and would be promised again to others. "
            "Start the relayer on it only where the copy holds the last promise given; else open a new lane."
        )


def _path(session: Session, role: Role) -> Path:
    place = session.config.relayer.store if role == "relayer" else session.config.verifier.store
    if not isinstance(place, Path):
        raise ConfigError(f"{role}.store is on a PostgreSQL server: copy it with pg_dump and pg_restore")
    return place
