"""NitroEvidence: whole documents of the tests' own authority, judged by the contract and by Python alike.

verifying a document
├── when nothing is wrong, whatever its map's form, tag, half of s and order of fields → its facts are Python's
├── when its key is named by user_data, by public_key, by both, or not → as Python's binding has it
├── when nonce and user_data carry words, or other lengths → as Python finds them
├── when its chain is wrong (test_nitro_chain) → it should revert with that name, where Python fails that check
├── when one thing is wrong with the document → likewise: signature, registers, form
└── when hints are missing, another's, cut, or one too many → it should revert by name, whatever the document
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from afterproof.attestation.document import parse
from tests.support.calls import View, chain
from tests.support.evm import Reverted
from tests.support.nitro_authority import (
    ABSENT,
    ENCLAVE,
    PCRS,
    REGIONAL,
    ROOT,
    N,
    gateway_data,
)  # fmt: skip
from tests.support.nitro_evidence import (
    AT,
    AUTHORITY,
    DATA,
    KEY,
    best_hints,
    counted,
    deploy_evidence,
    holds,
    issue,
    judge,
    refused,
    uncounted,
)


@pytest.fixture(scope="module")
def evidence() -> Iterator[View]:
    with chain(hardfork="osaka") as node:
        yield deploy_evidence(node, AUTHORITY.root_hash)


# --- what holds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("indefinite", [False, True])
@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize("s", ["low", "high"])
def test_verify_genuineInEveryForm_itsFacts(evidence: View, indefinite: bool, tagged: bool, s: str) -> None:
    issued = issue(indefinite=indefinite, tagged=tagged, s=s)
    assert (int.from_bytes(issued.signature[48:]) > N // 2) == (s == "high")
    holds(evidence, issued)


def test_verify_shorterChain_itsFacts(evidence: View) -> None:
    plans = AUTHORITY.plans(AT)
    holds(evidence, issue(plans=[plans[ROOT], plans[ENCLAVE]]))
    holds(evidence, issue(plans=[plans[ROOT], plans[REGIONAL], plans[ENCLAVE]]))


@pytest.mark.parametrize(
    ("user_data", "public_key", "names"),
    [
        (DATA, None, True), (DATA, b"other", True), (None, KEY, True), (b"", KEY, True), (DATA + b"more", None, True),
        (gateway_data(KEY, b"another key"), None, False), (gateway_data(b"tls", b"another key"), KEY, True),
        (DATA[:-1], None, False), (b"\x12\x21" + DATA[2:], None, False), (DATA[:34] + b"\x11" + DATA[35:], None, False),
        (None, None, False), (None, b"", False), (None, KEY + b"\0", False), (None, KEY[:-1], False),
    ],
)  # fmt: skip
def test_verify_key_namedAsPythonFindsIt(
    evidence: View, user_data: bytes | None, public_key: bytes | None, names: bool
) -> None:
    issued = issue(user_data=user_data, public_key=public_key)
    refused(evidence, issued, "" if names else "KeyNotNamed")


def test_verify_emptyKey_isNamedByNobody(evidence: View) -> None:
    issued = issue(user_data=None, public_key=b"")
    assert judge(evidence, issued.raw, AUTHORITY.root_hash, key=b"")[0] == "KeyNotNamed"


@pytest.mark.parametrize(
    ("nonce", "user_data", "words"),
    [
        (None, DATA, (False, False)), (b"\x5a" * 32, DATA, (True, False)), (b"\x5a" * 31, DATA, (False, False)),
        (b"\x5a" * 33, DATA, (False, False)), (b"", DATA, (False, False)),
        # The hash of a key is no word, though it stands where one would.
        (None, DATA + b"\x5b" * 31, (False, False)), (None, DATA + b"\x5b" * 32, (False, True)),
        (None, DATA + b"text" + b"\x5b" * 32, (False, True)), (b"\x5b" * 32, DATA + b"\x5b" * 32, (True, True)),
        (None, b"\x5b" * 32, (False, True)), (None, b"\x5b" * 31, (False, False)), (None, b"\x5b" * 512, (False, True)),
    ],
)  # fmt: skip
def test_verify_words_whereAreAnyAsPythonFindsThem(
    evidence: View, nonce: bytes | None, user_data: bytes, words: tuple[bool, bool]
) -> None:
    issued = issue(nonce=nonce, user_data=user_data, public_key=KEY)
    holds(evidence, issued)
    facts = evidence.call("verify", issued.raw, best_hints(parse(issued.raw)), KEY)
    assert (facts.nonce != bytes(32), facts.userWord != bytes(32)) == words


# --- the document ---------------------------------------------------------------------------------


@pytest.mark.parametrize("signer", ["instance", "nobody"])
def test_verify_signedByAnotherKey_reverts(evidence: View, signer: str) -> None:
    refused(evidence, issue(signer=AUTHORITY.key(signer)), "DocumentNotProven")


@pytest.mark.parametrize("r_and_s", [(0, 0), (0, 1), (1, 0), (N, N), (1, 1), (2**384 - 1, 2**384 - 1)])
def test_verify_signatureOutOfRange_reverts(evidence: View, r_and_s: tuple[int, int]) -> None:
    issued = issue()
    forged = b"".join(each.to_bytes(48) for each in r_and_s)
    refused(evidence, replace(issued, raw=issued.raw.replace(issued.signature, forged)), "DocumentNotProven")


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        (PCRS[0], PCRS[0][::-1]), (PCRS[4], PCRS[4][::-1]), (b"\x5a" * 20, b"\xa5" * 20), (b"\x33" * 32, b"\x34" * 32),
        (b"tail", b"tall"), (b"i-", b"j-"), ((AT * 1000 + 724).to_bytes(8), (AT * 1000 + 725).to_bytes(8)),
    ],
)  # fmt: skip
def test_verify_fieldChangedAfterSigning_reverts(evidence: View, ours: bytes, other: bytes) -> None:
    issued = issue(nonce=b"\x5a" * 20, public_key=b"\x33" * 32, user_data=DATA + b"tail")
    raw = issued.raw.replace(ours, other, 1)
    assert raw != issued.raw
    refused(evidence, replace(issued, raw=raw), "DocumentNotProven")


@pytest.mark.parametrize("index", [0, 1, 2])
def test_verify_measuredRegister_missingOrZero_reverts(evidence: View, index: int) -> None:
    refused(evidence, issue(pcrs={**PCRS, index: bytes(48)}), "DebugMode")
    refused(evidence, issue(pcrs={at: pcr for at, pcr in PCRS.items() if at != index}), "MissingPcr")
    for lone in (bytes(47) + b"\1", b"\1" + bytes(47), bytes(32) + b"\1" + bytes(15)):
        holds(evidence, issue(pcrs={**PCRS, index: lone}))
    holds(evidence, issue(pcrs={0: PCRS[0], 1: PCRS[1], 2: PCRS[2]}))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"digest": "SHA256"}, "UnknownDigest"), ({"nonce": ABSENT}, "MissingKey"), ({"timestamp": 0}, "NoTimestamp"),
        ({"module_id": ""}, "BadSize"), ({"extra": 1}, "UnknownKey"), ({"cabundle": []}, "BadCount"),
        ({"protected": bytes.fromhex("a1013823")}, "BadHeader"), ({"pcrs": {}}, "BadCount"),
        ({"user_data": bytes(513)}, "BadSize"), ({"public_key": "text"}, "UnexpectedType"),
        ({"pcrs": {0: bytes(32)}}, "BadPcr"), ({"timestamp": -1}, "UnexpectedType"),
    ],
)  # fmt: skip
def test_verify_noDocument_reverts(evidence: View, given: dict[str, object], name: str) -> None:
    found, report = judge(evidence, issue(**given).raw, AUTHORITY.root_hash)
    assert (found, report) == (name, None)


def test_verify_timeOfAnyYear_reverts(evidence: View) -> None:
    for timestamp in (1, 999, 2**48 * 1000, 2**64 - 1):
        refused(evidence, issue(timestamp=timestamp), "NotValidAt")


# --- hints ----------------------------------------------------------------------------------------


def test_verify_wrongHints_revertsByName(evidence: View) -> None:
    issued = issue()
    whole = best_hints(parse(issued.raw))
    each = uncounted(whole)
    assert len(each) == 5 and counted(each) == whole

    def found(hints: bytes) -> tuple[str, tuple[int, ...]]:
        with pytest.raises(Reverted) as caught:
            evidence.call("verify", issued.raw, hints, KEY)
        return caught.value.name, caught.value.values

    for place in range(5):
        name = ("CertificateNotProven", (place + 1,)) if place < 4 else ("DocumentNotProven", ())
        for wrong in (b"", each[place - 1], each[place][:-1], each[place] + b"\0", b"\0" * len(each[place])):
            assert found(counted([*each[:place], wrong, *each[place + 1 :]])) == name
    assert found(whole + b"\0") == ("BadHints", (1,))
    assert found(whole + b"\0\0") == ("BadHints", (2,))
    assert found(whole[:-1])[0] == "BadHints"
    assert found(b"") == ("BadHints", (0,)) and found(b"\0") == ("BadHints", (1,))
    assert found(counted(each[:4])) == ("BadHints", (0,))
