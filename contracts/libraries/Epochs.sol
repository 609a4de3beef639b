// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {MAX_GWEI} from "../types/LaneWords.sol";
import {PostingTerms} from "../types/PostingTerms.sol";
import {PromiseTerms, PromiseTermsFields} from "../types/PromiseTerms.sol";
import {EpochBook, FaultEntry} from "../types/State.sol";
import {FaultBinding, Terms} from "../types/Terms.sol";
import {FaultKinds} from "./FaultKinds.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Epochs: announced ahead, checked, never changed
library Epochs {
    uint256 private constant BASIS = 10_000;
    uint256 private constant LONGEST_NOTICE = 365 days;

    /// @dev Announces the next epoch. One may be pending at a time, so that the terms that hold now are always
    /// the newest or the one before.
    function announce(
        EpochBook storage book,
        Terms memory terms,
        FaultBinding[] memory faults,
        uint40 startsAt
    ) external returns (uint16 epoch) {
        // Check:
        PostingTerms previous = book.latest;
        bool first = previous.epoch() == 0;
        if (!first && block.timestamp < previous.startsAt()) {
            revert ISettlement.EpochPending(previous.epoch(), previous.startsAt());
        }
        uint256 earliest = block.timestamp + timeToLeave(book);
        if (startsAt < earliest) revert ISettlement.TooSoon(startsAt, earliest);
        // A pending epoch bars the next one: it must not do so for ever.
        if (startsAt > earliest + LONGEST_NOTICE)
            revert ISettlement.TooDistant(startsAt, earliest + LONGEST_NOTICE);
        checkTerms(terms);

        // Effect:
        epoch = SafeCast.toUint16(previous.epoch() + 1);
        // The last batch of the previous epoch is posted before the new one starts.
        uint256 earliestEnd = first ? 0 : SafeCast.toUint40(previous.windowEndOf(uint256(startsAt) - 1));
        PostingTerms posting = packPosting(terms, epoch, startsAt, earliestEnd);
        book.latest = posting;
        book.posting[epoch] = posting;
        book.terms[epoch] = terms;
        _raise(book, terms);
        PromiseTerms promises = PromiseTermsFields.pack(
            startsAt,
            terms.claimWindow,
            terms.catchUp,
            terms.promiseSlash / 1 gwei,
            book.latestPromises.pausedUntil()
        );
        book.latestPromises = promises;
        book.promises[epoch] = promises;
        for (uint256 i; i < faults.length; ++i) {
            FaultBinding memory binding = faults[i];
            require(
                FaultKinds.isOfLane(binding.kind),
                ISettlement.BadTerms("faults", "name kinds that the lane answers for")
            );
            require(
                address(binding.fault).code.length != 0,
                ISettlement.BadTerms("faults", "name contracts that exist")
            );
            require(
                address(book.faults[epoch][binding.kind].fault) == address(0),
                ISettlement.BadTerms("faults", "name each kind once")
            );
            book.faults[epoch][binding.kind] = FaultEntry(binding.fault, uint48(terms.leafSlash / 1 gwei));
        }
        emit ISettlement.EpochAnnounced(epoch, startsAt, terms, faults);
    }

    /// @dev The posting terms that hold now.
    function current(EpochBook storage book) internal view returns (PostingTerms terms) {
        terms = book.latest;
        if (block.timestamp < terms.startsAt()) terms = book.posting[terms.epoch() - 1];
    }

    /// @dev The epoch that holds at a time, the first one for any time before it.
    function at(EpochBook storage book, uint256 time) internal view returns (uint256 epoch) {
        epoch = book.latest.epoch();
        while (epoch > 1 && time < book.posting[epoch].startsAt()) --epoch;
    }

    /// @dev What holds of promises due at a time.
    function promisesAt(EpochBook storage book, uint256 time) internal view returns (PromiseTerms) {
        PromiseTerms latest = book.latestPromises;
        if (time >= latest.startsAt()) return latest;
        return book.promises[at(book, time)].withPausedUntil(latest.pausedUntil());
    }

    /// @dev From the moment a lane begins to leave until no promise of it can be claimed. Term by term, because a
    /// promise may be made under one epoch and deferred and judged under others.
    function obligation(EpochBook storage book) internal view returns (uint256) {
        return
            uint256(book.longestPromiseDelay) + book.longestPause + book.longestCatchUp + book.longestClaim;
    }

    /// @dev The longest that a lane needs to be free of every obligation: its last promise can be claimed no more, and
    /// its last batch has ended. Zero before the first epoch.
    function timeToLeave(EpochBook storage book) internal view returns (uint256) {
        return obligation(book) + book.longestWindow;
    }

    /// @dev Refuses nonsense. The bounds keep each value within its field and each right usable.
    function checkTerms(Terms memory t) internal pure {
        _require(t.maxOutage != 0, "maxOutage", "is at least 1 second");
        _require(t.window >= t.maxOutage, "window", "is at least maxOutage");
        _require(t.window <= 60 days, "window", "is at most 60 days");
        _require(t.answerPeriod >= t.maxOutage, "answerPeriod", "is at least maxOutage");
        _require(t.window >= 2 * uint256(t.answerPeriod), "window", "is at least twice answerPeriod");
        _require(t.claimWindow >= t.maxOutage, "claimWindow", "is at least maxOutage");
        _require(t.claimWindow <= 60 days, "claimWindow", "is at most 60 days");
        _require(t.answerSpacing <= t.answerPeriod, "answerSpacing", "is at most answerPeriod");
        _require(
            t.maxPostingDelay != 0 && t.maxPostingDelay <= 60 days,
            "maxPostingDelay",
            "is 1 second to 60 days"
        );
        _require(t.maxClockSkew <= 1 hours, "maxClockSkew", "is at most 1 hour");
        _require(t.maxPromiseDelay != 0, "maxPromiseDelay", "is at least 1 second");
        _require(
            uint256(t.maxPromiseDelay) + t.margin <= t.maxPostingDelay,
            "maxPromiseDelay",
            "with margin is at most maxPostingDelay"
        );
        // Posting is paused in the last second of a pause too: due then, a promise could not be kept.
        _require(t.catchUp != 0 && t.catchUp <= 60 days, "catchUp", "is 1 second to 60 days");
        _require(t.maxPause <= 7 days, "maxPause", "is at most 7 days");
        _require(t.pauseSpacing >= t.maxPause, "pauseSpacing", "is at least maxPause");
        _require(t.coverShare != 0 && t.coverShare <= BASIS, "coverShare", "is 1 to 10000");
        _requireAmount(t.leafSlash, "leafSlash");
        _requireAmount(t.promiseSlash, "promiseSlash");
        _requireAmount(t.minStake, "minStake");
        _requireAmount(t.demandDeposit, "demandDeposit");
        _require(t.minStake >= t.leafSlash, "minStake", "is at least leafSlash");
    }

    function packPosting(
        Terms memory t,
        uint256 epoch,
        uint256 startsAt,
        uint256 earliestEnd
    ) internal pure returns (PostingTerms) {
        // Rounded up: a lane never covers less than its share.
        uint256 cover =
            ((uint256(t.leafSlash) + t.promiseSlash) * t.coverShare + BASIS * 1 gwei - 1) / (BASIS * 1 gwei);
        return
            PostingTerms.wrap(
                epoch |
                    (startsAt << 16) |
                    (uint256(t.window) << 56) |
                    (uint256(t.maxPostingDelay) << 80) |
                    (uint256(t.maxClockSkew) << 104) |
                    (cover << 120) |
                    (uint256(t.minStake / 1 gwei) << 168) |
                    (earliestEnd << 216)
            );
    }

    function _raise(EpochBook storage book, Terms memory t) private {
        if (t.maxPromiseDelay > book.longestPromiseDelay) book.longestPromiseDelay = t.maxPromiseDelay;
        if (t.maxPause > book.longestPause) book.longestPause = t.maxPause;
        if (t.catchUp > book.longestCatchUp) book.longestCatchUp = t.catchUp;
        if (t.claimWindow > book.longestClaim) book.longestClaim = t.claimWindow;
        if (t.window > book.longestWindow) book.longestWindow = t.window;
    }

    /// @dev Whole gwei, above zero, and small enough that the sum of two fits 48 bits of gwei.
    function _requireAmount(uint96 amount, string memory parameter) private pure {
        _require(amount != 0 && amount % 1 gwei == 0, parameter, "is a whole number of gwei above zero");
        _require(amount / 1 gwei <= MAX_GWEI / 4, parameter, "is at most 70368 ether");
    }

    function _require(bool holds, string memory parameter, string memory rule) private pure {
        if (!holds) revert ISettlement.BadTerms(parameter, rule);
    }
}

// slither-disable-end timestamp
