// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {
    Assurance,
    IAttestationRegistry,
    Measurement,
    NodeState,
    RegistryTerms
} from "../interfaces/IAttestationRegistry.sol";
import {Attestation, AttestationState, IAttestations} from "../interfaces/IAttestations.sol";
import {IEvidence} from "../interfaces/IEvidence.sol";
import {Challenges} from "../libraries/Challenges.sol";
import {KeySignatures} from "../libraries/KeySignatures.sol";
import {Liveness} from "../libraries/Liveness.sol";
import {MeasurementRecord, NodeRecord, Posting, RegistryState, Tenure} from "../types/RegistryState.sol";

/// @title RegistryViews: what anyone can ask of the registry
abstract contract RegistryViews is IAttestationRegistry {
    using Checkpoints for Checkpoints.Trace208;
    using Liveness for RegistryState;

    RegistryState internal _state;

    /// @inheritdoc IAttestationRegistry
    function wasLive(bytes32 node, uint256 at, uint256 knownBy) external view override returns (bool) {
        return _state.wasLive(node, at, knownBy);
    }

    /// @inheritdoc IAttestationRegistry
    function assurance(bytes32 node, uint256 at) external view override returns (Assurance) {
        return _state.assurance(node, at);
    }

    /// @inheritdoc IAttestations
    function stateOf(uint256 id) external view override returns (AttestationState) {
        return _state.stateOf(id);
    }

    /// @inheritdoc IAttestations
    function attestation(uint256 id) external view override returns (Attestation memory) {
        Tenure memory tenure = _state.tenures[id];
        Posting storage posting = _state.postings[id];
        return
            Attestation({
                node: posting.node,
                state: _state.stateOf(id),
                kind: tenure.kind,
                startsAt: tenure.startsAt,
                endsAt: uint48(_state.endOf(id, tenure, block.timestamp)),
                challengeDeadline: tenure.deadline,
                measurement: _state.measurements[tenure.measurement].measurement,
                claimsHash: posting.claimsHash,
                poster: posting.poster,
                bond: posting.bond,
                challenger: posting.challenger,
                deposit: posting.deposit
            });
    }

    /// @inheritdoc IAttestations
    function attestationCount() external view override returns (uint256) {
        return _state.count;
    }

    /// @inheritdoc IAttestations
    function attestationsOf(
        bytes32 node,
        uint256 offset,
        uint256 limit
    ) external view override returns (uint256[] memory ids) {
        uint256 total = _state.registrations(node);
        ids = new uint256[](_page(total, offset, limit));
        for (uint256 i; i < ids.length; ++i) {
            uint256 place = offset + i;
            ids[i] =
                place + 1 == total
                    ? _state.nodes[node].latest
                    : _state.history[node].at(uint32(place))._value;
        }
    }

    /// @inheritdoc IAttestations
    function registrations(bytes32 node) external view override returns (uint256) {
        return _state.registrations(node);
    }

    /// @inheritdoc IAttestations
    function registrationDigest(
        bytes32 node,
        address operator,
        address payout
    ) external view override returns (bytes32) {
        uint256 nonce = _state.registrations(node);
        return KeySignatures.registrationDigest(address(this), operator, payout, nonce);
    }

    /// @inheritdoc IAttestations
    function challengeDeposit() external view override returns (uint256) {
        return Challenges.depositOf(_state.terms);
    }

    /// @inheritdoc IAttestationRegistry
    function nodeState(bytes32 node) external view override returns (NodeState memory) {
        NodeRecord storage record = _state.nodes[node];
        return
            NodeState({
                operator: record.operator,
                payout: record.payout,
                endsAt: uint48(_state.nodeEnds[node].latest()),
                registrations: _state.registrations(node),
                latest: record.latest
            });
    }

    /// @inheritdoc IAttestationRegistry
    function operatorOf(bytes32 node) external view override returns (address) {
        return _state.nodes[node].operator;
    }

    /// @inheritdoc IAttestationRegistry
    function proposedOperator(bytes32 node) external view override returns (address) {
        return _state.nodes[node].proposed;
    }

    /// @inheritdoc IAttestationRegistry
    function nodeCount() external view override returns (uint256) {
        return _state.order.length;
    }

    /// @inheritdoc IAttestationRegistry
    function nodes(uint256 offset, uint256 limit) external view override returns (bytes32[] memory page) {
        page = new bytes32[](_page(_state.order.length, offset, limit));
        for (uint256 i; i < page.length; ++i) {
            page[i] = _state.order[offset + i];
        }
    }

    /// @inheritdoc IAttestationRegistry
    function measurementCount() external view override returns (uint256) {
        return _state.measurementCount;
    }

    /// @inheritdoc IAttestationRegistry
    function measurements(
        uint256 offset,
        uint256 limit
    ) external view override returns (bytes32[] memory page) {
        page = new bytes32[](_page(_state.measurementCount, offset, limit));
        for (uint256 i; i < page.length; ++i) {
            page[i] = _state.measurements[offset + i + 1].measurement;
        }
    }

    /// @inheritdoc IAttestationRegistry
    function measurementOf(bytes32 measurement) external view override returns (Measurement memory) {
        uint256 index = _state.measurementIndex[measurement];
        MeasurementRecord storage record = _state.measurements[index];
        return
            Measurement({
                allowedAt: record.allowedAt,
                endsAt: uint48(_state.measurementEnds[index].latest()),
                binding: record.binding,
                version: record.version,
                build: record.build
            });
    }

    /// @inheritdoc IAttestationRegistry
    function certificateEnd(bytes16 certificate) external view override returns (uint48) {
        return uint48(_state.certificateEnds[certificate].latest());
    }

    /// @inheritdoc IAttestationRegistry
    function evidence(uint8 kind) external view override returns (IEvidence) {
        return _state.evidence[kind];
    }

    /// @inheritdoc IAttestationRegistry
    function revoker() external view override returns (address) {
        return _state.revoker;
    }

    /// @inheritdoc IAttestationRegistry
    function terms() external view override returns (RegistryTerms memory) {
        return _state.terms;
    }

    /// @inheritdoc IAttestationRegistry
    function maxReachBack() external view override returns (uint48) {
        return _state.terms.maxReachBack;
    }

    /// @inheritdoc IAttestationRegistry
    function burned() external view override returns (uint256) {
        return _state.burned;
    }

    /// @dev How many of `total` things stand on a page.
    function _page(uint256 total, uint256 offset, uint256 limit) private pure returns (uint256) {
        uint256 left = offset < total ? total - offset : 0;
        return left < limit ? left : limit;
    }
}
