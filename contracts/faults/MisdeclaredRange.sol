// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Claim, IFault} from "../interfaces/IFault.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {Header} from "../types/Header.sol";

/// @title MisdeclaredRange: a timely leaf was issued outside the range that its batch declares
/// @notice It keeps the trust gap on the chain honest. The leaf itself stands. The liable party is the lane.
contract MisdeclaredRange is IFault {
    /// @inheritdoc IFault
    /// @dev Asks its caller, the settlement contract, for the terms.
    function proven(Header header, Claim calldata claim) external view override returns (bool) {
        uint256 issuedAt = uint256(claim.receipt[Receipts.ISSUED_AT]);
        if (issuedAt >= header.oldest() && issuedAt <= header.newest()) return false;
        return ISettlement(msg.sender).postingTerms(header.epoch()).isTimely(issuedAt, header.anchor());
    }
}
