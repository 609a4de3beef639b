"""Copies of a SQLite store: taken while a process runs on it, and put back where there is none."""

import contextlib
import os
import sqlite3
from pathlib import Path

from ..chain.base import Deployment
from ..errors import ConfigError, StoreUnavailable
from .sqlite import locked
from .store import Role, Store


def backup(source: Path, target: Path) -> int:
    """Copy the database ``source`` to the new file ``target``, whole and of one moment; its size in bytes.

    Raises:
        ConfigError: there is no source, or there is a target.
        StoreUnavailable: it cannot be read or written.
    """
    if not source.is_file():
        raise ConfigError(f"there is no database {source}")
    _must_be_free(target)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
            contextlib.closing(sqlite3.connect(part)) as new,
        ):
            part.chmod(0o600)
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.rename(target)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise StoreUnavailable(f"the database {source} cannot be copied to {target}: {error}") from error
    return target.stat().st_size


def restore(source: Path, target: Path, deployment: Deployment, role: Role) -> None:
    """Put the copy ``source`` where the settings have the database, at ``target``, where there must be none.

    Raises:
        ConfigError: there is no source, or there is a target.
        ForeignStore: the copy belongs to another chain, contract or role. Nothing was written then.
        StoreUnavailable: it is no sound database, or a process runs on ``target``.
    """
    lock = locked(target)
    part = target.with_name(target.name + ".restored")
    try:
        _must_be_free(target)
        part.unlink(missing_ok=True)
        backup(source, part)
        _check_sound(source, part)
        Store.open(part, deployment, role).close()
        part.rename(target)
    finally:
        for leftover in (part, *_beside(part)):
            leftover.unlink(missing_ok=True)
        os.close(lock)


def _check_sound(source: Path, copy: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            found = connection.execute("PRAGMA integrity_check").fetchone()
            names = connection.execute("SELECT name FROM sqlite_master WHERE name = 'settings'").fetchall()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{source} is no sound database: {error}") from error
    if found != ("ok",) or not names:
        raise StoreUnavailable(f"{source} is no sound database of Afterproof")


def _must_be_free(target: Path) -> None:
    for path in (target, *_beside(target)):
        if path.exists():
            raise ConfigError(f"{path} exists: it is never overwritten")


def _beside(database: Path) -> list[Path]:
    """What SQLite keeps beside a database while it is open."""
    return [database.with_name(database.name + ending) for ending in ("-wal", "-shm")]
