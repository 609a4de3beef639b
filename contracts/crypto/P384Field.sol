// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Arithmetic modulo p = 2^384 - 2^128 - 2^96 + 2^32 - 1, the field of the curve P-384 (FIPS 186-5)
/// @notice A number is two words, h * 2^256 + l, and stands for its residue: nothing is brought below p until
/// somebody asks whether it is zero. What the operations take and give:
///
///     reduced   below 2^384 + 2^145, hence below 2p: what `reduce` gives
///     loose     below 2^388: sums and differences of a few reduced numbers; what `mul` takes
///     wide      below 2^400: what `mul` gives, and what `reduce` takes
///
/// Numbers are in Montgomery's form for 2^256: x is held as x * 2^256, and `mul` divides by 2^256.
/// @dev Let C = 2^384 - p. Folding from the top uses 2^384 = C (mod p), dividing at the bottom p = -C (mod
/// 2^256). Assembly because Solidity has no carry without a branch, and a signature takes a thousand
/// products; the tests hold each function against Python's integers.
library P384Field {
    // slither-disable-start too-many-digits: in two words the digits show more than a formula would
    /// 2^128 + 2^96 - 2^32 + 1, the same without its first term, and 1 / C modulo 2^256.
    uint256 internal constant C = 0x100000000ffffffffffffffff00000001;
    uint256 internal constant C_TAIL = 0xffffffffffffffff00000001;
    uint256 internal constant C_INVERSE = 0xfffffffcfffffffafffffffbfffffffe00000000000000010000000100000001;

    uint256 internal constant P_H = 0xffffffffffffffffffffffffffffffff;
    uint256 internal constant P_L = 0xfffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff;

    /// 2p: what `negate` takes from.
    uint256 internal constant P2_H = 0x1ffffffffffffffffffffffffffffffff;
    uint256 internal constant P2_L = 0xfffffffffffffffffffffffffffffffdfffffffe0000000000000001fffffffe;

    /// 4p: what `sub` adds to stay above zero.
    uint256 internal constant P4_H = 0x3ffffffffffffffffffffffffffffffff;
    uint256 internal constant P4_L = 0xfffffffffffffffffffffffffffffffbfffffffc0000000000000003fffffffc;

    /// 2^15 * p + 3 * 2^256: the same for `tangent`, which adds 3 in Montgomery's form.
    uint256 internal constant TANGENT_H = 0x800000000000000000000000000000000002;
    uint256 internal constant TANGENT_L = 0xffffffffffffffffffffffffffff7fffffff80000000000000007fffffff8000;

    // slither-disable-end too-many-digits

    // Why assembly: see above.
    // slither-disable-start assembly

    /// @notice a * b / 2^256, wide; a and b loose.
    /// @dev With T = a * b: q = T / C (mod 2^256) makes T + q * p a multiple of 2^256, and t, at most T /
    /// 2^640 and less than 2^13 below it, takes off the top. So X = (T + q * p) / 2^256 - t * p is in [0,
    /// 2^397). Its low word is a sum of words modulo 2^256. Its high word is what is missing to its residue
    /// modulo M = 2^256 - 1, where 2^256 = 1 and p = -C_TAIL: a * b - (q - t) * C_TAIL. No carry has to be
    /// followed from word to word.
    function mul(
        uint256 ah,
        uint256 al,
        uint256 bh,
        uint256 bl
    ) internal pure returns (uint256 h, uint256 l) {
        assembly ("memory-safe") {
            let m := not(0)
            let low := mul(al, bl)
            let q := mul(low, C_INVERSE)
            // The second words of al * bl and of q * C, whose first words are equal: each is the residue
            // modulo M less the first word, with a borrow.
            let v := mulmod(al, bl, m)
            let w := mulmod(q, C, m)
            l := add(sub(v, w), sub(lt(w, low), lt(v, low)))
            // 2^8: so much may ah * bh exceed a word.
            let t := shr(120, mul(shr(8, ah), bh))
            l := add(add(l, add(mul(al, bh), mul(ah, bl))), add(shl(128, q), mul(t, C)))
            h := addmod(
                addmod(mulmod(addmod(ah, al, m), addmod(bh, bl, m), m), mulmod(q, not(C_TAIL), m), m),
                addmod(mul(t, C_TAIL), not(l), m),
                m
            )
        }
    }

    /// @notice a * a / 2^256, wide; a loose. As `mul`.
    function sqr(uint256 ah, uint256 al) internal pure returns (uint256 h, uint256 l) {
        assembly ("memory-safe") {
            let m := not(0)
            let low := mul(al, al)
            let q := mul(low, C_INVERSE)
            let v := mulmod(al, al, m)
            let w := mulmod(q, C, m)
            l := add(sub(v, w), sub(lt(w, low), lt(v, low)))
            let t := shr(120, mul(shr(8, ah), ah))
            l := add(add(l, shl(1, mul(al, ah))), add(shl(128, q), mul(t, C)))
            let a := addmod(ah, al, m)
            h := addmod(
                addmod(mulmod(a, a, m), mulmod(q, not(C_TAIL), m), m),
                addmod(mul(t, C_TAIL), not(l), m),
                m
            )
        }
    }

    /// @notice The same residue, reduced; a wide.
    function reduce(uint256 ah, uint256 al) internal pure returns (uint256 h, uint256 l) {
        assembly ("memory-safe") {
            l := add(al, mul(shr(128, ah), C))
            h := add(and(ah, P_H), lt(l, al))
        }
    }

    /// @notice a + b.
    function add(
        uint256 ah,
        uint256 al,
        uint256 bh,
        uint256 bl
    ) internal pure returns (uint256 h, uint256 l) {
        assembly ("memory-safe") {
            l := add(al, bl)
            h := add(add(ah, bh), lt(l, al))
        }
    }

    /// @notice a - b + 4p; b at most 4p.
    function sub(
        uint256 ah,
        uint256 al,
        uint256 bh,
        uint256 bl
    ) internal pure returns (uint256 h, uint256 l) {
        assembly ("memory-safe") {
            let d := sub(al, bl)
            l := add(d, P4_L)
            h := add(sub(add(ah, P4_H), bh), sub(lt(l, P4_L), gt(d, al)))
        }
    }

    /// @notice 2p - a; a reduced.
    function negate(uint256 ah, uint256 al) internal pure returns (uint256 h, uint256 l) {
        assembly ("memory-safe") {
            l := sub(P2_L, al)
            h := sub(sub(P2_H, ah), gt(l, P2_L))
        }
    }

    /// @notice a - 3 * b + 3 in Montgomery's form, + 2^15 * p; a and b wide and b below 2^397.
    function tangent(
        uint256 ah,
        uint256 al,
        uint256 bh,
        uint256 bl
    ) internal pure returns (uint256 h, uint256 l) {
        assembly ("memory-safe") {
            // 3 * bl in two words: it passes 2^256 above a third of M, and 2^257 above two thirds.
            let third := 0x5555555555555555555555555555555555555555555555555555555555555555
            let carry := add(gt(bl, third), gt(bl, shl(1, third)))
            let d := sub(al, mul(bl, 3))
            l := add(d, TANGENT_L)
            h := sub(add(ah, TANGENT_H), add(mul(bh, 3), carry))
            h := add(h, sub(lt(l, TANGENT_L), gt(d, al)))
        }
    }

    // slither-disable-end assembly

    /// @notice Zero if a is a multiple of p, anything else if not; a wide and above zero.
    /// @dev `reduce` takes j * p = (j - 1) * 2^384 + (2^384 - j * C) to exactly p, and nothing else.
    function residue(uint256 ah, uint256 al) internal pure returns (uint256 r) {
        (uint256 h, uint256 l) = reduce(ah, al);
        return (h ^ P_H) | (l ^ P_L);
    }

    /// @notice 1 if a is a multiple of p, 0 if it is none; a loose and above zero.
    /// @dev p = 2^32 - 1 (mod 2^96), so bits 36 to 95 of j * p are zero for j up to 16: few other numbers
    /// need a closer look.
    function isZero(uint256 ah, uint256 al) internal pure returns (uint256 yes) {
        // slither-disable-next-line too-many-digits: a mask of 15 digits above 9
        if (al & 0xfffffffffffffff000000000 == 0) yes = residue(ah, al) == 0 ? 1 : 0;
    }
}
