// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EcdsaP256} from "../crypto/EcdsaP256.sol";
import {PublicKeys, Scheme} from "../libraries/PublicKeys.sol";
import {SignatureScheme} from "./SignatureScheme.sol";
import {TypedDataScheme} from "./TypedDataScheme.sol";

/// @title P256: EIP-712 over the whole receipt, signed with ECDSA on P-256 (secp256r1)
/// @notice Signatures are 64 bytes r . s, of either s: secure elements, enclaves and WebAuthn devices do not all
/// choose the lower one, and nothing here hangs on a signature's bytes being the only ones for its receipt.
contract P256Scheme is TypedDataScheme {
    uint256 private constant SIGNATURE_LENGTH = 64;

    constructor(address registry_) TypedDataScheme(Scheme.P256, registry_) {}

    /// @inheritdoc SignatureScheme
    function _verify(
        bytes32[6] calldata receipt,
        bytes calldata signature,
        bytes calldata publicKey
    ) internal view override returns (bool valid) {
        if (signature.length != SIGNATURE_LENGTH) return false;
        (bytes32 x, bytes32 y) = PublicKeys.pointOf(publicKey);
        return EcdsaP256.verify(_digest(receipt), bytes32(signature), bytes32(signature[32:]), x, y);
    }
}
