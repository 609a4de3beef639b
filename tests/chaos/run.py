"""A trip of chaos from its seed to the last wei."""

from collections.abc import Callable
from pathlib import Path

from afterproof.protocol.batching import build_batch
from afterproof.protocol.header import first_seq_of
from afterproof.protocol.state import Standing
from tests.chaos.leaving import Till, check_books, everybody_leaves
from tests.chaos.plan import plan_of
from tests.chaos.play import Play
from tests.chaos.reckoning import WITHHELD, leaves_of, spread, table
from tests.chaos.stage import KEYS, REGISTRY, TERMS, Stage, stage

VOIDING = ("BAD_SIGNATURE", "DUPLICATE_RECEIPT")


def trip(seed: str, seconds: float, folder: Path, say: Callable[[str], None]) -> None:
    """Play the plan of a seed, and hold everybody to everything. ``say`` is told what happens."""
    plan = plan_of(seed, seconds)
    say(str(plan))
    with stage(folder) as on:
        play = Play(on, plan, say)
        play.day()
        play.night()
        for relayer in (*on.relayers.values(), on.cheat):
            relayer.book.reckon(relayer.fetch)
        play.tell("every promise of every honest lane is kept")
        on.time.jump(TERMS.window + TERMS.claim_window)
        _check_standings(play)
        play.meanwhile.end()
        _check_honest(play)
        till = check_books(on, play.account.events)
        drawn = everybody_leaves(on)
        _check_purses(on, till, drawn)
        play.tell(f"everybody has left, with {sum(drawn.values()) / 10**18:g} ether")
        say(_summary(play))


def _check_standings(play: Play) -> None:
    """What is void is what was proven and nothing else; all else of what was posted is final."""
    punished, stage = play.account.punished, play.stage
    for lane in stage.lanes:
        for posting in lane.postings:
            batch = posting.batch
            struck = (WITHHELD, lane.number, batch.first_seq) in punished
            for index, leaf in enumerate(batch.leaves):
                assert leaf is not None
                is_void = struck or any(
                    (kind, lane.number, batch.first_seq + index) in punished for kind in VOIDING
                )
                found = stage.on.reader.standing(batch.id, index, leaf.words, batch.tree.proof(index))
                assert found is (Standing.VOIDED if is_void else Standing.FINAL), (batch.id, index, found)
    for relayer in stage.relayers.values():
        for posted in stage.on.posted(relayer.lane):
            leaves = leaves_of(relayer, posted)
            batch = build_batch(relayer.lane, first_seq_of(posted.batch), leaves)
            for index in {0, len(leaves) - 1}:
                proof = batch.tree.proof(index)
                found = stage.on.reader.standing(batch.id, index, leaves[index].words, proof)
                assert found is Standing.FINAL, (relayer.lane, posted.batch, index, found)


def _check_honest(play: Play) -> None:
    """Nobody honest was punished, and no true attestation doubted."""
    account, stage = play.account, play.stage
    for kind, lane, place in account.punished:
        assert lane not in stage.honest_lanes, f"{kind} on honest lane {lane} at {place}"
    honest = {one.number for one in stage.attesters.posted if one.sender is stage.attesters.honest}
    assert honest and not honest & account.challenged
    assert {lane for lane, _ in account.demanded}.isdisjoint(stage.honest_lanes)


def _check_purses(stage: Stage, till: Till, drawn: dict[bytes, int]) -> None:
    """Whoever is honest has at least what it put up; what a griefer put up is the lanes'."""
    for who, relayer in stage.relayers.items():
        assert drawn[KEYS[who].address] >= till.stakes[relayer.lane], who
    operator = stage.attesters.honest.account
    bonds = sum(one.sender.account == operator for one in stage.attesters.posted) * REGISTRY.bond
    assert drawn[operator] == bonds
    assert drawn[stage.griefer.account] == 0


def _summary(play: Play) -> str:
    account, stage = play.account, play.stage
    receipts = sum(len(relayer.book) for relayer in stage.relayers.values())
    failed = ", ".join(f"{how} {count}" for how, count in sorted(stage.nodes.failed.items()))
    killed = ", ".join(f"{who} {count}" for who, count in sorted(play.meanwhile.kills.items()))
    return "\n".join(
        [
            f"chaos {play.plan.seed}: everything that was planted is punished, nothing else, and nobody lost a wei",
            table(play.crimes, account.punished),
            f"  receipts of honest lanes kept   {receipts:5}",
            f"  lives ended                     {sum(play.meanwhile.kills.values()):5}  {killed}",
            f"  lives that ended by themselves  {sum(play.meanwhile.ended.values()):5}",
            f"  reorganisations                 {len(play.depths):5}  of {sorted(play.depths)} blocks",
            f"  planted posts undone by them    {play.reposted:5}  and posted again",
            f"  questions that nodes failed     {sum(stage.nodes.failed.values()):5}  {failed}",
            f"  tiles of honest lanes demanded  {play.grieved:5}  and shown",
            f"  {spread(account.blocks_to_proof())}",
        ]
    )
