// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Slice, Slices} from "./Slice.sol";

/// @title A strict reader of CBOR (RFC 8949)
/// @notice Reads items between `at` and `end` in calldata, both counted from the beginning of `data`. Every item is asked
/// for by its type, so nothing is skipped unseen. Heads must be minimal (section 4.2.1), strings definite: as in every
/// document that the Nitro hypervisor was seen to make.
/// @dev `end` must be at most `data.length`, so a length that fits is small and sums cannot overflow.
library Cbor {
    /// @notice An item of another major type is due at `offset`.
    error UnexpectedType(uint256 offset, uint256 expected, uint256 found);
    /// @notice The item at `offset` is not all there before `end`, where what holds it ends.
    error TruncatedItem(uint256 offset, uint256 end);
    /// @notice The head at `offset` is longer than it must be, or of a reserved form.
    error BadHead(uint256 offset);
    /// @notice The item at `offset` has indefinite length, where real documents have none.
    error IndefiniteLength(uint256 offset);
    /// @notice The text at `offset` is not all ASCII.
    error NotAscii(uint256 offset);

    uint256 internal constant UNSIGNED = 0;
    uint256 internal constant BYTES = 2;
    uint256 internal constant TEXT = 3;
    uint256 internal constant ARRAY = 4;
    uint256 internal constant MAP = 5;

    /// @notice The number of entries of a map of indefinite length: unknown until `isBreak`.
    uint256 internal constant INDEFINITE = type(uint256).max;

    uint256 private constant MAP_OF_INDEFINITE_LENGTH = 0xbf;
    uint256 private constant BREAK = 0xff;
    uint256 private constant NULL = 0xf6;

    /// @notice The head at `at`, of major type `expected`: its argument, and where what follows begins.
    function head(
        bytes calldata data,
        uint256 at,
        uint256 end,
        uint256 expected
    ) internal pure returns (uint256 argument, uint256 next) {
        unchecked {
            if (at >= end) revert TruncatedItem(at, end);
            uint256 word = Slices.word(data, at);
            if (word >> 253 != expected) revert UnexpectedType(at, expected, word >> 253);
            argument = (word >> 248) & 0x1f;
            next = at + 1;
            if (argument < 24) return (argument, next);
            if (argument > 27) {
                if (argument == 31) revert IndefiniteLength(at);
                revert BadHead(at);
            }
            // 24 to 27: the argument is in the next 1, 2, 4 or 8 bytes, and too large for half of them.
            uint256 size = 1 << (argument - 24);
            next += size;
            if (next > end) revert TruncatedItem(at, end);
            argument = (word << 8) >> (256 - 8 * size);
            if (size == 1 ? argument < 24 : argument >> (4 * size) == 0) revert BadHead(at);
        }
    }

    /// @notice A string of bytes.
    function byteString(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (Slice content, uint256 next) {
        return _string(data, at, end, BYTES);
    }

    /// @notice A string of bytes, or null, which is the absent slice.
    function byteStringOrNull(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (Slice content, uint256 next) {
        if (Slices.isByte(data, at, end, NULL)) return (Slice.wrap(0), at + 1);
        return _string(data, at, end, BYTES);
    }

    /// @notice A text, which must be ASCII: no text in a Nitro document needs more.
    function text(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (Slice content, uint256 next) {
        (content, next) = _string(data, at, end, TEXT);
        if (!Slices.isAscii(data, content.offset(), next)) revert NotAscii(at);
    }

    /// @notice A text to compare with names: left-aligned, and in the last byte its length. One above 31 bytes is zero,
    /// which is no name.
    function name(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (uint256 packed, uint256 next) {
        Slice content;
        (content, next) = text(data, at, end);
        unchecked {
            uint256 size = content.length();
            if (size == 0 || size > 31) return (0, next);
            uint256 free = 256 - 8 * size;
            packed = ((Slices.word(data, content.offset()) >> free) << free) | size;
        }
    }

    /// @notice The head of a map of definite or indefinite length: how many entries follow, or INDEFINITE.
    function map(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) internal pure returns (uint256 entries, uint256 next) {
        if (Slices.isByte(data, at, end, MAP_OF_INDEFINITE_LENGTH)) return (INDEFINITE, at + 1);
        return head(data, at, end, MAP);
    }

    /// @notice Whether the break that ends an indefinite length stands at `at`, in one byte.
    function isBreak(bytes calldata data, uint256 at, uint256 end) internal pure returns (bool) {
        return Slices.isByte(data, at, end, BREAK);
    }

    function _string(
        bytes calldata data,
        uint256 at,
        uint256 end,
        uint256 expected
    ) private pure returns (Slice content, uint256 next) {
        (uint256 size, uint256 start) = head(data, at, end, expected);
        unchecked {
            if (size > end - start) revert TruncatedItem(at, end);
            next = start + size;
        }
        content = Slices.between(start, next);
    }
}
