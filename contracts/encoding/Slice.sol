// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Where something stands in the calldata that was read: offset << 128 | length, both in bytes. Zero: it does
/// not stand there.
/// @dev What readers hand on instead of copies. It means nothing without the bytes that were read, and nothing in other
/// bytes.
type Slice is uint256;

using Slices for Slice global;

/// @title Slices of calldata, and how readers look at it
library Slices {
    /// @notice The highest bit of each byte, which no ASCII character has.
    uint256 internal constant HIGH_BITS = 0x8080808080808080808080808080808080808080808080808080808080808080;

    /// @notice The slice from `start` up to, not including, `end`; never backwards.
    function between(uint256 start, uint256 end) internal pure returns (Slice) {
        unchecked {
            return Slice.wrap((start << 128) | (end - start));
        }
    }

    /// @notice Where the slice begins, from the beginning of what was read.
    function offset(Slice self) internal pure returns (uint256) {
        return Slice.unwrap(self) >> 128;
    }

    /// @notice How many bytes the slice has.
    function length(Slice self) internal pure returns (uint256) {
        return uint128(Slice.unwrap(self));
    }

    /// @notice Whether it does not stand there at all, which is other than being empty.
    function isAbsent(Slice self) internal pure returns (bool) {
        return Slice.unwrap(self) == 0;
    }

    /// @notice The bytes of the slice in `data`, which must be what was read.
    function bytesIn(Slice self, bytes calldata data) internal pure returns (bytes calldata) {
        uint256 start = self.offset();
        return data[start:start + self.length()];
    }

    /// @notice The 32 bytes that begin at `at`. Those past the end of `data` are whatever follows in the calldata: look
    /// only at those that are known to be inside.
    function word(bytes calldata data, uint256 at) internal pure returns (uint256 found) {
        // slither-disable-next-line assembly: 2 gas against 137, hundreds of times a document; plain in NitroReadersHarness
        assembly ("memory-safe") {
            found := calldataload(add(data.offset, at))
        }
    }

    /// @notice The `size` bytes that begin at `at` as a big-endian number: at most 32, and inside of `data`.
    function number(bytes calldata data, uint256 at, uint256 size) internal pure returns (uint256) {
        unchecked {
            return word(data, at) >> (256 - 8 * size);
        }
    }

    /// @notice Whether the byte at `at` is this one, and stands before `end`.
    function isByte(
        bytes calldata data,
        uint256 at,
        uint256 end,
        uint256 wanted
    ) internal pure returns (bool) {
        return at < end && word(data, at) >> 248 == wanted;
    }

    /// @notice Whether the bytes from `start` up to `end` are all ASCII.
    function isAscii(bytes calldata data, uint256 start, uint256 end) internal pure returns (bool) {
        unchecked {
            uint256 found;
            for (; start + 32 <= end; start += 32) found |= word(data, start);
            if (start < end) found |= number(data, start, end - start);
            return found & HIGH_BITS == 0;
        }
    }
}
