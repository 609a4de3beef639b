// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The numbers of the fault kinds
library FaultKinds {
    uint8 internal constant BAD_SIGNATURE = 1;
    uint8 internal constant DUPLICATE_RECEIPT = 2;
    uint8 internal constant MISDECLARED_RANGE = 3;
    /// @dev Its number is kept and no epoch may bind it: the liable party is the node, whose bond cannot answer yet, and
    /// the judge is one for each model. Bound today, it would be the lane that pays for what the node said.
    uint8 internal constant WRONG_RESULT = 4;

    /// @dev Whether the lane answers for this kind. Only those can be bound: what is proven is slashed from the lane.
    function isOfLane(uint8 kind) internal pure returns (bool) {
        return kind == BAD_SIGNATURE || kind == DUPLICATE_RECEIPT || kind == MISDECLARED_RANGE;
    }
}
