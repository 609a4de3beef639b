"""`promise verify` and `promise claim`, over the in-memory chain.

a promise
├── when it comes as the relayer's answer, alone with its receipt, as a file or standard input → it should be read
└── when it is none → it should be refused, naming field and rule
verify
├── when it is not posted yet → open; when it stands at its number → kept: status 0
├── when it is posted late, never, or struck → missed: status 1
├── when another leaf stands at its number → omitted, by published data, a file, or an answer on chain: status 1
├── when what was posted cannot be had → unknown, naming the tile to demand: status 1
├── given the lane's ahead shrank, or a longer term was announced since → what bound the lane should bind it still
├── when it is beyond the lane's reach, or due after what a leaving lane is bound by → it should say so: status 1
└── when another key signed, it does not open, or its lane does not exist → it should say so: status 1
claim
├── when it was missed or omitted → it should claim that, rehearsed before, and a second time say that it was claimed
├── when two promises give one number to different leaves → it should claim the double promise
└── when it is open, kept, unknown, not signed, or of another number → it should end with a sentence, nothing sent
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from afterproof.protocol.batching import build_batch
from afterproof.protocol.merkle import BatchTree
from afterproof.protocol.promise import HeldPromise, SignedPromise, held_promises, promise_of
from afterproof.protocol.receipt import SignedReceipt, hex0x
from afterproof.steps import Context
from afterproof.steps.batch import close, next_receipts
from afterproof.steps.post import post
from tests.support.http import hand_in
from tests.support.on_chain import on, refused
from tests.support.scene import secp_signer
from tests.support.world import OWNER, RELAYER, RIVAL, VERIFIER, World

HOLDER = b"\x0b" * 20


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path, ahead=20)
    monkeypatch.setattr("afterproof.data.Fetcher", lambda *_: made.shelf)
    return made


@pytest.fixture
def relayer(world: World) -> Context:
    context = world.relayer()
    world.round(context)
    return context


def promised(world: World, relayer: Context, *receipts: SignedReceipt) -> list[str]:
    """Hand receipts in; the files with the relayer's answers."""
    items = [receipt.to_json() | {"beneficiary": hex0x(HOLDER)} for receipt in receipts]
    files = []
    for answer in hand_in(relayer, items).json():
        file = world.folder / f"promise-{answer['seq']}.json"
        file.write_text(json.dumps(answer))
        files.append(str(file))
    return files


def post_instead(relayer: Context, *leaves: SignedReceipt | None) -> None:
    """Post other leaves at the lane's next numbers."""
    waiting = next_receipts(relayer)
    close(relayer, waiting[0].seq, [one.leaf if one else None for one in leaves], "the relayer cheats")
    assert post(relayer)


def changed(file: str, **changes: Any) -> str:
    """The answer in a file with its promise's fields changed; a file with that."""
    answer = json.loads(Path(file).read_text())
    answer["promise"].update(changes)
    other = Path(file).with_suffix(".changed.json")
    other.write_text(json.dumps(answer))
    return str(other)


def verified(world: World, *arguments: str) -> tuple[int, str, str]:
    """Exit status, state and why."""
    ran = on(world, RIVAL, "promise", "verify", *arguments, "--json")
    return ran.status, ran.json["state"], ran.json["why"]


# --- reading ----------------------------------------------------------------------------------------


def test_promise_is_read_in_whatever_form_it_comes(world: World, relayer: Context) -> None:
    signed = world.signed(1)
    file, _ = promised(world, relayer, signed, world.signed(2))
    answer = json.loads(Path(file).read_text())
    (world.folder / "alone.json").write_text(json.dumps(answer["promise"]))
    (world.folder / "receipt.json").write_text(json.dumps(signed.to_json()))
    receipt = ("--receipt", str(world.folder / "receipt.json"))
    for ran in (
        on(world, RIVAL, "promise", "verify", file, "--json"),
        on(world, RIVAL, "promise", "verify", file, *receipt, "--json"),
        on(world, RIVAL, "promise", "verify", "-", "--json", stdin=json.dumps(answer)),
        on(world, RIVAL, "promise", "verify", str(world.folder / "alone.json"), *receipt, "--json"),
    ):
        assert (ran.status, ran.err, ran.json["leaf_hash"]) == (0, "", hex0x(signed.leaf.hash))
    alone = on(world, RIVAL, "promise", "verify", str(world.folder / "alone.json"))
    assert alone.status == 1 and "--receipt names it" in alone.out
    (world.folder / "receipt.json").write_text(json.dumps(world.signed(9).to_json()))
    assert "but the receipt's is" in refused(on(world, RIVAL, "promise", "verify", file, *receipt))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the promise file must be JSON"),
        ("[]", "the promise file must be a JSON object"),
        ("{}", "promise is missing"),
        ('{"leafHash": "0x00", "promise": {}}', "leafHash must be 32 bytes"),
        ('{"leafHash": "0x' + "00" * 32 + '", "promise": null}', "took the receipt without one"),
        ('{"leafHash": "0x' + "00" * 32 + '", "promise": {}}', "promise.promise is missing"),
    ],
)
def test_promise_that_is_none_is_refused(world: World, text: str, said: str) -> None:
    (world.folder / "p.json").write_text(text)
    assert said in refused(on(world, RIVAL, "promise", "verify", str(world.folder / "p.json")))
    assert "cannot be read" in refused(on(world, RIVAL, "promise", "verify", str(world.folder / "none.json")))


# --- verify -----------------------------------------------------------------------------------------


def test_verify_of_a_promise_that_is_open_then_kept(world: World, relayer: Context) -> None:
    first, second = promised(world, relayer, world.signed(1), world.signed(2))
    assert verified(world, first)[:2] == (0, "open")
    world.rounds(5, relayer)
    assert verified(world, second)[:2] == (0, "kept")
    ran = on(world, RIVAL, "promise", "verify", second)
    assert "valid, by the lane's promise key" in ran.out and "it stands at its number in batch 1/0" in ran.out
    world.shelf.missing = True
    status, state, why = verified(world, second)
    assert (status, state) == (1, "unknown") and "demand tile 0 of it" in why


def test_verify_of_a_promise_that_was_never_posted_or_late(world: World, relayer: Context) -> None:
    (file,) = promised(world, relayer, world.signed(1))
    world.wait(world.terms.max_promise_delay)
    assert verified(world, file)[1] == "open"
    world.wait(1)
    assert verified(world, file)[:2] == (1, "missed")
    world.rounds(2, relayer)
    status, state, why = verified(world, file)
    assert (status, state) == (1, "missed") and "late" in why


def test_verify_of_a_promise_whose_place_was_struck(world: World, relayer: Context) -> None:
    (file,) = promised(world, relayer, world.signed(1))
    world.rounds(4, relayer)
    assert on(world, VERIFIER, "demand", "open", "1/0", "0").status == 0
    assert verified(world, file)[1] == "kept"
    world.wait(world.terms.answer_period + 1)
    status, state, why = verified(world, file)
    assert (status, state) == (1, "missed") and "was struck" in why


def test_verify_of_a_promise_given_to_another_leaf(world: World, relayer: Context) -> None:
    first, second = promised(world, relayer, world.signed(1), world.signed(2))
    instead = [world.signed(1), world.signed(3)]
    post_instead(relayer, *instead)
    assert verified(world, first)[1] == "kept"
    assert verified(world, second)[:2] == (1, "omitted")
    data = world.folder / "given.batch"
    data.write_bytes(build_batch(1, 0, [one.leaf for one in instead]).data)
    world.shelf.missing = True
    assert verified(world, second)[1] == "unknown"
    assert verified(world, second, "--data", str(data))[:2] == (1, "omitted")
    data.write_bytes(b"nothing of the kind")
    assert verified(world, second, "--data", str(data))[1] == "unknown"


def test_verify_of_what_the_lane_never_gave(world: World, relayer: Context) -> None:
    (file,) = promised(world, relayer, world.signed(1))
    wrong = on(world, RIVAL, "promise", "verify", changed(file, signature="0x" + "00" * 65))
    assert wrong.status == 1 and "NOT VALID: signed by nobody" in wrong.out
    answer = json.loads(Path(file).read_text())
    later = changed(file, promise=answer["promise"]["promise"] | {"includeBy": 2**40})
    assert "NOT VALID" in on(world, RIVAL, "promise", "verify", later).out
    astray = on(world, RIVAL, "promise", "verify", changed(file, proof=["0x" + "00" * 32]))
    assert astray.status == 1 and "DOES NOT LEAD" in astray.out
    nowhere = changed(file, promise=answer["promise"]["promise"] | {"lane": 9})
    assert "there is no lane 9" in refused(on(world, RIVAL, "promise", "verify", nowhere))
    far = signed_by_lane(world, 500, [world.signed(8)])
    assert "NO: beyond what the lane may promise" in on(world, RIVAL, "promise", "verify", far).out


def binding(world: World, file: str) -> bool:
    answer: bool = on(world, VERIFIER, "promise", "verify", file, "--json").json["enforceable"]
    assert ("binding      yes" in on(world, VERIFIER, "promise", "verify", file).out) is answer
    return answer


def test_verify_after_ahead_shrank_still_finds_a_promise_binding(world: World) -> None:
    last, beyond = (signed_by_lane(world, seq, [world.signed(seq)]) for seq in (19, 20))
    assert (binding(world, last), binding(world, beyond)) == (True, False)
    effective = on(world, RELAYER, "lane", "ahead", "1", "2", "--json").json["effective_at"]
    world.wait(effective - world.now)
    assert on(world, RIVAL, "lane", "ahead", "1", "--apply").status == 0
    shown = on(world, RIVAL, "lane", "show", "1", "--json").json
    assert (shown["ahead"], shown["reach"]) == (2, 20)
    assert (binding(world, last), binding(world, beyond)) == (True, False)
    since = signed_by_lane(world, 18, [world.signed(18)])
    world.wait(11)
    assert on(world, RIVAL, "promise", "claim", since).status == 0


def test_verify_on_a_leaving_lane_goes_by_the_terms_it_left_under(world: World) -> None:
    left = on(world, RELAYER, "lane", "exit", "1")
    assert left.status == 0
    last_due = on(world, RIVAL, "lane", "show", "1", "--json").json["last_due"]
    longer = replace(world.terms, max_promise_delay=world.terms.max_promise_delay + 5)
    chain = world.chain.account_view(OWNER)
    starts = world.now + 2 * world.terms.time_to_leave
    chain.announce_epoch(longer, chain.fault_contracts(1), starts)
    world.wait(starts - world.now)
    assert world.chain.account_view(OWNER).current_epoch() == 2
    files = [signed_by_lane(world, 0, [world.signed(i)], include_by=last_due + i) for i in (0, 1)]
    assert [binding(world, file) for file in files] == [True, False]


def signed_by_lane(
    world: World,
    first_seq: int,
    receipts: list[SignedReceipt],
    key: int = 50,
    include_by: int | None = None,
) -> str:
    """A promise that no relayer's intake would give; the file of its first leaf's answer."""
    context, hashes = world.relayer(), [receipt.leaf.hash for receipt in receipts]
    include_by = world.now + 10 if include_by is None else include_by
    promise = promise_of(world.lane, first_seq, hashes, include_by, HOLDER)
    signature = secp_signer(key).sign_hash(promise.digest(context.promise_domain))
    held = held_promises(SignedPromise(promise, signature), hashes)[0]
    file = world.folder / f"extra-{hex0x(hashes[0])}.json"
    file.write_text(json.dumps({"leafHash": hex0x(hashes[0]), "promise": held.to_json()}))
    return str(file)


# --- claim ------------------------------------------------------------------------------------------


def credit(world: World, account: bytes) -> int:
    """What the contract owes an account."""
    return world.chain.account_view(RIVAL).credits(account)


def test_claim_of_a_missed_promise_pays_its_beneficiary(world: World, relayer: Context) -> None:
    (file,) = promised(world, relayer, world.signed(1))
    assert "may be until" in refused(on(world, RIVAL, "promise", "claim", file))
    world.wait(world.terms.max_promise_delay + 1)
    rehearsed = on(world, RIVAL, "promise", "claim", file, "--dry-run")
    assert rehearsed.out.startswith("Would claim that the promise of number 0 of lane 1")
    assert credit(world, HOLDER) == 0
    answer = on(world, RIVAL, "promise", "claim", file, "--json").json
    assert (answer["fault"], answer["slashed_wei"]) == ("missed", world.terms.promise_slash)
    assert credit(world, HOLDER) == world.terms.promise_slash * 45 // 100
    assert credit(world, RIVAL) == world.terms.promise_slash * 5 // 100
    assert "was claimed before" in refused(on(world, VERIFIER, "promise", "claim", file))
    assert on(world, RIVAL, "promise", "verify", file, "--json").json["claimed"]["broken"]


def test_claim_of_a_late_or_struck_promise_names_its_batch(world: World, relayer: Context) -> None:
    (late,) = promised(world, relayer, world.signed(1))
    world.wait(world.terms.max_promise_delay + 1)
    world.rounds(2, relayer)
    assert on(world, RIVAL, "promise", "claim", late, "--json").json["fault"] == "missed"
    (struck,) = promised(world, relayer, world.signed(2))
    world.rounds(4, relayer)
    assert on(world, VERIFIER, "demand", "open", "1/1", "0").status == 0
    world.wait(world.terms.answer_period + 1)
    assert on(world, RIVAL, "promise", "claim", struck, "--json").json["fault"] == "missed"


def test_claim_of_an_omission_by_published_data(world: World, relayer: Context) -> None:
    _, second = promised(world, relayer, world.signed(1), world.signed(2))
    post_instead(relayer, world.signed(1), None)
    assert on(world, RIVAL, "promise", "claim", second, "--dry-run").status == 0
    answer = on(world, RIVAL, "promise", "claim", second, "--json").json
    assert answer["fault"] == "omitted" and credit(world, HOLDER) > 0


def test_claim_of_an_omission_by_a_file_or_after_one_demand(world: World, relayer: Context) -> None:
    receipts = [world.signed(n) for n in range(3)]
    files = promised(world, relayer, *receipts)
    instead = [world.signed(7), world.signed(8), world.signed(9)]
    post_instead(relayer, *instead)
    data = world.folder / "given.batch"
    data.write_bytes(build_batch(1, 0, [one.leaf for one in instead]).data)
    world.shelf.missing = True
    assert "nothing can be proven yet" in refused(on(world, RIVAL, "promise", "claim", files[0]))
    by_file = on(world, RIVAL, "promise", "claim", files[0], "--data", str(data), "--json")
    assert by_file.json["fault"] == "omitted"
    assert on(world, VERIFIER, "demand", "open", "1/0", "0").status == 0
    assert on(world, VERIFIER, "demand", "answer", "1/0", "0", "--data", str(data)).status == 0
    assert on(world, RIVAL, "promise", "claim", files[1], "--json").json["fault"] == "omitted"


def test_claim_of_a_double_promise_pays_the_first_named(world: World, relayer: Context) -> None:
    (file,) = promised(world, relayer, world.signed(1))
    other = signed_by_lane(world, 0, [world.signed(2)])
    ran = on(world, RIVAL, "promise", "claim", file, "--other", other, "--json")
    assert ran.json["fault"] == "double" and credit(world, HOLDER) > 0
    assert "was claimed before" in refused(on(world, RIVAL, "promise", "claim", file, "--other", other))
    world.rounds(4, relayer)  # posted, and claimed no second time
    assert "was claimed before" in refused(on(world, RIVAL, "promise", "claim", other, "--other", file))


def test_claim_of_what_is_not_broken_sends_nothing(world: World, relayer: Context) -> None:
    first, second = promised(world, relayer, world.signed(1), world.signed(2))
    claim = ("promise", "claim", first)
    assert "of different numbers" in refused(on(world, RIVAL, *claim, "--other", second))
    assert "of the same leaf" in refused(on(world, RIVAL, *claim, "--other", first))
    forged = signed_by_lane(world, 0, [world.signed(3)], key=51)
    assert "never gave this promise" in refused(on(world, RIVAL, *claim, "--other", forged))
    astray = changed(first, proof=["0x" + "00" * 32])
    assert "does not hold that leaf" in refused(on(world, RIVAL, "promise", "claim", astray))
    world.rounds(4, relayer)
    assert "is not broken: it stands" in refused(on(world, RIVAL, *claim))
    assert credit(world, HOLDER) == 0


# --- the form ----------------------------------------------------------------------------------------


def held(world: World) -> HeldPromise:
    """Number 6 of three from 5 on."""
    hashes = [world.signed(n).leaf.hash for n in range(3)]
    promise = promise_of(1, 5, hashes, 99, HOLDER)
    return HeldPromise(SignedPromise(promise, bytes(65)), 1, tuple(BatchTree(hashes).proof(1)))


def test_promise_form_is_read_back_as_it_was_written(world: World) -> None:
    one = held(world)
    assert HeldPromise.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert one.holds(world.signed(1).leaf.hash) and not one.holds(world.signed(2).leaf.hash)
    assert not replace(one, index=2).holds(world.signed(1).leaf.hash)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("extra",), 1, "extra is not a field"),
        (("promise", "extra"), 1, "promise.extra is not a field"),
        (("promise", "lane"), 2**32, "promise.lane must be from 0 to 2^32 - 1"),
        (("promise", "lane"), "1", "promise.lane must be an integer"),
        (("promise", "firstSeq"), True, "promise.firstSeq must be an integer"),
        (("promise", "firstSeq"), -1, "promise.firstSeq must be from 0"),
        (("promise", "count"), 1.5, "promise.count must be an integer"),
        (("promise", "root"), "0x" + "00" * 31, "promise.root must be 32 bytes"),
        (("promise", "includeBy"), 2**64, "promise.includeBy must be from 0 to 2^64 - 1"),
        (("promise", "beneficiary"), "0x" + "00" * 32, "promise.beneficiary must be 20 bytes"),
        (("signature",), None, "signature must be at most 256 bytes"),
        (("index",), 3, "index must be below promise.count"),
        (("proof",), {}, "proof must be an array of at most 32"),
        (("proof",), ["0x"], "proof[0] must be 32 bytes"),
        (("proof",), ["0x" + "00" * 32] * 33, "proof must be an array of at most 32"),
    ],
)
def test_promise_form_that_is_broken_names_field_and_rule(
    world: World, path: tuple[str, ...], value: object, said: str
) -> None:
    form = held(world).to_json()
    inner = form
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    (world.folder / "p.json").write_text(json.dumps(form))
    assert said in refused(on(world, RIVAL, "promise", "verify", str(world.folder / "p.json")))
