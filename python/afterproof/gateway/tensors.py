"""The Open Inference Protocol's JSON (REST, version 2): requests parsed and checked, answers built. Pure.

Source: kserve/open-inference-protocol, ``specification/protocol/inference_rest.md`` and its OpenAPI file.
Extensions (binary tensor data among them) are not served. Unknown fields and parameters are ignored.
"""

from functools import cache
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import AfterproofError

INTEGER_TYPES: Final = ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64")
FLOAT_TYPES: Final = ("FP16", "FP32", "FP64")


class Refused(AfterproofError):
    """A request that is not served: an HTTP status (4xx) and a sentence naming the field and the rule."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class RequestInput(msgspec.Struct):
    """One input tensor; `data` is the JSON array as it came, decoded once its type is known."""

    name: str
    shape: list[Annotated[int, msgspec.Meta(ge=0)]]
    datatype: str
    data: msgspec.Raw
    parameters: dict[str, Any] | None = None


class RequestOutput(msgspec.Struct):
    """One requested output tensor."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct):
    """An inference request. `id` comes back in the answer; no `outputs` means all of them."""

    inputs: list[RequestInput]
    id: str | None = None
    outputs: list[RequestOutput] | None = None
    parameters: dict[str, Any] | None = None


class Tensor(msgspec.Struct):
    """One output tensor; `data` is flat, row-major."""

    name: str
    shape: list[int]
    datatype: str
    data: list[int]


class InferResponse(msgspec.Struct, omit_defaults=True):
    """An answer. `id` is left out where the request had none."""

    model_name: str
    model_version: str
    outputs: list[Tensor]
    id: str | None = None


class TensorSpec(msgspec.Struct):
    """A tensor as a model's metadata states it; -1 is a free dimension."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct):
    """What ``GET /v2/models/{name}`` answers."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


_REQUEST: Final = msgspec.json.Decoder(InferRequest)


def decode_request(body: bytes) -> InferRequest:
    """The request in `body`.

    Raises:
        Refused: 400, malformed JSON or a field of the wrong type.
    """
    request: InferRequest = _decode(_REQUEST, body, "")
    return request


def read_matrix(
    tensor: RequestInput, path: str, columns: int, most_rows: int, most: int
) -> NDArray[np.uint8]:
    """The elements of a two-dimensional input: (rows, columns) uint8, integers from 0 to `most`, at most 255.

    The data may be flat or nested to the tensor's shape, both row-major. Any integer datatype is taken, and
    FP16, FP32, FP64 as long as every element is integral: many clients only have floats, and the values are
    the same.

    Raises:
        Refused: 400 naming the field under `path` and the rule.
    """
    if len(tensor.shape) != 2 or tensor.shape[1] != columns:
        raise Refused(400, f"{path}.shape must be [n, {columns}], got {_short(tensor.shape)}")
    rows = tensor.shape[0]
    if not 1 <= rows <= most_rows:
        raise Refused(400, f"{path}.shape[0] must be from 1 to {most_rows}, got {rows}")
    if tensor.datatype not in INTEGER_TYPES and tensor.datatype not in FLOAT_TYPES:
        allowed = ", ".join(INTEGER_TYPES + FLOAT_TYPES)
        raise Refused(400, f"{path}.datatype must be one of {allowed}, got {_short(tensor.datatype)}")
    raw = bytes(tensor.data)
    nested = raw[1:].lstrip().startswith(b"[")
    values = _decode(_element_decoder(tensor.datatype in FLOAT_TYPES, nested, most), raw, f"{path}.data")
    _check_lengths(values, f"{path}.data", rows, columns, nested)
    matrix = np.array(values, dtype=np.float64 if tensor.datatype in FLOAT_TYPES else np.uint8)
    if tensor.datatype in FLOAT_TYPES:
        fractions = np.argwhere(matrix != np.floor(matrix))
        if len(fractions):
            at = "".join(f"[{i}]" for i in fractions[0])
            raise Refused(400, f"{path}.data{at} must be an integer from 0 to {most}")
    return matrix.reshape(rows, columns).astype(np.uint8)


def wanted_outputs(request: InferRequest, available: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the outputs to return, in the order asked for; all of `available` where none is asked for.

    Raises:
        Refused: 400, an output that the model has not, or one named twice.
    """
    if not request.outputs:
        return available
    names: list[str] = []
    for index, output in enumerate(request.outputs):
        if output.name not in available:
            known = ", ".join(available)
            raise Refused(400, f"outputs[{index}].name must be one of {known}, got {_short(output.name)}")
        if output.name in names:
            raise Refused(400, f"outputs[{index}].name {_short(output.name)} is asked for twice")
        names.append(output.name)
    return tuple(names)


def _check_lengths(values: list[Any], path: str, rows: int, columns: int, nested: bool) -> None:
    expected = rows if nested else rows * columns
    if len(values) != expected:
        raise Refused(
            400, f"{path} must hold {expected} {'rows' if nested else 'elements'}, got {len(values)}"
        )
    for index, row in enumerate(values if nested else ()):
        if len(row) != columns:
            raise Refused(400, f"{path}[{index}] must hold {columns} elements, got {len(row)}")


@cache
def _element_decoder(floats: bool, nested: bool, most: int) -> "msgspec.json.Decoder[Any]":
    element: Any = Annotated[float if floats else int, msgspec.Meta(ge=0, le=most)]
    return msgspec.json.Decoder(list[list[element]] if nested else list[element])


def _decode(decoder: "msgspec.json.Decoder[Any]", data: bytes, path: str) -> Any:
    """Decode, with msgspec's ``... - at `$.a[0]``` turned into ``a[0]: ...`` below `path`."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        rule, _, where = str(error).partition(" - at `$")
        field = (path + where.rstrip("`")).lstrip(".") or "the request"
        raise Refused(400, f"{field}: {rule[0].lower()}{rule[1:].replace('`', '')}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refused(400, f"the request body must be JSON: {reason}") from None


def _short(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 64 else text[:61] + "..."
