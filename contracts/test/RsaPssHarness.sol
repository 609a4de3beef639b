// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RsaPss} from "../crypto/RsaPss.sol";

/// @title RsaPss, callable, with its gas, and once more in plain Solidity
contract RsaPssHarness {
    function verify(
        bytes calldata modulus,
        bytes calldata message,
        bytes calldata signature
    ) external view returns (bool valid) {
        return RsaPss.verify(modulus, message, signature);
    }

    /// @notice As `verify`, with the gas of the library call alone. `eth_estimateGas` would report the
    /// calldata floor.
    function measure(
        bytes calldata modulus,
        bytes calldata message,
        bytes calldata signature
    ) external view returns (bool valid, uint256 gasUsed) {
        bytes memory copy = message;
        gasUsed = gasleft();
        valid = RsaPss.verify(modulus, copy, signature);
        gasUsed -= gasleft();
    }

    /// @notice RSASSA-PSS-VERIFY as RFC 8017 writes it, byte by byte and without assembly.
    function verifyPlain(
        bytes calldata modulus,
        bytes calldata message,
        bytes calldata signature
    ) external view returns (bool valid) {
        if (signature.length != 256) return false;
        for (uint256 i = 0; signature[i] >= modulus[i]; ++i) {
            if (signature[i] > modulus[i] || i == 255) return false;
        }
        (bool answered, bytes memory em) = address(5).staticcall(
            abi.encodePacked(uint256(256), uint256(3), uint256(256), signature, hex"010001", modulus)
        );
        if (!answered || em.length != 256) revert RsaPss.ModExpFailed();

        // 9.1.2 step 4 to 6: EM = maskedDB (223) . H (32) . bc, its first bit zero.
        if (em[255] != 0xbc || em[0] >= 0x80) return false;
        bytes memory h = new bytes(32);
        for (uint256 i = 0; i < 32; ++i) {
            h[i] = em[223 + i];
        }

        // Steps 7 to 10: DB = 190 zeros . 01 . salt (32).
        bytes memory mask = "";
        for (uint32 counter = 0; counter < 7; ++counter) {
            mask = bytes.concat(mask, sha256(bytes.concat(h, bytes4(counter))));
        }
        bytes memory salt = new bytes(32);
        for (uint256 i = 0; i < 223; ++i) {
            bytes1 db = em[i] ^ mask[i];
            if (i == 0) db &= 0x7f;
            if (i < 190 && db != 0) return false;
            if (i == 190 && db != 0x01) return false;
            if (i > 190) salt[i - 191] = db;
        }

        // Steps 11 to 14.
        return sha256(bytes.concat(bytes8(0), sha256(message), salt)) == bytes32(h);
    }
}
