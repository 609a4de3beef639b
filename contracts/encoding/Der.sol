// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Slices} from "./Slice.sol";

/// @title A strict reader of DER (ITU-T X.690)
/// @notice Reads elements between `at` and `end` in calldata, both counted from the beginning of `data`. Every element is
/// asked for by its tag, so nothing is skipped unseen; tags of more than one byte are in no certificate.
/// @dev `end` must be at most `data.length`. Sums stay unchecked: offsets are below 2^64, lengths below 2^16.
library Der {
    /// @notice Another element is due at `offset`.
    error UnexpectedTag(uint256 offset, uint256 expected, uint256 found);
    /// @notice The element at `offset` is not all there before `end`, where what holds it ends.
    error Truncated(uint256 offset, uint256 end);
    /// @notice The length of the element at `offset` is indefinite, longer than it must be, or above 65,535.
    error BadLength(uint256 offset);
    /// @notice Something stands between the last element at `offset` and `end`, where what holds it ends.
    error TrailingBytes(uint256 offset, uint256 end);
    /// @notice The INTEGER at `offset` is not minimal, is negative, or is out of its field's range.
    error BadInteger(uint256 offset);
    /// @notice The BOOLEAN at `offset` is not TRUE in DER. FALSE is the default of every field, and defaults are left out.
    error BadBoolean(uint256 offset);
    /// @notice The BIT STRING at `offset` has unused bits out of place, or none of its bits is set.
    error BadBitString(uint256 offset);
    /// @notice The OBJECT IDENTIFIER at `offset` is malformed, has more than 30 bytes, or an arc of 2^28 or above.
    error BadObjectIdentifier(uint256 offset);

    uint256 internal constant BOOLEAN = 0x01;
    uint256 internal constant INTEGER = 0x02;
    uint256 internal constant BIT_STRING = 0x03;
    uint256 internal constant OCTET_STRING = 0x04;
    uint256 internal constant OBJECT_IDENTIFIER = 0x06;
    uint256 internal constant UTF8_STRING = 0x0c;
    uint256 internal constant PRINTABLE_STRING = 0x13;
    uint256 internal constant UTC_TIME = 0x17;
    uint256 internal constant GENERALIZED_TIME = 0x18;
    uint256 internal constant SEQUENCE = 0x30;
    uint256 internal constant SET = 0x31;

    uint256 private constant LONGEST_IDENTIFIER = 30;
    uint256 private constant LONGEST_ARC = 4;

    /// @notice The element at `at`, whatever its tag: its content is from `start` up to `next`, where the next one begins.
    function element(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (uint256 tag, uint256 start, uint256 next) {
        unchecked {
            start = at + 2;
            if (start > end) revert Truncated(at, end);
            uint256 head = Slices.word(data, at);
            tag = head >> 248;
            uint256 size = (head >> 240) & 0xff;
            if (size >= 0x80) {
                // The first byte says in how many more the length stands: as few as can hold it.
                if (size != 0x81 && size != 0x82) revert BadLength(at);
                bool isShort = size == 0x81;
                start += isShort ? 1 : 2;
                if (start > end) revert Truncated(at, end);
                size = isShort ? (head >> 232) & 0xff : (head >> 224) & 0xffff;
                if (size < (isShort ? 0x80 : 0x100)) revert BadLength(at);
            }
            next = start + size;
            if (next > end) revert Truncated(at, end);
        }
    }

    /// @notice As `element`, which must have the tag `expected`.
    function open(
        bytes calldata data,
        uint256 at,
        uint256 end,
        uint256 expected
    ) internal pure returns (uint256 start, uint256 next) {
        uint256 tag;
        (tag, start, next) = element(data, at, end);
        if (tag != expected) revert UnexpectedTag(at, expected, tag);
    }

    /// @notice Reverts unless `at` is `end`.
    function finish(uint256 at, uint256 end) internal pure {
        if (at != end) revert TrailingBytes(at, end);
    }

    /// @notice A positive INTEGER of at most `longest` bytes, up to 48, as its high 128 and its low 256 bits.
    function positive(
        bytes calldata data,
        uint256 at,
        uint256 end,
        uint256 longest
    ) internal pure returns (uint256 high, uint256 low, uint256 next) {
        uint256 start;
        (start, next) = open(data, at, end, INTEGER);
        unchecked {
            uint256 size = next - start;
            if (size == 0) revert BadInteger(at);
            uint256 first = Slices.word(data, start) >> 240;
            if (first < 0x100) {
                // A zero in front: there must be more, and it must be needed to keep the number from being negative.
                if (size == 1 || first < 0x80) revert BadInteger(at);
                ++start;
                --size;
            } else if (first >= 0x8000) {
                revert BadInteger(at);
            }
            if (size > longest) revert BadInteger(at);
            if (size > 32) {
                high = Slices.number(data, start, size - 32);
                low = Slices.word(data, next - 32);
            } else {
                low = Slices.number(data, start, size);
            }
        }
    }

    /// @notice An INTEGER from 0 to 127.
    function small(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (uint256 value, uint256 next) {
        uint256 start;
        (start, next) = open(data, at, end, INTEGER);
        value = Slices.number(data, start, 1);
        if (next != start + 1 || value >= 0x80) revert BadInteger(at);
    }

    /// @notice A BOOLEAN DEFAULT FALSE: whether it is there, and then TRUE.
    function flag(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (bool isSet, uint256 next) {
        if (!Slices.isByte(data, at, end, BOOLEAN)) return (false, at);
        uint256 start;
        (start, next) = open(data, at, end, BOOLEAN);
        if (next != start + 1 || Slices.number(data, start, 1) != 0xff) revert BadBoolean(at);
        return (true, next);
    }

    /// @notice A BIT STRING of up to 16 named bits, the first one on top: 0x8000. At least one is set, and as DER has it
    /// none stands after the last one that is set (X.690 11.2.2).
    function namedBits(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (uint256 bits, uint256 next) {
        uint256 start;
        (start, next) = open(data, at, end, BIT_STRING);
        unchecked {
            uint256 size = next - start;
            if (size != 2 && size != 3) revert BadBitString(at);
            uint256 unused = Slices.number(data, start, 1);
            uint256 used = Slices.number(data, start + 1, size - 1);
            // The last used bit is the lowest one set.
            if (unused > 7 || used & ((2 << unused) - 1) != 1 << unused) revert BadBitString(at);
            bits = size == 2 ? used << 8 : used;
        }
    }

    /// @notice An OBJECT IDENTIFIER: its content, left-aligned, and in the last byte its length.
    function identifier(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (uint256 packed, uint256 next) {
        uint256 start;
        (start, next) = open(data, at, end, OBJECT_IDENTIFIER);
        unchecked {
            uint256 size = next - start;
            if (size == 0 || size > LONGEST_IDENTIFIER) revert BadObjectIdentifier(at);
            uint256 free = 256 - 8 * size;
            packed = (Slices.word(data, start) >> free) << free;
            // Without high bits every byte is an arc of its own.
            if (packed & Slices.HIGH_BITS != 0) _checkArcs(packed, size, at);
            packed |= size;
        }
    }

    /// X.690 8.19: every byte of an arc but the last has its high bit set, and no arc begins with a needless 0x80.
    function _checkArcs(uint256 packed, uint256 size, uint256 at) private pure {
        unchecked {
            uint256 arc = 0;
            for (uint256 i; i < size; ++i) {
                uint256 part = (packed >> (248 - 8 * i)) & 0xff;
                if (++arc > LONGEST_ARC || (arc == 1 && part == 0x80)) revert BadObjectIdentifier(at);
                if (part < 0x80) arc = 0;
            }
            if (arc != 0) revert BadObjectIdentifier(at);
        }
    }
}
