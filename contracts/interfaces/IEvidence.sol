// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What evidence says, once it has been verified.
/// @param measurement Which code runs: for Nitro keccak256(PCR0 . PCR1 . PCR2).
/// @param documentTime When the document was made, by its maker's clock, in unix seconds, rounded down.
/// @param certificates The certificates that it hangs on, the one nearest to the root first, without the root, then
/// zeros. Each is the first 16 bytes of keccak256(abi.encode(keccak256(issuer), serial)).
/// @param nonce The 32 bytes that whoever asked for the document put into it; zero where there are none.
/// @param userWord The 32 bytes that the code itself put into it beside its keys; zero where there are none.
struct Facts {
    bytes32 measurement;
    uint48 documentTime;
    bytes16[4] certificates;
    bytes32 nonce;
    bytes32 userWord;
}

/// @title How one kind of evidence is verified
/// @notice Answers with facts, or reverts: a revert proves nothing, so it may come from a shortage of gas as well as
/// from false evidence.
interface IEvidence {
    /// @notice Verifies `document` in full, and that it vouches for `publicKey`.
    /// @dev Not a view: it may remember what it verified on the way. Reverts with an error that names what is wrong.
    /// @param document The evidence itself.
    /// @param hints What makes verifying cheaper; wrong hints make it revert, and change nothing else.
    /// @param publicKey The node's key, in one of the forms of `PublicKeys`.
    function verify(
        bytes calldata document,
        bytes calldata hints,
        bytes calldata publicKey
    ) external returns (Facts memory facts);
}
