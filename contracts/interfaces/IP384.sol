// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ECDSA on P-384 (FIPS 186-5), verified with hints
/// @notice Anyone computes the hints (afterproof.attestation.p384_hints). Nobody is trusted for them: wrong
/// hints make the answer false, never true for a signature that does not verify.
interface IP384 {
    /// @notice The address does not hold the table of multiples that the verifier was built for.
    error WrongTable(address table);

    /// @notice Whether `signature` of `digest` verifies under `publicKey`, as the hints show.
    /// @dev "False" is no evidence against a signature: other hints may show it to be valid. Both s and n - s
    /// are valid, as in the standard. Malformed arguments of any kind answer false. Calldata that is not the
    /// ABI's reverts, and so does running out of gas: whoever is short of it gets no answer.
    ///
    /// Hints: a byte, 1 if the x of R = u1 * G + u2 * Q is r + n and 0 if it is r; the y of R; 8 slopes for
    /// the odd multiples of Q, and 8 for those of R: the tangent, then adding 2Q to Q, 3Q, ..., 13Q; then
    /// steps to the end:
    ///
    ///     00, slope                     double
    ///     DD, index, slope              add
    ///     DD, index, slope, ratio       double and add: by the sum, and adding what was there before to it
    ///
    /// DD is 0x10, + 1 for the last kind, + 2 to subtract, + 4 * table (0: Q, 1: R, 2: G, 3: 2^192 * G); the
    /// addend is 2 * index + 1 times the table's point. A slope is (y' - y) / (x' - x) or a tangent's, a
    /// ratio 2y / (x' - x) with x' of the sum; 48 bytes each, times 2^256 modulo p. There are 188 doublings.
    /// @param digest SHA-384 of the message, 48 bytes.
    /// @param signature r and s, 48 bytes each.
    /// @param publicKey Q: x and y, 48 bytes each.
    /// @param hints As above.
    /// @return valid True: the signature verifies.
    function verify(
        bytes calldata digest,
        bytes calldata signature,
        bytes calldata publicKey,
        bytes calldata hints
    ) external view returns (bool valid);
}
