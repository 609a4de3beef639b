// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Assurance, IAttestationRegistry, NodeState} from "./interfaces/IAttestationRegistry.sol";
import {PublicKeys, Scheme} from "./libraries/PublicKeys.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title AttestationRegistry
contract AttestationRegistry is IAttestationRegistry, Ownable2Step {
    using Checkpoints for Checkpoints.Trace208;

    /// @dev One slot: what `wasLive` needs of a node that was never revoked.
    struct Node {
        uint48 startsAt;
        Assurance assurance;
        bool revoked;
        address operator;
    }

    mapping(bytes32 node => Node) private _nodes;

    /// @dev For each node, its end (value) as recorded at a time (key). Keys rise, and values only fall.
    mapping(bytes32 node => Checkpoints.Trace208) private _ends;

    bytes32[] private _order;

    /// @inheritdoc IAttestationRegistry
    uint48 public immutable override maxReachBack;

    constructor(address owner_, uint48 maxReachBack_) Ownable(owner_) {
        if (maxReachBack_ == 0 || maxReachBack_ > 365 days) revert BadReach(maxReachBack_);
        maxReachBack = maxReachBack_;
    }

    // ----------------------------------------------------------------------------------------------- changes

    /// @inheritdoc IAttestationRegistry
    function endorse(
        bytes calldata publicKey,
        address operator
    ) external override onlyOwner returns (bytes32 node) {
        // Check:
        if (PublicKeys.schemeOf(publicKey) == Scheme.NONE) revert UnknownKeyForm(publicKey.length);
        if (operator == address(0)) revert NoOperator();
        node = PublicKeys.nodeOf(publicKey);
        if (_nodes[node].startsAt != 0) revert AlreadyRegistered(node);
        // Effect:
        uint48 startsAt = uint48(block.timestamp) + 1;
        _nodes[node] = Node({
            startsAt: startsAt,
            assurance: Assurance.Endorsed,
            revoked: false,
            operator: operator
        });
        _order.push(node);
        emit NodeRegistered(node, Assurance.Endorsed, operator, startsAt, publicKey);
    }

    /// @inheritdoc IAttestationRegistry
    function revoke(bytes32 node, uint48 effectiveFrom, string calldata reason) external override onlyOwner {
        // Check:
        Node storage record = _nodes[node];
        if (record.startsAt == 0) revert UnknownNode(node);
        uint256 earliest = block.timestamp > maxReachBack ? block.timestamp - maxReachBack : 1;
        if (effectiveFrom < earliest) revert TooFarBack(effectiveFrom, earliest);
        if (record.revoked && effectiveFrom >= _ends[node].latest()) {
            revert AlreadyRevoked(node, _ends[node].latest());
        }
        // Effect:
        record.revoked = true;
        // slither-disable-next-line unused-return: what the trace held before does not matter
        _ends[node].push(uint48(block.timestamp), effectiveFrom);
        emit NodeRevoked(node, effectiveFrom, reason);
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IAttestationRegistry
    function wasLive(bytes32 node, uint256 at, uint256 knownBy) external view override returns (bool) {
        Node storage record = _nodes[node];
        uint256 startsAt = record.startsAt;
        // A registration is recorded one second before it starts.
        if (startsAt == 0 || at < startsAt || knownBy < startsAt - 1) return false;
        if (!record.revoked) return true;
        uint48 key = knownBy > type(uint48).max ? type(uint48).max : uint48(knownBy);
        // An end is never second 0, so 0 says that none was recorded by then.
        uint256 endsAt = _ends[node].upperLookupRecent(key);
        return endsAt == 0 || at < endsAt;
    }

    /// @inheritdoc IAttestationRegistry
    function assurance(bytes32 node, uint256 at) external view override returns (Assurance) {
        Node storage record = _nodes[node];
        if (record.startsAt == 0 || at < record.startsAt) return Assurance.None;
        if (record.revoked && at >= _ends[node].latest()) return Assurance.None;
        return record.assurance;
    }

    /// @inheritdoc IAttestationRegistry
    function nodeState(bytes32 node) external view override returns (NodeState memory) {
        Node storage record = _nodes[node];
        uint48 endsAt = record.revoked ? uint48(_ends[node].latest()) : 0;
        return NodeState({startsAt: record.startsAt, endsAt: endsAt, assurance: record.assurance});
    }

    /// @inheritdoc IAttestationRegistry
    function operatorOf(bytes32 node) external view override returns (address) {
        return _nodes[node].operator;
    }

    /// @inheritdoc IAttestationRegistry
    function nodeCount() external view override returns (uint256) {
        return _order.length;
    }

    /// @inheritdoc IAttestationRegistry
    function nodes(uint256 offset, uint256 limit) external view override returns (bytes32[] memory page) {
        uint256 total = _order.length;
        uint256 left = offset < total ? total - offset : 0;
        page = new bytes32[](left < limit ? left : limit);
        for (uint256 i; i < page.length; ++i) {
            page[i] = _order[offset + i];
        }
    }
}

// slither-disable-end timestamp
