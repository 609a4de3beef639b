"""What is PostgreSQL's own of the store: a server that several processes share, and that may go away.

opening
├── when the address is none, or nobody answers there → it should say so, and show no password
└── when no schema of the search path exists → it should raise StoreUnavailable
a transaction
├── when it is committed → it should be on disk: synchronous_commit
├── when a statement in it failed and that was not noticed → it should store nothing, and say so
└── of several stores on one database → they should take turns: no number twice, none left out
leading
├── it should be one store of all, for each lane, until that is closed or the server loses it
└── in the loop → only the one that leads should take the steps that act, every one should watch
a connection that was lost
└── it should be StoreUnavailable, and then work again
text that PostgreSQL cannot hold
└── it should be stored all the same: strangers write it on the chain
"""

import threading
from pathlib import Path

import psycopg
import pytest

from afterproof import loop
from afterproof.errors import ConfigError, StoreUnavailable
from afterproof.loop import run
from afterproof.protocol.receipt import Scheme
from afterproof.settings import PostgresUrl
from afterproof.steps import Context
from afterproof.steps.watch import watch
from afterproof.store import Store
from afterproof.store.database import open_database
from afterproof.store.postgres import Postgres
from tests.support.crashes import tables
from tests.support.databases import SERVER
from tests.support.history import BATCH, block, leaf, logged, opened, posted
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("postgres")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return opened(tmp_path)


def cut_off(store: Store) -> None:
    """The server ends every connection of a store but the one that asks for it."""
    database = store._database
    database.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND application_name = current_setting('application_name')"
    )


# --- opening ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("postgresql://me:swordfish@127.0.0.1:1/test", StoreUnavailable),
        ("postgresql://me:swordfish@127.0.0.1:port/test?what=this", ConfigError),
    ],
)
def test_open_when_nobody_answers_shows_no_password(address: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"postgresql://127.0.0.1") as caught:
        open_database(PostgresUrl(address))
    assert "swordfish" not in str(caught.value)


def test_open_when_there_is_no_schema_says_so() -> None:
    sign = "&" if "?" in SERVER else "?"
    with pytest.raises(StoreUnavailable, match="no schema of its search_path exists"):
        open_database(PostgresUrl(f"{SERVER}{sign}options=-csearch_path%3Dnowhere"))


# --- transactions -----------------------------------------------------------------------------------


def test_commits_are_on_disk(store: Store) -> None:
    assert store._database.row("SELECT current_setting('synchronous_commit')") == ("on",)


def test_transaction_with_a_failed_statement_stores_nothing_and_says_so(store: Store) -> None:
    before = tables(store)
    with pytest.raises(StoreUnavailable, match="a statement of the transaction failed"), store.transaction():
        store.receipts.add(1, [(leaf(0), Scheme.SECP256K1)], 1000)
        with pytest.raises(psycopg.IntegrityError):
            store._database.execute("INSERT INTO sequences (lane, next_seq) VALUES (1, 1)")
    assert tables(store) == before


def test_stores_on_one_database_give_each_number_once(tmp_path: Path) -> None:
    def add(start: int) -> None:
        mine = opened(tmp_path)
        for number in range(start, start + 20):
            with mine.transaction():
                mine.receipts.add(1, [(leaf(number), Scheme.SECP256K1)], 1000)

    store = opened(tmp_path)
    threads = [threading.Thread(target=add, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.seq for one in store.receipts.in_order(1, 0, 100)] == list(range(60))


# --- leading ----------------------------------------------------------------------------------------


def test_leads_is_one_store_of_all_until_it_is_closed(tmp_path: Path) -> None:
    first, second = (opened(tmp_path, exclusive=True) for _ in range(2))
    assert first.leads(1) and not second.leads(1)
    assert second.leads(2) and not first.leads(2)
    assert opened(tmp_path / "another").leads(1)
    assert first.leads(1) and not second.leads(1)
    first.close()
    assert second.leads(1)


def test_leads_ends_when_the_server_has_lost_the_connection(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    assert first.leads(1) and not second.leads(1)
    cut_off(first)
    with pytest.raises(StoreUnavailable):  # the connection on which it waited went as well
        second.leads(1)
    assert second.leads(1)
    assert not first.leads(1)
    second.close()
    assert first.leads(1)


def test_run_takes_the_steps_that_act_only_where_the_store_leads(tmp_path: Path) -> None:
    world, taken = World(tmp_path), list[str]()
    leader, other = world.relayer(), world.relayer()

    def act(context: Context) -> bool:
        taken.append("act")
        stop.set()
        return False

    def rounds(context: Context) -> bool:
        rests[0] += 1
        if rests[0] == 3:
            leader.store.close()
        return watch(context)

    assert leader.store.leads(world.lane)
    stop, rests = threading.Event(), [0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "SHARED", {"relayer": {rounds}})
        run((rounds, act), other, stop, poll=0.01)
    assert taken == ["act"] and rests[0] >= 3
    assert other.store.chain.cursor() is not None


# --- trouble ----------------------------------------------------------------------------------------


def test_a_lost_connection_is_said_once_and_replaced(store: Store, tmp_path: Path) -> None:
    store.chain.apply([], block(3))
    cut_off(opened(tmp_path))
    with pytest.raises(StoreUnavailable):
        store.chain.cursor()
    assert store.chain.cursor() == block(3)


def test_a_transaction_that_loses_its_connection_stores_nothing(store: Store, tmp_path: Path) -> None:
    other = opened(tmp_path)
    with pytest.raises(StoreUnavailable), store.transaction():
        store.receipts.add(1, [(leaf(0), Scheme.SECP256K1)], 1000)
        cut_off(other)
    assert store.receipts.count(1) == 0
    with store.transaction():
        store.receipts.add(1, [(leaf(0), Scheme.SECP256K1)], 1000)
    assert store.receipts.count(1) == 1


def test_text_with_a_nul_is_stored(store: Store) -> None:
    event = posted()
    event = type(event)(event.lane, event.batch, event.root, event.header, event.tile_roots, "http://a\0b")
    store.chain.apply([logged(event, 5)], block(5))
    found = store.batches.posted(BATCH)
    assert found is not None and found.data_uri == "http://a\ufffdb"


def test_more_threads_than_connections_wait_for_each_other(store: Store) -> None:
    together, seen = threading.Barrier(24), list[int]()

    def read() -> None:
        together.wait()
        for _ in range(20):
            seen.append(store.receipts.count(1))

    threads = [threading.Thread(target=read) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 24 * 20
    database = store._database
    assert isinstance(database, Postgres) and 1 <= len(database._idle) <= 8
