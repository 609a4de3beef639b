"""What a person types and reads: amounts, addresses, hashes, times.

an amount
├── when it has a unit, or none → it should be wei, to the last digit
├── when it holds a part of a wei, is negative or is no number → it should be refused
└── when it is shown → it should read back as the same wei
an address
├── when it is in lower or upper case, or has the checksum of EIP-55 → it should be taken
└── when its checksum is wrong, or it has another length → it should be refused
a time
└── when it lies beyond the calendar → it should be shown as the number that it is
"""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterproof.cli.values import ADDRESS, AMOUNT, HASH, moment
from afterproof.units import checksummed, ether

# The examples of EIP-55.
CHECKSUMMED = (
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
)


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("0", 0), ("17", 17), ("17wei", 17), ("17 wei", 17), ("1_000", 1000), ("100gwei", 10**11),
        ("0.5ether", 5 * 10**17), ("0.5eth", 5 * 10**17), ("1ETHER", 10**18), ("0.000000000000000001ether", 1),
        ("123456789.123456789123456789ether", 123456789123456789123456789), (str(2**256 - 1), 2**256 - 1),
    ],
)  # fmt: skip
def test_amount_is_exact(text: str, wei: int) -> None:
    assert AMOUNT.convert(text, None, None) == wei


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1.5", "part of a wei"), ("0.0000000000000000001ether", "part of a wei"), ("-1", "is not an amount"),
        ("1e18", "is not an amount"), ("", "is not an amount"), ("ether", "is not an amount"), (".5ether", "is not"),
        ("1 btc", "is not an amount"), ("nan", "is not an amount"), (str(2**256), "more than there can be"),
    ],
)  # fmt: skip
def test_amount_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(click.BadParameter, match=said):
        AMOUNT.convert(text, None, None)


@given(st.integers(0, 2**255))
def test_amount_shown_reads_back(wei: int) -> None:
    assert AMOUNT.convert(ether(wei), None, None) == wei


@pytest.mark.parametrize("text", CHECKSUMMED)
def test_address_of_eip_55_is_taken_and_shown(text: str) -> None:
    address = bytes.fromhex(text[2:])
    assert ADDRESS.convert(text, None, None) == address
    assert ADDRESS.convert(text.lower(), None, None) == address
    assert ADDRESS.convert("0x" + text[2:].upper(), None, None) == address
    assert checksummed(address) == text


@pytest.mark.parametrize(
    "text", [CHECKSUMMED[2].replace("F", "f"), "0x12", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ""]
)
def test_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        ADDRESS.convert(text, None, None)


def test_hash_has_32_bytes() -> None:
    assert HASH.convert("0x" + "aB" * 32, None, None) == b"\xab" * 32
    for text in ("0x" + "ab" * 31, "ab" * 32, "0x" + "ab" * 31 + "g0"):
        with pytest.raises(click.BadParameter):
            HASH.convert(text, None, None)


def test_moment_beyond_the_calendar_is_its_number() -> None:
    assert moment(1_800_000_000) == "2027-01-15 08:00:00Z"
    assert moment(2**64 - 1) == f"unix second {2**64 - 1}"
