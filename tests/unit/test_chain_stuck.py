"""Transactions that do not land: on anvil that mines only when told.

Wallet.send
├── what is told: each offer before it is handed in, and what the one that landed cost, reverted or not
├── a transaction that waits
│   ├── raised, as far as the ceiling allows; the earlier one may land all the same
│   ├── forgotten by the nodes: handed in again
│   └── its number taken by another: said so
├── what an earlier run left over
│   ├── the same: outbid at once, whatever it offers; either may land, once
│   ├── the same at the ceiling: waited for
│   ├── the same, which the pending block holds already: outbid all the same
│   ├── another: it has its time, less where it is urgent, then it is outbid
│   ├── another that lands meanwhile: this one follows it
│   ├── a node that does not tell what waits: outbid step by step
│   └── a node that does not even count it: the same, when it had its time
├── a gap in the numbers: filled
├── a count that is a moment old: counted again
├── funds, fees: the account, what it has, what it needs
└── the whole: a post left over is outbid by the same post; a node that fails at any point of a post
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from afterproof.chain.base import Deployment, Landed, Outcome, Posted
from afterproof.chain.rpc import Rpc
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import Mined, SendOptions, Wallet, address_of
from afterproof.errors import CallReverted, ConfigError, FeeAboveCeiling, InsufficientFunds, SendFailed
from afterproof.protocol.terms import ETHER, GWEI
from tests.support.anvil import CHAIN_ID, anvil
from tests.support.chains import IMPATIENT, KEYS, OWNER_KEY, deployed_anvil, restored, rpc
from tests.support.false_node import Edit, Http, false_node, tampering

TO = b"\x07" * 20
#: Nothing is raised or outbid in time: a test fails where something waits for it.
CALM = SendOptions(poll=0.02, landing_timeout=20.0, raise_after=10_000.0)
BUSY = SendOptions(poll=0.02, landing_timeout=20.0, raise_after=0.3)


@dataclass
class Still:
    """A node that mines when told, and what it was handed."""

    url: str

    def wallet(self, options: SendOptions = CALM, url: str = "", key: bytes = OWNER_KEY) -> Wallet:
        """A process's own, without any memory."""
        return Wallet(Rpc(url or self.url), CHAIN_ID, key, options)

    def waiting(self) -> dict[int, dict[str, Any]]:
        """The account's transactions in the pool, by number."""
        pool = rpc(self.url, "txpool_content")
        found = {**pool["pending"].get(OWNER, {}), **pool["queued"].get(OWNER, {})}
        return {int(number): one for number, one in found.items()}

    def mine(self) -> None:
        rpc(self.url, "evm_mine")

    def left_over(self, value: int, fee: int = 2 * GWEI, number: int | None = None, to: bytes = TO) -> str:
        """A transaction that an earlier process sent; its hash."""
        fields = {"from": OWNER, "to": "0x" + to.hex(), "value": hex(value), "gas": hex(50_000)}
        fields |= {"maxFeePerGas": hex(fee), "maxPriorityFeePerGas": hex(min(fee, GWEI))}
        if number is not None:
            fields["nonce"] = hex(number)
        return str(rpc(self.url, "eth_sendTransaction", fields))

    def received(self) -> int:
        return int(rpc(self.url, "eth_getBalance", "0x" + TO.hex(), "latest"), 16)


#: A contract's code: if storage[0] is set, revert; else set it.
ONCE = "0x5f54600a5760015f55005b5f5ffd"
OWNER = "0x" + address_of(OWNER_KEY).hex()


@pytest.fixture(scope="module")
def one_node() -> Iterator[str]:
    with anvil() as running:
        yield running.url


@pytest.fixture
def still(one_node: str) -> Iterator[Still]:
    with restored(one_node):
        rpc(one_node, "evm_setAutomine", False)
        rpc(one_node, "anvil_dropAllTransactions")
        yield Still(one_node)
        rpc(one_node, "anvil_dropAllTransactions")
        rpc(one_node, "evm_setAutomine", True)


class Sending(threading.Thread):
    """A wallet that sends in a thread of its own."""

    def __init__(self, wallet: Wallet, value: int, urgent: bool = False) -> None:
        super().__init__(daemon=True)
        self.wallet, self.value, self.urgent = wallet, value, urgent
        self.mined: Mined | None = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.mined = self.wallet.send(TO, b"", self.value, self.urgent)
        except Exception as error:
            self.error = error

    def result(self) -> Mined:
        self.join(30)
        assert not self.is_alive() and self.error is None, self.error
        assert self.mined is not None
        return self.mined


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


@contextmanager
def through(still: Still, edit: Edit) -> Iterator[str]:
    with false_node(tampering(still.url, edit)) as url:
        yield url


def fee_of(one: dict[str, Any]) -> int:
    return int(one["maxFeePerGas"], 16)


# --- what is told ------------------------------------------------------------------------------


def test_one_that_reverts_is_told_with_its_fee_and_each_raise_before_it_is_handed_in(still: Still) -> None:
    """Somebody else's transaction comes first in the same block, so that ours reverts."""
    told: list[tuple[bytes, int, Outcome | None]] = []
    wallet = Wallet(
        Rpc(still.url),
        CHAIN_ID,
        OWNER_KEY,
        BUSY,
        lambda tx, offer, found: told.append((tx, offer.number, found)),
    )
    rpc(still.url, "anvil_setCode", "0x" + TO.hex(), ONCE)
    sending = Sending(wallet, 0)
    until(lambda: len(told) >= 2)  # offered, and raised
    other = rpc(still.url, "eth_accounts")[1]
    first = {"from": other, "to": "0x" + TO.hex(), "gas": hex(60_000), "gasPrice": hex(10**12)}
    rpc(still.url, "eth_sendTransaction", first)
    still.mine()
    sending.join(30)
    assert isinstance(sending.error, CallReverted)
    (*offered, (tx_hash, number, outcome)) = told
    assert all(found is None for _, _, found in offered) and tx_hash in {one for one, _, _ in offered}
    assert {one for _, one, _ in told} == {number}
    assert outcome is not None and not outcome.succeeded and outcome.gas_used > 21_000
    receipt = rpc(still.url, "eth_getTransactionReceipt", "0x" + tx_hash.hex())
    assert outcome.fee == outcome.gas_used * int(receipt["effectiveGasPrice"], 16)


# --- a transaction that waits ------------------------------------------------------------------


def test_a_raise_stops_at_the_ceiling_and_the_last_offer_lands(
    still: Still, caplog: pytest.LogCaptureFixture
) -> None:
    # 1 gwei base fee: 2 * 1 + 1 = 3 gwei at first, then 3.75, then no more than 4.2.
    ceiling = 42 * GWEI // 10
    options = SendOptions(poll=0.02, landing_timeout=20.0, raise_after=0.2, max_fee=ceiling)
    with caplog.at_level(logging.INFO):
        sending = Sending(still.wallet(options), 5)
        seen: list[int] = []

        def stands_still() -> bool:
            seen.extend(fee_of(one) for one in still.waiting().values())
            return any("waits at its fee" in record.getMessage() for record in caplog.records)

        until(stands_still)
        still.mine()
    mined = sending.result()
    assert max(seen) == ceiling and min(seen) < ceiling
    sent = rpc(still.url, "eth_getTransactionByHash", "0x" + mined.tx_hash.hex())
    assert fee_of(sent) == ceiling and still.received() == 5
    assert "chain.max_fee allows" in caplog.text and "offered again" in caplog.text


def test_an_urgent_one_may_offer_more_and_does_so_sooner(still: Still) -> None:
    options = SendOptions(
        poll=0.02, landing_timeout=20.0, raise_after=3.0, max_fee=GWEI // 2, max_fee_urgent=9 * GWEI
    )
    with pytest.raises(FeeAboveCeiling, match=r"asks for a base fee of 1 gwei, above the 0\.5 gwei"):
        still.wallet(options).send(TO, b"", 5)
    assert still.waiting() == {}
    sending = Sending(still.wallet(options), 5, urgent=True)
    until(lambda: any(fee_of(one) > 3 * GWEI for one in still.waiting().values()))
    still.mine()
    sending.result()


def test_the_earlier_offer_may_land_all_the_same(still: Still) -> None:
    """The raised one was taken by one node alone, the first is what another mines."""
    raws: list[str] = []

    def swallow(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
        if method == "eth_sendRawTransaction":
            raws.append(params[0])
        return answer

    def first_only(method: str, params: list[Any]) -> Any:
        if method == "eth_sendRawTransaction" and raws:
            raws.append(params[0])
            return {"result": "0x" + "11" * 32}
        return real(method, params)

    real = tampering(still.url, swallow)
    with false_node(first_only) as url:
        sending = Sending(still.wallet(BUSY, url), 5)
        until(lambda: len(raws) >= 2)
        (waits,) = still.waiting().values()
        still.mine()
        mined = sending.result()
    assert "0x" + mined.tx_hash.hex() == waits["hash"] and still.received() == 5


def test_one_that_the_nodes_forgot_is_handed_in_again(still: Still) -> None:
    options = SendOptions(poll=0.02, landing_timeout=20.0, raise_after=14.0)  # looks each 4.7 s, raises later
    sending = Sending(still.wallet(options), 5, urgent=True)  # urgent: each 1.6 s
    until(lambda: bool(still.waiting()))
    (lost,) = still.waiting().values()
    rpc(still.url, "anvil_dropTransaction", lost["hash"])
    assert still.waiting() == {}
    until(lambda: bool(still.waiting()))
    (again,) = still.waiting().values()
    assert again["hash"] == lost["hash"]
    still.mine()
    assert "0x" + sending.result().tx_hash.hex() == lost["hash"]


def test_a_number_that_went_to_another_transaction_is_said(still: Still) -> None:
    sending = Sending(still.wallet(SendOptions(poll=0.02, landing_timeout=20.0, raise_after=0.5)), 5)
    until(lambda: bool(still.waiting()))
    rpc(still.url, "anvil_dropAllTransactions")
    still.left_over(9, number=0, fee=9 * GWEI)
    still.mine()
    sending.join(30)
    assert isinstance(sending.error, SendFailed), sending.error
    assert "another transaction of the account landed under number 0" in str(sending.error)
    assert still.received() == 9


# --- what an earlier run left over -------------------------------------------------------------


@pytest.mark.parametrize("fee", [2 * GWEI, 50 * GWEI])
def test_the_same_of_an_earlier_run_is_outbid_at_once(still: Still, fee: int) -> None:
    left = still.left_over(5, fee)
    sending = Sending(still.wallet(), 5)
    until(lambda: still.waiting()[0]["hash"] != left)
    (raised,) = still.waiting().values()
    assert fee_of(raised) >= fee * 11 // 10
    still.mine()
    assert "0x" + sending.result().tx_hash.hex() == raised["hash"]
    assert still.received() == 5


def test_the_same_of_an_earlier_run_may_land_itself(still: Still) -> None:
    """It is mined while the new one is on its way to it."""
    left = still.left_over(5)
    taken: list[str] = []

    def lost(method: str, params: list[Any]) -> Any:
        if method == "eth_sendRawTransaction":
            taken.append(params[0])
            return {"result": "0x" + "11" * 32}
        return tampering(still.url, lambda m, p, a: a)(method, params)

    with false_node(lost) as url:
        sending = Sending(still.wallet(CALM, url), 5)
        until(lambda: bool(taken))
        still.mine()
        assert "0x" + sending.result().tx_hash.hex() == left
    assert still.received() == 5


def test_the_same_at_the_ceiling_is_waited_for(still: Still) -> None:
    left = still.left_over(5, 4 * GWEI)
    options = SendOptions(poll=0.02, landing_timeout=20.0, raise_after=10_000.0, max_fee=4 * GWEI)
    wallet = still.wallet(options)
    sending = Sending(wallet, 5)
    until(lambda: wallet._numbers._taken == {0})
    assert [one["hash"] for one in still.waiting().values()] == [left]
    still.mine()
    assert "0x" + sending.result().tx_hash.hex() == left


def test_the_same_that_was_given_up_on_is_outbid_by_the_next_try(still: Still) -> None:
    wallet = still.wallet(SendOptions(poll=0.02, landing_timeout=0.2, raise_after=10_000.0))
    with pytest.raises(SendFailed, match="may land later"):
        wallet.send(TO, b"", 5)
    (first,) = still.waiting().values()

    def untold(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        asks = method in ("eth_getTransactionBySenderAndNonce", "txpool_contentFrom")
        return {"error": {"code": -32601, "message": "method not found"}} if asks else answer

    with through(still, untold) as url:  # what it did itself it need not be told
        wallet._rpc = wallet._numbers._rpc = Rpc(url)
        object.__setattr__(wallet, "_options", CALM)
        sending = Sending(wallet, 5)
        until(lambda: still.waiting()[0]["hash"] != first["hash"])
        still.mine()
        sending.result()
    assert still.received() == 5


def test_another_of_an_earlier_run_has_its_time_and_is_outbid(still: Still) -> None:
    left = still.left_over(9, 50 * GWEI)
    sending = Sending(still.wallet(SendOptions(poll=0.02, landing_timeout=20.0, raise_after=1.0)), 5)
    until(lambda: still.waiting()[0]["hash"] != left)
    assert set(still.waiting()) == {0}  # not behind it
    still.mine()
    sending.result()
    assert still.received() == 5


def test_another_that_lands_meanwhile_is_followed(still: Still) -> None:
    left = still.left_over(9)
    sending = Sending(still.wallet(), 5)
    time.sleep(0.3)  # nothing must happen: there is nothing to wait for
    assert [one["hash"] for one in still.waiting().values()] == [left]
    still.mine()
    until(lambda: set(still.waiting()) == {1})
    still.mine()
    sending.result()
    assert still.received() == 14


def test_a_node_that_does_not_tell_what_waits_is_outbid_step_by_step(still: Still) -> None:
    def untold(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        asks = method in ("eth_getTransactionBySenderAndNonce", "txpool_contentFrom")
        return {"error": {"code": -32601, "message": "method not found"}} if asks else answer

    still.left_over(5, 50 * GWEI)
    with through(still, untold) as url:
        sending = Sending(still.wallet(BUSY, url), 5)
        until(lambda: fee_of(still.waiting()[0]) >= 55 * GWEI)
        still.mine()
        sending.result()
    assert still.received() == 5


def test_a_node_that_does_not_even_count_what_waits_gives_it_its_time(still: Still) -> None:
    def blind(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
        if method in ("eth_getTransactionBySenderAndNonce", "txpool_contentFrom"):
            return {"error": {"code": -32601, "message": "method not found"}}
        if method == "eth_sendRawTransaction":
            refused.append("error" in answer)
        if method == "eth_getTransactionCount":
            return {"result": rpc(still.url, method, params[0], "latest")}
        return answer

    refused: list[bool] = []
    left = still.left_over(9, 50 * GWEI)
    with through(still, blind) as url:
        sending = Sending(still.wallet(CALM, url), 5)
        until(lambda: bool(refused))
        assert [one["hash"] for one in still.waiting().values()] == [left]
        still.mine()
        until(lambda: set(still.waiting()) == {1})
        still.mine()
        sending.result()
    assert still.received() == 14

    still.left_over(9, 50 * GWEI)
    with through(still, blind) as url:
        sending = Sending(still.wallet(BUSY, url), 5)
        until(lambda: fee_of(still.waiting()[2]) >= 55 * GWEI)
        still.mine()
        sending.result()
    assert still.received() == 19


def test_what_just_fits_is_not_made_not_to_fit(still: Still) -> None:
    for most, gas in ((2**24, 26_250), (22_000, 22_000), (1, 21_000)):
        options = SendOptions(poll=0.02, landing_timeout=0.1, most_gas=most)
        with pytest.raises(SendFailed, match="may land later"):
            still.wallet(options).send(b"\x09" * 20, b"", 0)
        assert [int(one["gas"], 16) for one in still.waiting().values()] == [gas]
        rpc(still.url, "anvil_dropAllTransactions")


def test_what_the_pending_block_holds_already_is_outbid_all_the_same(still: Still) -> None:
    """A contract that takes a call once: on the pending block, with the left-over one, it would refuse."""
    rpc(still.url, "anvil_setCode", "0x" + TO.hex(), ONCE)
    left = still.left_over(0, to=TO)
    sending = Sending(still.wallet(), 0)
    until(lambda: sending.error is not None or still.waiting()[0]["hash"] != left)
    still.mine()
    sending.result()


# --- numbers, funds, fees ----------------------------------------------------------------------


def test_a_gap_in_the_numbers_is_filled(still: Still) -> None:
    still.left_over(9, number=1)
    sending = Sending(still.wallet(), 5)
    until(lambda: set(still.waiting()) == {0, 1})
    still.mine()
    sending.result()
    assert still.received() == 14


def test_a_count_that_is_a_moment_old_is_counted_again(still: Still) -> None:
    still.left_over(9)
    still.mine()
    lies = [2]

    def behind(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        if method == "eth_getTransactionCount" and lies[0]:
            lies[0] -= 1
            return {"result": "0x0"}
        return answer

    with through(still, behind) as url:
        sending = Sending(still.wallet(CALM, url), 5)
        until(lambda: set(still.waiting()) == {1})
        still.mine()
        sending.result()
    assert lies == [0] and still.received() == 14


def test_funds_that_do_not_suffice_are_told_with_what_is_needed(still: Still) -> None:
    poor = address_of(KEYS["poor"])
    wallet = still.wallet(key=KEYS["poor"])
    rpc(still.url, "anvil_setBalance", "0x" + poor.hex(), hex(ETHER // 1_000))
    with pytest.raises(InsufficientFunds) as caught:
        wallet.send(TO, b"", ETHER)
    assert "has 0.001 ether" in str(caught.value) and "at least 1.0" in str(caught.value)
    assert "(1 ether to send along" in str(caught.value)
    with pytest.raises(InsufficientFunds) as caught:
        wallet.send(TO, b"", ETHER // 1_000 - 30_000)
    said = str(caught.value).lower()
    assert "0x" + poor.hex() in said and "has 0.001 ether" in said and "gas at up to 3 gwei" in said
    assert still.waiting() == {}


def test_an_answer_to_the_raise_that_is_lost_loses_nothing(still: Still) -> None:
    def lost(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        if method == "eth_sendRawTransaction":
            handed.append(answer)
            return Http(502) if len(handed) > 1 else answer
        return answer

    handed: list[Any] = []
    with through(still, lost) as url:
        sending = Sending(still.wallet(BUSY, url), 5)
        until(lambda: len(handed) >= 3)
        still.mine()
        assert sending.result().block
    assert still.received() == 5


def test_a_ceiling_for_urgent_ones_below_the_other_is_refused() -> None:
    for options in ({"max_fee_urgent": 5}, {"max_fee": 6, "max_fee_urgent": 5}):
        with pytest.raises(ConfigError, match=r"chain\.max_fee_urgent must be no less than chain\.max_fee"):
            SendOptions(**options)  # type: ignore[arg-type]


# --- the real thing: a post, and several nodes -------------------------------------------------


@pytest.fixture(scope="module")
def lane() -> Iterator[tuple[str, Deployment]]:
    """A node with the contracts and a lane open."""
    with deployed_anvil() as (url, deployment):
        poster = EvmSender(url, deployment, KEYS["poster"], options=IMPATIENT)
        poster.open_lane(poster.account, poster.account, 0, ETHER)
        yield url, deployment


@contextmanager
def not_mining(url: str) -> Iterator[None]:
    with restored(url):
        rpc(url, "evm_setAutomine", False)
        try:
            yield
        finally:
            rpc(url, "anvil_dropAllTransactions")
            rpc(url, "evm_setAutomine", True)


def test_a_post_that_an_earlier_run_left_over_is_outbid_by_the_same_post(
    lane: tuple[str, Deployment],
) -> None:
    """Killed between handing in and landing, started again while nothing is mined; the range has moved since."""
    url, deployment = lane
    hasty = SendOptions(poll=0.02, landing_timeout=0.2, raise_after=10_000.0)
    with not_mining(url):
        before = EvmSender(url, deployment, KEYS["poster"], options=hasty)
        now = before.head().timestamp
        for _ in range(2):  # a run that comes round twice, and has no third chance
            with pytest.raises(SendFailed, match="may land later"):
                before.post(1, 0, 1, now, now, [b"\x01" * 32], "data:,")
        (first,) = pool_of(url, before.account).values()

        options = SendOptions(poll=0.02, landing_timeout=20.0, raise_after=3.0)
        after = EvmSender(url, deployment, KEYS["poster"], options=options)
        landed: list[Landed] = []
        thread = threading.Thread(
            target=lambda: landed.append(
                after.post(1, 0, 1, now - 1, now, [b"\x01" * 32], "data:,", urgent=True)
            ),
            daemon=True,
        )
        thread.start()
        until(lambda: {one["hash"] for one in pool_of(url, after.account).values()} != {first["hash"]})
        (second,) = pool_of(url, after.account).values()
        assert fee_of(second) >= fee_of(first) * 11 // 10
        rpc(url, "evm_mine")
        thread.join(30)
        assert landed and "0x" + landed[0].tx_hash.hex() == second["hash"]
        state = after.lane(1)
        assert state is not None and state.next_seq == 1


@pytest.mark.parametrize("well_for", [0, 1, 4, 6, 8, 10, 12])
def test_a_node_that_fails_amid_a_post_is_done_without(lane: tuple[str, Deployment], well_for: int) -> None:
    url, deployment = lane
    asked: list[str] = []

    def fails_later(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        asked.append(method)
        return Http(503) if len(asked) > well_for else answer

    with restored(url), false_node(tampering(url, fails_later)) as bad:
        sender = EvmSender([bad, url], deployment, KEYS["poster"], options=IMPATIENT)
        now = sender.head().timestamp
        sender.post(1, 0, 1, now, now, [b"\x01" * 32], "data:,")
        state = sender.lane(1)
        assert state is not None and state.next_seq == 1
        events = [logged.event for logged in sender.events(0, sender.head().number)]
        assert sum(isinstance(event, Posted) for event in events) == 1


def pool_of(url: str, account: bytes) -> dict[str, Any]:
    found: dict[str, Any] = rpc(url, "txpool_content")["pending"].get("0x" + account.hex(), {})
    return found
