// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title How one kind of node signs its receipts
/// @notice Answers valid or invalid, or reverts when it cannot tell. The difference matters: "invalid" is
/// what a lane is slashed for, so it must never come from a shortage of gas, from a chain that lacks a
/// precompile, or from a key that the caller got wrong.
interface ISignatureScheme {
    /// @notice `publicKey` does not hash to the receipt's node, so it says nothing about the receipt.
    /// @param node The receipt's node.
    /// @param keyHash keccak256 of `publicKey`.
    error KeyOfAnotherNode(bytes32 node, bytes32 keyHash);

    /// @notice `publicKey` is not of the form that this scheme signs with (see `PublicKeys`).
    error KeyOfAnotherScheme();

    /// @notice Whether `signature` over `receipt` verifies under `publicKey`.
    /// @dev Reverts with `KeyOfAnotherScheme`, `KeyOfAnotherNode`, an error that names the precompile, or
    /// without one when gas runs out. Anything malformed within `receipt` and `signature` is invalid and does
    /// not revert.
    /// @param receipt Six raw words: node, model, request, response, evidence, issuedAt. Raw, because a typed
    /// decoder reverts on an issuedAt of 2^64 or more; such words are no receipt, and no signature over them
    /// is valid.
    /// @param signature The signature's bytes as the leaf commits to them.
    /// @param publicKey The key whose keccak256 is the receipt's node.
    /// @return valid True when valid, false when invalid.
    function verify(
        bytes32[6] calldata receipt,
        bytes calldata signature,
        bytes calldata publicKey
    ) external view returns (bool valid);
}
