// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {PublicKeys, Scheme} from "../libraries/PublicKeys.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {SignatureScheme} from "./SignatureScheme.sol";

/// @title SECP256K1: EIP-712 over the whole receipt, signed with an account's key
/// @notice Domain: name "Afterproof", version "1", the chain's id, and the registry as the verifying
/// contract. Signatures are 65 bytes r . s . v with v of 27 or 28 and s in the lower half.
contract Secp256k1Scheme is SignatureScheme {
    /// @notice The registry that holds the nodes: the verifying contract of the domain.
    address public immutable registry;

    constructor(address registry_) SignatureScheme(Scheme.SECP256K1) {
        // slither-disable-next-line missing-zero-check: zero is no worse than any other wrong registry
        registry = registry_;
    }

    /// @notice The EIP-712 domain separator under which receipts are signed on this chain.
    function domainSeparator() public view returns (bytes32) {
        return Receipts.domainSeparator(registry);
    }

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
            Receipts.digest(domainSeparator(), receipt),
            signature
        );
        return failure == ECDSA.RecoverError.NoError && signer == PublicKeys.addressOf(publicKey);
    }
}
