// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISettlement} from "../interfaces/ISettlement.sol";
import {Header} from "../types/Header.sol";
import {LaneMoney, LaneMoneyFields, LaneSequence, LaneSequenceFields, MAX_GWEI} from "../types/LaneWords.sol";
import {PostingTerms} from "../types/PostingTerms.sol";

/// @notice From sequence number `fromSeq` on, `key` signs the lane's promises.
struct PromiseKey {
    uint48 fromSeq;
    address key;
}

/// @notice A lane: two hot words, then what a post never reads.
/// @dev `exitAt` and `liableUntil` (unix seconds) belong to leaving, `lastDeadline` to the spacing of demands.
struct Lane {
    LaneMoney money;
    LaneSequence sequence;
    address owner;
    uint40 exitAt;
    uint40 liableUntil;
    uint40 lastDeadline;
    PromiseKey[] promiseKeys;
}

/// @notice A batch: its root, and its header.
struct Batch {
    bytes32 root;
    Header header;
}

/// @title Lanes: stake, sequence, cover, slashing
library Lanes {
    /// @dev Batches that one post may release from cover: bounded, so that no backlog makes a post too dear.
    uint256 internal constant RELEASE_STEPS = 32;

    function open(
        Lane storage self,
        address poster,
        address promiseKey,
        uint32 ahead,
        PostingTerms terms
    ) internal {
        // Check:
        if (poster == address(0)) revert ISettlement.ZeroAddress();
        uint256 stake = wholeGwei(msg.value);
        if (stake > MAX_GWEI) revert ISettlement.StakeTooLarge(msg.value, MAX_GWEI * 1 gwei);
        uint256 needed = required(terms, ahead);
        if (stake < needed) revert ISettlement.InsufficientStake(msg.value, needed * 1 gwei);
        // Effect:
        self.owner = msg.sender;
        self.money = LaneMoneyFields.pack(poster, stake);
        self.sequence = LaneSequenceFields.pack(ahead);
        self.promiseKeys.push(PromiseKey({fromSeq: 0, key: promiseKey}));
    }

    function topUp(Lane storage self) internal {
        LaneMoney money = self.money;
        uint256 amount = wholeGwei(msg.value);
        // What burns counts too: stake and burned then always fit, whatever is slashed.
        uint256 room = MAX_GWEI - money.stake() - money.burned();
        if (amount > room) revert ISettlement.StakeTooLarge(msg.value, room * 1 gwei);
        self.money = money.addStake(amount);
    }

    /// @dev Appends `count` numbers at `nextSeq` and checks that the stake covers what is then open. `lane` and
    /// `batches` name the closed batches that may be released for it.
    function append(
        Lane storage self,
        mapping(uint256 batchId => Batch) storage batches,
        uint256 laneId,
        uint256 count,
        uint256 stake,
        PostingTerms terms
    ) internal {
        LaneSequence sequence = self.sequence;
        uint256 nextSeq = sequence.nextSeq();
        uint256 openAfter = sequence.open() + count;
        uint256 capacity = capacityOf(stake, sequence.ahead(), terms);
        for (uint256 steps; openAfter > capacity && steps < RELEASE_STEPS; ++steps) {
            uint256 freed = _releasable(batches, laneId, nextSeq + count - openAfter, nextSeq);
            if (freed == 0) break;
            openAfter -= freed;
        }
        if (openAfter > capacity) {
            uint256 needed = required(terms, openAfter + sequence.ahead());
            revert ISettlement.InsufficientStake(stake * 1 gwei, needed * 1 gwei);
        }
        self.sequence = sequence.withSequence(nextSeq + count, openAfter);
    }

    /// @dev Releases up to `maxBatches` closed batches from cover.
    function release(
        Lane storage self,
        mapping(uint256 batchId => Batch) storage batches,
        uint256 laneId,
        uint256 maxBatches
    ) internal returns (uint256 released) {
        LaneSequence sequence = self.sequence;
        uint256 nextSeq = sequence.nextSeq();
        uint256 openNow = sequence.open();
        for (uint256 steps; steps < maxBatches; ++steps) {
            uint256 freed = _releasable(batches, laneId, nextSeq - openNow, nextSeq);
            if (freed == 0) break;
            openNow -= freed;
            released += freed;
        }
        if (released != 0) self.sequence = sequence.withSequence(nextSeq, openNow);
    }

    /// @dev Takes up to `amount` gwei of the stake: half, rounded down, is returned as the share of whoever proved
    /// it; the rest is kept for burning. A short stake is split alike.
    function slash(Lane storage self, uint256 amount) internal returns (uint256 slashed, uint256 share) {
        LaneMoney money = self.money;
        uint256 stake = money.stake();
        slashed = amount < stake ? amount : stake;
        share = slashed / 2;
        self.money = money.slash(slashed, slashed - share);
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

    function wholeGwei(uint256 amount) internal pure returns (uint256) {
        if (amount % 1 gwei != 0) revert ISettlement.NotWholeGwei(amount);
        return amount / 1 gwei;
    }

    /// @dev The leaves of the batch at `firstSeq` if it exists and is closed, else 0.
    function _releasable(
        mapping(uint256 batchId => Batch) storage batches,
        uint256 laneId,
        uint256 firstSeq,
        uint256 nextSeq
    ) private view returns (uint256) {
        if (firstSeq >= nextSeq) return 0;
        Header header = batches[(laneId << 64) | firstSeq].header;
        return header.isClosed(block.timestamp) ? header.count() : 0;
    }
}
