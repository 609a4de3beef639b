"""The collector of cycles while a relayer runs.

collecting_rarely
├── it should look less often within, and still find cycles
└── when it is left, after an error too
    └── everything should be as it was before
"""

import gc
import weakref

import pytest

from afterproof.collecting import YOUNG, collecting_rarely


class Knot:
    """An object that holds itself."""

    def __init__(self) -> None:
        self.own = self


def test_cycles_are_looked_for_rarely_and_still_found() -> None:
    with collecting_rarely():
        assert gc.isenabled() and gc.get_threshold()[0] == YOUNG
        assert gc.get_freeze_count() > 0
        knot = weakref.ref(Knot())
        kept: list[list[int]] = []
        for _ in range(100 * YOUNG):
            kept.append([])
            if knot() is None:
                break
        assert knot() is None


def test_everything_is_as_before_once_it_is_left() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), collecting_rarely():
        raise ZeroDivisionError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
