// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bits} from "../libraries/Bits.sol";

/// @title BitsHarness: the count of set bits, for the parity tests
contract BitsHarness {
    function count(uint256 word) external pure returns (uint256) {
        return Bits.count(word);
    }
}
