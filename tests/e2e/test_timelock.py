"""Owners that are contracts, on a real node: a deployment by production's parameters, which a timelock owns.

--calldata
├── it should print what the contract takes from its owner, without a key, and send nothing
├── when the contract would refuse it → the contract's sentence
└── an account of another kind (a multisig, the guardian) → its call should do when it makes it
timelock
├── an epoch should be announced through it to the end: scheduled, held back, executed, in force
├── its own calls can be printed too, and do when a proposer sends them
├── salt and predecessor should tell operations apart, and order them
├── when it is too soon, done before, another's to do, or taken back → a sentence, and nothing is sent
└── when the file is no call, the call is no function of ours, or the owner is no timelock → a sentence
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.address_file import read_json
from afterproof.chain.parameters import load_parameters
from tests.support.anvil import anvil
from tests.support.chains import PARAMETERS, rpc
from tests.support.operator import Operators, hex_of, operators
from tests.support.scene import secp_signer

PRODUCTION = Path(__file__).resolve().parents[2] / "scripts" / "parameters" / "production.toml"
DELAY = 172_800
TIME_TO_LEAVE = 1_800 + 86_400 + 1_800 + 86_400 + 86_400
"""By production's terms: promise delay, pause, catch-up, claim window, window."""


@pytest.fixture
def act(tmp_path: Path) -> Iterator[Operators]:
    """The owner's key is the timelock's proposer and executor; it is also the guardian's."""
    with anvil() as node:
        yield operators(node.url, tmp_path, load_parameters(PRODUCTION))


def terms(act: Operators, window: int) -> str:
    """A file with production's terms, but for the window."""
    return act.file("terms.toml", PRODUCTION.read_text().replace("window = 86400", f"window = {window}", 1))


def sent_by(act: Operators, account: str, call: dict[str, str]) -> None:
    """Makes a printed call as an account whose key nobody has here."""
    rpc(act.url, "anvil_impersonateAccount", account)
    rpc(act.url, "anvil_setBalance", account, hex(10**20))
    transaction = {"from": account, "to": call["to"], "value": hex(int(call["value"])), "data": call["data"]}
    tx_hash = rpc(act.url, "eth_sendTransaction", transaction)
    deadline = time.monotonic() + 10
    while (receipt := rpc(act.url, "eth_getTransactionReceipt", tx_hash)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert receipt["status"] == "0x1"


def test_epoch_is_announced_through_the_timelock_to_the_end(act: Operators) -> None:
    file = terms(act, 90_000)
    assert "only the owner may do this" in act.refused("owner", "epoch", "announce", file)
    earliest = act.now + DELAY + TIME_TO_LEAVE
    early = act.refused(None, "epoch", "announce", file, "--starts", str(earliest - 60), "--calldata")
    assert "the owner's timelock holds it back for 172,800 seconds, and until then every lane" in early

    shown = act(None, "epoch", "announce", file, "--calldata").out
    assert "by this call. Nothing was sent.\nto     0x" in shown and "\nvalue  0\ndata   0x" in shown
    drafted = act.did(None, "epoch", "announce", file, "--calldata")
    assert drafted["epoch"] == 2 and drafted["starts_at"] >= earliest + 86_400
    call = act.file("call.json", drafted)
    seen = act.did(None, "timelock", "show", call)
    assert (seen["call"], seen["state"], seen["delay"]) == ("Settlement.announceEpoch", "UNSET", DELAY)
    assert "never scheduled" in act.refused("owner", "timelock", "execute", call)
    assert f"{hex_of('poor')[2:6]}" in act.refused("poor", "timelock", "schedule", call).lower()
    assert "is no proposer of the timelock" in act.refused("relayer", "timelock", "schedule", call)
    assert "--delay must be 172800 or more" in act.refused(
        "owner", "timelock", "schedule", call, "--delay", "5"
    )

    assert act("owner", "timelock", "schedule", call, "--dry-run").out.startswith(
        "Would schedule Settlement.announceEpoch, to be executed from about"
    )
    assert act.did(None, "timelock", "show", call)["state"] == "UNSET"
    scheduled = act.did("owner", "timelock", "schedule", call)
    assert scheduled["transaction"].startswith("0x") and scheduled["salt"] == "0x" + "00" * 32
    again = act.refused("owner", "timelock", "schedule", call)
    assert "was scheduled before and waits: it can be executed from" in again
    assert "too soon: the call can be executed from" in act.refused("owner", "timelock", "execute", call)
    seen = act.did(None, "timelock", "show", call)
    assert (seen["state"], seen["operation"]) == ("WAITING", scheduled["operation"])

    act.wait(seen["executable_at"])
    assert act.did(None, "timelock", "show", call)["state"] == "READY"
    assert "is no executor of the timelock" in act.refused("relayer", "timelock", "execute", call)
    assert act.did(None, "epoch", "show")["ends_at"] is None
    assert act("owner", "timelock", "execute", call).out.startswith(
        "Executed Settlement.announceEpoch, in block"
    )
    assert "was executed before" in act.refused("owner", "timelock", "execute", call)
    assert "nothing to take back: the call was executed" in act.refused("owner", "timelock", "cancel", call)
    following = act.did(None, "epoch", "show", "2")
    assert (following["starts_at"], following["current"]) == (drafted["starts_at"], False)
    act.wait(drafted["starts_at"])
    now = act.did(None, "epoch", "show")
    assert (now["epoch"], now["terms"]["window"]) == (2, 90_000)


def test_timelock_calls_can_be_printed_ordered_and_taken_back(act: Operators) -> None:
    node = secp_signer(0)
    key = "0x" + node.public_key.hex()
    first = act.file("first.json", act.did(None, "guardian", "appoint", hex_of("relayer"), "--calldata"))
    endorse = ("node", "endorse", key, "--operator", hex_of("relayer"), "--calldata")
    second = act.file("second.json", act.did(None, *endorse))
    salt = ("--salt", "0x" + "07" * 32)

    printed = act.did(None, "timelock", "schedule", first, *salt, "--calldata")
    assert act.did(None, "timelock", "show", first, *salt)["state"] == "UNSET"
    sent_by(act, hex_of("owner"), printed["call"])
    assert act.did(None, "timelock", "show", first, *salt)["state"] == "WAITING"
    assert act.did(None, "timelock", "show", first)["state"] == "UNSET"  # of another name
    after = ("--predecessor", printed["operation"])
    act.did("owner", "timelock", "schedule", second, *after)
    act.did("owner", "timelock", "schedule", first)
    assert "is no canceller of the timelock" in act.refused("relayer", "timelock", "cancel", first)
    assert act("owner", "timelock", "cancel", first).out.startswith("Took back Settlement.setGuardian")
    assert "or not with this salt" in act.refused("owner", "timelock", "cancel", first)

    act.wait(act.now + DELAY)
    assert "must be executed before" in act.refused("owner", "timelock", "execute", second, *after)
    assert "never scheduled" in act.refused("owner", "timelock", "execute", first)
    sent_by(act, hex_of("owner"), act.did(None, "timelock", "execute", first, *salt, "--calldata")["call"])
    act.did("owner", "timelock", "execute", second, *after)
    assert act.did(None, "guardian", "show")["guardian"] == hex_of("relayer")
    assert [one["node"] for one in act.did(None, "node", "list")["nodes"]] == ["0x" + node.node.hex()]

    # A revocation takes effect when it can be executed: back by more than a window it could not reach.
    revoke = ("node", "revoke", "0x" + node.node.hex(), "--reason", "stolen", "--calldata")
    drafted = act.did(None, *revoke)
    assert drafted["effective_from"] == act.now + DELAY
    early = act.refused(None, *revoke, "--from", str(act.now))
    assert "or later: the owner's timelock holds the call back for 172,800 seconds" in early
    third = act.file("third.json", drafted)
    at = act.did("owner", "timelock", "schedule", third)["executable_at"]
    act.wait(at + 3_600)
    act.did("owner", "timelock", "execute", third)
    assert act.did(None, "node", "list")["nodes"][0]["ends_at"] == drafted["effective_from"]


def test_guardians_call_is_printed_and_pauses_when_the_guardian_makes_it(act: Operators) -> None:
    printed = act.did(None, "guardian", "pause", "600", "--calldata")
    assert act.did(None, "guardian", "show")["paused"] is False
    file = act.file("pause.json", printed)
    said = act.refused("owner", "timelock", "schedule", file)
    assert "only the guardian may do this" in said  # and the timelock is not it
    sent_by(act, hex_of("owner"), printed["call"])
    assert act.did(None, "guardian", "show")["paused"] is True
    assert "is too soon" in act.refused(None, "guardian", "pause", "600", "--calldata")


BROKEN: tuple[tuple[Any, str], ...] = (
    ("no json", "must be JSON"),
    ([], "call must be an object"),
    ({"call": {"to": "0x12", "value": "0", "data": "0x"}}, "call.to must be 20 bytes"),
    (
        {"call": {"to": "0x" + "12" * 20, "value": 0, "data": "0x"}},
        "call.value must be wei in decimal digits",
    ),
    (
        {"call": {"to": "0x" + "12" * 20, "value": "-1", "data": "0x"}},
        "call.value must be wei in decimal digits",
    ),
    ({"call": {"to": "0x" + "12" * 20, "value": "0", "data": "0xz"}}, "call.data must be"),
    ({"call": {"to": "0x" + "12" * 20, "value": "0", "data": "0x"}}, "is neither of the deployment's two"),
)


def test_timelock_of_nonsense_is_a_sentence(act: Operators) -> None:
    for number, (content, said) in enumerate(BROKEN):
        file = act.file(f"{number}.json", content)
        for verb in ("show", "schedule", "execute", "cancel"):
            assert said in act.refused("owner", "timelock", verb, file)
    settlement = read_json(act.folder / "deployment.json", "address file")["settlement"]
    other = act.file("other.json", {"call": {"to": settlement, "value": "0", "data": "0x12345678"}})
    assert "must be a call of one of the functions of Settlement" in act.refused(
        None, "timelock", "show", other
    )
    assert "cannot be read" in act.refused(None, "timelock", "show", str(act.folder / "none.json"))
    assert act(None, "timelock", "show", other, "--salt", "0x12").status == 2


def test_timelock_where_the_owner_is_none_says_who_makes_the_call(tmp_path: Path) -> None:
    with anvil() as node:
        act = operators(node.url, tmp_path, replace(PARAMETERS, owner=bytes.fromhex(hex_of("prover")[2:])))
        printed = act.did(None, "guardian", "appoint", "none", "--calldata")
        file = act.file("call.json", printed)
        said = act.refused("owner", "timelock", "schedule", file)
        assert "which is no timelock: that account makes the call itself" in said
        sent_by(act, hex_of("prover"), printed["call"])
        assert act.did(None, "guardian", "show")["guardian"] == "0x" + "00" * 20
        assert "nobody is guardian" in act.refused(None, "guardian", "pause", "5", "--calldata")
