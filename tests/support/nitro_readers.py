"""The contract's readers, by the hundred in one call, with what they read as Python values to compare."""

from collections.abc import Sequence
from typing import Any

from tests.support.calls import View
from tests.support.nitro_oracle import Fields

#: Inputs in one call: a node takes requests of a few megabytes, and a call has 30 million gas.
AT_ONCE = 40

CERTIFICATE_SLICES = {"tbs", "issuer", "subject"}
DOCUMENT_SLICES = {"moduleId", "certificate", "publicKey", "userData", "nonce", "payload"}


def cut(data: bytes, slice_: int) -> bytes | None:
    """The bytes that a slice stands for."""
    offset, length = slice_ >> 128, slice_ & (2**128 - 1)
    assert offset + length <= len(data)
    return data[offset : offset + length] if slice_ else None


def certificate_read(der: bytes, struct: Any) -> Fields:
    """The struct's fields, slices as their bytes."""
    return {
        name: cut(der, value) if name in CERTIFICATE_SLICES else value
        for name, value in struct._asdict().items()
    }


def document_read(raw: bytes, struct: Any) -> Fields:
    """The struct's fields, slices as their bytes, PCRs as a map of those that are there."""
    fields = {
        name: cut(raw, value) if name in DOCUMENT_SLICES else value
        for name, value in struct._asdict().items()
    }
    fields["pcrs"] = {at: cut(raw, value) for at, value in enumerate(struct.pcrs) if value}
    fields["cabundle"] = [cut(raw, value) for value in struct.cabundle]
    return fields


def read_each(
    harness: View, fn: str, inputs: Sequence[bytes]
) -> list[tuple[Fields | None, tuple[str, tuple[Any, ...]]]]:
    """For each input the fields, or None and the error's name and values. ``fn``: certificate or document."""
    as_fields = certificate_read if fn == "certificate" else document_read
    function = harness.interface.function(fn, 1)
    results: list[tuple[Fields | None, tuple[str, tuple[Any, ...]]]] = []
    for first in range(0, len(inputs), AT_ONCE):
        some = inputs[first : first + AT_ONCE]
        for given, raw in zip(some, harness.call(f"{fn}s", some), strict=True):
            if raw[0]:
                results.append((as_fields(given, function.decode(raw[1:])), ("", ())))
            else:
                results.append((None, harness.interface.error(raw[1:]) or ("", ())))
    return results
