"""The embedded model: handwritten digits, 8 x 8 pixels, a 64-32-10 network in int8. Pure and integer-exact.

The arithmetic, to the bit, so that anything else (a contract, say) can replay it:

    x       64 pixels, integers 0..16, row-major
    acc[j]  b1[j] + sum_i w1[j][i] * x[i]                                  int32, cannot overflow
    h[j]    min(127, max(0, (acc[j] + 2^(shift-1)) >> shift))              >> is arithmetic: rounds half up
    out[k]  b2[k] + sum_j w2[k][j] * h[j]                                  int32, cannot overflow: the logits
    digit   the smallest k with the largest out[k]

`w1`, `w2` are int8, `b1`, `b2` int32. "Cannot overflow" is checked when a model is made, for every input that
`classify` accepts, so the order of the additions does not matter.

A model's file is big-endian, as EVM words are (2,552 bytes for 64-32-10):

    8 bytes   "APMLP001"
    uint16 x 3  inputs, hidden, outputs      uint8  shift (1..24)      uint8  zero
    int8  [hidden][inputs]   w1              int32 [hidden]   b1
    int8  [outputs][hidden]  w2              int32 [outputs]  b2

Power-of-two requantisation and clamps as in Jacob et al., "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference" (2018), with the multiplier left out.
"""

import struct
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

PIXELS: Final = 64
CLASSES: Final = 10
MAX_PIXEL: Final = 16
_MAX_HIDDEN: Final = 127
_MAGIC: Final = b"APMLP001"
_HEADER: Final = struct.Struct(">8sHHHBB")


@dataclass(frozen=True, eq=False)
class DigitsModel:
    """The weights: `w1` (hidden, 64) int8, `b1` (hidden,) int32, `w2` (10, hidden) int8, `b2` (10,) int32.

    Raises:
        ValueError: shapes or types do not fit, the shift is not in 1..24, or some input could overflow int32.
    """

    w1: NDArray[np.int8]
    b1: NDArray[np.int32]
    w2: NDArray[np.int8]
    b2: NDArray[np.int32]
    shift: int

    def __post_init__(self) -> None:
        hidden = len(self.b1)
        expected = {"w1": (hidden, PIXELS), "b1": (hidden,), "w2": (CLASSES, hidden), "b2": (CLASSES,)}
        for name, shape in expected.items():
            array, dtype = getattr(self, name), np.int8 if name[0] == "w" else np.int32
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"{name} must be {np.dtype(dtype)} of shape {shape}")
        if not 1 <= self.shift <= 24:
            raise ValueError("shift must be from 1 to 24")
        rounding = 1 << (self.shift - 1)
        if (
            _reach(self.w1, self.b1, MAX_PIXEL) + rounding >= 2**31
            or _reach(self.w2, self.b2, _MAX_HIDDEN) >= 2**31
        ):
            raise ValueError("the weights can overflow 32-bit accumulators")

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Logits (n, 10) int32 of `images` (n, 64) uint8, pixels 0..16.

        Raises:
            ValueError: another type or shape, or a pixel above 16.
        """
        if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != PIXELS:
            raise ValueError(f"images must be uint8 of shape (n, {PIXELS})")
        if images.size and images.max() > MAX_PIXEL:
            raise ValueError(f"pixels must be from 0 to {MAX_PIXEL}")
        acc = images.astype(np.int32) @ self.w1.T.astype(np.int32) + self.b1
        hidden = np.clip((acc + np.int32(1 << (self.shift - 1))) >> self.shift, 0, _MAX_HIDDEN)
        logits: NDArray[np.int32] = hidden @ self.w2.T.astype(np.int32) + self.b2
        return logits

    def to_bytes(self) -> bytes:
        """The model's file (layout above)."""
        header = _HEADER.pack(_MAGIC, PIXELS, len(self.b1), CLASSES, self.shift, 0)
        b1, b2 = self.b1.astype(">i4").tobytes(), self.b2.astype(">i4").tobytes()
        return header + self.w1.tobytes() + b1 + self.w2.tobytes() + b2

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The model in a file's bytes.

        Raises:
            ValueError: not such a file, cut short, or longer than it says.
        """
        if len(data) < _HEADER.size:
            raise ValueError("the model's file is shorter than its header")
        magic, inputs, hidden, outputs, shift, zero = _HEADER.unpack_from(data)
        if (magic, inputs, outputs, zero) != (_MAGIC, PIXELS, CLASSES, 0):
            raise ValueError("not a digits model's file")
        sizes = [hidden * inputs, 4 * hidden, outputs * hidden, 4 * outputs]
        if len(data) != _HEADER.size + sum(sizes):
            raise ValueError(
                f"the model's file has {len(data)} bytes, its header says {_HEADER.size + sum(sizes)}"
            )
        w1, b1, w2, b2 = (data[end - size : end] for end, size in zip(_ends(sizes), sizes, strict=True))
        return cls(
            np.frombuffer(w1, np.int8).reshape(hidden, inputs),
            np.frombuffer(b1, ">i4").astype(np.int32),
            np.frombuffer(w2, np.int8).reshape(outputs, hidden),
            np.frombuffer(b2, ">i4").astype(np.int32),
            shift,
        )


def digits_of(logits: NDArray[np.int32]) -> NDArray[np.int64]:
    """The digit (n,) int64 of each row of logits (n, 10): the smallest index of the largest."""
    digits: NDArray[np.int64] = np.argmax(logits, axis=1).astype(np.int64)
    return digits


def _reach(weights: NDArray[np.int8], bias: NDArray[np.int32], largest: int) -> int:
    """The largest magnitude that any partial sum of bias and weights * (0..largest) can have."""
    magnitudes = np.abs(weights.astype(np.int64)).sum(axis=1) * largest + np.abs(bias.astype(np.int64))
    return int(magnitudes.max(initial=0))


def _ends(sizes: list[int]) -> list[int]:
    ends, at = [], _HEADER.size
    for size in sizes:
        at += size
        ends.append(at)
    return ends
