"""What relayers acknowledged, and whether they kept it: requests, answers, and the reckoning at the end.

Whatever befalls a relayer, of all that it ever acknowledged, over all its lives: each number is one receipt's, and each
receipt has one number and one promise; the chain has that receipt at that number by the time promised; batches follow
each other without a gap, each posted once, and anybody can read what is in them.
"""

import base64
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from eth_utils import keccak

from afterproof.chain.base import Posted
from afterproof.protocol.batching import rebuild_batch
from afterproof.protocol.header import first_seq_of
from afterproof.protocol.promise import HeldPromise
from afterproof.protocol.publication import most_bytes
from afterproof.protocol.receipt import ZERO, Leaf, Receipt, SignedReceipt
from tests.support.chains import KEYS, address_of
from tests.support.ground import RELAYER, Ground
from tests.support.scene import receipt_of

BENEFICIARY = "0x" + address_of(KEYS["prover"]).hex()


@dataclass(frozen=True)
class Request:
    """Something to hand in, signed already: its path, headers and body, and the leaves it is about."""

    path: str
    headers: dict[str, str]
    body: bytes
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class Acknowledged:
    """A leaf's place, as it was answered."""

    seq: int
    leaf: bytes
    promise: HeldPromise


class Maker:
    """Makes requests: of one receipt, of an array, and of an answer as OpenGradient's gateways hand it in."""

    def __init__(self, ground: Ground, first: int = 0) -> None:
        self._ground, self._next = ground, first

    def one(self, at: int) -> Request:
        """A single receipt."""
        (signed,) = self._signed(at, 1)
        return self._request(signed.to_json(), [signed])

    def array(self, at: int, count: int) -> Request:
        """An array; half of it in somebody's favour."""
        signed = self._signed(at, count)
        items = [
            {**one.to_json(), **({"beneficiary": BENEFICIARY} if i % 2 else {})}
            for i, one in enumerate(signed)
        ]
        return self._request(items, signed)

    def settlement(self, at: int, kind: str) -> Request:
        """An answer of a gateway, to be settled as one of a ``batch`` or as an ``individual``."""
        self._next += 1
        asked, answered = b"asked %d" % self._next, b"answered %d" % self._next
        gateway = self._ground.gateway
        data = gateway.settlement(at, asked, answered)
        receipt = Receipt(gateway.tee_id, ZERO, keccak(asked), keccak(answered), ZERO, at)
        leaf = Leaf(receipt, base64.b64decode(data["tee_signature"]))
        header = base64.b64encode(json.dumps(data).encode()).decode()
        headers = {"x-settlement-type": kind, "x-settlement-data": header}
        return Request("/settle_data", headers, b"{}", (leaf,))

    def _signed(self, at: int, count: int) -> list[SignedReceipt]:
        first, self._next = self._next, self._next + count
        node, domain = self._ground.node, self._ground.domain
        return [node.sign(receipt_of(node, at, first + i), domain) for i in range(count)]

    def _request(self, value: object, signed: Sequence[SignedReceipt]) -> Request:
        headers = {"content-type": "application/json"}
        return Request("/v1/receipts", headers, json.dumps(value).encode(), tuple(one.leaf for one in signed))


class Book:
    """All that was acknowledged on a lane, whose promises ``promiser`` signs, by whomever, to whomever."""

    def __init__(self, ground: Ground, lane: int, promiser: bytes = RELAYER) -> None:
        self._ground, self.lane, self._promiser = ground, lane, promiser
        self._lock = threading.Lock()
        self._all: list[Acknowledged] = []
        self._read: dict[tuple[int, bytes], list[bytes]] = {}
        self.refusals: dict[int, int] = {}
        """How often a request was answered with which status; 0: with none."""

    def __len__(self) -> int:
        return len(self.by_number())

    def hand_in(self, client: httpx.Client, url: str, request: Request) -> bool:
        """Hand a request in, once; whether all of it was acknowledged."""
        try:
            response = client.post(url + request.path, content=request.body, headers=request.headers)
        except (httpx.HTTPError, OSError):
            self._refused(0)
            return False
        if response.status_code not in (200, 202):
            # Trouble is the relayer's, and said so; a refusal that blames the receipt would be a lie here.
            assert response.status_code in (429, 503), (response.status_code, response.text)
            self._refused(response.status_code)
            return False
        found = response.json()
        answers = found if isinstance(found, list) else [found.get("settlementJob", found)]
        assert len(answers) == len(request.leaves)
        done = True
        for answer, leaf in zip(answers, request.leaves, strict=True):
            if "error" in answer:
                assert answer["error"]["status"] in (429, 503), answer
                self._refused(answer["error"]["status"])
                done = False
            else:
                assert answer["leafHash"] == "0x" + leaf.hash.hex() and answer["lane"] == self.lane, answer
                promise = HeldPromise.from_json(answer["promise"])
                with self._lock:
                    self._all.append(Acknowledged(answer["seq"], leaf.hash, promise))
        return done

    def _refused(self, status: int) -> None:
        with self._lock:
            self.refusals[status] = self.refusals.get(status, 0) + 1

    def by_number(self) -> dict[int, Acknowledged]:
        """What was acknowledged, by number. Every answer about a receipt is the same, and no number has two."""
        with self._lock:
            everything = list(self._all)
        found: dict[int, Acknowledged] = {}
        numbers: dict[bytes, int] = {}
        for one in everything:
            assert found.setdefault(one.seq, one) == one, f"number {one.seq} was given away twice"
            assert numbers.setdefault(one.leaf, one.seq) == one.seq, f"0x{one.leaf.hex()} has two numbers"
        return found

    def is_posted(self) -> bool:
        """Whether the chain has reached beyond all that was acknowledged."""
        return self._ground.end(self.lane) > max(self.by_number(), default=-1)

    def reckon(self, fetch: Callable[[Posted], bytes]) -> list[bytes]:
        """Hold the chain against all that was acknowledged; the leaf hashes that were posted, by number.

        ``fetch`` reads a batch as a stranger would.
        """
        posted = self._ground.posted(self.lane)
        leaves: list[bytes] = []
        anchors: list[int] = []
        for one in posted:
            first, count = first_seq_of(one.batch), one.header.count
            assert first == len(leaves), f"batch {first} does not follow number {len(leaves) - 1}"
            leaves += self._leaves(one, fetch)
            anchors += [one.header.anchor] * count
        assert self._ground.end(self.lane) == len(leaves)
        assert len(set(leaves)) == len(leaves), "a receipt was posted twice"
        acknowledged = self.by_number()
        for seq, one in acknowledged.items():
            promise = one.promise.signed.promise
            assert one.promise.signed.signer(self._ground.promise_domain) == self._promiser
            assert promise.lane == self.lane and one.promise.seq == seq and one.promise.holds(one.leaf)
            assert seq < len(leaves), f"number {seq} was promised, but never posted"
            assert leaves[seq] == one.leaf, f"another receipt stands at number {seq}"
            assert anchors[seq] <= promise.include_by, f"number {seq} was posted late"
        return leaves

    def _leaves(self, posted: Posted, fetch: Callable[[Posted], bytes]) -> list[bytes]:
        """The leaf hashes of a batch, by its data. What was read once, under one root, stays what it is."""
        key = (posted.batch, posted.root)
        if key not in self._read:
            first, count, data = first_seq_of(posted.batch), posted.header.count, fetch(posted)
            assert len(data) <= most_bytes(count)
            rebuilt = rebuild_batch(self.lane, first, count, posted.root, data)
            self._read[key] = [leaf.hash if leaf is not None else b"" for leaf in rebuilt.leaves]
        return self._read[key]

    def compare_standings(self, client: httpx.Client, url: str, least: str, most: int = 100) -> None:
        """The relayer itself says of the receipts, or of ``most`` spread over all, what the chain says."""
        every = max(len(self) // most, 1)
        good = {"Posted": ("Posted", "Final"), "Final": ("Final",)}[least]
        for seq, one in sorted(self.by_number().items())[::every]:
            view: Any = client.get(f"{url}/v1/receipts/0x{one.leaf.hex()}").json()
            assert (view["seq"], view["standing"] in good) == (seq, True), view
            assert HeldPromise.from_json(view["promise"]) == one.promise
