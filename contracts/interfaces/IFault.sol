// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Header} from "../types/Header.sol";

/// @notice What a prover hands in: one leaf of one batch, with its place, and what the fault kind needs on top.
/// @param batchId `lane << 64 | firstSeq`.
/// @param index The leaf's place in the batch, from 0.
/// @param receipt Six raw words: node, model, request, response, evidence, issuedAt. Raw, because a typed decoder
/// reverts on an issuedAt of 2^64 or more, and a fault of such a leaf could never be proven.
/// @param signature The signature's bytes; the leaf holds their keccak256.
/// @param proof The inclusion proof, bottom-up (RFC 9162 section 2.1.3).
/// @param evidence What the fault kind asks for: see its contract.
struct Claim {
    uint256 batchId;
    uint256 index;
    bytes32[6] receipt;
    bytes signature;
    bytes32[] proof;
    bytes evidence;
}

/// @title A kind of fault
/// @notice `Settlement` checks inclusion, epoch, liability and time, then asks the fault's own contract.
interface IFault {
    /// @notice Whether `claim` proves this fault.
    /// @dev Answers yes or no, or reverts when it cannot tell (a precompile failed, too little gas, evidence that
    /// is not about this leaf). A revert proves nothing.
    /// @param header The header of the batch that holds the leaf.
    /// @param claim The leaf, included in the batch at its place: the caller has checked that.
    function proven(Header header, Claim calldata claim) external view returns (bool);
}
