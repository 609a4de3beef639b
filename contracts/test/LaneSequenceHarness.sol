// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {LaneSequence, LaneSequenceFields} from "../types/LaneWords.sol";

/// @title LaneSequenceHarness: a lane's sequence word with its gap histogram, for the parity tests
contract LaneSequenceHarness {
    function withGap(LaneSequence sequence, uint256 gap, uint256 count) external pure returns (LaneSequence) {
        return sequence.withGap(gap, count);
    }

    function bucketOf(uint256 gap) external pure returns (uint256) {
        return LaneSequenceFields.bucketOf(gap);
    }

    function bucketAt(LaneSequence sequence, uint256 bucket) external pure returns (uint256) {
        return sequence.bucketAt(bucket);
    }
}
