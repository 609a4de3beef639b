"""Write the generated Solidity of the P-384 verifier: contracts/crypto/P384Tables.sol and P384Steps.sol.

python -m scripts.p384            write what has changed
python -m scripts.p384 --check    change nothing; fail when a file is not what this writes
"""

import argparse
import sys

from scripts.compile import CONTRACTS
from scripts.p384 import tables

GENERATED = {"P384Tables.sol": tables.source}


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the generated Solidity of the P-384 verifier.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail when out of date")
    check = parser.parse_args().check
    stale = False
    for name, source in GENERATED.items():
        path, written = CONTRACTS / "crypto" / name, source()
        if not path.exists() or path.read_text() != written:
            stale = True
            print(
                f"{name} {'is out of date: run python -m scripts.p384' if check else 'written'}",
                file=sys.stderr,
            )
            if not check:
                path.write_text(written)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
