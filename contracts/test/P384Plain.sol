// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {P384Field as F} from "../crypto/P384Field.sol";

/// @title The steps of a walk on P-384 as `P384Steps` has them, without assembly
library P384Plain {
    /// A point in Montgomery's form, reduced.
    struct Point {
        uint256 xh;
        uint256 xl;
        uint256 yh;
        uint256 yl;
    }

    /// p = 2p, by the hinted slope of the tangent.
    function double(Point memory p, uint256 at) internal pure returns (uint256 wrong) {
        (uint256 kh, uint256 kl) = _number(at);
        wrong = _notTangent(p, kh, kl);
        _chord(p, p.xh, p.xl, kh, kl);
    }

    /// Not zero unless k * 2y = 3x^2 - 3.
    function _notTangent(Point memory p, uint256 kh, uint256 kl) private pure returns (uint256 wrong) {
        (uint256 ah, uint256 al) = F.add(p.yh, p.yl, p.yh, p.yl);
        (ah, al) = F.mul(ah, al, kh, kl);
        (uint256 bh, uint256 bl) = F.sqr(p.xh, p.xl);
        (ah, al) = F.tangent(ah, al, bh, bl);
        return F.residue(ah, al);
    }

    /// Not zero unless x and x' differ and k * (x' - x) = y' - y.
    function _notChord(
        Point memory p,
        Point memory addend,
        uint256 kh,
        uint256 kl
    ) private pure returns (uint256 wrong) {
        (uint256 ah, uint256 al) = F.sub(addend.xh, addend.xl, p.xh, p.xl);
        wrong = F.isZero(ah, al);
        (ah, al) = F.mul(ah, al, kh, kl);
        (ah, al) = F.add(ah, al, p.yh, p.yl);
        (ah, al) = F.sub(ah, al, addend.yh, addend.yl);
        return wrong | F.residue(ah, al);
    }

    /// p + q for the line of slope k through both, given the x of q.
    function _chord(Point memory p, uint256 qh, uint256 ql, uint256 kh, uint256 kl) private pure {
        (uint256 ph, uint256 pl) = (p.xh, p.xl);
        (uint256 h, uint256 l) = F.sqr(kh, kl);
        (h, l) = F.sub(h, l, ph, pl);
        (h, l) = F.sub(h, l, qh, ql);
        (h, l) = F.reduce(h, l);
        (p.xh, p.xl) = (h, l);
        (h, l) = F.sub(ph, pl, h, l);
        (h, l) = F.mul(h, l, kh, kl);
        (h, l) = F.sub(h, l, p.yh, p.yl);
        (p.yh, p.yl) = F.reduce(h, l);
    }

    /// p = p + addend, by the hinted slope of the line through both.
    function add(Point memory p, Point memory addend, uint256 at) internal pure returns (uint256 wrong) {
        (uint256 kh, uint256 kl) = _number(at);
        wrong = _notChord(p, addend, kh, kl);
        _chord(p, addend.xh, addend.xl, kh, kl);
    }

    /// p = (p + addend) + p, by a slope and a ratio.
    function doubleAdd(
        Point memory p,
        Point memory addend,
        uint256 at
    ) internal pure returns (uint256 wrong) {
        (uint256 kh, uint256 kl) = _number(at);
        wrong = _notChord(p, addend, kh, kl);
        // x' of the sum
        (uint256 sh, uint256 sl) = F.sqr(kh, kl);
        (sh, sl) = F.sub(sh, sl, p.xh, p.xl);
        (sh, sl) = F.sub(sh, sl, addend.xh, addend.xl);
        (sh, sl) = F.reduce(sh, sl);
        // ratio * (x' - x) = 2y
        (uint256 ah, uint256 al) = F.sub(sh, sl, p.xh, p.xl);
        wrong |= F.isZero(ah, al);
        unchecked {
            (uint256 rh, uint256 rl) = _number(at + 48);
            (ah, al) = F.mul(ah, al, rh, rl);
            (kh, kl) = F.add(kh, kl, rh, rl);
        }
        (uint256 yh, uint256 yl) = (p.yh, p.yl);
        (ah, al) = F.sub(ah, al, yh, yl);
        (ah, al) = F.sub(ah, al, yh, yl);
        wrong |= F.residue(ah, al);
        // k is now the negative of the second slope, which a square does not mind.
        (ah, al) = F.sqr(kh, kl);
        (ah, al) = F.sub(ah, al, sh, sl);
        (ah, al) = F.sub(ah, al, p.xh, p.xl);
        (ah, al) = F.reduce(ah, al);
        (sh, sl) = F.sub(ah, al, p.xh, p.xl);
        (p.xh, p.xl) = (ah, al);
        (sh, sl) = F.mul(sh, sl, kh, kl);
        (sh, sl) = F.sub(sh, sl, yh, yl);
        (p.yh, p.yl) = F.reduce(sh, sl);
    }

    /// The 48-byte number at a place in calldata, in two words.
    function _number(uint256 at) private pure returns (uint256 h, uint256 l) {
        assembly ("memory-safe") {
            h := shr(128, calldataload(at))
            l := calldataload(add(at, 16))
        }
    }
}
