// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {EcdsaP256} from "../crypto/EcdsaP256.sol";
import {RsaPss} from "../crypto/RsaPss.sol";
import {PublicKeys, Scheme} from "./PublicKeys.sol";
import {Receipts} from "./Receipts.sol";

/// @title Key signatures: what a node's key says of itself
/// @dev A library of its own because it is rare and large: it keeps the registry within its size.
library KeySignatures {
    bytes32 private constant TYPEHASH = keccak256(
        "Registration(address operator,address payout,uint256 nonce)"
    );

    uint256 private constant P256_SIGNATURE = 64;

    /// @dev What a key signs to name its operator; the EIP-712 domain is that of receipts. No receipt and no heartbeat
    /// has this digest: it hashes 66 bytes, they hash 96 and 64 or, under EIP-712, another type.
    function registrationDigest(
        address registry,
        address operator,
        address payout,
        uint256 nonce
    ) public view returns (bytes32) {
        bytes32 structHash = keccak256(abi.encode(TYPEHASH, operator, payout, nonce));
        return MessageHashUtils.toTypedDataHash(Receipts.domainSeparator(registry), structHash);
    }

    /// @dev Whether `publicKey` signed `digest`. An RSA key signs its 32 bytes with RSA-PSS, as it signs receipts.
    function isSignedBy(
        bytes calldata publicKey,
        bytes32 digest,
        bytes calldata signature
    ) external view returns (bool) {
        Scheme scheme = PublicKeys.schemeOf(publicKey);
        if (scheme == Scheme.OPENGRADIENT_RSA_PSS) {
            return RsaPss.verify(PublicKeys.modulusOf(publicKey), abi.encodePacked(digest), signature);
        }
        if (scheme == Scheme.P256) {
            if (signature.length != P256_SIGNATURE) return false;
            (bytes32 x, bytes32 y) = PublicKeys.pointOf(publicKey);
            return EcdsaP256.verify(digest, bytes32(signature), bytes32(signature[32:]), x, y);
        }
        // slither-disable-next-line unused-return: the third value only says more of a failure
        (address signer, ECDSA.RecoverError failure, ) = ECDSA.tryRecoverCalldata(digest, signature);
        return failure == ECDSA.RecoverError.NoError && signer == PublicKeys.addressOf(publicKey);
    }
}
