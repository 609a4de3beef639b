"""Values of parameter files: amounts, addresses, whole numbers, tables of keys."""

import re
from typing import Any

from afterproof.errors import ConfigError
from afterproof.units import address_of, wei_of


def parse_amount(value: object, key: str) -> int:
    """The wei in an amount such as "0.1 ether", with its unit: a bare number would be too easy to misread.

    Raises:
        ConfigError: naming ``key`` and the rule.
    """
    if not isinstance(value, str) or not value[-1:].isalpha():
        raise ConfigError(f'{key} must be an amount with its unit, such as "0.1 ether" or "100000 gwei"')
    try:
        return wei_of(value)
    except ValueError as rule:
        raise ConfigError(f"{key} {rule}") from None


def parse_address(value: object, key: str) -> bytes:
    """The 20 bytes of an address in 0x-hex, not zero. In mixed case its checksum must be right (EIP-55).

    Raises:
        ConfigError: naming ``key`` and the rule.
    """
    try:
        address = address_of(value if isinstance(value, str) else "")
    except ValueError as rule:
        raise ConfigError(f"{key} {rule}") from None
    if not any(address):
        raise ConfigError(f"{key} must not be the zero address")
    return address


def parse_hash(value: object, key: str) -> bytes:
    """The 32 bytes of a hash in 0x-hex.

    Raises:
        ConfigError: naming ``key`` and the rule.
    """
    if not isinstance(value, str) or not re.fullmatch("0x[0-9a-fA-F]{64}", value):
        raise ConfigError(f"{key} must be 32 bytes in hex: 0x and 64 digits")
    return bytes.fromhex(value[2:])


def whole_number(value: object, key: str, most: int) -> int:
    """A whole number from 0 to ``most``.

    Raises:
        ConfigError: naming ``key`` and the rule.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ConfigError(f"{key} must be a whole number from 0 to {most}")
    return value


def check_keys(table: dict[str, Any], names: tuple[str, ...], prefix: str) -> None:
    """Raises :class:`ConfigError` unless ``table`` has just the keys ``names``; messages name them after ``prefix``."""
    for name in table:
        if name not in names:
            raise ConfigError(
                f"{prefix}{name} is not a parameter; there are {', '.join(prefix + n for n in names)}"
            )
    for name in names:
        if name not in table:
            raise ConfigError(f"{prefix}{name} is missing")


def snake_case(text: str) -> str:
    """A sentence with the contract's names as this file has them: ``maxOutage`` is ``max_outage``."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found[1].lower(), text)
