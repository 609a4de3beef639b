// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Bits: counting them
library Bits {
    /// @dev How many bits of `word` are set (population count; Hacker's Delight, section 5-1).
    function count(uint256 word) internal pure returns (uint256) {
        if (word == type(uint256).max) return 256;
        unchecked {
            uint256 pairs = type(uint256).max / 3;
            uint256 nibbles = type(uint256).max / 5;
            uint256 octets = type(uint256).max / 17;
            // slither-disable-next-line divide-before-multiply: the divisions make exact constants
            uint256 ones = type(uint256).max / 255;
            word -= (word >> 1) & pairs;
            word = (word & nibbles) + ((word >> 2) & nibbles);
            word = (word + (word >> 4)) & octets;
            // The sum of the 32 bytes, which is at most 255 here, comes out in the top byte.
            return (word * ones) >> 248;
        }
    }
}
