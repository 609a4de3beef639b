"""Every route of the relayer in OpenAPI's terms: by path as it is routed, then by method."""

from collections.abc import Mapping
from typing import Final

from .openapi_forms import Schema, ref
from .settlement_data import SettlementType

JSON: Final = "application/json"
_RETRY: Final = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
_MAYBE_RETRY: Final = {"Retry-After": {"$ref": "#/components/headers/MaybeRetryAfter"}}
_CHALLENGE: Final = {"WWW-Authenticate": {"$ref": "#/components/headers/Challenge"}}


def answer(description: str, schema: Schema, headers: Schema | None = None, kind: str = JSON) -> Schema:
    """One response."""
    found: Schema = {"description": description, "content": {kind: {"schema": schema}}}
    return found | ({"headers": headers} if headers else {})


def refusals(form: str, statuses: Mapping[int, str]) -> Schema:
    """Responses of one form, by status."""
    headers: dict[int, Schema] = {401: _CHALLENGE, 429: _RETRY, 503: _MAYBE_RETRY}
    return {
        str(status): answer(description, ref(form), headers.get(status))
        for status, description in statuses.items()
    }


_TROUBLE: Final = {
    500: "A mistake of the relayer's; its log says which.",
    503: "The relayer cannot serve this now; the same request may be welcome later.",
}
_WRITING: Final = {
    401: "Without a token of this relayer, where it asks for one.",
    429: "The client has handed in as many receipts as it may, or the lane has promised as many as it may.",
}


def reading(form: str = "Refusal", **more: str) -> Schema:
    """The refusals of a route that only answers; ``more`` by ``status_404`` and the like."""
    own = {int(name.removeprefix("status_")): text for name, text in more.items()}
    return _with_own_500(refusals(form, {**own, **_TROUBLE}))


def writing(form: str = "Refusal", **more: str) -> Schema:
    """The refusals of a route that takes something in."""
    own = {int(name.removeprefix("status_")): text for name, text in more.items()}
    return _with_own_500(refusals(form, {**own, **_WRITING, **_TROUBLE}))


def _with_own_500(responses: Schema) -> Schema:
    # A mistake of ours is answered in one form everywhere.
    return responses | {"500": answer(_TROUBLE[500], ref("Refusal"))}


def path_parameter(name: str, schema: str, description: str) -> Schema:
    """A parameter in the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": ref(schema),
    }


_BATCH: Final = path_parameter("id", "BatchId", "The batch.")
_NO_BATCH: Final = "No batch of that id is known."

_RECEIPTS: Final[Schema] = {
    "operationId": "handIn",
    "summary": "Hand in one receipt, or an array of at most 1,000.",
    "description": "Answered once everything is on disk. A receipt that was handed in before gets its first answer "
    "again. In an array each has an answer of its own, in order: what is wrong with one sinks no other.",
    "tags": ["receipts"],
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "oneOf": [
                        ref("SignedReceipt"),
                        {
                            "type": "array",
                            "items": ref("SignedReceipt"),
                            "minItems": 1,
                            "maxItems": 1000,
                        },
                    ]
                }
            }
        },
    },
    "responses": {
        "200": answer(
            "Each receipt's place, and its promise where the lane promises.",
            {
                "oneOf": [
                    ref("Accepted"),
                    {"type": "array", "items": {"oneOf": [ref("Accepted"), ref("ItemRefusal")]}},
                ]
            },
        ),
        **writing(
            status_400="The body is not of the form.",
            status_413="The body is too large.",
            status_415="The body is not JSON by its headers, or is compressed.",
            status_422="The receipt is of the form, and breaks a rule of the protocol.",
        ),
    },
}

_SETTLE: Final[Schema] = {
    "operationId": "settle",
    "summary": "Settle an answer, as OpenGradient's gateways ask.",
    "description": "Everything is in the headers; a body is not looked at.",
    "tags": ["gateways"],
    "parameters": [
        {
            "name": "x-settlement-type",
            "in": "header",
            "required": True,
            "description": "`private`: nothing is stored; `individual`: into the next possible batch. In any case.",
            "schema": {"type": "string", "enum": list(SettlementType)},
        },
        {
            "name": "x-settlement-data",
            "in": "header",
            "description": "base64 of `SettlementData` in JSON, at most 1 MiB; needed unless private, and then not "
            "looked at.",
            "schema": {"type": "string"},
        },
    ],
    "responses": {
        "202": answer("The job, or that there is none.", ref("Settled")),
        **writing("GatewayRefusal", status_400="A header is missing or wrong, or the answer breaks a rule."),
    },
}

_HEARTBEAT: Final[Schema] = {
    "operationId": "heartbeat",
    "summary": "Report a node's sign of life on chain, as OpenGradient's gateways ask.",
    "description": "The answer waits for the transaction, 15 seconds at most. Names in snake_case are the same names.",
    "tags": ["gateways"],
    "requestBody": {"required": True, "content": {JSON: {"schema": ref("Heartbeat")}}},
    "responses": {
        "200": answer("It is on disk.", ref("Reported")),
        **writing(
            "GatewayRefusal",
            status_400="A field is missing or wrong.",
            status_413="The body is too large.",
            status_415="The body is not JSON by its headers, or is compressed.",
        ),
    },
}


def get(name: str, summary: str, tag: str, responses: Schema, *parameters: Schema) -> Schema:
    """A path that is only asked."""
    operation: Schema = {"operationId": name, "summary": summary, "tags": [tag], "responses": responses}
    if parameters:
        operation["parameters"] = list(parameters)
    return {"get": operation}


PATHS: Final[dict[str, Schema]] = {
    "/v1/receipts": {"post": _RECEIPTS},
    "/v1/receipts/{leafHash}": get(
        "receipt",
        "A receipt's standing, timeline, place and proof.",
        "receipts",
        {
            "200": answer("What is known of it.", ref("ReceiptView")),
            **reading(
                status_400="Not a leaf hash.", status_404="No receipt that this relayer accepted has it."
            ),
        },
        path_parameter("leafHash", "LeafHash", "As the receipt was answered with."),
    ),
    "/v1/batches": get(
        "batches",
        "The newest hundred batches of the lane, newest first.",
        "batches",
        {"200": answer("The batches.", ref("Batches")), **reading()},
    ),
    "/v1/batches/{id}": get(
        "batch",
        "One batch.",
        "batches",
        {
            "200": answer("What is known of it.", ref("Batch")),
            **reading(status_400="Not a batch id.", status_404=_NO_BATCH),
        },
        _BATCH,
    ),
    "/v1/batches/{id}/data": get(
        "data",
        "A batch's packed leaves, where this relayer publishes them itself.",
        "batches",
        {
            "200": answer(
                "The bytes (docs/data-format.md).",
                {"type": "string", "contentMediaType": "application/octet-stream"},
                {"Content-Length": {"required": True, "schema": {"type": "integer", "minimum": 0}}},
                "application/octet-stream",
            ),
            **reading(status_400="Not a batch id.", status_404=_NO_BATCH),
        },
        _BATCH,
    ),
    "/settle_data": {"post": _SETTLE},
    "/settle/{jobId}": get(
        "job",
        "What became of a settlement job.",
        "gateways",
        {
            "200": answer("The job.", ref("Job")),
            **reading("GatewayRefusal", status_404="No job is called so."),
        },
        path_parameter("jobId", "JobId", "As the job was answered with."),
    ),
    "/heartbeat": {"post": _HEARTBEAT},
    "/health": get(
        "health",
        "Whether the process and its loop are alive.",
        "operation",
        {
            "200": answer("They are.", ref("Health")),
            **reading(),
            "503": answer("They are not.", {"oneOf": [ref("Health"), ref("Refusal")]}, _MAYBE_RETRY),
        },
    ),
    "/ready": get(
        "ready",
        "Whether receipts are taken now.",
        "operation",
        {
            "200": answer("They are.", ref("Readiness")),
            **reading(),
            "503": answer("They are not.", {"oneOf": [ref("Readiness"), ref("Refusal")]}, _MAYBE_RETRY),
        },
    ),
    "/metrics": get(
        "metrics",
        "What Prometheus scrapes.",
        "operation",
        {
            "200": answer("The metrics.", {"type": "string"}, kind="text/plain"),
            **reading(status_404="They are on a port of their own."),
        },
    ),
    "/openapi.json": get(
        "openapi",
        "This document.",
        "operation",
        {"200": answer("The document.", {"type": "object", "required": ["openapi"]}), **reading()},
    ),
}
"""By path. A route that is not in here cannot be mounted; one that is not mounted is not in the document."""
