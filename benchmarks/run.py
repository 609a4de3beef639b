"""How fast Afterproof is on this machine. Prints `name value unit` lines, each as soon as it is measured.

    python -m benchmarks.run                  everything
    python -m benchmarks.run --only tree      one benchmark, or several: --only tree --only memory
    python -m benchmarks.run --small          toy sizes: whether the benchmarks work; the figures mean nothing

Only figures go to standard output. What a benchmark cannot measure is an error with its name; the others still run,
and the exit code is 1. What each figure means is said in docs/benchmarks.md.
"""

import argparse
import contextlib
import importlib
import logging
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Final, TextIO

from benchmarks.figure import BenchmarkError, Figures, line_of

BENCHMARKS: Final[Mapping[str, str]] = {
    "tree": "benchmarks.tree",
    "promise": "benchmarks.promise",
    "post": "benchmarks.posting",
    "intake": "benchmarks.intake",
    "verify": "benchmarks.verify",
    "verify-memory": "benchmarks.verify_memory",
    "audit": "benchmarks.audit",
    "dispute": "benchmarks.dispute",
    "memory": "benchmarks.memory",
}
"""The modules by name, in the order in which they run. Each has ``figures()``, which yields ``(name, value, unit)``,
and ``small_figures()``: the same of toy sizes."""


def run(
    names: Iterable[str], out: TextIO, small: bool = False, benchmarks: Mapping[str, str] = BENCHMARKS
) -> bool:
    """Measure ``names`` and print their figures to ``out``; whether all could be."""
    seen: set[str] = set()
    good = True
    for name in names:
        started = time.monotonic()
        _say(f"{name} ...")
        try:
            # Whatever a benchmark or a library prints is no figure.
            with contextlib.redirect_stdout(sys.stderr):
                for figure in _figures(benchmarks[name], small):
                    line = line_of(figure)
                    if figure[0] in seen:
                        raise BenchmarkError(f"{figure[0]} was measured before")
                    seen.add(figure[0])
                    print(line, file=out, flush=True)
        except Exception as error:
            good = False
            _say(f"{name}: failed after {time.monotonic() - started:.0f} s: {type(error).__name__}: {error}")
            logging.getLogger(__name__).debug("%s", name, exc_info=error)
        else:
            _say(f"{name}: done in {time.monotonic() - started:.0f} s")
    return good


def _figures(module: str, small: bool) -> Figures:
    found = importlib.import_module(module)
    yield from found.small_figures() if small else found.figures()


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how fast Afterproof is on this machine.")
    parser.add_argument(
        "--only", action="append", choices=list(BENCHMARKS), help="this benchmark; may be repeated"
    )
    parser.add_argument("--small", action="store_true", help="toy sizes: the figures mean nothing")
    parser.add_argument("--verbose", action="store_true", help="with tracebacks")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    if options.verbose:
        logging.getLogger(__name__).setLevel(logging.DEBUG)
    # Told to end is as good as Ctrl-C: whatever a benchmark has started is ended on the way out.
    signal.signal(signal.SIGTERM, _interrupt)
    wanted = set(options.only or BENCHMARKS)
    try:
        good = run((name for name in BENCHMARKS if name in wanted), sys.stdout, options.small)
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
