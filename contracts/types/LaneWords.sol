// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice The money side of a lane, with its poster: one slot, so that a post and a slash touch one word.
///
/// | bits      | field   | unit                                       |
/// | --------- | ------- | ------------------------------------------ |
/// |   0..159  | poster  | address that may post now                  |
/// | 160..207  | stake   | gwei                                       |
/// | 208..255  | burned  | gwei slashed for burning and not yet swept |
type LaneMoney is uint256;

/// @notice The sequence side of a lane: one slot.
///
/// | bits      | field     | unit                                                       |
/// | --------- | --------- | ---------------------------------------------------------- |
/// |   0..47   | nextSeq   | the next sequence number                                   |
/// |  48..79   | open      | receipts posted and not yet released from cover            |
/// |  80..111  | ahead     | receipts that may be promised beyond nextSeq               |
/// | 112..255  | histogram | trust gap, 8 buckets of 18 bits                            |
type LaneSequence is uint256;

/// @notice Who signs a lane's promises now, and until when they may be due: one slot. Earlier keys stand elsewhere.
///
/// | bits      | field    | unit                                                                        |
/// | --------- | -------- | --------------------------------------------------------------------------- |
/// |   0..159  | key      | address that signs promises from fromSeq on; zero: nobody does              |
/// | 160..207  | fromSeq  | sequence number                                                             |
/// | 208..255  | lastDue  | unix seconds: set on leaving, a promise due later binds it not; zero: unset |
type LaneAuthority is uint256;

using LaneMoneyFields for LaneMoney global;
using LaneSequenceFields for LaneSequence global;
using LaneAuthorityFields for LaneAuthority global;

/// @dev Amounts are in gwei within the word: 48 bits hold 281,474 ether.
uint256 constant MAX_GWEI = type(uint48).max;

/// @dev Numbers have 48 bits, and so has the first one that may not be promised, nextSeq + ahead. A lane ends there: were
/// its numbers to start anew, ids would too, and a new batch would stand in an old one's place.
uint256 constant MAX_REACH = type(uint48).max;

/// @title Reads and writes the fields of a `LaneMoney`
library LaneMoneyFields {
    function pack(address poster_, uint256 stakeGwei) internal pure returns (LaneMoney) {
        return LaneMoney.wrap(uint256(uint160(poster_)) | (stakeGwei << 160));
    }

    function poster(LaneMoney m) internal pure returns (address) {
        return address(uint160(LaneMoney.unwrap(m)));
    }

    function stake(LaneMoney m) internal pure returns (uint256) {
        return (LaneMoney.unwrap(m) >> 160) & MAX_GWEI;
    }

    function burned(LaneMoney m) internal pure returns (uint256) {
        return LaneMoney.unwrap(m) >> 208;
    }

    /// @dev The caller guarantees that the sum of all a lane ever held fits 48 bits: see `Lanes.topUp`.
    function addStake(LaneMoney m, uint256 gweiAmount) internal pure returns (LaneMoney) {
        return LaneMoney.wrap(LaneMoney.unwrap(m) + (gweiAmount << 160));
    }

    /// @dev Takes `slashed` from the stake and keeps `toBurn` of it for burning; toBurn <= slashed <= stake.
    function slash(LaneMoney m, uint256 slashed, uint256 toBurn) internal pure returns (LaneMoney) {
        return LaneMoney.wrap(LaneMoney.unwrap(m) - (slashed << 160) + (toBurn << 208));
    }

    function withPoster(LaneMoney m, address poster_) internal pure returns (LaneMoney) {
        return LaneMoney.wrap(((LaneMoney.unwrap(m) >> 160) << 160) | uint160(poster_));
    }

    /// @dev Takes the whole stake out.
    function withoutStake(LaneMoney m) internal pure returns (LaneMoney) {
        return LaneMoney.wrap(LaneMoney.unwrap(m) & ~(MAX_GWEI << 160));
    }

    function sweep(LaneMoney m) internal pure returns (LaneMoney) {
        return LaneMoney.wrap(LaneMoney.unwrap(m) & ((1 << 208) - 1));
    }
}

/// @title Reads and writes the fields of a `LaneAuthority`
library LaneAuthorityFields {
    /// @dev The key and its first number anew; the rest stays. The caller guarantees that the number fits its field.
    function withKey(LaneAuthority a, address key_, uint256 fromSeq_) internal pure returns (LaneAuthority) {
        uint256 rest = (LaneAuthority.unwrap(a) >> 208) << 208;
        return LaneAuthority.wrap(rest | (fromSeq_ << 160) | uint160(key_));
    }

    /// @dev Once: `lastDue` must not have been set. The caller guarantees that it fits its field.
    function withLastDue(LaneAuthority a, uint256 lastDue_) internal pure returns (LaneAuthority) {
        return LaneAuthority.wrap(LaneAuthority.unwrap(a) | (lastDue_ << 208));
    }

    function key(LaneAuthority a) internal pure returns (address) {
        return address(uint160(LaneAuthority.unwrap(a)));
    }

    function fromSeq(LaneAuthority a) internal pure returns (uint256) {
        return (LaneAuthority.unwrap(a) >> 160) & type(uint48).max;
    }

    function lastDue(LaneAuthority a) internal pure returns (uint256) {
        return LaneAuthority.unwrap(a) >> 208;
    }
}

/// @title Reads and writes the fields of a `LaneSequence`
library LaneSequenceFields {
    uint256 private constant MASK48 = type(uint48).max;
    uint256 private constant MASK32 = type(uint32).max;
    uint256 private constant SEQUENCE_BITS = (1 << 80) - 1;
    uint256 private constant HISTOGRAM_SHIFT = 112;
    uint256 private constant BUCKETS = 8;
    uint256 private constant BUCKET_BITS = 18;
    uint256 private constant BUCKET_MAX = (1 << BUCKET_BITS) - 1;
    /// @dev Every bit of the histogram but the top bit of each bucket, into which a neighbour's low bit was shifted.
    uint256 private constant HALVED = 0x7fffdffff7fffdffff7fffdffff7fffdffff;

    function pack(uint256 ahead_) internal pure returns (LaneSequence) {
        return LaneSequence.wrap(ahead_ << 80);
    }

    function nextSeq(LaneSequence s) internal pure returns (uint256) {
        return LaneSequence.unwrap(s) & MASK48;
    }

    function open(LaneSequence s) internal pure returns (uint256) {
        return (LaneSequence.unwrap(s) >> 48) & MASK32;
    }

    function ahead(LaneSequence s) internal pure returns (uint256) {
        return (LaneSequence.unwrap(s) >> 80) & MASK32;
    }

    /// @dev The first number that may not be promised now.
    function limit(LaneSequence s) internal pure returns (uint256) {
        return nextSeq(s) + ahead(s);
    }

    /// @dev The caller guarantees that both fit their fields.
    function withSequence(
        LaneSequence s,
        uint256 nextSeq_,
        uint256 open_
    ) internal pure returns (LaneSequence) {
        return LaneSequence.wrap((LaneSequence.unwrap(s) & ~SEQUENCE_BITS) | nextSeq_ | (open_ << 48));
    }

    function withAhead(LaneSequence s, uint256 ahead_) internal pure returns (LaneSequence) {
        return LaneSequence.wrap((LaneSequence.unwrap(s) & ~(MASK32 << 80)) | (ahead_ << 80));
    }

    /// @dev The bucket of a trust gap in seconds: under 4, 16, 64, 256, 1,024, 4,096, 16,384, and all above.
    function bucketOf(uint256 gap) internal pure returns (uint256 bucket) {
        bucket = Math.log2(gap) / 2;
        return bucket < BUCKETS ? bucket : BUCKETS - 1;
    }

    function bucketAt(LaneSequence s, uint256 bucket) internal pure returns (uint256) {
        return (LaneSequence.unwrap(s) >> (HISTOGRAM_SHIFT + bucket * BUCKET_BITS)) & BUCKET_MAX;
    }

    /// @dev Adds `count` receipts to the bucket of `gap`. All buckets halve until the sum fits; a batch larger than a
    /// bucket counts as a full one.
    function withGap(LaneSequence s, uint256 gap, uint256 count) internal pure returns (LaneSequence) {
        uint256 bucket = bucketOf(gap);
        if (count > BUCKET_MAX) count = BUCKET_MAX;
        uint256 histogram = LaneSequence.unwrap(s) >> HISTOGRAM_SHIFT;
        uint256 shift = bucket * BUCKET_BITS;
        while (((histogram >> shift) & BUCKET_MAX) + count > BUCKET_MAX) {
            histogram = (histogram >> 1) & HALVED;
        }
        histogram += count << shift;
        uint256 low = LaneSequence.unwrap(s) & ((1 << HISTOGRAM_SHIFT) - 1);
        return LaneSequence.wrap(low | (histogram << HISTOGRAM_SHIFT));
    }
}
