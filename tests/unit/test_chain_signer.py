"""External signers over JSON-RPC: real HTTP servers that sign with eth_account, honest or not.

RemoteSigner
├── web3signer's answer (a hex string) and clef's ({raw, tx}, by its own method): sent, landed, on anvil
├── a contract's creation, a gas price in place of EIP-1559 fees
├── one that changes any field, the chain, the type, or signs with another key: refused, nothing sent
├── one that answers with something else: refused
├── one that refuses, is silent, is not there: said so, nothing sent, no address shown whole
└── what is raised is asked for anew
check_signed
└── takes what eth_account signs, and no byte of it changed
rlp
└── encodes as eth_account does; decodes what it encodes, and nothing else
settings
└── signer and key exclude each other; the address is needed; promises need a key at hand
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.chain import rlp
from afterproof.chain.rpc import Rpc
from afterproof.chain.signers import RemoteSigner, check_signed
from afterproof.chain.wallet import SendOptions, Wallet, address_of
from afterproof.cli.session import Session
from afterproof.config import AccountConfig, Config, RelayerConfig, load
from afterproof.errors import ConfigError, SendFailed
from afterproof.keyfiles import account_key, external_account, promise_key
from afterproof.protocol.receipt import keccak
from afterproof.protocol.terms import GWEI
from tests.support.anvil import CHAIN_ID, anvil
from tests.support.chains import OWNER_KEY, restored, rpc
from tests.support.false_node import Http, false_node

OWNER = address_of(OWNER_KEY)
TO = b"\x07" * 20
FAST = SendOptions(poll=0.02, landing_timeout=20.0)
DYNAMIC: dict[str, Any] = {
    "chainId": CHAIN_ID, "nonce": 3, "gas": 21_000, "value": 5, "data": b"\x01\x02", "to": TO,
    "maxFeePerGas": 3 * GWEI, "maxPriorityFeePerGas": GWEI,
}  # fmt: skip
LEGACY = {name: value for name, value in DYNAMIC.items() if "Fee" not in name} | {"gasPrice": GWEI}


@dataclass
class Holder:
    """A signer that holds the owner's key; ``change`` makes of what is asked what it signs instead."""

    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda asked: asked
    key: bytes = OWNER_KEY
    method: str = "eth_signTransaction"
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, method: str, params: list[Any]) -> Any:
        if method != self.method:
            return {"error": {"code": -32601, "message": f"the method {method} does not exist"}}
        (asked,) = params
        self.asked.append(dict(asked))
        assert bytes.fromhex(asked.pop("from")[2:]) == OWNER
        signed = Account.sign_transaction(self.change(asked), self.key)
        raw = "0x" + bytes(signed.raw_transaction).hex()
        return {"result": raw if method == "eth_signTransaction" else {"raw": raw, "tx": {"hash": "0x"}}}


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    with anvil() as running:
        yield running.url


@contextmanager
def signing(holder: Holder | Callable[[str, list[Any]], Any]) -> Iterator[RemoteSigner]:
    with false_node(holder.answer if isinstance(holder, Holder) else holder) as url:
        yield RemoteSigner(url + "/hunter2", OWNER, timeout=1.0)


@pytest.mark.parametrize("method", ["eth_signTransaction", "account_signTransaction"])
def test_a_transaction_signed_elsewhere_lands(node: str, method: str) -> None:
    holder = Holder(method=method)
    with restored(node), signing(holder) as signer:
        wallet = Wallet(Rpc(node), CHAIN_ID, signer, FAST)
        assert wallet.account == OWNER
        for value in (5, 6):
            mined = wallet.send(TO, b"", value)
            sent = rpc(node, "eth_getTransactionByHash", "0x" + mined.tx_hash.hex())
            assert (sent["from"], int(sent["value"], 16)) == ("0x" + OWNER.hex(), value)
        created = wallet.send(None, bytes.fromhex("5f5ff3")).contract
        assert created is not None
    assert len(holder.asked) == 3 and "to" not in holder.asked[2]


def test_what_is_raised_is_asked_for_anew(node: str) -> None:
    holder = Holder()
    with restored(node), signing(holder) as signer:
        rpc(node, "evm_setAutomine", False)
        try:
            options = SendOptions(poll=0.02, landing_timeout=1.0, raise_after=0.2)
            with pytest.raises(SendFailed, match="may land later"):
                Wallet(Rpc(node), CHAIN_ID, signer, options).send(TO, b"", 5)
        finally:
            rpc(node, "anvil_dropAllTransactions")
            rpc(node, "evm_setAutomine", True)
    fees = [int(asked["maxFeePerGas"], 16) for asked in holder.asked]
    assert len(fees) >= 2 and fees == sorted(set(fees))
    assert {asked["nonce"] for asked in holder.asked} == {holder.asked[0]["nonce"]}


@pytest.mark.parametrize("fields", [DYNAMIC, LEGACY])
@pytest.mark.parametrize("creates", [False, True])
def test_every_form_of_a_transaction_is_taken(fields: dict[str, Any], creates: bool) -> None:
    asked = {name: value for name, value in fields.items() if not (creates and name == "to")}
    with signing(Holder()) as signer:
        signed = signer.sign(asked)
    assert signed.hash == keccak(signed.raw)
    assert Account.recover_transaction(signed.raw) == Account.from_key(OWNER_KEY).address


CHANGES: dict[str, Any] = {
    "to": "0x" + "08" * 20, "value": "0x6", "gas": "0x5209", "nonce": "0x4", "data": "0x01",
    "maxFeePerGas": hex(4 * GWEI), "maxPriorityFeePerGas": "0x1",
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_signer_that_changes_a_field_is_refused(name: str) -> None:
    with (
        signing(Holder(lambda asked: asked | {name: CHANGES[name]})) as signer,
        pytest.raises(SendFailed, match=f"a transaction with another {name}: 0x.* instead of 0x") as caught,
    ):
        signer.sign(DYNAMIC)
    assert "nothing was sent" in str(caught.value) and "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["to", "value", "gas", "nonce", "data", "gasPrice"])
def test_a_signer_that_changes_a_field_of_an_older_form_is_refused(name: str) -> None:
    changed = CHANGES | {"gasPrice": "0x1"}
    with (
        signing(Holder(lambda asked: asked | {name: changed[name]})) as signer,
        pytest.raises(SendFailed, match=f"with another {name}"),
    ):
        signer.sign(LEGACY)


ACCESS = [{"address": "0x" + "07" * 20, "storageKeys": ["0x" + "01" * 32]}]
OTHER_KEY = b"\x05" * 32


@pytest.mark.parametrize(
    ("fields", "holder", "said"),
    [
        (DYNAMIC, Holder(lambda asked: asked | {"chainId": "0x1"}), "another chainId"),
        (LEGACY, Holder(lambda asked: asked | {"chainId": "0x1"}), "for another chain"),
        (DYNAMIC, Holder(lambda asked: asked | {"accessList": ACCESS}), "an access list"),
        (DYNAMIC, Holder(key=OTHER_KEY), "a signature of 0x.* instead of 0xf39F"),
        (LEGACY, Holder(key=OTHER_KEY), "a signature of 0x.* instead of 0xf39F"),
        (DYNAMIC, Holder(lambda asked: {n: v for n, v in asked.items() if "Fee" not in n} | {"gasPrice": 1}), "type"),
        (LEGACY, Holder(lambda asked: {n: v for n, v in asked.items() if n != "gasPrice"} | {
            "maxFeePerGas": 1, "maxPriorityFeePerGas": 1}), "no transaction"),
    ],
)  # fmt: skip
def test_a_signer_that_signs_something_else_is_refused(
    fields: dict[str, Any], holder: Holder, said: str
) -> None:
    with signing(holder) as signer, pytest.raises(SendFailed, match=said):
        signer.sign(fields)


def test_nothing_of_a_lying_signer_reaches_the_node(node: str) -> None:
    before = rpc(node, "eth_getTransactionCount", "0x" + OWNER.hex(), "pending")
    with (
        signing(Holder(lambda asked: asked | {"value": "0x99"})) as signer,
        pytest.raises(SendFailed, match="another value: 0x99 instead of 0x05"),
    ):
        Wallet(Rpc(node), CHAIN_ID, signer, FAST).send(TO, b"", 5)
    assert rpc(node, "eth_getTransactionCount", "0x" + OWNER.hex(), "pending") == before


@pytest.mark.parametrize(
    "result", [None, 5, "", "0x", "0x02", "0xzz", "f86b", [], {}, {"raw": None}, "0x02c0", "0x02f8ff", "0xc0"]
)
def test_a_signer_that_answers_with_something_else_is_refused(result: Any) -> None:
    with (
        signing(lambda *_: {"result": result}) as signer,
        pytest.raises(SendFailed, match="nothing was sent"),
    ):
        signer.sign(DYNAMIC)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": {"code": -32000, "message": "Request denied"}}, r"does not sign \(.*Request denied\)"),
        ({"error": {"code": -32000, "message": "insufficient funds"}}, "does not sign"),
        ({"error": {"code": -32601, "message": "no such method"}}, "does not sign"),
        (Http(delay=2.0), "did not answer within 1 seconds"),
        (Http(403), "HTTP status 403"),
        (Http(200, b"<html>"), "not JSON-RPC"),
    ],
)
def test_a_signer_that_does_not_sign_is_said(answer: Any, said: str) -> None:
    with signing(lambda *_: answer) as signer, pytest.raises(SendFailed, match=said) as caught:
        signer.sign(DYNAMIC)
    assert "the signer at http://127.0.0.1" in str(caught.value) and "nothing was sent" in str(caught.value)
    assert "hunter2" not in f"{caught.value} {signer!r}"


def test_nobody_there_is_said() -> None:
    with pytest.raises(
        SendFailed, match=r"the signer at http://127\.0\.0\.1:1 cannot be reached.*nothing was sent"
    ):
        RemoteSigner("http://127.0.0.1:1", OWNER).sign(DYNAMIC)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([DYNAMIC, LEGACY]))
def test_no_byte_of_a_signed_transaction_may_be_another(data: st.DataObject, fields: dict[str, Any]) -> None:
    raw = bytes(Account.sign_transaction(fields, OWNER_KEY).raw_transaction)
    check_signed(raw, fields, OWNER)
    at = data.draw(st.integers(0, len(raw) - 1))
    other = data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match=r"transaction|signature"):
        check_signed(raw[:at] + bytes([raw[at] ^ other]) + raw[at + 1 :], fields, OWNER)
    with pytest.raises(ValueError, match="transaction"):
        check_signed(raw + b"\x00", fields, OWNER)


ITEMS = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=5), max_leaves=8)


@given(ITEMS)
def test_rlp_decodes_what_it_encodes(item: Any) -> None:
    assert rlp.decode(rlp.encode(item)) == item


@given(st.binary(max_size=12) | st.binary(max_size=12).map(lambda tail: b"\xf8\xb8" + tail))
def test_rlp_decodes_nothing_in_two_ways(data: bytes) -> None:
    try:
        item = rlp.decode(data)
    except ValueError:
        return
    assert rlp.encode(item) == data


def test_rlp_of_a_deep_nest_is_refused() -> None:
    item: Any = b"\x01"
    for _ in range(rlp.DEEPEST):
        item = [item]
    assert rlp.decode(rlp.encode(item)) == item
    with pytest.raises(ValueError, match="nested too deep"):
        rlp.decode(rlp.encode([item]))


# --- settings ----------------------------------------------------------------------------------


def test_signer_and_key_exclude_each_other(tmp_path: Path) -> None:
    signer = "http://127.0.0.1:9000"
    both = AccountConfig(signer=signer, keystore=tmp_path / "k", address="0x" + "07" * 20)
    with pytest.raises(ConfigError, match=r"account\.signer and account\.keystore exclude each other"):
        external_account(both)
    with pytest.raises(ConfigError, match=r"account\.signer and AFTERPROOF_PRIVATE_KEY exclude each other"):
        external_account(AccountConfig(signer=signer, private_key="0x" + "05" * 32))
    with pytest.raises(ConfigError, match=r"account\.address must be set beside account\.signer"):
        external_account(AccountConfig(signer=signer))
    with pytest.raises(ConfigError, match="external signer"):
        account_key(both)


def test_promises_need_a_key_at_hand() -> None:
    account = AccountConfig(signer="http://127.0.0.1:9000", address="0x" + "07" * 20)
    with pytest.raises(ConfigError, match=r"relayer\.promise_keystore .* must be set beside account\.signer"):
        promise_key(Config(account=account))
    assert promise_key(
        Config(account=account, relayer=RelayerConfig(promise_key="0x" + "05" * 32))
    ) == b"\x05" * 32  # fmt: skip


def test_a_command_acts_through_the_signer_of_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AFTERPROOF_PRIVATE_KEY", "AFTERPROOF_CHAIN_RPC"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "a.toml"
    written = {"signer": "http://me:hunter2@127.0.0.1:9000/x", "address": "0x" + OWNER.hex()}
    file.write_text(
        '[chain]\nmax_fee = "100gwei"\nmax_fee_urgent = "0.0000005ether"\n[account]\n'
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in written.items())
    )
    session = Session(file)
    signer, options = session._signer(), session._send_options()
    assert isinstance(signer, RemoteSigner) and signer.account == OWNER
    assert "hunter2" not in repr(signer) + repr(load(file, {}))
    assert (options.ceiling(False), options.ceiling(True)) == (100 * GWEI, 500 * GWEI)
