// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IAttestationRegistry} from "./interfaces/IAttestationRegistry.sol";
import {IDirectory, Listed, Listing} from "./interfaces/IDirectory.sol";
import {PublicKeys} from "./libraries/PublicKeys.sol";
import {StoredBytes} from "./libraries/StoredBytes.sol";

// slither-disable-start timestamp: whether a node is live is a question of time; what it finds beside that compares none

/// @title Directory
contract Directory is IDirectory {
    using EnumerableSet for EnumerableSet.Bytes32Set;

    uint256 private constant MAX_ENDPOINT = 256;
    uint256 private constant MAX_CERTIFICATE = 4096;
    uint256 private constant MAX_KEY_CONFIG = 256;

    /// @dev `content` holds the encoded listing as its code; zero: not listed.
    struct Entry {
        address content;
        uint40 listedAt;
        uint8 nodeType;
        address operator;
    }

    /// @inheritdoc IDirectory
    IAttestationRegistry public immutable override registry;

    mapping(bytes32 node => Entry) private _entries;
    mapping(uint8 nodeType => EnumerableSet.Bytes32Set) private _byType;

    constructor(IAttestationRegistry registry_) {
        if (address(registry_) == address(0)) revert NoRegistry();
        registry = registry_;
    }

    /// @inheritdoc IDirectory
    function list(Listing calldata entry) external override returns (bytes32 node) {
        // Check: the registry knows no node of a key of unknown form, so nobody operates one.
        node = PublicKeys.nodeOf(entry.publicKey);
        _checkFields(entry);
        if (msg.sender != registry.operatorOf(node)) revert NotOperatorOf(node, msg.sender);
        if (!_isLive(node)) revert NotLive(node);
        bytes32[] memory there = registry.nodes(entry.index, 1);
        if (there.length == 0 || there[0] != node) revert WrongIndex(node, entry.index);

        // Effect:
        Entry storage known = _entries[node];
        // slither-disable-start unused-return: a set says whether it changed, and it may have the node already
        if (known.content != address(0)) _byType[known.nodeType].remove(node);
        _byType[entry.nodeType].add(node);
        // slither-disable-end unused-return
        _entries[node] = Entry({
            content: StoredBytes.write(abi.encode(entry)),
            listedAt: uint40(block.timestamp),
            nodeType: entry.nodeType,
            operator: msg.sender
        });
        emit NodeListed(node, entry.nodeType, msg.sender, entry.endpoint, entry.reporter);
    }

    /// @inheritdoc IDirectory
    function unlist(bytes32 node) external override {
        // Check:
        Entry memory entry = _existing(node);
        if (msg.sender != registry.operatorOf(node) && _isLive(node)) revert NotOperatorOf(node, msg.sender);
        // Effect:
        delete _entries[node];
        // slither-disable-next-line unused-return: it is in the set
        _byType[entry.nodeType].remove(node);
        emit NodeUnlisted(node, entry.nodeType, msg.sender);
    }

    /// @inheritdoc IDirectory
    function listed(bytes32 node) external view override returns (Listed memory) {
        Entry memory entry = _existing(node);
        return
            Listed({
                operator: entry.operator,
                listedAt: entry.listedAt,
                current: entry.operator == registry.operatorOf(node),
                listing: abi.decode(StoredBytes.read(entry.content), (Listing))
            });
    }

    /// @inheritdoc IDirectory
    function isListed(bytes32 node) external view override returns (bool) {
        return _entries[node].content != address(0);
    }

    /// @inheritdoc IDirectory
    function nodeCount(uint8 nodeType) external view override returns (uint256) {
        return _byType[nodeType].length();
    }

    /// @inheritdoc IDirectory
    function nodes(
        uint8 nodeType,
        uint256 offset,
        uint256 limit
    ) external view override returns (bytes32[] memory) {
        uint256 total = _byType[nodeType].length();
        uint256 start = offset < total ? offset : total;
        uint256 end = limit < total - start ? start + limit : total;
        return _byType[nodeType].values(start, end);
    }

    function _existing(bytes32 node) private view returns (Entry memory entry) {
        entry = _entries[node];
        if (entry.content == address(0)) revert NotListed(node);
    }

    function _isLive(bytes32 node) private view returns (bool) {
        return registry.wasLive(node, block.timestamp, block.timestamp);
    }

    /// @dev What the key may be is bounded by the node: the registry holds none of another form.
    function _checkFields(Listing calldata entry) private pure {
        bytes calldata endpoint = bytes(entry.endpoint);
        _checkLength("endpoint", endpoint.length, 1, MAX_ENDPOINT);
        for (uint256 i; i < endpoint.length; ++i) {
            if (endpoint[i] < 0x21 || endpoint[i] > 0x7e) revert BadEndpoint(i, uint8(endpoint[i]));
        }
        _checkLength("tlsCertificate", entry.tlsCertificate.length, 0, MAX_CERTIFICATE);
        _checkLength("ohttpKeyConfig", entry.ohttpKeyConfig.length, 0, MAX_KEY_CONFIG);
    }

    function _checkLength(string memory field, uint256 length, uint256 least, uint256 most) private pure {
        if (length < least || length > most) revert WrongLength(field, length, least, most);
    }
}

// slither-disable-end timestamp
