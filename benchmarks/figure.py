"""One figure: its name, value and unit, how it is measured in CPU time, and the line that it is printed as."""

import re
import statistics
import time
from collections.abc import Callable, Iterator
from math import floor, isfinite, log10
from typing import Final

Figure = tuple[str, float, str]
"""Name, value, unit."""

Figures = Iterator[Figure]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_UNIT: Final = re.compile(r"\S+")
_DIGITS: Final = 4


class BenchmarkError(Exception):
    """A figure cannot be measured, or is none."""


def line_of(figure: Figure) -> str:
    """The figure as it is printed: ``name value unit``, four significant digits, never an exponent.

    Raises:
        BenchmarkError: what would not be such a line.
    """
    name, value, unit = figure
    if not _NAME.fullmatch(name):
        raise BenchmarkError(f"{name!r} is no name of a figure: lower-case letters, digits and underscores")
    if not _UNIT.fullmatch(unit):
        raise BenchmarkError(f"{name}: {unit!r} is no unit: one word")
    if not isfinite(value):
        raise BenchmarkError(f"{name}: {value} is no figure")
    return f"{name} {_number(value)} {unit}"


def _number(value: float) -> str:
    if value == int(value):
        return str(int(value))
    places = max(0, _DIGITS - 1 - floor(log10(abs(value))))
    return f"{value:.{places}f}"


def cpu_seconds(work: Callable[[], object], times: int = 1) -> float:
    """The median of what ``work`` takes of this process's CPU time, all threads and the kernel's part included.

    What other processes do meanwhile does not count; that they share caches and clock rate does.
    """
    taken = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return statistics.median(taken)
