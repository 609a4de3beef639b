"""`receipt show` and `receipt verify`, over the in-memory chain.

a receipt
├── when it comes as JSON or as a header's value, as argument, file or standard input → it should be read
└── when it is none → it should be refused, naming the rule
show
├── it should say what the receipt says, and whether its signature holds, without asking anybody
├── when the signature does not hold → it should end with status 1
└── when no deployment is known → it should check what needs none, and say what it could not check
verify
├── when it is posted nowhere → it should stand as Signed
├── when it is posted → it should be found by the chain alone, its proof checked, and stand as the contract says
├── when it is void → it should say why and end with status 1
├── when it stands lower than --least → it should end with status 1
├── when it is of other bytes than --request or --response → it should end with status 1
└── when batches cannot be read → it should say which, and look on
"""

import json
from pathlib import Path

import pytest

from afterproof.cli.session import Session
from afterproof.gateway.receipting import to_header, to_wire
from afterproof.protocol.receipt import SignedReceipt, keccak
from tests.support.cli import Ran, post_unjudged, run
from tests.support.scene import receipt_of, rsa_signer
from tests.support.world import RIVAL, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setattr("afterproof.data.Fetcher", lambda *_: made.shelf)
    (tmp_path / "deployment.json").write_text("{}")
    return made


class OnChain(Session):
    """A session on the world's chain."""

    def __init__(self, world: World) -> None:
        super().__init__()
        view = world.chain.account_view(RIVAL)
        self.__dict__.update(reader=view, deployment=world.chain.deployment)
        self.config_path = world.folder / "a.toml"
        self.config_path.write_text("")


def on(world: World, *arguments: str, stdin: str = "") -> Ran:
    """Run a command on the world's chain."""
    return run("receipt", *arguments, session=OnChain(world), stdin=stdin)


def header(signed: SignedReceipt) -> str:
    """The receipt as it travels in a header."""
    return to_header(to_wire(signed))


# --- reading ---------------------------------------------------------------------------------------


def test_receipt_is_read_in_whatever_form_it_comes(world: World) -> None:
    signed = world.signed(1)
    text = json.dumps(signed.to_json())
    (world.folder / "r.json").write_text(text)
    (world.folder / "r.header").write_text(f"Afterproof-Receipt: {header(signed)}\r\n")
    forms = [
        on(world, "show", str(world.folder / "r.json"), "--json"),
        on(world, "show", str(world.folder / "r.header"), "--json"),
        on(world, "show", header(signed), "--json"),
        on(world, "show", "-", "--json", stdin=text),
        on(world, "show", "-", "--json", stdin=f"afterproof-receipt: {header(signed)}\n"),
    ]
    for ran in forms:
        assert (ran.status, ran.err) == (0, "")
        assert ran.json["leaf_hash"] == "0x" + signed.leaf.hash.hex()


@pytest.mark.parametrize(
    ("stdin", "said"),
    [("{", "must be JSON"), ("{}", "receipt is missing"), ("hello!", "base64url"), ("", "base64url")],
)
def test_receipt_that_is_none_is_refused(world: World, stdin: str, said: str) -> None:
    ran = on(world, "show", "-", stdin=stdin)
    assert ran.status == 1
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_receipt_file_that_is_not_there_is_named(world: World) -> None:
    assert (
        on(world, "show", "nowhere.json").err
        == "error: nowhere.json cannot be read: No such file or directory\n"
    )


# --- show ------------------------------------------------------------------------------------------


def test_show_checks_the_signature(world: World) -> None:
    good, bad = on(world, "show", header(world.signed(1))), on(world, "show", header(world.forged(2)))
    assert good.status == 0 and "signature  valid" in good.out
    assert bad.status == 1 and "DOES NOT VERIFY" in bad.out
    assert on(world, "show", header(world.forged(2)), "--json").json["signature_valid"] is False


def test_show_without_a_deployment_says_what_it_could_not_check(world: World) -> None:
    (world.folder / "deployment.json").unlink()
    unchecked = on(world, "show", header(world.signed(1)))
    assert unchecked.status == 0
    assert "not checked" in unchecked.out
    rsa = rsa_signer()
    signed = rsa.sign(receipt_of(rsa, world.now, 3), world.domain)
    assert on(world, "show", header(signed), "--json").json["signature_valid"] is True


# --- verify ----------------------------------------------------------------------------------------


def test_verify_before_it_is_posted_is_signed(world: World) -> None:
    signed = world.signed(1)
    ran = on(world, "verify", header(signed))
    assert ran.status == 0
    assert "standing   Signed" in ran.out
    assert on(world, "verify", header(signed), "--least", "posted").status == 1
    assert on(world, "verify", header(world.of_stranger(2)), "--json").json["assurance"] == "NONE"


def test_verify_finds_it_by_the_chain_alone_and_follows_it(world: World) -> None:
    signed, other = world.signed(1), world.signed(2)
    post_unjudged(world, other, signed)
    for _ in range(20):  # batches and blocks before and behind it
        world.wait(1)
    final = on(world, "verify", header(signed), "--least", "final")
    assert final.status == 0
    assert "batch      1/0" in final.out
    assert "place      1 of 2, its proof leads to the root on chain" in final.out
    assert "standing   Final since" in final.out
    found = on(world, "verify", header(signed), "--json").json
    assert found["standing"] == "FINAL"
    assert found["inclusion"]["index"] == 1
    assert found["gap_seconds"] == found["final_at"] - signed.receipt.issued_at


def test_verify_within_the_window_is_posted(world: World) -> None:
    signed = world.signed(1)
    post_unjudged(world, signed)
    ran = on(world, "verify", header(signed), "--least", "posted")
    assert ran.status == 0
    assert "unless a fault is proven" in ran.out
    assert on(world, "verify", header(signed), "--least", "final").status == 1


def test_verify_of_a_void_one_says_why(world: World) -> None:
    forged, strange = world.forged(1), world.of_stranger(2)
    post_unjudged(world, forged, strange)
    world.rounds(3, world.verifier())
    ran = on(world, "verify", header(forged))
    assert ran.status == 1
    assert "Voided: a fault of it was proven" in ran.out
    found = on(world, "verify", header(strange), "--json")
    assert found.status == 1
    assert (found.json["standing"], found.json["void_reason"]) == ("VOIDED", "NOT_ENTITLED")


def test_verify_compares_the_bodies(world: World) -> None:
    signed = world.signed(1)
    right, wrong = world.folder / "right", world.folder / "wrong"
    right.write_bytes(b"request 1")
    wrong.write_bytes(b"request 2")
    assert keccak(b"request 1") == signed.receipt.request
    assert on(world, "verify", header(signed), "--request", str(right)).status == 0
    ran = on(world, "verify", header(signed), "--request", str(wrong))
    assert ran.status == 1
    assert "NOT THE RECEIPT'S" in ran.out
    found = on(world, "verify", header(signed), "--request", str(right), "--response", str(wrong), "--json")
    assert (found.json["request_matches"], found.json["response_matches"]) == (True, False)
    assert found.status == 1


def test_verify_says_which_batches_it_could_not_read(world: World) -> None:
    signed = world.signed(1)
    post_unjudged(world, signed)
    world.shelf.missing = True
    ran = on(world, "verify", header(signed), "--least", "posted")
    assert ran.status == 1
    assert ran.err == "not searched: batch 1/0: nobody answers\n"
