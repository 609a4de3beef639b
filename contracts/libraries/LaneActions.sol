// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {
    LaneAuthority,
    LaneMoney,
    LaneMoneyFields,
    LaneSequence,
    LaneSequenceFields,
    MAX_GWEI,
    MAX_REACH
} from "../types/LaneWords.sol";
import {EpochBook, Lane, State} from "../types/State.sol";
import {Epochs} from "./Epochs.sol";
import {Lanes} from "./Lanes.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Lane actions: opening, funding, rotating, leaving
/// @dev A library of its own because these are rare paths: it keeps the contract within its size.
library LaneActions {
    using Checkpoints for Checkpoints.Trace160;
    using Epochs for EpochBook;
    using Lanes for Lane;

    /// @dev See `ISettlement.openLane`.
    // slither-disable-next-line msg-value-in-nonpayable: reached from a payable function, through a library call
    function open(
        State storage state,
        uint32 laneId,
        address poster,
        address promiseKey,
        uint32 ahead
    ) external {
        // Check:
        if (poster == address(0)) revert ISettlement.ZeroAddress();
        uint256 stake = _wholeGwei(msg.value);
        if (stake > MAX_GWEI) revert ISettlement.StakeTooLarge(msg.value, MAX_GWEI * 1 gwei);
        uint256 needed = Lanes.required(state.epochs.current(), ahead);
        if (stake < needed) revert ISettlement.InsufficientStake(msg.value, needed * 1 gwei);
        // Effect:
        Lane storage lane = state.lanes[laneId];
        lane.owner = msg.sender;
        lane.money = LaneMoneyFields.pack(poster, stake);
        lane.sequence = LaneSequenceFields.pack(ahead);
        lane.authority = lane.authority.withKey(promiseKey, 0);
        emit ISettlement.LaneOpened(laneId, msg.sender, poster, promiseKey, ahead, msg.value);
    }

    /// @dev See `ISettlement.topUp`.
    // slither-disable-next-line msg-value-in-nonpayable: reached from a payable function, through a library call
    function topUp(State storage state, uint32 laneId) external {
        Lane storage lane = _existing(state, laneId);
        LaneMoney money = lane.money;
        uint256 amount = _wholeGwei(msg.value);
        // What burns counts too: stake and burned then always fit, whatever is slashed.
        uint256 room = MAX_GWEI - money.stake() - money.burned();
        if (amount > room) revert ISettlement.StakeTooLarge(msg.value, room * 1 gwei);
        lane.money = money.addStake(amount);
        emit ISettlement.StakeAdded(laneId, msg.sender, msg.value);
    }

    /// @dev See `ISettlement.rotateLane`. No promise was ever enforceable for the numbers that the new key takes over.
    function rotate(State storage state, uint32 laneId, address poster, address promiseKey) external {
        // Check:
        Lane storage lane = _owned(state, laneId);
        if (lane.blown) revert ISettlement.LaneBlown(laneId);
        if (poster == address(0)) revert ISettlement.ZeroAddress();
        // Effect:
        uint256 fromSeq = lane.reachOf();
        lane.money = lane.money.withPoster(poster);
        LaneAuthority authority = lane.authority;
        uint256 since = authority.fromSeq();
        // A key that was given no number leaves no trace.
        // slither-disable-next-line unused-return: what the trace held before does not matter
        if (fromSeq != since) lane.earlierKeys.push(uint96(since), uint160(authority.key()));
        lane.authority = authority.withKey(promiseKey, fromSeq);
        emit ISettlement.LaneRotated(laneId, poster, promiseKey, fromSeq);
    }

    /// @dev See `ISettlement.setAhead`.
    function setAhead(State storage state, uint32 laneId, uint32 ahead) external {
        Lane storage lane = _owned(state, laneId);
        LaneSequence sequence = lane.sequence;
        if (ahead < sequence.ahead()) {
            uint256 effectiveAt = block.timestamp + state.epochs.obligation();
            lane.nextAhead = ahead;
            lane.aheadAt = SafeCast.toUint40(effectiveAt);
            emit ISettlement.AheadChanged(laneId, ahead, effectiveAt);
            return;
        }
        uint256 reach = sequence.nextSeq() + ahead;
        if (reach > MAX_REACH) revert ISettlement.SequenceExhausted(reach, MAX_REACH);
        uint256 stake = lane.money.stake();
        uint256 needed = Lanes.required(state.epochs.current(), sequence.open() + ahead);
        if (stake < needed) revert ISettlement.InsufficientStake(stake * 1 gwei, needed * 1 gwei);
        lane.sequence = sequence.withAhead(ahead);
        lane.aheadAt = 0;
        emit ISettlement.AheadChanged(laneId, ahead, block.timestamp);
    }

    /// @dev See `ISettlement.applyAhead`. It frees cover. What was promised meanwhile stays enforceable, for whoever took
    /// `ahead` at its word.
    function applyAhead(State storage state, uint32 laneId) external {
        Lane storage lane = _existing(state, laneId);
        uint256 at = lane.aheadAt;
        if (at == 0 || block.timestamp < at) revert ISettlement.NoChangeDue(laneId, at);
        lane.pastReach = uint64(lane.reachOf());
        lane.sequence = lane.sequence.withAhead(lane.nextAhead);
        lane.aheadAt = 0;
    }

    /// @dev See `ISettlement.releaseCover`. A lane that leaves stays liable for what it releases, every tile of it ended or
    /// struck by now, until no promise in it can be claimed any more.
    function release(
        State storage state,
        uint32 laneId,
        uint256 maxBatches
    ) external returns (uint256 released) {
        Lane storage lane = _existing(state, laneId);
        LaneSequence sequence = lane.sequence;
        uint256 nextSeq = sequence.nextSeq();
        uint256 openNow = sequence.open();
        for (uint256 steps; steps < maxBatches; ++steps) {
            uint256 firstSeq = nextSeq - openNow;
            uint256 freed = Lanes.releasable(state.batches, laneId, firstSeq, nextSeq);
            if (freed == 0) break;
            openNow -= freed;
            released += freed;
        }
        if (released == 0) return 0;
        lane.sequence = sequence.withSequence(nextSeq, openNow);
        if (lane.exitAt != 0) _raiseLiability(lane, block.timestamp + state.epochs.longestClaim);
    }

    /// @dev See `ISettlement.exitLane`.
    function exit(State storage state, uint32 laneId) external {
        Lane storage lane = _owned(state, laneId);
        if (lane.exitAt != 0) revert ISettlement.AlreadyLeaving(laneId);
        lane.exitAt = SafeCast.toUint40(block.timestamp);
        lane.authority = lane.authority.withLastDue(block.timestamp + state.epochs.longestPromiseDelay);
        // Of what was released before, every tile had ended by now.
        _raiseLiability(lane, block.timestamp + state.epochs.obligation());
        emit ISettlement.LaneLeaving(laneId, lane.liableUntil);
    }

    /// @dev See `ISettlement.withdrawStake`. Whom to credit, and with how many wei, is for the caller to do.
    function takeStake(State storage state, uint32 laneId) external returns (address owner, uint256 amount) {
        // Check:
        Lane storage lane = _owned(state, laneId);
        if (lane.exitAt == 0) revert ISettlement.NotLeaving(laneId);
        if (lane.sequence.open() != 0) revert ISettlement.ReceiptsOpen(laneId, lane.sequence.open());
        if (block.timestamp <= lane.liableUntil) revert ISettlement.StillLiable(laneId, lane.liableUntil);
        // Effect:
        owner = lane.owner;
        amount = lane.money.stake() * 1 gwei;
        lane.money = lane.money.withoutStake();
        emit ISettlement.StakeWithdrawn(laneId, owner, amount);
    }

    function _raiseLiability(Lane storage lane, uint256 until) private {
        if (until > lane.liableUntil) lane.liableUntil = SafeCast.toUint40(until);
    }

    function _existing(State storage state, uint256 laneId) private view returns (Lane storage lane) {
        lane = state.lanes[laneId];
        if (lane.owner == address(0)) revert ISettlement.UnknownLane(laneId);
    }

    function _owned(State storage state, uint256 laneId) private view returns (Lane storage lane) {
        lane = _existing(state, laneId);
        if (msg.sender != lane.owner) revert ISettlement.NotLaneOwner(msg.sender, lane.owner);
    }

    function _wholeGwei(uint256 amount) private pure returns (uint256) {
        if (amount % 1 gwei != 0) revert ISettlement.NotWholeGwei(amount);
        return amount / 1 gwei;
    }
}

// slither-disable-end timestamp
