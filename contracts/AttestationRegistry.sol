// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Credits} from "./base/Credits.sol";
import {RegistryRevocations} from "./base/RegistryRevocations.sol";
import {
    Binding,
    EvidenceBinding,
    IAttestationRegistry,
    RegistryTerms
} from "./interfaces/IAttestationRegistry.sol";
import {Claims, IAttestations} from "./interfaces/IAttestations.sol";
import {IEvidence} from "./interfaces/IEvidence.sol";
import {Attestations} from "./libraries/Attestations.sol";
import {Challenges} from "./libraries/Challenges.sol";
import {MeasurementRecord, NodeRecord, RegistryState} from "./types/RegistryState.sol";

/// @title AttestationRegistry
contract AttestationRegistry is RegistryRevocations, Credits {
    using Attestations for RegistryState;
    using Challenges for RegistryState;

    /// @dev Nobody has the key of this address: ether sent there is burned.
    address private constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;

    /// @param evidence_ What is known from the beginning: the owner may be a timelock.
    constructor(
        address owner_,
        RegistryTerms memory terms_,
        EvidenceBinding[] memory evidence_
    ) Ownable(owner_) {
        _checkTerms(terms_);
        _state.terms = terms_;
        for (uint256 i; i < evidence_.length; ++i) {
            _addEvidence(evidence_[i].kind, evidence_[i].verifier);
        }
    }

    // ------------------------------------------------------------------------------------------ attestations

    /// @inheritdoc IAttestations
    function openNonce(address operator, address payout) external override returns (bytes32 nonce) {
        return _state.openNonce(operator, payout);
    }

    /// @inheritdoc IAttestationRegistry
    function endorse(
        bytes calldata publicKey,
        address operator
    ) external override onlyOwner returns (bytes32 node) {
        return _state.endorse(publicKey, operator);
    }

    /// @inheritdoc IAttestations
    function post(
        Claims calldata claims,
        bytes calldata publicKey,
        bytes calldata keySignature,
        string calldata uri
    ) external payable override returns (uint256 id) {
        return _state.post(claims, publicKey, keySignature, uri);
    }

    /// @inheritdoc IAttestations
    function postProven(
        Claims calldata claims,
        bytes calldata publicKey,
        string calldata uri,
        bytes calldata document,
        bytes calldata hints
    ) external payable override returns (uint256 id) {
        return _state.postProven(claims, publicKey, uri, document, hints);
    }

    /// @inheritdoc IAttestations
    function challenge(uint256 id) external payable override {
        _state.challenge(id);
    }

    /// @inheritdoc IAttestations
    function prove(
        uint256 id,
        Claims calldata claims,
        bytes calldata publicKey,
        bytes calldata document,
        bytes calldata hints
    ) external override {
        _credit(msg.sender, _state.prove(id, claims, publicKey, document, hints));
    }

    /// @inheritdoc IAttestations
    function expireChallenge(uint256 id) external override {
        (address challenger, uint256 owed) = _state.expireChallenge(id);
        _credit(challenger, owed);
    }

    /// @inheritdoc IAttestations
    function retire(uint256 id) external override {
        _state.retire(id);
    }

    /// @inheritdoc IAttestations
    function releaseBond(uint256 id) external override {
        (address poster, uint256 owed) = _state.releaseBond(id);
        _credit(poster, owed);
    }

    /// @inheritdoc IAttestationRegistry
    function sweepBurned() external override {
        // Check:
        uint256 amount = _state.burned;
        if (amount == 0) revert NothingToSweep();
        // Effect:
        _state.burned = 0;
        emit Burned(amount);
        // Interaction:
        _pay(BURN_ADDRESS, amount);
    }

    // --------------------------------------------------------------------------------------- the owner's word

    /// @inheritdoc IAttestationRegistry
    function allowMeasurement(
        bytes32 measurement,
        Binding binding,
        string calldata version,
        string calldata build
    ) external override onlyOwner {
        // Check:
        if (_state.measurementIndex[measurement] != 0) revert AlreadyAllowed(measurement);
        if (measurement == 0 || _state.measurementCount == type(uint16).max) revert CannotAllow(measurement);
        // Effect:
        uint16 index = ++_state.measurementCount;
        _state.measurementIndex[measurement] = index;
        _state.measurements[index] = MeasurementRecord({
            allowedAt: uint48(block.timestamp),
            revoked: false,
            binding: binding,
            measurement: measurement,
            version: version,
            build: build
        });
        emit MeasurementAllowed(measurement, binding, version, build);
    }

    /// @inheritdoc IAttestationRegistry
    function addEvidence(uint8 kind, IEvidence verifier) external override onlyOwner {
        _addEvidence(kind, verifier);
    }

    function _addEvidence(uint8 kind, IEvidence verifier) private {
        // Check:
        if (kind == 0 || address(_state.evidence[kind]) != address(0) || address(verifier).code.length == 0) {
            revert CannotAdd(kind);
        }
        // Effect:
        _state.evidence[kind] = verifier;
        emit EvidenceAdded(kind, verifier);
    }

    /// @inheritdoc IAttestationRegistry
    function setRevoker(address account) external override onlyOwner {
        _state.revoker = account;
        emit RevokerChanged(account);
    }

    // --------------------------------------------------------------------------------------------- operators

    /// @inheritdoc IAttestationRegistry
    function proposeOperator(bytes32 node, address to) external override {
        _checkOperator(node);
        _state.nodes[node].proposed = to;
        emit OperatorProposed(node, to);
    }

    /// @inheritdoc IAttestationRegistry
    function acceptOperator(bytes32 node) external override {
        // Check:
        NodeRecord storage record = _state.nodes[node];
        if (msg.sender != record.proposed) revert NotProposed(msg.sender);
        // Effect:
        record.operator = msg.sender;
        record.proposed = address(0);
        emit OperatorChanged(node, msg.sender, record.payout);
    }

    /// @inheritdoc IAttestationRegistry
    function setPayout(bytes32 node, address payout) external override {
        _checkOperator(node);
        _state.nodes[node].payout = payout;
        emit OperatorChanged(node, msg.sender, payout);
    }

    function _checkOperator(bytes32 node) private view {
        if (msg.sender != _state.nodes[node].operator) revert NotOperator(msg.sender);
    }

    /// @dev Refuses nonsense. The bounds keep each value within its field and each right usable.
    function _checkTerms(RegistryTerms memory t) private pure {
        _require(t.window != 0 && t.window <= 60 days, "window", "is 1 second to 60 days");
        _require(
            t.maxReachBack != 0 && t.maxReachBack <= 365 days,
            "maxReachBack",
            "is 1 second to 365 days"
        );
        _require(
            t.proofPeriod != 0 && t.proofPeriod <= t.maxReachBack,
            "proofPeriod",
            "is 1 second to maxReachBack: else what a challenge doubts is final before its deadline"
        );
        _require(t.retireDelay <= 60 days, "retireDelay", "is at most 60 days");
        _require(t.maxDocumentAge != 0, "maxDocumentAge", "is at least 1 second");
        _require(t.maxClockSkew <= 1 hours, "maxClockSkew", "is at most 1 hour");
        _require(
            t.maxAttestedFor > t.window + 1,
            "maxAttestedFor",
            "is at least 2 seconds longer than window: else nothing is ever live"
        );
        _require(t.bond != 0, "bond", "is above zero");
        _require(t.depositFloor != 0, "depositFloor", "is above zero");
        // slither-disable-next-line too-many-digits: a rule in words
        _require(t.proofGas != 0 && t.proofGas <= 1e9, "proofGas", "is 1 to 1000000000");
    }

    function _require(bool holds, string memory parameter, string memory rule) private pure {
        if (!holds) revert BadRegistryTerms(parameter, rule);
    }
}
