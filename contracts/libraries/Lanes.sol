// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Header} from "../types/Header.sol";
import {LaneAuthority, LaneMoney, LaneSequence, MAX_REACH} from "../types/LaneWords.sol";
import {PostingTerms} from "../types/PostingTerms.sol";
import {Batch, Lane} from "../types/State.sol";

/// @title Lanes: sequence, cover, slashing: what a post and a proof need
library Lanes {
    using Checkpoints for Checkpoints.Trace160;

    /// @dev What of a leaf slash goes to whoever proved the fault, or demanded in vain; the rest burns.
    uint256 internal constant PROVER_PERCENT = 50;

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
        uint256 reach = nextSeq + count + sequence.ahead();
        if (reach > MAX_REACH) revert ISettlement.SequenceExhausted(reach, MAX_REACH);
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
        // The stake has 48 bits, and the percentages sum up to 100 at most.
        unchecked {
            shareA = (slashed * percentA) / 100;
            shareB = (slashed * percentB) / 100;
            self.money = money.slash(slashed, slashed - shareA - shareB);
        }
    }

    /// @dev Promises are enforceable for numbers below it. It never falls: what once could be claimed always can.
    function reachOf(Lane storage self) internal view returns (uint256 reach) {
        reach = self.sequence.limit();
        if (self.pastReach > reach) reach = self.pastReach;
    }

    /// @dev Whether a promise for `seq` is enforceable; the past reach is read only where it matters. The sequence is the
    /// lane's.
    function isWithinReach(
        Lane storage self,
        LaneSequence sequence,
        uint256 seq
    ) internal view returns (bool) {
        return seq < sequence.limit() || seq < self.pastReach;
    }

    /// @dev The key that signs promises for `seq`; zero where nobody does. The authority is the lane's.
    function promiseKeyOf(
        Lane storage self,
        LaneAuthority authority,
        uint256 seq
    ) internal view returns (address) {
        if (seq >= authority.fromSeq()) return authority.key();
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
