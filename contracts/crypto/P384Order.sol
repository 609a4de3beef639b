// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Arithmetic modulo n, the order of the group of P-384 (FIPS 186-5): n = 2^384 - C
/// @notice A number is two words, h * 2^256 + l. Used a few times a signature only, hence plain.
library P384Order {
    uint256 internal constant N_H = 0xffffffffffffffffffffffffffffffff;
    uint256 internal constant N_L = 0xffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973;
    uint256 internal constant C = 0x389cb27e0bc8d220a7e5f24db74f58851313e695333ad68d;

    /// @notice a < n.
    function isBelow(uint256 h, uint256 l) internal pure returns (bool) {
        return h < N_H || (h == N_H && l < N_L);
    }

    /// @notice a mod n, for a number above -2^255.
    function fromSigned(int256 a) internal pure returns (uint256 h, uint256 l) {
        unchecked {
            if (a >= 0) return (0, uint256(a));
            l = N_L - uint256(-a);
            return (l > N_L ? N_H - 1 : N_H, l);
        }
    }

    /// @notice a + b mod n; both below n.
    function add(
        uint256 ah,
        uint256 al,
        uint256 bh,
        uint256 bl
    ) internal pure returns (uint256 h, uint256 l) {
        unchecked {
            l = al + bl;
            h = ah + bh + (l < al ? 1 : 0);
            return isBelow(h, l) ? (h, l) : _minusOrder(h, l);
        }
    }

    /// @notice a * b mod n; both below 2^384.
    function mul(
        uint256 ah,
        uint256 al,
        uint256 bh,
        uint256 bl
    ) internal pure returns (uint256 h, uint256 l) {
        unchecked {
            uint256 m;
            (m, l) = _product(al, bl);
            h = ah * bh;
            (h, m) = _plusProduct(h, m, al, bh);
            (h, m) = _plusProduct(h, m, ah, bl);
            // 768 bits become 575, 385 and 384.
            (h, m, l) = _fold(h, m, l);
            (h, m, l) = _fold(h, m, l);
            (h, m, l) = _fold(h, m, l);
            return isBelow(m, l) ? (m, l) : _minusOrder(m, l);
        }
    }

    /// The same residue of three words, by 2^384 = C (mod n).
    function _fold(uint256 h, uint256 m, uint256 l) private pure returns (uint256, uint256, uint256) {
        unchecked {
            (uint256 m2, uint256 l2) = _product((h << 128) | (m >> 128), C);
            (uint256 h2, uint256 sum) = _plusProduct(0, m & N_H, h >> 128, C);
            l += l2;
            // The second word of the first product has 192 bits at most: no overflow.
            m2 += l < l2 ? 1 : 0;
            sum += m2;
            return (sum < m2 ? h2 + 1 : h2, sum, l);
        }
    }

    function _minusOrder(uint256 h, uint256 l) private pure returns (uint256, uint256) {
        unchecked {
            return (h - N_H - (l < N_L ? 1 : 0), l - N_L);
        }
    }

    /// h * 2^256 + l + a * b; the result must fit.
    function _plusProduct(
        uint256 h,
        uint256 l,
        uint256 a,
        uint256 b
    ) private pure returns (uint256, uint256) {
        unchecked {
            (uint256 high, uint256 low) = _product(a, b);
            l += low;
            return (h + high + (l < low ? 1 : 0), l);
        }
    }

    /// a * b in two words: the upper one is what the lower lacks to the residue modulo 2^256 - 1.
    function _product(uint256 a, uint256 b) private pure returns (uint256 h, uint256 l) {
        unchecked {
            l = a * b;
            uint256 r = mulmod(a, b, type(uint256).max);
            return (r - l - (r < l ? 1 : 0), l);
        }
    }
}
