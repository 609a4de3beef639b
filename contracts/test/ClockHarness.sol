// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ClockHarness: the time as a call sees it, which nodes choose differently
contract ClockHarness {
    function time() external view returns (uint256) {
        return block.timestamp;
    }
}
