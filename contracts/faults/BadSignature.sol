// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Claim, IFault} from "../interfaces/IFault.sol";
import {ISignatureScheme} from "../interfaces/ISignatureScheme.sol";
import {PublicKeys, Scheme} from "../libraries/PublicKeys.sol";
import {Header} from "../types/Header.sol";

/// @title BadSignature: the leaf's signature does not verify under its node's key
/// @notice `claim.evidence` is the node's public key: the scheme follows from it, and reverts unless it hashes
/// to the receipt's node. The liable party is the lane: its relayer could have checked before it posted.
contract BadSignature is IFault {
    /// @dev Bytes. A longer signature is bad whatever it says, so that any tile can be answered on-chain.
    uint256 private constant MAX_SIGNATURE = 256;

    /// @notice Judges SECP256K1 signatures.
    ISignatureScheme public immutable secp256k1;
    /// @notice Judges OPENGRADIENT_RSA_PSS signatures.
    ISignatureScheme public immutable openGradientRsaPss;
    /// @notice Judges P256 signatures.
    ISignatureScheme public immutable p256;

    /// @notice The evidence is no public key of a scheme that this contract knows, so it cannot tell.
    error UnknownScheme(uint256 keyLength);

    constructor(ISignatureScheme secp256k1_, ISignatureScheme openGradientRsaPss_, ISignatureScheme p256_) {
        secp256k1 = secp256k1_;
        openGradientRsaPss = openGradientRsaPss_;
        p256 = p256_;
    }

    /// @inheritdoc IFault
    function proven(Header, Claim calldata claim) external view override returns (bool) {
        if (claim.signature.length > MAX_SIGNATURE) return true;
        return !_schemeOf(claim.evidence).verify(claim.receipt, claim.signature, claim.evidence);
    }

    function _schemeOf(bytes calldata publicKey) private view returns (ISignatureScheme) {
        Scheme scheme = PublicKeys.schemeOf(publicKey);
        if (scheme == Scheme.SECP256K1) return secp256k1;
        if (scheme == Scheme.OPENGRADIENT_RSA_PSS) return openGradientRsaPss;
        if (scheme == Scheme.P256) return p256;
        revert UnknownScheme(publicKey.length);
    }
}
