"""The development node that end-to-end and parity tests run on.

anvil
  when started: it should answer at its address, under the rules and the clock asked for
  when the block ends, by a failure too: it should be gone
  when it cannot start: it should say why
"""

import time
from typing import Any

import httpx
import pytest

from tests.support.anvil import anvil
from tests.support.evm import Evm


def rpc(url: str, method: str, *params: object) -> Any:
    answer = httpx.post(url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).json()
    return answer["result"]


def test_anvil_options_areItsRules() -> None:
    with anvil(timestamp=1_800_000_000, hardfork="osaka", chain_id=99) as node:
        assert rpc(node.url, "eth_chainId") == hex(99)
        block = rpc(node.url, "eth_getBlockByNumber", "latest", False)
        assert isinstance(block, dict) and int(block["timestamp"], 16) == 1_800_000_000
    assert node.process.poll() is not None


def test_anvil_failureInside_endsIt() -> None:
    with pytest.raises(KeyError), anvil() as node:
        raise KeyError
    assert node.process.poll() is not None


def test_anvil_badOption_saysWhy() -> None:
    with pytest.raises(RuntimeError, match="--no-such-option"), anvil(options=("--no-such-option",)):
        pass


def test_gasUsed_sameMessages_agreesWithAnvil() -> None:
    """The driver's gas is the chain's gas, to the unit."""
    evm = Evm()
    library = evm.deploy("CounterMath")
    counter = evm.deploy("CounterHarness", 5, libraries={"CounterMath": library})
    code = {contract.address: "0x" + evm.code(contract).hex() for contract in (library, counter)}
    sent = counter.interface.function("add(uint256,string)", 2).encode([3, "a note"])
    with anvil(hardfork="prague") as node:
        for address, runtime in code.items():
            rpc(node.url, "anvil_setCode", address, runtime)
        rpc(node.url, "anvil_setStorageAt", counter.address, hex(0), "0x" + (5).to_bytes(32, "big").hex())
        account = rpc(node.url, "eth_accounts")[0]
        call = {"from": account, "to": counter.address, "data": "0x" + sent.hex(), "gas": hex(1_000_000)}
        transaction = rpc(node.url, "eth_sendTransaction", call)
        deadline = time.monotonic() + 20
        while (receipt := rpc(node.url, "eth_getTransactionReceipt", transaction)) is None:
            assert time.monotonic() < deadline, "not mined"
            time.sleep(0.02)
    assert receipt["status"] == "0x1"
    used = counter.send("add(uint256,string)", 3, "a note", sender=evm.accounts[0]).gas_used
    assert int(receipt["gasUsed"], 16) == used
