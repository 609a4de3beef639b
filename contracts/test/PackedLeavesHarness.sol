// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BatchTree} from "../libraries/BatchTree.sol";
import {PackedLeaves} from "../libraries/PackedLeaves.sol";

/// @title PackedLeaves, callable, and once more in plain Solidity
contract PackedLeavesHarness {
    /// @notice The library wrote where it must not, or Solidity trusted memory that the library had left dirty.
    error MemoryDamaged();

    function root(bytes calldata data, uint256 count) external pure returns (bytes32) {
        return PackedLeaves.root(data, count);
    }

    /// @notice As `root`, twice in dirty memory, between two allocations that it must not disturb.
    function rootBetweenAllocations(
        bytes calldata data,
        uint256 count
    ) external pure returns (bytes32 found) {
        bytes32 kept = keccak256("kept");
        bytes32[] memory before = new bytes32[](3);
        before[0] = before[2] = kept;
        // Free memory need not be zero: whatever was there before must not get into a root.
        assembly ("memory-safe") {
            for {
                let i := 0
            } lt(i, 2048) {
                i := add(i, 32)
            } {
                mstore(add(mload(0x40), i), not(0))
            }
        }
        found = PackedLeaves.root(data, count);
        bytes32[] memory afterwards = new bytes32[](2);
        if (before.length != 3 || before[0] != kept || before[1] != 0 || before[2] != kept)
            revert MemoryDamaged();
        if (afterwards.length != 2 || afterwards[0] != 0 || afterwards[1] != 0) revert MemoryDamaged();
        if (PackedLeaves.root(data, count) != found) revert MemoryDamaged();
    }

    function rootPlain(bytes calldata data, uint256 count) external pure returns (bytes32) {
        bytes32[] memory level = new bytes32[](count);
        uint256 at;
        for (uint256 i; i < count; ++i) {
            if (data.length < at + 2) return 0;
            uint256 size = uint16(bytes2(data[at:]));
            at += 2;
            if (size == 0xffff) {
                level[i] = keccak256(hex"00");
                continue;
            }
            if (size > 256 || data.length < at + 192 + size) return 0;
            bytes32 signatureHash = keccak256(data[at + 192:at + 192 + size]);
            level[i] = keccak256(abi.encodePacked(hex"00", data[at:at + 192], signatureHash));
            at += 192 + size;
        }
        if (at != data.length) return 0;
        while (count > 1) {
            uint256 parents;
            for (uint256 i; i < count; i += 2) {
                level[parents++] = i + 1 < count ? BatchTree.node(level[i], level[i + 1]) : level[i];
            }
            count = parents;
        }
        return level[0];
    }
}
