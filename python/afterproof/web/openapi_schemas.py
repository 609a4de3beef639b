"""The JSON of the relayer's HTTP interface, as JSON Schema (2020-12): what comes in, and what goes out."""

from typing import Final

from ..protocol.receipt import MAX_SIGNATURE, Scheme
from ..protocol.state import Standing, VoidReason
from .openapi_forms import Schema, hex_of, or_null, ref, text, uint, whole
from .settlement_data import SettlementType

_SECONDS: Final = {"type": "integer", "minimum": 0, "description": "Unix seconds."}
_LATER: Final = or_null(_SECONDS)
_HASH: Final = hex_of(32)
_ADDRESS: Final = hex_of(20) | {
    "format": "address",
    "description": "An account's address. In mixed case its checksum must be right (EIP-55).",
}
_SEQ: Final = uint(63, "A receipt's number on its lane.")
_LANE: Final = uint(32, "The relayer's lane.", least=1)
_ISO: Final = {"type": "string", "format": "date-time"}

_RECEIPT: Final = whole(
    "What a node signs.",
    {
        "node": hex_of(32, description="keccak256 of the node's public key."),
        "model": hex_of(32, description="What names the model's manifest; zero: not committed."),
        "request": hex_of(32, description="keccak256 of the exact bytes asked."),
        "response": hex_of(32, description="keccak256 of the exact bytes answered."),
        "evidence": hex_of(32, description="Commits to what a dispute of the result needs; zero: none."),
        "issuedAt": uint(64, "Unix seconds."),
    },
)

_SIGNED: Final = whole(
    "A receipt with its signature, as it travels and stands in files.",
    {
        "receipt": ref("Receipt"),
        "scheme": {"type": "string", "enum": list(Scheme), "description": "How the node signed."},
        "signature": hex_of(at_most=MAX_SIGNATURE),
        "publicKey": hex_of(at_most=1024, description="The key that hashes to `receipt.node`."),
    },
    {"beneficiary": {"description": "Whom a broken promise pays.", **or_null(_ADDRESS)}},
)

_PROMISE: Final = whole(
    "A promise (EIP-712, signed by the lane's promise key), and the place that it gives one receipt.",
    {
        "promise": whole(
            "`count` receipts will stand from `firstSeq` on, on chain by `includeBy`.",
            {
                "lane": _LANE,
                "firstSeq": _SEQ,
                "count": uint(32, least=1),
                "root": _HASH,
                "includeBy": _SECONDS,
                "beneficiary": hex_of(20, description="Zero: nobody."),
            },
        ),
        "signature": hex_of(at_most=MAX_SIGNATURE),
        "index": uint(32, "The receipt's place among those promised together."),
        "proof": {"type": "array", "items": _HASH, "maxItems": 32},
    },
)

_ACCEPTED_FIELDS: Final[Schema] = {
    "leafHash": hex_of(32, description="What the receipt is asked for by."),
    "receiptHash": _HASH,
    "lane": _LANE,
    "seq": _SEQ,
    "receivedAt": _SECONDS,
    "promise": or_null(ref("HeldPromise")),
}

_VIEW: Final = whole(
    "All that is known of a receipt.",
    {
        "leafHash": _HASH,
        "receiptHash": _HASH,
        "standing": {
            "type": "string",
            "enum": [one.name.capitalize() for one in Standing if one is not Standing.UNKNOWN],
        },
        "voidReason": {"enum": [one.name for one in VoidReason if one is not VoidReason.NONE] + [None]},
        "timeline": whole(
            "When what happened; null: not yet.",
            {
                "issuedAt": _SECONDS,
                "receivedAt": _SECONDS,
                "postedAt": _LATER,
                "windowEnd": _LATER,
                "finalAt": _LATER,
            },
        ),
        "lane": _LANE,
        "seq": _SEQ,
        "scheme": {"type": "string", "enum": list(Scheme)},
        "words": hex_of(224, description="The leaf: seven words, as contracts take it."),
        "signature": hex_of(at_most=MAX_SIGNATURE),
        "inclusion": or_null(ref("Inclusion")),
        "promise": or_null(ref("HeldPromise")),
    },
)

_INCLUSION: Final = whole(
    "Where the leaf stands in a posted batch, and the proof of it.",
    {
        "batch": ref("BatchId"),
        "index": uint(32),
        "count": uint(32, least=1),
        "root": _HASH,
        "proof": {"type": "array", "items": _HASH, "maxItems": 32},
    },
)

_NAMES: Final[Schema] = {
    "id": ref("BatchId"),
    "lane": _LANE,
    "firstSeq": _SEQ,
    "count": uint(20, least=1),
    "root": _HASH,
    "dataUri": text("Where its packed leaves are published."),
}
_TILES: Final[Schema] = {"type": "array", "items": _HASH, "minItems": 1}

_CLOSED: Final = whole(
    "A batch that waits to be posted.",
    {
        **_NAMES,
        "state": {"const": "closed"},
        "tileRoots": _TILES,
        "closedAt": _SECONDS,
        "closedBecause": text("Why it was closed then."),
    },
)

_POSTED: Final = whole(
    "A batch on chain.",
    {
        **_NAMES,
        "state": {"enum": ["posted", "final"]},
        "postedAt": _SECONDS,
        "windowEnd": _SECONDS,
        "finalAt": _LATER,
        "oldestIssuedAt": _SECONDS,
        "newestIssuedAt": _SECONDS,
        "epoch": uint(16),
        "block": uint(64),
        "transaction": _HASH,
        "tileRoots": _TILES,
        "voided": {"type": "array", "items": uint(32), "description": "Indices with a proven fault."},
        "closedAt": _LATER,
        "closedBecause": {"type": ["string", "null"]},
    },
)

_FAULT: Final[Schema] = {
    "field": text("What is at fault: a field of the body, a header, the path, `relayer` or `client`."),
    "rule": text("The rule that it breaks, as the end of a sentence."),
    "message": text("The sentence."),
}

_JOB_FIELDS: Final[Schema] = {
    "jobId": ref("JobId"),
    "queue": {"const": "settlement"},
    "settlementType": {"enum": [SettlementType.BATCH.value, SettlementType.INDIVIDUAL.value]},
    "createdAt": _ISO,
    "updatedAt": _ISO,
}

_HASH_OF_GATEWAYS: Final = {"type": "string", "pattern": "^(0[xX])?[0-9a-fA-F]{64}$"}

_CHECK: Final = whole("", {"ok": {"type": "boolean"}}, {"why": text("What is in the way.")})

SCHEMAS: Final[dict[str, Schema]] = {
    "Receipt": _RECEIPT,
    "SignedReceipt": _SIGNED,
    "HeldPromise": _PROMISE,
    "Accepted": whole("A receipt is on disk and has its place.", _ACCEPTED_FIELDS),
    "ItemRefusal": whole(
        "One receipt of an array was not taken.",
        {
            "error": whole(
                "", {**_FAULT, "status": {"type": "integer", "description": "What it alone had got."}}
            )
        },
    ),
    "Refusal": whole("A request was not served.", {"error": whole("", _FAULT)}),
    "GatewayRefusal": whole(
        "A request was not served, as OpenGradient's gateways read it.", {"error": text("A sentence.")}
    ),
    "BatchId": {
        "type": "string",
        "pattern": "^[0-9]{1,29}$",
        "description": "`lane << 64 | firstSeq` in decimal digits.",
    },
    "JobId": {"type": "string", "pattern": "^settlement-[0-9a-f]{64}$"},
    "LeafHash": _HASH,
    "ReceiptView": _VIEW,
    "Inclusion": _INCLUSION,
    "Batch": {"oneOf": [ref("ClosedBatch"), ref("PostedBatch")]},
    "ClosedBatch": _CLOSED,
    "PostedBatch": _POSTED,
    "Batches": whole("", {"batches": {"type": "array", "items": ref("Batch"), "maxItems": 100}}),
    "Health": whole(
        "Whether the process and its loop are alive.",
        {"ok": {"type": "boolean"}, "version": {"type": "string"}},
        {"why": text("What is in the way.")},
    ),
    "SettlementData": {
        "type": "object",
        "description": "An answer to settle. Names in camelCase are the same names; other fields are let pass.",
        "properties": {
            "tee_id": _HASH_OF_GATEWAYS,
            "input_hash": _HASH_OF_GATEWAYS,
            "output_hash": _HASH_OF_GATEWAYS,
            "tee_signature": {"type": "string", "contentEncoding": "base64"},
            "tee_timestamp": {"type": ["string", "integer"], "description": "Unix seconds."},
            "eth_address": _ADDRESS,
        },
        "required": ["tee_id", "input_hash", "output_hash", "tee_signature", "tee_timestamp"],
    },
    "QueuedJob": whole(
        "An answer was taken in: the job, and its receipt's place and promise.",
        {**_JOB_FIELDS, "status": {"const": "queued"}, **_ACCEPTED_FIELDS},
    ),
    "Settled": {
        "oneOf": [
            whole("", {"settlementJob": ref("QueuedJob")}),
            whole(
                "A private answer: nothing of it is stored.",
                {"settlementJob": {"type": "null"}, "notes": {"type": "string"}},
            ),
        ]
    },
    "Job": whole(
        "What became of a job. `succeeded` means final, `failed` void.",
        {
            **_JOB_FIELDS,
            "status": {"enum": ["queued", "processing", "succeeded", "failed"]},
            "result": ref("ReceiptView"),
        },
        {"error": text("Why it failed.")},
    ),
    "Heartbeat": {
        "type": "object",
        "description": "A node's sign of life.",
        "properties": {
            "teeId": _HASH_OF_GATEWAYS,
            "timestamp": {
                "description": "Unix seconds.",
                "oneOf": [{"type": "string", "pattern": "^[0-9]{1,78}$"}, uint(64)],
            },
            "signature": {"type": "string", "contentEncoding": "base64"},
            "contractAddress": _ADDRESS,
        },
        "required": ["teeId", "timestamp", "signature"],
    },
    "Reported": whole(
        "A heartbeat was taken in; a `txHash` of null: it is on disk, and will be reported.",
        {
            "success": {"const": True},
            "txHash": or_null(_HASH),
            "teeId": _HASH,
            "timestamp": {"type": "string", "pattern": "^[0-9]+$"},
            "relayer": _ADDRESS,
            "contract": _ADDRESS,
        },
    ),
    "Readiness": whole(
        "Whether receipts are taken now.",
        {
            "ready": {"type": "boolean"},
            "lane": _LANE,
            "block": or_null(uint(64)),
            "checks": whole("Part by part.", dict.fromkeys(("store", "chain", "disk", "lane"), _CHECK)),
        },
    ),
}
"""By name."""
