// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAttestationRegistry} from "./IAttestationRegistry.sol";

/// @notice Where a node is found, in its operator's words.
/// @param nodeType What it does: 0 an LLM proxy, 1 a validator, as OpenGradient numbers them; more are allowed.
/// @param index The node's place in the registry: `registry.nodes(index, 1)` is the node. Heartbeats go by it.
/// @param reporter Who takes the node's heartbeats and reports them; zero: nobody.
/// @param endpoint The URL that it answers at, 1 to 256 visible ASCII characters (RFC 3986 knows no others): clients that
/// decode a page of nodes would stumble over one that is no text, and find none of the others.
/// @param tlsCertificate The X.509 certificate that it answers with, DER, at most 4,096 bytes; empty: none to pin.
/// @param publicKey The node's signing key: its keccak256 is the node.
/// @param ohttpKeyConfig How to encrypt to it by Oblivious HTTP: a key configuration (RFC 9458, 3.1), at most 256 bytes;
/// empty: it takes none.
struct Listing {
    uint8 nodeType;
    uint32 index;
    address reporter;
    string endpoint;
    bytes tlsCertificate;
    bytes publicKey;
    bytes ohttpKeyConfig;
}

/// @notice A listing as it stands.
/// @param operator Who listed it.
/// @param listedAt When, in unix seconds.
/// @param current Whether who listed it is still the node's operator. Else it is the word of somebody who runs it no
/// longer: do not connect.
/// @param listing What was said.
struct Listed {
    address operator;
    uint40 listedAt;
    bool current;
    Listing listing;
}

/// @title Directory: where clients find nodes
/// @notice Operators list the nodes that they run, for clients to find by type, page by page. **Nothing here is trusted
/// for settlement**: who may sign is the registry's to say, and no receipt's standing depends on a listing. What is
/// checked is who lists, and that the key is the node's; endpoint, certificate and key configuration are the operator's
/// word, so that a client knows a node by its signed receipts, and by nothing else.
///
/// A node is listed while it is live. Once it is not, anyone may take it out, so that the list does not fill with the
/// dead. Who takes a node over lists it anew; until then its listing reads as not current.
interface IDirectory {
    /// @notice `operator` listed `node`, or changed its listing.
    event NodeListed(
        bytes32 indexed node,
        uint8 indexed nodeType,
        address indexed operator,
        string endpoint,
        address reporter
    );

    /// @notice `node` was taken out, by `by`.
    event NodeUnlisted(bytes32 indexed node, uint8 indexed nodeType, address indexed by);

    /// @notice Only the node's operator may; `unlist` anyone, once the node is not live.
    error NotOperatorOf(bytes32 node, address caller);
    /// @notice The node is not live, so it cannot be listed.
    error NotLive(bytes32 node);
    /// @notice The node is not listed.
    error NotListed(bytes32 node);
    /// @notice The node does not stand at that place of the registry.
    error WrongIndex(bytes32 node, uint256 index);
    /// @notice A field of the listing must have `least` to `most` bytes.
    error WrongLength(string field, uint256 length, uint256 least, uint256 most);
    /// @notice A byte of the endpoint is no visible ASCII character.
    error BadEndpoint(uint256 position, uint8 character);
    /// @notice There must be a registry.
    error NoRegistry();

    /// @notice Lists the node of `entry.publicKey`, or replaces its listing. Its operator only, while the node is live.
    /// @dev Reverts `WrongLength`, `BadEndpoint`, `NotOperatorOf`, `NotLive`, `WrongIndex`.
    function list(Listing calldata entry) external returns (bytes32 node);

    /// @notice Takes a node out. Its operator may at any time, anyone once it is not live.
    /// @dev Reverts `NotListed`, `NotOperatorOf`.
    function unlist(bytes32 node) external;

    /// @notice A node's listing.
    /// @dev Reverts `NotListed`.
    function listed(bytes32 node) external view returns (Listed memory);

    /// @notice Whether a node is listed, by whomever.
    function isListed(bytes32 node) external view returns (bool);

    /// @notice How many nodes of a type are listed.
    function nodeCount(uint8 nodeType) external view returns (uint256);

    /// @notice Up to `limit` listed nodes of a type, from the `offset`-th on.
    /// @dev In no order: taking a node out moves the last one to its place. Read page by page at one block.
    function nodes(uint8 nodeType, uint256 offset, uint256 limit) external view returns (bytes32[] memory);

    /// @notice Who says who operates a node.
    function registry() external view returns (IAttestationRegistry);
}
