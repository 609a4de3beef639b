// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What a post and a read need of an epoch: one slot.
///
/// | bits      | field           | unit                                                              |
/// | --------- | --------------- | ----------------------------------------------------------------- |
/// |   0..15   | epoch           | its number, from 1                                                |
/// |  16..55   | startsAt        | unix seconds                                                      |
/// |  56..79   | window          | seconds                                                           |
/// |  80..103  | maxPostingDelay | seconds                                                           |
/// | 104..119  | maxClockSkew    | seconds                                                           |
/// | 120..167  | cover           | gwei of stake for each open receipt                               |
/// | 168..215  | minStake        | gwei                                                              |
/// | 216..255  | earliestEnd     | unix seconds: no window of a batch of an earlier epoch ends later |
type PostingTerms is uint256;

using PostingTermsFields for PostingTerms global;

/// @title Reads the fields of a `PostingTerms`
library PostingTermsFields {
    function epoch(PostingTerms t) internal pure returns (uint256) {
        return PostingTerms.unwrap(t) & 0xffff;
    }

    function startsAt(PostingTerms t) internal pure returns (uint256) {
        return (PostingTerms.unwrap(t) >> 16) & 0xffffffffff;
    }

    function window(PostingTerms t) internal pure returns (uint256) {
        return (PostingTerms.unwrap(t) >> 56) & 0xffffff;
    }

    function maxPostingDelay(PostingTerms t) internal pure returns (uint256) {
        return (PostingTerms.unwrap(t) >> 80) & 0xffffff;
    }

    function maxClockSkew(PostingTerms t) internal pure returns (uint256) {
        return (PostingTerms.unwrap(t) >> 104) & 0xffff;
    }

    function cover(PostingTerms t) internal pure returns (uint256) {
        return (PostingTerms.unwrap(t) >> 120) & 0xffffffffffff;
    }

    function minStake(PostingTerms t) internal pure returns (uint256) {
        return (PostingTerms.unwrap(t) >> 168) & 0xffffffffffff;
    }

    function earliestEnd(PostingTerms t) internal pure returns (uint256) {
        return PostingTerms.unwrap(t) >> 216;
    }

    /// @dev The end of the window of a batch posted now: never before that of an earlier batch of the same lane.
    function windowEndOf(PostingTerms t, uint256 anchor) internal pure returns (uint256) {
        uint256 end = anchor + window(t);
        return end > earliestEnd(t) ? end : earliestEnd(t);
    }

    /// @dev Whether a receipt issued at `issuedAt` was young enough at `anchor`, and not from the future.
    function isTimely(PostingTerms t, uint256 issuedAt, uint256 anchor) internal pure returns (bool) {
        // issuedAt is a raw word of up to 2^256 - 1: compare without adding to it.
        if (issuedAt > anchor) return issuedAt - anchor <= maxClockSkew(t);
        return anchor - issuedAt <= maxPostingDelay(t);
    }
}
