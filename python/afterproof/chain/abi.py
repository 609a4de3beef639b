"""The contracts' ABI as Python: calls in, results, events and errors out, over eth_abi.

Addresses are 20 bytes both ways. A string that is not UTF-8 decodes with replacement characters: anybody may put any
bytes into an event's string, and a log that cannot be read would blind every verifier.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder, StringDecoder
from eth_abi.exceptions import DecodingError, EncodingError, EncodingTypeError
from eth_abi.registry import ABIRegistry, BaseEquals, registry
from eth_utils.abi import collapse_if_tuple

from afterproof.protocol.receipt import keccak

from .artifacts import artifact


class MalformedAbi(ValueError):
    """Bytes that are not the ABI encoding they should be."""


class _RawAddress(AddressDecoder):
    decoder_fn = staticmethod(bytes)  # type: ignore[assignment]


def _codec() -> ABICodec:
    own: ABIRegistry = registry.copy()  # type: ignore[no-untyped-call]
    own.unregister_decoder("address")
    own.register_decoder(BaseEquals("address"), _RawAddress, label="address")  # type: ignore[no-untyped-call]
    lenient = StringDecoder(handle_string_errors="replace")  # type: ignore[no-untyped-call]
    own.unregister_decoder("string")
    own.register_decoder(BaseEquals("string", with_sub=False), lenient, label="string")  # type: ignore[no-untyped-call]
    return ABICodec(own)


_CODEC = _codec()


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """The ABI encoding of ``values``.

    Raises:
        ValueError: a value does not fit its type.
    """
    try:
        return _CODEC.encode(types, values)
    except (EncodingError, EncodingTypeError, TypeError) as error:
        raise ValueError(f"not of the types ({', '.join(types)}): {error}") from error


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """The values that ``data`` encodes.

    Raises:
        MalformedAbi: it does not encode values of these types.
    """
    try:
        return _CODEC.decode(types, data)
    except (DecodingError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise MalformedAbi(f"not the encoding of ({', '.join(types)})") from error


def types_of(parameters: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The type strings of ABI parameters, structs as tuples."""
    return tuple(collapse_if_tuple(dict(parameter)) for parameter in parameters)


class Function:
    """A function of a contract: its arguments to calldata, its output to values."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.name: str = entry["name"]
        self.inputs = types_of(entry["inputs"])
        self.outputs = types_of(entry["outputs"])
        self.selector = _signature_hash(entry)[:4]

    def encode(self, *arguments: Any) -> bytes:
        """The calldata of a call with these arguments."""
        return self.selector + encode(self.inputs, arguments)

    def decode(self, output: bytes) -> tuple[Any, ...]:
        """The values in a call's output."""
        return decode(self.outputs, output)


class CustomError:
    """An error of a contract: its name, and its arguments from revert data."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.name: str = entry["name"]
        self.inputs = types_of(entry["inputs"])
        self.selector = _signature_hash(entry)[:4]

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """The arguments in revert data, selector included."""
        return decode(self.inputs, data[4:])


class EventType:
    """An event of a contract: a log's topics and data to its arguments by name."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.name: str = entry["name"]
        self.topic = _signature_hash(entry)
        self._indexed = [item for item in entry["inputs"] if item["indexed"]]
        self._plain = [item for item in entry["inputs"] if not item["indexed"]]

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """The arguments by their names in the ABI.

        Raises:
            MalformedAbi: topics or data are not those of this event.
        """
        if len(topics) != 1 + len(self._indexed):
            raise MalformedAbi(f"{self.name} has {1 + len(self._indexed)} topics, not {len(topics)}")
        values = decode(types_of(self._indexed), b"".join(topics[1:]))
        found = dict(zip((item["name"] for item in self._indexed), values, strict=True))
        rest = decode(types_of(self._plain), data)
        return found | dict(zip((item["name"] for item in self._plain), rest, strict=True))


class Interface:
    """All functions, events and errors of one packaged contract."""

    def __init__(self, name: str) -> None:
        entries = artifact(name).abi
        self.name = name
        self.functions = {entry["name"]: Function(entry) for entry in entries if entry["type"] == "function"}
        events = [EventType(entry) for entry in entries if entry["type"] == "event"]
        self.events = {event.topic: event for event in events}
        self.errors = [CustomError(entry) for entry in entries if entry["type"] == "error"]
        constructors = [entry["inputs"] for entry in entries if entry["type"] == "constructor"]
        self.constructor = types_of(constructors[0]) if constructors else ()


@cache
def interface(name: str) -> Interface:
    """The interface of a packaged contract."""
    return Interface(name)


def _signature_hash(entry: Mapping[str, Any]) -> bytes:
    return keccak(f"{entry['name']}({','.join(types_of(entry['inputs']))})".encode())
