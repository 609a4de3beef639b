// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What a claim on a promise needs of an epoch: one slot.
///
/// | bits      | field       | unit                                                                   |
/// | --------- | ----------- | ---------------------------------------------------------------------- |
/// |   0..39   | startsAt    | unix seconds                                                           |
/// |  40..71   | claimWindow | seconds                                                                |
/// |  72..103  | catchUp     | seconds                                                                |
/// | 104..151  | slash       | gwei                                                                   |
/// | 152..191  | pausedUntil | unix seconds: end of the latest pause, or zero; by it a claim knows,   |
/// |           |             | without another slot, that no promise was deferred                     |
type PromiseTerms is uint256;

using PromiseTermsFields for PromiseTerms global;

/// @title Reads and writes the fields of a `PromiseTerms`
library PromiseTermsFields {
    uint256 private constant PAUSE_SHIFT = 152;

    /// @dev The caller guarantees that each value fits its field.
    function pack(
        uint256 startsAt_,
        uint256 claimWindow_,
        uint256 catchUp_,
        uint256 slashGwei_,
        uint256 pausedUntil_
    ) internal pure returns (PromiseTerms) {
        return
            PromiseTerms.wrap(
                startsAt_ |
                    (claimWindow_ << 40) |
                    (catchUp_ << 72) |
                    (slashGwei_ << 104) |
                    (pausedUntil_ << PAUSE_SHIFT)
            );
    }

    function startsAt(PromiseTerms t) internal pure returns (uint256) {
        return PromiseTerms.unwrap(t) & 0xffffffffff;
    }

    function claimWindow(PromiseTerms t) internal pure returns (uint256) {
        return (PromiseTerms.unwrap(t) >> 40) & 0xffffffff;
    }

    function catchUp(PromiseTerms t) internal pure returns (uint256) {
        return (PromiseTerms.unwrap(t) >> 72) & 0xffffffff;
    }

    function slashGwei(PromiseTerms t) internal pure returns (uint256) {
        return (PromiseTerms.unwrap(t) >> 104) & 0xffffffffffff;
    }

    function pausedUntil(PromiseTerms t) internal pure returns (uint256) {
        return PromiseTerms.unwrap(t) >> PAUSE_SHIFT;
    }

    function withPausedUntil(PromiseTerms t, uint256 pausedUntil_) internal pure returns (PromiseTerms) {
        uint256 terms = PromiseTerms.unwrap(t) & ((1 << PAUSE_SHIFT) - 1);
        return PromiseTerms.wrap(terms | (pausedUntil_ << PAUSE_SHIFT));
    }
}
