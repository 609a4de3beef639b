// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IAttestationRegistry} from "../interfaces/IAttestationRegistry.sol";
import {ENDED, NodeRecord, REVOKED, Tenure} from "../types/RegistryState.sol";
import {RegistryViews} from "./RegistryViews.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title RegistryRevocations: ends that the owner, or whom it named, records
abstract contract RegistryRevocations is RegistryViews, Ownable2Step {
    using Checkpoints for Checkpoints.Trace208;

    /// @inheritdoc IAttestationRegistry
    function revoke(bytes32 node, uint48 effectiveFrom, string calldata reason) external override {
        NodeRecord storage record = _state.nodes[node];
        if (record.latest == 0) revert UnknownNode(node);
        _end(_state.nodeEnds[node], node, effectiveFrom, type(uint256).max);
        record.revoked = true;
        emit NodeRevoked(node, effectiveFrom, reason);
    }

    /// @inheritdoc IAttestationRegistry
    function revokeAttestation(uint256 id, uint48 effectiveFrom, string calldata reason) external override {
        bytes32 node = _state.postings[id].node;
        if (node == 0) revert UnknownAttestation(id);
        Tenure storage tenure = _state.tenures[id];
        _end(_state.ends[id], bytes32(id), effectiveFrom, tenure.until);
        tenure.flags |= ENDED | REVOKED;
        if (_state.nodes[node].latest == id) _state.nodes[node].endorsed = false;
        emit AttestationRevoked(id, effectiveFrom, reason);
    }

    /// @inheritdoc IAttestationRegistry
    function revokeMeasurement(
        bytes32 measurement,
        uint48 effectiveFrom,
        string calldata reason
    ) external override {
        uint256 index = _state.measurementIndex[measurement];
        if (index == 0) revert MeasurementNotAllowed(measurement);
        _end(_state.measurementEnds[index], measurement, effectiveFrom, type(uint256).max);
        _state.measurements[index].revoked = true;
        emit MeasurementRevoked(measurement, effectiveFrom, reason);
    }

    /// @inheritdoc IAttestationRegistry
    function revokeCertificate(
        bytes32 issuer,
        uint256 serial,
        uint48 effectiveFrom,
        string calldata reason
    ) external override {
        bytes16 certificate = bytes16(keccak256(abi.encode(issuer, serial)));
        _end(_state.certificateEnds[certificate], certificate, effectiveFrom, type(uint256).max);
        emit CertificateEnded(certificate, effectiveFrom, reason);
    }

    /// @dev Records an end, for those who may. It comes before `until` and before every end recorded so far.
    function _end(
        Checkpoints.Trace208 storage ends,
        bytes32 subject,
        uint48 effectiveFrom,
        uint256 until
    ) private {
        // Check:
        if (msg.sender != owner() && msg.sender != _state.revoker) revert NotRevoker(msg.sender);
        uint256 reach = _state.terms.maxReachBack;
        uint256 earliest = block.timestamp > reach ? block.timestamp - reach : 1;
        if (effectiveFrom < earliest) revert TooFarBack(effectiveFrom, earliest);
        uint256 latest = ends.latest();
        uint256 present = latest != 0 && latest < until ? latest : until;
        if (effectiveFrom >= present) revert AlreadyRevoked(subject, present);
        // Effect:
        // slither-disable-next-line unused-return: what the trace held before does not matter
        ends.push(uint48(block.timestamp), effectiveFrom);
    }
}

// slither-disable-end timestamp
