"""The ground on which relayers run as processes: a real node with the contracts, nodes that sign, and lanes.

Times are those of a chain in a hurry: four blocks a second, windows of six seconds. A promise leaves a minute, so that
a process may die and come back, or its node be silent for a while, without one being missed.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from afterproof.chain.base import Deployment, Posted
from afterproof.chain.deploy import deploy
from afterproof.chain.evm import EvmReader
from afterproof.chain.evm_deployer import EvmDeployer
from afterproof.chain.parameters import Kind, Parameters
from afterproof.chain.parameters_heartbeats import DEMO_HEARTBEATS
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import address_of
from afterproof.protocol.header import lane_of
from afterproof.protocol.receipt import Domain
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.terms import DEMO, Terms
from tests.support.anvil import anvil
from tests.support.chains import FUNDED, IMPATIENT, KEYS, OWNER_KEY, WEALTH, rpc
from tests.support.scene import Signer, secp_signer
from tests.support.tee_gateway import TeeGateway

BLOCK_TIME: Final = 0.25
TERMS: Final = replace(
    DEMO, window=6, max_outage=2, answer_period=3, claim_window=6, max_posting_delay=1800,
    max_promise_delay=60, margin=10,
)  # fmt: skip
RELAYER: Final = address_of(KEYS["relayer"])


@dataclass(frozen=True)
class Ground:
    """A node at ``url`` with the contracts of the deployment file ``file``, and who signs receipts on it."""

    url: str
    folder: Path
    deployment: Deployment
    reader: EvmReader
    node: Signer
    gateway: TeeGateway
    clock: "Blocks"
    terms: Terms

    @property
    def file(self) -> Path:
        """The deployment's address file."""
        return self.folder / "deployment.json"

    @property
    def domain(self) -> Domain:
        """The domain of receipts."""
        return Domain(self.deployment.chain_id, self.deployment.registry)

    @property
    def promise_domain(self) -> Domain:
        """The domain of promises."""
        return Domain(self.deployment.chain_id, self.deployment.settlement)

    def open_lane(self, ahead: int = 512, key: bytes = KEYS["relayer"]) -> int:
        """A new lane of that key's account, which also signs its promises."""
        sender = EvmSender(self.url, self.deployment, key, options=IMPATIENT)
        stake = self.terms.min_stake + self.terms.cover * 10 * ahead
        return sender.open_lane(sender.account, sender.account, ahead, stake)[0]

    def fund(self, *accounts: bytes) -> None:
        """Give accounts more coin than they can spend."""
        for account in accounts:
            rpc(self.url, "anvil_setBalance", "0x" + account.hex(), hex(WEALTH))

    def end(self, lane: int) -> int:
        """The number behind the last one posted on a lane."""
        state = self.reader.lane(lane)
        assert state is not None
        return state.next_seq

    def posted(self, lane: int, first: int = 0) -> list[Posted]:
        """The batches on a lane, from block ``first`` on, in the order of their posts."""
        logs = self.reader.events(max(first, self.deployment.block), self.reader.head().number)
        return [
            one.event for one in logs if isinstance(one.event, Posted) and lane_of(one.event.batch) == lane
        ]


class Blocks(threading.Thread):
    """A block every ``pace`` seconds, which may be changed; none while it is held."""

    def __init__(self, url: str, pace: float) -> None:
        super().__init__(name="blocks")
        self._url, self.pace, self._over = url, pace, threading.Event()
        self.lock = threading.Lock()
        """Held: no blocks come."""

    def run(self) -> None:
        while not self._over.wait(self.pace):
            with self.lock:
                rpc(self._url, "evm_mine")

    def end(self) -> None:
        """No more of them."""
        self._over.set()
        self.join()


PARAMETERS: Final = Parameters(Kind.DEVELOPMENT, None, None, 0, TERMS, DEMO_REGISTRY, DEMO_HEARTBEATS)


@contextmanager
def ground(
    folder: Path, pace: float = BLOCK_TIME, parameters: Parameters = PARAMETERS, hardfork: str = "prague"
) -> Iterator[Ground]:
    """A running node, contracts deployed, a node of each of two schemes endorsed; a block every ``pace`` seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    with anvil(hardfork=hardfork) as chain:
        deployer = EvmDeployer(chain.url, OWNER_KEY, options=IMPATIENT)
        deployment = deploy(parameters, deployer, folder / "deployment.json", lambda _: None)
        for role in FUNDED:
            rpc(chain.url, "anvil_setBalance", "0x" + address_of(KEYS[role]).hex(), hex(WEALTH))
        node, gateway = secp_signer(0), TeeGateway()
        owner = EvmSender(chain.url, deployment, OWNER_KEY, options=IMPATIENT)
        for key in (node.public_key, gateway.public_key):
            owner.endorse(key, RELAYER)
        endorsed_at = int(rpc(chain.url, "eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        while time.time() < endorsed_at + 1:  # a node is live from the next second on
            time.sleep(0.05)
        rpc(chain.url, "evm_setAutomine", False)
        blocks = Blocks(chain.url, pace)
        blocks.start()
        try:
            reader = EvmReader(chain.url, deployment)
            yield Ground(chain.url, folder, deployment, reader, node, gateway, blocks, parameters.terms)
        finally:
            blocks.end()
