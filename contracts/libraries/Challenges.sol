// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {RegistryTerms} from "../interfaces/IAttestationRegistry.sol";
import {Claims, IAttestations} from "../interfaces/IAttestations.sol";
import {ENDED, NodeRecord, Posting, PROVEN, RegistryState, REVOKED, Tenure} from "../types/RegistryState.sol";
import {Evidence} from "./Evidence.sol";
import {Liveness} from "./Liveness.sol";
import {PublicKeys} from "./PublicKeys.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Challenges: how attestations hold on, and how they end
/// @dev A library of its own: it keeps the contract within its size. What it owes to somebody it returns, and the
/// contract credits.
library Challenges {
    using Checkpoints for Checkpoints.Trace208;

    /// @dev See `IAttestations.challenge`.
    // slither-disable-next-line msg-value-in-nonpayable: reached from a payable function, through a library call
    function challenge(RegistryState storage state, uint256 id) external {
        // Check:
        (Tenure storage tenure, Posting storage posting) = _unproven(state, id);
        if (tenure.deadline != 0) revert IAttestations.AlreadyChallenged(id);
        if (posting.bond == 0) revert IAttestations.NoBond(id);
        uint256 until = _lastUse(state, id, tenure);
        if (block.timestamp > until) revert IAttestations.ChallengeTooLate(id, until);
        uint256 needed = depositOf(state.terms);
        if (msg.value < needed) revert IAttestations.DepositTooSmall(msg.value, needed);
        // Effect:
        uint40 deadline = uint40(block.timestamp) + state.terms.proofPeriod;
        if (tenure.startsAt > block.timestamp) tenure.startsAt = 0;
        tenure.deadline = deadline;
        posting.challenger = msg.sender;
        posting.deposit = SafeCast.toUint96(msg.value);
        emit IAttestations.AttestationChallenged(id, msg.sender, tenure.startsAt, deadline, msg.value);
    }

    /// @dev See `IAttestations.prove`. Returns what the prover is owed.
    function prove(
        RegistryState storage state,
        uint256 id,
        Claims calldata claims,
        bytes calldata publicKey,
        bytes calldata document,
        bytes calldata hints
    ) external returns (uint256 owed) {
        // Check:
        (Tenure storage tenure, Posting storage posting) = _unproven(state, id);
        if (Liveness.isRejected(tenure, block.timestamp)) {
            revert IAttestations.ProofTooLate(id, tenure.deadline);
        }
        if (keccak256(abi.encode(claims)) != posting.claimsHash) revert IAttestations.WrongClaims(id);
        if (PublicKeys.nodeOf(publicKey) != posting.node) revert IAttestations.ClaimDiffers("publicKey");
        // Interaction: with a contract that the owner added.
        // slither-disable-next-line reentrancy-events: verifiers are added by the owner, for good, and call nobody
        Evidence.check(state, claims, id, publicKey, document, hints);
        // Effect:
        if (tenure.startsAt == 0 || tenure.startsAt > block.timestamp) {
            tenure.startsAt = uint40(block.timestamp) + 1;
        }
        tenure.deadline = 0;
        tenure.flags |= PROVEN;
        owed = posting.deposit;
        posting.deposit = 0;
        emit IAttestations.AttestationProven(id, msg.sender, tenure.startsAt);
    }

    /// @dev See `IAttestations.expireChallenge`. Returns who is owed what; the rest burns.
    function expireChallenge(
        RegistryState storage state,
        uint256 id
    ) external returns (address challenger, uint256 owed) {
        // Check:
        Posting storage posting = _existing(state, id);
        if (!Liveness.isRejected(state.tenures[id], block.timestamp)) {
            revert IAttestations.ChallengeNotOver(id);
        }
        uint256 bond = posting.bond;
        if (bond == 0) revert IAttestations.NoBond(id);
        // Effect:
        challenger = posting.challenger;
        owed = bond / 2 + posting.deposit;
        state.burned += bond - bond / 2;
        posting.bond = 0;
        posting.deposit = 0;
        emit IAttestations.AttestationRejected(id, challenger, bond);
    }

    /// @dev See `IAttestations.retire`.
    function retire(RegistryState storage state, uint256 id) external {
        // Check:
        NodeRecord storage record = state.nodes[_existing(state, id).node];
        if (msg.sender != record.operator) revert IAttestations.NotOperator(msg.sender);
        Tenure storage tenure = state.tenures[id];
        uint48 endsAt = uint48(block.timestamp) + state.terms.retireDelay + 1;
        uint256 end = Liveness.endOf(state, id, tenure, block.timestamp);
        if (endsAt >= end) revert IAttestations.EndsAlready(id, end);
        // Effect:
        tenure.flags |= ENDED;
        if (record.latest == id) record.endorsed = false;
        // slither-disable-next-line unused-return: what the trace held before does not matter
        state.ends[id].push(uint48(block.timestamp), endsAt);
        emit IAttestations.AttestationRetired(id, endsAt);
    }

    /// @dev See `IAttestations.releaseBond`. Returns who is owed what.
    function releaseBond(
        RegistryState storage state,
        uint256 id
    ) external returns (address poster, uint256 owed) {
        // Check:
        Posting storage posting = _existing(state, id);
        Tenure storage tenure = state.tenures[id];
        owed = posting.bond;
        if (owed == 0) revert IAttestations.NoBond(id);
        uint256 until = tenure.deadline != 0 ? type(uint256).max : _lastUse(state, id, tenure);
        if (block.timestamp <= until) revert IAttestations.BondHeld(id, until);
        // Effect:
        posting.bond = 0;
        poster = posting.poster;
        emit IAttestations.BondReleased(id, poster, owed);
    }

    /// @dev The least deposit of a challenge at the present base fee: half as much again as proving costs.
    function depositOf(RegistryTerms memory terms) public view returns (uint256) {
        uint256 cost = (block.basefee * terms.proofGas * 3) / 2;
        return cost > terms.depositFloor ? cost : terms.depositFloor;
    }

    // ------------------------------------------------------------------------------------------------ checks

    function _existing(
        RegistryState storage state,
        uint256 id
    ) private view returns (Posting storage posting) {
        posting = state.postings[id];
        if (posting.node == 0) revert IAttestations.UnknownAttestation(id);
    }

    function _unproven(
        RegistryState storage state,
        uint256 id
    ) private view returns (Tenure storage tenure, Posting storage posting) {
        posting = _existing(state, id);
        tenure = state.tenures[id];
        if (tenure.kind == 0 || tenure.flags & PROVEN != 0) revert IAttestations.NothingToProve(id);
    }

    /// @dev The last second in which a receipt that hangs on an attestation can be pending, by its poster's and its
    /// operator's words. A revocation does not free the bond sooner: it may answer the very fraud that the bond stands
    /// for.
    function _lastUse(
        RegistryState storage state,
        uint256 id,
        Tenure memory tenure
    ) private view returns (uint256) {
        bool retired = tenure.flags & (ENDED | REVOKED) == ENDED;
        return (retired ? uint256(state.ends[id].latest()) : tenure.until) + state.terms.maxReachBack;
    }
}

// slither-disable-end timestamp
