// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title RSASSA-PSS-VERIFY with RSA-2048, e = 65537, SHA-256, MGF1-SHA-256 and a salt of 32 bytes
/// @notice RFC 8017, sections 8.1.2 and 9.1.2, over the precompiles MODEXP (0x05) and SHA-256 (0x02).
/// @dev An answer is given only when every precompile has answered in full. A call that was starved of gas,
/// or a chain without the precompile, reverts: "false" is evidence against a signer and must never come from
/// a shortage of gas.
///
/// The encoded message EM is 256 bytes, read as eight words. The layout decides every constant below:
///
///     byte  0                     190  191         223        255
///           | 190 zeros          | 01 | salt (32) | H (32)   | bc |   the first 223 masked with MGF1(H)
///     word  0   1   2   3   4   5       6           7
///
/// Assembly makes the two calls only; through `bytes memory` answers they cost 4k gas more. `RsaPssHarness`
/// holds the RFC once more in plain Solidity, and the tests keep the two equal.
library RsaPss {
    /// @notice MODEXP failed or returned something else than 256 bytes: nothing is known about the signature.
    error ModExpFailed();
    /// @notice SHA-256 failed or returned something else than 32 bytes: nothing is known about the signature.
    error Sha256Failed();
    /// @notice The modulus is not of exactly 2048 bits, so the layout above does not apply.
    error NotRsa2048();

    uint256 private constant LENGTH = 256;
    bytes3 private constant PUBLIC_EXPONENT = 0x010001;

    /// @notice Whether `signature` is valid for `message`.
    /// @param modulus n, big-endian, 256 bytes, top bit set.
    /// @param message The message itself, not its hash.
    /// @param signature Any bytes; what is not a number below n in 256 bytes is invalid.
    function verify(
        bytes calldata modulus,
        bytes memory message,
        bytes calldata signature
    ) internal view returns (bool valid) {
        if (modulus.length != LENGTH || modulus[0] < 0x80) revert NotRsa2048();
        // RFC 8017 8.1.2 step 1, and 5.2.2 step 1: without the latter s + n would be a second signature for
        // the same message wherever it fits in 256 bytes.
        if (signature.length != LENGTH || !_lessThan(signature, modulus)) return false;

        uint256[8] memory em = _power(signature, modulus);
        // 9.1.2 steps 4 and 6: the trailer byte, and the one bit by which EM is shorter than its bytes.
        if (em[7] & 0xff != 0xbc || em[0] >> 255 != 0) return false;
        uint256 h = (em[6] << 248) | (em[7] >> 8);

        // Steps 7 to 10: unmask; zeros up to the 01. The top bit of the mask is dropped (step 9).
        bytes memory seed = abi.encodePacked(h, uint32(0));
        uint256 padding = (em[0] ^ _mask(seed, 0)) << 1;
        for (uint256 i = 1; i < 5; ++i) {
            padding |= em[i] ^ _mask(seed, i);
        }
        uint256 word5 = em[5] ^ _mask(seed, 5);
        if (padding != 0 || word5 >> 8 != 1) return false;

        // Steps 11 to 14.
        uint256 salt = (word5 << 248) | ((em[6] ^ _mask(seed, 6)) >> 8);
        return _sha256(abi.encodePacked(bytes8(0), _sha256(message), salt)) == h;
    }

    /// RSAVP1 (5.2.2): signature ** 65537 % modulus, as eight words.
    function _power(
        bytes calldata signature,
        bytes calldata modulus
    ) private view returns (uint256[8] memory em) {
        bytes memory input = abi.encodePacked(
            LENGTH,
            uint256(3),
            LENGTH,
            signature,
            PUBLIC_EXPONENT,
            modulus
        );
        bool answered;
        // slither-disable-next-line assembly: modexp has no built-in, and the answer goes straight into `em`
        assembly ("memory-safe") {
            answered := staticcall(gas(), 0x05, add(input, 32), mload(input), em, 256)
            answered := and(answered, eq(returndatasize(), 256))
        }
        if (!answered) revert ModExpFailed();
    }

    /// Block `counter` of MGF1 (B.2.1). The buffer holds the seed and a big-endian uint32, and is used for
    /// every block.
    function _mask(bytes memory seed, uint256 counter) private view returns (uint256) {
        seed[35] = bytes1(uint8(counter));
        return _sha256(seed);
    }

    function _sha256(bytes memory message) private view returns (uint256 hash) {
        bool answered;
        // Where the precompile is missing, the built-in takes whatever lies in memory for the hash.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            answered := staticcall(gas(), 0x02, add(message, 32), mload(message), 0x00, 32)
            answered := and(answered, eq(returndatasize(), 32))
            hash := mload(0x00)
        }
        if (!answered) revert Sha256Failed();
    }

    /// a < b for big-endian numbers of 256 bytes.
    function _lessThan(bytes calldata a, bytes calldata b) private pure returns (bool) {
        for (uint256 i = 0; i < LENGTH; i += 32) {
            bytes32 x = bytes32(a[i:i + 32]);
            bytes32 y = bytes32(b[i:i + 32]);
            if (x != y) return x < y;
        }
        return false;
    }
}
