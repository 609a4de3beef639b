// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISignatureScheme} from "../interfaces/ISignatureScheme.sol";
import {PublicKeys, Scheme} from "../libraries/PublicKeys.sol";
import {Receipts} from "../libraries/Receipts.sol";

/// @title What every signature scheme checks before it looks at the signature
abstract contract SignatureScheme is ISignatureScheme {
    /// @notice The scheme that this contract is.
    Scheme public immutable scheme;

    constructor(Scheme scheme_) {
        scheme = scheme_;
    }

    /// @inheritdoc ISignatureScheme
    function verify(
        bytes32[6] calldata receipt,
        bytes calldata signature,
        bytes calldata publicKey
    ) external view returns (bool valid) {
        // Check the key first: under a wrong key nothing is known, not even that a malformed receipt is
        // invalid.
        if (PublicKeys.schemeOf(publicKey) != scheme) revert KeyOfAnotherScheme();
        bytes32 keyHash = PublicKeys.nodeOf(publicKey);
        if (keyHash != receipt[Receipts.NODE]) revert KeyOfAnotherNode(receipt[Receipts.NODE], keyHash);

        return Receipts.isReceipt(receipt) && _verify(receipt, signature, publicKey);
    }

    /// @dev Whether the signature verifies, given a well-formed receipt and its node's key in this scheme's
    /// form.
    function _verify(
        bytes32[6] calldata receipt,
        bytes calldata signature,
        bytes calldata publicKey
    ) internal view virtual returns (bool valid);
}
