// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BatchTree} from "./BatchTree.sol";

/// @title Packed leaves: how leaves travel in an answer, and in a batch's data
/// @notice One leaf after the other: uint16 length of the signature, the receipt's six words, the signature; a length
/// of 0xffff alone is the empty leaf. Strict: at most 256 bytes of signature, nothing missing, nothing left over.
library PackedLeaves {
    uint256 private constant WORDS = 192;
    uint256 private constant MAX_SIGNATURE = 256;
    uint256 private constant EMPTY_MARK = 0xffff;
    /// @dev keccak256(0x00): the empty leaf's hash.
    bytes32 private constant EMPTY_LEAF = 0xbc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a;

    /// @notice The root over the `count` leaves that `data` packs, at least one; zero where it does not.
    /// @dev Assembly, because an answer hashes 128 leaves of up to 450 bytes: each is copied to one buffer, hashed
    /// there, and its hash put in a row for the fold.
    function root(bytes calldata data, uint256 count) internal pure returns (bytes32) {
        uint256 base;
        bool sound = true;
        // slither-disable-next-line assembly: an answer hashes 128 leaves; the plain version is in PackedLeavesHarness
        assembly ("memory-safe") {
            base := add(mload(0x40), 32)
            let target := base
            // After the row of hashes: a zero byte, six words, the signature's hash; then room for the signature.
            let words := add(add(base, shl(5, count)), 32)
            mstore(sub(words, 32), 0)
            let hashAt := add(words, WORDS)
            let signature := add(hashAt, 32)
            let next := data.offset
            let end := add(next, data.length)
            for {
                let last := add(base, shl(5, count))
            } lt(target, last) {
                target := add(target, 32)
            } {
                if gt(add(next, 2), end) {
                    sound := 0
                    break
                }
                let size := shr(240, calldataload(next))
                next := add(next, 2)
                if eq(size, EMPTY_MARK) {
                    mstore(target, EMPTY_LEAF)
                    continue
                }
                if or(gt(size, MAX_SIGNATURE), gt(add(next, add(WORDS, size)), end)) {
                    sound := 0
                    break
                }
                calldatacopy(words, next, WORDS)
                calldatacopy(signature, add(next, WORDS), size)
                mstore(hashAt, keccak256(signature, size))
                mstore(target, keccak256(sub(words, 1), 225))
                next := add(next, add(WORDS, size))
            }
            sound := and(sound, eq(next, end))
        }
        return sound ? BatchTree.foldAt(base, count) : bytes32(0);
    }
}
