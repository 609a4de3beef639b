// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {P384Field} from "../crypto/P384Field.sol";
import {P384Order} from "../crypto/P384Order.sol";

/// @title P384Field and P384Order, callable by the batch: pairs of numbers, each of two words, high and low
contract P384Harness {
    function mul(uint256[4][] calldata pairs) external pure returns (uint256[2][] memory out) {
        out = new uint256[2][](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            uint256[4] calldata p = pairs[i];
            (out[i][0], out[i][1]) = P384Field.mul(p[0], p[1], p[2], p[3]);
        }
    }

    function sqr(uint256[4][] calldata pairs) external pure returns (uint256[2][] memory out) {
        out = new uint256[2][](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            (out[i][0], out[i][1]) = P384Field.sqr(pairs[i][0], pairs[i][1]);
        }
    }

    function reduce(uint256[4][] calldata pairs) external pure returns (uint256[2][] memory out) {
        out = new uint256[2][](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            (out[i][0], out[i][1]) = P384Field.reduce(pairs[i][0], pairs[i][1]);
        }
    }

    function add(uint256[4][] calldata pairs) external pure returns (uint256[2][] memory out) {
        out = new uint256[2][](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            uint256[4] calldata p = pairs[i];
            (out[i][0], out[i][1]) = P384Field.add(p[0], p[1], p[2], p[3]);
        }
    }

    function sub(uint256[4][] calldata pairs) external pure returns (uint256[2][] memory out) {
        out = new uint256[2][](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            uint256[4] calldata p = pairs[i];
            (out[i][0], out[i][1]) = P384Field.sub(p[0], p[1], p[2], p[3]);
        }
    }

    function tangent(uint256[4][] calldata pairs) external pure returns (uint256[2][] memory out) {
        out = new uint256[2][](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            uint256[4] calldata p = pairs[i];
            (out[i][0], out[i][1]) = P384Field.tangent(p[0], p[1], p[2], p[3]);
        }
    }

    function residue(uint256[4][] calldata pairs) external pure returns (uint256[] memory out) {
        out = new uint256[](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            out[i] = P384Field.residue(pairs[i][0], pairs[i][1]);
        }
    }

    function isZero(uint256[4][] calldata pairs) external pure returns (uint256[] memory out) {
        out = new uint256[](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            out[i] = P384Field.isZero(pairs[i][0], pairs[i][1]);
        }
    }

    function negate(uint256[4][] calldata pairs) external pure returns (uint256[2][] memory out) {
        out = new uint256[2][](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            (out[i][0], out[i][1]) = P384Field.negate(pairs[i][0], pairs[i][1]);
        }
    }

    function mulOrder(uint256[4][] calldata pairs) external pure returns (uint256[2][] memory out) {
        out = new uint256[2][](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            uint256[4] calldata p = pairs[i];
            (out[i][0], out[i][1]) = P384Order.mul(p[0], p[1], p[2], p[3]);
        }
    }

    function addOrder(uint256[4][] calldata pairs) external pure returns (uint256[2][] memory out) {
        out = new uint256[2][](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            uint256[4] calldata p = pairs[i];
            (out[i][0], out[i][1]) = P384Order.add(p[0], p[1], p[2], p[3]);
        }
    }

    function isBelowOrder(uint256[4][] calldata pairs) external pure returns (bool[] memory out) {
        out = new bool[](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            out[i] = P384Order.isBelow(pairs[i][0], pairs[i][1]);
        }
    }

    function fromSigned(int256[] calldata numbers) external pure returns (uint256[2][] memory out) {
        out = new uint256[2][](numbers.length);
        for (uint256 i = 0; i < numbers.length; ++i) {
            (out[i][0], out[i][1]) = P384Order.fromSigned(numbers[i]);
        }
    }
}
