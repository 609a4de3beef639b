// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {AttestationState} from "../interfaces/IAttestations.sol";
import {Assurance} from "../interfaces/IAttestationRegistry.sol";
import {ENDED, NodeRecord, PROVEN, REVOKED, RegistryState, Tenure} from "../types/RegistryState.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Liveness: whether a node was live, by what was known when
/// @dev At most three attestations are looked at, each in as many steps as the logarithm of its changes.
library Liveness {
    using Checkpoints for Checkpoints.Trace208;

    /// @dev See `IAttestationRegistry.wasLive`.
    function wasLive(
        RegistryState storage state,
        bytes32 node,
        uint256 at,
        uint256 knownBy
    ) internal view returns (bool) {
        // What has not happened is not known: a deadline that is to come may yet be met.
        uint256 known = knownBy < block.timestamp ? knownBy : block.timestamp;
        NodeRecord storage record = state.nodes[node];
        uint256 latestAt = record.latestAt;
        if (record.endorsed && !record.revoked && at > latestAt && known >= latestAt) {
            return at < type(uint40).max;
        }
        if (at >= nodeEnd(state, node, known)) return false;
        // What was posted later than that can have no start that was known.
        uint256 id = _last(state, node, at < known ? at : known);
        Tenure memory tenure = state.tenures[id];
        return
            _isLive(state, id, tenure, at, known) ||
            isLive(state, tenure.earlier, at, known) ||
            isLive(state, tenure.earliest, at, known);
    }

    /// @dev See `IAttestationRegistry.assurance`.
    function assurance(
        RegistryState storage state,
        bytes32 node,
        uint256 at
    ) internal view returns (Assurance best) {
        if (at >= nodeEnd(state, node, block.timestamp)) return Assurance.None;
        uint256 id = _last(state, node, at);
        best = _assuranceOf(state, id, at);
        Assurance other = _assuranceOf(state, state.tenures[id].earlier, at);
        if (other > best) best = other;
        other = _assuranceOf(state, state.tenures[id].earliest, at);
        if (other > best) best = other;
    }

    /// @dev How many attestations a node has.
    function registrations(RegistryState storage state, bytes32 node) internal view returns (uint256) {
        return state.nodes[node].latest == 0 ? 0 : state.history[node].length() + 1;
    }

    /// @dev Whether one attestation was live, its node's key apart. Zero, which is no attestation, never was.
    function isLive(
        RegistryState storage state,
        uint256 id,
        uint256 at,
        uint256 known
    ) internal view returns (bool) {
        return id != 0 && _isLive(state, id, state.tenures[id], at, known);
    }

    function _isLive(
        RegistryState storage state,
        uint256 id,
        Tenure memory tenure,
        uint256 at,
        uint256 known
    ) private view returns (bool) {
        // A start is known one second before it comes, at the latest.
        if (tenure.startsAt == 0 || at < tenure.startsAt || known + 1 < tenure.startsAt) return false;
        return at < endOf(state, id, tenure, known);
    }

    /// @dev From when the key of `node` is not to be trusted, by what was known; the largest number: no such record.
    function nodeEnd(
        RegistryState storage state,
        bytes32 node,
        uint256 known
    ) internal view returns (uint256) {
        if (!state.nodes[node].revoked) return type(uint256).max;
        return _sooner(type(uint256).max, state.nodeEnds[node], known);
    }

    /// @dev From when an attestation holds no more, by what was known, its node's key apart.
    function endOf(
        RegistryState storage state,
        uint256 id,
        Tenure memory tenure,
        uint256 known
    ) internal view returns (uint256 end) {
        end = tenure.until;
        if (tenure.flags & ENDED != 0) end = _sooner(end, state.ends[id], known);
        if (isRejected(tenure, known)) {
            uint256 reach = state.terms.maxReachBack;
            uint256 rejectedFrom = uint256(tenure.deadline) + 1 > reach ? tenure.deadline + 1 - reach : 1;
            if (rejectedFrom < end) end = rejectedFrom;
        }
        if (tenure.kind != 0) {
            if (state.measurements[tenure.measurement].revoked) {
                end = _sooner(end, state.measurementEnds[tenure.measurement], known);
            }
            bytes16[4] memory certificates = state.certificates[id];
            for (uint256 i; i < 4; ++i) {
                end = _sooner(end, state.certificateEnds[certificates[i]], known);
            }
        }
    }

    /// @dev Whether a challenge had gone unanswered by then.
    function isRejected(Tenure memory tenure, uint256 known) internal pure returns (bool) {
        return tenure.deadline != 0 && known > tenure.deadline;
    }

    /// @dev Whether an attestation can never be live again by the records so far, its node's key apart.
    function isOver(RegistryState storage state, uint256 id) internal view returns (bool) {
        if (id == 0) return true;
        Tenure memory tenure = state.tenures[id];
        if (tenure.startsAt == 0) return isRejected(tenure, block.timestamp);
        return endOf(state, id, tenure, block.timestamp) <= block.timestamp;
    }

    /// @dev See `IAttestations.stateOf`.
    function stateOf(RegistryState storage state, uint256 id) internal view returns (AttestationState) {
        Tenure memory tenure = state.tenures[id];
        bytes32 node = state.postings[id].node;
        if (node == 0) return AttestationState.None;
        if (isRejected(tenure, block.timestamp)) return AttestationState.Rejected;
        uint256 end = endOf(state, id, tenure, block.timestamp);
        uint256 keyEnd = nodeEnd(state, node, block.timestamp);
        if (keyEnd < end) end = keyEnd;
        if (end <= block.timestamp) {
            // slither-disable-next-line incorrect-equality: which of several ends it was
            if (end == tenure.until) return AttestationState.Expired;
            // slither-disable-next-line incorrect-equality: which of several ends it was
            bool retired = tenure.flags & (ENDED | REVOKED) == ENDED && end == state.ends[id].latest();
            return retired ? AttestationState.Retired : AttestationState.Revoked;
        }
        if (tenure.kind == 0) return AttestationState.Endorsed;
        if (tenure.flags & PROVEN != 0) return AttestationState.Proven;
        if (tenure.startsAt == 0) return AttestationState.Contested;
        if (tenure.deadline != 0) return AttestationState.Challenged;
        return block.timestamp < tenure.startsAt ? AttestationState.Posted : AttestationState.Unchallenged;
    }

    function _assuranceOf(
        RegistryState storage state,
        uint256 id,
        uint256 at
    ) private view returns (Assurance) {
        if (!isLive(state, id, at, block.timestamp)) return Assurance.None;
        Tenure memory tenure = state.tenures[id];
        if (tenure.kind == 0) return Assurance.Endorsed;
        return tenure.flags & PROVEN != 0 ? Assurance.Proven : Assurance.Unchallenged;
    }

    /// @dev The last attestation of `node` posted by `at`; zero: none. Only it, and those that were not over when it was
    /// posted, can have been live then.
    function _last(RegistryState storage state, bytes32 node, uint256 at) private view returns (uint256) {
        NodeRecord storage record = state.nodes[node];
        return at >= record.latestAt ? record.latest : state.history[node].upperLookupRecent(uint48(at));
    }

    /// @dev `end`, or what `ends` had recorded by then, whichever comes first. An end is never second 0, so 0 says
    /// that none was recorded.
    function _sooner(
        uint256 end,
        Checkpoints.Trace208 storage ends,
        uint256 known
    ) private view returns (uint256) {
        uint256 recorded = ends.upperLookupRecent(uint48(known));
        return recorded != 0 && recorded < end ? recorded : end;
    }
}

// slither-disable-end timestamp
