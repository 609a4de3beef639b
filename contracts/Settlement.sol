// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Credits} from "./base/Credits.sol";
import {IAttestationRegistry} from "./interfaces/IAttestationRegistry.sol";
import {Claim, IFault} from "./interfaces/IFault.sol";
import {
    FaultBinding,
    ISettlement,
    LaneState,
    Standing,
    Terms,
    VoidReason
} from "./interfaces/ISettlement.sol";
import {BatchTree} from "./libraries/BatchTree.sol";
import {EpochBook, Epochs, FaultEntry} from "./libraries/Epochs.sol";
import {Batch, Lane, Lanes} from "./libraries/Lanes.sol";
import {Receipts} from "./libraries/Receipts.sol";
import {Header, HeaderFields} from "./types/Header.sol";
import {LaneMoney, LaneSequence} from "./types/LaneWords.sol";
import {PostingTerms} from "./types/PostingTerms.sol";

/// @title Settlement
contract Settlement is ISettlement, Credits, Ownable2Step {
    using Epochs for EpochBook;
    using Lanes for Lane;

    uint256 private constant TILE = 256;
    /// @dev 4,000 tiles: nodes refuse transactions above 128 KiB.
    uint256 private constant MAX_COUNT = 4000 * TILE;

    /// @inheritdoc ISettlement
    IAttestationRegistry public immutable override registry;

    /// @inheritdoc ISettlement
    uint32 public override laneCount;

    EpochBook private _epochs;
    mapping(uint256 laneId => Lane) private _lanes;
    mapping(uint256 batchId => Batch) private _batches;
    mapping(uint256 batchId => mapping(uint256 tile => uint256 bits)) private _voids;

    constructor(
        address owner_,
        IAttestationRegistry registry_,
        Terms memory terms,
        FaultBinding[] memory faults
    ) Ownable(owner_) {
        if (address(registry_) == address(0)) revert ZeroAddress();
        registry = registry_;
        _epochs.announce(terms, faults, uint40(block.timestamp));
    }

    // ------------------------------------------------------------------------------------------------- lanes

    /// @inheritdoc ISettlement
    function openLane(
        address poster,
        address promiseKey,
        uint32 ahead
    ) external payable override returns (uint32 laneId) {
        laneId = ++laneCount;
        _lanes[laneId].open(poster, promiseKey, ahead, _epochs.current());
        emit LaneOpened(laneId, msg.sender, poster, promiseKey, ahead, msg.value);
    }

    /// @inheritdoc ISettlement
    function topUp(uint32 laneId) external payable override {
        _existing(laneId).topUp();
        emit StakeAdded(laneId, msg.sender, msg.value);
    }

    /// @inheritdoc ISettlement
    function post(
        uint32 laneId,
        uint64 firstSeq,
        uint32 count,
        uint64 oldestIssuedAt,
        uint64 newestIssuedAt,
        bytes32[] calldata tileRoots,
        string calldata dataUri
    ) external override returns (uint256 batchId) {
        // Check:
        Lane storage lane_ = _lanes[laneId];
        LaneMoney money = lane_.money;
        if (money.poster() != msg.sender) revert NotPoster(msg.sender, money.poster());
        if (firstSeq != lane_.sequence.nextSeq()) revert WrongSequence(firstSeq, lane_.sequence.nextSeq());
        if (count == 0 || count > MAX_COUNT) revert WrongCount(count, MAX_COUNT);
        if (tileRoots.length != _tiles(count)) revert WrongTileCount(tileRoots.length, _tiles(count));
        PostingTerms terms = _epochs.current();
        _checkRange(oldestIssuedAt, newestIssuedAt, terms);

        // Effect:
        lane_.append(_batches, laneId, count, money.stake(), terms);
        batchId = (uint256(laneId) << 64) | firstSeq;
        bytes32 root = BatchTree.foldTiles(tileRoots);
        Header header = HeaderFields.pack(
            count,
            block.timestamp,
            terms.windowEndOf(block.timestamp),
            oldestIssuedAt,
            newestIssuedAt,
            terms.epoch()
        );
        _batches[batchId] = Batch(root, header);
        emit Posted(laneId, batchId, root, header, tileRoots, dataUri);
    }

    /// @inheritdoc ISettlement
    function releaseCover(uint32 laneId, uint256 maxBatches) external override returns (uint256 released) {
        released = _existing(laneId).release(_batches, laneId, maxBatches);
    }

    /// @inheritdoc ISettlement
    function sweepBurned(uint32 laneId) external override {
        // Check:
        LaneMoney money = _lanes[laneId].money;
        uint256 amount = money.burned() * 1 gwei;
        if (amount == 0) revert NothingToBurn(laneId);
        // Effect:
        _lanes[laneId].money = money.sweep();
        emit Burned(laneId, amount);
        // Interaction:
        _pay(BURN_ADDRESS, amount);
    }

    // ------------------------------------------------------------------------------------------------ faults

    /// @inheritdoc ISettlement
    function proveFault(uint8 kind, Claim calldata claim) external override {
        // Check:
        uint256 batchId = claim.batchId;
        Batch storage batch_ = _batches[batchId];
        Header header = batch_.header;
        if (!header.exists()) revert UnknownBatch(batchId);
        if (block.timestamp > _tileEnd(header)) revert TooLate(_tileEnd(header));
        bytes32 leafHash = Receipts.leafHash(claim.receipt, keccak256(claim.signature));
        if (!_includes(batch_, header, claim.index, leafHash, claim.proof))
            revert NotIncluded(batchId, claim.index);
        uint256 tile = claim.index / TILE;
        uint256 bit = 1 << (claim.index % TILE);
        uint256 voids = _voids[batchId][tile];
        if (voids & bit != 0) revert AlreadyProven(batchId, claim.index);
        FaultEntry memory entry = _epochs.faults[header.epoch()][kind];
        if (address(entry.fault) == address(0)) revert UnknownFault(kind);
        // A view: it cannot re-enter to change anything. What it reverts with reaches the prover.
        if (!entry.fault.proven(header, claim)) revert NotProven(kind);

        // Effect:
        _voids[batchId][tile] = voids | bit;
        batch_.header = header.withFault();
        (uint256 slashed, uint256 share) = _lanes[batchId >> 64].slash(entry.slashGwei);
        _credit(msg.sender, share * 1 gwei);
        emit FaultProven(batchId, claim.index, kind, msg.sender, slashed * 1 gwei);
    }

    // ------------------------------------------------------------------------------------------------ epochs

    /// @inheritdoc ISettlement
    function announceEpoch(
        Terms calldata terms,
        FaultBinding[] calldata faults,
        uint40 startsAt
    ) external override onlyOwner returns (uint16) {
        return _epochs.announce(terms, faults, startsAt);
    }

    // ------------------------------------------------------------------------------------- views for everyone

    /// @inheritdoc ISettlement
    function standing(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view override returns (Standing) {
        (bool included, Header header) = _find(batchId, index, leaf, proof);
        if (!included) return Standing.Unknown;
        if (_whyVoid(batchId, header, index, leaf) != VoidReason.None) return Standing.Voided;
        return block.timestamp > _tileEnd(header) ? Standing.Final : Standing.Posted;
    }

    /// @inheritdoc ISettlement
    function isFinal(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view override returns (bool) {
        (bool included, Header header) = _find(batchId, index, leaf, proof);
        return
            included &&
            block.timestamp > _tileEnd(header) &&
            _whyVoid(batchId, header, index, leaf) == VoidReason.None;
    }

    /// @inheritdoc ISettlement
    function whyVoid(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view override returns (VoidReason) {
        (bool included, Header header) = _find(batchId, index, leaf, proof);
        return included ? _whyVoid(batchId, header, index, leaf) : VoidReason.None;
    }

    /// @inheritdoc ISettlement
    function isIncluded(
        uint256 batchId,
        uint256 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) external view override returns (bool) {
        Batch storage batch_ = _batches[batchId];
        return _includes(batch_, batch_.header, index, leafHash, proof);
    }

    /// @inheritdoc ISettlement
    function batch(uint256 batchId) external view override returns (bytes32 root, Header header) {
        Batch storage batch_ = _batches[batchId];
        return (batch_.root, batch_.header);
    }

    /// @inheritdoc ISettlement
    function voidMap(uint256 batchId, uint256 tile) external view override returns (uint256) {
        return _voids[batchId][tile];
    }

    /// @inheritdoc ISettlement
    function lane(uint256 laneId) external view override returns (LaneState memory state) {
        Lane storage lane_ = _lanes[laneId];
        LaneMoney money = lane_.money;
        LaneSequence sequence = lane_.sequence;
        state = LaneState({
            owner: lane_.owner,
            poster: money.poster(),
            stake: money.stake() * 1 gwei,
            burned: money.burned() * 1 gwei,
            nextSeq: sequence.nextSeq(),
            open: sequence.open(),
            ahead: sequence.ahead()
        });
    }

    /// @inheritdoc ISettlement
    function requiredStake(uint256 laneId, uint256 count) external view override returns (uint256) {
        LaneSequence sequence = _lanes[laneId].sequence;
        if (count > MAX_COUNT) revert WrongCount(count, MAX_COUNT);
        return Lanes.required(_epochs.current(), sequence.open() + sequence.ahead() + count) * 1 gwei;
    }

    /// @inheritdoc ISettlement
    function currentEpoch() external view override returns (uint16) {
        return uint16(_epochs.current().epoch());
    }

    /// @inheritdoc ISettlement
    function termsOf(uint256 epoch) external view override returns (Terms memory terms, uint40 startsAt) {
        PostingTerms posting = _epochs.posting[epoch];
        if (posting.epoch() == 0) revert UnknownEpoch(epoch);
        return (_epochs.terms[epoch], uint40(posting.startsAt()));
    }

    /// @inheritdoc ISettlement
    function postingTerms(uint256 epoch) external view override returns (PostingTerms) {
        return _epochs.posting[epoch];
    }

    /// @inheritdoc ISettlement
    function faultOf(uint256 epoch, uint8 kind) external view override returns (IFault fault, uint256 slash) {
        FaultEntry storage entry = _epochs.faults[epoch][kind];
        return (entry.fault, uint256(entry.slashGwei) * 1 gwei);
    }

    // --------------------------------------------------------------------------------------------- read rules

    /// @dev A leaf's batch, and whether the leaf is in it.
    function _find(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) private view returns (bool included, Header header) {
        Batch storage batch_ = _batches[batchId];
        header = batch_.header;
        included = _includes(batch_, header, index, Receipts.leafHash(leaf), proof);
    }

    function _includes(
        Batch storage batch_,
        Header header,
        uint256 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) private view returns (bool) {
        return BatchTree.contains(batch_.root, leafHash, index, header.count(), proof);
    }

    /// @dev When the tile of a leaf ends, inclusive: until then it can be disputed.
    function _tileEnd(Header header) private pure returns (uint256) {
        return header.windowEnd();
    }

    /// @dev Why an included leaf reads Voided, the reason that lasts longest first.
    function _whyVoid(
        uint256 batchId,
        Header header,
        uint256 index,
        bytes32[7] calldata leaf
    ) private view returns (VoidReason) {
        if (header.hasVoids() && (_voids[batchId][index / TILE] >> (index % TILE)) & 1 != 0)
            return VoidReason.Faulty;
        if (!_isTimely(header, uint256(leaf[5]))) return VoidReason.Untimely;
        if (!registry.wasLive(leaf[0], header.anchor(), _tileEnd(header))) return VoidReason.NotEntitled;
        return VoidReason.None;
    }

    /// @dev The declared range was checked at the post, so what lies in it is timely without reading the terms.
    function _isTimely(Header header, uint256 issuedAt) private view returns (bool) {
        if (issuedAt >= header.oldest() && issuedAt <= header.newest()) return true;
        return _epochs.posting[header.epoch()].isTimely(issuedAt, header.anchor());
    }

    // ------------------------------------------------------------------------------------------------- helpers

    function _existing(uint256 laneId) private view returns (Lane storage lane_) {
        lane_ = _lanes[laneId];
        if (lane_.owner == address(0)) revert UnknownLane(laneId);
    }

    function _checkRange(uint256 oldest, uint256 newest, PostingTerms terms) private view {
        uint256 delay = terms.maxPostingDelay();
        uint256 least = block.timestamp > delay ? block.timestamp - delay : 0;
        uint256 most = block.timestamp + terms.maxClockSkew();
        if (oldest > newest || oldest < least || newest > most)
            revert WrongRange(oldest, newest, least, most);
    }

    function _tiles(uint256 count) private pure returns (uint256) {
        return (count + TILE - 1) / TILE;
    }
}
