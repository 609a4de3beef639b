// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SettlementDisputes} from "./base/SettlementDisputes.sol";
import {IAttestationRegistry} from "./interfaces/IAttestationRegistry.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {BatchTree} from "./libraries/BatchTree.sol";
import {Epochs} from "./libraries/Epochs.sol";
import {LaneActions} from "./libraries/LaneActions.sol";
import {Lanes} from "./libraries/Lanes.sol";
import {Tiles} from "./libraries/Tiles.sol";
import {Header, HeaderFields} from "./types/Header.sol";
import {LaneMoney} from "./types/LaneWords.sol";
import {PostingTerms} from "./types/PostingTerms.sol";
import {Batch, EpochBook, Lane, PauseBook} from "./types/State.sol";
import {FaultBinding, Terms} from "./types/Terms.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Settlement
/// @dev Lanes, posting, epochs and pauses; disputes and views are its bases. What is called often stands in these contracts,
/// the rest in linked libraries that act on `State`.
contract Settlement is SettlementDisputes, Ownable2Step {
    using Epochs for EpochBook;
    using Lanes for Lane;
    using Checkpoints for Checkpoints.Trace208;

    /// @dev Nobody has the key of this address: ether sent there is burned. A contract cannot destroy ether
    /// otherwise since EIP-6780.
    address private constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;

    constructor(
        address owner_,
        address guardian,
        IAttestationRegistry registry_,
        Terms memory terms,
        FaultBinding[] memory faults
    ) SettlementDisputes(registry_) Ownable(owner_) {
        _state.pauses.guardian = guardian;
        emit GuardianChanged(guardian);
        // slither-disable-next-line unused-return: the first epoch has number 1
        _state.epochs.announce(terms, faults, uint40(block.timestamp));
    }

    // ------------------------------------------------------------------------------------------------- lanes

    /// @inheritdoc ISettlement
    function openLane(
        address poster,
        address promiseKey,
        uint32 ahead
    ) external payable override returns (uint32 laneId) {
        laneId = ++laneCount;
        LaneActions.open(_state, laneId, poster, promiseKey, ahead);
    }

    /// @inheritdoc ISettlement
    function topUp(uint32 laneId) external payable override {
        LaneActions.topUp(_state, laneId);
    }

    /// @inheritdoc ISettlement
    function rotateLane(uint32 laneId, address poster, address promiseKey) external override {
        LaneActions.rotate(_state, laneId, poster, promiseKey);
    }

    /// @inheritdoc ISettlement
    function setAhead(uint32 laneId, uint32 ahead) external override {
        LaneActions.setAhead(_state, laneId, ahead);
    }

    /// @inheritdoc ISettlement
    function applyAhead(uint32 laneId) external override {
        LaneActions.applyAhead(_state, laneId);
    }

    /// @inheritdoc ISettlement
    function exitLane(uint32 laneId) external override {
        LaneActions.exit(_state, laneId);
    }

    /// @inheritdoc ISettlement
    function withdrawStake(uint32 laneId) external override {
        (address owner_, uint256 amount) = LaneActions.takeStake(_state, laneId);
        _credit(owner_, amount);
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
        Lane storage lane_ = _state.lanes[laneId];
        LaneMoney money = lane_.money;
        if (money.poster() != msg.sender) revert NotPoster(msg.sender, money.poster());
        if (firstSeq != lane_.sequence.nextSeq()) revert WrongSequence(firstSeq, lane_.sequence.nextSeq());
        if (count == 0 || count > MAX_COUNT) revert WrongCount(count, MAX_COUNT);
        if (tileRoots.length != Tiles.countOf(count)) {
            revert WrongTileCount(tileRoots.length, Tiles.countOf(count));
        }
        uint256 pauseIndex = _notPaused();
        PostingTerms terms = _state.epochs.current();
        _checkRange(oldestIssuedAt, newestIssuedAt, terms);
        bytes32 root = BatchTree.foldTiles(tileRoots);
        // Nothing can be shown to stand under a zero root: no promise in it could be claimed, and no tile demanded.
        if (root == 0) revert ZeroRoot();

        // Effect:
        lane_.append(_state.batches, laneId, count, _gap(oldestIssuedAt), money.stake(), terms);
        batchId = (uint256(laneId) << 64) | firstSeq;
        // The anchor is before the window's end, and the newest is not far from the oldest.
        Header header = HeaderFields.pack(
            count,
            block.timestamp,
            SafeCast.toUint40(terms.windowEndOf(block.timestamp)),
            SafeCast.toUint40(oldestIssuedAt),
            newestIssuedAt,
            terms.epoch(),
            pauseIndex
        );
        _state.batches[batchId] = Batch(root, header);
        emit Posted(laneId, batchId, root, header, tileRoots, dataUri);
    }

    /// @inheritdoc ISettlement
    function releaseCover(uint32 laneId, uint256 maxBatches) external override returns (uint256 released) {
        return LaneActions.release(_state, laneId, maxBatches);
    }

    /// @inheritdoc ISettlement
    function sweepBurned(uint32 laneId) external override {
        // Check:
        LaneMoney money = _state.lanes[laneId].money;
        uint256 amount = money.burned() * 1 gwei;
        // slither-disable-next-line incorrect-equality: an emptiness test, of no balance and no time
        if (amount == 0) revert NothingToBurn(laneId);
        // Effect:
        _state.lanes[laneId].money = money.sweep();
        emit Burned(laneId, amount);
        // Interaction:
        _pay(BURN_ADDRESS, amount);
    }

    // ------------------------------------------------------------------------------------ epochs and guardian

    /// @inheritdoc ISettlement
    function announceEpoch(
        Terms calldata terms,
        FaultBinding[] calldata faults,
        uint40 startsAt
    ) external override onlyOwner returns (uint16) {
        return _state.epochs.announce(terms, faults, startsAt);
    }

    /// @inheritdoc ISettlement
    function pausePosting(uint40 duration) external override {
        // Check:
        PauseBook storage pauses = _state.pauses;
        if (msg.sender != pauses.guardian) revert NotGuardian(msg.sender);
        Terms storage terms = _state.epochs.terms[_state.epochs.current().epoch()];
        if (duration == 0 || duration > terms.maxPause) revert WrongPause(duration, terms.maxPause);
        uint256 spacing = terms.pauseSpacing;
        // Never in a catch-up: a promise deferred by one pause must not fall due in the next.
        if (spacing <= _state.epochs.longestCatchUp) spacing = uint256(_state.epochs.longestCatchUp) + 1;
        uint256 earliest = pauses.until + spacing;
        if (pauses.count != 0 && block.timestamp < earliest) revert TooSoon(block.timestamp, earliest);
        // Effect:
        uint256 end = block.timestamp + duration;
        pauses.until = SafeCast.toUint40(end);
        _state.epochs.latestPromises = _state.epochs.latestPromises.withPausedUntil(end);
        pauses.count = SafeCast.toUint16(uint256(pauses.count) + 1);
        // slither-disable-next-line unused-return: what the trace held before does not matter
        pauses.all.push(uint48(block.timestamp), uint208(end));
        emit PostingPaused(block.timestamp, end);
    }

    /// @inheritdoc ISettlement
    function setGuardian(address guardian) external override onlyOwner {
        _state.pauses.guardian = guardian;
        emit GuardianChanged(guardian);
    }

    // ------------------------------------------------------------------------------------------------- helpers

    /// @dev How many pauses were recorded, none of which holds now.
    function _notPaused() private view returns (uint256) {
        PauseBook storage pauses = _state.pauses;
        if (pauses.count != 0 && block.timestamp <= pauses.until) revert Paused(pauses.until);
        return pauses.count;
    }

    function _checkRange(uint256 oldest, uint256 newest, PostingTerms terms) private view {
        uint256 delay = terms.maxPostingDelay();
        uint256 least = block.timestamp > delay ? block.timestamp - delay : 0;
        uint256 most = block.timestamp + terms.maxClockSkew();
        if (oldest > newest || oldest < least || newest > most) {
            revert WrongRange(oldest, newest, least, most);
        }
    }

    /// @dev The trust gap that a batch counts with: an upper bound, that of its oldest leaf.
    function _gap(uint256 oldest) private view returns (uint256) {
        return block.timestamp > oldest ? block.timestamp - oldest : 0;
    }
}

// slither-disable-end timestamp
