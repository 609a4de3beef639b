"""A contract's ABI as Python: arguments to calldata, output, errors and events back to values.

Addresses are checksummed strings both ways; anything with an `address` stands for it. A struct comes back as a named
tuple, and goes in as a tuple, a mapping or an object with its fields.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder
from eth_abi.encoding import AddressEncoder
from eth_abi.registry import BaseEquals, registry
from eth_utils import keccak, to_canonical_address, to_checksum_address
from eth_utils.abi import collapse_if_tuple

#: The same few addresses come back in every message, and each checksum is a hash.
checksum = lru_cache(maxsize=4096)(to_checksum_address)


class _Encoder(AddressEncoder):
    def validate_value(self, value: Any) -> None:
        super().validate_value(getattr(value, "address", value))

    def encode(self, value: Any) -> bytes:
        return super().encode(to_canonical_address(getattr(value, "address", value)))


class _Decoder(AddressDecoder):
    decoder_fn = staticmethod(checksum)


def _codec() -> ABICodec:
    own = registry.copy()
    own.unregister("address")
    own.register(BaseEquals("address"), _Encoder, _Decoder, label="address")
    return ABICodec(own)


CODEC = _codec()

#: What the compiler itself reverts with.
_BUILT_IN = [
    {"type": "error", "name": "Error", "inputs": [{"name": "message", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
]


def types_of(items: Sequence[Mapping[str, Any]]) -> list[str]:
    return [collapse_if_tuple(dict(item)) for item in items]


def signature_of(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}({','.join(types_of(entry['inputs']))})"


class Function:
    """One function (or constructor): calldata in, values out."""

    def __init__(self, entry: Mapping[str, Any]):
        self.inputs = entry["inputs"]
        self.outputs = entry.get("outputs", [])
        self.signature = signature_of({"name": "constructor", **entry})
        self.selector = b"" if entry["type"] == "constructor" else keccak(text=self.signature)[:4]
        self._in = types_of(self.inputs)
        self._out = types_of(self.outputs)
        self._shape = [_shape(item) for item in self.outputs]

    def encode(self, args: Sequence[Any]) -> bytes:
        if len(args) != len(self._in):
            raise TypeError(f"{self.signature} takes {len(self._in)} arguments, got {len(args)}")
        values = [_flat(item, value) for item, value in zip(self.inputs, args, strict=True)]
        return self.selector + CODEC.encode(self._in, values)

    def decode(self, output: bytes) -> Any:
        """None, the one value, or a tuple of the values."""
        values = CODEC.decode(self._out, output)
        shaped = tuple(
            shape(value) if shape else value for shape, value in zip(self._shape, values, strict=True)
        )
        return shaped[0] if len(shaped) == 1 else shaped or None


class Interface:
    """Everything in one contract's ABI."""

    def __init__(self, abi: Sequence[Mapping[str, Any]]):
        self.constructor = Function({"type": "constructor", "inputs": []})
        self._functions: dict[str, list[Function]] = {}
        self.errors: dict[bytes, Mapping[str, Any]] = {}
        self.events: dict[bytes, Mapping[str, Any]] = {}
        for entry in [*_BUILT_IN, *abi]:
            match entry["type"]:
                case "constructor":
                    self.constructor = Function(entry)
                case "function":
                    function = Function(entry)
                    self._functions.setdefault(entry["name"], []).append(function)
                    self._functions[function.signature] = [function]
                case "error":
                    self.errors[keccak(text=signature_of(entry))[:4]] = entry
                case "event":
                    self.events[keccak(text=signature_of(entry))] = entry

    def function(self, name: str, count: int) -> Function:
        """By name, or by full signature where overloads take the same number of arguments."""
        found = self._functions.get(name, [])
        if len(found) > 1:
            found = [function for function in found if len(function.inputs) == count]
        if len(found) == 1:
            return found[0]
        if not found:
            raise AttributeError(f"the contract has no function {name} of {count} arguments")
        overloads = ", ".join(function.signature for function in found)
        raise TypeError(f"{name} is overloaded; name one of: {overloads}")

    def error(self, raw: bytes) -> tuple[str, tuple[Any, ...]] | None:
        """Name and values of a revert, or None when it is none of this contract's."""
        entry = self.errors.get(raw[:4])
        return entry and (entry["name"], CODEC.decode(types_of(entry["inputs"]), raw[4:]))

    def event(self, topics: Sequence[bytes], data: bytes) -> tuple[str, dict[str, Any]] | None:
        """Name and values of a log, or None when it is none of this contract's.

        An indexed value of dynamic type is its hash.
        """
        entry = self.events.get(topics[0]) if topics else None
        if entry is None:
            return None
        plain = [item for item in entry["inputs"] if not item["indexed"]]
        values = iter(CODEC.decode(types_of(plain), data))
        indexed = iter(topics[1:])
        return entry["name"], {
            item["name"]: _topic(item, next(indexed)) if item["indexed"] else next(values)
            for item in entry["inputs"]
        }


def _topic(item: Mapping[str, Any], topic: bytes) -> Any:
    hashed = item["type"] in ("string", "bytes") or item["type"].startswith("tuple") or "[" in item["type"]
    return topic if hashed else CODEC.decode([item["type"]], topic)[0]


def _shape(item: Mapping[str, Any]) -> Callable[[Any], Any] | None:
    """What turns a decoded value into named tuples; None where it holds no struct."""
    kind = item["type"]
    if not kind.startswith("tuple"):
        return None
    if kind.endswith("]"):
        inner = _shape({**item, "type": kind[: kind.rindex("[")]})
        return lambda values: tuple(map(inner, values))  # type: ignore[arg-type]
    record = namedtuple("Struct", [part["name"] for part in item["components"]], rename=True)  # type: ignore[misc]
    shapes = [_shape(part) for part in item["components"]]
    return lambda values: record(
        *(shape(value) if shape else value for shape, value in zip(shapes, values, strict=True))
    )


def _flat(item: Mapping[str, Any], value: Any) -> Any:
    """A struct given as a mapping or an object, as the tuple that the codec takes."""
    kind = item["type"]
    if not kind.startswith("tuple"):
        return value
    if kind.endswith("]"):
        inner = {**item, "type": kind[: kind.rindex("[")]}
        return [_flat(inner, each) for each in value]
    parts = item["components"]
    if isinstance(value, Mapping):
        value = [value[part["name"]] for part in parts]
    elif not isinstance(value, Sequence):
        value = [getattr(value, part["name"]) for part in parts]
    return tuple(_flat(part, each) for part, each in zip(parts, value, strict=True))
