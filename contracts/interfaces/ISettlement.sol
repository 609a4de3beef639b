// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Header} from "../types/Header.sol";
import {PostingTerms} from "../types/PostingTerms.sol";
import {IAttestationRegistry} from "./IAttestationRegistry.sol";
import {ICredits} from "./ICredits.sol";
import {IDemands} from "./IDemands.sol";
import {Claim, IFault} from "./IFault.sol";
import {IPromises} from "./IPromises.sol";

/// @notice How surely a receipt is settled, in rising order; `Voided` is the end of a leaf that did not make it.
/// `Signed` is known off-chain only, `Promised` needs the promise as an argument.
enum Standing {
    Unknown,
    Signed,
    Promised,
    Posted,
    Final,
    Voided
}

/// @notice Why a leaf reads Voided.
enum VoidReason {
    None,
    Untimely,
    NotEntitled,
    Faulty,
    Struck
}

/// @notice Everything an epoch fixes. Times in seconds, amounts in wei and whole gwei.
/// @param window How long a batch can be disputed.
/// @param answerPeriod How long a demand waits for its answer.
/// @param answerSpacing Seconds between two demand deadlines of one lane.
/// @param claimWindow How long a broken promise can be claimed after it is due.
/// @param maxPostingDelay How old a receipt may be when it is posted.
/// @param maxClockSkew How far in the future a receipt may be when it is posted.
/// @param maxPromiseDelay How far ahead a promise may be due.
/// @param margin Seconds that a promise leaves before maxPostingDelay.
/// @param catchUp Seconds a lane has after a pause before a promise due during it is late.
/// @param maxOutage How long the chain may be down or censor without anybody losing a right.
/// @param maxPause The longest pause of posting by the guardian.
/// @param pauseSpacing Seconds from the end of one pause to the start of the next, at least.
/// @param coverShare Share of the slashes of open receipts that a lane's stake must cover, in 1/10,000.
/// @param leafSlash What a proven leaf fault costs.
/// @param promiseSlash What a broken promise costs.
/// @param minStake What a lane must hold whatever it has open.
/// @param demandDeposit The least deposit of a demand.
struct Terms {
    uint32 window;
    uint32 answerPeriod;
    uint32 answerSpacing;
    uint32 claimWindow;
    uint32 maxPostingDelay;
    uint32 maxClockSkew;
    uint32 maxPromiseDelay;
    uint32 margin;
    uint32 catchUp;
    uint32 maxOutage;
    uint32 maxPause;
    uint32 pauseSpacing;
    uint16 coverShare;
    uint96 leafSlash;
    uint96 promiseSlash;
    uint96 minStake;
    uint96 demandDeposit;
}

/// @notice A fault kind of an epoch: its number in `FaultKinds` and the contract that judges it.
struct FaultBinding {
    uint8 kind;
    IFault fault;
}

/// @notice A lane as a reader wants it. Amounts in wei, times in unix seconds.
/// @param open Receipts posted and not yet released from cover.
/// @param ahead Receipts that may be promised beyond nextSeq.
/// @param exitAt When it began to leave; zero: it has not.
/// @param liableUntil Until when demands, answers and promises bind it, beside its last batch.
/// @param blown Whether a fuse has blown: it may never post again.
struct LaneState {
    address owner;
    address poster;
    uint256 stake;
    uint256 burned;
    uint256 nextSeq;
    uint256 open;
    uint256 ahead;
    uint256 exitAt;
    uint256 liableUntil;
    bool blown;
}

/// @title Settlement: receipts posted in batches, disputed for a while, then final
/// @notice The principle: check at the read what is cheap, prove what is not. A batch's root and header are two
/// slots; finality is a view; nobody finalises anything. Whatever follows from leaf, header and registry is a read
/// rule. What is dear to check is a fault that one transaction proves, for a share of what the lane loses.
/// A batch is judged by the terms of the epoch at its anchor, for ever.
interface ISettlement is ICredits, IDemands, IPromises {
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
    /// @notice A batch holds at least one leaf and at most `limit`.
    error WrongCount(uint256 count, uint256 limit);
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
    /// @notice There is no such epoch.
    error UnknownEpoch(uint256 epoch);
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
    /// `WrongRange`, `InsufficientStake`. Two slots are written; the lane's sequence is a third.
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
    /// @dev Reverts `UnknownLane`, `NotLaneOwner`, `InsufficientStake`.
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

    // ------------------------------------------------------------------------------------------------- views

    /// @notice The standing of a leaf: Unknown, Posted, Final or Voided. Never reverts on a wrong proof.
    /// @param leaf Seven raw words: the receipt, then keccak256 of the signature.
    function standing(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view returns (Standing);

    /// @notice Whether a leaf is Final. Never reverts on a wrong proof.
    function isFinal(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view returns (bool);

    /// @notice Why a leaf reads Voided; `None` when it does not, or is not in the batch.
    function whyVoid(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view returns (VoidReason);

    /// @notice Whether a leaf with hash `leafHash` stands at `index` of the batch.
    function isIncluded(
        uint256 batchId,
        uint256 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) external view returns (bool);

    /// @notice A batch's two slots; zero for an unknown batch.
    function batch(uint256 batchId) external view returns (bytes32 root, Header header);

    /// @notice The void map of one tile: bit i is leaf `256 * tile + i`.
    function voidMap(uint256 batchId, uint256 tile) external view returns (uint256);

    /// @notice A lane; zeros for an unknown one.
    function lane(uint256 laneId) external view returns (LaneState memory);

    /// @notice How many lanes there are; they are numbered from 1.
    function laneCount() external view returns (uint32);

    /// @notice What a lane must hold to post `count` more receipts now, in wei, were nothing to be released.
    function requiredStake(uint256 laneId, uint256 count) external view returns (uint256);

    /// @notice The number of the epoch whose terms hold now.
    function currentEpoch() external view returns (uint16);

    /// @notice The terms of an epoch and when it starts. Reverts `UnknownEpoch`.
    function termsOf(uint256 epoch) external view returns (Terms memory terms, uint40 startsAt);

    /// @notice The slot that a post and a read use of an epoch.
    function postingTerms(uint256 epoch) external view returns (PostingTerms);

    /// @notice The contract that judges `kind` in `epoch`, and what it costs the liable, in wei.
    function faultOf(uint256 epoch, uint8 kind) external view returns (IFault fault, uint256 slash);

    /// @notice How many receipts of a lane had which trust gap when posted, an upper bound: 8 buckets of under 4, 16, 64,
    /// 256, 1,024, 4,096, 16,384 seconds, and all above. Counts halve together when one is full.
    function gapHistogram(uint256 laneId) external view returns (uint256[8] memory counts);

    /// @notice The gap in seconds that `percent` of a lane's receipts stayed under, the upper edge of its bucket; the
    /// largest uint256 for the last bucket, zero for a lane that posted nothing.
    function gapPercentile(uint256 laneId, uint256 percent) external view returns (uint256);

    /// @notice Posting is paused until `until`, inclusive, if that is not past; `pauses` were recorded in all.
    function pauseState() external view returns (address guardian, uint40 until, uint16 pauses);

    /// @notice Who says which node may sign.
    function registry() external view returns (IAttestationRegistry);
}
