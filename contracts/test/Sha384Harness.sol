// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Sha384} from "../crypto/Sha384.sol";

/// @title Sha384, callable, with its gas, and once more in plain Solidity
contract Sha384Harness {
    /// @notice The library wrote where it must not, or Solidity trusted memory that the library had left dirty.
    error MemoryDamaged();

    /// @dev FIPS 180-4, section 4.2.3.
    bytes private constant K =
        hex"428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc3956c25bf348b53859f111f1b605d019"
        hex"923f82a4af194f9bab1c5ed5da6d8118d807aa98a303024212835b0145706fbe243185be4ee4b28c550c7dc3d5ffb4e2"
        hex"72be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235c19bf174cf692694e49b69c19ef14ad2efbe4786384f25e3"
        hex"0fc19dc68b8cd5b5240ca1cc77ac9c652de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5"
        hex"983e5152ee66dfaba831c66d2db43210b00327c898fb213fbf597fc7beef0ee4c6e00bf33da88fc2d5a79147930aa725"
        hex"06ca6351e003826f142929670a0e6e7027b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed53380d139d95b3df"
        hex"650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353ba2bfe8a14cf10364a81a664bbc423001"
        hex"c24b8b70d0f89791c76c51a30654be30d192e819d6ef5218d69906245565a910f40e35855771202a106aa07032bbd1b8"
        hex"19a4c116b8d2d0c81e376c085141ab532748774cdf8eeb9934b0bcb5e19b48a8391c0cb3c5c95a634ed8aa4ae3418acb"
        hex"5b9cca4f7763e373682e6ff3d6b2b8a3748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec"
        hex"90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532bca273eceea26619cd186b8c721c0c207"
        hex"eada7dd6cde0eb1ef57d4f7fee6ed17806f067aa72176fba0a637dc5a2c898a6113f9804bef90dae1b710b35131c471b"
        hex"28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc431d67c49c100d4c4cc5d4becb3e42b6597f299cfc657e2a"
        hex"5fcb6fab3ad6faec6c44198c4a475817";
    /// @dev Section 5.3.4.
    bytes private constant H0 =
        hex"cbbb9d5dc1059ed8629a292a367cd5079159015a3070dd17152fecd8f70e5939"
        hex"67332667ffc00b318eb44a8768581511db0c2e0d64f98fa747b5481dbefa4fa4";

    function digest(bytes memory message) external pure returns (uint256 high, uint256 low) {
        return Sha384.digest(message);
    }

    function digestCalldata(bytes calldata message) external pure returns (uint256 high, uint256 low) {
        return Sha384.digestCalldata(message);
    }

    /// @notice Every slice of `data` from its beginning, the empty one first, by both functions: 48 bytes each.
    function digestsOfPrefixes(
        bytes calldata data,
        uint256 from,
        uint256 to
    ) external pure returns (bytes memory digests) {
        for (uint256 n = from; n < to; ++n) {
            (uint256 high, uint256 low) = Sha384.digestCalldata(data[:n]);
            (uint256 high2, uint256 low2) = Sha384.digest(data[:n]);
            if (high != high2 || low != low2 || high >> 128 != 0) revert MemoryDamaged();
            digests = bytes.concat(digests, bytes16(uint128(high)), bytes32(low));
        }
    }

    /// @notice As `digest`, twice in dirty memory, between allocations that it must not disturb.
    function digestBetweenAllocations(
        bytes calldata message,
        uint256 shift
    ) external pure returns (uint256 high, uint256 low) {
        bytes32 kept = keccak256("kept");
        bytes memory copy = message;
        bytes32[] memory before = new bytes32[](3);
        before[0] = before[2] = kept;
        assembly ("memory-safe") {
            // Free memory need neither be zero nor begin at a multiple of 32.
            mstore(0x40, add(mload(0x40), shift))
            for {
                let i := 0
            } lt(i, 8192) {
                i := add(i, 32)
            } {
                mstore(add(mload(0x40), i), not(0))
            }
        }
        uint256 pointer = _freeMemory();
        (high, low) = Sha384.digest(copy);
        if (_freeMemory() != pointer) revert MemoryDamaged();
        bytes32[] memory afterwards = new bytes32[](2);
        (uint256 high2, uint256 low2) = Sha384.digestCalldata(message);
        if (high2 != high || low2 != low) revert MemoryDamaged();
        if (before.length != 3 || before[0] != kept || before[1] != 0 || before[2] != kept)
            revert MemoryDamaged();
        if (afterwards.length != 2 || afterwards[0] != 0 || afterwards[1] != 0) revert MemoryDamaged();
        if (keccak256(copy) != keccak256(message)) revert MemoryDamaged();
        bytes memory empty;
        if (empty.length != 0) revert MemoryDamaged();
    }

    function _freeMemory() private pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := mload(0x40)
        }
    }

    /// @notice The gas of hashing a slice of calldata.
    function measure(bytes calldata message) external view returns (uint256 gasUsed) {
        gasUsed = gasleft();
        Sha384.digestCalldata(message);
        gasUsed -= gasleft();
    }

    /// @notice SHA-384 as FIPS 180-4, section 6.4 writes it, without assembly.
    function digestPlain(bytes memory message) external pure returns (uint256 high, uint256 low) {
        return _digestPlain(message);
    }

    /// @notice The gas of the plain version.
    function measurePlain(bytes memory message) external view returns (uint256 gasUsed) {
        gasUsed = gasleft();
        _digestPlain(message);
        gasUsed -= gasleft();
    }

    function _digestPlain(bytes memory message) private pure returns (uint256 high, uint256 low) {
        uint256 zeros = 127 - ((message.length + 16) % 128);
        bytes memory padded = bytes.concat(
            message,
            hex"80",
            new bytes(zeros),
            bytes16(uint128(8 * message.length))
        );
        uint64[8] memory h;
        for (uint256 i; i < 8; ++i) h[i] = _word(H0, i);
        for (uint256 chunk; chunk < padded.length / 8; chunk += 16) {
            uint64[80] memory w = _schedule(padded, chunk);
            uint64[8] memory v;
            for (uint256 i; i < 8; ++i) v[i] = h[i];
            for (uint256 t; t < 80; ++t) _round(v, w[t], _word(K, t));
            unchecked {
                for (uint256 i; i < 8; ++i) h[i] += v[i];
            }
        }
        high = (uint256(h[0]) << 64) | h[1];
        low = (uint256(h[2]) << 192) | (uint256(h[3]) << 128) | (uint256(h[4]) << 64) | h[5];
    }

    function _schedule(bytes memory padded, uint256 chunk) private pure returns (uint64[80] memory w) {
        for (uint256 t; t < 16; ++t) w[t] = _word(padded, chunk + t);
        for (uint256 t = 16; t < 80; ++t) {
            uint64 s0 = _rotr(w[t - 15], 1) ^ _rotr(w[t - 15], 8) ^ (w[t - 15] >> 7);
            uint64 s1 = _rotr(w[t - 2], 19) ^ _rotr(w[t - 2], 61) ^ (w[t - 2] >> 6);
            unchecked {
                w[t] = s1 + w[t - 7] + s0 + w[t - 16];
            }
        }
    }

    function _round(uint64[8] memory v, uint64 word, uint64 constant_) private pure {
        unchecked {
            uint64 sum1 = _rotr(v[4], 14) ^ _rotr(v[4], 18) ^ _rotr(v[4], 41);
            uint64 choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
            uint64 t1 = v[7] + sum1 + choice + constant_ + word;
            uint64 sum0 = _rotr(v[0], 28) ^ _rotr(v[0], 34) ^ _rotr(v[0], 39);
            uint64 majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            for (uint256 i = 7; i > 0; --i) v[i] = v[i - 1];
            v[4] += t1;
            v[0] = t1 + sum0 + majority;
        }
    }

    function _rotr(uint64 x, uint64 n) private pure returns (uint64) {
        return (x >> n) | (x << (64 - n));
    }

    function _word(bytes memory data, uint256 index) private pure returns (uint64 word) {
        for (uint256 i; i < 8; ++i) word = (word << 8) | uint8(data[8 * index + i]);
    }
}
