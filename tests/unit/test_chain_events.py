"""The contracts' events and their types.

each event of the two contracts
├── it should be typed, but for a change of owner, on a node's chain and in memory alike
├── its type should have its fields in the order of the interface
└── a log that names a binding that does not exist → ChainUnavailable
"""

import re
from dataclasses import fields
from typing import Any

import pytest

from afterproof.chain import memory_state
from afterproof.chain.abi import encode, interface, types_of
from afterproof.chain.artifacts import artifact
from afterproof.chain.base import (
    BondsBurned,
    Burned,
    Deployment,
    MeasurementAllowed,
    RegistryWithdrawn,
    Withdrawn,
)
from afterproof.chain.event_table import EVENTS
from afterproof.chain.events import Decoder
from afterproof.errors import ChainUnavailable
from afterproof.protocol.attestations import Binding

DEPLOYMENT = Deployment(1, b"\x51" * 20, b"\x52" * 20, 1)
UNTYPED = {"OwnershipTransferred", "OwnershipTransferStarted"}
SAMPLES: dict[str, Any] = {"bytes": b"\x01", "string": "s", "bytes32": b"\x01" * 32, "bytes16": b"\x02" * 16}


def events_of(contract: str) -> dict[str, dict[str, Any]]:
    """The ABI entries of a contract's events, by name."""
    return {entry["name"]: entry for entry in artifact(contract).abi if entry["type"] == "event"}


@pytest.mark.parametrize("contract", list(EVENTS))
def test_every_event_is_typed(contract: str) -> None:
    assert set(events_of(contract)) - set(EVENTS[contract]) <= UNTYPED
    assert set(EVENTS[contract]) <= set(events_of(contract))


def test_every_event_of_the_registry_is_known_in_memory() -> None:
    renamed = {"Burned": "BondsBurned", "Withdrawn": "RegistryWithdrawn"}
    known = {renamed.get(name, name) for name in EVENTS["AttestationRegistry"]}
    assert known | set(EVENTS["Settlement"]) == set(memory_state.EVENTS)


@pytest.mark.parametrize("name", list(EVENTS["AttestationRegistry"]))
def test_an_event_of_the_registry_has_its_fields_in_the_order_of_the_interface(name: str) -> None:
    entry = events_of("AttestationRegistry")[name]
    values = {item["name"]: _sample(item) for item in entry["inputs"]}
    event = EVENTS["AttestationRegistry"][name](values)
    wanted = [re.sub(r"(?<!^)([A-Z])", r"_\1", item["name"]).lower() for item in entry["inputs"]]
    assert [field.name for field in fields(event)] == wanted


def _sample(item: dict[str, Any]) -> Any:
    if item["type"] == "tuple":
        return (
            1,
            b"\x01" * 32,
            2,
            3,
            b"\x02" * 32,
            (b"\x03" * 16,) * 4,
            bytes(32),
            b"\x04" * 20,
            b"\x05" * 20,
        )
    return SAMPLES.get(item["type"], b"\x06" * 20 if item["type"] == "address" else 1)


def test_events_of_one_name_are_told_apart_by_their_contract() -> None:
    who = b"\x01" * 20
    topics = [who.rjust(32, b"\0"), who.rjust(32, b"\0")]
    decoder = Decoder(DEPLOYMENT)
    amount = encode(("uint256",), (7,))
    for address, contract, expected in (
        (DEPLOYMENT.settlement, "Settlement", Withdrawn(who, who, 7)),
        (DEPLOYMENT.registry, "AttestationRegistry", RegistryWithdrawn(who, who, 7)),
    ):
        assert decoder.event(_log(address, contract, "Withdrawn", topics, amount)) == expected
    assert decoder.event(
        _log(DEPLOYMENT.registry, "AttestationRegistry", "Burned", [], amount)
    ) == BondsBurned(7)
    lane = [(3).to_bytes(32)]
    assert decoder.event(_log(DEPLOYMENT.settlement, "Settlement", "Burned", lane, amount)) == Burned(3, 7)


def test_a_binding_that_does_not_exist_is_a_malformed_log() -> None:
    decoder, code = Decoder(DEPLOYMENT), b"\x01" * 32
    plain = [
        item
        for item in events_of("AttestationRegistry")["MeasurementAllowed"]["inputs"]
        if not item["indexed"]
    ]
    for binding in (2, 3, 255):
        data = encode(types_of(plain), (binding, "v1", "git:1"))
        log = _log(DEPLOYMENT.registry, "AttestationRegistry", "MeasurementAllowed", [code], data)
        if binding in set(Binding):
            assert decoder.event(log) == MeasurementAllowed(code, Binding.USER_DATA, "v1", "git:1")
        else:
            with pytest.raises(ChainUnavailable, match="malformed log of MeasurementAllowed"):
                decoder.event(log)


def _log(address: bytes, contract: str, name: str, topics: list[bytes], data: bytes) -> dict[str, Any]:
    kind = next(event for event in interface(contract).events.values() if event.name == name)
    return {
        "address": "0x" + address.hex(),
        "topics": ["0x" + topic.hex() for topic in (kind.topic, *topics)],
        "data": "0x" + data.hex(),
    }
