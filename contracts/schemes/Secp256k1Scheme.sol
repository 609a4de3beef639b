// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {PublicKeys, Scheme} from "../libraries/PublicKeys.sol";
import {SignatureScheme} from "./SignatureScheme.sol";
import {TypedDataScheme} from "./TypedDataScheme.sol";

/// @title SECP256K1: EIP-712 over the whole receipt, signed with an account's key
/// @notice Signatures are 65 bytes r . s . v with v of 27 or 28 and s in the lower half.
contract Secp256k1Scheme is TypedDataScheme {
    constructor(address registry_) TypedDataScheme(Scheme.SECP256K1, registry_) {}

    /// @inheritdoc SignatureScheme
    /// @dev ECRECOVER gives no output both for an invalid signature and when starved of gas, but only the
    /// latter fails the call, and the compiler's `ecrecover` reverts on a failed call. So an error from
    /// `tryRecover` is always a statement about the signature. The tests hold this for every gas limit.
    function _verify(
        bytes32[6] calldata receipt,
        bytes calldata signature,
        bytes calldata publicKey
    ) internal view override returns (bool valid) {
        // slither-disable-next-line unused-return: the third value only says more of a failure
        (address signer, ECDSA.RecoverError failure, ) = ECDSA.tryRecoverCalldata(
            _digest(receipt),
            signature
        );
        return failure == ECDSA.RecoverError.NoError && signer == PublicKeys.addressOf(publicKey);
    }
}
