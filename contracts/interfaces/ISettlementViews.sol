// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Header} from "../types/Header.sol";
import {PostingTerms} from "../types/PostingTerms.sol";
import {Terms} from "../types/Terms.sol";
import {IAttestationRegistry} from "./IAttestationRegistry.sol";
import {IFault} from "./IFault.sol";

/// @notice How surely a receipt is settled, in rising order; `Voided` is the end of a leaf that did not make it.
/// `Signed` is known off-chain only, `Promised` needs the promise as an argument: see
/// `IPromises.isPromised`.
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

/// @notice A lane as a reader wants it. Amounts in wei, times in unix seconds.
/// @param open Receipts posted and not yet released from cover.
/// @param ahead Receipts that may be promised beyond nextSeq.
/// @param exitAt When it began to leave; zero: it has not.
/// @param lastDue Once it leaves, promises due later do not bind it; zero: it does not leave.
/// @param liableUntil Until when demands, answers and promises bind it, beside its last batch.
/// @param blown Whether a fuse has blown: it may never post again.
/// @param reach Promises are enforceable for numbers below it: the largest nextSeq + ahead that ever was. It never falls.
struct LaneState {
    address owner;
    address poster;
    uint256 stake;
    uint256 burned;
    uint256 nextSeq;
    uint256 open;
    uint256 ahead;
    uint256 exitAt;
    uint256 lastDue;
    uint256 liableUntil;
    bool blown;
    uint256 reach;
}

/// @title What anyone reads of Settlement: the standing of a leaf, then lanes, epochs and pauses
/// @notice No view of a leaf reverts on a wrong proof: what is not shown to be there is Unknown.
interface ISettlementViews {
    /// @notice There is no such epoch.
    error UnknownEpoch(uint256 epoch);
    /// @notice A batch holds at least one leaf and at most `limit`.
    error WrongCount(uint256 count, uint256 limit);

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

    /// @notice The times of a leaf, in unix seconds: its trust gap is finalAt - issuedAt, and postedAt parts it in two. All
    /// three are zero for a leaf that is not in the batch; never reverts on a wrong proof.
    /// @return issuedAt As the receipt says, any word. Of a timely leaf it is at most maxClockSkew after postedAt, and so
    /// may be after finalAt too where the window is shorter: compare before you subtract.
    /// @return postedAt The batch's anchor; never zero for a leaf that is in the batch.
    /// @return finalAt The first second in which a Final leaf was final. Of a Posted one, the earliest in which it may be,
    /// always later than now: a demand yet to come puts it off, and while one is open it is what it would be were the tile
    /// answered now. Zero for a Voided leaf: never. So a leaf is Final if and only if 0 < finalAt <= now.
    function trustGap(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view returns (uint256 issuedAt, uint256 postedAt, uint256 finalAt);

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
