"""Words in which the relayer's JSON is described: small makers of JSON Schema (2020-12)."""

from typing import Any

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    """A reference to one of :data:`afterproof.web.openapi_schemas.SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def whole(description: str, fields: Schema, optional: Schema | None = None) -> Schema:
    """An object with exactly these fields."""
    return {
        "type": "object",
        "description": description,
        "properties": fields | (optional or {}),
        "required": list(fields),
        "additionalProperties": False,
    }


def or_null(schema: Schema) -> Schema:
    """A schema, or null."""
    return {"oneOf": [schema, {"type": "null"}]}


def uint(bits: int, description: str = "", least: int = 0) -> Schema:
    """A whole number of so many bits, not negative."""
    schema: Schema = {"type": "integer", "minimum": least, "maximum": 2**bits - 1}
    return schema | ({"description": description} if description else {})


def hex_of(exactly: int | None = None, at_most: int = 0, description: str = "") -> Schema:
    """Bytes in 0x-hex: exactly or at most so many."""
    digits = f"[0-9a-fA-F]{{{2 * exactly}}}" if exactly else f"([0-9a-fA-F]{{2}}){{0,{at_most}}}"
    schema: Schema = {"type": "string", "pattern": f"^0x{digits}$"}
    return schema | ({"description": description} if description else {})


def text(description: str) -> Schema:
    """A text."""
    return {"type": "string", "description": description}
