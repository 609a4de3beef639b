"""The chain and everybody on it: relayers and verifiers as processes, each behind a node of its own that may fail.

Windows are so long that time passes by jumps alone, however slow the machine: what must be done within one is waited
for, never timed.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx

from afterproof.chain.parameters import Kind, Parameters
from afterproof.chain.parameters_heartbeats import DEMO_HEARTBEATS
from afterproof.chain.sender import EvmSender
from afterproof.demo.accounts import DevelopmentKey
from afterproof.demo.processes import free_port
from afterproof.protocol.attestations import Binding
from afterproof.protocol.registry_terms import DEMO_REGISTRY
from afterproof.protocol.terms import DEMO
from afterproof.settings import PostgresUrl
from tests.chaos.attesters import AUTHORITY, Attesters
from tests.chaos.cheats import HOLDERS, PATIENT, Lane
from tests.chaos.plan import CHEAT, LANES, PROCESSES, RELAYERS, VERIFIERS
from tests.chaos.trouble import Nodes, Time
from tests.support.blob_server import Blobs, blob_server
from tests.support.chains import OWNER_KEY
from tests.support.databases import place
from tests.support.ground import Ground, ground
from tests.support.lives import Mortal, Nursery, Relayer, nursery
from tests.support.nitro_authority import PCRS
from tests.support.nitro_world import measurement_of
from tests.support.rpc_proxy import RpcProxy, rpc_proxy

TERMS: Final = replace(
    DEMO, window=7200, max_outage=60, answer_period=1800, claim_window=7200, max_posting_delay=1800,
    max_promise_delay=300, margin=20,
)  # fmt: skip
REGISTRY: Final = replace(DEMO_REGISTRY.beside(TERMS), window=900, proof_period=1800, max_document_age=1800)
PARAMETERS: Final = Parameters(
    Kind.DEVELOPMENT, None, None, 0, TERMS, REGISTRY, DEMO_HEARTBEATS, AUTHORITY.root_hash
)
KEYS: Final = {who: DevelopmentKey(who) for who in PROCESSES}
VERIFIER: Final = """
[chain]
rpc = "{rpc}"
deployment = "{deployment}"
timeout = 2.0
[verifier]
port = {port}
store = "{store}"
archive = "{folder}/archive"
poll = 0.2
allow_private_data = true
data_timeout = 2.0
demand_after = 3
demand_budget = "100ether"
probe = "{probe}"
withheld_after = 3
watch_rate = 1000.0
"""


def address(path: Path) -> str:
    """A store as settings have it: the file, or its place on a server where the test has its stores there."""
    found = place(path)
    return found.secret if isinstance(found, PostgresUrl) else str(found)


class Verifier(Mortal):
    """A verifier that takes promises to watch."""

    def __init__(self, on: Ground, born: Nursery, folder: Path, who: str, rpc: str, probe: str) -> None:
        super().__init__(born, folder, "verifier", KEYS[who].private, who)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        store = address(folder / "verifier.sqlite3")
        settings = VERIFIER.format(
            rpc=rpc, deployment=on.file, folder=folder, store=store, port=port, probe=probe
        )
        (folder / "verifier.toml").write_text(settings)

    def takes(self, promise: dict[str, Any]) -> bool:
        """Hand a promise in; whether it was taken. A refusal for good is none that it may give here."""
        try:
            response = httpx.post(f"{self.url}/v1/watch", json=promise, timeout=3, trust_env=False)
        except (httpx.HTTPError, OSError):
            return False
        assert response.status_code in (200, 201, 429, 503), (response.status_code, response.text)
        return response.status_code < 300


@dataclass(frozen=True)
class Stage:
    """Everybody. ``relayers`` are the honest ones by name; ``people`` everyone that dies and is started again."""

    on: Ground
    blobs: Blobs
    nodes: Nodes
    time: Time
    relayers: dict[str, Relayer]
    cheat: Relayer
    verifiers: dict[str, Verifier]
    lanes: list[Lane]
    silent: Lane
    attesters: Attesters
    griefer: EvmSender

    @property
    def people(self) -> dict[str, Mortal]:
        """The processes by name."""
        return {**self.relayers, CHEAT: self.cheat, **self.verifiers}

    @property
    def honest_lanes(self) -> set[int]:
        """The lanes of which nobody may lose a wei."""
        return {relayer.lane for relayer in self.relayers.values()}

    def again(self) -> int:
        """Everything that is planted and that the chain has lost is posted again; how much that was."""
        return sum(lane.again() for lane in self.lanes) + self.attesters.again()


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Everybody on a fresh chain, at work; what was begun ends with it."""
    with ExitStack() as stack:
        on = stack.enter_context(ground(folder / "ground", parameters=PARAMETERS, hardfork="osaka"))
        born = stack.enter_context(nursery())
        blobs = stack.enter_context(blob_server())
        blobs.kept["alive"] = b"here"
        proxies = {who: stack.enter_context(rpc_proxy(on.url)) for who in PROCESSES}
        made = _people(on, born, blobs, folder, proxies)
        for mortal in made.people.values():
            stack.enter_context(mortal)
        for mortal in made.people.values():
            mortal.start()
        for relayer in (*made.relayers.values(), made.cheat):
            relayer.wait_ready()
        for verifier in made.verifiers.values():
            verifier.wait(lambda verifier=verifier: "verifier ready" in verifier.said, "a verifier")  # type: ignore[misc]
        made.time.settle()
        yield made


def _people(on: Ground, born: Nursery, blobs: Blobs, folder: Path, proxies: dict[str, RpcProxy]) -> Stage:
    griefer = DevelopmentKey("griefer")
    on.fund(griefer.address, *(key.address for key in (*KEYS.values(), *HOLDERS)))
    owner = EvmSender(on.url, on.deployment, OWNER_KEY, options=PATIENT)
    owner.allow_measurement(measurement_of(PCRS), Binding.KEY, "1", "git:1")

    def relayer(who: str, role: str = "relayer") -> Relayer:
        key, url = KEYS[who].private, proxies[who].url
        store = place(folder / who / "relayer.sqlite3")
        return Relayer(on, born, folder / who, store, url, ahead=1024, max_age=1.0, key=key, role=role)

    def verifier(who: str) -> Verifier:
        return Verifier(on, born, folder / who, who, proxies[who].url, f"{blobs.url}/alive")

    lanes = [Lane(on, blobs, DevelopmentKey(f"cheat {n}"), first=(n + 1) * 10**9) for n in range(LANES + 1)]
    return Stage(
        on, blobs, Nodes(proxies), Time(on),
        {who: relayer(who) for who in RELAYERS}, relayer(CHEAT, "cheat"), {who: verifier(who) for who in VERIFIERS},
        lanes[:LANES], lanes[LANES],
        Attesters(on, blobs, DevelopmentKey("operator"), DevelopmentKey("cheating operator")),
        EvmSender(on.url, on.deployment, griefer.private, options=PATIENT),
    )  # fmt: skip
