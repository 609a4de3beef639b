// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Header} from "../types/Header.sol";
import {PostingTerms} from "../types/PostingTerms.sol";
import {IAttestationRegistry} from "./IAttestationRegistry.sol";
import {ICredits} from "./ICredits.sol";
import {Claim, IFault} from "./IFault.sol";

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
    Faulty
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

/// @notice A lane as a reader wants it. Amounts in wei.
struct LaneState {
    address owner;
    address poster;
    uint256 stake;
    uint256 burned;
    uint256 nextSeq;
    uint256 open;
    uint256 ahead;
}

/// @title Settlement: receipts posted in batches, disputed for a while, then final
/// @notice The principle: check at the read what is cheap, prove what is not. A batch's root and header are two
/// slots; finality is a view; nobody finalises anything. Whatever follows from leaf, header and registry is a read
/// rule. What is dear to check is a fault that one transaction proves, for a share of what the lane loses.
/// A batch is judged by the terms of the epoch at its anchor, for ever.
interface ISettlement is ICredits {
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

    // ------------------------------------------------------------------------------------------------- lanes

    /// @notice Opens a lane of the caller's with the value sent as its stake.
    /// @dev Reverts `ZeroAddress`, `NotWholeGwei`, `StakeTooLarge`, `InsufficientStake` (less than minStake and
    /// the cover of `ahead` receipts by the current terms).
    /// @param poster The key that may post now.
    /// @param promiseKey The key that signs promises from sequence number 0 on; zero promises nothing.
    /// @param ahead How many receipts may be promised beyond nextSeq; cover counts them as open.
    /// @return lane Its number, from 1.
    function openLane(
        address poster,
        address promiseKey,
        uint32 ahead
    ) external payable returns (uint32 lane);

    /// @notice Adds the value sent to the stake of `lane`. Anyone may.
    /// @dev Reverts `UnknownLane`, `NotWholeGwei`, `StakeTooLarge`.
    function topUp(uint32 lane) external payable;

    /// @notice Posts a batch: leaves `firstSeq` to `firstSeq + count - 1` of the lane.
    /// @dev Reverts `NotPoster` (also for an unknown lane), `WrongSequence`, `WrongCount`, `WrongTileCount`,
    /// `WrongRange`, `InsufficientStake`. Two slots are written; the lane's sequence is a third.
    /// @param lane The lane.
    /// @param firstSeq The first leaf's sequence number: the lane's nextSeq.
    /// @param count Leaves, 1 to 1,024,000.
    /// @param oldestIssuedAt Least issuedAt of the timely leaves; the anchor where there is none.
    /// @param newestIssuedAt Greatest issuedAt of the timely leaves; the anchor where there is none.
    /// @param tileRoots The root of each 256 consecutive leaves; folded here to the batch root.
    /// @param dataUri Where the packed leaves can be fetched.
    /// @return batchId `lane << 64 | firstSeq`.
    function post(
        uint32 lane,
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
    function releaseCover(uint32 lane, uint256 maxBatches) external returns (uint256 released);

    /// @notice Burns what `lane` has lost and is still held here. Anyone may.
    function sweepBurned(uint32 lane) external;

    // ------------------------------------------------------------------------------------------------ faults

    /// @notice Proves a fault of a leaf: voids it, slashes the lane, credits the caller half of what was slashed.
    /// @dev Reverts `UnknownBatch`, `TooLate`, `AlreadyProven`, `NotIncluded`, `UnknownFault`, `NotProven`, and
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

    /// @notice Who says which node may sign.
    function registry() external view returns (IAttestationRegistry);
}
