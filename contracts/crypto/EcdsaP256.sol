// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// @title ECDSA verification on P-256 (FIPS 186-5, section 6.4.2)
/// @notice By the precompile at 0x100 (RIP-7212, EIP-7951) where it says "valid", else by OpenZeppelin in Solidity.
/// @dev Why not OpenZeppelin's `P256.verify` as a whole: it takes any output but zero of whatever stands at 0x100 for
/// "valid", burns all gas where that call fails, and knows no s above n/2.
///
/// The precompile says nothing both when it is missing and when the signature is wrong, and its call fails when it is
/// starved of gas: so only "valid" is believed, and everything else is decided in Solidity. That path runs out of gas
/// rather than answer: its one silent dependence is MODEXP (0x05), whose failed call reverts there, and whose absence
/// is checked here.
library EcdsaP256 {
    /// @notice MODEXP failed, or did not compute: nothing is known about the signature.
    error ModExpFailed();

    /// EIP-7951 asks for 6,900 gas, RIP-7212 for 3,450. A limit, so that code which burns all that it is given cannot
    /// make the fallback unaffordable; too low a limit would only waste gas.
    uint256 private constant PRECOMPILE_GAS = 50_000;
    address private constant PRECOMPILE = address(0x100);

    /// @notice Whether r . s is a signature of the key (x, y) over `digest`.
    /// @dev s may be in either half. A coordinate of p or more, or a point off the curve, is no key: false.
    function verify(
        bytes32 digest,
        bytes32 r,
        bytes32 s,
        bytes32 x,
        bytes32 y
    ) internal view returns (bool valid) {
        // Check here what every precompile should: what it says of other input differs from chain to chain.
        if (!_isScalar(r) || !_isScalar(s) || !P256.isValidPublicKey(x, y)) return false;
        return _precompileSaysValid(digest, r, s, x, y) || _verifySolidity(digest, r, s, x, y);
    }

    /// @dev From 1 to n - 1.
    function _isScalar(bytes32 word) private pure returns (bool) {
        return word != 0 && uint256(word) < P256.N;
    }

    function _precompileSaysValid(
        bytes32 digest,
        bytes32 r,
        bytes32 s,
        bytes32 x,
        bytes32 y
    ) private view returns (bool) {
        // slither-disable-next-line low-level-calls: a precompile has no interface
        (bool answered, bytes memory output) = PRECOMPILE.staticcall{gas: PRECOMPILE_GAS}(
            abi.encode(digest, r, s, x, y)
        );
        return answered && output.length == 32 && uint256(bytes32(output)) == 1;
    }

    function _verifySolidity(
        bytes32 digest,
        bytes32 r,
        bytes32 s,
        bytes32 x,
        bytes32 y
    ) private view returns (bool) {
        // A chain without MODEXP answers nothing, which OpenZeppelin reads as some number and would judge by it.
        (bool answered, uint256 inverse) = Math.tryModExp(uint256(s), P256.N - 2, P256.N);
        if (!answered || mulmod(uint256(s), inverse, P256.N) != 1) revert ModExpFailed();

        // r . (n - s) is valid exactly when r . s is, and OpenZeppelin takes the lower s only.
        if (uint256(s) > P256.N / 2) s = bytes32(P256.N - uint256(s));
        return P256.verifySolidity(digest, r, s, x, y);
    }
}
