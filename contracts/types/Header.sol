// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A batch's header: one storage slot. Its lane and first sequence number are in the batch id.
///
/// | bits      | field            | unit                                                             |
/// | --------- | ---------------- | ---------------------------------------------------------------- |
/// |   0..19   | count            | leaves, at least 1                                               |
/// |  20..59   | anchor           | unix seconds: when the batch was posted                          |
/// |  60..99   | windowEnd        | unix seconds, inclusive                                          |
/// | 100..139  | oldest           | unix seconds: least issuedAt of the timely leaves, as declared   |
/// | 140..171  | span             | seconds: newest - oldest                                         |
/// | 172..187  | epoch            | the epoch that judges this batch                                 |
/// | 188..203  | pauseIndex       | pauses recorded before the post                                  |
/// | 204..213  | faultCount       | proven leaf faults, an expired demand counting 64                |
/// | 214..225  | openDemands      | demands neither answered nor expired                             |
/// | 226..249  | endDelta         | seconds from windowEnd to the latest tile end                    |
/// | 250..255  | flags            | 0: some leaf is void, 1: range misdeclared, 2: struck, 3: demanded |
type Header is uint256;

using HeaderFields for Header global;

/// @title Reads and writes the fields of a `Header`
library HeaderFields {
    uint256 private constant HAS_VOIDS = 1 << 250;
    uint256 private constant MISDECLARED = 1 << 251;
    uint256 private constant STRUCK = 1 << 252;
    uint256 private constant HAS_DEMANDS = 1 << 253;
    uint256 private constant DEMAND_ONE = 1 << 214;
    uint256 private constant END_DELTA_MASK = 0xffffff;
    uint256 private constant FAULT_MASK = 0x3ff;

    /// @dev A fresh header. The caller guarantees that each value fits its field.
    function pack(
        uint256 count_,
        uint256 anchor_,
        uint256 windowEnd_,
        uint256 oldest_,
        uint256 newest_,
        uint256 epoch_,
        uint256 pauseIndex_
    ) internal pure returns (Header) {
        return
            Header.wrap(
                count_ |
                    (anchor_ << 20) |
                    (windowEnd_ << 60) |
                    (oldest_ << 100) |
                    ((newest_ - oldest_) << 140) |
                    (epoch_ << 172) |
                    (pauseIndex_ << 188)
            );
    }

    function exists(Header h) internal pure returns (bool) {
        return Header.unwrap(h) != 0;
    }

    function count(Header h) internal pure returns (uint256) {
        return Header.unwrap(h) & 0xfffff;
    }

    function anchor(Header h) internal pure returns (uint256) {
        return (Header.unwrap(h) >> 20) & 0xffffffffff;
    }

    function windowEnd(Header h) internal pure returns (uint256) {
        return (Header.unwrap(h) >> 60) & 0xffffffffff;
    }

    function oldest(Header h) internal pure returns (uint256) {
        return (Header.unwrap(h) >> 100) & 0xffffffffff;
    }

    function newest(Header h) internal pure returns (uint256) {
        return oldest(h) + ((Header.unwrap(h) >> 140) & 0xffffffff);
    }

    function epoch(Header h) internal pure returns (uint256) {
        return (Header.unwrap(h) >> 172) & 0xffff;
    }

    function faultCount(Header h) internal pure returns (uint256) {
        return (Header.unwrap(h) >> 204) & FAULT_MASK;
    }

    function openDemands(Header h) internal pure returns (uint256) {
        return (Header.unwrap(h) >> 214) & 0xfff;
    }

    /// @dev When the last of the batch's tiles ends: unix seconds, inclusive.
    function latestEnd(Header h) internal pure returns (uint256) {
        return windowEnd(h) + ((Header.unwrap(h) >> 226) & 0xffffff);
    }

    function hasVoids(Header h) internal pure returns (bool) {
        return Header.unwrap(h) & HAS_VOIDS != 0;
    }

    /// @dev Whether a fault has shown the declared range to be wrong.
    function isMisdeclared(Header h) internal pure returns (bool) {
        return Header.unwrap(h) & MISDECLARED != 0;
    }

    /// @dev Whether the fuse has blown.
    function isStruck(Header h) internal pure returns (bool) {
        return Header.unwrap(h) & STRUCK != 0;
    }

    /// @dev Whether any tile was ever demanded.
    function hasDemands(Header h) internal pure returns (bool) {
        return Header.unwrap(h) & HAS_DEMANDS != 0;
    }

    /// @dev Whether nothing in the batch can be disputed any more at time `at`.
    function isClosed(Header h, uint256 at) internal pure returns (bool) {
        return at > latestEnd(h) && openDemands(h) == 0;
    }

    /// @dev The header after `number` more faults, 1 for a leaf and 64 for an expired demand; the count saturates.
    function withFaults(Header h, uint256 number) internal pure returns (Header) {
        uint256 count_ = faultCount(h) + number;
        if (count_ > FAULT_MASK) count_ = FAULT_MASK;
        return Header.wrap((Header.unwrap(h) & ~(FAULT_MASK << 204)) | (count_ << 204) | HAS_VOIDS);
    }

    function withMisdeclared(Header h) internal pure returns (Header) {
        return Header.wrap(Header.unwrap(h) | MISDECLARED);
    }

    function withStrike(Header h) internal pure returns (Header) {
        return Header.wrap(Header.unwrap(h) | STRUCK);
    }

    /// @dev The header with one more open demand; a batch has at most 4,000 tiles, and each is demanded once.
    function withDemand(Header h) internal pure returns (Header) {
        return Header.wrap((Header.unwrap(h) + DEMAND_ONE) | HAS_DEMANDS);
    }

    function withoutDemand(Header h) internal pure returns (Header) {
        return Header.wrap(Header.unwrap(h) - DEMAND_ONE);
    }

    /// @dev The header when a tile of its own ends at `end`; the delta saturates after 194 days.
    function withEnd(Header h, uint256 end) internal pure returns (Header) {
        if (end <= latestEnd(h)) return h;
        uint256 delta = end - windowEnd(h);
        if (delta > END_DELTA_MASK) delta = END_DELTA_MASK;
        return Header.wrap((Header.unwrap(h) & ~(END_DELTA_MASK << 226)) | (delta << 226));
    }
}
