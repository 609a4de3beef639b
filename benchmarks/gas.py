"""What using the contracts costs, in gas, on a real node under osaka's rules. Prints `name gas` lines, sorted.

    python -m benchmarks.gas            print the figures
    python -m benchmarks.gas --write    and bring benchmarks/gas.txt up to date

What is measured is said in benchmarks/gas_figures.py, one function a figure; the scene is benchmarks/gas_stage.py.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.gas_chain import GasError
from benchmarks.gas_figures import FIGURES
from benchmarks.gas_stage import stage

TABLE = Path(__file__).with_name("gas.txt")


def measure() -> dict[str, int]:
    """Every figure by its name, each measured from the same start. Raises GasError."""
    figures = {}
    with stage() as set_up:
        for name, figure in FIGURES.items():
            try:
                with set_up.undone():
                    figures[name] = figure(set_up)
            except GasError as error:
                raise GasError(f"{name} cannot be measured: {error}") from error
    return figures


def table(figures: dict[str, int]) -> str:
    """The figures as they stand in the committed table."""
    return "".join(f"{name} {gas}\n" for name, gas in sorted(figures.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what using the contracts costs, in gas.")
    parser.add_argument("--write", action="store_true", help=f"bring benchmarks/{TABLE.name} up to date")
    write = parser.parse_args().write
    try:
        shown = table(measure())
    except GasError as error:
        print(error, file=sys.stderr)
        return 1
    print(shown, end="")
    if write and (not TABLE.exists() or TABLE.read_text() != shown):
        TABLE.write_text(shown)
        print(
            f"benchmarks/{TABLE.name} was out of date: look at what changed, and commit it", file=sys.stderr
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
