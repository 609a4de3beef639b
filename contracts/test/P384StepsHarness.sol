// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {P384Steps as Steps} from "../crypto/P384Steps.sol";
import {P384Plain as Plain} from "./P384Plain.sol";

/// @title The steps of `P384Steps` and of `P384Plain`, callable
/// @dev Kinds are 0: double, 1: add, 2: double and add. Points are four words; slopes come as the verifier reads them.
contract P384StepsHarness {
    function step(
        uint256 kind,
        uint256[4] calldata point,
        uint256[4] calldata addend,
        bytes calldata slopes
    ) external pure returns (bool right, uint256[] memory result) {
        Steps.reserve();
        uint256 at;
        uint256 p = Steps.PX;
        uint256 a = Steps.AX;
        assembly ("memory-safe") {
            calldatacopy(p, point, 128)
            calldatacopy(a, addend, 128)
            at := slopes.offset
        }
        uint256 wrong;
        if (kind == 0) wrong = Steps.double(at);
        else if (kind == 1) wrong = Steps.add(at);
        else wrong = Steps.doubleAdd(at);
        // An array of fixed length would have been allocated before the registers.
        result = new uint256[](4);
        assembly ("memory-safe") {
            mcopy(add(result, 32), p, 128)
        }
        return (wrong == 0, result);
    }

    function plain(
        uint256 kind,
        uint256[4] calldata point,
        uint256[4] calldata addend,
        bytes calldata slopes
    ) external pure returns (bool right, uint256[4] memory result) {
        Plain.Point memory p = Plain.Point(point[0], point[1], point[2], point[3]);
        Plain.Point memory a = Plain.Point(addend[0], addend[1], addend[2], addend[3]);
        uint256 at;
        assembly ("memory-safe") {
            at := slopes.offset
        }
        uint256 wrong;
        if (kind == 0) wrong = Plain.double(p, at);
        else if (kind == 1) wrong = Plain.add(p, a, at);
        else wrong = Plain.doubleAdd(p, a, at);
        return (wrong == 0, [p.xh, p.xl, p.yh, p.yl]);
    }

    /// @notice Memory was taken before: reverts.
    function reserveLate() external pure returns (uint256) {
        uint256[] memory taken = new uint256[](1);
        Steps.reserve();
        return taken[0];
    }
}
