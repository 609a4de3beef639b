"""What operators do on chain, over the in-memory chain: lane, node, credits.

a command that acts
├── when it is rehearsed → it should say what would happen, and the chain should stay as it was
├── when it is done → the chain should have it, and it should say where and for how much
├── when --json is asked for → it should answer with one object that has the same
└── when the contract refuses → it should end with status 1 and a sentence of what the refusal means
a command that reads
├── when there is nothing yet → it should say so
├── when there is → it should show it, amounts in ether, times as dates
└── when it is asked for what is not there → it should end with status 1 and a sentence
"""

from pathlib import Path

import pytest

from afterproof.protocol.receipt import hex0x
from afterproof.protocol.terms import ETHER
from tests.support.cli import post_unjudged
from tests.support.on_chain import on, refused
from tests.support.scene import secp_signer
from tests.support.world import OWNER, RELAYER, RIVAL, VERIFIER, World

NEW = secp_signer(7)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- lane ------------------------------------------------------------------------------------------


def test_lane_open_rehearsed_changes_nothing(world: World) -> None:
    before = world.chain.account_view(RIVAL)
    ran = on(world, RIVAL, "lane", "open", "--stake", "0.5ether", "--dry-run")
    assert ran.status == 0
    assert ran.out.startswith("Would open lane 2 with 0.5 ether")
    assert ran.out.endswith("Nothing was sent.\n")
    assert (
        on(world, RIVAL, "lane", "open", "--stake", "0.5ether", "--dry-run", "--json").json["transaction"]
        is None
    )
    assert before.lane_count() == 1
    assert before.balance(RIVAL) == ETHER


def test_lane_open_opens_a_lane_of_ones_own(world: World) -> None:
    answer = on(world, RIVAL, "lane", "open", "--stake", "0.5ether", "--ahead", "3", "--json").json
    assert answer["lane"] == 2
    assert answer["stake_wei"] == ETHER // 2
    assert answer["transaction"].startswith("0x")
    state = world.chain.account_view(RIVAL).lane(2)
    assert state is not None
    assert (state.owner, state.poster, state.stake, state.ahead) == (RIVAL, RIVAL, ETHER // 2, 3)


def test_lane_open_with_too_little_says_what_is_needed(world: World) -> None:
    said = refused(on(world, RIVAL, "lane", "open", "--stake", "0.05ether"))
    assert said == "error: the lane would hold 0.05 ether and must hold 0.1 ether (InsufficientStake)\n"
    assert "not a whole number of gwei" in refused(on(world, RIVAL, "lane", "top-up", "1", "7"))


def test_lane_top_up_adds_to_any_lane(world: World) -> None:
    assert on(world, RIVAL, "lane", "top-up", "1", "100gwei", "--dry-run").out.startswith(
        "Would add 0.0000001 ether to the stake of lane 1"
    )
    assert on(world, RIVAL, "lane", "top-up", "1", "100gwei").out.startswith("Added 0.0000001 ether")
    assert "there is no lane 9" in refused(on(world, RIVAL, "lane", "top-up", "9", "1gwei"))
    state = world.chain.account_view(RIVAL).lane(1)
    assert state is not None and state.stake == 10 * ETHER + 100 * 10**9


def test_lane_show_tells_of_one_or_all(world: World) -> None:
    everything = on(world, RIVAL, "lane", "show").out
    assert everything.splitlines()[0].split() == ["lane", "stake", "posted", "open", "owner"]
    assert "10 ether" in everything
    one = on(world, RIVAL, "lane", "show", "1")
    assert "10 ether, covers 49,500 open receipts" in one.out
    answer = on(world, RIVAL, "lane", "show", "1", "--json").json
    assert answer["owner"] == hex0x(RELAYER)
    assert answer == on(world, RIVAL, "lane", "show", "--json").json["lanes"][0]
    assert "there is no lane 4: there are 1" in refused(on(world, RIVAL, "lane", "show", "4"))


# --- node ------------------------------------------------------------------------------------------


def test_node_endorse_makes_a_node_live(world: World) -> None:
    view = world.chain.account_view(OWNER)
    key = hex0x(NEW.public_key)
    ran = on(world, OWNER, "node", "endorse", key, "--dry-run")
    assert ran.out.startswith(f"Would endorse node {hex0x(NEW.node)} (SECP256K1)")
    assert view.node(NEW.node) is None
    answer = on(world, OWNER, "node", "endorse", key, "--operator", hex0x(RIVAL), "--json").json
    assert (answer["node"], answer["operator"]) == (hex0x(NEW.node), hex0x(RIVAL))
    assert view.node(NEW.node) is not None
    again = ("node", "endorse", key, "--operator", hex0x(RIVAL))
    assert "vouches for node" in refused(on(world, OWNER, *again))
    assert "is run by 0x0303" in refused(on(world, OWNER, "node", "endorse", key))


def test_node_endorse_is_for_the_registrys_owner(world: World) -> None:
    said = refused(on(world, RIVAL, "node", "endorse", hex0x(NEW.public_key)))
    assert "only the owner may do this, not 0x0303" in said
    assert "KEY" in refused(on(world, OWNER, "node", "endorse", "no-such-file"))


def test_node_revoke_ends_a_node_now_or_then(world: World) -> None:
    first, second = (hex0x(signer.node) for signer in world.nodes)
    revoke = ("--reason", "its key was stolen")
    assert "Would revoke" in on(world, OWNER, "node", "revoke", first, *revoke, "--dry-run").out
    answer = on(world, OWNER, "node", "revoke", first, *revoke, "--json").json
    assert answer["effective_from"] <= world.now
    assert answer["reason"] == "its key was stolen"
    assert on(world, OWNER, "node", "revoke", second, *revoke, "--from", str(world.now + 100)).status == 0
    assert "only an earlier end counts" in refused(on(world, OWNER, "node", "revoke", first, *revoke))
    assert "may reach back to" in refused(on(world, OWNER, "node", "revoke", second, *revoke, "--from", "1"))
    assert "was never registered" in refused(on(world, OWNER, "node", "revoke", "0x" + "77" * 32, *revoke))


def test_node_list_shows_every_node(world: World, tmp_path: Path) -> None:
    lines = on(world, RIVAL, "node", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["node", *(hex0x(signer.node) for signer in world.nodes)]
    on(
        world,
        OWNER,
        "node",
        "revoke",
        hex0x(world.nodes[0].node),
        "--reason",
        "x",
        "--from",
        str(2**48 - 1),
    )
    (first, second) = on(world, RIVAL, "node", "list", "--json").json["nodes"]
    assert (first["assurance"], first["ends_at"]) == ("ENDORSED", 2**48 - 1)
    assert second["ends_at"] is None
    assert "unix second 281474976710655" in on(world, RIVAL, "node", "list").out


# --- credits ---------------------------------------------------------------------------------------


def test_credits_are_shown_and_withdrawn(world: World) -> None:
    post_unjudged(world, *(world.forged(n) for n in range(4)))
    world.rounds(3, world.verifier())
    owed = world.chain.account_view(VERIFIER).credits(VERIFIER)
    assert owed == 4 * world.terms.leaf_slash // 2
    assert on(world, VERIFIER, "credits", "show").out.endswith("can withdraw 0.0002 ether.\n")
    assert on(world, RIVAL, "credits", "show", hex0x(VERIFIER), "--json").json["credit_wei"] == owed
    before = world.chain.account_view(RIVAL).balance(RIVAL)
    to = ("--to", hex0x(RIVAL))
    assert "Would withdraw 0.0002 ether" in on(world, VERIFIER, "credits", "withdraw", *to, "--dry-run").out
    assert on(world, VERIFIER, "credits", "withdraw", *to, "--json").json["amount_wei"] == owed
    assert world.chain.account_view(RIVAL).balance(RIVAL) == before + owed
    assert "has nothing to withdraw" in refused(on(world, VERIFIER, "credits", "withdraw"))
