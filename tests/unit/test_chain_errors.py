"""What a node or the network says, and which of our exceptions comes of it.

Rpc
├── the network: refused, silent, HTTP 5xx, no JSON, JSON of another form -> ChainUnavailable
│   └── and none of them shows the address's path, user or query, where access keys are
├── a node's error
│   ├── revert data, wherever a node puts it -> CallReverted with name and arguments
│   ├── a revert without data, of an unknown error, of cut-off arguments
│   ├── funds, nonce, fee, gas in the words of several nodes -> SendFailed that says what to do
│   ├── too many logs -> TooManyResults; unknown method -> NotOffered
│   └── anything else -> NodeError, a ChainUnavailable, shortened and printable
└── values: numbers and bytes that are none -> ChainUnavailable
"""

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterproof.chain.abi import interface
from afterproof.chain.errors import (
    AlreadyKnown,
    NodeError,
    NotOffered,
    TooManyResults,
    from_response,
    reverted,
)
from afterproof.chain.rpc import Rpc
from afterproof.errors import AfterproofError, CallReverted, ChainUnavailable, ConfigError, SendFailed
from tests.support.false_node import Http, false_node

WRONG_SEQUENCE = (
    "0x"
    + next(error for error in interface("Settlement").errors if error.name == "WrongSequence").selector.hex()
)
REVERT = WRONG_SEQUENCE + "05".rjust(64, "0") + "02".rjust(64, "0")


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8545", "ws://127.0.0.1:1", "http://", "http://[", "http://x:99999999", "/dev/null"]
)
def test_an_address_that_is_none_is_refused_by_its_setting(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^chain\.rpc must be"):
        Rpc(url)


def test_nobody_at_the_address_is_unavailable() -> None:
    with pytest.raises(ChainUnavailable, match="cannot be reached"):
        Rpc("http://127.0.0.1:1").request("eth_chainId")


def test_a_silent_node_is_unavailable_after_the_timeout() -> None:
    with (
        false_node(lambda *_: Http(delay=1.0)) as url,
        pytest.raises(ChainUnavailable, match=r"within 0\.2 seconds"),
    ):
        Rpc(url, timeout=0.2).request("eth_chainId")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Http(503, b"busy"), "HTTP status 503"),
        (Http(401, b'{"error": "key"}'), "HTTP status 401"),
        (Http(200, b"<html>"), "not JSON-RPC"),
        (Http(200, b"\xff\xfe"), "not JSON-RPC"),
        (Http(200, b"[" * 5_000), "not JSON-RPC"),
        (Http(200, b"[]"), "not JSON-RPC"),
        (Http(200, b"null"), "not JSON-RPC"),
        (Http(200, b'{"id": 1}'), "not JSON-RPC"),
        ({"error": "no"}, "malformed error"),
        ({"error": {"code": -32000, "message": None}}, "answered eth_chainId with"),
    ],
)
def test_nonsense_is_unavailable(answer: Any, said: str) -> None:
    with false_node(lambda *_: answer) as url, pytest.raises(ChainUnavailable, match=said):
        Rpc(url).request("eth_chainId")


def test_an_error_with_an_http_status_of_its_own_is_read() -> None:
    body = b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": "more than 10000 results"}}'
    with false_node(lambda *_: Http(400, body)) as url, pytest.raises(TooManyResults):
        Rpc(url).request("eth_getLogs", {})


@pytest.mark.parametrize("answer", [Http(503), Http(200, b"nonsense"), Http(delay=0.6)])
def test_no_error_and_no_log_shows_an_access_key(answer: Http, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with false_node(lambda *_: answer) as url:
        secret = url.replace("http://", "http://user:hunter2@") + "/v3/hunter2?key=hunter2"
        rpc = Rpc(secret, timeout=0.3)
        with pytest.raises(ChainUnavailable) as caught:
            rpc.request("eth_chainId")
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "hunter2" not in str(chain)
        chain = chain.__cause__ if chain.__suppress_context__ else chain.__context__
    assert "hunter2" not in repr(rpc) + caplog.text


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted", "data": REVERT},
        {"code": -32000, "message": "execution reverted", "data": REVERT},
        {"code": -32015, "message": "VM execution error.", "data": f"Reverted {REVERT}"},
        {"code": -32603, "message": "Error: VM Exception", "data": {"message": "x", "data": REVERT}},
        {"code": -32000, "message": "VM Exception", "data": {"result": REVERT}},
    ],
)
def test_revert_data_is_decoded_wherever_it_stands(error: Any) -> None:
    found = from_response("eth_call", error)
    assert isinstance(found, CallReverted)
    assert (found.error, found.arguments) == ("WrongSequence", (5, 2))
    assert str(found) == "the contract refused with WrongSequence(5, 2)"


def test_errors_of_every_contract_are_known() -> None:
    panic = bytes.fromhex("4e487b71" + "11".rjust(64, "0"))
    assert _named(reverted(panic)) == ("Panic", (0x11,))
    text = bytes.fromhex("08c379a0" + "20".rjust(64, "0") + "02".rjust(64, "0") + b"no".hex().ljust(64, "0"))
    assert _named(reverted(text)) == ("Error", ("no",))
    for contract, error in [
        ("BadSignature", "UnknownScheme"),
        ("OpenGradientRsaPssScheme", "ModExpFailed"),
        ("Secp256k1Scheme", "KeyOfAnotherScheme"),
        ("AttestationRegistry", "OwnableUnauthorizedAccount"),
        ("Timelock", "TimelockUnauthorizedCaller"),
    ]:
        found = next(one for one in interface(contract).errors if one.name == error)
        assert reverted(found.selector + bytes(96)).error == error


def test_a_revert_that_cannot_be_named_is_still_a_revert() -> None:
    assert _named(reverted(b"")) == ("NoReason", ())
    assert _named(reverted(b"\x01\x02\x03\x04rest")) == ("UnknownError", (b"\x01\x02\x03\x04rest",))
    cut = bytes.fromhex(REVERT[2:60])
    assert _named(reverted(cut)) == ("UnknownError", (cut,))
    assert from_response("eth_call", {"code": 3, "message": "execution reverted"}).args == (
        "the contract refused with NoReason()",
    )


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("insufficient funds for gas * price + value: address 0x00", "send native coin"),
        ("Insufficient funds for gas * price + value", "send native coin"),
        ("nonce too low: next nonce 5, tx nonce 4", "one process alone"),
        ("nonce too high", "try again"),
        ("replacement transaction underpriced", "wait until it landed"),
        ("transaction underpriced: tip needed 1, tip permitted 0", "fee does not suit"),
        ("max fee per gas less than block base fee: address 0x", "fee does not suit"),
        ("max fee per gas (1) less than block base fee (2)", "fee does not suit"),
        ("exceeds block gas limit", "more gas than"),
        ("intrinsic gas too high", "more gas than"),
        ("oversized data: transaction size 200000, limit 131072", "larger than"),
        ("transaction type not supported", "type of transaction"),
    ],
)
def test_a_transaction_that_cannot_be_sent_says_what_to_do(text: str, advice: str) -> None:
    found = from_response("eth_sendRawTransaction", {"code": -32000, "message": text})
    assert isinstance(found, SendFailed)
    assert text in str(found) and advice in str(found)


def test_other_errors_have_their_own_types() -> None:
    assert isinstance(from_response("eth_sendRawTransaction", {"message": "already known"}), AlreadyKnown)
    assert isinstance(
        from_response("eth_x", {"code": -32601, "message": "the method does not exist"}), NotOffered
    )
    for text in (
        "query returned more than 10000 results",
        "block range is too wide",
        "exceed maximum block range: 5",
    ):
        assert isinstance(from_response("eth_getLogs", {"code": -32005, "message": text}), TooManyResults)
    assert type(from_response("eth_call", {"code": -32603, "message": "internal error"})) is NodeError


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=300),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["code", "message", "data", "result"]), inner)
        ),
    )
)
def test_any_error_object_becomes_one_of_ours(error: Any) -> None:
    found = from_response("eth_call", error)
    assert isinstance(found, AfterproofError)
    if not isinstance(found, CallReverted):
        assert len(str(found)) < 500 and str(found).isprintable()


@pytest.mark.parametrize("value", [None, 5, "5", "0x", "0xg", "0x" + "f" * 65, "-0x1", "0x1\n", True, [], {}])
def test_a_number_that_is_none_is_unavailable(value: Any) -> None:
    with (
        false_node(lambda *_: {"result": value}) as url,
        pytest.raises(ChainUnavailable, match="not a number"),
    ):
        Rpc(url).quantity("eth_chainId")


@pytest.mark.parametrize("value", [None, 5, "00", "0x0", "0x0g", "0x00\n", "0x 0", True, [], {}])
def test_bytes_that_are_none_are_unavailable(value: Any) -> None:
    with false_node(lambda *_: {"result": value}) as url, pytest.raises(ChainUnavailable, match="bytes"):
        Rpc(url).data("eth_call")


def _named(error: CallReverted) -> tuple[str, tuple[Any, ...]]:
    return error.error, error.arguments
