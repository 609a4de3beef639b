"""Operators at their command lines, each with a key, on a node whose time can be moved."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from afterproof.chain.deploy import deploy
from afterproof.chain.evm_deployer import EvmDeployer
from afterproof.chain.parameters import Parameters
from afterproof.chain.wallet import address_of
from tests.support.chains import FUNDED, IMPATIENT, KEYS, OWNER_KEY, WEALTH, rpc
from tests.support.cli import Ran, run

SETTINGS = """\
[chain]
rpc = "{url}"
deployment = "deployment.json"
[verifier]
allow_private_data = true
"""


@dataclass(frozen=True)
class Operators:
    """A deployment on a node, settings and files in ``folder``, and the roles of ``tests.support.chains``."""

    url: str
    folder: Path

    def __call__(self, role: str | None, *arguments: str) -> Ran:
        """Run a command with a role's key, or none; its output must be free of any key."""
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AFTERPROOF_PRIVATE_KEY", raising=False)
            if role is not None:
                patch.setenv("AFTERPROOF_PRIVATE_KEY", "0x" + KEYS[role].hex())
            ran = run("--config", str(self.folder / "settings.toml"), *arguments)
        assert not any(key.hex() in ran.out + ran.err for key in KEYS.values())
        return ran

    def did(self, role: str | None, *arguments: str) -> Any:
        """What a command that must succeed answers to programs."""
        ran = self(role, *arguments, "--json")
        assert (ran.status, ran.err) == (0, ""), ran
        return ran.json

    def refused(self, role: str | None, *arguments: str) -> str:
        """The sentence with which a command must end that changes nothing."""
        before = rpc(self.url, "eth_blockNumber")
        ran = self(role, *arguments)
        assert (ran.status, ran.out) == (1, ""), ran
        assert ran.err.startswith("error: ") and ran.err.count("\n") == 1
        assert rpc(self.url, "eth_blockNumber") == before
        return ran.err

    def file(self, name: str, content: Any) -> str:
        """A file with this text, or this JSON."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    @property
    def now(self) -> int:
        """The newest block's time."""
        return int(rpc(self.url, "eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def wait(self, until: int) -> None:
        """Lets the chain's time pass until ``until``, in one block."""
        rpc(self.url, "evm_increaseTime", max(until - self.now, 1))
        rpc(self.url, "evm_mine")

    def balance(self, role: str) -> int:
        """What a role's account holds."""
        return int(rpc(self.url, "eth_getBalance", hex_of(role), "latest"), 16)


def hex_of(role: str) -> str:
    """A role's address."""
    return "0x" + address_of(KEYS[role]).hex()


def operators(url: str, folder: Path, parameters: Parameters) -> Operators:
    """Contracts deployed by the owner, every role but the poor one funded, and a settings file."""
    deployer = EvmDeployer(url, OWNER_KEY, options=IMPATIENT)
    deploy(parameters, deployer, folder / "deployment.json", lambda _: None)
    for role in FUNDED:
        rpc(url, "anvil_setBalance", hex_of(role), hex(WEALTH))
    made = Operators(url, folder)
    settings = SETTINGS.format(url=url).replace("deployment.json", str(folder / "deployment.json"))
    made.file("settings.toml", settings)
    return made
