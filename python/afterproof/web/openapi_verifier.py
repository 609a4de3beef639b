"""The verifier's HTTP interface in OpenAPI's terms: its routes, and the JSON of them."""

from typing import Any, Final

from ..protocol.state import PromiseFault
from ..protocol.watching import Fate
from .openapi import PATH, Api
from .openapi_forms import Schema, hex_of, or_null, ref, uint, whole
from .openapi_paths import JSON, answer, get, path_parameter, refusals
from .openapi_schemas import SCHEMAS

_SECONDS: Final = {"type": "integer", "minimum": 0, "description": "Unix seconds."}
_ADDRESS: Final = hex_of(20)
_HASH: Final = hex_of(32)
_WATCHED: Final = ref("WatchedPromise")

_CLAIM: Final = whole(
    "What was paid for a broken promise of the number.",
    {
        "fault": {"enum": [one.name for one in PromiseFault]},
        "beneficiary": _ADDRESS,
        "caller": hex_of(20, description="Who claimed it."),
        "slashed": {"type": "string", "pattern": "^[0-9]+$", "description": "What the lane lost, in wei."},
        "transaction": _HASH,
        "block": uint(63),
    },
)

_SCHEMAS: Final[dict[str, Schema]] = {
    **{name: SCHEMAS[name] for name in ("Receipt", "SignedReceipt", "HeldPromise", "Refusal", "BatchId")},
    "WatchId": hex_of(32, description="What a watched promise of one number is asked for by."),
    "Promised": {
        "type": "object",
        "description": "What the relayer answered a receipt with, as it is; other fields are let pass.",
        "properties": {
            "leafHash": _HASH,
            "promise": ref("HeldPromise"),
            "receipt": {
                "description": "Whose leaf it must be, where it is there.",
                **or_null(ref("SignedReceipt")),
            },
        },
        "required": ["leafHash", "promise"],
    },
    "WatchedPromise": whole(
        "A promise that is watched, and what became of it.",
        {
            "id": ref("WatchId"),
            "lane": uint(32, least=1),
            "seq": uint(63),
            "leafHash": _HASH,
            "beneficiary": hex_of(20, description="Zero: nobody."),
            "includeBy": _SECONDS,
            "due": {**_SECONDS, "description": "The last second in which it is in time, pauses regarded."},
            "claimableUntil": {
                "description": "Null: while a demand of the tile is open.",
                **or_null(_SECONDS),
            },
            "state": {"enum": [one.value for one in Fate]},
            "why": {"type": ["string", "null"], "description": "Why nothing more is known."},
            "claims": {"type": "array", "items": ref("PaidClaim")},
        },
    ),
    "PaidClaim": _CLAIM,
}


def _answers(found: Schema, **more: str) -> Schema:
    """What a route answers, by status: ``found``, and refusals by ``status_404`` and the like."""
    own = {int(name.removeprefix("status_")): text for name, text in more.items()}
    trouble = {
        500: "A mistake of the verifier's; its log says which.",
        503: "The verifier cannot serve this now; the same request may be welcome later.",
    }
    return {**found, **refusals("Refusal", {**own, **trouble})}


_WATCH: Final[Schema] = {
    "operationId": "watch",
    "summary": "Have a promise watched, and claimed for its beneficiary where it is broken.",
    "description": "Handing a promise in twice changes nothing.",
    "tags": ["promises"],
    "requestBody": {"required": True, "content": {JSON: {"schema": ref("Promised")}}},
    "responses": _answers(
        {
            "201": answer("It is watched from now on.", _WATCHED),
            "200": answer("It is watched already.", _WATCHED),
        },
        status_400="The body is not of the form.",
        status_413="The body is too large.",
        status_415="The body is not JSON by its headers, or is compressed.",
        status_422="It is of the form, and binds nobody, or nothing can be claimed of it any more.",
        status_429="The client has handed in as many as it may, or as many are watched as may be.",
    ),
}

_PATHS: Final[dict[str, Any]] = {
    "/v1/watch": {"post": _WATCH},
    "/v1/watch/{id}": get(
        "watched",
        "What became of a watched promise, and what was claimed.",
        "promises",
        _answers(
            {"200": answer("What is known of it.", _WATCHED)},
            status_400="Not 32 bytes of 0x-hex.",
            status_404="No promise of that id is watched.",
        ),
        path_parameter("id", "WatchId", "As the promise was answered with."),
    ),
    "/v1/batches/{id}/data": get(
        "data",
        "What is kept of a batch; a tile that is not is filled with empty leaves.",
        "batches",
        _answers(
            {
                "200": answer(
                    "The bytes (docs/data-format.md); believe each tile by its root that was posted.",
                    {"type": "string", "contentMediaType": "application/octet-stream"},
                    {"Content-Length": {"required": True, "schema": {"type": "integer", "minimum": 0}}},
                    "application/octet-stream",
                )
            },
            status_400="Not a batch id.",
            status_404="Nothing is kept of a batch of that id.",
        ),
        path_parameter("id", "BatchId", "The batch."),
    ),
    PATH: get(
        "openapi",
        "This document.",
        "operation",
        _answers({"200": answer("The document.", {"type": "object", "required": ["openapi"]})}),
    ),
}

VERIFIER: Final = Api(
    "Afterproof verifier",
    "Watches promises for whoever holds one, and serves what it keeps of batches. ",
    _PATHS,
    _SCHEMAS,
)
