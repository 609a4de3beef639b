"""`demand`, over the in-memory chain.

open
├── it should find tile root and path on chain, and stake the least deposit and an eighth more
├── when rehearsed → nothing should be sent
└── when the batch or tile is not there, was demanded before, or the deposit is too small → a sentence
answer
├── of up to 128 leaves by one transaction, of more by two, from published data or a file
├── when one half was shown → it should show the other alone
└── when there is no demand, the data is another batch's, or all was shown → a sentence
expire
├── it should give the deposit back and say what the lane lost
└── before the deadline → a sentence
show
└── it should say what a demand costs, and then how the one that was opened stands
"""

from pathlib import Path

import pytest

from afterproof.protocol.batching import build_batch
from afterproof.protocol.header import BatchId, batch_id
from afterproof.protocol.receipt import SignedReceipt
from tests.support.cli import post_unjudged
from tests.support.on_chain import on, refused
from tests.support.world import RIVAL, VERIFIER, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path, max_batch=1000)
    monkeypatch.setattr("afterproof.data.Fetcher", lambda *_: made.shelf)
    return made


def posted(world: World, count: int) -> list[SignedReceipt]:
    """The receipts of the lane's first batch; forgeries, for they are made faster."""
    one = world.forged(0)
    receipts = [world.forged(n) for n in range(1, count)]
    post_unjudged(world, one, *receipts)
    return [one, *receipts]


def test_demand_open_stakes_the_least_deposit_and_an_eighth_more(world: World) -> None:
    posted(world, 3)
    least = world.terms.demand_deposit
    assert (
        f"takes 0.{least // 10**16:02d} ether at least" in on(world, RIVAL, "demand", "show", "1/0", "0").out
    )
    rehearsed = on(world, VERIFIER, "demand", "open", "1/0", "0", "--dry-run")
    assert rehearsed.out.startswith("Would demand tile 0 of batch 1/0 for a deposit of 0.01125 ether")
    answer = on(world, VERIFIER, "demand", "open", str(1 << 64), "0", "--json").json
    assert (answer["deposit_wei"], answer["deadline"]) == (
        least * 9 // 8,
        world.now + world.terms.answer_period,
    )
    assert "tile 0 of batch 1/0 was demanded before" in refused(
        on(world, RIVAL, "demand", "open", hex(1 << 64), "0")
    )
    assert on(world, RIVAL, "demand", "show", "1/0", "0", "--json").json["state"] == "open"


def test_demand_show_after_the_window_says_that_it_is_too_late(world: World) -> None:
    posted(world, 3)
    world.wait(world.terms.window + 1)
    assert "cannot be any more: its window ended at" in on(world, RIVAL, "demand", "show", "1/0", "0").out
    assert on(world, RIVAL, "demand", "show", "1/0", "0", "--json").json["deposit_wei"] is None
    assert "it is too late" in refused(on(world, RIVAL, "demand", "open", "1/0", "0"))


def test_demand_open_of_what_is_not_there_is_refused(world: World) -> None:
    posted(world, 3)
    assert "batch 1/0 has 1 tile, numbered" in refused(on(world, RIVAL, "demand", "open", "1/0", "1"))
    assert "batch 1/3 was never posted" in refused(on(world, RIVAL, "demand", "open", "1/3", "0"))
    assert "takes 0.01 ether at the present base fee" in refused(
        on(world, RIVAL, "demand", "open", "1/0", "0", "--deposit", "1gwei")
    )
    assert "was never demanded" in refused(on(world, RIVAL, "demand", "answer", "1/0", "0"))
    assert "was never demanded" in refused(on(world, RIVAL, "demand", "expire", "1/0", "0"))
    for batch in ("x", "1/", "/0", "4294967296/0", "0x" + "f" * 64, "-1"):
        assert on(world, RIVAL, "demand", "show", "--", batch, "0").status == 2


def test_demand_answer_shows_published_data_once(world: World) -> None:
    posted(world, 3)
    on(world, VERIFIER, "demand", "open", "1/0", "0")
    assert on(world, RIVAL, "demand", "answer", "1/0", "0", "--dry-run").out.startswith("Would show 3 leaves")
    assert on(world, RIVAL, "demand", "answer", "1/0", "0").out.startswith("Showed 3 leaves of tile 0")
    assert "was shown already" in refused(on(world, RIVAL, "demand", "answer", "1/0", "0"))
    assert on(world, RIVAL, "demand", "show", "1/0", "0", "--json").json["state"] == "answered"
    assert "is settled" in refused(on(world, RIVAL, "demand", "expire", "1/0", "0"))


def test_demand_answer_of_more_than_128_leaves_takes_two(world: World) -> None:
    leaves = [receipt.leaf for receipt in posted(world, 300)]
    batch, data = build_batch(1, 0, leaves), world.folder / "given.batch"
    data.write_bytes(batch.data)
    for tile in ("0", "1"):
        on(world, VERIFIER, "demand", "open", "1/0", tile)
    world.shelf.missing = True
    assert "nobody answers" in refused(on(world, RIVAL, "demand", "answer", "1/0", "0"))
    answer = on(world, RIVAL, "demand", "answer", "1/0", "0", "--data", str(data), "--json").json
    assert (answer["halves"], len(answer["transactions"])) == ([0, 1], 2)
    answer = on(world, RIVAL, "demand", "answer", "1/0", "1", "--data", str(data), "--json").json
    assert (answer["halves"], len(answer["transactions"])) == ([0], 1)
    view = world.chain.account_view(RIVAL)
    for tile in (0, 1):
        state = view.demand_of(batch_id(1, 0), tile)
        assert state is not None and state.answered_at


def test_demand_answer_goes_on_where_one_half_was_shown(world: World) -> None:
    leaves = [receipt.leaf for receipt in posted(world, 200)]
    on(world, VERIFIER, "demand", "open", "1/0", "0")
    from afterproof.protocol.answers import answers

    first, _ = answers(leaves)
    batch = BatchId(1 << 64)
    world.chain.account_view(RIVAL).answer_tile(batch, 0, 0, first.data, first.other, ())
    answer = on(world, RIVAL, "demand", "answer", "1/0", "0", "--json").json
    assert answer["halves"] == [1]


def test_demand_answer_by_another_batchs_data_is_refused(world: World) -> None:
    posted(world, 3)
    on(world, VERIFIER, "demand", "open", "1/0", "0")
    world.shelf.instead = build_batch(1, 0, [world.signed(n).leaf for n in range(3)]).data
    assert "the batch was posted as" in refused(on(world, RIVAL, "demand", "answer", "1/0", "0"))


def test_demand_expire_settles_what_nobody_answered(world: World) -> None:
    posted(world, 3)
    on(world, VERIFIER, "demand", "open", "1/0", "0")
    assert "can still be answered until" in refused(on(world, RIVAL, "demand", "expire", "1/0", "0"))
    world.wait(world.terms.answer_period + 1)
    assert "struck" in on(world, RIVAL, "demand", "show", "1/0", "0").out
    assert "it is too late" in refused(on(world, RIVAL, "demand", "answer", "1/0", "0"))
    answer = on(world, RIVAL, "demand", "expire", "1/0", "0", "--json").json
    assert answer["slashed_wei"] == 3 * world.terms.leaf_slash
    assert world.chain.account_view(RIVAL).credits(VERIFIER) > world.terms.demand_deposit
    assert on(world, RIVAL, "demand", "show", "1/0", "0", "--json").json["state"] == "expired"
