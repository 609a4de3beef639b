// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {P384Field as F} from "./P384Field.sol";

/// @title The steps of a walk on P-384, each by hinted slopes
/// @notice Numbers lie in registers: fixed places in memory, two words each, which `reserve` takes. A step
/// reads its slopes from calldata, 48 bytes each, changes the point P, and returns zero if the slopes are the
/// right ones; if not, the point is spoilt. Bounds, Montgomery's form and the ways to multiply and to reduce
/// are those of `P384Field`, where they are explained.
/// @dev Assembly, and registers instead of arguments, because a walk takes 960 products and the stack is
/// dear: 860k gas a signature with the plain version of these steps (P384Plain, in the tests, which hold the
/// two equal).
library P384Steps {
    /// @notice Memory was taken before.
    error MemoryTaken();

    // Registers: P's coordinates, the addend's, a slope, an x, and a difference; and their end.
    uint256 internal constant PX = 0x80;
    uint256 internal constant PY = 0xc0;
    uint256 internal constant AX = 0x100;
    uint256 internal constant AY = 0x140;
    uint256 private constant K = 0x180;
    uint256 private constant S = 0x1c0;
    uint256 private constant D = 0x200;

    // Registers of constants, those of `P384Field`: written into the code, the compiler would spare bytes and
    // compute each of them each time, for 170k gas a signature.
    uint256 private constant C = 0x240;
    uint256 private constant C_TAIL = 0x260;
    uint256 private constant C_INVERSE = 0x280;
    uint256 private constant P_H = 0x2a0;
    uint256 private constant P4_H = 0x2c0;
    uint256 private constant P4_L = 0x2e0;
    uint256 private constant TANGENT_H = 0x300;
    uint256 private constant TANGENT_L = 0x320;
    uint256 private constant THIRD = 0x340;
    uint256 private constant ZEROS = 0x360;
    uint256 private constant END = 0x380;

    // Why assembly: see above.
    // slither-disable-start assembly

    /// @notice Takes the registers. First of all that a call does with memory.
    function reserve() internal pure {
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        if (free != PX) revert MemoryTaken();
        _set(0x40, END);
        _set(C, F.C);
        _set(C_TAIL, F.C_TAIL);
        _set(C_INVERSE, F.C_INVERSE);
        _set(P_H, F.P_H);
        _set(P4_H, F.P4_H);
        _set(P4_L, F.P4_L);
        _set(TANGENT_H, F.TANGENT_H);
        _set(TANGENT_L, F.TANGENT_L);
        _set(THIRD, type(uint256).max / 3);
        // Bits 36 to 95: see `P384Field.isZero`.
        // slither-disable-next-line too-many-digits: a mask of 15 digits above 9
        _set(ZEROS, 0xfffffffffffffff000000000);
    }

    function _set(uint256 register, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(register, value)
        }
    }

    /// @notice P = 2P, by the slope k of the tangent.
    function double(uint256 at) internal pure returns (uint256 wrong) {
        _load(K, at);
        // k * 2y = 3x^2 - 3
        {
            (uint256 ah, uint256 al) = _product(K, PY);
            (uint256 bh, uint256 bl) = _square(PX);
            wrong = _tangent(ah, al, bh, bl);
        }
        // x' = k^2 - 2x and y' = k * (x - x') - y
        (uint256 h, uint256 l) = _square(K);
        _reduceLess(S, h, l, PX, PX);
        _third(PX, S);
    }

    /// @notice P = P + A, by the slope of the line through both.
    function add(uint256 at) internal pure returns (uint256 wrong) {
        _load(K, at);
        wrong = _chord();
        _third(PX, S);
    }

    /// @notice P = (P + A) + P, by a slope and a ratio. The y of the sum in the middle is not needed
    /// (Eisentraeger, Lauter and Montgomery, "Fast elliptic curve arithmetic and improved Weil pairing
    /// evaluation", 2003): the slope from P to the sum is -k - 2y / (s - x), with s the x of the sum.
    function doubleAdd(uint256 at) internal pure returns (uint256 wrong) {
        _load(K, at);
        wrong = _chord();
        // ratio * (s - x) = 2y
        wrong |= _difference(S, PX);
        _load(AX, at + 48);
        (uint256 h, uint256 l) = _product(AX, D);
        wrong |= _multipleLess(h, l, PY, PY);
        // From here on k is the negative of the second slope: x' = k^2 - x - s and y' = k * (x' - x) - y.
        _addTo(K, AX);
        (h, l) = _square(K);
        _reduceLess(S, h, l, PX, S);
        _difference(S, PX);
        _finish();
    }

    /// Loads a number from calldata.
    function _load(uint256 to, uint256 at) private pure {
        assembly ("memory-safe") {
            mstore(to, shr(128, calldataload(at)))
            mstore(add(to, 32), calldataload(add(at, 16)))
        }
    }

    /// k * (X - x) = Y - y, and X is not x; S is the x of the sum.
    function _chord() private pure returns (uint256 wrong) {
        wrong = _difference(AX, PX);
        (uint256 h, uint256 l) = _product(K, D);
        assembly ("memory-safe") {
            let d := add(l, mload(add(PY, 32)))
            h := add(add(h, mload(PY)), lt(d, l))
            l := d
        }
        wrong |= _multipleLessOne(h, l, AY);
        (h, l) = _square(K);
        _reduceLess(S, h, l, PX, AX);
    }

    function _third(uint256 a, uint256 b) private pure {
        _difference(a, b);
        _finish();
    }

    /// y' = k * d - y, and x' = s.
    function _finish() private pure {
        (uint256 h, uint256 l) = _product(K, D);
        assembly ("memory-safe") {
            let y := mload(add(PY, 32))
            let d := sub(l, y)
            h := sub(h, add(mload(PY), gt(d, l)))
            l := add(d, mload(P4_L))
            h := add(h, add(mload(P4_H), lt(l, mload(P4_L))))
            d := add(l, mul(shr(128, h), mload(C)))
            mstore(PY, add(and(h, mload(P_H)), lt(d, l)))
            mstore(add(PY, 32), d)
            mcopy(PX, S, 64)
        }
    }

    /// a = a + b.
    function _addTo(uint256 a, uint256 b) private pure {
        assembly ("memory-safe") {
            let x := mload(add(a, 32))
            let l := add(x, mload(add(b, 32)))
            mstore(a, add(add(mload(a), mload(b)), lt(l, x)))
            mstore(add(a, 32), l)
        }
    }

    /// D = a - b + 4p; 1 if that is a multiple of p.
    function _difference(uint256 a, uint256 b) private pure returns (uint256 zero) {
        assembly ("memory-safe") {
            let x := mload(add(a, 32))
            let d := sub(x, mload(add(b, 32)))
            let l := add(d, mload(P4_L))
            let h := add(sub(add(mload(a), mload(P4_H)), mload(b)), sub(lt(l, mload(P4_L)), gt(d, x)))
            mstore(D, h)
            mstore(add(D, 32), l)
            if iszero(and(l, mload(ZEROS))) {
                h := add(h, 1)
                zero := iszero(or(and(h, mload(P_H)), add(l, mul(shr(128, h), mload(C)))))
            }
        }
    }

    /// Zero if a - b - c + 4p is a multiple of p.
    function _multipleLess(uint256 h, uint256 l, uint256 b, uint256 c) private pure returns (uint256 wrong) {
        assembly ("memory-safe") {
            let d := sub(l, mload(add(b, 32)))
            h := sub(h, add(mload(b), gt(d, l)))
            l := sub(d, mload(add(c, 32)))
            h := sub(h, add(mload(c), gt(l, d)))
            d := add(l, mload(P4_L))
            h := add(add(h, lt(d, l)), add(mload(P4_H), 1))
            wrong := or(and(h, mload(P_H)), add(d, mul(shr(128, h), mload(C))))
        }
    }

    /// Zero if a - b + 4p is a multiple of p. Those above zero are j * 2^384 - j * C: the upper word is one
    /// below j * 2^128, the lower one is -j * C.
    function _multipleLessOne(uint256 h, uint256 l, uint256 b) private pure returns (uint256 wrong) {
        assembly ("memory-safe") {
            let d := sub(l, mload(add(b, 32)))
            h := sub(h, add(mload(b), gt(d, l)))
            l := add(d, mload(P4_L))
            h := add(add(h, lt(l, d)), add(mload(P4_H), 1))
            wrong := or(and(h, mload(P_H)), add(l, mul(shr(128, h), mload(C))))
        }
    }

    /// Zero if 2a - 3b + 3 is.
    function _tangent(uint256 ah, uint256 al, uint256 bh, uint256 bl) private pure returns (uint256 wrong) {
        assembly ("memory-safe") {
            let third := mload(THIRD)
            let x := shl(1, al)
            let d := sub(x, mul(bl, 3))
            let h := sub(add(add(shl(1, ah), shr(255, al)), mload(TANGENT_H)), add(mul(bh, 3), gt(d, x)))
            h := sub(h, add(gt(bl, third), gt(bl, shl(1, third))))
            x := add(d, mload(TANGENT_L))
            h := add(add(h, lt(x, d)), 1)
            wrong := or(and(h, mload(P_H)), add(x, mul(shr(128, h), mload(C))))
        }
    }

    /// to = a - b - c, reduced.
    function _reduceLess(uint256 to, uint256 h, uint256 l, uint256 b, uint256 c) private pure {
        assembly ("memory-safe") {
            let d := sub(l, mload(add(b, 32)))
            h := sub(h, add(mload(b), gt(d, l)))
            l := sub(d, mload(add(c, 32)))
            h := sub(h, add(mload(c), gt(l, d)))
            d := add(l, mload(P4_L))
            h := add(add(h, lt(d, l)), mload(P4_H))
            l := add(d, mul(shr(128, h), mload(C)))
            mstore(to, add(and(h, mload(P_H)), lt(l, d)))
            mstore(add(to, 32), l)
        }
    }

    /// As `P384Field.mul`.
    function _product(uint256 a, uint256 b) private pure returns (uint256 h, uint256 l) {
        assembly ("memory-safe") {
            let al := mload(add(a, 32))
            let bl := mload(add(b, 32))
            let ah := mload(a)
            let bh := mload(b)
            let t := mul(al, bl)
            let q := mul(t, mload(C_INVERSE))
            let v := mulmod(al, bl, not(0))
            let w := mulmod(q, mload(C), not(0))
            l := add(sub(v, w), sub(lt(w, t), lt(v, t)))
            t := shr(120, mul(shr(8, ah), bh))
            l := add(add(l, add(mul(al, bh), mul(ah, bl))), add(shl(128, q), mul(t, mload(C))))
            h := addmod(
                addmod(
                    mulmod(addmod(ah, al, not(0)), addmod(bh, bl, not(0)), not(0)),
                    mulmod(q, not(mload(C_TAIL)), not(0)),
                    not(0)
                ),
                addmod(mul(t, mload(C_TAIL)), not(l), not(0)),
                not(0)
            )
        }
    }

    /// As `P384Field.sqr`.
    function _square(uint256 a) private pure returns (uint256 h, uint256 l) {
        assembly ("memory-safe") {
            let al := mload(add(a, 32))
            let ah := mload(a)
            let t := mul(al, al)
            let q := mul(t, mload(C_INVERSE))
            let v := mulmod(al, al, not(0))
            let w := mulmod(q, mload(C), not(0))
            l := add(sub(v, w), sub(lt(w, t), lt(v, t)))
            t := shr(120, mul(shr(8, ah), ah))
            l := add(add(l, shl(1, mul(al, ah))), add(shl(128, q), mul(t, mload(C))))
            let u := addmod(ah, al, not(0))
            h := addmod(
                addmod(mulmod(u, u, not(0)), mulmod(q, not(mload(C_TAIL)), not(0)), not(0)),
                addmod(mul(t, mload(C_TAIL)), not(l), not(0)),
                not(0)
            )
        }
    }

    // slither-disable-end assembly
}
