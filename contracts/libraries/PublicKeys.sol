// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice How a node signs.
enum Scheme {
    /// The key has no form that Afterproof knows.
    NONE,
    /// EIP-712 over the whole receipt, ECDSA on secp256k1.
    SECP256K1,
    /// What OpenGradient's TEE gateways sign: RSA-PSS with SHA-256 over request, response and time.
    OPENGRADIENT_RSA_PSS
}

/// @title The forms of a node's public key
/// @notice The one place where the signature scheme follows from the key. Every form has its own length, so
/// that one key never has two schemes, and only one encoding, so that one key never names two nodes:
///
///     SECP256K1             32 bytes   the address, not zero, left-padded
///     OPENGRADIENT_RSA_PSS  294 bytes  DER SubjectPublicKeyInfo (RFC 5280 4.1, RFC 3279 2.3.1), e = 65537
///
/// A form enters here together with the scheme contract that judges it: a node that may sign but whose signatures no
/// fault can refute would make its relayer's forgeries final.
library PublicKeys {
    /// SEQUENCE { SEQUENCE { rsaEncryption, NULL }, BIT STRING { SEQUENCE { INTEGER of 257 bytes: 0x00 and n,
    bytes32 private constant RSA_HEAD = 0x30820122300d06092a864886f70d01010105000382010f003082010a02820101;
    /// INTEGER 65537 } } }
    bytes5 private constant RSA_TAIL = 0x0203010001;

    uint256 private constant SECP256K1_LENGTH = 32;
    uint256 private constant RSA_LENGTH = 294;
    /// Where the modulus begins, after the head and the 0x00 that keeps it from reading as negative.
    uint256 private constant MODULUS_START = 33;
    uint256 private constant MODULUS_END = 289;

    /// @notice The scheme of `publicKey`, or NONE where it has no known form.
    /// @dev A modulus must have its top bit set, else it is no 2048-bit key, and be odd, else it is no product of two
    /// odd primes.
    function schemeOf(bytes calldata publicKey) internal pure returns (Scheme) {
        if (publicKey.length == SECP256K1_LENGTH) {
            uint256 word = uint256(bytes32(publicKey));
            return word != 0 && word <= type(uint160).max ? Scheme.SECP256K1 : Scheme.NONE;
        }
        if (publicKey.length == RSA_LENGTH)
            return _isRsa(publicKey) ? Scheme.OPENGRADIENT_RSA_PSS : Scheme.NONE;
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

    function _isRsa(bytes calldata publicKey) private pure returns (bool) {
        return
            bytes32(publicKey) == RSA_HEAD &&
            publicKey[32] == 0 &&
            publicKey[MODULUS_START] >= 0x80 &&
            publicKey[MODULUS_END - 1] & 0x01 == 0x01 &&
            bytes5(publicKey[MODULUS_END:]) == RSA_TAIL;
    }
}
