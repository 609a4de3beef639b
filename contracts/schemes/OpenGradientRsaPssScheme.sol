// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RsaPss} from "../crypto/RsaPss.sol";
import {PublicKeys, Scheme} from "../libraries/PublicKeys.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {SignatureScheme} from "./SignatureScheme.sol";

/// @title OPENGRADIENT_RSA_PSS: what OpenGradient's TEE gateways sign today
/// @notice RSA-PSS (2048 bits, SHA-256, salt of 32 bytes) over the 32 bytes keccak256(request . response .
/// issuedAt).
contract OpenGradientRsaPssScheme is SignatureScheme {
    constructor() SignatureScheme(Scheme.OPENGRADIENT_RSA_PSS) {}

    /// @inheritdoc SignatureScheme
    function _verify(
        bytes32[6] calldata receipt,
        bytes calldata signature,
        bytes calldata publicKey
    ) internal view override returns (bool valid) {
        // The signature covers neither: whatever stands there, the node never said it.
        if (receipt[Receipts.MODEL] != 0 || receipt[Receipts.EVIDENCE] != 0) return false;
        bytes memory message = abi.encodePacked(Receipts.openGradientHash(receipt));
        return RsaPss.verify(PublicKeys.modulusOf(publicKey), message, signature);
    }
}
