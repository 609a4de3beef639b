// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Demand, IDemands} from "../interfaces/IDemands.sol";
import {IAttestationRegistry} from "../interfaces/IAttestationRegistry.sol";
import {IFault} from "../interfaces/IFault.sol";
import {IPromises, Opening} from "../interfaces/IPromises.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {ISettlementViews, LaneState, Standing, VoidReason} from "../interfaces/ISettlementViews.sol";
import {BatchTree} from "../libraries/BatchTree.sol";
import {Demands} from "../libraries/Demands.sol";
import {Epochs} from "../libraries/Epochs.sol";
import {Lanes} from "../libraries/Lanes.sol";
import {PromiseClaims} from "../libraries/PromiseClaims.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {Tiles} from "../libraries/Tiles.sol";
import {Header} from "../types/Header.sol";
import {LaneMoney, LaneSequence} from "../types/LaneWords.sol";
import {PostingTerms} from "../types/PostingTerms.sol";
import {Batch, EpochBook, FaultEntry, Lane, PauseBook, State} from "../types/State.sol";
import {Terms} from "../types/Terms.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title SettlementViews: the state of Settlement, and what anyone may read of it
/// @dev It changes nothing: who reads this file has read every view.
abstract contract SettlementViews is ISettlement {
    using Epochs for EpochBook;
    using Lanes for Lane;

    /// @dev 4,000 tiles: nodes refuse transactions above 128 KiB.
    uint256 internal constant MAX_COUNT = 4000 * Tiles.SIZE;

    /// @inheritdoc ISettlementViews
    IAttestationRegistry public immutable override registry;

    /// @inheritdoc ISettlementViews
    uint32 public override laneCount;

    State internal _state;

    /// @dev The domain separator of promises, kept for the chain of the deployment: to compute it costs a claim 300 gas.
    bytes32 private immutable _separator;
    uint256 private immutable _chainId;

    constructor(IAttestationRegistry registry_) {
        if (address(registry_) == address(0)) revert ZeroAddress();
        registry = registry_;
        _separator = Receipts.domainSeparator(address(this));
        _chainId = block.chainid;
    }

    // ------------------------------------------------------------------------------------- views for everyone

    /// @inheritdoc ISettlementViews
    function standing(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view override returns (Standing) {
        (bool included, VoidReason reason, uint256 end) = _read(batchId, index, leaf, proof);
        if (!included) return Standing.Unknown;
        if (reason != VoidReason.None) return Standing.Voided;
        return block.timestamp > end ? Standing.Final : Standing.Posted;
    }

    /// @inheritdoc ISettlementViews
    function isFinal(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view override returns (bool) {
        (bool included, VoidReason reason, uint256 end) = _read(batchId, index, leaf, proof);
        // slither-disable-next-line incorrect-equality: an emptiness test, of no balance and no time
        return included && block.timestamp > end && reason == VoidReason.None;
    }

    /// @inheritdoc ISettlementViews
    function whyVoid(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view override returns (VoidReason reason) {
        (, reason, ) = _read(batchId, index, leaf, proof);
    }

    /// @inheritdoc ISettlementViews
    function trustGap(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view override returns (uint256 issuedAt, uint256 postedAt, uint256 finalAt) {
        (bool included, VoidReason reason, uint256 end) = _read(batchId, index, leaf, proof);
        if (!included) return (0, 0, 0);
        Header header = _state.batches[batchId].header;
        issuedAt = uint256(leaf[Receipts.ISSUED_AT]);
        postedAt = header.anchor();
        // slither-disable-next-line incorrect-equality: an emptiness test, of no balance and no time
        if (reason == VoidReason.None) finalAt = _earliestEnd(header, end) + 1;
    }

    /// @inheritdoc ISettlementViews
    function isIncluded(
        uint256 batchId,
        uint256 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) external view override returns (bool) {
        return _includes(batchId, _state.batches[batchId].header, index, leafHash, proof);
    }

    /// @inheritdoc ISettlementViews
    function batch(uint256 batchId) external view override returns (bytes32 root, Header header) {
        Batch storage batch_ = _state.batches[batchId];
        return (batch_.root, batch_.header);
    }

    /// @inheritdoc ISettlementViews
    function voidMap(uint256 batchId, uint256 tile) external view override returns (uint256) {
        return _state.voids[batchId][tile];
    }

    /// @inheritdoc ISettlementViews
    function lane(uint256 laneId) external view override returns (LaneState memory state) {
        Lane storage lane_ = _state.lanes[laneId];
        LaneMoney money = lane_.money;
        LaneSequence sequence = lane_.sequence;
        state = LaneState({
            owner: lane_.owner,
            poster: money.poster(),
            stake: money.stake() * 1 gwei,
            burned: money.burned() * 1 gwei,
            nextSeq: sequence.nextSeq(),
            open: sequence.open(),
            ahead: sequence.ahead(),
            exitAt: lane_.exitAt,
            lastDue: lane_.authority.lastDue(),
            liableUntil: lane_.liableUntil,
            blown: lane_.blown,
            reach: lane_.reachOf()
        });
    }

    /// @inheritdoc ISettlementViews
    function requiredStake(uint256 laneId, uint256 count) external view override returns (uint256) {
        LaneSequence sequence = _state.lanes[laneId].sequence;
        if (count > MAX_COUNT) revert WrongCount(count, MAX_COUNT);
        return Lanes.required(_state.epochs.current(), sequence.open() + sequence.ahead() + count) * 1 gwei;
    }

    /// @inheritdoc ISettlementViews
    function currentEpoch() external view override returns (uint16) {
        return uint16(_state.epochs.current().epoch());
    }

    /// @inheritdoc ISettlementViews
    function termsOf(uint256 epoch) external view override returns (Terms memory terms, uint40 startsAt) {
        PostingTerms posting = _state.epochs.posting[epoch];
        // slither-disable-next-line incorrect-equality: an emptiness test, of no balance and no time
        if (posting.epoch() == 0) revert UnknownEpoch(epoch);
        return (_state.epochs.terms[epoch], uint40(posting.startsAt()));
    }

    /// @inheritdoc ISettlementViews
    function postingTerms(uint256 epoch) external view override returns (PostingTerms) {
        return _state.epochs.posting[epoch];
    }

    /// @inheritdoc ISettlementViews
    function faultOf(uint256 epoch, uint8 kind) external view override returns (IFault fault, uint256 slash) {
        FaultEntry storage entry = _state.epochs.faults[epoch][kind];
        return (entry.fault, uint256(entry.slashGwei) * 1 gwei);
    }

    /// @inheritdoc ISettlementViews
    function gapHistogram(uint256 laneId) public view override returns (uint256[8] memory counts) {
        LaneSequence sequence = _state.lanes[laneId].sequence;
        for (uint256 bucket; bucket < counts.length; ++bucket) {
            counts[bucket] = sequence.bucketAt(bucket);
        }
    }

    /// @inheritdoc ISettlementViews
    function gapPercentile(uint256 laneId, uint256 percent) external view override returns (uint256) {
        uint256[8] memory counts = gapHistogram(laneId);
        uint256 total = 0;
        for (uint256 bucket; bucket < counts.length; ++bucket) {
            total += counts[bucket];
        }
        // slither-disable-next-line incorrect-equality: an emptiness test, of no balance and no time
        if (total == 0) return 0;
        uint256 under = 0;
        for (uint256 bucket; bucket < counts.length - 1; ++bucket) {
            under += counts[bucket];
            if (percent <= 100 && under * 100 >= total * percent) return 4 ** (bucket + 1);
        }
        return type(uint256).max;
    }

    /// @inheritdoc ISettlementViews
    function pauseState() external view override returns (address guardian, uint40 until, uint16 pauses) {
        PauseBook storage book = _state.pauses;
        return (book.guardian, book.until, book.count);
    }

    /// @inheritdoc IDemands
    function demandOf(uint256 batchId, uint256 tile) external view override returns (Demand memory) {
        return _state.demands[batchId][tile];
    }

    /// @inheritdoc IDemands
    function depositFor(uint256 batchId, uint256 tile) external view override returns (uint256) {
        return Demands.depositFor(_state, batchId, tile);
    }

    /// @inheritdoc IPromises
    function isPromised(Opening calldata opening) external view override returns (bool) {
        return PromiseClaims.isPromised(_state, opening, _promiseSeparator());
    }

    /// @inheritdoc IPromises
    function claimsOf(
        uint256 laneId,
        uint256 seq
    ) external view override returns (bool broken, bool doubled) {
        uint256 word = _state.claims[laneId][seq];
        return (word & 1 != 0, word & 2 != 0);
    }

    /// @inheritdoc IPromises
    function promiseKeyOf(uint256 laneId, uint256 seq) external view override returns (address) {
        Lane storage lane_ = _state.lanes[laneId];
        return lane_.promiseKeyOf(lane_.authority, seq > type(uint64).max ? type(uint64).max : seq);
    }

    /// @inheritdoc IPromises
    function dueOf(uint64 includeBy) external view override returns (uint256) {
        return PromiseClaims.dueOf(_state, includeBy);
    }

    // --------------------------------------------------------------------------------------------- read rules

    /// @dev What anyone reads of a leaf: whether it is in the batch, why it is void, when its tile ends.
    function _read(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) private view returns (bool included, VoidReason reason, uint256 end) {
        Header header = _state.batches[batchId].header;
        included = _includes(batchId, header, index, Receipts.leafHash(leaf), proof);
        if (included) (reason, end) = _whyVoid(batchId, header, index, leaf);
    }

    /// @dev The end of a tile; while a demand on it is open, what it would be were the tile answered now.
    function _earliestEnd(Header header, uint256 end) private view returns (uint256) {
        if (end != Tiles.OPEN) return end;
        uint256 ownEnd = block.timestamp + _state.epochs.posting[header.epoch()].window();
        return ownEnd > header.windowEnd() ? ownEnd : header.windowEnd();
    }

    /// @dev Computed anew on another chain, so that two halves of a split chain share no promises.
    function _promiseSeparator() internal view returns (bytes32) {
        return block.chainid == _chainId ? _separator : Receipts.domainSeparator(address(this));
    }

    /// @dev Whether a leaf stands at `index` of a batch, whose header it is.
    function _includes(
        uint256 batchId,
        Header header,
        uint256 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) internal view returns (bool) {
        return BatchTree.contains(_state.batches[batchId].root, leafHash, index, header.count(), proof);
    }

    /// @dev Why an included leaf reads Voided, what was proven before what follows from a rule; and its tile's end.
    function _whyVoid(
        uint256 batchId,
        Header header,
        uint256 index,
        bytes32[7] calldata leaf
    ) private view returns (VoidReason, uint256 end) {
        uint256 tile = index / Tiles.SIZE;
        uint256 struckAt;
        (end, struckAt) = Tiles.timesOf(_state, batchId, header, tile);
        if (struckAt != 0) return (VoidReason.Struck, end);
        if (header.hasVoids() && (_state.voids[batchId][tile] >> (index % Tiles.SIZE)) & 1 != 0) {
            return (VoidReason.Faulty, end);
        }
        if (!_isTimely(header, uint256(leaf[Receipts.ISSUED_AT]))) return (VoidReason.Untimely, end);
        // Until its tile ends a revocation may still reach back to the leaf; what is recorded later may not.
        if (!registry.wasLive(leaf[Receipts.NODE], header.anchor(), end))
            return (VoidReason.NotEntitled, end);
        return (VoidReason.None, end);
    }

    /// @dev The declared range was checked at the post, so what lies in it is timely without reading the terms.
    function _isTimely(Header header, uint256 issuedAt) private view returns (bool) {
        if (issuedAt >= header.oldest() && issuedAt <= header.newest()) return true;
        return _state.epochs.posting[header.epoch()].isTimely(issuedAt, header.anchor());
    }
}

// slither-disable-end timestamp
