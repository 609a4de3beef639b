// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The numbers of the fault kinds
library FaultKinds {
    uint8 internal constant BAD_SIGNATURE = 1;
    uint8 internal constant DUPLICATE_RECEIPT = 2;
    uint8 internal constant MISDECLARED_RANGE = 3;
    /// @dev Has its number and no judge yet: the liable party is the node, the judge is one for each model.
    uint8 internal constant WRONG_RESULT = 4;
}
