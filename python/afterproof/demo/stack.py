"""The whole line as processes on a real chain: contracts deployed, nodes endorsed, lanes open, everybody running."""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import httpx

from ..chain.base import ChainSender, Deployment
from ..chain.deploy import deploy
from ..chain.evm import EvmReader
from ..chain.evm_deployer import EvmDeployer
from ..chain.parameters import Kind, Parameters
from ..chain.parameters_heartbeats import DEMO_HEARTBEATS
from ..chain.sender import EvmSender
from ..chain.wallet import SendOptions
from ..errors import AfterproofError
from ..protocol.receipt import Domain, Scheme, hex0x
from ..protocol.registry_terms import DEMO_REGISTRY
from ..protocol.signing import node_of
from ..protocol.terms import DEMO, ETHER
from .accounts import FUNDS, OWNER, USER, VERIFIER, DevelopmentKey
from .anvil import Anvil
from .keys import node_key
from .layout import Pair, Ports, gateway_settings, relayer_settings, url, user_settings, verifier_settings
from .processes import Processes
from .traffic import Endpoint

log = logging.getLogger(__name__)

STAKE: Final = ETHER // 2
"""What each relayer puts on its lane: it covers 2,000 receipts, those that it may promise included."""

AHEAD: Final = 512
"""Receipts that each relayer may promise before it has posted them."""

START: Final = 30.0
"""Seconds that a process has until it answers."""

Say = Callable[[str], None]


class Stack:
    """A chain in ``folder`` and everybody on it. What was begun there before goes on."""

    def __init__(self, folder: Path, pairs: Sequence[Pair], processes: Processes, say: Say) -> None:
        self.folder, self.pairs, self.processes, self._say = folder, pairs, processes, say
        self.ports = Ports.of(folder, len(pairs))
        say("starting anvil, a real Ethereum node for development")
        self.anvil = Anvil(processes, self.ports.chain, folder / "chain.json")
        self.deployment = self._deploy()
        self.reader = EvmReader(self.anvil.url, self.deployment)
        self.domain = Domain(self.deployment.chain_id, self.deployment.registry)
        self.gateways = [self._endorse(pair) for pair in pairs]
        self.lanes = {pair.number: self._open_lane(pair) for pair in pairs}
        # Up to here each transaction got its block at once; from here on the chain has its own pace.
        self.anvil.tick()

    def start(self) -> None:
        """Start verifier, relayers and gateways, and wait until they answer."""
        self._say(f"starting {len(self.pairs)} gateways, {len(self.pairs)} relayers and a verifier")
        self._run("verifier", verifier_settings(self.ports), VERIFIER)
        for pair in self.pairs:
            settings = relayer_settings(pair, self.ports, self.lanes[pair.number])
            if pair.cheats:
                self._start(pair.relayer, settings, pair.account, ["-m", "afterproof.demo.cheat"])
            else:
                self._run("relayer", settings, pair.account, pair.relayer)
        for pair in self.pairs:
            self._run("gateway", gateway_settings(pair, self.ports), None, pair.gateway)
        for port in self.ports.relayers:
            self._wait(f"{url(port)}/ready")
        for port in self.ports.gateways:
            self._wait(f"{url(port)}/v2/health/ready")

    def _deploy(self) -> Deployment:
        out = self.folder / "deployment.json"
        verb = "found" if out.exists() else "deployed"
        for key in (OWNER, VERIFIER, USER, *(pair.account for pair in self.pairs)):
            if not out.exists():
                self.anvil.fund(key.address, FUNDS)
        deployer = EvmDeployer(self.anvil.url, OWNER.private, options=_IMPATIENT)
        parameters = Parameters(Kind.DEVELOPMENT, None, None, 0, DEMO, DEMO_REGISTRY, DEMO_HEARTBEATS)
        deployment = deploy(parameters, deployer, out, say=log.info)
        self._say(f"{verb} Settlement at {hex0x(deployment.settlement)}")
        self._say(f"{verb} AttestationRegistry at {hex0x(deployment.registry)}")
        (self.folder / "afterproof.toml").write_text(user_settings(self.ports))
        return deployment

    def _endorse(self, pair: Pair) -> Endpoint:
        """Make a pair's node known to the registry."""
        public_key = node_key(pair, self.folder)
        node = node_of(public_key)
        if self.reader.node(node) is None:
            self._sender(OWNER).endorse(public_key, pair.account.address)
            self._say(f"the registry's owner endorsed {pair.gateway}, which signs with {_named(pair.scheme)}")
        return Endpoint(pair.gateway, url(self.ports.gateways[pair.number - 1]), node)

    def _open_lane(self, pair: Pair) -> int:
        """The lane of a pair's relayer, opened if it has none yet."""
        account = pair.account.address
        for number in range(1, self.reader.lane_count() + 1):
            state = self.reader.lane(number)
            if state is not None and state.owner == account:
                return number
        number, _ = self._sender(pair.account).open_lane(account, account, AHEAD, STAKE)
        self._say(f"{pair.relayer} opened lane {number} with {STAKE / ETHER:g} ether at stake")
        return number

    def _sender(self, key: DevelopmentKey) -> ChainSender:
        return EvmSender(self.anvil.url, self.deployment, key.private, options=_IMPATIENT)

    def _run(self, role: str, settings: str, account: DevelopmentKey | None, name: str = "") -> None:
        self._start(name or role, settings, account, ["-m", "afterproof.cli", role])

    def _start(self, name: str, settings: str, account: DevelopmentKey | None, program: list[str]) -> None:
        """Start ``python program --config name.toml`` with the account's key in its environment."""
        file = self.folder / f"{name}.toml"
        file.write_text(settings)
        environment = account.environment if account is not None else {}
        self.processes.start(name, [sys.executable, *program, "--config", str(file)], environment)

    def _wait(self, address: str) -> None:
        """Until ``address`` answers 200."""
        deadline = time.monotonic() + START
        while True:
            self.processes.check()
            try:
                if httpx.get(address, timeout=2.0).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            if time.monotonic() > deadline:
                raise AfterproofError(f"{address} was not ready within {START:g} seconds")
            time.sleep(0.05)


_IMPATIENT: Final = SendOptions(poll=0.02)


def _named(scheme: Scheme) -> str:
    return {
        Scheme.SECP256K1: "secp256k1 (EIP-712)",
        Scheme.OPENGRADIENT_RSA_PSS: "RSA-PSS, as OpenGradient's do",
        Scheme.P256: "P-256 (EIP-712)",
    }[scheme]
