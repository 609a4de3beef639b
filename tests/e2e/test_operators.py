"""A whole life at the command line, on a real node with a real relayer: every command that people act by.

a lane with promises
├── a promise should be verified as open, then as kept, and not be claimable
├── a demand should be answered from what the relayer publishes; its deposit goes to the lane
├── data that is withheld → the demand should expire, and the challenger be paid
│   ├── the receipt should read Voided, and its promise be claimed, once, for its beneficiary
│   └── what everybody is owed should reach their accounts
├── the posting right and the promise key should move to other accounts
├── posting should pause, and terms change when it was announced that they would
└── the lane should leave, be released, and its owner have the rest of the stake back
a node
└── it should change hands in two steps; whom the owner appointed should end it by a printed call
a lane that breaks its promises
└── each way of it should be claimed once: omitted, given twice, never posted
every command: by the wrong account, twice, too early or too late, with nonsense → a sentence, and no transaction
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.address_file import load_deployment
from afterproof.chain.parameters import load_parameters
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import address_of
from afterproof.demo.processes import free_port
from afterproof.protocol.batching import build_batch
from afterproof.protocol.promise import SignedPromise, held_promises, promise_of
from afterproof.protocol.receipt import Domain, Leaf
from afterproof.protocol.signing import Secp256k1Signer
from afterproof.protocol.terms import ETHER
from tests.support.anvil import anvil
from tests.support.chains import KEYS, rpc
from tests.support.operator import Operators, hex_of, operators
from tests.support.scene import leaf_of, receipt_of, secp_signer

AFTERPROOF = Path(sys.prefix) / "bin" / "afterproof"
FILE = Path(__file__).resolve().parents[2] / "scripts" / "parameters" / "test.toml"
PARAMETERS = load_parameters(FILE)
TERMS = PARAMETERS.terms
NODE = secp_signer(0)
RELAYER = """
[relayer]
lane = 1
port = {port}
store = "{folder}/relayer.sqlite3"
data_dir = "{folder}/batches"
max_age = 0.2
poll = 0.1
"""


@pytest.fixture
def act(tmp_path: Path) -> Iterator[Operators]:
    with anvil() as node:
        yield operators(node.url, tmp_path, PARAMETERS)


@contextmanager
def relaying(act: Operators, port: int) -> Iterator[str]:
    """A relayer in a process of its own; its address."""
    settings = (act.folder / "settings.toml").read_text() + RELAYER.format(port=port, folder=act.folder)
    file = act.file("relayer.toml", settings)
    environment = {**os.environ, "AFTERPROOF_PRIVATE_KEY": "0x" + KEYS["relayer"].hex()}
    with (act.folder / "relayer.log").open("wb") as log:
        process = subprocess.Popen(
            [AFTERPROOF, "--config", file, "relayer"], stdout=log, stderr=subprocess.STDOUT, env=environment
        )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: asked(f"{url}/ready") is not None)
        yield url
    finally:
        process.terminate()
        assert process.wait(20) == 0, (act.folder / "relayer.log").read_text()


def asked(url: str, body: Any = None) -> Any:
    """What the relayer answers; None: it does not, or is not ready."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return json.loads(response.read())
    except (urllib.error.URLError, ConnectionError):
        return None


def until(condition: Callable[[], bool]) -> None:
    """Waits for what must come."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def handed_in(act: Operators, relayer: str, number: int) -> tuple[str, str]:
    """A receipt that the relayer promised a place, to the account "prover": its file, and the answer's."""
    deployment = load_deployment(act.folder / "deployment.json")
    domain = Domain(deployment.chain_id, deployment.registry)
    signed = NODE.sign(receipt_of(NODE, int(time.time()), number), domain).to_json()
    answer = asked(f"{relayer}/v1/receipts", {**signed, "beneficiary": hex_of("prover")})
    return act.file(f"receipt{number}.json", signed), act.file(f"answer{number}.json", answer)


def posted(act: Operators, promise: str) -> dict[str, Any]:
    """A promise's checks, once it was kept."""
    until(lambda: act("poor", "promise", "verify", promise, "--json").json["state"] == "kept")
    return dict(act.did("poor", "promise", "verify", promise))


def test_a_whole_life_at_the_command_line(act: Operators) -> None:
    key = "0x" + NODE.public_key.hex()
    assert "only the owner may do this" in act.refused("relayer", "node", "endorse", key)
    act.did("owner", "node", "endorse", key, "--operator", hex_of("relayer"))
    assert "is run by" in act.refused("owner", "node", "endorse", key)
    opened = act.did("relayer", "lane", "open", "--stake", "1ether", "--ahead", "16")
    assert opened["lane"] == 1

    port = free_port()
    with relaying(act, port) as relayer:
        receipt, promise = handed_in(act, relayer, 1)
        assert posted(act, promise)["enforceable"] is True
        assert "the promise is not broken" in act.refused("prover", "promise", "claim", promise)
        withheld, broken = handed_in(act, relayer, 2)
        assert posted(act, broken)["batch"] == str((1 << 64) + 1)
    an_answered_demand(act)  # a relayer that runs would show the tile by itself
    a_demand_that_nobody_can_answer(act)
    with relaying(act, port) as relayer:
        a_demand_that_expires(act, withheld, broken)
        assert act("poor", "receipt", "verify", receipt, "--least", "posted").status == 0
        leaf = json.loads(Path(broken).read_text())["leafHash"]
        until(lambda: asked(f"{relayer}/v1/receipts/{leaf}")["voidReason"] == "STRUCK")

    a_rotation(act)
    a_pause_and_an_epoch(act)
    a_lane_that_leaves(act)


def an_answered_demand(act: Operators) -> None:
    assert "was never demanded; a demand takes 0.01 ether" in act("poor", "demand", "show", "1/0", "0").out
    assert "was never demanded" in act.refused("poor", "demand", "answer", "1/0", "0")
    assert "the account cannot pay for it" in act.refused("poor", "demand", "open", "1/0", "0")
    rehearsed = act("prover", "demand", "open", "1/0", "0", "--dry-run").out
    assert rehearsed.startswith("Would demand tile 0 of batch 1/0 for a deposit of 0.01125 ether (about ")
    opened = act.did("prover", "demand", "open", "1/0", "0")
    assert opened["deadline"] >= act.now + TERMS.answer_period - 5
    assert "tile 0 of batch 1/0 was demanded before" in act.refused("owner", "demand", "open", "1/0", "0")
    assert act.did("poor", "demand", "show", "1/0", "0")["state"] == "open"
    assert "can still be answered until" in act.refused("prover", "demand", "expire", "1/0", "0")
    published = str(act.folder / "batches" / "1" / "0.batch")
    answered = act("owner", "demand", "answer", "1/0", "0", "--data", published).out  # anyone may
    assert answered.startswith("Showed 1 leaves of tile 0 of batch 1/0, in block")
    assert "was shown already" in act.refused("owner", "demand", "answer", "1/0", "0", "--data", published)
    assert "is settled" in act.refused("prover", "demand", "expire", "1/0", "0")
    withdrawn(act, "relayer", opened["deposit_wei"])  # answered early: the lane's owner has the deposit


def a_demand_that_nobody_can_answer(act: Operators) -> None:
    demand = act.did("prover", "demand", "open", "1/1", "0")
    gone = act.refused("owner", "demand", "answer", "1/1", "0")
    assert "the data of batch 1/1 cannot be had" in gone and "--data names a file" in gone
    act.wait(demand["deadline"] + 1)
    assert "unanswered: the tile is struck" in act("poor", "demand", "show", "1/1", "0").out
    published = str(act.folder / "batches" / "1" / "1.batch")
    late = act.refused("owner", "demand", "answer", "1/1", "0", "--data", published)
    assert "it is too late: the last moment was" in late


def a_demand_that_expires(act: Operators, receipt: str, promise: str) -> None:
    voided = act("poor", "receipt", "verify", receipt)
    assert voided.status == 1 and "Voided: its tile was struck" in voided.out

    checks = act("poor", "promise", "verify", promise, "--json")
    assert (checks.status, checks.json["state"]) == (1, "missed")
    assert "was missed (about" in act("owner", "promise", "claim", promise, "--dry-run").out
    claimed = act.did("owner", "promise", "claim", promise)
    assert (claimed["fault"], claimed["slashed_wei"]) == ("missed", TERMS.promise_slash)
    assert "was claimed before" in act.refused("owner", "promise", "claim", promise)
    withdrawn(act, "owner", TERMS.promise_slash * 5 // 100)

    settled = act.did("owner", "demand", "expire", "1/1", "0")
    assert (settled["slashed_wei"], settled["challenger"]) == (TERMS.leaf_slash, hex_of("prover"))
    assert "is settled" in act.refused("owner", "demand", "expire", "1/1", "0")
    # The challenger's deposit and half of the slash, and the beneficiary's share of the promise: one account.
    deposit = TERMS.demand_deposit * 9 // 8
    withdrawn(act, "prover", deposit + TERMS.leaf_slash // 2 + TERMS.promise_slash * 45 // 100)


def a_rotation(act: Operators) -> None:
    rotate = ("lane", "rotate", "1", "--poster", hex_of("poster"), "--promise-key", hex_of("poster"))
    assert "only the lane's owner" in act.refused("poster", *rotate)
    zero = ("lane", "rotate", "1", "--poster", "0x" + "00" * 20)
    assert "must not be the zero address" in act.refused("relayer", *zero)
    assert act("relayer", *rotate, "--dry-run").out.startswith("Would rotate lane 1: 0x")
    assert act.did("relayer", *rotate)["from_seq"] == 2 + 16
    lane = act("poor", "lane", "show", "1").out
    assert act.did("poor", "lane", "show", "1")["poster"] == hex_of("poster")
    assert "later ones, of numbers that none can be given for yet" in lane


def a_pause_and_an_epoch(act: Operators) -> None:
    assert "only the guardian may do this" in act.refused("relayer", "guardian", "pause", "60")
    assert "a pause lasts 1 to 3,600 seconds" in act.refused("owner", "guardian", "pause", "3601")
    paused = act.did("owner", "guardian", "pause", "60")
    assert act.did("poor", "guardian", "show")["until"] == paused["until"]
    assert "is too soon: the earliest is" in act.refused("owner", "guardian", "pause", "60")

    file = act.file("terms.toml", FILE.read_text().replace("window = 600", "window = 660", 1))
    assert "only the owner may do this" in act.refused("relayer", "epoch", "announce", file)
    early = act.refused("owner", "epoch", "announce", file, "--starts", str(act.now + 60))
    assert "--starts must be" in early and "timelock" not in early
    assert "window  600 s becomes 660 s" in act("owner", "epoch", "announce", file, "--dry-run").out
    announced = act.did("owner", "epoch", "announce", file)
    assert "epoch 2 is announced and starts" in act.refused("owner", "epoch", "announce", file)
    assert act.did("poor", "epoch", "show")["ends_at"] == announced["starts_at"]
    act.wait(announced["starts_at"])
    assert act.did("poor", "epoch", "show")["terms"]["window"] == 660
    assert act.did("poor", "guardian", "show")["paused"] is False


def a_lane_that_leaves(act: Operators) -> None:
    assert "has not begun to leave" in act.refused("relayer", "lane", "withdraw", "1")
    assert "only the lane's owner" in act.refused("poster", "lane", "exit", "1")
    left = act.did("relayer", "lane", "exit", "1")
    assert "leaves already" in act.refused("relayer", "lane", "exit", "1")
    assert "2 of lane 1's receipts still count as open" in act.refused("relayer", "lane", "withdraw", "1")
    assert "the account cannot pay for it" in act.refused("poor", "lane", "release", "1")
    assert act.did("owner", "lane", "release", "1")["released"] == 2  # anyone may
    assert "nothing to release" in act.refused("owner", "lane", "release", "1")
    assert "is liable until" in act.refused("relayer", "lane", "withdraw", "1")
    liable = act.did("poor", "lane", "show", "1")["liable_until"]
    assert liable >= left["liable_until"]
    act.wait(liable + 1)
    assert "only the lane's owner" in act.refused("poster", "lane", "withdraw", "1")
    rest = ETHER - TERMS.leaf_slash - TERMS.promise_slash
    assert act.did("relayer", "lane", "withdraw", "1")["amount_wei"] == rest
    assert "holds no stake any more" in act.refused("relayer", "lane", "withdraw", "1")
    withdrawn(act, "relayer", rest)


def withdrawn(act: Operators, role: str, amount: int) -> None:
    """An account is owed this much, and has it when it asks for it, less what asking costs."""
    assert act.did(role, "credits", "show")["credit_wei"] == amount
    before = act.balance(role)
    paid = act.did(role, "credits", "withdraw")
    assert paid["amount_wei"] == amount
    assert act.balance(role) == before + amount - paid["fee_wei"]
    assert "has nothing to withdraw" in act.refused(role, "credits", "withdraw")


def test_a_node_changes_hands_and_is_ended_by_an_appointed_contract(act: Operators) -> None:
    """The owner appoints a multisig to revoke: the call that is printed for it ends an attestation when it makes it."""
    key, name, multisig = "0x" + NODE.public_key.hex(), "0x" + NODE.node.hex(), "0x" + "a5" * 20
    act.did("owner", "node", "endorse", key, "--operator", hex_of("relayer"))
    act.did("relayer", "node", "propose", name, hex_of("poster"))
    act.did("poster", "node", "accept", name)
    act.did("poster", "node", "payout", name, hex_of("prover"))
    act.wait(act.now + 2)
    shown = act.did("poor", "node", "show", name)
    assert (shown["operator"], shown["payout"]) == (hex_of("poster"), hex_of("prover"))
    assert shown["assurance"] == "ENDORSED" and shown["attestations"][0]["state"] == "ENDORSED"
    act.did("owner", "node", "appoint-revoker", multisig)
    revoke = ("node", "revoke-attestation", "1", "--reason", "it lies")
    assert "only the registry's owner and the revoker" in act.refused("poster", *revoke)
    call = act.did(None, *revoke, "--calldata")["call"]
    rpc(act.url, "anvil_impersonateAccount", multisig)
    rpc(act.url, "anvil_setBalance", multisig, hex(10**18))
    rpc(act.url, "eth_sendTransaction", {"from": multisig, "to": call["to"], "data": call["data"]})
    assert act.did("poor", "node", "show", name)["attestations"][0]["state"] == "REVOKED"
    code = "0x" + "c0" * 32
    allow = (
        "measurement",
        "allow",
        code,
        "--code-version",
        "1",
        "--build",
        "git:1",
        "--binding",
        "user-data",
    )
    act.did("owner", *allow)
    (listed,) = act.did("poor", "measurement", "list")["measurements"]
    assert (listed["measurement"], listed["binding"], listed["ends_at"]) == (code, "user-data", None)


def test_promises_broken_in_each_way_are_claimed(act: Operators) -> None:
    """A lane whose keys are all here breaks its promises: one number to two leaves, and a third is posted there."""
    act.did("owner", "node", "endorse", "0x" + NODE.public_key.hex())
    act.did("relayer", "lane", "open", "--stake", "1ether", "--ahead", "16")
    deployment = load_deployment(act.folder / "deployment.json")
    domain = Domain(deployment.chain_id, deployment.registry)
    leaves = [leaf_of(NODE, domain, act.now, number) for number in range(4)]
    batch = build_batch(1, 0, leaves[2:3])
    sender, at = EvmSender(act.url, deployment, KEYS["relayer"]), leaves[2].receipt.issued_at
    sender.post(1, 0, 1, at, at, batch.tree.tile_roots, "http://127.0.0.1:9/nowhere")
    (act.folder / "0.batch").write_bytes(batch.data)
    data = ("--data", str(act.folder / "0.batch"))
    first, second = (promised(act, 0, leaf, f"first{n}.json") for n, leaf in enumerate(leaves[:2]))
    beyond = promised(act, 1, leaves[3], "beyond.json")

    unknown = act("poor", "promise", "verify", first, "--json")
    assert (unknown.status, unknown.json["state"]) == (1, "unknown")
    assert "nothing can be proven yet" in act.refused("owner", "promise", "claim", first)
    assert act("poor", "promise", "verify", first, *data, "--json").json["state"] == "omitted"
    assert act("owner", "promise", "claim", first, *data).out.startswith(
        "Claimed that the promise of number 0 of lane 1, to 0x"
    )
    assert "was claimed before" in act.refused("owner", "promise", "claim", second, *data)
    doubled = ("promise", "claim", second, "--other")
    assert "both promises are of the same leaf" in act.refused("owner", *doubled, second, *data)
    assert "are of different numbers" in act.refused("owner", *doubled, beyond, *data)
    assert act.did("owner", *doubled, first, *data)["fault"] == "double"
    assert "was claimed before" in act.refused("owner", *doubled, first, *data)
    assert "the promise is not broken" in act.refused("owner", "promise", "claim", beyond)
    act.wait(act.now + TERMS.max_promise_delay + 1)
    assert act.did("owner", "promise", "claim", beyond)["fault"] == "missed"
    withdrawn(act, "prover", 3 * TERMS.promise_slash * 45 // 100)
    withdrawn(act, "owner", 3 * TERMS.promise_slash * 5 // 100)


def promised(act: Operators, seq: int, leaf: Leaf, name: str) -> str:
    """A file with the lane's promise of a number to a leaf, to the account "prover", due as late as may be."""
    deployment = load_deployment(act.folder / "deployment.json")
    include_by = act.now + TERMS.max_promise_delay
    promise = promise_of(1, seq, [leaf.hash], include_by, address_of(KEYS["prover"]))
    domain = Domain(deployment.chain_id, deployment.settlement)
    signature = Secp256k1Signer(KEYS["relayer"]).sign_hash(promise.digest(domain))
    (held,) = held_promises(SignedPromise(promise, signature), [leaf.hash])
    return act.file(name, held.to_json())
