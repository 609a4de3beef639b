// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// Written by scripts/generate_sha384.py from scripts/templates/Sha384.sol.txt: change those.

/// @title SHA-384 (FIPS 180-4)
/// @notice A digest is a number of 384 bits in two words, as ECDSA takes it: the high 128 bits, and the low 256.
/// @dev Assembly: 27k gas a block of 128 bytes against 520k; `Sha384Harness` holds the plain version, and the tests keep
/// the two and Python's `hashlib` equal. Works in free memory, wherever that begins, and moves nothing that is allocated;
/// what it leaves there is not zero, which Solidity never expects of free memory.
///
///     from the free memory pointer
///     0     1280  K, 80 constants, each in the low half of 16 bytes
///     1280  1280  the schedule W, 80 words, likewise
///     2560  256   the state, a word each
///     2816  192   where the message ends, the block at hand, and the four constants that follow
///     3008        the message, padded to whole blocks
///
/// An EVM word read anywhere in the schedule is two lanes of 128 bits, W[i] and W[i + 1], so that the schedule is
/// computed two words at a time. A word that stands twice in its lane is rotated by one shift. Sums are not reduced
/// before they must be: what stands above the low 64 bits never gets into them.
library Sha384 {
    uint256 private constant MESSAGE = 3008;

    /// @notice The digest of `message`.
    function digest(bytes memory message) internal pure returns (uint256 high, uint256 low) {
        // slither-disable-next-line assembly: 27k gas a block against 520k; the plain version is in Sha384Harness
        assembly ("memory-safe") {
            mcopy(add(mload(0x40), MESSAGE), add(message, 32), mload(message))
        }
        return _digest(message.length);
    }

    /// @notice The digest of a piece of calldata.
    function digestCalldata(bytes calldata message) internal pure returns (uint256 high, uint256 low) {
        // slither-disable-next-line assembly: 27k gas a block against 520k; the plain version is in Sha384Harness
        assembly ("memory-safe") {
            calldatacopy(add(mload(0x40), MESSAGE), message.offset, message.length)
        }
        return _digest(message.length);
    }

    /// The digest of the `length` bytes that stand at MESSAGE, wherever free memory begins.
    function _digest(uint256 length) private pure returns (uint256 high, uint256 low) {
        // 27k gas a block against 520k; the plain version is in Sha384Harness. The digits are generated.
        // slither-disable-start assembly,too-many-digits
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(add(m, 0x0), 0x428a2f98d728ae2200000000000000007137449123ef65cd)
            mstore(add(m, 0x20), 0xb5c0fbcfec4d3b2f0000000000000000e9b5dba58189dbbc)
            mstore(add(m, 0x40), 0x3956c25bf348b538000000000000000059f111f1b605d019)
            mstore(add(m, 0x60), 0x923f82a4af194f9b0000000000000000ab1c5ed5da6d8118)
            mstore(add(m, 0x80), 0xd807aa98a3030242000000000000000012835b0145706fbe)
            mstore(add(m, 0xa0), 0x243185be4ee4b28c0000000000000000550c7dc3d5ffb4e2)
            mstore(add(m, 0xc0), 0x72be5d74f27b896f000000000000000080deb1fe3b1696b1)
            mstore(add(m, 0xe0), 0x9bdc06a725c712350000000000000000c19bf174cf692694)
            mstore(add(m, 0x100), 0xe49b69c19ef14ad20000000000000000efbe4786384f25e3)
            mstore(add(m, 0x120), 0xfc19dc68b8cd5b50000000000000000240ca1cc77ac9c65)
            mstore(add(m, 0x140), 0x2de92c6f592b027500000000000000004a7484aa6ea6e483)
            mstore(add(m, 0x160), 0x5cb0a9dcbd41fbd4000000000000000076f988da831153b5)
            mstore(add(m, 0x180), 0x983e5152ee66dfab0000000000000000a831c66d2db43210)
            mstore(add(m, 0x1a0), 0xb00327c898fb213f0000000000000000bf597fc7beef0ee4)
            mstore(add(m, 0x1c0), 0xc6e00bf33da88fc20000000000000000d5a79147930aa725)
            mstore(add(m, 0x1e0), 0x6ca6351e003826f0000000000000000142929670a0e6e70)
            mstore(add(m, 0x200), 0x27b70a8546d22ffc00000000000000002e1b21385c26c926)
            mstore(add(m, 0x220), 0x4d2c6dfc5ac42aed000000000000000053380d139d95b3df)
            mstore(add(m, 0x240), 0x650a73548baf63de0000000000000000766a0abb3c77b2a8)
            mstore(add(m, 0x260), 0x81c2c92e47edaee6000000000000000092722c851482353b)
            mstore(add(m, 0x280), 0xa2bfe8a14cf103640000000000000000a81a664bbc423001)
            mstore(add(m, 0x2a0), 0xc24b8b70d0f897910000000000000000c76c51a30654be30)
            mstore(add(m, 0x2c0), 0xd192e819d6ef52180000000000000000d69906245565a910)
            mstore(add(m, 0x2e0), 0xf40e35855771202a0000000000000000106aa07032bbd1b8)
            mstore(add(m, 0x300), 0x19a4c116b8d2d0c800000000000000001e376c085141ab53)
            mstore(add(m, 0x320), 0x2748774cdf8eeb99000000000000000034b0bcb5e19b48a8)
            mstore(add(m, 0x340), 0x391c0cb3c5c95a6300000000000000004ed8aa4ae3418acb)
            mstore(add(m, 0x360), 0x5b9cca4f7763e3730000000000000000682e6ff3d6b2b8a3)
            mstore(add(m, 0x380), 0x748f82ee5defb2fc000000000000000078a5636f43172f60)
            mstore(add(m, 0x3a0), 0x84c87814a1f0ab7200000000000000008cc702081a6439ec)
            mstore(add(m, 0x3c0), 0x90befffa23631e280000000000000000a4506cebde82bde9)
            mstore(add(m, 0x3e0), 0xbef9a3f7b2c679150000000000000000c67178f2e372532b)
            mstore(add(m, 0x400), 0xca273eceea26619c0000000000000000d186b8c721c0c207)
            mstore(add(m, 0x420), 0xeada7dd6cde0eb1e0000000000000000f57d4f7fee6ed178)
            mstore(add(m, 0x440), 0x6f067aa72176fba00000000000000000a637dc5a2c898a6)
            mstore(add(m, 0x460), 0x113f9804bef90dae00000000000000001b710b35131c471b)
            mstore(add(m, 0x480), 0x28db77f523047d84000000000000000032caab7b40c72493)
            mstore(add(m, 0x4a0), 0x3c9ebe0a15c9bebc0000000000000000431d67c49c100d4c)
            mstore(add(m, 0x4c0), 0x4cc5d4becb3e42b60000000000000000597f299cfc657e2a)
            mstore(add(m, 0x4e0), 0x5fcb6fab3ad6faec00000000000000006c44198c4a475817)
            let state := add(m, 2560)
            mstore(add(state, 0x0), 0xcbbb9d5dc1059ed8)
            mstore(add(state, 0x20), 0x629a292a367cd507)
            mstore(add(state, 0x40), 0x9159015a3070dd17)
            mstore(add(state, 0x60), 0x152fecd8f70e5939)
            mstore(add(state, 0x80), 0x67332667ffc00b31)
            mstore(add(state, 0xa0), 0x8eb44a8768581511)
            mstore(add(state, 0xc0), 0xdb0c2e0d64f98fa7)
            mstore(add(state, 0xe0), 0x47b5481dbefa4fa4)

            // Section 5.1.2: a one bit, zeros, and the length in bits as 128 bits, to whole blocks.
            let message := add(m, MESSAGE)
            let padded := and(add(length, 144), not(127))
            calldatacopy(add(message, length), calldatasize(), sub(padded, length))
            mstore8(add(message, length), 0x80)
            let last := add(message, sub(padded, 32))
            mstore(last, or(mload(last), shl(3, length)))
            mstore(add(m, 2816), add(message, padded))
            // In memory, because the compiler computes such constants anew at each use, for four times the gas.
            mstore(add(m, 2880), 0xffffffffffffffff)
            mstore(add(m, 2912), 0xffffffffffffffff0000000000000000ffffffffffffffff)
            mstore(add(m, 2944), 0x10000000000000001)
            mstore(add(m, 2976), 192)

            for {
                mstore(add(m, 2848), message)
            } lt(mload(add(mload(0x40), 2848)), mload(add(mload(0x40), 2816))) {
                let next := add(mload(0x40), 2848)
                mstore(next, add(mload(next), 128))
            } {
                let w := add(mload(0x40), 1280)
                let x
                let t
                let s
                let mask := mload(add(w, 1600))
                let double := mload(add(w, 1664))
                let lanes := mload(add(w, 1632))
                {
                    let chunk := mload(add(w, 1568))
                    x := mload(add(chunk, 0x0))
                    mstore(add(w, 0x0), or(shl(128, shr(192, x)), and(shr(128, x), mask)))
                    mstore(add(w, 0x20), and(or(shl(64, x), and(x, mask)), lanes))
                    x := mload(add(chunk, 0x20))
                    mstore(add(w, 0x40), or(shl(128, shr(192, x)), and(shr(128, x), mask)))
                    mstore(add(w, 0x60), and(or(shl(64, x), and(x, mask)), lanes))
                    x := mload(add(chunk, 0x40))
                    mstore(add(w, 0x80), or(shl(128, shr(192, x)), and(shr(128, x), mask)))
                    mstore(add(w, 0xa0), and(or(shl(64, x), and(x, mask)), lanes))
                    x := mload(add(chunk, 0x60))
                    mstore(add(w, 0xc0), or(shl(128, shr(192, x)), and(shr(128, x), mask)))
                    mstore(add(w, 0xe0), and(or(shl(64, x), and(x, mask)), lanes))
                }
                // Section 6.4.2 step 1, two words a time. What a shift moves from one lane into the other is masked.
                w := add(w, 256)
                for {
                    let limit := add(w, 1024)
                } lt(w, limit) {
                    w := add(w, 128)
                } {
                    x := mload(sub(w, 240))
                    t := shr(7, x)
                    x := mul(x, double)
                    t := and(xor(t, xor(shr(1, x), shr(8, x))), lanes)
                    x := mload(sub(w, 32))
                    s := shr(6, x)
                    x := mul(x, double)
                    s := and(xor(s, xor(shr(19, x), shr(61, x))), lanes)
                    mstore(add(w, 0), and(add(add(mload(sub(w, 256)), t), add(mload(sub(w, 112)), s)), lanes))
                    x := mload(sub(w, 208))
                    t := shr(7, x)
                    x := mul(x, double)
                    t := and(xor(t, xor(shr(1, x), shr(8, x))), lanes)
                    x := mload(add(w, 0))
                    s := shr(6, x)
                    x := mul(x, double)
                    s := and(xor(s, xor(shr(19, x), shr(61, x))), lanes)
                    mstore(add(w, 32), and(add(add(mload(sub(w, 224)), t), add(mload(sub(w, 80)), s)), lanes))
                    x := mload(sub(w, 176))
                    t := shr(7, x)
                    x := mul(x, double)
                    t := and(xor(t, xor(shr(1, x), shr(8, x))), lanes)
                    x := mload(add(w, 32))
                    s := shr(6, x)
                    x := mul(x, double)
                    s := and(xor(s, xor(shr(19, x), shr(61, x))), lanes)
                    mstore(add(w, 64), and(add(add(mload(sub(w, 192)), t), add(mload(sub(w, 48)), s)), lanes))
                    x := mload(sub(w, 144))
                    t := shr(7, x)
                    x := mul(x, double)
                    t := and(xor(t, xor(shr(1, x), shr(8, x))), lanes)
                    x := mload(add(w, 64))
                    s := shr(6, x)
                    x := mul(x, double)
                    s := and(xor(s, xor(shr(19, x), shr(61, x))), lanes)
                    mstore(add(w, 96), and(add(add(mload(sub(w, 160)), t), add(mload(sub(w, 16)), s)), lanes))
                }

                // Step 2.
                w := add(mload(0x40), 2560)
                let a := mload(w)
                let b := mload(add(w, 0x20))
                let c := mload(add(w, 0x40))
                let d := mload(add(w, 0x60))
                let e := mload(add(w, 0x80))
                let f := mload(add(w, 0xa0))
                let g := mload(add(w, 0xc0))
                let h := mload(add(w, 0xe0))
                let top := mload(add(w, 416))
                // Section 6.4.2 step 3. K[i] and W[i] are the low 64 bits of the words that end with them.
                w := sub(mload(0x40), 16)
                for {} lt(w, add(mload(0x40), 1264)) {
                    w := add(w, 128)
                } {
                    x := shl(top, e)
                    x := or(x, shr(64, x))
                    t := add(
                        add(
                            add(h, xor(xor(shr(142, x), shr(146, x)), shr(169, x))),
                            xor(g, and(e, xor(f, g)))
                        ),
                        add(mload(add(w, 0x0)), mload(add(w, 0x500)))
                    )
                    d := add(d, t)
                    x := shl(top, a)
                    x := or(x, shr(64, x))
                    h := add(
                        add(t, xor(xor(shr(156, x), shr(162, x)), shr(167, x))),
                        or(and(a, b), and(c, or(a, b)))
                    )
                    x := shl(top, d)
                    x := or(x, shr(64, x))
                    t := add(
                        add(
                            add(g, xor(xor(shr(142, x), shr(146, x)), shr(169, x))),
                            xor(f, and(d, xor(e, f)))
                        ),
                        add(mload(add(w, 0x10)), mload(add(w, 0x510)))
                    )
                    c := add(c, t)
                    x := shl(top, h)
                    x := or(x, shr(64, x))
                    g := add(
                        add(t, xor(xor(shr(156, x), shr(162, x)), shr(167, x))),
                        or(and(h, a), and(b, or(h, a)))
                    )
                    x := shl(top, c)
                    x := or(x, shr(64, x))
                    t := add(
                        add(
                            add(f, xor(xor(shr(142, x), shr(146, x)), shr(169, x))),
                            xor(e, and(c, xor(d, e)))
                        ),
                        add(mload(add(w, 0x20)), mload(add(w, 0x520)))
                    )
                    b := add(b, t)
                    x := shl(top, g)
                    x := or(x, shr(64, x))
                    f := add(
                        add(t, xor(xor(shr(156, x), shr(162, x)), shr(167, x))),
                        or(and(g, h), and(a, or(g, h)))
                    )
                    x := shl(top, b)
                    x := or(x, shr(64, x))
                    t := add(
                        add(
                            add(e, xor(xor(shr(142, x), shr(146, x)), shr(169, x))),
                            xor(d, and(b, xor(c, d)))
                        ),
                        add(mload(add(w, 0x30)), mload(add(w, 0x530)))
                    )
                    a := add(a, t)
                    x := shl(top, f)
                    x := or(x, shr(64, x))
                    e := add(
                        add(t, xor(xor(shr(156, x), shr(162, x)), shr(167, x))),
                        or(and(f, g), and(h, or(f, g)))
                    )
                    x := shl(top, a)
                    x := or(x, shr(64, x))
                    t := add(
                        add(
                            add(d, xor(xor(shr(142, x), shr(146, x)), shr(169, x))),
                            xor(c, and(a, xor(b, c)))
                        ),
                        add(mload(add(w, 0x40)), mload(add(w, 0x540)))
                    )
                    h := add(h, t)
                    x := shl(top, e)
                    x := or(x, shr(64, x))
                    d := add(
                        add(t, xor(xor(shr(156, x), shr(162, x)), shr(167, x))),
                        or(and(e, f), and(g, or(e, f)))
                    )
                    x := shl(top, h)
                    x := or(x, shr(64, x))
                    t := add(
                        add(
                            add(c, xor(xor(shr(142, x), shr(146, x)), shr(169, x))),
                            xor(b, and(h, xor(a, b)))
                        ),
                        add(mload(add(w, 0x50)), mload(add(w, 0x550)))
                    )
                    g := add(g, t)
                    x := shl(top, d)
                    x := or(x, shr(64, x))
                    c := add(
                        add(t, xor(xor(shr(156, x), shr(162, x)), shr(167, x))),
                        or(and(d, e), and(f, or(d, e)))
                    )
                    x := shl(top, g)
                    x := or(x, shr(64, x))
                    t := add(
                        add(
                            add(b, xor(xor(shr(142, x), shr(146, x)), shr(169, x))),
                            xor(a, and(g, xor(h, a)))
                        ),
                        add(mload(add(w, 0x60)), mload(add(w, 0x560)))
                    )
                    f := add(f, t)
                    x := shl(top, c)
                    x := or(x, shr(64, x))
                    b := add(
                        add(t, xor(xor(shr(156, x), shr(162, x)), shr(167, x))),
                        or(and(c, d), and(e, or(c, d)))
                    )
                    x := shl(top, f)
                    x := or(x, shr(64, x))
                    t := add(
                        add(
                            add(a, xor(xor(shr(142, x), shr(146, x)), shr(169, x))),
                            xor(h, and(f, xor(g, h)))
                        ),
                        add(mload(add(w, 0x70)), mload(add(w, 0x570)))
                    )
                    e := add(e, t)
                    x := shl(top, b)
                    x := or(x, shr(64, x))
                    a := add(
                        add(t, xor(xor(shr(156, x), shr(162, x)), shr(167, x))),
                        or(and(b, c), and(d, or(b, c)))
                    )
                }
                // By another way than before, or the compiler would keep eight addresses on its stack throughout the rounds.
                w := add(w, 1296)
                // Step 4.
                mstore(add(w, 0x0), and(add(mload(add(w, 0x0)), a), mask))
                mstore(add(w, 0x20), and(add(mload(add(w, 0x20)), b), mask))
                mstore(add(w, 0x40), and(add(mload(add(w, 0x40)), c), mask))
                mstore(add(w, 0x60), and(add(mload(add(w, 0x60)), d), mask))
                mstore(add(w, 0x80), and(add(mload(add(w, 0x80)), e), mask))
                mstore(add(w, 0xa0), and(add(mload(add(w, 0xa0)), f), mask))
                mstore(add(w, 0xc0), and(add(mload(add(w, 0xc0)), g), mask))
                mstore(add(w, 0xe0), and(add(mload(add(w, 0xe0)), h), mask))
            }
            state := add(mload(0x40), 2560)
            high := or(shl(64, mload(state)), mload(add(state, 0x20)))
            low := or(
                or(shl(192, mload(add(state, 0x40))), shl(128, mload(add(state, 0x60)))),
                or(shl(64, mload(add(state, 0x80))), mload(add(state, 0xa0)))
            )
        }
        // slither-disable-end assembly,too-many-digits
    }
}
