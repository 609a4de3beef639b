"""Write contracts/crypto/Sha384.sol: the constants of FIPS 180-4, and the rounds that are unrolled from them.

    python -m scripts.generate_sha384           write the file
    python -m scripts.generate_sha384 --check   fail when it differs from what would be written

The constants are computed as sections 4.2.3 and 5.3.4 define them: the first 64 fractional bits of the cube roots of
the first 80 primes, and of the square roots of the ninth to the sixteenth. The text of the library is the template
scripts/templates/Sha384.sol.txt; each line of it that reads `// <<NAME` is replaced by what is generated under that
name.
"""

import argparse
import subprocess
import sys
from itertools import count, islice
from math import isqrt
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
TARGET: Final = ROOT / "contracts/crypto/Sha384.sol"
TEMPLATE: Final = ROOT / "scripts/templates/Sha384.sol.txt"

WORD: Final = 2**64
MASK: Final = hex(WORD - 1)
DOUBLE: Final = hex(WORD + 1)
"""A word times this stands twice in its lane, so that a rotation is a shift: the low 64 bits of it are the result."""

LANES: Final = hex((WORD - 1) * (2**128 + 1))
"""The words of two lanes: the low halves of both halves of an EVM word."""

LANE: Final = 16
"""Bytes from one word of the schedule to the next."""

PAIRS: Final = 4
"""Pairs of the schedule's words in one turn of its loop."""

UNROLLED: Final = 8
"""Rounds in one turn of the loop: after eight of them every variable is back in its place."""


def primes(number: int) -> list[int]:
    """The first ``number`` primes."""
    return list(islice((n for n in count(2) if all(n % d for d in range(2, isqrt(n) + 1))), number))


def cube_root(value: int) -> int:
    """The largest integer whose cube is at most ``value``."""
    low, high = 0, 1 << (value.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= value else (low, middle - 1)
    return low


def round_constants() -> list[int]:
    """K, section 4.2.3."""
    return [cube_root(prime << 192) % WORD for prime in primes(80)]


def initial_state() -> list[int]:
    """H(0) of SHA-384, section 5.3.4."""
    return [isqrt(prime << 128) % WORD for prime in primes(16)[8:]]


def table() -> list[str]:
    """K in memory, two lanes to an EVM word."""
    pairs = zip(*2 * [iter(round_constants())], strict=True)
    return [
        f"mstore(add(m, {hex(32 * i)}), {hex((first << 128) + second)})"
        for i, (first, second) in enumerate(pairs)
    ]


def state() -> list[str]:
    """H(0) in memory, a word each."""
    return [f"mstore(add(state, {hex(32 * i)}), 0x{value:016x})" for i, value in enumerate(initial_state())]


def split() -> list[str]:
    """A block's 16 words, two lanes a time: the first four EVM words of the schedule's eight pairs."""
    lines = []
    for i in range(4):
        lines += [
            f"x := mload(add(chunk, {hex(32 * i)}))",
            f"mstore(add(w, {hex(64 * i)}), or(shl(128, shr(192, x)), and(shr(128, x), mask)))",
            f"mstore(add(w, {hex(64 * i + 32)}), and(or(shl(64, x), and(x, mask)), lanes))",
        ]
    return lines


def schedule() -> list[str]:
    """Four pairs of W[i] = sigma1(W[i - 2]) + W[i - 7] + sigma0(W[i - 15]) + W[i - 16], section 6.4.2 step 1."""
    lines = []
    for i in range(0, PAIRS * LANE * 2, LANE * 2):
        lines += [
            f"x := mload({before(15, i)})",
            "t := shr(7, x)",
            "x := mul(x, double)",
            "t := and(xor(t, xor(shr(1, x), shr(8, x))), lanes)",
            f"x := mload({before(2, i)})",
            "s := shr(6, x)",
            "x := mul(x, double)",
            "s := and(xor(s, xor(shr(19, x), shr(61, x))), lanes)",
            f"mstore({before(0, i)}, and(add(add(mload({before(16, i)}), t), add(mload({before(7, i)}), s)), lanes))",
        ]
    return lines


def before(words: int, offset: int) -> str:
    """The address of so many words before the one that stands ``offset`` bytes after w."""
    distance = offset - LANE * words
    return f"add(w, {distance})" if distance >= 0 else f"sub(w, {-distance})"


def rounds() -> list[str]:
    """Eight rounds of section 6.4.2 step 3, the variables renamed rather than moved."""
    lines = []
    names = list("abcdefgh")
    for i in range(UNROLLED):
        a, b, c, d, e, f, g, h = names
        lines += [
            *twice(e),
            # h + Sigma1(e) + Ch(e, f, g) + K + W
            f"t := add(add(add({h}, {rotations(14, 18, 41)}), xor({g}, and({e}, xor({f}, {g})))), "
            f"add(mload(add(w, {hex(16 * i)})), mload(add(w, {hex(1280 + 16 * i)}))))",
            f"{d} := add({d}, t)",
            *twice(a),
            # t + Sigma0(a) + Maj(a, b, c)
            f"{h} := add(add(t, {rotations(28, 34, 39)}), or(and({a}, {b}), and({c}, or({a}, {b}))))",
        ]
        names = [names[7], *names[:7]]
    return lines


def twice(name: str) -> list[str]:
    """The low 64 bits of a variable, twice at the top of x. What stands above them in the variable is lost."""
    return [f"x := shl(top, {name})", "x := or(x, shr(64, x))"]


def rotations(*counts: int) -> str:
    """The exclusive or of x's word rotated to the right, in the low 64 bits; above them stands anything."""
    first, second, third = (f"shr({128 + count}, x)" for count in counts)
    return f"xor(xor({first}, {second}), {third})"


def add_state() -> list[str]:
    """Section 6.4.2 step 4."""
    return [
        f"mstore(add(w, {hex(32 * i)}), and(add(mload(add(w, {hex(32 * i)})), {name}), mask))"
        for i, name in enumerate("abcdefgh")
    ]


def formatted(text: str) -> str:
    """Solidity as prettier, from the project's toolchain, lays it out."""
    command = [ROOT / ".venv/bin/node", ROOT / "node_modules/.bin/prettier", "--stdin-filepath", TARGET]
    ran = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT, check=True)
    return ran.stdout


def generated() -> str:
    """The whole source file."""
    parts = {
        "TABLE": table(),
        "STATE": state(),
        "SPLIT": split(),
        "SCHEDULE": schedule(),
        "ROUNDS": rounds(),
        "ADD": add_state(),
    }
    lines = []
    for line in TEMPLATE.read_text().splitlines():
        bare = line.strip()
        if bare.startswith("// <<"):
            indent = line[: len(line) - len(bare)]
            lines += [indent + each for each in parts.pop(bare.removeprefix("// <<"))]
        else:
            lines.append(line.replace("<MASK>", MASK).replace("<DOUBLE>", DOUBLE).replace("<LANES>", LANES))
    assert not parts, f"the template has no place for {', '.join(parts)}"
    return formatted("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="Write contracts/crypto/Sha384.sol.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail when it is out of date")
    check = parser.parse_args().check
    text = generated()
    if not check:
        TARGET.write_text(text)
        return 0
    if TARGET.exists() and TARGET.read_text() == text:
        return 0
    print(f"out of date: {TARGET.relative_to(ROOT)}; run python -m scripts.generate_sha384", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
