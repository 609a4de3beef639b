// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Claim, IFault} from "../interfaces/IFault.sol";
import {ISettlement, Standing} from "../interfaces/ISettlement.sol";
import {Header} from "../types/Header.sol";

/// @title DuplicateReceipt: the same receipt stands earlier on the lane, and there it is not void
/// @notice `claim.evidence` is `abi.encode(uint256 batchId, uint256 index, bytes32 signatureHash, bytes32[] proof)` of the
/// earlier one. The same receipt, not the same leaf: a signature's bytes can be others and verify all the same. The
/// liable party is the lane: its relayer numbered both.
contract DuplicateReceipt is IFault {
    /// @inheritdoc IFault
    /// @dev Asks its caller, the settlement contract.
    function proven(Header, Claim calldata claim) external view override returns (bool) {
        (uint256 batchId, uint256 index, bytes32 signatureHash, bytes32[] memory proof) = abi.decode(
            claim.evidence,
            (uint256, uint256, bytes32, bytes32[])
        );
        if (batchId >> 64 != claim.batchId >> 64) return false;
        // An index beyond 64 bits is in no batch; below, the sum cannot overflow.
        if (index > type(uint64).max) return false;
        if (uint64(batchId) + index >= uint64(claim.batchId) + claim.index) return false;
        bytes32[7] memory leaf;
        for (uint256 i; i < 6; ++i) {
            leaf[i] = claim.receipt[i];
        }
        leaf[6] = signatureHash;
        Standing standing = ISettlement(msg.sender).standing(batchId, index, leaf, proof);
        return standing == Standing.Posted || standing == Standing.Final;
    }
}
