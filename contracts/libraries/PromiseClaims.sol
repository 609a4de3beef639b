// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {InclusionPromise, IPromises, Opening} from "../interfaces/IPromises.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Header} from "../types/Header.sol";
import {LaneAuthority, LaneSequence} from "../types/LaneWords.sol";
import {PromiseTerms} from "../types/PromiseTerms.sol";
import {Batch, EpochBook, Lane, State} from "../types/State.sol";
import {BatchTree} from "./BatchTree.sol";
import {Epochs} from "./Epochs.sol";
import {Lanes} from "./Lanes.sol";
import {Tiles} from "./Tiles.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title Promise claims: the state machine of `IPromises`
library PromiseClaims {
    using Checkpoints for Checkpoints.Trace208;
    using Epochs for EpochBook;
    using Lanes for Lane;

    bytes32 private constant TYPEHASH = keccak256(
        "InclusionPromise(uint32 lane,uint64 firstSeq,uint32 count,bytes32 root,uint64 includeBy,address beneficiary)"
    );
    uint8 private constant MISSED_DEADLINE = 1;
    uint8 private constant OMITTED_RECEIPT = 2;
    uint8 private constant DOUBLE_PROMISE = 3;
    uint256 private constant BENEFICIARY_PERCENT = 45;
    uint256 private constant CALLER_PERCENT = 5;
    uint256 private constant BROKEN = 1;
    uint256 private constant DOUBLED = 2;
    uint256 private constant LEAF_MASK = ~uint256(0xff);

    /// @dev See `IPromises.claimMissed`. `separator` is that of promises, here and below. Whom to credit beside the
    /// caller, and with how many wei each, is for the caller of the library to do.
    function missed(
        State storage state,
        Opening calldata opening,
        uint256 firstSeq,
        bytes32 separator
    ) internal returns (address, uint256, uint256) {
        uint256 laneId = opening.inclusion.lane;
        uint256 seq = opening.seq;
        Lane storage lane = state.lanes[laneId];
        uint256 includeBy = _binding(lane, opening, laneId, seq, separator);
        LaneSequence sequence = _reaching(lane, laneId, seq);
        PromiseTerms terms = state.epochs.promisesAt(includeBy);
        uint256 due = _due(state, includeBy, terms);
        uint256 over = due;
        bool late = block.timestamp > due;
        if (seq < sequence.nextSeq()) {
            (uint256 batchId, , Header header, uint256 index) = _holding(state, laneId, seq, firstSeq);
            uint256 struckAt;
            (over, struckAt) = _over(state, batchId, header, index, due);
            late = header.anchor() > due || struckAt != 0;
        }
        if (!late) revert IPromises.NotBroken(laneId, seq);
        return _pay(state, lane, opening, laneId, seq, MISSED_DEADLINE, over, terms);
    }

    /// @dev See `IPromises.claimOmitted`.
    function omitted(
        State storage state,
        Opening calldata opening,
        uint256 firstSeq,
        bytes32 other,
        bytes32[] calldata path,
        bytes32 separator
    ) internal returns (address, uint256, uint256) {
        uint256 laneId = opening.inclusion.lane;
        uint256 seq = opening.seq;
        Lane storage lane = state.lanes[laneId];
        uint256 includeBy = _binding(lane, opening, laneId, seq, separator);
        // A number that stands in a batch was within reach: that slot need not be read.
        (uint256 batchId, Batch storage batch, Header header, uint256 index) = _holding(
            state,
            laneId,
            seq,
            firstSeq
        );
        if (!BatchTree.contains(batch.root, other, index, header.count(), path)) {
            revert ISettlement.NotIncluded(batchId, index);
        }
        if (other == opening.leafHash) revert IPromises.NotBroken(laneId, seq);
        PromiseTerms terms = state.epochs.promisesAt(includeBy);
        (uint256 over, ) = _over(state, batchId, header, index, _due(state, includeBy, terms));
        return _pay(state, lane, opening, laneId, seq, OMITTED_RECEIPT, over, terms);
    }

    /// @dev See `IPromises.claimDouble`.
    function doubled(
        State storage state,
        Opening calldata first,
        Opening calldata second,
        uint256 firstSeq,
        bytes32 separator
    ) internal returns (address, uint256, uint256) {
        uint256 laneId = first.inclusion.lane;
        uint256 seq = first.seq;
        if (laneId != second.inclusion.lane || seq != second.seq || first.leafHash == second.leafHash) {
            revert IPromises.NotBroken(laneId, seq);
        }
        Lane storage lane = state.lanes[laneId];
        uint256 includeBy = _binding(lane, first, laneId, seq, separator);
        uint256 secondIncludeBy = _binding(lane, second, laneId, seq, separator);
        LaneSequence sequence = _reaching(lane, laneId, seq);
        Opening calldata paid = first;
        if (_wasPaid(state.claims[laneId][seq], first.leafHash))
            (paid, includeBy) = (second, secondIncludeBy);
        PromiseTerms terms = state.epochs.promisesAt(includeBy);
        uint256 over = _due(state, includeBy, terms);
        if (seq < sequence.nextSeq()) {
            (uint256 batchId, , Header header, uint256 index) = _holding(state, laneId, seq, firstSeq);
            (over, ) = _over(state, batchId, header, index, over);
        }
        return _pay(state, lane, paid, laneId, seq, DOUBLE_PROMISE, over, terms);
    }

    /// @dev See `IPromises.isPromised`.
    function isPromised(
        State storage state,
        Opening calldata opening,
        bytes32 separator
    ) internal view returns (bool) {
        uint256 seq = opening.seq;
        uint256 includeBy = opening.inclusion.includeBy;
        Lane storage lane = state.lanes[opening.inclusion.lane];
        LaneSequence sequence = lane.sequence;
        LaneAuthority authority = lane.authority;
        return
            seq >= sequence.nextSeq() &&
            lane.isWithinReach(sequence, seq) &&
            _isGiven(lane, authority, opening, seq, separator) &&
            _isBound(authority, includeBy) &&
            block.timestamp <= dueOf(state, includeBy);
    }

    /// @dev The last second in which a promise is in time.
    function dueOf(State storage state, uint256 includeBy) internal view returns (uint256) {
        return _due(state, includeBy, state.epochs.promisesAt(includeBy));
    }

    // ------------------------------------------------------------------------------ what a claim rests on

    /// @dev Never before the catch-up after a pause is over.
    function _due(State storage state, uint256 includeBy, PromiseTerms terms) private view returns (uint256) {
        if (terms.pausedUntil() == 0 || includeBy > type(uint48).max) return includeBy;
        uint256 pauseEnd = state.pauses.all.upperLookupRecent(uint48(includeBy));
        if (pauseEnd == 0) return includeBy;
        uint256 caughtUp = pauseEnd + terms.catchUp();
        return includeBy > caughtUp ? includeBy : caughtUp;
    }

    /// @dev When a promise that the lane's authority signed, opened rightly, is due: before the lane is free. `laneId` and
    /// `seq` are the opening's, here and below: each field of calldata is checked for its type whenever it is read.
    function _binding(
        Lane storage lane,
        Opening calldata opening,
        uint256 laneId,
        uint256 seq,
        bytes32 separator
    ) private view returns (uint256 includeBy) {
        LaneAuthority authority = lane.authority;
        if (!_isGiven(lane, authority, opening, seq, separator)) revert IPromises.NotPromised(laneId, seq);
        includeBy = opening.inclusion.includeBy;
        if (!_isBound(authority, includeBy)) revert IPromises.Unenforceable(laneId, seq);
    }

    /// @dev Whether the lane's authority, which `authority` is, signed the promise, and it holds the leaf at the number.
    function _isGiven(
        Lane storage lane,
        LaneAuthority authority,
        Opening calldata opening,
        uint256 seq,
        bytes32 separator
    ) private view returns (bool) {
        InclusionPromise calldata inclusion = opening.inclusion;
        uint256 index;
        // A number before the promise's first wraps to an index beyond any count.
        unchecked {
            index = seq - inclusion.firstSeq;
        }
        bool held = BatchTree.contains(
            inclusion.root,
            opening.leafHash,
            index,
            inclusion.count,
            opening.proof
        );
        // slither-disable-next-line unused-return: it is the zero address where the others tell of a failure
        (address signer, , ) = ECDSA.tryRecoverCalldata(_digest(inclusion, separator), opening.signature);
        // A lane that is none has no key, and nobody signs as the zero address.
        return held && signer != address(0) && signer == lane.promiseKeyOf(authority, seq);
    }

    /// @dev Whether the lane is not free yet when a promise is due: always so while it does not leave.
    function _isBound(LaneAuthority authority, uint256 includeBy) private pure returns (bool) {
        uint256 lastDue = authority.lastDue();
        return lastDue == 0 || includeBy <= lastDue;
    }

    /// @dev The sequence of a lane that may, or once might, promise `seq`.
    function _reaching(
        Lane storage lane,
        uint256 laneId,
        uint256 seq
    ) private view returns (LaneSequence sequence) {
        sequence = lane.sequence;
        if (!lane.isWithinReach(sequence, seq)) revert IPromises.Unenforceable(laneId, seq);
    }

    /// @dev The EIP-712 digest of a promise.
    function _digest(
        InclusionPromise calldata inclusion,
        bytes32 separator
    ) private pure returns (bytes32 digest) {
        bytes32 typeHash = TYPEHASH;
        // Assembly, because encoding six words that lie in a row costs 700 gas a promise. Each field is read, and so
        // checked for its type, elsewhere.
        // slither-disable-next-line assembly: see the comment above
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, typeHash)
            calldatacopy(add(data, 32), inclusion, 192)
            let structHash := keccak256(data, 224)
            mstore(data, shl(240, 0x1901))
            mstore(add(data, 2), separator)
            mstore(add(data, 34), structHash)
            digest := keccak256(data, 66)
        }
    }

    /// @dev The batch that starts at `firstSeq`, which must hold the number, and where it does.
    function _holding(
        State storage state,
        uint256 laneId,
        uint256 seq,
        uint256 firstSeq
    ) private view returns (uint256 batchId, Batch storage batch, Header header, uint256 index) {
        batchId = (laneId << 64) | firstSeq;
        batch = state.batches[batchId];
        header = batch.header;
        if (!header.exists()) revert ISettlement.UnknownBatch(batchId);
        // A number before the batch's first wraps to an index beyond any count.
        unchecked {
            index = seq - firstSeq;
        }
        if (index >= header.count()) revert IPromises.NotBroken(laneId, seq);
    }

    /// @dev The later of due time and the end or strike of the tile (`Tiles.OPEN` while a demand is open); the strike.
    function _over(
        State storage state,
        uint256 batchId,
        Header header,
        uint256 index,
        uint256 due
    ) private view returns (uint256 over, uint256 struckAt) {
        (over, struckAt) = Tiles.timesOf(state, batchId, header, index / Tiles.SIZE);
        if (struckAt != 0) over = struckAt;
        if (due > over) over = due;
    }

    /// @dev Whether a deadline or omission was paid for that leaf, by the word of its number: see `State`.
    function _wasPaid(uint256 word, bytes32 leafHash) private pure returns (bool) {
        return word & BROKEN != 0 && (word & LEAF_MASK) == _markOf(leafHash);
    }

    /// @dev What a claims word keeps of a paid leaf hash. Not of its own bits: a lane may promise any 32 bytes, and twins
    /// that differ in the last byte alone would count as one. 248 bits of a hash are enough: to find any two that share
    /// them takes 2^124 hashes, to find a twin of somebody's leaf 2^248, all to deny one holder a part of one slash.
    function _markOf(bytes32 leafHash) private pure returns (uint256) {
        // Of two words, the second zero, because hashing two needs no memory of its own: 140 gas less than of one.
        return uint256(Hashes.efficientKeccak256(leafHash, 0)) & LEAF_MASK;
    }

    /// @dev Slashes the lane for a broken promise: the shares in wei.
    function _pay(
        State storage state,
        Lane storage lane,
        Opening calldata opening,
        uint256 laneId,
        uint256 seq,
        uint8 fault,
        uint256 over,
        PromiseTerms terms
    ) private returns (address beneficiary, uint256 beneficiaryShare, uint256 callerShare) {
        // Check:
        if (over != Tiles.OPEN && block.timestamp > over + terms.claimWindow()) {
            revert ISettlement.TooLate(over + terms.claimWindow());
        }
        mapping(uint256 seq => uint256 word) storage words = state.claims[laneId];
        uint256 word = words[seq];
        uint256 flag = fault == DOUBLE_PROMISE ? DOUBLED : BROKEN;
        if (word & flag != 0) revert IPromises.AlreadyClaimed(laneId, seq);

        // Effect:
        if (flag == BROKEN) word |= _markOf(opening.leafHash);
        words[seq] = word | flag;
        beneficiary = opening.inclusion.beneficiary;
        uint256 slashed;
        (slashed, beneficiaryShare, callerShare) = lane.slash(
            terms.slashGwei(),
            beneficiary != address(0) ? BENEFICIARY_PERCENT : 0,
            CALLER_PERCENT
        );
        // Each is gwei of 48 bits.
        unchecked {
            slashed *= 1 gwei;
            beneficiaryShare *= 1 gwei;
            callerShare *= 1 gwei;
        }
        emit IPromises.PromiseBroken(uint32(laneId), seq, fault, beneficiary, msg.sender, slashed);
    }
}

// slither-disable-end timestamp
