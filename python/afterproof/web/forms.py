"""What the relayer's API says of receipts and batches: hex after 0x, times in unix seconds, batch ids as text.

A batch id is ``lane << 64 | firstSeq``: too large for a number in JSON.
"""

from typing import Any

import msgspec

from ..protocol.header import BatchId, first_seq_of, lane_of
from ..protocol.promise import HeldPromise
from ..protocol.receipt import hex0x
from ..protocol.state import VoidReason
from ..steps.intake import Accepted
from ..steps.query import BatchView, Inclusion, ReceiptView


def accepted(answer: Accepted) -> dict[str, Any]:
    """The answer to an accepted receipt."""
    stored = answer.stored
    return {
        "leafHash": hex0x(stored.leaf.hash),
        "receiptHash": hex0x(stored.leaf.receipt.hash),
        "lane": stored.lane,
        "seq": stored.seq,
        "receivedAt": stored.received_at,
        "promise": None if answer.promise is None else answer.promise.to_json(),
    }


class AcceptedForms:
    """:func:`accepted` as JSON, for many answers that live as long as this: a promise of several is written once."""

    def __init__(self) -> None:
        self._promises: dict[int, str] = {}

    def of(self, answer: Accepted) -> str:
        """One answer. Numbers and hex alone stand in it: nothing needs escaping."""
        (leaf, _, lane, seq, received_at, _), _, held = answer
        promise = "null" if held is None else self._promise(held)
        return (
            f'{{"leafHash":"0x{leaf.hash.hex()}","receiptHash":"0x{leaf.receipt.hash.hex()}","lane":{lane},'
            f'"seq":{seq},"receivedAt":{received_at},"promise":{promise}}}'
        )

    def _promise(self, held: HeldPromise) -> str:
        shared = self._promises.get(id(held.signed))
        if shared is None:
            whole = held.to_json()
            del whole["index"], whole["proof"]
            shared = self._promises[id(held.signed)] = msgspec.json.encode(whole).decode()[:-1]
        nodes = b"".join(held.proof).hex(",", 32).replace(",", '","0x')
        proof = f'"0x{nodes}"' if nodes else ""
        return f'{shared},"index":{held.index},"proof":[{proof}]}}'


def receipt(view: ReceiptView) -> dict[str, Any]:
    """A receipt's standing, timeline, place and proof, and what was promised of it."""
    times = view.timeline
    return {
        "leafHash": hex0x(view.leaf.hash),
        "receiptHash": hex0x(view.leaf.receipt.hash),
        "standing": view.standing.name.capitalize(),
        "voidReason": None if view.void_reason is VoidReason.NONE else view.void_reason.name,
        "timeline": {
            "issuedAt": times.issued_at,
            "receivedAt": times.received_at,
            "postedAt": times.posted_at,
            "windowEnd": times.window_end,
            "finalAt": times.final_at,
        },
        "lane": view.lane,
        "seq": view.seq,
        "scheme": view.scheme.value,
        "words": hex0x(view.leaf.words),
        "signature": hex0x(view.leaf.signature),
        "inclusion": None if view.inclusion is None else _inclusion(view.inclusion),
        "promise": None if view.promise is None else view.promise.to_json(),
    }


def batch(view: BatchView) -> dict[str, Any]:
    """A batch: what was posted of it, or what waits to be posted."""
    posted, closed = view.posted, view.closed
    if posted is not None:
        header = posted.header
        is_final = posted.final_at is not None
        return {
            **_names(posted.id, header.count, posted.root, posted.data_uri),
            "state": "final" if is_final else "posted",
            "postedAt": posted.posted_at,
            "windowEnd": header.window_end,
            "finalAt": posted.final_at,
            "oldestIssuedAt": header.oldest,
            "newestIssuedAt": header.newest,
            "epoch": header.epoch,
            "block": posted.block,
            "transaction": hex0x(posted.tx_hash),
            "tileRoots": [hex0x(root) for root in posted.tile_roots],
            "voided": list(view.voided),
            "closedAt": closed.closed_at if closed is not None else None,
            "closedBecause": closed.reason if closed is not None else None,
        }
    assert closed is not None
    return {
        **_names(closed.id, closed.count, closed.root, closed.data_uri),
        "state": "closed",
        "tileRoots": [hex0x(root) for root in closed.tile_roots],
        "closedAt": closed.closed_at,
        "closedBecause": closed.reason,
    }


def _names(batch: BatchId, count: int, root: bytes, uri: str) -> dict[str, Any]:
    return {
        "id": str(batch),
        "lane": lane_of(batch),
        "firstSeq": first_seq_of(batch),
        "count": count,
        "root": hex0x(root),
        "dataUri": uri,
    }


def _inclusion(inclusion: Inclusion) -> dict[str, Any]:
    return {
        "batch": str(inclusion.batch),
        "index": inclusion.index,
        "count": inclusion.count,
        "root": hex0x(inclusion.root),
        "proof": [hex0x(node) for node in inclusion.proof],
    }
