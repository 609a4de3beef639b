"""The address file: what a deployment writes and relayer and verifier read.

{"chainId": 31337, "block": 1, "settlement": "0x...", "registry": "0x...",
 "contracts": {"Settlement": {"address": "0x...", "transaction": "0x...", "block": 5, "arguments": "0x..."}, ...},
 "parameters": {...}}

``arguments`` are those of the constructor, encoded: what explorers ask for beside the sources.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from afterproof.errors import ConfigError

from .base import Deployment
from .parameter_values import parse_address

_FIELDS: Final = ("chainId", "block", "settlement", "registry", "contracts", "parameters")


def load_deployment(path: Path) -> Deployment:
    """Which contracts on which chain, from an address file.

    Raises:
        ConfigError: naming file, field and rule.
    """
    content = read_json(path, "address file")
    try:
        return _parse(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _parse(content: dict[str, Any]) -> Deployment:
    for name in _FIELDS:
        if name not in content:
            raise ConfigError(f"{name} is missing: this is no address file that a deployment wrote")
    for name in content:
        if name not in _FIELDS:
            raise ConfigError(f"{name[:64]} is not a field of an address file")
    for name in ("contracts", "parameters"):
        if not isinstance(content[name], dict):
            raise ConfigError(f"{name} must be an object")
    chain_id = _number(content["chainId"], "chainId", 1)
    block = _number(content["block"], "block", 0)
    settlement = parse_address(content["settlement"], "settlement")
    registry = parse_address(content["registry"], "registry")
    if settlement == registry:
        raise ConfigError("settlement and registry must be two contracts")
    return Deployment(chain_id, settlement, registry, block, _heartbeats(content["contracts"]))


def _heartbeats(contracts: dict[str, Any]) -> bytes | None:
    """Where heartbeats are reported; None where an earlier version deployed."""
    entry = contracts.get("Heartbeats")
    if entry is None:
        return None
    address = entry.get("address") if isinstance(entry, dict) else None
    return parse_address(address, "contracts.Heartbeats.address")


def _number(value: object, field: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**64:
        raise ConfigError(f"{field} must be a whole number from {least}")
    return value


def read_json(path: Path, what: str) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        ConfigError: naming file and rule.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: the {what} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: the {what} is not JSON") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: the {what} must be a JSON object")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a file at once or not at all: a crash leaves the old one.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            json.dump(content, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
