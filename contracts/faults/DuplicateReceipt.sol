// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Claim, IFault} from "../interfaces/IFault.sol";
import {ISettlementViews, Standing} from "../interfaces/ISettlementViews.sol";
import {Header} from "../types/Header.sol";

/// @title DuplicateReceipt: the same receipt stands earlier on the lane, and there it is not void
/// @notice `claim.evidence` tells where: the words batchId, index, keccak256(signature), then those of the inclusion
/// proof. The same receipt, not the same leaf: a signature's bytes can be others and verify all the same. The liable
/// party is the lane: its relayer numbered both.
contract DuplicateReceipt is IFault {
    /// @dev Bytes of evidence before the proof.
    uint256 private constant HEAD = 96;
    /// @dev Where the proof stands among the arguments of `standing`: after batchId, index, seven words and this.
    uint256 private constant PROOF_OFFSET = 10 * 32;

    /// @notice The evidence is not whole words, at least three, so it cannot tell.
    error MalformedEvidence(uint256 length);

    /// @inheritdoc IFault
    /// @dev Asks its caller, the settlement contract.
    function proven(Header, Claim calldata claim) external view override returns (bool) {
        bytes calldata evidence = claim.evidence;
        if (evidence.length < HEAD || evidence.length % 32 != 0) revert MalformedEvidence(evidence.length);
        uint256 batchId = uint256(bytes32(evidence));
        uint256 index = uint256(bytes32(evidence[32:]));
        if (batchId >> 64 != claim.batchId >> 64) return false;
        // An index beyond 64 bits is in no batch; below, the sum cannot overflow.
        if (index > type(uint64).max) return false;
        if (uint64(batchId) + index >= uint64(claim.batchId) + claim.index) return false;
        // The evidence and the receipt are the arguments already but for their order: they are copied, not encoded anew.
        bytes memory asked = abi.encodePacked(
            ISettlementViews.standing.selector,
            evidence[:64],
            claim.receipt,
            evidence[64:HEAD],
            PROOF_OFFSET,
            (evidence.length - HEAD) / 32,
            evidence[HEAD:]
        );
        Standing standing = abi.decode(Address.functionStaticCall(msg.sender, asked), (Standing));
        return standing == Standing.Posted || standing == Standing.Final;
    }
}
