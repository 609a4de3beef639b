// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Header} from "../types/Header.sol";
import {FaultBinding, Terms} from "../types/Terms.sol";
import {ICredits} from "./ICredits.sol";
import {IDemands} from "./IDemands.sol";
import {Claim} from "./IFault.sol";
import {IPromises} from "./IPromises.sol";
import {ISettlementViews} from "./ISettlementViews.sol";

/// @title Settlement: receipts posted in batches, disputed for a while, then final
/// @notice The principle: check at the read what is cheap, prove what is not. A batch's root and header are two
/// slots; finality is a view; nobody finalises anything. Whatever follows from leaf, header and registry is a read
/// rule. What is dear to check is a fault that one transaction proves, for a share of what the lane loses.
/// A batch is judged by the terms of the epoch at its anchor, for ever.
interface ISettlement is ICredits, IDemands, IPromises, ISettlementViews {
    // ------------------------------------------------------------------------------------------------ events

    /// @notice Lane `lane` was opened with `stake` wei. Ids are never reused.
    event LaneOpened(
        uint32 indexed lane,
        address indexed owner,
        address poster,
        address promiseKey,
        uint32 ahead,
        uint256 stake
    );

    /// @notice `from` added `amount` wei to the stake of `lane`.
    event StakeAdded(uint32 indexed lane, address indexed from, uint256 amount);

    /// @notice A batch was posted. The tile roots are here and not only in calldata: a proof must never hang on
    /// what somebody called.
    event Posted(
        uint32 indexed lane,
        uint256 indexed batchId,
        bytes32 root,
        Header header,
        bytes32[] tileRoots,
        string dataUri
    );

    /// @notice A fault of kind `kind` was proven of leaf `index` of `batchId`; the lane lost `slashed` wei.
    event FaultProven(
        uint256 indexed batchId,
        uint256 index,
        uint8 kind,
        address indexed prover,
        uint256 slashed
    );

    /// @notice The fuse of a batch blew: what was not final in it is void, and its lane may never post again.
    event FuseBlown(uint256 indexed batchId);

    /// @notice The posting right moved; promises from `fromSeq` on are signed by `promiseKey`.
    event LaneRotated(uint32 indexed lane, address poster, address promiseKey, uint256 fromSeq);

    /// @notice `ahead` receipts may be promised beyond nextSeq from `effectiveAt` on.
    event AheadChanged(uint32 indexed lane, uint32 ahead, uint256 effectiveAt);

    /// @notice The lane began to leave; its promises bind it until `liableUntil`.
    event LaneLeaving(uint32 indexed lane, uint256 liableUntil);

    /// @notice The stake of a lane that is free of obligations was credited to its owner.
    event StakeWithdrawn(uint32 indexed lane, address indexed owner, uint256 amount);

    /// @notice The guardian paused posting, from `start` to `end`, inclusive.
    event PostingPaused(uint256 start, uint256 end);

    /// @notice `guardian` may pause posting.
    event GuardianChanged(address indexed guardian);

    /// @notice An epoch was announced. It fixes everything in it from `startsAt` on and never changes.
    event EpochAnnounced(uint16 indexed epoch, uint40 startsAt, Terms terms, FaultBinding[] faults);

    /// @notice `amount` wei that `lane` had lost was burned.
    event Burned(uint32 indexed lane, uint256 amount);

    // ------------------------------------------------------------------------------------------------ errors

    /// @notice There is no such lane.
    error UnknownLane(uint256 lane);
    /// @notice Amounts are whole gwei.
    error NotWholeGwei(uint256 amount);
    /// @notice The stake would exceed what a lane can hold.
    error StakeTooLarge(uint256 amount, uint256 limit);
    /// @notice The lane would hold less than it must.
    error InsufficientStake(uint256 stake, uint256 needed);
    /// @notice An address that must not be zero is.
    error ZeroAddress();
    /// @notice Only the lane's poster may post.
    error NotPoster(address caller, address poster);
    /// @notice Batches of a lane are contiguous.
    error WrongSequence(uint256 firstSeq, uint256 nextSeq);
    /// @notice The lane's nextSeq + ahead would be `reach`, and its numbers end at `limit`: open another lane.
    error SequenceExhausted(uint256 reach, uint256 limit);
    /// @notice A batch of that many leaves has `expected` tiles.
    error WrongTileCount(uint256 tiles, uint256 expected);
    /// @notice The declared range is not within [`least`, `most`], or its ends are swapped.
    error WrongRange(uint256 oldest, uint256 newest, uint256 least, uint256 most);
    /// @notice There is no such batch.
    error UnknownBatch(uint256 batchId);
    /// @notice The tile ended at `end`: its leaves can no longer be disputed.
    error TooLate(uint256 end);
    /// @notice The leaf is not in the batch at that index, or the proof has the wrong shape.
    error NotIncluded(uint256 batchId, uint256 index);
    /// @notice The leaf is void already.
    error AlreadyProven(uint256 batchId, uint256 index);
    /// @notice The batch's epoch knows no such fault.
    error UnknownFault(uint256 kind);
    /// @notice The fault's contract looked and found none.
    error NotProven(uint256 kind);
    /// @notice A parameter of the terms breaks a rule.
    error BadTerms(string parameter, string rule);
    /// @notice An epoch starts at `earliest` or later: no lane is judged by terms that it could not leave before.
    error TooSoon(uint256 startsAt, uint256 earliest);
    /// @notice An epoch starts at `latest` or sooner: a pending one bars the next.
    error TooDistant(uint256 startsAt, uint256 latest);
    /// @notice The epoch announced before has not started yet.
    error EpochPending(uint256 epoch, uint256 startsAt);
    /// @notice There is nothing to burn.
    error NothingToBurn(uint256 lane);
    /// @notice A batch whose root is zero could hold anything.
    error ZeroRoot();
    /// @notice The tile was struck: nothing in it can be disputed or demanded any more.
    error Struck(uint256 batchId, uint256 tile);
    /// @notice Only the lane's owner may.
    error NotLaneOwner(address caller, address owner);
    /// @notice A fuse of the lane has blown.
    error LaneBlown(uint256 lane);
    /// @notice The lane is leaving.
    error AlreadyLeaving(uint256 lane);
    /// @notice The lane has not begun to leave.
    error NotLeaving(uint256 lane);
    /// @notice The lane is bound until `until`, inclusive.
    error StillLiable(uint256 lane, uint256 until);
    /// @notice The lane has receipts that are not released from cover: see `releaseCover`.
    error ReceiptsOpen(uint256 lane, uint256 open);
    /// @notice No smaller `ahead` is due; one is announced for `at`, or none: zero.
    error NoChangeDue(uint256 lane, uint256 at);
    /// @notice Only the guardian may.
    error NotGuardian(address caller);
    /// @notice A pause lasts from 1 second to `longest`.
    error WrongPause(uint256 duration, uint256 longest);
    /// @notice Posting is paused until `end`, inclusive.
    error Paused(uint256 end);

    // ------------------------------------------------------------------------------------------------- lanes

    /// @notice Opens a lane of the caller's with the value sent as its stake.
    /// @dev Reverts `ZeroAddress`, `NotWholeGwei`, `StakeTooLarge`, `InsufficientStake` (less than minStake and
    /// the cover of `ahead` receipts by the current terms).
    /// @param poster The key that may post now.
    /// @param promiseKey The key that signs promises from sequence number 0 on; zero promises nothing.
    /// @param ahead How many receipts may be promised beyond nextSeq; cover counts them as open.
    /// @return laneId Its number, from 1.
    function openLane(
        address poster,
        address promiseKey,
        uint32 ahead
    ) external payable returns (uint32 laneId);

    /// @notice Adds the value sent to the stake of `lane`. Anyone may.
    /// @dev Reverts `UnknownLane`, `NotWholeGwei`, `StakeTooLarge`.
    function topUp(uint32 laneId) external payable;

    /// @notice Posts a batch: leaves `firstSeq` to `firstSeq + count - 1` of the lane.
    /// @dev Reverts `NotPoster` (also for an unknown lane), `WrongSequence`, `WrongCount`, `WrongTileCount`,
    /// `Paused`, `WrongRange`, `ZeroRoot`, `SequenceExhausted`, `InsufficientStake`. Two slots are written; the lane's
    /// sequence is a third.
    /// @param laneId The lane.
    /// @param firstSeq The first leaf's sequence number: the lane's nextSeq.
    /// @param count Leaves, 1 to 1,024,000.
    /// @param oldestIssuedAt Least issuedAt of the timely leaves; the anchor where there is none.
    /// @param newestIssuedAt Greatest issuedAt of the timely leaves; the anchor where there is none.
    /// @param tileRoots The root of each 256 consecutive leaves; folded here to the batch root.
    /// @param dataUri Where the packed leaves can be fetched.
    /// @return batchId `lane << 64 | firstSeq`.
    function post(
        uint32 laneId,
        uint64 firstSeq,
        uint32 count,
        uint64 oldestIssuedAt,
        uint64 newestIssuedAt,
        bytes32[] calldata tileRoots,
        string calldata dataUri
    ) external returns (uint256 batchId);

    /// @notice Releases cover of up to `maxBatches` closed batches of `lane`. A post does this by itself, a bounded
    /// number of steps; after a long idle time this makes progress that a reverting post would lose.
    /// @return released Receipts no longer counted as open.
    function releaseCover(uint32 laneId, uint256 maxBatches) external returns (uint256 released);

    /// @notice Moves the posting right at once, and the promise authority from the largest `nextSeq + ahead` that ever
    /// was: no promise was enforceable there. Lane owner only.
    /// @dev Reverts `UnknownLane`, `NotLaneOwner`, `LaneBlown`, `ZeroAddress`.
    function rotateLane(uint32 laneId, address poster, address promiseKey) external;

    /// @notice Sets how many receipts may be promised beyond nextSeq. Lane owner only. More holds at once, given the
    /// cover; fewer holds once the last promise made under the larger number can no longer be claimed.
    /// @dev Reverts `UnknownLane`, `NotLaneOwner`, `SequenceExhausted`, `InsufficientStake`.
    function setAhead(uint32 laneId, uint32 ahead) external;

    /// @notice Puts an announced smaller `ahead` into force. Anyone may, once it is due. Numbers that could be promised
    /// before stay enforceable.
    /// @dev Reverts `UnknownLane`, `NoChangeDue`.
    function applyAhead(uint32 laneId) external;

    /// @notice Begins to leave: promises due later from now than the longest maxPromiseDelay of any epoch announced so far
    /// do not bind the lane. Lane owner only.
    /// @dev Reverts `UnknownLane`, `NotLaneOwner`, `AlreadyLeaving`. Posting stays allowed; there is no way back.
    function exitLane(uint32 laneId) external;

    /// @notice Credits the whole stake to the owner once nothing can bind the lane any more. Lane owner only.
    /// @dev Reverts `UnknownLane`, `NotLaneOwner`, `NotLeaving`, `ReceiptsOpen`, `StillLiable`.
    function withdrawStake(uint32 laneId) external;

    /// @notice Burns what `lane` has lost and is still held here. Anyone may.
    function sweepBurned(uint32 laneId) external;

    // ------------------------------------------------------------------------------------------------ faults

    /// @notice Proves a fault of a leaf: voids it, slashes the lane, credits the caller half of what was slashed.
    /// @dev Reverts `UnknownBatch`, `Struck`, `TooLate`, `NotIncluded`, `AlreadyProven`, `UnknownFault`, `NotProven`, and
    /// with whatever the fault's contract reverts with when it cannot tell.
    function proveFault(uint8 kind, Claim calldata claim) external;

    // ------------------------------------------------------------------------------------------------ epochs

    /// @notice Announces the next epoch. Owner only.
    /// @dev Reverts `EpochPending`, `TooSoon`, `TooDistant`, `BadTerms`.
    /// @param faults What can be proven of its batches: kinds that the lane answers for, 1 to 3, each once.
    /// @return epoch Its number.
    function announceEpoch(
        Terms calldata terms,
        FaultBinding[] calldata faults,
        uint40 startsAt
    ) external returns (uint16 epoch);

    // ---------------------------------------------------------------------------------------------- guardian

    /// @notice Stops new posts for `duration` seconds. Guardian only; bounded and spaced by the current terms, and never
    /// while a lane may still be catching up after the last pause.
    /// @dev Reverts `NotGuardian`, `WrongPause`, `TooSoon`. Touches no window, dispute or withdrawal.
    function pausePosting(uint40 duration) external;

    /// @notice Names another guardian, or none. Owner only.
    function setGuardian(address guardian) external;
}
