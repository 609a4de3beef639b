// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title What is said to the model "digits", version 1, and what it says back, to the byte
/// @notice Open Inference Protocol (REST, version 2) bodies, which a receipt's request and response words are the
/// hashes of. The nonce is the protocol's `id`, which comes back in the answer. Both bodies are *written* here and
/// compared by hash; nothing is parsed, so there is nothing about JSON to get wrong: an answer in any other form
/// than the gateway's is no answer.
library DigitsMessages {
    // JSON is full of double quotes.
    // solhint-disable quotes

    /// @dev 8 x 8, row-major.
    uint256 internal constant PIXELS = 64;
    uint8 internal constant MAX_PIXEL = 16;
    uint8 internal constant MAX_DIGIT = 9;

    /// @notice The request to classify `picture`, one byte a pixel. Asks for the digit alone.
    /// @dev The caller has checked that the picture has 64 pixels of at most 16.
    function request(bytes32 nonce, bytes memory picture) internal pure returns (bytes memory) {
        return
            bytes.concat(
                '{"id":"',
                bytes(_id(nonce)),
                '","inputs":[{"name":"image","shape":[1,64],"datatype":"UINT8","data":[',
                _numbers(picture),
                ']}],"outputs":[{"name":"digit"}]}'
            );
    }

    /// @notice The one answer that says `digit`.
    /// @dev The caller has checked that the digit is at most 9.
    function response(bytes32 nonce, uint8 digit) internal pure returns (bytes memory) {
        return
            bytes.concat(
                '{"model_name":"digits","model_version":"1","outputs":',
                '[{"name":"digit","shape":[1],"datatype":"INT64","data":[',
                bytes1(0x30 + digit),
                ']}],"id":"',
                bytes(_id(nonce)),
                '"}'
            );
    }

    function _id(bytes32 nonce) private pure returns (string memory) {
        return Strings.toHexString(uint256(nonce), 32);
    }

    /// @dev "0,16,3" of the bytes 0, 16, 3, each below 100. One buffer of the exact size.
    function _numbers(bytes memory values) private pure returns (bytes memory text) {
        uint256 length = 2 * values.length - 1;
        for (uint256 i; i < values.length; ++i) {
            if (uint8(values[i]) > 9) ++length;
        }
        text = new bytes(length);
        uint256 at = 0;
        for (uint256 i; i < values.length; ++i) {
            uint8 value = uint8(values[i]);
            if (i != 0) text[at++] = ",";
            if (value > 9) text[at++] = bytes1(0x30 + value / 10);
            text[at++] = bytes1(0x30 + (value % 10));
        }
    }
}
