"""What anyone can ask of ``Settlement``: the read rules, and finality as a view."""

from .batching import TILE, is_timely
from .header import BatchId
from .ledger import Ledger
from .merkle import root_of
from .receipt import Receipt, keccak
from .registry import FOREVER
from .state import Standing, VoidReason


class Views(Ledger):
    """Standing, and why."""

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
        if not self.registry.was_live(receipt.node, header.anchor, FOREVER if end is None else end):
            return VoidReason.NOT_ENTITLED
        return VoidReason.NONE

    def is_included(self, batch_id: BatchId, index: int, leaf_hash: bytes, proof: tuple[bytes, ...]) -> bool:
        """Whether a leaf stands at ``index`` of a batch."""
        posted = self.batches.get(batch_id)
        return posted is not None and root_of(leaf_hash, index, posted.header.count, proof) == posted.root
