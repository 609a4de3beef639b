// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IAttestationRegistry, RegistryTerms} from "../interfaces/IAttestationRegistry.sol";
import {Claims, IAttestations} from "../interfaces/IAttestations.sol";
import {NodeRecord, RegistryState, Tenure} from "../types/RegistryState.sol";
import {Liveness} from "./Liveness.sol";
import {PublicKeys, Scheme} from "./PublicKeys.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Posting rules: what an attestation must be before it is one
library PostingRules {
    using Checkpoints for Checkpoints.Trace208;
    using Liveness for RegistryState;

    /// @dev The node of a key that is of a known form and was not revoked.
    function livingNode(
        RegistryState storage state,
        bytes calldata publicKey
    ) internal view returns (bytes32 node) {
        if (PublicKeys.schemeOf(publicKey) == Scheme.NONE) {
            revert IAttestationRegistry.UnknownKeyForm(publicKey.length);
        }
        node = PublicKeys.nodeOf(publicKey);
        uint256 end = state.nodeEnd(node, block.timestamp);
        if (end <= block.timestamp) revert IAttestationRegistry.NodeEnded(node, end);
    }

    /// @dev What every posting must be, whoever names its operator.
    // slither-disable-next-line msg-value-in-nonpayable: reached from a payable function, through a library call
    function check(
        RegistryState storage state,
        Claims calldata claims,
        uint256 startsAt
    ) internal view returns (uint16 measurement) {
        RegistryTerms memory terms = state.terms;
        if (address(state.evidence[claims.kind]) == address(0)) {
            revert IAttestations.UnknownEvidence(claims.kind);
        }
        measurement = state.measurementIndex[claims.measurement];
        if (measurement == 0) revert IAttestations.MeasurementNotAllowed(claims.measurement);
        uint256 end = state.measurementEnds[measurement].latest();
        if (end != 0 && end <= block.timestamp) {
            revert IAttestations.MeasurementNotAllowed(claims.measurement);
        }
        for (uint256 i; i < 4; ++i) {
            end = state.certificateEnds[claims.certificates[i]].latest();
            if (end != 0 && end <= block.timestamp) {
                revert IAttestations.CertificateRevoked(claims.certificates[i]);
            }
        }
        uint256 latest = block.timestamp + terms.maxClockSkew;
        uint256 earliest =
            block.timestamp > terms.maxDocumentAge ? block.timestamp - terms.maxDocumentAge : 0;
        if (claims.documentTime < earliest || claims.documentTime > latest) {
            revert IAttestations.UntimelyDocument(claims.documentTime, earliest, latest);
        }
        latest = uint256(claims.documentTime) + terms.maxAttestedFor;
        earliest = startsAt + 1;
        if (claims.attestedUntil < earliest || claims.attestedUntil > latest) {
            revert IAttestations.BadEnd(claims.attestedUntil, earliest, latest);
        }
        // Else whoever sees the key's signature, or the document, could spend it on other claims.
        if (msg.sender != claims.operator) revert IAttestations.NotOperator(msg.sender);
        if (msg.value != terms.bond) revert IAttestations.WrongBond(msg.value, terms.bond);
    }

    /// @dev Nobody but a node's operator, or its key, hands it over.
    function checkOperator(NodeRecord storage record, bytes32 node, address operator) internal view {
        address present = record.operator;
        if (present != address(0) && present != operator) revert IAttestations.OtherOperator(node, present);
    }

    function checkNonce(RegistryState storage state, Claims calldata claims) internal view {
        bytes32 opened = state.nonces[claims.nonce];
        if (opened != keccak256(abi.encode(claims.operator, claims.payout))) {
            revert IAttestations.UnknownNonce(claims.nonce);
        }
    }

    function isEndorsed(RegistryState storage state, NodeRecord storage record) internal view returns (bool) {
        uint256 id = record.latest;
        Tenure storage tenure = state.tenures[id];
        return
            _isEndorsement(state, id) ||
            _isEndorsement(state, tenure.earlier) ||
            _isEndorsement(state, tenure.earliest);
    }

    function _isEndorsement(RegistryState storage state, uint256 id) private view returns (bool) {
        return id != 0 && state.tenures[id].kind == 0 && !state.isOver(id);
    }
}

// slither-disable-end timestamp
