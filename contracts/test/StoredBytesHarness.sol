// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StoredBytes} from "../libraries/StoredBytes.sol";

/// @title StoredBytes, callable, beside the plain version in storage
contract StoredBytesHarness {
    address public at;
    bytes private _plain;

    function write(bytes calldata data) external {
        at = StoredBytes.write(data);
    }

    function read() external view returns (bytes memory) {
        return StoredBytes.read(at);
    }

    function writePlain(bytes calldata data) external {
        _plain = data;
    }

    function readPlain() external view returns (bytes memory) {
        return _plain;
    }
}
