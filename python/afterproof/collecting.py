"""Python's collector of cycles, told that there are next to none: intake makes many objects that only count goes."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG: Final = 20_000
"""New containers after which the youngest are looked through, instead of 700: a few commits' worth."""


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """What is loaded by now is not looked through again, and what comes is looked through in larger helpings.

    Cycles are still found: no more than some megabytes of them wait.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
