// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Credits} from "./base/Credits.sol";
import {IAttestationRegistry} from "./interfaces/IAttestationRegistry.sol";
import {Demand, IDemands} from "./interfaces/IDemands.sol";
import {Claim, IFault} from "./interfaces/IFault.sol";
import {IPromises, Opening} from "./interfaces/IPromises.sol";
import {
    FaultBinding,
    ISettlement,
    LaneState,
    Standing,
    Terms,
    VoidReason
} from "./interfaces/ISettlement.sol";
import {BatchTree} from "./libraries/BatchTree.sol";
import {Demands} from "./libraries/Demands.sol";
import {Epochs} from "./libraries/Epochs.sol";
import {FaultKinds} from "./libraries/FaultKinds.sol";
import {LaneActions} from "./libraries/LaneActions.sol";
import {Lanes} from "./libraries/Lanes.sol";
import {Payout, PromiseClaims} from "./libraries/PromiseClaims.sol";
import {Receipts} from "./libraries/Receipts.sol";
import {Tiles} from "./libraries/Tiles.sol";
import {Header, HeaderFields} from "./types/Header.sol";
import {LaneMoney, LaneSequence} from "./types/LaneWords.sol";
import {PostingTerms} from "./types/PostingTerms.sol";
import {Batch, EpochBook, FaultEntry, Lane, PauseBook, State} from "./types/State.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Settlement
/// @dev The shell: what is called often stands here, the rest in linked libraries that act on `State`.
contract Settlement is ISettlement, Credits, Ownable2Step {
    using Epochs for EpochBook;
    using Lanes for Lane;
    using Checkpoints for Checkpoints.Trace208;

    /// @dev 4,000 tiles: nodes refuse transactions above 128 KiB.
    uint256 private constant MAX_COUNT = 4000 * Tiles.SIZE;
    uint256 private constant PROVER_PERCENT = 50;
    /// @dev Nobody has the key of this address: ether sent there is burned. A contract cannot destroy ether
    /// otherwise since EIP-6780.
    address private constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;

    /// @inheritdoc ISettlement
    IAttestationRegistry public immutable override registry;

    /// @inheritdoc ISettlement
    uint32 public override laneCount;

    State private _state;

    constructor(
        address owner_,
        address guardian,
        IAttestationRegistry registry_,
        Terms memory terms,
        FaultBinding[] memory faults
    ) Ownable(owner_) {
        if (address(registry_) == address(0)) revert ZeroAddress();
        registry = registry_;
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
        Header header = HeaderFields.pack(
            count,
            block.timestamp,
            terms.windowEndOf(block.timestamp),
            oldestIssuedAt,
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

    // ------------------------------------------------------------------------------------------------ faults

    /// @inheritdoc ISettlement
    function proveFault(uint8 kind, Claim calldata claim) external override {
        // Check:
        uint256 batchId = claim.batchId;
        Header header = _disputable(batchId, claim.index / Tiles.SIZE);
        bytes32 leafHash = Receipts.leafHash(claim.receipt, keccak256(claim.signature));
        if (!_includes(batchId, header, claim.index, leafHash, claim.proof)) {
            revert NotIncluded(batchId, claim.index);
        }
        uint256 tile = claim.index / Tiles.SIZE;
        uint256 bit = 1 << (claim.index % Tiles.SIZE);
        uint256 voids = _state.voids[batchId][tile];
        bool ranged = kind == FaultKinds.MISDECLARED_RANGE;
        // slither-disable-next-line unused-return: it is used: a condition of two cases
        if (ranged ? header.isMisdeclared() : voids & bit != 0) revert AlreadyProven(batchId, claim.index);
        FaultEntry memory entry = _state.epochs.faults[header.epoch()][kind];
        if (address(entry.fault) == address(0)) revert UnknownFault(kind);
        if (!_proven(entry.fault, header)) revert NotProven(kind);

        // Effect:
        // slither-disable-next-line unused-return: the second share is zero: a fault has one payee
        (uint256 slashed, uint256 share, ) = _state.lanes[batchId >> 64].slash(
            entry.slashGwei,
            PROVER_PERCENT,
            0
        );
        _credit(msg.sender, share * 1 gwei);
        emit FaultProven(batchId, claim.index, kind, msg.sender, slashed * 1 gwei);
        if (ranged) {
            _state.batches[batchId].header = header.withMisdeclared();
        } else {
            _state.voids[batchId][tile] = voids | bit;
            Tiles.countFaults(_state, batchId, header, 1);
        }
    }

    /// @inheritdoc IDemands
    function demandTile(
        uint256 batchId,
        uint256 tile,
        bytes32 tileRoot,
        bytes32[] calldata path
    ) external payable override {
        Demands.demand(_state, batchId, tile, tileRoot, path);
    }

    /// @inheritdoc IDemands
    function answerTile(
        uint256 batchId,
        uint256 tile,
        uint256 half,
        bytes calldata data,
        bytes32 other,
        bytes32[] calldata path
    ) external override {
        (address[2] memory payees, uint256[2] memory amounts) = Demands.answer(
            _state,
            batchId,
            tile,
            half,
            data,
            other,
            path
        );
        for (uint256 i; i < payees.length; ++i) {
            if (amounts[i] != 0) _credit(payees[i], amounts[i]);
        }
    }

    /// @inheritdoc IDemands
    function expireDemand(uint256 batchId, uint256 tile) external override {
        (address challenger, uint256 amount) = Demands.expire(_state, batchId, tile);
        _credit(challenger, amount);
    }

    // ---------------------------------------------------------------------------------------------- promises

    /// @inheritdoc IPromises
    function claimMissed(Opening calldata opening, uint64 firstSeq) external override {
        _payOut(PromiseClaims.missed(_state, opening, firstSeq));
    }

    /// @inheritdoc IPromises
    function claimOmitted(
        Opening calldata opening,
        uint64 firstSeq,
        bytes32 other,
        bytes32[] calldata path
    ) external override {
        _payOut(PromiseClaims.omitted(_state, opening, firstSeq, other, path));
    }

    /// @inheritdoc IPromises
    function claimDouble(Opening calldata first, Opening calldata second, uint64 firstSeq) external override {
        _payOut(PromiseClaims.doubled(_state, first, second, firstSeq));
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
        pauses.until = uint40(end);
        _state.epochs.latestPromises.pausedUntil = uint40(end);
        ++pauses.count;
        // slither-disable-next-line unused-return: what the trace held before does not matter
        pauses.all.push(uint48(block.timestamp), uint208(end));
        emit PostingPaused(block.timestamp, end);
    }

    /// @inheritdoc ISettlement
    function setGuardian(address guardian) external override onlyOwner {
        _state.pauses.guardian = guardian;
        emit GuardianChanged(guardian);
    }

    // ------------------------------------------------------------------------------------- views for everyone

    /// @inheritdoc ISettlement
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

    /// @inheritdoc ISettlement
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

    /// @inheritdoc ISettlement
    function whyVoid(
        uint256 batchId,
        uint256 index,
        bytes32[7] calldata leaf,
        bytes32[] calldata proof
    ) external view override returns (VoidReason reason) {
        (, reason, ) = _read(batchId, index, leaf, proof);
    }

    /// @inheritdoc ISettlement
    function isIncluded(
        uint256 batchId,
        uint256 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) external view override returns (bool) {
        return _includes(batchId, _state.batches[batchId].header, index, leafHash, proof);
    }

    /// @inheritdoc ISettlement
    function batch(uint256 batchId) external view override returns (bytes32 root, Header header) {
        Batch storage batch_ = _state.batches[batchId];
        return (batch_.root, batch_.header);
    }

    /// @inheritdoc ISettlement
    function voidMap(uint256 batchId, uint256 tile) external view override returns (uint256) {
        return _state.voids[batchId][tile];
    }

    /// @inheritdoc ISettlement
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
            liableUntil: lane_.liableUntil,
            blown: lane_.blown
        });
    }

    /// @inheritdoc ISettlement
    function requiredStake(uint256 laneId, uint256 count) external view override returns (uint256) {
        LaneSequence sequence = _state.lanes[laneId].sequence;
        if (count > MAX_COUNT) revert WrongCount(count, MAX_COUNT);
        return Lanes.required(_state.epochs.current(), sequence.open() + sequence.ahead() + count) * 1 gwei;
    }

    /// @inheritdoc ISettlement
    function currentEpoch() external view override returns (uint16) {
        return uint16(_state.epochs.current().epoch());
    }

    /// @inheritdoc ISettlement
    function termsOf(uint256 epoch) external view override returns (Terms memory terms, uint40 startsAt) {
        PostingTerms posting = _state.epochs.posting[epoch];
        // slither-disable-next-line incorrect-equality: an emptiness test, of no balance and no time
        if (posting.epoch() == 0) revert UnknownEpoch(epoch);
        return (_state.epochs.terms[epoch], uint40(posting.startsAt()));
    }

    /// @inheritdoc ISettlement
    function postingTerms(uint256 epoch) external view override returns (PostingTerms) {
        return _state.epochs.posting[epoch];
    }

    /// @inheritdoc ISettlement
    function faultOf(uint256 epoch, uint8 kind) external view override returns (IFault fault, uint256 slash) {
        FaultEntry storage entry = _state.epochs.faults[epoch][kind];
        return (entry.fault, uint256(entry.slashGwei) * 1 gwei);
    }

    /// @inheritdoc ISettlement
    function gapHistogram(uint256 laneId) public view override returns (uint256[8] memory counts) {
        LaneSequence sequence = _state.lanes[laneId].sequence;
        for (uint256 bucket; bucket < counts.length; ++bucket) {
            counts[bucket] = sequence.bucketAt(bucket);
        }
    }

    /// @inheritdoc ISettlement
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

    /// @inheritdoc ISettlement
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
    function claimsOf(
        uint256 laneId,
        uint256 seq
    ) external view override returns (bool broken, bool doubled) {
        uint256 word = _state.claims[laneId][seq];
        return (word & 1 != 0, word & 2 != 0);
    }

    /// @inheritdoc IPromises
    function promiseKeyOf(uint256 laneId, uint256 seq) external view override returns (address) {
        return _state.lanes[laneId].promiseKeyOf(seq > type(uint64).max ? type(uint64).max : seq);
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

    function _includes(
        uint256 batchId,
        Header header,
        uint256 index,
        bytes32 leafHash,
        bytes32[] calldata proof
    ) private view returns (bool) {
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

    // ------------------------------------------------------------------------------------------------- helpers

    /// @dev What the fault's own contract answers to `proven(header, claim)`. A view: it cannot re-enter to change anything.
    /// What it reverts with reaches the prover.
    function _proven(IFault fault, Header header) private view returns (bool answer) {
        bytes4 selector = IFault.proven.selector;
        // The arguments of `proveFault(kind, claim)` are those of `proven(header, claim)` but for the first word, so they
        // are passed on as they came: encoding the claim anew costs 2,000 gas.
        // slither-disable-next-line assembly: see the comment above
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            mstore(data, selector)
            mstore(add(data, 4), header)
            let ok := staticcall(gas(), fault, data, calldatasize(), 0, 32)
            if iszero(ok) {
                returndatacopy(data, 0, returndatasize())
                revert(data, returndatasize())
            }
            answer := and(gt(returndatasize(), 31), eq(mload(0), 1))
        }
    }

    /// @dev The header of a batch whose tile can still be disputed.
    function _disputable(uint256 batchId, uint256 tile) private view returns (Header header) {
        header = _state.batches[batchId].header;
        if (!header.exists()) revert UnknownBatch(batchId);
        (uint256 end, uint256 struckAt) = Tiles.timesOf(_state, batchId, header, tile);
        if (struckAt != 0) revert Struck(batchId, tile);
        if (block.timestamp > end) revert TooLate(end);
    }

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

    function _payOut(Payout memory payout) private {
        if (payout.beneficiaryShare != 0) _credit(payout.beneficiary, payout.beneficiaryShare);
        if (payout.callerShare != 0) _credit(msg.sender, payout.callerShare);
    }
}

// slither-disable-end timestamp
