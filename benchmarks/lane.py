"""A lane on a real chain, for what is measured on a relayer: anvil, the contracts by production's terms, a node."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from afterproof.chain.base import Deployment
from afterproof.chain.deploy import deploy
from afterproof.chain.evm_deployer import EvmDeployer
from afterproof.chain.parameters import Kind, Parameters
from afterproof.chain.parameters_heartbeats import PRODUCTION_HEARTBEATS
from afterproof.chain.sender import EvmSender
from afterproof.chain.wallet import SendOptions, address_of
from afterproof.demo.anvil import Anvil
from afterproof.demo.processes import Processes
from afterproof.protocol.receipt import ZERO, Domain, Receipt, SignedReceipt, keccak
from afterproof.protocol.registry_terms import PRODUCTION_REGISTRY
from afterproof.protocol.signing import Secp256k1Signer
from afterproof.protocol.terms import ETHER, PRODUCTION

_OWNER: Final = keccak(b"benchmark owner")
KEY: Final = keccak(b"benchmark relayer")
"""The relayer's account and promise key."""

PARAMETERS: Final = Parameters(
    Kind.DEVELOPMENT, None, None, 0, PRODUCTION, PRODUCTION_REGISTRY, PRODUCTION_HEARTBEATS
)
_IMPATIENT: Final = SendOptions(poll=0.02)


@dataclass(frozen=True)
class Lane:
    """Lane ``number`` with its relayer's account, a live node, and a folder that goes when this does."""

    folder: Path
    processes: Processes
    anvil: Anvil
    deployment: Deployment
    relayer: EvmSender
    number: int
    node: Secp256k1Signer

    def receipts(self, numbers: Sequence[int]) -> list[SignedReceipt]:
        """Honest receipts, issued now; ``numbers`` tell them apart."""
        now, domain = int(time.time()), Domain(self.deployment.chain_id, self.deployment.registry)
        return [self.node.sign(_receipt(self.node.node, number, now), domain) for number in numbers]

    @property
    def rpc(self) -> str:
        """The node's address."""
        return self.anvil.url

    @property
    def posted(self) -> int:
        """How many receipts are on the chain."""
        state = self.relayer.lane(self.number)
        assert state is not None
        return state.next_seq


@contextmanager
def a_lane(ahead: int) -> Iterator[Lane]:
    """A lane that may promise ``ahead`` receipts, with stake enough for a million and those."""
    with tempfile.TemporaryDirectory(prefix="afterproof-bench-") as name, Processes(Path(name)) as processes:
        folder = Path(name)
        anvil = Anvil(processes)
        for key in (_OWNER, KEY):
            anvil.fund(address_of(key), 10_000 * ETHER)
        deployer = EvmDeployer(anvil.url, _OWNER, options=_IMPATIENT)
        deployment = deploy(PARAMETERS, deployer, folder / "deployment.json", lambda _: None)
        node = Secp256k1Signer(keccak(b"benchmark node"))
        EvmSender(anvil.url, deployment, _OWNER, options=_IMPATIENT).endorse(
            node.public_key, address_of(_OWNER)
        )
        relayer = EvmSender(anvil.url, deployment, KEY, options=_IMPATIENT)
        stake = (1_000_000 + ahead) * PRODUCTION.cover + PRODUCTION.min_stake
        number, _ = relayer.open_lane(address_of(KEY), address_of(KEY), ahead, stake)
        # A node is live from the second after its endorsement, and a young chain's clock may be ahead of ours.
        while time.time() <= relayer.head().timestamp + 1:
            time.sleep(0.05)
        yield Lane(folder, processes, anvil, deployment, relayer, number, node)


def _receipt(node: bytes, number: int, now: int) -> Receipt:
    request, response = keccak(b"request %d" % number), keccak(b"response %d" % number)
    return Receipt(node, ZERO, request, response, ZERO, now)
