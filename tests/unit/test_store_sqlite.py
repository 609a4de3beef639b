"""What is SQLite's own of the store: one file, one process.

opening
├── when the file is no database, or cannot be made → it should raise StoreUnavailable
└── when another process runs on it → it should refuse a second one
a transaction
└── when it is committed → it should be on disk: WAL, synchronous FULL
leading
└── it should always be this process that does
"""

from pathlib import Path

import pytest

from afterproof.errors import ForeignStore, StoreUnavailable
from tests.support.history import opened


def test_open_when_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite3").write_bytes(b"this is not a database, not even nearly one" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        opened(tmp_path)


def test_open_when_the_folder_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        opened(tmp_path / "file" / "folder")


def test_open_exclusively_twice_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    first = opened(tmp_path, exclusive=True)
    with pytest.raises(StoreUnavailable, match="another process runs on it"):
        opened(tmp_path, exclusive=True)
    assert opened(tmp_path).chain.cursor() is None  # reading beside it is fine
    first.close()
    opened(tmp_path, exclusive=True).close()


def test_open_when_foreign_lets_go_of_the_lock(tmp_path: Path) -> None:
    opened(tmp_path)
    with pytest.raises(ForeignStore):
        opened(tmp_path, role="relayer", exclusive=True)
    opened(tmp_path, exclusive=True).close()


def test_commits_are_on_disk(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store._database.row("PRAGMA journal_mode") == ("wal",)
    assert store._database.row("PRAGMA synchronous") == (2,)


def test_leads_is_always_this_process(tmp_path: Path) -> None:
    store = opened(tmp_path, exclusive=True)
    assert store.leads() and store.leads(1)
