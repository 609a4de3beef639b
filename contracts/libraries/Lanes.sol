// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Header} from "../types/Header.sol";
import {LaneMoney, LaneSequence} from "../types/LaneWords.sol";
import {PostingTerms} from "../types/PostingTerms.sol";
import {Batch, Lane} from "../types/State.sol";

/// @title Lanes: sequence, cover, slashing: what a post and a proof need
library Lanes {
    using Checkpoints for Checkpoints.Trace160;

    /// @dev Batches that one post may release from cover: bounded, so that no backlog makes a post too dear.
    uint256 internal constant RELEASE_STEPS = 32;

    /// @dev Appends `count` numbers at `nextSeq`, whose trust gap is at most `gap` seconds, and checks that the stake covers what is then open. `laneId` and
    /// `batches` name the closed batches that may be released for it.
    function append(
        Lane storage self,
        mapping(uint256 batchId => Batch) storage batches,
        uint256 laneId,
        uint256 count,
        uint256 gap,
        uint256 stake,
        PostingTerms terms
    ) internal {
        LaneSequence sequence = self.sequence;
        uint256 nextSeq = sequence.nextSeq();
        uint256 openAfter = sequence.open() + count;
        uint256 capacity = capacityOf(stake, sequence.ahead(), terms);
        for (uint256 steps; openAfter > capacity && steps < RELEASE_STEPS; ++steps) {
            uint256 freed = releasable(batches, laneId, nextSeq + count - openAfter, nextSeq);
            if (freed == 0) break;
            openAfter -= freed;
        }
        if (openAfter > capacity) {
            uint256 needed = required(terms, openAfter + sequence.ahead());
            revert ISettlement.InsufficientStake(stake * 1 gwei, needed * 1 gwei);
        }
        self.sequence = sequence.withSequence(nextSeq + count, openAfter).withGap(gap, count);
    }

    /// @dev Takes up to `amount` gwei of the stake. Two payees get their percentage of it, rounded down to whole gwei;
    /// the rest is kept for burning. A short stake is split alike.
    function slash(
        Lane storage self,
        uint256 amount,
        uint256 percentA,
        uint256 percentB
    ) internal returns (uint256 slashed, uint256 shareA, uint256 shareB) {
        LaneMoney money = self.money;
        uint256 stake = money.stake();
        slashed = amount < stake ? amount : stake;
        shareA = (slashed * percentA) / 100;
        shareB = (slashed * percentB) / 100;
        self.money = money.slash(slashed, slashed - shareA - shareB);
    }

    /// @dev Promises are enforceable for numbers below it. It never falls: what once could be claimed always can.
    function limitOf(Lane storage self) internal view returns (uint256 limit) {
        LaneSequence sequence = self.sequence;
        limit = sequence.nextSeq() + sequence.ahead();
        if (self.reach > limit) limit = self.reach;
    }

    /// @dev Whether a promise for `seq` is enforceable; `reach` is read only where it matters.
    function isWithinLimit(Lane storage self, uint256 seq) internal view returns (bool) {
        LaneSequence sequence = self.sequence;
        return seq < sequence.nextSeq() + sequence.ahead() || seq < self.reach;
    }

    /// @dev The key that signs promises for `seq`; zero where nobody does.
    function promiseKeyOf(Lane storage self, uint256 seq) internal view returns (address) {
        if (seq >= self.promiseKeyFrom) return self.promiseKey;
        return address(self.earlierKeys.upperLookup(uint96(seq)));
    }

    /// @dev What must be staked for `receipts` open or promised ones, in gwei.
    function required(PostingTerms terms, uint256 receipts) internal pure returns (uint256) {
        return terms.minStake() + receipts * terms.cover();
    }

    /// @dev How many receipts `stake` gwei covers as open, beside `ahead` promised ones.
    function capacityOf(uint256 stake, uint256 ahead, PostingTerms terms) internal pure returns (uint256) {
        uint256 needed = required(terms, ahead);
        if (stake < needed) return 0;
        uint256 capacity = (stake - needed) / terms.cover();
        // The field for open receipts has 32 bits.
        return capacity < type(uint32).max ? capacity : type(uint32).max;
    }

    /// @dev The leaves of the batch at `firstSeq` if it exists and is closed, else 0.
    function releasable(
        mapping(uint256 batchId => Batch) storage batches,
        uint256 laneId,
        uint256 firstSeq,
        uint256 nextSeq
    ) internal view returns (uint256) {
        if (firstSeq >= nextSeq) return 0;
        Header header = batches[(laneId << 64) | firstSeq].header;
        return header.isClosed(block.timestamp) ? header.count() : 0;
    }
}
