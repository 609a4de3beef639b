// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// @notice How a node signs.
enum Scheme {
    /// The key has no form that Afterproof knows.
    NONE,
    /// EIP-712 over the whole receipt, ECDSA on secp256k1.
    SECP256K1,
    /// What OpenGradient's TEE gateways sign: RSA-PSS with SHA-256 over request, response and time.
    OPENGRADIENT_RSA_PSS,
    /// EIP-712 over the whole receipt, ECDSA on P-256 (secp256r1).
    P256
}

/// @title The forms of a node's public key
/// @notice The one place where the signature scheme follows from the key. Every form has its own length, so
/// that one key never has two schemes, and only one encoding, so that one key never names two nodes:
///
///     SECP256K1             32 bytes   the address, not zero, left-padded
///     OPENGRADIENT_RSA_PSS  294 bytes  DER SubjectPublicKeyInfo (RFC 5280 4.1, RFC 3279 2.3.1), e = 65537
///     P256                  91 bytes   DER SubjectPublicKeyInfo (RFC 5480 2), named curve, uncompressed point
///
/// A form enters here together with the scheme contract that judges it: a node that may sign but whose signatures no
/// fault can refute would make its relayer's forgeries final.
library PublicKeys {
    /// SEQUENCE { SEQUENCE { rsaEncryption, NULL }, BIT STRING { SEQUENCE { INTEGER of 257 bytes: 0x00 and n,
    bytes32 private constant RSA_HEAD = 0x30820122300d06092a864886f70d01010105000382010f003082010a02820101;
    /// INTEGER 65537 } } }
    bytes5 private constant RSA_TAIL = 0x0203010001;

    /// SEQUENCE { SEQUENCE { ecPublicKey, prime256v1 }, BIT STRING { 0x04 for an uncompressed point, x, y } }
    bytes27 private constant P256_HEAD = 0x3059301306072a8648ce3d020106082a8648ce3d03010703420004;

    uint256 private constant SECP256K1_LENGTH = 32;
    uint256 private constant RSA_LENGTH = 294;
    uint256 private constant P256_LENGTH = 91;
    /// Where the modulus begins, after the head and the 0x00 that keeps it from reading as negative.
    uint256 private constant MODULUS_START = 33;
    uint256 private constant MODULUS_END = 289;
    uint256 private constant X_START = 27;
    uint256 private constant Y_START = 59;

    /// @notice The scheme of `publicKey`, or NONE where it has no known form.
    /// @dev A modulus must have its top bit set, else it is no 2048-bit key, and be odd, else it is no product of two
    /// odd primes. A P-256 point must be on the curve, its coordinates below p: no signature verifies under any other,
    /// so it is refused before it is registered, and no curve arithmetic ever meets it.
    function schemeOf(bytes calldata publicKey) internal pure returns (Scheme) {
        if (publicKey.length == SECP256K1_LENGTH) {
            uint256 word = uint256(bytes32(publicKey));
            return word != 0 && word <= type(uint160).max ? Scheme.SECP256K1 : Scheme.NONE;
        }
        if (publicKey.length == RSA_LENGTH)
            return _isRsa(publicKey) ? Scheme.OPENGRADIENT_RSA_PSS : Scheme.NONE;
        if (publicKey.length == P256_LENGTH) return _isP256(publicKey) ? Scheme.P256 : Scheme.NONE;
        return Scheme.NONE;
    }

    /// @notice The node that `publicKey` names.
    function nodeOf(bytes calldata publicKey) internal pure returns (bytes32) {
        return keccak256(publicKey);
    }

    /// @notice The address of a SECP256K1 key. Meaningless for another scheme.
    function addressOf(bytes calldata publicKey) internal pure returns (address) {
        return address(uint160(uint256(bytes32(publicKey))));
    }

    /// @notice The modulus, 256 bytes, of an OPENGRADIENT_RSA_PSS key. Meaningless for another scheme.
    function modulusOf(bytes calldata publicKey) internal pure returns (bytes calldata) {
        return publicKey[MODULUS_START:MODULUS_END];
    }

    /// @notice The point, in two coordinates, of a P256 key. Meaningless for another scheme.
    function pointOf(bytes calldata publicKey) internal pure returns (bytes32 x, bytes32 y) {
        return (bytes32(publicKey[X_START:]), bytes32(publicKey[Y_START:]));
    }

    function _isP256(bytes calldata publicKey) private pure returns (bool) {
        (bytes32 x, bytes32 y) = pointOf(publicKey);
        return bytes27(publicKey) == P256_HEAD && P256.isValidPublicKey(x, y);
    }

    function _isRsa(bytes calldata publicKey) private pure returns (bool) {
        return
            bytes32(publicKey) == RSA_HEAD &&
            publicKey[32] == 0 &&
            publicKey[MODULUS_START] >= 0x80 &&
            publicKey[MODULUS_END - 1] & 0x01 == 0x01 &&
            bytes5(publicKey[MODULUS_END:]) == RSA_TAIL;
    }
}
