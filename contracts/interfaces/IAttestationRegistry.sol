// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice How surely a node is what it says, in rising order.
enum Assurance {
    None,
    Endorsed,
    Unchallenged,
    Proven
}

/// @notice A node as the registry has it. Times in unix seconds.
/// @param startsAt From when it is live, inclusive; zero: never registered.
/// @param endsAt From when it is not, exclusive, by all records so far; zero: no end recorded.
/// @param assurance What it was registered with.
struct NodeState {
    uint48 startsAt;
    uint48 endsAt;
    Assurance assurance;
}

/// @title AttestationRegistry: who may sign, and on what evidence
/// @notice A node is named by keccak256 of its public key. Changes are only ever added: each has the time from
/// which it is effective and the time at which it was recorded, so that `wasLive` gives one answer for ever.
interface IAttestationRegistry {
    /// @notice `node` is live from `startsAt` on, with `assurance`. Its key is here, and stored nowhere.
    event NodeRegistered(
        bytes32 indexed node,
        Assurance assurance,
        address indexed operator,
        uint48 startsAt,
        bytes publicKey
    );

    /// @notice `node` is not live from `effectiveFrom` on.
    event NodeRevoked(bytes32 indexed node, uint48 effectiveFrom, string reason);

    /// @notice The key is of no signature scheme known here.
    error UnknownKeyForm(uint256 length);
    /// @notice The node has been registered; a node that was revoked does not come back, it takes a new key.
    error AlreadyRegistered(bytes32 node);
    /// @notice The node was never registered.
    error UnknownNode(bytes32 node);
    /// @notice A revocation may not reach further back than `earliest`.
    error TooFarBack(uint256 effectiveFrom, uint256 earliest);
    /// @notice The node has ended at `endsAt` already: a later end would bring it back.
    error AlreadyRevoked(bytes32 node, uint256 endsAt);
    /// @notice The reach of revocations must be from 1 second to 365 days.
    error BadReach(uint256 maxReachBack);
    /// @notice An operator must be named.
    error NoOperator();

    /// @notice Vouches for a node: it is live from the next second on. Owner only; meant for test networks.
    /// @dev From the *next* second, so that no batch of this very second changes its reading.
    /// Reverts `UnknownKeyForm`, `AlreadyRegistered`, `NoOperator`.
    /// @param publicKey The node's key: DER SubjectPublicKeyInfo (RSA, P-256) or the left-padded address.
    /// @param operator Who runs it.
    function endorse(bytes calldata publicKey, address operator) external returns (bytes32 node);

    /// @notice Ends a node from `effectiveFrom` on: in the past by at most `maxReachBack`, now, or later. Owner
    /// only. An end may be moved earlier, never later.
    /// @dev Reverts `UnknownNode`, `TooFarBack`, `AlreadyRevoked`.
    function revoke(bytes32 node, uint48 effectiveFrom, string calldata reason) external;

    /// @notice Whether `node` was live at `at` by the records made no later than `knownBy`. Times are unix
    /// seconds of any size; live intervals are [start, end).
    function wasLive(bytes32 node, uint256 at, uint256 knownBy) external view returns (bool);

    /// @notice How surely `node` was what it says at `at`, by all records so far; `None` when it was not live.
    function assurance(bytes32 node, uint256 at) external view returns (Assurance);

    /// @notice A node by all records so far.
    function nodeState(bytes32 node) external view returns (NodeState memory);

    /// @notice Who runs a node.
    function operatorOf(bytes32 node) external view returns (address);

    /// @notice How many nodes were ever registered.
    function nodeCount() external view returns (uint256);

    /// @notice Up to `limit` nodes in the order of their registration, from the `offset`-th on.
    function nodes(uint256 offset, uint256 limit) external view returns (bytes32[] memory);

    /// @notice How far a revocation may reach back, in seconds: settlement's window.
    function maxReachBack() external view returns (uint48);
}
