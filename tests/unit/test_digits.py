"""The embedded digits model.

the committed model
├── classifies at least 96 % of the held-out images
├── gives, bit for bit, what plain Python integers give
│   ├── for every image of the data set
│   └── for any pixels, and for those that push each hidden unit to its ends
└── survives a round trip through its file
the held-out images
└── are scikit-learn's rows, 36 of each digit
training again
└── gives the committed split, and a model as good that agrees with the committed one
anything that is no model or no image
└── is refused
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from afterproof.gateway import models
from afterproof.gateway.digits import DigitsModel, digits_of
from scripts import train_digits

MODEL = models.digits()
ACCURATE = 0.96


def plain_logits(model: DigitsModel, pixels: list[int]) -> list[int]:
    """The arithmetic of the module's docstring in unbounded Python integers."""
    w1, b1, w2, b2 = (array.tolist() for array in (model.w1, model.b1, model.w2, model.b2))
    hidden = []
    for weights, bias in zip(w1, b1, strict=True):
        acc = bias + sum(w * x for w, x in zip(weights, pixels, strict=True))
        assert -(2**31) <= acc < 2**31 - 2 ** (model.shift - 1)
        hidden.append(min(127, max(0, (acc + 2 ** (model.shift - 1)) >> model.shift)))
    return [
        bias + sum(w * h for w, h in zip(row, hidden, strict=True)) for row, bias in zip(w2, b2, strict=True)
    ]


def as_images(rows: list[list[int]]) -> NDArray[np.uint8]:
    return np.array(rows, dtype=np.uint8)


def test_classify_held_out_images_are_accurate() -> None:
    images, labels = models.heldout()
    assert (digits_of(MODEL.classify(images)) == labels).mean() >= ACCURATE


def test_classify_every_image_equals_plain_integers() -> None:
    images = load_digits().data.astype(np.uint8)
    logits = MODEL.classify(images)
    assert logits.dtype == np.int32
    assert logits.tolist() == [plain_logits(MODEL, row) for row in images.tolist()]


@given(st.lists(st.sampled_from([0, 1, 8, 15, 16]), min_size=64, max_size=64))
def test_classify_any_pixels_equal_plain_integers(pixels: list[int]) -> None:
    assert MODEL.classify(as_images([pixels]))[0].tolist() == plain_logits(MODEL, pixels)


def test_classify_extremes_of_each_hidden_unit_equal_plain_integers() -> None:
    highest = np.where(MODEL.w1 > 0, 16, 0)
    rows = [*highest.tolist(), *(16 - highest).tolist(), [0] * 64, [16] * 64]
    assert MODEL.classify(as_images(rows)).tolist() == [plain_logits(MODEL, row) for row in rows]


def test_digits_of_a_tie_is_the_smallest() -> None:
    assert digits_of(np.array([[3, 7, 7, 0, 0, 0, 0, 0, 0, 7]], dtype=np.int32)).tolist() == [1]


def test_file_round_trip_is_the_committed_file() -> None:
    committed = (Path(models.__file__).parent / models.WEIGHTS_FILE).read_bytes()
    assert len(committed) == 2552
    assert DigitsModel.from_bytes(committed).to_bytes() == committed


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:10], "shorter than its header"),
        (lambda data: data[:-1], "2551 bytes, its header says 2552"),
        (lambda data: data + b"\0", "2553 bytes"),
        (lambda data: b"X" + data[1:], "not a digits model"),
        (lambda data: data[:14] + b"\0" + data[15:], "shift must be from 1 to 24"),
        (lambda data: data[:-4] + b"\x7f\xff\xff\xff", "overflow"),
    ],
)
def test_file_damaged_is_refused(damage: Callable[[bytes], bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DigitsModel.from_bytes(damage(MODEL.to_bytes()))


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 63), np.uint8),
        np.zeros(64, np.uint8),
        np.zeros((1, 64), np.int8),
        np.full((1, 64), 17, np.uint8),
    ],
)
def test_classify_what_is_no_image_is_refused(images: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="must be"):
        MODEL.classify(images)


def test_classify_no_images_gives_no_logits() -> None:
    assert MODEL.classify(np.zeros((0, 64), np.uint8)).shape == (0, 10)


def test_heldout_equals_the_rows_of_the_data_set() -> None:
    (images, labels), rows, source = models.heldout(), models.heldout_rows(), load_digits()
    assert (images == source.data[rows]).all() and (labels == source.target[rows]).all()
    assert len(set(rows.tolist())) == 360 and np.bincount(labels).tolist() == [36] * 10


def test_training_again_is_as_good_and_agrees(tmp_path: Path) -> None:
    train_digits.main(str(tmp_path))
    again = DigitsModel.from_bytes((tmp_path / models.WEIGHTS_FILE).read_bytes())
    with np.load(tmp_path / models.HELDOUT_FILE) as arrays:
        assert (arrays["rows"] == models.heldout_rows()).all()
    images, labels = models.heldout()
    digits = digits_of(again.classify(images))
    assert (digits == labels).mean() >= ACCURATE
    assert (digits == digits_of(MODEL.classify(images))).mean() >= 0.97
