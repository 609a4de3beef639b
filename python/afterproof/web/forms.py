"""What the relayer's API says of receipts and batches: hex after 0x, times in unix seconds, batch ids as text.

A batch id is ``lane << 64 | firstSeq``: too large for a number in JSON.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from ..protocol.header import BatchId, first_seq_of, lane_of
from ..protocol.merkle import BatchTree
from ..protocol.promise import HeldPromise
from ..protocol.receipt import hex0x
from ..protocol.state import VoidReason
from ..steps.handing import Accepted, Placed
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


def all_accepted(placed: Placed) -> list[str]:
    """:func:`accepted` as JSON, of each of what was placed together. Numbers and hex alone stand in it."""
    leaves, ends = placed.leaves, _promises(placed)
    between = f'","lane":{placed.lane},"seq":'
    behind = f',"receivedAt":{placed.received_at},"promise":'
    texts = zip(_digits(leaves.leaf_hashes), _digits(leaves.hashes), ends, strict=True)
    return [
        f'{{"leafHash":"0x{leaf}","receiptHash":"0x{name}{between}{seq}{behind}{end}}}'
        for seq, (leaf, name, end) in enumerate(texts, placed.first_seq)
    ]


def _promises(placed: Placed) -> list[str]:
    """What was promised of each, as JSON."""
    signed, tree = placed.signed, placed.tree
    if signed is None or tree is None:
        return ["null"] * placed.count
    whole = HeldPromise(signed, 0, ()).to_json()
    del whole["index"], whole["proof"]
    shared = msgspec.json.encode(whole).decode()[:-1]
    return [f'{shared},"index":{index},"proof":[{proof[1:]}]}}' for index, proof in enumerate(_proofs(tree))]


def _proofs(tree: BatchTree) -> list[str]:
    """:meth:`BatchTree.proofs`, each as its nodes in JSON behind commas: its sibling before its parent's proof."""
    above = [""]
    for level in reversed(tree.levels[:-1]):
        nodes = _digits(level)
        paired = len(nodes) & ~1
        proofs = [f',"0x{nodes[i ^ 1]}"{above[i >> 1]}' for i in range(paired)]
        above = proofs if paired == len(nodes) else [*proofs, above[-1]]
    return above


def _digits(hashes: Sequence[bytes]) -> list[str]:
    return b"".join(hashes).hex(",", 32).split(",")


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
