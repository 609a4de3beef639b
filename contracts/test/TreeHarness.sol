// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BatchTree} from "../libraries/BatchTree.sol";

/// @title BatchTree, callable, with its gas, and once more in plain Solidity
contract TreeHarness {
    /// @notice The library wrote where it must not, or Solidity trusted memory that the library had left
    /// dirty.
    error MemoryDamaged();

    function foldTiles(bytes32[] calldata tiles) external pure returns (bytes32 root) {
        return BatchTree.foldTiles(tiles);
    }

    function rootOf(
        bytes32 leafHash,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof
    ) external pure returns (bytes32 root) {
        return BatchTree.rootOf(leafHash, index, size, proof);
    }

    function contains(
        bytes32 root,
        bytes32 leafHash,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof
    ) external pure returns (bool) {
        return BatchTree.contains(root, leafHash, index, size, proof);
    }

    /// @notice As `foldTiles`, in dirty memory, between two allocations that it must not disturb.
    function foldTilesBetweenAllocations(bytes32[] calldata tiles) external pure returns (bytes32 root) {
        bytes32 kept = keccak256("kept");
        bytes32[] memory before = new bytes32[](3);
        before[0] = before[2] = kept;
        // Free memory need not be zero: whatever was there before must not become a root.
        assembly ("memory-safe") {
            for {
                let i := 0
            } lt(i, 512) {
                i := add(i, 32)
            } {
                mstore(add(mload(0x40), i), not(0))
            }
        }
        root = BatchTree.foldTiles(tiles);
        bytes32[] memory afterwards = new bytes32[](2);
        if (before.length != 3 || before[0] != kept || before[1] != 0 || before[2] != kept)
            revert MemoryDamaged();
        if (afterwards.length != 2 || afterwards[0] != 0 || afterwards[1] != 0) revert MemoryDamaged();
    }

    function measureFoldTiles(
        bytes32[] calldata tiles
    ) external view returns (uint256 gasUsed, uint256 gasPlain) {
        gasUsed = gasleft();
        BatchTree.foldTiles(tiles);
        gasUsed -= gasleft();
        gasPlain = gasleft();
        foldTilesPlain(tiles);
        gasPlain -= gasleft();
    }

    function measureRootOf(
        bytes32 leafHash,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof
    ) external view returns (uint256 gasUsed, uint256 gasPlain) {
        gasUsed = gasleft();
        BatchTree.rootOf(leafHash, index, size, proof);
        gasUsed -= gasleft();
        gasPlain = gasleft();
        rootOfPlain(leafHash, index, size, proof);
        gasPlain -= gasleft();
    }

    function foldTilesPlain(bytes32[] calldata tiles) public pure returns (bytes32 root) {
        bytes32[] memory level = tiles;
        uint256 count = level.length;
        if (count == 0) return 0;
        while (count > 1) {
            uint256 parents = 0;
            for (uint256 i = 0; i < count; i += 2) {
                level[parents++] = i + 1 < count ? _node(level[i], level[i + 1]) : level[i];
            }
            count = parents;
        }
        return level[0];
    }

    function rootOfPlain(
        bytes32 leafHash,
        uint256 index,
        uint256 size,
        bytes32[] calldata proof
    ) public pure returns (bytes32 root) {
        if (index >= size) return 0;
        root = leafHash;
        uint256 used = 0;
        for (uint256 last = size - 1; last != 0; last >>= 1) {
            bool right = index & 1 == 1;
            if (right || index < last) {
                if (used == proof.length) return 0;
                root = right ? _node(proof[used], root) : _node(root, proof[used]);
                ++used;
            }
            index >>= 1;
        }
        return used == proof.length ? root : bytes32(0);
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x01), left, right));
    }
}
