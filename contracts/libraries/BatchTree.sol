// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The batch tree: RFC 9162's Merkle tree over keccak-256
/// @notice Same shape and positions as RFC 9162 section 2.1; a node is keccak256(0x01 . left . right), the
/// 0x01 keeping nodes and leaves apart. Built bottom-up with the odd node of a level promoted, which gives
/// that shape.
/// @dev The root does not commit to the number of leaves: always take `size` from the batch's header, never
/// from whoever brings the proof. Assembly, because this is on the path of every post and of every read: 141
/// gas a fold against 775 in plain Solidity, and 2.3k against 6.0k for a proof among 1,024. `TreeHarness`
/// holds the plain versions, and the tests keep the two equal.
library BatchTree {
    /// @notice keccak256(0x01 . left . right).
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x01), left, right));
    }

    /// @notice The root over `tiles`, the roots of aligned tiles in order, or over any nodes of one level.
    /// @dev Equal to the root over the leaves themselves, because a tile is an aligned power of two of leaves
    /// and only the last one may be smaller. Zero for no tiles, which is the root of nothing.
    function foldTiles(bytes32[] calldata tiles) internal pure returns (bytes32 root) {
        uint256 base;
        // slither-disable-next-line assembly: 134 gas a hash against 775; the plain version is in TreeHarness
        assembly ("memory-safe") {
            base := add(mload(0x40), 32)
            calldatacopy(base, tiles.offset, shl(5, tiles.length))
        }
        return tiles.length == 0 ? bytes32(0) : foldAt(base, tiles.length);
    }

    /// @notice The root over `count` nodes that stand at `base` in free memory, at least one.
    /// @dev Folded in place. The byte before a pair is its 0x01: the last byte of a node that this level has
    /// hashed already, or of the word that the caller left free before the first.
    function foldAt(uint256 base, uint256 count) internal pure returns (bytes32 root) {
        // slither-disable-next-line assembly: 134 gas a hash against 775; the plain version is in TreeHarness
        assembly ("memory-safe") {
            for {} gt(count, 1) {} {
                let pairs := shr(1, count)
                let source := sub(base, 1)
                let end := add(source, shl(6, pairs))
                let target := base
                for {} lt(source, end) {} {
                    mstore8(source, 1)
                    mstore(target, keccak256(source, 65))
                    source := add(source, 64)
                    target := add(target, 32)
                }
                if and(count, 1) {
                    mstore(target, mload(add(source, 1)))
                }
                count := sub(count, pairs)
            }
            root := mload(base)
        }
    }

    /// @notice The root that `proof` leads to from number `index` of `size` (RFC 9162 section 2.1.3.2), or
    /// zero where the proof's shape does not fit: the index is not below the size, or the proof is too short
    /// or too long.
    /// @dev Compare only with a root that is known to be one: an unknown batch's slot is zero as well.
    /// `contains` does.
    function rootOf(
        bytes32 leafHash,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof
    ) internal pure returns (bytes32 root) {
        if (index >= size) return 0;
        // The shape of the proof is not looked at on the way: each hash takes the word that is next, be it beyond the
        // proof, and a root counts only where all of the proof was used, and nothing else.
        // slither-disable-next-line assembly: 2.3k gas for ten hashes against 6.0k; the plain version is in TreeHarness
        assembly ("memory-safe") {
            let pair := mload(0x40)
            mstore(pair, 1)
            let start := add(pair, 31)
            let left := add(pair, 32)
            let right := add(pair, 64)
            root := leafHash
            let next := proof.offset
            let last := sub(size, 1)
            // Before the end of its level every node has a sibling, on the side that the index's low bit tells.
            for {} sub(last, index) {} {
                let side := shl(5, and(index, 1))
                mstore(add(left, side), root)
                mstore(sub(right, side), calldataload(next))
                root := keccak256(start, 65)
                next := add(next, 32)
                index := shr(1, index)
                last := shr(1, last)
            }
            // At the end an odd node has a left sibling, and an even one is promoted.
            for {} index {} {
                if and(index, 1) {
                    mstore(left, calldataload(next))
                    mstore(right, root)
                    root := keccak256(start, 65)
                    next := add(next, 32)
                }
                index := shr(1, index)
            }
            if sub(next, add(proof.offset, shl(5, proof.length))) {
                root := 0
            }
        }
    }

    /// @notice Whether `proof` shows `leafHash` at number `index` of the `size` under `root`. Never for a
    /// zero root.
    function contains(
        bytes32 root,
        bytes32 leafHash,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof
    ) internal pure returns (bool) {
        return root != 0 && rootOf(leafHash, index, size, proof) == root;
    }
}
