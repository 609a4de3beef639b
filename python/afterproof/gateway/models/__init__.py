"""The committed files of the embedded model, written by ``scripts/train_digits.py``.

digits.bin           the weights, in the format of :mod:`afterproof.gateway.digits`
digits_heldout.npz   360 images the training never saw, 36 of each digit, from scikit-learn's ``load_digits``
                     (UCI "Optical Recognition of Handwritten Digits", CC BY 4.0): ``images`` (360, 64)
                     uint8 0..16, ``labels`` (360,) uint8, ``rows`` (360,) uint16, the rows of that data set
"""

from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from ..digits import DigitsModel

WEIGHTS_FILE = "digits.bin"
HELDOUT_FILE = "digits_heldout.npz"


@cache
def digits() -> DigitsModel:
    """The committed digits classifier."""
    return DigitsModel.from_bytes(files(__name__).joinpath(WEIGHTS_FILE).read_bytes())


def heldout() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The held-out ``(images, labels)``: (360, 64) and (360,), both uint8, pixels 0..16."""
    with (
        files(__name__).joinpath(HELDOUT_FILE).open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return arrays["images"], arrays["labels"]


def heldout_rows() -> NDArray[np.uint16]:
    """Which rows of scikit-learn's data set :func:`heldout` holds, ascending."""
    with (
        files(__name__).joinpath(HELDOUT_FILE).open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        rows: NDArray[np.uint16] = arrays["rows"]
        return rows
