"""What anyone can ask of ``Settlement``: the read rules, and finality as a view."""

from dataclasses import dataclass

from .attestations import FOREVER
from .batching import TILE, is_timely
from .header import BatchId
from .ledger import Ledger
from .merkle import root_of
from .receipt import Receipt, keccak
from .state import Standing, VoidReason


@dataclass(frozen=True, slots=True)
class TrustGap:
    """The times of a leaf in unix seconds: its trust gap is ``final_at - issued_at``, parted in two by ``posted_at``.

    ``issued_at`` is what the receipt says, any word. ``final_at`` is the first second in which a Final leaf was
    final; of a Posted one the earliest in which it may be; 0 of a Voided one: never.
    """

    issued_at: int
    posted_at: int
    final_at: int


class Views(Ledger):
    """Standing, why, and since when."""

    def standing(
        self, now: int, batch_id: BatchId, index: int, words: bytes, proof: tuple[bytes, ...]
    ) -> Standing:
        """The standing of the leaf with seven ``words``: Unknown, Posted, Final or Voided."""
        if not self.is_included(batch_id, index, keccak(b"\x00" + words), proof):
            return Standing.UNKNOWN
        if self.why_void(now, batch_id, index, words, proof) is not VoidReason.NONE:
            return Standing.VOIDED
        end = self.tile_end(self.batches[batch_id], index // TILE)
        return Standing.FINAL if end is not None and now > end else Standing.POSTED

    def why_void(
        self, now: int, batch_id: BatchId, index: int, words: bytes, proof: tuple[bytes, ...]
    ) -> VoidReason:
        """Why a leaf reads Voided; NONE where it does not or is not there."""
        if not self.is_included(batch_id, index, keccak(b"\x00" + words), proof):
            return VoidReason.NONE
        batch, receipt = self.batches[batch_id], Receipt.from_words(words[:192])
        header, tile = batch.header, index // TILE
        if self.struck_at(batch, tile, now) is not None:
            return VoidReason.STRUCK
        if index in batch.voids:
            return VoidReason.FAULTY
        if not is_timely(receipt.issued_at, header.anchor, self._epoch_of(header).terms):
            return VoidReason.UNTIMELY
        end = self.tile_end(batch, tile)
        if not self.registry.was_live(receipt.node, header.anchor, FOREVER if end is None else end, now):
            return VoidReason.NOT_ENTITLED
        return VoidReason.NONE

    def trust_gap(
        self, now: int, batch_id: BatchId, index: int, words: bytes, proof: tuple[bytes, ...]
    ) -> TrustGap:
        """The times of the leaf with seven ``words``; all zero where it is not there.

        It is Final exactly from ``final_at`` on, unless that is zero. A demand yet to come puts it off; while one is
        open on its tile, ``final_at`` is what it would be were the tile answered now.
        """
        standing = self.standing(now, batch_id, index, words, proof)
        if standing is Standing.UNKNOWN:
            return TrustGap(0, 0, 0)
        batch, issued_at = self.batches[batch_id], Receipt.from_words(words[:192]).issued_at
        if standing is Standing.VOIDED:
            return TrustGap(issued_at, batch.header.anchor, 0)
        end = self.tile_end(batch, index // TILE)
        if end is None:
            end = max(batch.header.window_end, now + self._epoch_of(batch.header).terms.window)
        return TrustGap(issued_at, batch.header.anchor, end + 1)

    def is_included(self, batch_id: BatchId, index: int, leaf_hash: bytes, proof: tuple[bytes, ...]) -> bool:
        """Whether a leaf stands at ``index`` of a batch."""
        posted = self.batches.get(batch_id)
        return posted is not None and root_of(leaf_hash, index, posted.header.count, proof) == posted.root
