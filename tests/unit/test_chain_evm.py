"""Reading and acting through a node, on anvil, with a false node between where something must go wrong.

EvmReader
├── made for another chain, without the contracts, with another registry, with nobody there: refused, told what to do
├── events: halved ranges find the same; logs without a timestamp; a string that is no UTF-8; other contracts' logs
├── a log that is malformed in any field, doubled, removed, of an unasked block or another fork: ChainUnavailable
└── a call answered with something else: ChainUnavailable
EvmSender
├── lands with EIP-1559 fees, without them, without a suggestion for the tip; adds a rollup's L1 fee
├── landed and reverted: the error by name; out of gas: said so
├── waiting: offered again at a higher fee, once only on the chain
├── no pending block: simulated on the newest; values that fit no call: SendFailed
├── not landed in time, or the answer lost: SendFailed, and it may land later
├── handed in twice: no error; trouble while waiting: patience
├── a deposit by the base fee of the newest block
├── several threads: each transaction its own number
└── the key: never shown; what is none is refused without showing it
EvmDeployer
├── a timelock that owns both contracts
└── a contract that refuses its arguments: the error by name
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterproof.chain.abi import encode, interface
from afterproof.chain.artifacts import artifact
from afterproof.chain.base import Deployment, Posted, StakeAdded
from afterproof.chain.deploy import deploy
from afterproof.chain.evm import EvmReader
from afterproof.chain.evm_deployer import EvmDeployer
from afterproof.chain.plan import Step, creation_code
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import SendOptions, Wallet, address_of
from afterproof.errors import CallReverted, ChainUnavailable, ConfigError, SendFailed
from afterproof.protocol.batching import build_batch
from afterproof.protocol.header import batch_id
from afterproof.protocol.receipt import Domain
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.state import Claim, FaultKind
from afterproof.protocol.terms import DEMO, ETHER, GWEI
from tests.support.chains import IMPATIENT, KEYS, OWNER_KEY, PARAMETERS, deployed_anvil, restored, rpc
from tests.support.false_node import Edit, Http, false_node, tampering
from tests.support.scene import forged_leaf, secp_signer


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[str, Deployment]]:
    """A node with one lane open, one batch posted and one stake added."""
    with deployed_anvil() as (url, deployment):
        poster = EvmSender(url, deployment, KEYS["poster"], options=IMPATIENT)
        poster.open_lane(poster.account, poster.account, 0, ETHER)
        now = poster.head().timestamp
        poster.post(1, 0, 1, now, now, [b"\x01" * 32], "data:,")
        poster.top_up(1, GWEI)
        yield url, deployment


@pytest.fixture
def chain(node: tuple[str, Deployment]) -> Iterator[EvmSender]:
    url, deployment = node
    with restored(url):
        yield EvmSender(url, deployment, KEYS["poster"], options=IMPATIENT)


@contextmanager
def through(
    node: tuple[str, Deployment], edit: Edit, options: SendOptions = IMPATIENT
) -> Iterator[EvmSender]:
    """A sender whose every answer went through ``edit``; the chain is put back afterwards."""
    url, deployment = node
    with restored(url), false_node(tampering(url, edit)) as false:
        yield EvmSender(false, deployment, KEYS["poster"], options=options)


# --- EvmReader ---------------------------------------------------------------------------------


def test_reader_of_another_chain_is_refused(node: tuple[str, Deployment]) -> None:
    url, deployment = node
    with pytest.raises(ConfigError, match=r"chain\.rpc.* is on chain 31337, .* chain 1: set chain\.rpc"):
        EvmReader(url, replace(deployment, chain_id=1))


def test_reader_without_contracts_is_refused(node: tuple[str, Deployment]) -> None:
    url, deployment = node
    for field in ("settlement", "registry"):
        with pytest.raises(ConfigError, match=f"no contract at {field} 0x0707.*: deploy first"):
            EvmReader(url, replace(deployment, **{field: b"\x07" * 20}))


def test_reader_of_two_deployments_is_refused(node: tuple[str, Deployment]) -> None:
    url, deployment = node
    swapped = replace(deployment, settlement=deployment.registry, registry=deployment.settlement)
    with pytest.raises(ConfigError, match="does not use registry"):
        EvmReader(url, swapped)


def test_reader_without_a_node_is_unavailable(node: tuple[str, Deployment]) -> None:
    with pytest.raises(ChainUnavailable, match="cannot be reached"):
        EvmReader("http://127.0.0.1:1", node[1])


def test_events_are_the_same_in_halved_ranges(node: tuple[str, Deployment], chain: EvmSender) -> None:
    asked: list[int] = []

    def narrow(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
        if method != "eth_getLogs":
            return answer
        asked.append(int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1)
        too_many = {"error": {"code": -32005, "message": "query returned more than 10000 results"}}
        return too_many if asked[-1] > 2 else answer

    head = chain.head().number
    with through(node, narrow) as narrowed:
        assert narrowed.events(0, head) == chain.events(0, head)
    assert max(asked) == head + 1 and asked[-1] <= 2
    assert EvmReader(*node, log_chunk=3).events(0, head) == chain.events(0, head)


def test_events_of_a_node_that_refuses_single_blocks_are_unavailable(node: tuple[str, Deployment]) -> None:
    def refuse(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        return {"error": {"code": 1, "message": "limit exceeded"}} if method == "eth_getLogs" else answer

    with through(node, refuse) as chain, pytest.raises(ChainUnavailable, match="limit exceeded"):
        chain.events(0, 9)


def test_events_without_timestamps_take_them_from_the_blocks(
    node: tuple[str, Deployment], chain: EvmSender
) -> None:
    with through(node, _log_edit(lambda log: log.pop("blockTimestamp"))) as older:
        assert older.events(0, chain.head().number) == chain.events(0, chain.head().number)


def test_a_data_address_that_is_no_text_blinds_nobody(chain: EvmSender) -> None:
    now = chain.head().timestamp
    types = ("uint32", "uint64", "uint32", "uint64", "uint64", "bytes32[]", "bytes")
    arguments = encode(types, (1, 1, 1, now, now, [b"\x02" * 32], b"\xff\xfehttp"))
    payload = interface("Settlement").functions["post"].selector + arguments
    landed = chain._wallet.send(chain.deployment.settlement, payload)
    (logged,) = chain.events(landed.block, landed.block)
    assert isinstance(logged.event, Posted) and logged.event.data_uri == "��http"


def _set(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda log: log.__setitem__(field, value)


@pytest.mark.parametrize(
    "spoil",
    [
        _set("address", "0x" + "07" * 20),
        _set("address", None),
        _set("topics", None),
        _set("topics", ["0x01"]),
        lambda log: log["topics"].pop(),
        lambda log: log["topics"].append(log["topics"][0]),
        _set("data", "0x"),
        _set("data", "0x" + "ff" * 64),
        lambda log: log.__setitem__("data", log["data"][:-64]),
        _set("data", 7),
        _set("blockNumber", "0xffff"),
        _set("blockNumber", None),
        _set("blockHash", "0x12"),
        _set("blockTimestamp", "soon"),
        _set("transactionHash", None),
        _set("logIndex", None),
        _set("removed", True),
    ],
)
def test_a_malformed_log_is_unavailable(node: tuple[str, Deployment], spoil: Any) -> None:
    with through(node, _log_edit(spoil)) as chain, pytest.raises(ChainUnavailable):
        chain.events(0, 20)


@pytest.mark.parametrize("answer", [None, {}, "0x", [1], [None], [{}]])
def test_logs_that_are_none_are_unavailable(node: tuple[str, Deployment], answer: Any) -> None:
    def replaced(method: str, _: list[Any], real: dict[str, Any]) -> Any:
        return {"result": answer} if method == "eth_getLogs" else real

    with through(node, replaced) as chain, pytest.raises(ChainUnavailable):
        chain.events(0, 20)


def test_logs_that_contradict_each_other_are_unavailable(node: tuple[str, Deployment]) -> None:
    def doubled(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        return {"result": answer["result"] * 2} if method == "eth_getLogs" else answer

    def forked(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        if method == "eth_getLogs":
            first, second = answer["result"][0], dict(answer["result"][0])
            return {"result": [first, second | {"blockHash": "0x" + "12" * 32, "logIndex": "0x9"}]}
        return answer

    with through(node, doubled) as chain, pytest.raises(ChainUnavailable, match="twice"):
        chain.events(0, 20)
    with through(node, forked) as chain, pytest.raises(ChainUnavailable, match="reorganised"):
        chain.events(0, 20)


def test_a_log_of_a_block_that_went_is_unavailable(node: tuple[str, Deployment]) -> None:
    def gone(log: dict[str, Any]) -> None:
        del log["blockTimestamp"]
        log["blockHash"] = "0x" + "12" * 32

    with through(node, _log_edit(gone)) as chain, pytest.raises(ChainUnavailable, match="reorganised"):
        chain.events(0, 20)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary(max_size=40).map(lambda b: "0x" + b.hex()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@dataclass
class Spoiled:
    """A reader whose logs are spoiled as each example says."""

    chain: EvmReader
    spoil: Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def spoiled(node: tuple[str, Deployment]) -> Iterator[Spoiled]:
    url, deployment = node
    found = Spoiled(EvmReader(url, deployment), lambda log: None)
    with false_node(tampering(url, _log_edit(lambda log: found.spoil(log)))) as false:
        found.chain = EvmReader(false, deployment)
        yield found


@settings(max_examples=60)
@given(
    field=st.sampled_from(["address", "topics", "data", "blockNumber", "blockHash", "logIndex"]), value=JSON
)
def test_no_log_ever_raises_anything_else(spoiled: Spoiled, field: str, value: Any) -> None:
    spoiled.spoil = _set(field, value)
    try:
        spoiled.chain.events(0, 20)
    except ChainUnavailable as error:
        assert str(error).isprintable()


@pytest.mark.parametrize("answer", ["0x", "0x" + "ff" * 31, "0x" + "ff" * 32, None, 5])
def test_a_call_answered_with_something_else_is_unavailable(
    node: tuple[str, Deployment], answer: Any
) -> None:
    honest = [True]

    def lies(method: str, _: list[Any], real: dict[str, Any]) -> Any:
        return real if honest[0] or method != "eth_call" else {"result": answer}

    with through(node, lies) as chain:
        honest[0] = False
        reads: list[Callable[[], Any]] = [
            lambda: chain.lane(1),
            lambda: chain.terms(1),
            lambda: chain.node(bytes(32)),
            lambda: chain.nodes(),
            lambda: chain.batch(batch_id(1, 0)),
            lambda: chain.current_epoch(),
            lambda: chain.standing(batch_id(1, 0), 0, bytes(224), []),
            lambda: chain.why_void(batch_id(1, 0), 0, bytes(224), []),
            lambda: chain.was_live(bytes(32), 0, 0),
            lambda: chain.demand_of(batch_id(1, 0), 0),
            lambda: chain.claims_of(1, 0),
            lambda: chain.promise_key_of(1, 0),
            lambda: chain.gap_histogram(1),
            lambda: chain.pause_state(),
            lambda: chain.fault_contracts(1),
        ]
        if answer == "0x" + "ff" * 32:  # one full word is a header's root, but no other answer here
            del reads[4]
        for read in reads:
            with pytest.raises(ChainUnavailable):
                read()


def test_a_block_that_is_none_is_unavailable(node: tuple[str, Deployment]) -> None:
    def other(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        return (
            {"result": answer["result"] | {"number": "0x1"}} if method == "eth_getBlockByNumber" else answer
        )

    def none(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        return {"result": None} if method == "eth_getBlockByNumber" else answer

    with through(node, other) as chain, pytest.raises(ChainUnavailable, match="block 1 when asked for 2"):
        chain.block(2)
    with through(node, none) as chain:
        assert chain.block(2) is None
        with pytest.raises(ChainUnavailable, match="no newest block"):
            chain.head()


# --- EvmSender ---------------------------------------------------------------------------------


def test_a_transaction_has_the_fees_that_the_chain_has(node: tuple[str, Deployment]) -> None:
    def old_chain(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        if method == "eth_getBlockByNumber":
            answer["result"].pop("baseFeePerGas")
        return answer

    def no_suggestion(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        refused = {"error": {"code": -32601, "message": "method not found"}}
        return refused if method == "eth_maxPriorityFeePerGas" else answer

    for edit, kind in ((lambda m, p, a: a, "0x2"), (old_chain, "0x0"), (no_suggestion, "0x2")):
        with through(node, edit) as chain:
            landed = chain.top_up(1, GWEI)
            sent = rpc(node[0], "eth_getTransactionByHash", "0x" + landed.tx_hash.hex())
            assert sent["type"] == kind
            receipt = rpc(node[0], "eth_getTransactionReceipt", "0x" + landed.tx_hash.hex())
            assert landed.fee == int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
            assert landed.events == (StakeAdded(1, chain.account, GWEI),)
            assert int(sent["gas"], 16) > landed.gas_used


def test_a_rollups_fee_for_data_is_part_of_the_fee(node: tuple[str, Deployment]) -> None:
    def rollup(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        landed = method == "eth_getTransactionReceipt"
        return {"result": answer["result"] | {"l1Fee": "0x7b"}} if landed else answer

    with through(node, rollup) as chain:
        landed = chain.top_up(1, GWEI)
        receipt = rpc(node[0], "eth_getTransactionReceipt", "0x" + landed.tx_hash.hex())
        assert landed.fee == 123 + landed.gas_used * int(receipt["effectiveGasPrice"], 16)


def test_a_transaction_that_landed_and_reverted_names_its_error(
    node: tuple[str, Deployment], chain: EvmSender
) -> None:
    url, deployment = node
    signer, domain = secp_signer(0), Domain(deployment.chain_id, deployment.registry)
    EvmSender(url, deployment, OWNER_KEY, options=IMPATIENT).endorse(signer.public_key, chain.account)
    now = chain.head().timestamp
    batch = build_batch(1, 1, [forged_leaf(signer, domain, now)])
    chain.post(1, 1, 1, now, now, batch.tree.tile_roots, "")
    leaf = batch.leaves[0]
    assert leaf is not None
    claim = Claim(batch.id, 0, leaf.receipt, leaf.signature, (), signer.public_key)
    rival = EvmSender(url, deployment, KEYS["relayer"], options=IMPATIENT)
    proven = []

    def overtake(method: str) -> None:
        if method == "eth_sendRawTransaction" and not proven:
            proven.append(rival.prove_fault(FaultKind.BAD_SIGNATURE, claim))

    with false_node(tampering(url, lambda m, p, a: a, overtake)) as false:
        prover = EvmSender(false, deployment, KEYS["prover"], options=IMPATIENT)
        spent = prover.balance(prover.account)
        with pytest.raises(CallReverted) as caught:
            prover.prove_fault(FaultKind.BAD_SIGNATURE, claim)
        assert (caught.value.error, caught.value.arguments) == ("AlreadyProven", (batch.id, 0))
        assert prover.balance(prover.account) < spent  # it landed, and cost its fee


def test_a_transaction_out_of_gas_says_so(node: tuple[str, Deployment]) -> None:
    def too_little(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        return {"result": hex(22_000)} if method == "eth_estimateGas" else answer

    with through(node, too_little) as chain, pytest.raises(SendFailed, match="ran out of its 27500 gas"):
        chain.top_up(1, GWEI)


def test_a_transaction_that_does_not_land_in_time_may_land_later(
    node: tuple[str, Deployment], chain: EvmSender
) -> None:
    hasty = EvmSender(*node, KEYS["poster"], options=SendOptions(landing_timeout=0.1, poll=0.02))
    before = chain.lane(1)
    rpc(node[0], "evm_setAutomine", False)
    try:
        with pytest.raises(SendFailed, match=r"within 0\.1 seconds: it may land later"):
            hasty.top_up(1, GWEI)
    finally:
        rpc(node[0], "evm_mine")
        rpc(node[0], "evm_setAutomine", True)
    after = chain.lane(1)
    assert before is not None and after is not None and after.stake == before.stake + GWEI


def test_a_transaction_that_waits_is_offered_again_at_a_higher_fee(
    node: tuple[str, Deployment], chain: EvmSender
) -> None:
    sent: list[bytes] = []

    def watch(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
        if method == "eth_sendRawTransaction":
            sent.append(bytes.fromhex(answer["result"][2:]))
            if len(sent) == 3:
                rpc(node[0], "evm_mine")
        return answer

    options = SendOptions(landing_timeout=5.0, poll=0.02, raise_after=0.05)
    before = chain.lane(1)
    rpc(node[0], "evm_setAutomine", False)
    try:
        with through(node, watch, options) as eager:
            landed = eager.top_up(1, GWEI)
            after = eager.lane(1)
    finally:
        rpc(node[0], "evm_setAutomine", True)
    assert len(set(sent)) == len(sent) >= 3 and landed.tx_hash == sent[2]
    assert before is not None and after is not None and after.stake == before.stake + GWEI


def test_a_node_without_a_pending_block_simulates_on_the_newest(node: tuple[str, Deployment]) -> None:
    def without(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
        simulates = method in ("eth_call", "eth_estimateGas") and params[-1] == "pending"
        return (
            {"error": {"code": -32000, "message": "pending block is not available"}} if simulates else answer
        )

    with through(node, without) as chain:
        assert chain.top_up(1, GWEI).events == (StakeAdded(1, chain.account, GWEI),)
        with pytest.raises(CallReverted, match="NoCredit"):
            chain.withdraw(chain.account)


def test_values_that_fit_no_call_are_refused(chain: EvmSender) -> None:
    with pytest.raises(SendFailed, match="topUp cannot be called with these values"):
        chain.top_up(2**32, GWEI)


def test_a_lost_answer_to_sending_may_mean_that_it_lands(node: tuple[str, Deployment]) -> None:
    def lost(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        return Http(502) if method == "eth_sendRawTransaction" else answer

    with through(node, lost) as chain:
        before = chain.lane(1)
        with pytest.raises(SendFailed, match="it may land later"):
            chain.top_up(1, GWEI)
        deadline = time.monotonic() + 5
        while chain.lane(1) == before and time.monotonic() < deadline:
            time.sleep(0.02)  # the node mines it when it has answered
        after = chain.lane(1)
        assert before is not None and after is not None and after.stake == before.stake + GWEI


def test_a_transaction_that_the_node_knows_already_is_waited_for(node: tuple[str, Deployment]) -> None:
    def known(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        again = {"error": {"code": -32000, "message": "already known"}}
        return again if method == "eth_sendRawTransaction" else answer

    with through(node, known) as chain:
        assert chain.top_up(1, GWEI).events == (StakeAdded(1, chain.account, GWEI),)


def test_trouble_while_waiting_is_borne(node: tuple[str, Deployment]) -> None:
    troubles: list[Any] = [Http(503), {"error": {"code": -32603, "message": "internal"}}, {"result": None}]

    def busy(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        return troubles.pop() if method == "eth_getTransactionReceipt" and troubles else answer

    with through(node, busy) as chain:
        assert chain.top_up(1, GWEI).events == (StakeAdded(1, chain.account, GWEI),)
    assert not troubles


def test_threads_number_their_transactions_apart(chain: EvmSender) -> None:
    before = chain.lane(1)
    with ThreadPoolExecutor(4) as pool:
        landed = list(pool.map(lambda _: chain.top_up(1, GWEI), range(8)))
    after = chain.lane(1)
    assert before is not None and after is not None and after.stake == before.stake + 8 * GWEI
    assert len({one.tx_hash for one in landed}) == 8


@pytest.mark.parametrize(
    "key", [b"", b"\x00" * 32, b"\xff" * 32, b"\x5a" * 31, b"\x5a" * 33, "0x" + "5a" * 32, None]
)
def test_a_key_that_is_none_is_refused_without_showing_it(node: tuple[str, Deployment], key: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        EvmSender(*node, key)
    assert "5a5a" not in str(caught.value) and "ffff" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_the_key_is_never_shown(chain: EvmSender, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    chain.top_up(1, GWEI)
    with pytest.raises(CallReverted):
        chain.withdraw(chain.account)
    secret = KEYS["poster"].hex()
    shown = [
        caplog.text,
        repr(chain),
        str(chain),
        repr(chain._wallet),
        repr(vars(chain)),
        repr(vars(chain._wallet)),
    ]
    assert not any(secret in text.lower() or KEYS["poster"].decode("latin1") in text for text in shown)
    assert isinstance(chain._wallet, Wallet) and chain.account.hex() in repr(chain)
    assert address_of(OWNER_KEY).hex() == "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"


def test_a_deposit_follows_the_base_fee() -> None:
    """Also where calls see a base fee of zero, as they do on many nodes."""

    def zero(method: str, params: list[Any], answer: dict[str, Any]) -> Any:
        asked = method == "eth_call" and params[0]["data"].startswith("0x" + kind.selector.hex())
        return {"result": "0x" + DEMO.demand_deposit.to_bytes(32).hex()} if asked else answer

    kind = interface("Settlement").functions["depositFor"]
    batch = batch_id(1, 0)
    with deployed_anvil() as own, through(own, zero) as chain:
        chain.open_lane(chain.account, chain.account, 0, ETHER)
        now = chain.head().timestamp
        chain.post(1, 0, 1, now, now, [b"\x01" * 32], "")
        assert chain.deposit_for(batch, 0) == DEMO.demand_deposit
        rpc(own[0], "anvil_setNextBlockBaseFeePerGas", hex(100 * GWEI))
        rpc(own[0], "evm_mine")
        rpc(own[0], "anvil_setNextBlockBaseFeePerGas", hex(100 * GWEI))
        needed = chain.deposit_for(batch, 0)
        assert needed == 100 * GWEI * 180_000
        with pytest.raises(CallReverted, match="InsufficientDeposit"):
            chain.demand_tile(batch, 0, b"\x01" * 32, [], needed - 1)
        chain.demand_tile(batch, 0, b"\x01" * 32, [], needed)


# --- EvmDeployer -------------------------------------------------------------------------------


def test_a_timelock_owns_both_contracts(node: tuple[str, Deployment], tmp_path: Path) -> None:
    url, _ = node
    with restored(url):
        deployer = EvmDeployer(url, OWNER_KEY, options=IMPATIENT)
        out = tmp_path / "a.json"
        done = deploy(replace(PARAMETERS, timelock_delay=600), deployer, out, lambda _: None)
        timelock = json.loads(out.read_text())["contracts"]["Timelock"]["address"]
        for contract, name in ((done.settlement, "Settlement"), (done.registry, "AttestationRegistry")):
            assert _read(url, contract, name, "owner") == bytes.fromhex(timelock[2:])
        assert _read(url, bytes.fromhex(timelock[2:]), "Timelock", "getMinDelay") == 600
        with pytest.raises(CallReverted, match="OwnableUnauthorizedAccount"):
            EvmSender(url, done, OWNER_KEY, options=IMPATIENT).endorse(bytes(12) + b"\x01" * 20, b"\x01" * 20)


def test_a_contract_that_refuses_its_arguments_names_its_error(node: tuple[str, Deployment]) -> None:
    deployer = EvmDeployer(node[0], OWNER_KEY, options=IMPATIENT)
    terms = astuple(replace(DEMO_REGISTRY, bond=0))
    step = Step("AttestationRegistry", (deployer.account, terms, ()))
    libraries = dict.fromkeys(artifact(step.name).links, bytes(20))
    with pytest.raises(CallReverted, match=r"BadRegistryTerms\(.?bond.?, .?is above zero.?\)"):
        deployer.deploy(step.name, creation_code(step, libraries))


# --- helpers -----------------------------------------------------------------------------------


def _log_edit(spoil: Callable[[dict[str, Any]], Any]) -> Edit:
    def edit(method: str, _: list[Any], answer: dict[str, Any]) -> Any:
        if method == "eth_getLogs":
            for log in answer["result"]:
                spoil(log)
        return answer

    return edit


def _read(url: str, contract: bytes, name: str, function: str) -> Any:
    """What a view of a contract without arguments answers."""
    kind = interface(name).functions[function]
    answer = rpc(url, "eth_call", {"to": "0x" + contract.hex(), "data": "0x" + kind.encode().hex()}, "latest")
    return kind.decode(bytes.fromhex(answer[2:]))[0]
