"""Reading JSON strictly: each refusal names the field and the rule that it breaks."""

from typing import Any

from .errors import InvalidField


def object_of(
    value: object, path: str, names: tuple[str, ...], whole: str = "the receipt file"
) -> dict[str, Any]:
    """``value`` as an object with exactly these fields.

    ``path`` is where it stands in ``whole``, empty for all of it. Unknown fields are refused: a misspelt optional
    field would otherwise be lost in silence.

    Raises:
        InvalidField: it is not.
    """
    where = path or whole
    if not isinstance(value, dict):
        raise InvalidField(where, "must be a JSON object")
    prefix = f"{path}." if path else ""
    for name in names:
        if name not in value:
            raise InvalidField(prefix + name, "is missing")
    for name in value:
        if name not in names:
            raise InvalidField(prefix + str(name)[:64], f"is not a field of {where}")
    return value


def hex_of(value: object, path: str, exactly: int | None = None, at_most: int | None = None) -> bytes:
    """The bytes in 0x-hex: ``exactly`` or ``at_most`` so many.

    Raises:
        InvalidField: they are not.
    """
    rule = f"must be {exactly} bytes of 0x-hex" if exactly else f"must be at most {at_most} bytes of 0x-hex"
    limit = exactly or at_most or 0
    if not isinstance(value, str) or not value.startswith("0x") or len(value) > 2 + 2 * limit:
        raise InvalidField(path, rule)
    try:
        data = bytes.fromhex(value[2:])
    except ValueError:
        raise InvalidField(path, rule) from None
    # bytes.fromhex skips white space, which is no hex to anyone else.
    if len(data) * 2 + 2 != len(value) or (exactly is not None and len(data) != exactly):
        raise InvalidField(path, rule)
    return data


def integer_of(value: object, path: str, bits: int, unit: str = "") -> int:
    """An integer of at most ``bits`` bits, not negative. 7.0 is one too, as in JSON Schema.

    Raises:
        InvalidField: it is not.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidField(path, f"must be an integer{unit}")
    if not 0 <= value < 1 << bits:
        raise InvalidField(path, f"must be from 0 to 2^{bits} - 1")
    return value
