"""OpenGradient's clients: how they ask `TEERegistry`, and a chain on which they find a node of ours.

The queries and the struct are those of their Python SDK 1.1.4 and of their TypeScript SDK, whose struct ends one field
sooner. Both call through a library that decodes by such a description: web3 and viem.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any, Final

from eth_utils import to_canonical_address
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.types import RPCEndpoint, Timestamp

from tests.support.anvil import anvil
from tests.support.compiled import artifact, linked
from tests.support.liveness import REGISTRY_TERMS, HeartbeatTerms, listing
from tests.support.scene import rsa_signer

_OHTTP: Final = (
    "keyId:uint8 kemId:uint16 kdfId:uint16 aeadId:uint16 publicKey:bytes keyConfig:bytes registeredAt:uint256"
)
_INFO: Final = (
    "owner:address paymentAddress:address endpoint:string publicKey:bytes tlsCertificate:bytes pcrHash:bytes32"
    " teeType:uint8 enabled:bool registeredAt:uint256 lastHeartbeatAt:uint256"
)


def _fields(described: str) -> list[dict[str, Any]]:
    return [dict(zip(("name", "type"), field.split(":"), strict=True)) for field in described.split()]


def _function(name: str, argument: str, output: dict[str, Any]) -> dict[str, Any]:
    inputs = _fields(argument)
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": inputs,
        "outputs": [output],
    }


def client_abi(*, with_ohttp: bool) -> list[dict[str, Any]]:
    """What their clients go by: with the OHTTP configuration in the struct (Python) or without it (TypeScript)."""
    ohttp = [{"name": "ohttpConfig", "type": "tuple", "components": _fields(_OHTTP)}] if with_ohttp else []
    info = _fields(_INFO) + ohttp
    names = {"name": "", "type": "bytes32[]"}
    yes = {"name": "", "type": "bool"}
    return [
        _function("getActiveTEEs", "teeType:uint8", {"name": "", "type": "tuple[]", "components": info}),
        _function("getEnabledTEEs", "teeType:uint8", names),
        _function("getTEEsByType", "teeType:uint8", names),
        _function("getTEE", "teeId:bytes32", {"name": "", "type": "tuple", "components": info}),
        _function("isTEEActive", "teeId:bytes32", yes),
        _function("isTEEEnabled", "teeId:bytes32", yes),
        _function("getTEEPublicKey", "teeId:bytes32", {"name": "", "type": "bytes"}),
    ]


@dataclass(frozen=True)
class Discoverable:
    """A chain with one RSA node that is registered, listed and reported, and the view over it."""

    web3: Web3
    url: str
    view: str
    node: bytes
    entry: tuple[Any, ...]

    def ask(self, *, with_ohttp: bool) -> Contract:
        """The view as their client sees it."""
        return self.web3.eth.contract(
            Web3.to_checksum_address(self.view), abi=client_abi(with_ohttp=with_ohttp)
        )


@contextmanager
def discoverable(certificate: bytes, ohttp: bytes) -> Iterator[Discoverable]:
    """Starts anvil with all of it; account 0 owns, operates and reports."""
    with anvil(timestamp=1_700_000_100) as node:
        web3 = Web3(HTTPProvider(node.url))
        me = web3.eth.accounts[0]
        registry = _deploy(web3, "AttestationRegistry", me, REGISTRY_TERMS, ())
        heartbeats = _deploy(web3, "Heartbeats", registry.address, astuple(HeartbeatTerms()))
        directory = _deploy(web3, "Directory", registry.address)
        view = _deploy(web3, "OpenGradientView", directory.address, heartbeats.address, 1_800)
        signer = rsa_signer()
        entry = listing(signer, 0, reporter=me, certificate=certificate, ohttp=ohttp)
        _send(web3, registry.functions.endorse(signer.public_key, me))
        for method, parameters in (("evm_increaseTime", [2]), ("evm_mine", [])):
            web3.provider.make_request(RPCEndpoint(method), parameters)
        _send(web3, directory.functions.list(entry))
        _send(web3, heartbeats.functions.join(), HeartbeatTerms().bond)
        now: Timestamp = web3.eth.get_block("latest")["timestamp"]
        _send(web3, heartbeats.functions.report(now // HeartbeatTerms().round_length, 0, [1]))
        yield Discoverable(web3, node.url, view.address, signer.node, entry)


def _deploy(web3: Web3, name: str, *arguments: Any) -> Contract:
    compiled = artifact(name)
    code = linked(compiled, lambda library: to_canonical_address(_deploy(web3, library).address))
    built = web3.eth.contract(abi=compiled["abi"], bytecode=code)
    receipt = _send(web3, built.constructor(*arguments))
    return web3.eth.contract(receipt["contractAddress"], abi=compiled["abi"])


def _send(web3: Web3, call: Any, value: int = 0) -> Any:
    hashed = call.transact({"from": web3.eth.accounts[0], "value": value})
    receipt = web3.eth.wait_for_transaction_receipt(hashed)
    assert receipt["status"] == 1
    return receipt
