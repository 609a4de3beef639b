"""One stage for what must hold on every chain: the in-memory one, and a real node.

stage.owner.endorse(...)        # each a ChainSender: owner, relayer, poster, prover, poor
stage.at(stage.now + 12)        # the next transaction lands at that second
stage.until(stage.now + 12)     # the newest block has that time
"""

import json
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from afterproof.chain.base import ChainSender, Deployment
from afterproof.chain.deploy import deploy
from afterproof.chain.evm_deployer import EvmDeployer
from afterproof.chain.memory import MemoryChain
from afterproof.chain.parameters import Kind, Parameters
from afterproof.chain.parameters_heartbeats import DEMO_HEARTBEATS
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import SendOptions, address_of
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.terms import DEMO, ETHER
from tests.support.anvil import FIRST_KEY, anvil
from tests.support.compiled import artifact
from tests.support.evidence import verify_document

OWNER_KEY = bytes.fromhex(FIRST_KEY[2:])
KEYS = {
    "owner": OWNER_KEY,
    **{role: sha256(role.encode()).digest() for role in ("relayer", "poster", "prover", "poor")},
}
FUNDED = ("owner", "relayer", "poster", "prover")
WEALTH = 1_000 * ETHER
IMPATIENT = SendOptions(poll=0.02, landing_timeout=5.0)
PARAMETERS = Parameters(Kind.DEVELOPMENT, None, None, 0, DEMO, DEMO_REGISTRY, DEMO_HEARTBEATS)


class Stage(Protocol):
    """A chain with the contracts deployed by the demo's terms, and accounts in their roles."""

    owner: ChainSender
    relayer: ChainSender
    poster: ChainSender
    prover: ChainSender
    poor: ChainSender

    @property
    def now(self) -> int:
        """The newest block's time."""
        ...

    def at(self, timestamp: int) -> None:
        """Makes the next transaction land at ``timestamp``, later than now."""
        ...

    def until(self, timestamp: int) -> None:
        """Lets time pass until the newest block has ``timestamp``, later than now."""
        ...

    def place_evidence(self) -> bytes:
        """The address of a contract that judges the documents of :mod:`tests.support.evidence`."""
        ...


class MemoryStage:
    """The stage on a MemoryChain."""

    def __init__(self) -> None:
        address = {role: address_of(key) for role, key in KEYS.items()}
        balances = {address[role]: WEALTH for role in FUNDED}
        self.chain = MemoryChain(address["owner"], DEMO, balances=balances)
        for role in KEYS:
            setattr(self, role, self.chain.account_view(address[role]))

    @property
    def now(self) -> int:
        return self.chain.now

    def at(self, timestamp: int) -> None:
        if timestamp - self.chain.block_time > self.now:
            self.chain.mine(timestamp - self.chain.block_time - self.now)

    def until(self, timestamp: int) -> None:
        self.chain.mine(timestamp - self.now)

    def place_evidence(self) -> bytes:
        return self.chain.verifiers.place(verify_document)


class EvmStage:
    """The stage on a real node, which must be anvil."""

    def __init__(self, url: str, deployment: Deployment) -> None:
        self.url, self.deployment = url, deployment
        for role, key in KEYS.items():
            setattr(self, role, EvmSender(url, deployment, key, options=IMPATIENT))
        self.owner: ChainSender

    @property
    def now(self) -> int:
        return self.owner.head().timestamp

    def at(self, timestamp: int) -> None:
        rpc(self.url, "evm_setNextBlockTimestamp", timestamp)

    def until(self, timestamp: int) -> None:
        self.at(timestamp)
        rpc(self.url, "evm_mine")

    def place_evidence(self) -> bytes:
        code = bytes.fromhex(artifact("EvidenceHarness")["bytecode"][2:])
        deployer = EvmDeployer(self.url, OWNER_KEY, options=IMPATIENT)
        return deployer.deploy("EvidenceHarness", code).address


def rpc(url: str, method: str, *params: Any) -> Any:
    """A raw JSON-RPC call, for what only a development node has."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.loads(response.read())
    assert "error" not in answer, answer
    return answer["result"]


@contextmanager
def deployed_anvil(hardfork: str = "prague") -> Iterator[tuple[str, Deployment]]:
    """A node with the contracts deployed and every role but the poor one funded."""
    with anvil(hardfork=hardfork) as node, tempfile.TemporaryDirectory() as folder:
        deployer = EvmDeployer(node.url, OWNER_KEY, options=IMPATIENT)
        deployment = deploy(PARAMETERS, deployer, Path(folder) / "deployment.json", lambda _: None)
        for role in FUNDED:
            rpc(node.url, "anvil_setBalance", "0x" + address_of(KEYS[role]).hex(), hex(WEALTH))
        yield node.url, deployment


@contextmanager
def restored(url: str) -> Iterator[None]:
    """Puts a node's chain back afterwards to what it was."""
    snapshot = rpc(url, "evm_snapshot")
    try:
        yield
    finally:
        rpc(url, "evm_revert", snapshot)
