"""The devnet: the demo's stack without the cheat, left running."""

import time
from collections.abc import Callable
from pathlib import Path

from ..protocol.receipt import hex0x
from .accounts import OWNER, USER, VERIFIER, DevelopmentKey
from .layout import HONEST, Pair, url
from .processes import Processes
from .run import workplace
from .stack import Stack

Say = Callable[[str], None]


def run_devnet(folder: Path | None, say: Say) -> None:
    """Run it until a signal ends it; raises :class:`ProcessDied` when one of its processes ends by itself."""
    with workplace(folder) as place, Processes(place) as processes:
        stack = Stack(place, HONEST, processes, say)
        stack.start()
        say(described(stack, folder is not None))
        while True:
            processes.check()
            time.sleep(0.5)


def described(stack: Stack, kept: bool) -> str:
    """Everything that one needs to know to develop against it."""
    deployment = stack.deployment
    gateway = stack.gateways[0].url
    lines = [
        "",
        f"chain       {stack.anvil.url} (id {deployment.chain_id}, a block a second)",
        f"Settlement  0x{deployment.settlement.hex()}",
        f"Registry    0x{deployment.registry.hex()}",
    ]
    for pair, endpoint in zip(stack.pairs, stack.gateways, strict=True):
        lines.append(f"{pair.gateway}   {endpoint.url}, node {hex0x(endpoint.node)}, signs {pair.scheme}")
    for pair in stack.pairs:
        lines.append(
            f"{pair.relayer}   {url(stack.ports.relayers[pair.number - 1])}, lane {stack.lanes[pair.number]}"
        )
    lines += [
        f"settings    {stack.folder / 'afterproof.toml'}",
        f"state       {stack.folder}{'' if kept else ', gone when this ends: --dir keeps it'}",
        "",
        "DEVELOPMENT KEYS, known to everybody: never send these accounts anything of value.",
        *(_key(key) for key in (OWNER, VERIFIER, USER, *map(_account, stack.pairs))),
        "",
        "Try, in another terminal:",
        f"  curl -si {gateway}/v2/models/digits/infer -d "
        f"""'{{"inputs":[{{"name":"image","shape":[1,64],"datatype":"UINT8","data":[{",".join(["0"] * 64)}]}}]}}'""",
        f"  afterproof --config {stack.folder / 'afterproof.toml'} lane show",
        "",
        "Ctrl-C ends it.",
    ]
    return "\n".join(lines)


def _account(pair: Pair) -> DevelopmentKey:
    return pair.account


def _key(key: DevelopmentKey) -> str:
    return f"{key.role:<10}  0x{key.address.hex()}  private key {hex0x(key.private)}"
