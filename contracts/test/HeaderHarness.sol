// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Header} from "../types/Header.sol";

/// @title HeaderHarness: the fields of a header, for the parity tests
contract HeaderHarness {
    function fields(Header header) external pure returns (uint256[9] memory found) {
        found = [
            header.count(),
            header.anchor(),
            header.windowEnd(),
            header.oldest(),
            header.newest(),
            header.epoch(),
            header.faultCount(),
            header.openDemands(),
            header.latestEnd()
        ];
    }

    function withFaults(Header header, uint256 number) external pure returns (Header) {
        return header.withFaults(number);
    }
}
