// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IP384} from "../interfaces/IP384.sol";
import {P384Field as F} from "./P384Field.sol";
import {P384Order as Order} from "./P384Order.sol";
import {P384Steps as Steps} from "./P384Steps.sol";
import {P384Points as Points} from "./P384Tables.sol";

/// @title P384: ECDSA on P-384 by a walk that the caller describes
/// @notice Why wrong hints cannot make a false signature valid. The hints describe sums of known points (a
/// fixed START, Q, R, G and 2^192 * G), and all that the verifier believes is what it checks:
///
/// - Q and R are points of the curve, and the x of R is r or r + n, below p. So the signature is valid by
///   definition if R = u1 * G + u2 * Q, with u1 = e / s and u2 = r / s.
/// - A slope k is taken for that of a line through two points only if k * (x' - x) = y' - y and x' differs from
///   x, and for a tangent's if k * 2y = 3x^2 - 3. No point has y = 0, for the order n of the group is prime. So
///   each slope is the one possible, and each sum is right. Points that share their x are refused.
/// - The verifier adds up, as integers, what multiples of each point the walk has added: in the end it stands
///   at 2^188 * START + a * Q + c * R + (g0 + 2^192 * g1) * G, and this must be 2^188 * START.
/// - c is not zero and far below n, a * s + c * r = 0 and (g0 + 2^192 * g1) * s + c * e = 0 (mod n). With the
///   line above, c * (R - u1 * G - u2 * Q) = 0, and as n is prime, R = u1 * G + u2 * Q.
///
/// Why valid signatures have hints. A walk can be spelled out for the a, c and g that lattice reduction finds,
/// a and c half as long as n, unless it meets the addend or its negative. It starts at a point whose logarithm
/// nobody knows; so only a key whose logarithm nobody knows could bring that about, and nobody signs with that.
/// @dev Points are affine, their coordinates reduced (see `P384Field`). No call is made: too little gas reverts.
/// The tables cannot change: their code begins with STOP.
contract P384 is IP384 {
    uint256 private constant SIZE = 48;
    uint256 private constant DOUBLINGS = 188;
    /// Multiples in each table of G; of Q and of R there are eight.
    uint256 private constant TABLE_SIZE = 255;

    /// Bytes in memory of a point and of the eight multiples of Q or R.
    uint256 private constant POINT = 128;
    uint256 private constant TABLE = 8 * POINT;

    /// 2^512 mod p: a product with it is in Montgomery's form. Its upper word is 1.
    // slither-disable-next-line too-many-digits: it is what it is
    uint256 private constant SQUARE_L = 0xffffffffffffffff0000000100000000000000000000000000000000;
    /// The curve's b, in Montgomery's form.
    uint256 private constant B_H = 0x798769361f9ee929a552b63d9d412dcc;
    uint256 private constant B_L = 0xcd08114b604fbff9b62b21f41f02209469afe2b7fb6d3882b30081345013875b;

    /// The tables of G and of 2^192 * G.
    address private immutable _lowTable;
    address private immutable _highTable;

    /// @notice A verifier that reads the tables at these addresses.
    constructor(address lowTable, address highTable) {
        if (lowTable.codehash != Points.LOW_TABLE) revert WrongTable(lowTable);
        if (highTable.codehash != Points.HIGH_TABLE) revert WrongTable(highTable);
        _lowTable = lowTable;
        _highTable = highTable;
    }

    /// @inheritdoc IP384
    function verify(
        bytes calldata digest,
        bytes calldata signature,
        bytes calldata publicKey,
        bytes calldata hints
    ) external view returns (bool valid) {
        if (digest.length != SIZE || signature.length != 2 * SIZE || publicKey.length != 2 * SIZE)
            return false;
        if (hints.length == 0) return false;
        Steps.reserve();
        uint256 key;
        uint256 signed;
        uint256 at;
        uint256 hashed;
        // slither-disable-next-line assembly: where the arguments lie; slices would be checked byte by byte
        assembly {
            key := publicKey.offset
            signed := signature.offset
            at := hints.offset
            hashed := digest.offset
        }
        if (!_inOrder(signed) || !_inOrder(signed + SIZE)) return false;

        if (!_belowP(key) || !_belowP(key + SIZE)) return false;
        uint256 q = _allocate(2 * TABLE);
        uint256 r = q + TABLE;
        _storePoint(q, key);
        if (!_storeSum(r, signed, at)) return false;
        uint256 wrong = _offCurve(q) | _offCurve(r);
        wrong |= _fillTable(q, at + 1 + SIZE) | _fillTable(r, at + 1 + 9 * SIZE);
        if (wrong != 0) return false;
        int256[4] memory scalars;
        if (!_walk(q, scalars, at + 1 + 17 * SIZE, at + hints.length)) return false;
        return _isRelation(scalars, hashed, signed);
    }

    // --- arguments -------------------------------------------------------------------------------

    /// The 48-byte number at a place in calldata, in two words.
    function _number(uint256 at) private pure returns (uint256 h, uint256 l) {
        // slither-disable-next-line assembly: reads across the bounds of two words
        assembly ("memory-safe") {
            h := shr(128, calldataload(at))
            l := calldataload(add(at, 16))
        }
    }

    function _inOrder(uint256 at) private pure returns (bool) {
        (uint256 h, uint256 l) = _number(at);
        return h | l != 0 && Order.isBelow(h, l);
    }

    function _belowP(uint256 at) private pure returns (bool) {
        (uint256 h, uint256 l) = _number(at);
        return h < F.P_H || l < F.P_L;
    }

    /// Stores the point that lies in calldata.
    function _storePoint(uint256 to, uint256 at) private pure {
        (uint256 h, uint256 l) = _number(at);
        _storeForm(to, h, l);
        (h, l) = _number(at + SIZE);
        _storeForm(to + 64, h, l);
    }

    /// Stores R, whose x is r or r + n and whose y is hinted.
    function _storeSum(uint256 to, uint256 signed, uint256 at) private pure returns (bool possible) {
        (uint256 h, uint256 l) = _number(signed);
        uint256 flag;
        // slither-disable-next-line assembly: one byte of calldata
        assembly ("memory-safe") {
            flag := byte(0, calldataload(at))
        }
        if (flag > 1) return false;
        if (flag == 1) {
            unchecked {
                // Past 2^384 the upper word is above that of p.
                l += Order.N_L;
                h += Order.N_H + (l < Order.N_L ? 1 : 0);
            }
            if (h > F.P_H || (h == F.P_H && l >= F.P_L)) return false;
        }
        _storeForm(to, h, l);
        (h, l) = _number(at + 1);
        _storeForm(to + 64, h, l);
        return true;
    }

    /// Stores a number below 2^384 in Montgomery's form.
    function _storeForm(uint256 to, uint256 h, uint256 l) private pure {
        (h, l) = F.mul(h, l, 1, SQUARE_L);
        (h, l) = F.reduce(h, l);
        _store(to, h, l);
    }

    // --- memory ----------------------------------------------------------------------------------

    function _allocate(uint256 size) private pure returns (uint256 at) {
        // slither-disable-next-line assembly: an array would be cleared first, and its bounds checked
        assembly ("memory-safe") {
            at := mload(0x40)
            mstore(0x40, add(at, size))
        }
    }

    function _store(uint256 to, uint256 h, uint256 l) private pure {
        // slither-disable-next-line assembly: to what was allocated
        assembly ("memory-safe") {
            mstore(to, h)
            mstore(add(to, 32), l)
        }
    }

    function _read(uint256 from) private pure returns (uint256 h, uint256 l) {
        // slither-disable-next-line assembly: from what was allocated
        assembly ("memory-safe") {
            h := mload(from)
            l := mload(add(from, 32))
        }
    }

    /// Copies a point.
    function _copy(uint256 to, uint256 from) private pure {
        // slither-disable-next-line assembly: one instruction for four words
        assembly ("memory-safe") {
            mcopy(to, from, POINT)
        }
    }

    // --- the walk --------------------------------------------------------------------------------

    /// Writes 1, 3, ..., 15 times a point behind it, which lies at `table` in memory.
    function _fillTable(uint256 table, uint256 at) private pure returns (uint256 wrong) {
        unchecked {
            _copy(Steps.PX, table);
            wrong = Steps.double(at);
            _copy(Steps.AX, Steps.PX);
            _copy(Steps.PX, table);
            for (uint256 to = table + POINT; to < table + TABLE; to += POINT) {
                at += SIZE;
                wrong |= Steps.add(at);
                _copy(to, Steps.PX);
            }
        }
    }

    function _walk(
        uint256 multiples,
        int256[4] memory scalars,
        uint256 at,
        uint256 end
    ) private view returns (bool arrived) {
        _store(Steps.PX, Points.START_X_H, Points.START_X_L);
        _store(Steps.PY, Points.START_Y_H, Points.START_Y_L);
        uint256 wrong = 0;
        // What the present place will be multiplied by until the end.
        int256 weight = int256(1 << DOUBLINGS);
        unchecked {
            while (at < end) {
                uint256 step;
                // slither-disable-next-line assembly: two bytes of calldata
                assembly ("memory-safe") {
                    step := shr(240, calldataload(at))
                }
                if (step < 0x100) {
                    wrong |= Steps.double(at + 1);
                    weight >>= 1;
                    at += 1 + SIZE;
                    continue;
                }
                uint256 index = step & 0xff;
                uint256 table = (step >> 10) & 3;
                if (step >> 12 != 1) wrong = 1;
                wrong |= _fetch(multiples, table, index);
                int256 digit = int256(2 * index + 1);
                if (step & 0x200 != 0) {
                    digit = -digit;
                    _negate(Steps.AY);
                }
                at += 2;
                if (step & 0x100 != 0) {
                    wrong |= Steps.doubleAdd(at);
                    weight >>= 1;
                    at += SIZE;
                } else {
                    wrong |= Steps.add(at);
                }
                at += SIZE;
                scalars[table] += digit * weight;
            }
        }
        wrong |= _differ(Steps.PX, Points.END_X_H, Points.END_X_L);
        wrong |= _differ(Steps.PY, Points.END_Y_H, Points.END_Y_L);
        return wrong == 0 && weight == 1 && at == end;
    }

    /// Copies an entry of a table to the addend; not zero if there is no such entry.
    function _fetch(uint256 multiples, uint256 table, uint256 index) private view returns (uint256 wrong) {
        unchecked {
            if (table < 2) {
                if (index > 7) return 1;
                _copy(Steps.AX, multiples + TABLE * table + POINT * index);
                return 0;
            }
            if (index >= TABLE_SIZE) return 1;
            uint256 addend = Steps.AX;
            address code = table == 2 ? _lowTable : _highTable;
            // slither-disable-next-line assembly: there is no built-in that copies code
            assembly ("memory-safe") {
                // x and y at 16 and 64: x is then in place, y not quite.
                extcodecopy(code, add(addend, 16), add(1, mul(index, 96)), 96)
                mstore(addend, shr(128, mload(add(addend, 16))))
                mstore(add(addend, 96), mload(add(addend, 80)))
                mstore(add(addend, 64), shr(128, mload(add(addend, 64))))
            }
            return 0;
        }
    }

    /// Zero if y^2 = x^3 - 3x + b.
    function _offCurve(uint256 point) private pure returns (uint256 wrong) {
        (uint256 xh, uint256 xl) = _read(point);
        (uint256 h, uint256 l) = F.sqr(xh, xl);
        (h, l) = F.reduce(h, l);
        // 3 in Montgomery's form is 3 * 2^256.
        (h, l) = F.sub(h, l, 3, 0);
        (h, l) = F.mul(h, l, xh, xl);
        (h, l) = F.add(h, l, B_H, B_L);
        (h, l) = F.reduce(h, l);
        (uint256 yh, uint256 yl) = _read(point + 64);
        (yh, yl) = F.sqr(yh, yl);
        (h, l) = F.sub(yh, yl, h, l);
        return F.residue(h, l);
    }

    /// Zero if a reduced number in memory is the same residue as another.
    function _differ(uint256 at, uint256 bh, uint256 bl) private pure returns (uint256 wrong) {
        (uint256 h, uint256 l) = _read(at);
        (h, l) = F.sub(h, l, bh, bl);
        return F.residue(h, l);
    }

    function _negate(uint256 at) private pure {
        (uint256 h, uint256 l) = _read(at);
        (h, l) = F.negate(h, l);
        _store(at, h, l);
    }

    // --- the relation ----------------------------------------------------------------------------

    /// Whether a * s + c * r = 0 and (g0 + 2^192 * g1) * s + c * e = 0 (mod n), and c is not zero.
    function _isRelation(
        int256[4] memory scalars,
        uint256 hashed,
        uint256 signed
    ) private pure returns (bool) {
        // c is below 2^255 either way, far below n.
        if (scalars[1] == 0) return false;
        (uint256 gh, uint256 gl) = Order.fromSigned(scalars[3]);
        (gh, gl) = Order.mul(gh, gl, 0, 1 << 192);
        (uint256 h, uint256 l) = Order.fromSigned(scalars[2]);
        (gh, gl) = Order.add(gh, gl, h, l);
        if (!_cancel(gh, gl, signed + SIZE, scalars[1], hashed)) return false;
        (h, l) = Order.fromSigned(scalars[0]);
        return _cancel(h, l, signed + SIZE, scalars[1], signed);
    }

    /// Whether a * x + c * y = 0 (mod n), for numbers x and y in calldata.
    function _cancel(uint256 ah, uint256 al, uint256 x, int256 c, uint256 y) private pure returns (bool) {
        (uint256 h, uint256 l) = _number(x);
        (ah, al) = Order.mul(ah, al, h, l);
        (uint256 ch, uint256 cl) = Order.fromSigned(c);
        (h, l) = _number(y);
        (ch, cl) = Order.mul(ch, cl, h, l);
        (ah, al) = Order.add(ah, al, ch, cl);
        return ah | al == 0;
    }
}
