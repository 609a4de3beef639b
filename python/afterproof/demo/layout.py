"""Who takes part in the demo and the devnet, and their files: a folder that can be looked at, and run again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from ..errors import ConfigError
from ..protocol.receipt import Scheme
from .accounts import DevelopmentKey
from .processes import free_port

MAX_AGE: Final = 3.0
"""Seconds that a receipt waits for its batch, at most."""

PROMISE_MARGIN: Final = 6.0
"""Seconds before a promise is due that its batch is closed: a few blocks."""

POLL: Final = 0.5
"""Seconds between two looks at the chain."""


@dataclass(frozen=True)
class Pair:
    """A gateway and the relayer that it hands its receipts to, on a lane of that relayer's own."""

    number: int
    scheme: Scheme
    cheats: bool = False

    @property
    def gateway(self) -> str:
        """The gateway's name."""
        return f"gateway-{self.number}"

    @property
    def relayer(self) -> str:
        """The relayer's name."""
        return f"relayer-{self.number}"

    @property
    def account(self) -> DevelopmentKey:
        """Who owns the lane and posts on it."""
        return DevelopmentKey(self.relayer)

    @property
    def node(self) -> DevelopmentKey:
        """The node's key, where it is a secp256k1 key."""
        return DevelopmentKey(self.gateway)


HONEST: Final = (Pair(1, Scheme.SECP256K1), Pair(2, Scheme.OPENGRADIENT_RSA_PSS))
"""The devnet's."""

ONE_CHEAT: Final = (Pair(1, Scheme.SECP256K1), Pair(2, Scheme.OPENGRADIENT_RSA_PSS, cheats=True))
"""The demo's: whoever runs the second relayer does not deserve it."""


@dataclass(frozen=True)
class Ports:
    """The loopback ports of a folder's stack: kept, because addresses of data stand in posted batches for ever."""

    chain: int
    gateways: tuple[int, ...]
    relayers: tuple[int, ...]

    @classmethod
    def of(cls, folder: Path, pairs: int) -> Self:
        """Those kept in ``folder``, or free ones, kept from now on."""
        kept = folder / "ports.json"
        if kept.exists():
            try:
                found = json.loads(kept.read_text())
                return cls(found["chain"], tuple(found["gateways"]), tuple(found["relayers"]))
            except (ValueError, KeyError, TypeError):
                raise ConfigError(f"{kept} is damaged: use another folder") from None
        ports: set[int] = set()
        while len(ports) < 2 * pairs + 1:
            ports.add(free_port())
        chain, *others = sorted(ports)
        made = cls(chain, tuple(others[:pairs]), tuple(others[pairs:]))
        kept.write_text(json.dumps(asdict(made)) + "\n")
        return made


def url(port: int) -> str:
    """The address of a loopback port."""
    return f"http://127.0.0.1:{port}"


def relayer_settings(pair: Pair, ports: Ports, lane: int) -> str:
    """The settings file of a pair's relayer."""
    return f"""\
[chain]
rpc = "{url(ports.chain)}"
deployment = "deployment.json"

[relayer]
lane = {lane}
port = {ports.relayers[pair.number - 1]}
store = "{pair.relayer}.sqlite3"
data_dir = "{pair.relayer}-batches"
max_age = {MAX_AGE}
promise_margin = {PROMISE_MARGIN}
poll = {POLL}
"""


def verifier_settings(ports: Ports) -> str:
    """The settings file of the verifier."""
    return f"""\
[chain]
rpc = "{url(ports.chain)}"
deployment = "deployment.json"

[verifier]
store = "verifier.sqlite3"
poll = {POLL}
# The data of this stack's batches is on this machine.
allow_private_data = true
# The report says what it is owed.
withdraw_above = "0"
"""


def gateway_settings(pair: Pair, ports: Ports) -> str:
    """The settings file of a pair's gateway."""
    return f"""\
[chain]
rpc = "{url(ports.chain)}"
deployment = "deployment.json"

[gateway]
port = {ports.gateways[pair.number - 1]}
scheme = "{pair.scheme}"
key_file = "{pair.gateway}.key"
relayer = "{url(ports.relayers[pair.number - 1])}"
spool = "{pair.gateway}-spool"
"""


def user_settings(ports: Ports) -> str:
    """A settings file for whoever looks at the chain from outside: ``afterproof --config`` with it."""
    return f"""\
[chain]
rpc = "{url(ports.chain)}"
deployment = "deployment.json"

[verifier]
# The data of this stack's batches is on this machine.
allow_private_data = true
"""
