"""contracts/crypto/P384Tables.sol: the points that the P-384 verifier knows beforehand.

Odd multiples of G and of 2^192 * G, and the two ends of a walk (afterproof.attestation.p384_hints). Coordinates are in
Montgomery's form for 2^256, as P384Field has them.

The start of walks must be a point whose logarithm nobody knows: x is the first SHA-384("Afterproof P-384 start" . i),
i = 0, 1, ... as one byte, that belongs to a point of the curve; y is the even one.
"""

import hashlib

from sha3 import keccak_256

from afterproof.attestation import p384
from afterproof.attestation.p384 import SIZE, P, Point
from afterproof.attestation.p384_hints import DOUBLINGS, HALF, START, TABLE_SIZE, montgomery

FILE = """// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// Written by scripts/p384 (tables.py), which says how these points are chosen. Do not edit.

/// @title The two ends of a walk, in words and in Montgomery's form, and the hashes of the tables below
library P384Points {{
    /// A point of unknown logarithm, and 2^{doublings} times it.
{ends}
    bytes32 internal constant LOW_TABLE = {low_hash};
    bytes32 internal constant HIGH_TABLE = {high_hash};
}}

{low}
{high}"""

TABLE = """/// @title {what}, as the code of a contract
/// @notice A zero byte, so that it cannot run, then for each multiple x and y, 48 bytes each, in Montgomery's form.
contract {name} {{
    constructor() {{
        bytes memory table =
            hex"00"
{lines};
        // slither-disable-next-line assembly: there is no other way to choose a contract's code
        assembly ("memory-safe") {{
            return(add(table, 32), mload(table))
        }}
    }}
}}
"""


def start() -> Point:
    """The start of walks, from its rule."""
    for number in range(256):
        x = int.from_bytes(hashlib.sha384(b"Afterproof P-384 start" + bytes([number])).digest())
        y = pow(x**3 - 3 * x + p384.B, (P + 1) // 4, P)  # a square root, where there is one: P % 4 == 3
        point = x, y if y % 2 == 0 else P - y
        if p384.on_curve(point):
            return point
    raise AssertionError("no point")


def multiple(scalar: int, point: Point) -> Point:
    """Of a point, for a scalar that is no multiple of the order."""
    product = p384.multiply(scalar, point)
    assert product is not None
    return product


def encoded(number: int) -> bytes:
    """A coordinate as the contracts have it, 48 bytes."""
    return montgomery(number).to_bytes(SIZE)


def table(point: Point) -> bytes:
    """The code that holds the odd multiples of a point."""
    code, twice, odd = b"\0", multiple(2, point), point
    for _ in range(TABLE_SIZE):
        code += encoded(odd[0]) + encoded(odd[1])
        odd = p384.third_point(odd, twice, p384.chord_slope(odd, twice))
    return code


def contract(name: str, what: str, code: bytes) -> str:
    """The Solidity of a table."""
    rows = [code[at : at + SIZE] for at in range(1, len(code), SIZE)]
    lines = "\n".join(f'            hex"{row.hex()}"' for row in rows)
    return TABLE.format(name=name, what=what, lines=lines)


def constants(name: str, point: Point) -> str:
    """The Solidity of a point, four words."""
    words = [
        (part, int.from_bytes(word))
        for axis, number in zip("XY", point, strict=True)
        for part, word in ((f"{axis}_H", encoded(number)[:16]), (f"{axis}_L", encoded(number)[16:]))
    ]
    return "\n".join(f"    uint256 internal constant {name}_{part} = {word:#x};" for part, word in words)


def source() -> str:
    """The content of the file."""
    if start() != START:
        raise SystemExit(
            "START in afterproof/attestation/p384_hints.py must be {:#x}, {:#x}".format(*start())
        )
    low, high = table(p384.G), table(multiple(1 << HALF, p384.G))
    end = multiple(1 << DOUBLINGS, START)
    last = 2 * TABLE_SIZE - 1
    return FILE.format(
        doublings=DOUBLINGS,
        ends=constants("START", START) + "\n" + constants("END", end),
        low_hash="0x" + keccak_256(low).hexdigest(),
        high_hash="0x" + keccak_256(high).hexdigest(),
        low=contract("P384TableLow", f"1, 3, 5, ..., {last} times G", low),
        high=contract("P384TableHigh", f"1, 3, 5, ..., {last} times 2^{HALF} * G", high),
    )
