"""The body of POST /v1/receipts, and the answer to it: the quick ways say what the careful ones say.

a body
├── when it is of the form → it should be read at once, as the careful way reads it
├── when anything in it is not → it should be what the careful way says, item by item
└── when it is JSON in disguise: blanks before, a name twice, digits in capitals → the same
an answer
└── it should be the same JSON, with and without a promise
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from afterproof.chain.memory import MemoryChain
from afterproof.protocol.errors import InvalidField
from afterproof.protocol.promise import NOBODY
from afterproof.protocol.receipt import SignedReceipt
from afterproof.protocol.signing import RsaPssSigner
from afterproof.steps.intake import Accepted, intake
from afterproof.web import forms, receipts_body
from afterproof.web.receipts_body import count_of, is_array_of, read_receipts, size_of
from tests.support.scene import receipt_of, secp_signer
from tests.support.world import World

WORLD_DOMAIN = MemoryChain().domain
RSA = RsaPssSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048))
GOOD: list[dict[str, Any]] = [
    signer.sign(receipt_of(signer, 1_800_000_000, number), WORLD_DOMAIN).to_json()
    for number, signer in enumerate((secp_signer(0), RSA))
]
HOLDER = "0x" + "0b" * 20


Plain = list[tuple[SignedReceipt | tuple[str, str], bytes]]
"""Items as they can be compared: each with its beneficiary, errors by field and rule."""


def careful(text: bytes) -> Plain:
    """What the careful way makes of a body that is JSON."""
    value = json.loads(text)
    items = [receipts_body._careful(item) for item in (value if isinstance(value, list) else [value])]
    return [((one.field, one.rule) if isinstance(one, InvalidField) else one, to) for one, to in items]


def read(text: bytes) -> Plain:
    """What a body is read as, item by item."""
    request = read_receipts(text)
    paid = request.beneficiaries or [NOBODY] * len(request.handed.words)
    found: Plain = [(request.handed.receipt(place), paid[place]) for place in range(len(paid))]
    for place, error in sorted(request.errors.items()):
        found.insert(place, ((error.field, error.rule), NOBODY))
    return found


def alike(text: bytes) -> None:
    """Both ways give the same, errors included."""
    assert read(text) == careful(text)


@pytest.mark.parametrize("good", GOOD)
def test_a_body_of_the_form_is_read_at_once(good: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [json.dumps(one).encode() for one in (good, [good, good | {"beneficiary": HOLDER}])]
    expected = [careful(text) for text in texts]
    assert all(isinstance(one, SignedReceipt) for items in expected for one, _ in items)
    monkeypatch.delattr(receipts_body, "_careful")
    assert [read(text) for text in texts] == expected
    assert [is_array_of(text) for text in texts] == [False, True]
    assert [size_of(text, count_of(text)) for text in texts] == [1, 2]


@pytest.mark.parametrize(
    ("text", "size"), [(b"7", 1), (b"[" + b" " * 2**20 + b"]", 512), (b"{" * 1600, 800), (b"{" * 4000, 1001)]
)
def test_a_body_waits_as_what_it_weighs(text: bytes, size: int) -> None:
    assert size_of(text, count_of(text)) == size


ODD = st.one_of(
    st.sampled_from(
        ["", "0x", "0X" + "00" * 32, "0x" + "0g" * 32, "0x" + " 0" * 32, "0x" + "00 " * 21 + "0", "0x" + "é" * 64,
         "0x" + "AB" * 32, "0x" + "00" * 31, "0x" + "00" * 33, "00" * 33, "0x" + "1" * 65, "0x" + "00" * 257,
         "0x" + "00" * 1024, "0x" + "00" * 1025, "0x" + "\u0660" * 64, "SECP256K1", "P256", HOLDER, HOLDER.upper()]
    ),
    st.none(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5),
    st.integers(-1, 2), st.sampled_from([2**63, 2**64 - 1, 2**64, 10**30, 1.0]), st.lists(st.integers(), max_size=2),
)  # fmt: skip
PATHS = [
    *(("receipt", name) for name in ("node", "model", "request", "response", "evidence", "issuedAt", "more")),
    ("receipt",), ("scheme",), ("signature",), ("publicKey",), ("beneficiary",), ("more",),
]  # fmt: skip


@given(good=st.sampled_from(GOOD), path=st.sampled_from(PATHS), value=ODD, drop=st.booleans())
def test_any_change_is_read_as_the_careful_way_reads_it(
    good: dict[str, Any], path: tuple[str, ...], value: object, drop: bool
) -> None:
    changed = json.loads(json.dumps(good))
    inner = changed[path[0]] if len(path) == 2 else changed
    if drop:
        inner.pop(path[-1], None)
    else:
        inner[path[-1]] = value
    for ascii_only in (True, False):
        alike(json.dumps(changed, ensure_ascii=ascii_only).encode())
        alike(json.dumps([good, changed, good], ensure_ascii=ascii_only).encode())


def test_json_in_disguise_is_read_alike() -> None:
    text = json.dumps(GOOD[0])
    twice = (
        text[:-1] + f', "signature": "0x00", "scheme": "P256", "receipt": {json.dumps(GOOD[1]["receipt"])}}}'
    )
    escaped = text.replace("issuedAt", "issued\\u0041t")
    shouting = json.dumps(GOOD[1] | {"publicKey": "0x" + GOOD[1]["publicKey"][2:].upper()})
    for disguised in (twice, escaped, shouting, f" \n\t[{text}]", f"\r\n{text} "):
        alike(disguised.encode())
    assert is_array_of(b" \n\t[") and not is_array_of(b" \n\t{[")


def test_answers_are_the_same_json_written_quickly(tmp_path: Path) -> None:
    for ahead in (0, 100):
        world = World(tmp_path / str(ahead), ahead=ahead)
        relayer = world.relayer()
        world.round(relayer)
        who = [b"\x0b" * 20, b"\x0c" * 20, b"\x0b" * 20, bytes(20), b"\x0b" * 20]
        answers = intake(relayer, [world.signed(n) for n in range(5)], who)
        for answer in (*answers, *intake(relayer, [world.signed(3)])):
            assert isinstance(answer, Accepted)
            written = forms.all_accepted(answer.placed)[answer.at]
            assert msgspec.json.decode(written) == forms.accepted(answer)
            assert (answer.promise is None) == (ahead == 0)
