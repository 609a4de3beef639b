// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Binding, IAttestationRegistry} from "../interfaces/IAttestationRegistry.sol";
import {Claims, IAttestations} from "../interfaces/IAttestations.sol";
import {NodeRecord, Posting, PROVEN, RegistryState, Tenure} from "../types/RegistryState.sol";
import {Evidence} from "./Evidence.sol";
import {KeySignatures} from "./KeySignatures.sol";
import {Liveness} from "./Liveness.sol";
import {PostingRules} from "./PostingRules.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Attestations: how they come
/// @dev A library of its own: it keeps the contract within its size.
library Attestations {
    using Checkpoints for Checkpoints.Trace208;
    using Liveness for RegistryState;

    /// @dev See `IAttestations.openNonce`.
    function openNonce(
        RegistryState storage state,
        address operator,
        address payout
    ) external returns (bytes32 nonce) {
        // Check:
        if (operator == address(0)) revert IAttestationRegistry.NoOperator();
        // Effect:
        bytes32 entropy = blockhash(block.number - 1);
        uint256 count = ++state.noncesOpened;
        nonce = keccak256(abi.encode(block.chainid, address(this), operator, payout, count, entropy));
        state.nonces[nonce] = keccak256(abi.encode(operator, payout));
        emit IAttestations.NonceOpened(nonce, operator, payout);
    }

    /// @dev See `IAttestationRegistry.endorse`.
    function endorse(
        RegistryState storage state,
        bytes calldata publicKey,
        address operator
    ) external returns (bytes32 node) {
        // Check:
        if (operator == address(0)) revert IAttestationRegistry.NoOperator();
        node = PostingRules.livingNode(state, publicKey);
        NodeRecord storage record = state.nodes[node];
        PostingRules.checkOperator(record, node, operator);
        if (PostingRules.isEndorsed(state, record)) revert IAttestationRegistry.AlreadyRegistered(node);
        // Effect:
        Tenure memory tenure = Tenure({
            startsAt: uint40(block.timestamp) + 1,
            until: type(uint40).max,
            deadline: 0,
            earlier: 0,
            earliest: 0,
            measurement: 0,
            kind: 0,
            flags: 0
        });
        uint256 id = _append(state, node, tenure);
        state.postings[id].node = node;
        _setOperator(record, node, operator, record.payout);
        emit IAttestationRegistry.NodeEndorsed(id, node, operator, tenure.startsAt, publicKey);
    }

    /// @dev See `IAttestations.post`.
    function post(
        RegistryState storage state,
        Claims calldata claims,
        bytes calldata publicKey,
        bytes calldata keySignature,
        string calldata uri
    ) external returns (uint256 id) {
        // Check:
        bytes32 node = PostingRules.livingNode(state, publicKey);
        uint40 startsAt = uint40(block.timestamp) + state.terms.window + 1;
        uint16 measurement = PostingRules.check(state, claims, startsAt);
        if (claims.nonce != 0) PostingRules.checkNonce(state, claims);
        NodeRecord storage record = state.nodes[node];
        uint256 nonce = state.registrations(node);
        bytes32 digest = KeySignatures.registrationDigest(
            address(this),
            claims.operator,
            claims.payout,
            nonce
        );
        if (!KeySignatures.isSignedBy(publicKey, digest, keySignature)) {
            revert IAttestations.NotSignedByKey(node, nonce);
        }
        // Effect:
        id = _store(state, node, claims, measurement, startsAt, 0);
        _setOperator(record, node, claims.operator, claims.payout);
        emit IAttestations.AttestationPosted(id, node, msg.sender, claims, startsAt, publicKey, uri);
    }

    /// @dev See `IAttestations.postProven`.
    // slither-disable-next-line msg-value-in-nonpayable: reached from a payable function, through a library call
    function postProven(
        RegistryState storage state,
        Claims calldata claims,
        bytes calldata publicKey,
        string calldata uri,
        bytes calldata document,
        bytes calldata hints
    ) external returns (uint256 id) {
        // Check:
        bytes32 node = PostingRules.livingNode(state, publicKey);
        uint40 startsAt = uint40(block.timestamp) + 1;
        uint16 measurement = PostingRules.check(state, claims, startsAt);
        PostingRules.checkNonce(state, claims);
        if (state.measurements[measurement].binding == Binding.Key) {
            revert IAttestations.OperatorUnbound(claims.measurement);
        }
        PostingRules.checkOperator(state.nodes[node], node, claims.operator);
        // Interaction: with a contract that the owner added.
        // slither-disable-next-line reentrancy-events: verifiers are added by the owner, for good, and call nobody
        Evidence.check(state, claims, 0, publicKey, document, hints);
        // Effect:
        id = _store(state, node, claims, measurement, startsAt, PROVEN);
        _setOperator(state.nodes[node], node, claims.operator, claims.payout);
        emit IAttestations.AttestationPosted(id, node, msg.sender, claims, startsAt, publicKey, uri);
        emit IAttestations.AttestationProven(id, msg.sender, startsAt);
    }

    // ----------------------------------------------------------------------------------------------- effects

    function _store(
        RegistryState storage state,
        bytes32 node,
        Claims calldata claims,
        uint16 measurement,
        uint40 startsAt,
        uint8 flags
    ) private returns (uint256 id) {
        id = _append(
            state,
            node,
            Tenure({
                startsAt: startsAt,
                until: uint40(claims.attestedUntil),
                deadline: 0,
                earlier: 0,
                earliest: 0,
                measurement: measurement,
                kind: claims.kind,
                flags: flags
            })
        );
        state.certificates[id] = claims.certificates;
        Posting storage posting = state.postings[id];
        posting.node = node;
        posting.claimsHash = keccak256(abi.encode(claims));
        posting.poster = msg.sender;
        posting.bond = SafeCast.toUint96(msg.value);
    }

    /// @dev Gives an attestation its number and its place after those of its node that are not over.
    function _append(
        RegistryState storage state,
        bytes32 node,
        Tenure memory tenure
    ) private returns (uint256 id) {
        NodeRecord storage record = state.nodes[node];
        uint40 last = record.latest;
        if (last == 0) {
            state.order.push(node);
        } else {
            // slither-disable-next-line incorrect-equality: whether two were posted in one second
            if (record.latestAt == block.timestamp) revert IAttestations.OnePerSecond(node);
            (tenure.earlier, tenure.earliest) = _current(state, node, last);
            // slither-disable-next-line unused-return: what the trace held before does not matter
            state.history[node].push(record.latestAt, last);
        }
        id = ++state.count;
        state.tenures[id] = tenure;
        record.latest = uint40(id);
        record.latestAt = uint40(block.timestamp);
        // slither-disable-next-line incorrect-equality: a kind, of no balance and no time
        record.endorsed = tenure.kind == 0;
    }

    /// @dev Those of a node's attestations that are not over, the later first: at most two, zero for none.
    function _current(
        RegistryState storage state,
        bytes32 node,
        uint40 last
    ) private view returns (uint40 earlier, uint40 earliest) {
        Tenure storage tenure = state.tenures[last];
        uint40[3] memory found = [last, tenure.earlier, tenure.earliest];
        for (uint256 i; i < 3; ++i) {
            if (state.isOver(found[i])) continue;
            if (earliest != 0) revert IAttestations.TooManyCurrent(node);
            if (earlier == 0) earlier = found[i];
            else earliest = found[i];
        }
    }

    function _setOperator(NodeRecord storage record, bytes32 node, address operator, address payout) private {
        if (record.operator == operator && record.payout == payout) return;
        record.operator = operator;
        record.payout = payout;
        record.proposed = address(0);
        emit IAttestationRegistry.OperatorChanged(node, operator, payout);
    }
}

// slither-disable-end timestamp
