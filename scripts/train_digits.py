"""Train the embedded digits classifier and write its committed files. Takes some two seconds.

    .venv/bin/python scripts/train_digits.py [FOLDER]

Data: scikit-learn's 1,797 handwritten digits, 1,437 rows for training and 360 (36 of each digit) held out.
The held-out rows are drawn once with a fixed seed; the settings below were chosen by 5-fold cross-validation
within the training rows (98.6 %), never by the held-out ones. Training is plain numpy with a fixed seed: the
same numpy on the same processor writes the same bytes; another may round differently and move some weights.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from afterproof.gateway import models
from afterproof.gateway.digits import CLASSES, PIXELS, DigitsModel, digits_of

Floats = NDArray[np.float64]
Parameters = list[Floats]  # W1 (32, 64), b1 (32,), W2 (10, 32), b2 (10,), on pixels scaled to 0..1

SPLIT_SEED, TRAIN_SEED = 2025, 7
HELD_OUT_PER_DIGIT = 36
HIDDEN, EPOCHS, BATCH = 32, 200, 64
LEARNING_RATE, WEIGHT_DECAY = 0.01, 0.01
SHIFTED_SHARE = 0.15  # of the images of an epoch are moved by up to one pixel each way
SMOOTHING = 0.1


def load() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """scikit-learn's digits: images (1797, 64) uint8 0..16 and labels (1797,)."""
    data = load_digits()
    return data.data.astype(np.uint8), data.target.astype(np.int64)


def held_out_rows(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows kept from training, ascending: 36 of each digit."""
    rng = np.random.default_rng(SPLIT_SEED)
    per_digit = [
        rng.permutation(np.flatnonzero(labels == digit))[:HELD_OUT_PER_DIGIT] for digit in range(CLASSES)
    ]
    return np.sort(np.concatenate(per_digit))


def train(images: NDArray[np.uint8], labels: NDArray[np.int64], seed: int = TRAIN_SEED) -> Parameters:
    """Float parameters after AdamW with a cosine schedule on smoothed cross-entropy."""
    rng = np.random.default_rng(seed)
    parameters = [
        rng.normal(0, np.sqrt(2 / PIXELS), (HIDDEN, PIXELS)),
        np.zeros(HIDDEN),
        rng.normal(0, np.sqrt(2 / HIDDEN), (CLASSES, HIDDEN)),
        np.zeros(CLASSES),
    ]
    means, squares = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    targets = np.full((CLASSES, CLASSES), SMOOTHING / CLASSES) + np.eye(CLASSES) * (1 - SMOOTHING)
    step = 0
    for epoch in range(EPOCHS):
        pixels = _some_shifted(images, rng) / 16
        rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        order = rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            step += 1
            gradients = _gradients(parameters, pixels[rows], targets[labels[rows]])
            for p, gradient, mean, square in zip(parameters, gradients, means, squares, strict=True):
                mean += 0.1 * (gradient - mean)
                square += 0.001 * (gradient**2 - square)
                p -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
                if p.ndim == 2:
                    p -= rate * WEIGHT_DECAY * p
    return parameters


def quantise(parameters: Parameters, images: NDArray[np.uint8]) -> DigitsModel:
    """The int8 model: every scale the largest power of two that fits; `images` calibrate the hidden layer."""
    w1, b1, w2, b2 = parameters[0] / 16, *parameters[1:]
    hidden = np.maximum(images @ w1.T + b1, 0)
    scale1, scale2 = _fitting_power(np.abs(w1).max()), _fitting_power(np.abs(w2).max())
    scale_hidden = _fitting_power(np.percentile(hidden, 99.9))  # the rarest peaks are clamped
    return DigitsModel(
        _rounded(w1, scale1).astype(np.int8),
        _rounded(b1, scale1).astype(np.int32),
        _rounded(w2, scale2).astype(np.int8),
        _rounded(b2, scale2 + scale_hidden).astype(np.int32),
        scale1 - scale_hidden,
    )


def accuracy(model: DigitsModel, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> float:
    """The share of `images` that `model` classifies as `labels`."""
    return float((digits_of(model.classify(images)) == labels).mean())


def _gradients(parameters: Parameters, x: Floats, targets: Floats) -> Parameters:
    w1, b1, w2, b2 = parameters
    before = x @ w1.T + b1
    hidden = np.maximum(before, 0)
    out = hidden @ w2.T + b2
    odds = np.exp(out - out.max(axis=1, keepdims=True))
    error = (odds / odds.sum(axis=1, keepdims=True) - targets) / len(x)
    back = (error @ w2) * (before > 0)
    return [back.T @ x, back.sum(axis=0), error.T @ hidden, error.sum(axis=0)]


def _some_shifted(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    count, eight = len(images), np.arange(8)
    padded = np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    down, right = rng.integers(0, 3, (2, count, 1, 1))
    every = np.arange(count)[:, None, None]
    shifted = padded[every, down + eight[:, None], right + eight].reshape(-1, PIXELS)
    return np.where(rng.random((count, 1)) < SHIFTED_SHARE, shifted, images)


def _fitting_power(largest: float) -> int:
    return int(np.floor(np.log2(127 / largest)))


def _rounded(values: Floats, power: int) -> Floats:
    rounded: Floats = np.rint(values * 2.0**power)
    return rounded


def main(folder: str | None = None) -> None:
    """Train, quantise, write both files into `folder` (by default the package's), say how good it is."""
    target = Path(folder) if folder else Path(models.__file__).parent
    images, labels = load()
    held = held_out_rows(labels)
    rest = np.setdiff1d(np.arange(len(images)), held)
    model = quantise(train(images[rest], labels[rest]), images[rest])
    (target / models.WEIGHTS_FILE).write_bytes(model.to_bytes())
    np.savez_compressed(
        target / models.HELDOUT_FILE,
        images=images[held],
        labels=labels[held].astype(np.uint8),
        rows=held.astype(np.uint16),
    )
    print(
        f"{len(model.to_bytes())} bytes of weights, requantisation shift {model.shift}; accuracy "
        f"{accuracy(model, images[rest], labels[rest]):.4f} on {len(rest)} training images, "
        f"{accuracy(model, images[held], labels[held]):.4f} on {len(held)} held-out images"
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
