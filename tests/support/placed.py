"""Leaves as a consumer's caller hands them in, and answers of the real gateway's model to hand in."""

from functools import cache

import numpy as np

from afterproof.gateway import models
from afterproof.gateway.digits import digits_of
from afterproof.gateway.receipting import issue
from afterproof.gateway.served import ServedDigits
from afterproof.protocol.batching import Batch
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.signing import Signer
from tests.support.pair import encode_words
from tests.support.scene import Scene

#: `PlacedLeaf` as the ABI's tuple.
Placed = tuple[int, int, list[bytes], list[bytes]]

#: No leaf of any batch.
NOWHERE: Placed = (2**256 - 1, 2**256 - 1, [bytes(32)] * 7, [bytes(32)] * 3)


def placed(batch: Batch, index: int = 0) -> Placed:
    """Leaf ``index`` of a posted batch."""
    leaf = batch.leaves[index]
    assert leaf is not None
    return batch.id, index, encode_words(leaf.words), list(batch.tree.proof(index))


@cache
def served() -> ServedDigits:
    """The model ``digits``, as a gateway serves it."""
    return ServedDigits(models.digits())


def answered(scene: Scene, body: bytes, signer: Signer | None = None, age: int = 0) -> tuple[Leaf, bytes]:
    """What a node's gateway makes of the request ``body``: a leaf, and the bytes of the answer."""
    answer = served().infer(body)
    return issue(signer or scene.secp, scene.domain, body, answer, scene.now - age).leaf, answer


@cache
def fooled(tolerance: int = 2) -> tuple[bytes, int, bytes, int]:
    """A picture and its label, and a picture within ``tolerance`` of it that the model reads as another digit."""
    images, labels = models.heldout()
    model = models.digits()
    for picture, label in zip(images.astype(np.int16), labels, strict=True):
        nudged = (picture + np.clip(images - picture, -tolerance, tolerance)).astype(np.uint8)
        digits = digits_of(model.classify(nudged))
        read = digits_of(model.classify(picture.astype(np.uint8)[None]))[0]
        if read == label and (digits != label).any():
            at = int(np.argmax(digits != label))
            return picture.astype(np.uint8).tobytes(), int(label), nudged[at].tobytes(), int(digits[at])
    raise AssertionError(f"nothing within {tolerance} fools the model")
