// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";

/// @title Bytes kept as the code of an account
/// @notice For what is written seldom and read whole. 1,600 bytes cost 0.42M gas to write so, against 1.18M in
/// storage, and 7k against 113k to read, which decides how many nodes one view can return; `StoredBytesHarness` holds
/// the plain version, and a test measures both. Such bytes are never changed or freed.
library StoredBytes {
    /// @notice The account could not be created: too little gas, or more bytes than code may have.
    error StoreFailed(uint256 length);

    /// @dev The first byte of the code is STOP, so that it does nothing when it is called; that leaves one less than
    /// EIP-170 allows.
    uint256 internal constant MAX_LENGTH = 24_575;

    /// @notice Stores `data` for good.
    /// @dev The code that is run once: PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN; 10 bytes.
    function write(bytes memory data) internal returns (address at) {
        if (data.length > MAX_LENGTH) revert StoreFailed(data.length);
        bytes memory code = abi.encodePacked(
            hex"61",
            uint16(data.length + 1),
            hex"80600a5f395ff3",
            hex"00",
            data
        );
        // slither-disable-next-line assembly: Solidity creates contracts of its own only
        assembly ("memory-safe") {
            at := create(0, add(code, 32), mload(code))
        }
        if (at == address(0)) revert StoreFailed(data.length);
    }

    /// @notice What was stored at `at`, an answer of `write`.
    function read(address at) internal view returns (bytes memory) {
        return Bytes.slice(at.code, 1);
    }
}
