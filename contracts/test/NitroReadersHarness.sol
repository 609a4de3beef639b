// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Certificate, Certificates} from "../attestation/Certificates.sol";
import {Attestation, NitroDocument} from "../attestation/NitroDocument.sol";
import {Cbor} from "../encoding/Cbor.sol";
import {Der} from "../encoding/Der.sol";
import {Slice, Slices} from "../encoding/Slice.sol";

/// @title The readers of certificates and Nitro documents, callable, one at a time and by the hundred, with their gas
contract NitroReadersHarness {
    function certificate(bytes calldata der) external pure returns (Certificate memory) {
        return Certificates.read(der);
    }

    function document(bytes calldata data) external pure returns (Attestation memory) {
        return NitroDocument.read(data);
    }

    function signedBytes(bytes calldata data) external pure returns (bytes memory) {
        return NitroDocument.signedBytes(data, NitroDocument.read(data));
    }

    function digest(bytes calldata data) external pure returns (uint256 high, uint256 low) {
        return NitroDocument.digest(data, NitroDocument.read(data));
    }

    /// @notice What each input gives: 01 and the struct's encoding, or 00 and the revert's data.
    function certificates(bytes[] calldata inputs) external view returns (bytes[] memory results) {
        return _each(inputs, this.certificate.selector);
    }

    /// @notice As `certificates`, of documents.
    function documents(bytes[] calldata inputs) external view returns (bytes[] memory results) {
        return _each(inputs, this.document.selector);
    }

    function _each(bytes[] calldata inputs, bytes4 selector) private view returns (bytes[] memory results) {
        results = new bytes[](inputs.length);
        for (uint256 i; i < inputs.length; ++i) {
            (bool done, bytes memory output) = address(this).staticcall(
                abi.encodeWithSelector(selector, inputs[i])
            );
            results[i] = bytes.concat(done ? bytes1(0x01) : bytes1(0x00), output);
        }
    }

    /// @notice The gas of reading a document alone, and of every certificate in it.
    function measure(bytes calldata data) external view returns (uint256 alone, uint256 inner) {
        alone = gasleft();
        Attestation memory found = NitroDocument.read(data);
        alone -= gasleft();
        inner = gasleft();
        Certificates.read(found.certificate.bytesIn(data));
        for (uint256 i; i < found.cabundle.length; ++i) Certificates.read(found.cabundle[i].bytesIn(data));
        inner -= gasleft();
    }

    function element(
        bytes calldata data,
        uint256 at,
        uint256 end
    ) external pure returns (uint256 tag, uint256 start, uint256 next) {
        return Der.element(data, at, end);
    }

    function positive(
        bytes calldata data,
        uint256 longest
    ) external pure returns (uint256 high, uint256 low, uint256 next) {
        return Der.positive(data, 0, data.length, longest);
    }

    function small(bytes calldata data) external pure returns (uint256 value, uint256 next) {
        return Der.small(data, 0, data.length);
    }

    function flag(bytes calldata data) external pure returns (bool isSet, uint256 next) {
        return Der.flag(data, 0, data.length);
    }

    function namedBits(bytes calldata data) external pure returns (uint256 bits, uint256 next) {
        return Der.namedBits(data, 0, data.length);
    }

    function identifier(bytes calldata data) external pure returns (uint256 packed, uint256 next) {
        return Der.identifier(data, 0, data.length);
    }

    function isAscii(bytes calldata data, uint256 start, uint256 end) external pure returns (bool) {
        return Slices.isAscii(data, start, end);
    }

    function head(
        bytes calldata data,
        uint256 at,
        uint256 end,
        uint256 expected
    ) external pure returns (uint256 argument, uint256 next) {
        return Cbor.head(data, at, end, expected);
    }

    function byteString(bytes calldata data) external pure returns (Slice content, uint256 next) {
        return Cbor.byteString(data, 0, data.length);
    }

    function byteStringOrNull(bytes calldata data) external pure returns (Slice content, uint256 next) {
        return Cbor.byteStringOrNull(data, 0, data.length);
    }

    function name(bytes calldata data) external pure returns (uint256 packed, uint256 next) {
        return Cbor.name(data, 0, data.length);
    }

    function map(bytes calldata data) external pure returns (uint256 entries, uint256 next) {
        return Cbor.map(data, 0, data.length);
    }

    /// @notice `Slices.word` where it is inside of `data`, and its gas.
    function word(bytes calldata data, uint256 at) external view returns (uint256 found, uint256 gasUsed) {
        gasUsed = gasleft();
        found = Slices.word(data, at);
        gasUsed -= gasleft();
    }

    /// @notice As `word`, in plain Solidity.
    function wordPlain(
        bytes calldata data,
        uint256 at
    ) external view returns (uint256 found, uint256 gasUsed) {
        gasUsed = gasleft();
        found = uint256(bytes32(data[at:]));
        gasUsed -= gasleft();
    }
}
