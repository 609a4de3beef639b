// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EcdsaP256} from "../crypto/EcdsaP256.sol";

/// @title EcdsaP256, callable, alone and by the dozen, with its gas
contract EcdsaP256Harness {
    /// @notice What `verify` takes, in its order.
    struct Case {
        bytes32 digest;
        bytes32 r;
        bytes32 s;
        bytes32 x;
        bytes32 y;
    }

    function verify(Case calldata given) external view returns (bool valid) {
        return EcdsaP256.verify(given.digest, given.r, given.s, given.x, given.y);
    }

    function verifyMany(Case[] calldata given) external view returns (bool[] memory valid) {
        valid = new bool[](given.length);
        for (uint256 i = 0; i < given.length; ++i) {
            valid[i] = EcdsaP256.verify(given[i].digest, given[i].r, given[i].s, given[i].x, given[i].y);
        }
    }

    /// @notice As `verify`, with the gas of the library call alone.
    function measure(Case calldata given) external view returns (bool valid, uint256 gasUsed) {
        (bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y) = (
            given.digest,
            given.r,
            given.s,
            given.x,
            given.y
        );
        gasUsed = gasleft();
        valid = EcdsaP256.verify(digest, r, s, x, y);
        gasUsed -= gasleft();
    }
}
