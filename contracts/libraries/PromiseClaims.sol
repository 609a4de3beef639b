// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {InclusionPromise, IPromises, Opening} from "../interfaces/IPromises.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Header} from "../types/Header.sol";
import {Batch, EpochBook, Lane, PromiseTerms, State} from "../types/State.sol";
import {BatchTree} from "./BatchTree.sol";
import {Epochs} from "./Epochs.sol";
import {Lanes} from "./Lanes.sol";
import {Receipts} from "./Receipts.sol";
import {Tiles} from "./Tiles.sol";

/// @notice What a claim is paid: for the caller of the library to credit.
struct Payout {
    address beneficiary;
    uint256 beneficiaryShare;
    uint256 callerShare;
}

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

    /// @dev See `IPromises.claimMissed`.
    function missed(
        State storage state,
        Opening calldata opening,
        uint64 firstSeq
    ) internal returns (Payout memory) {
        Lane storage lane = _enforceable(state, opening, Receipts.domainSeparator(address(this)));
        PromiseTerms memory terms = state.epochs.promisesAt(opening.inclusion.includeBy);
        uint256 due = _due(state, opening.inclusion.includeBy, terms);
        uint256 over = due;
        bool late = block.timestamp > due;
        if (opening.seq < lane.sequence.nextSeq()) {
            (uint256 batchId, Header header) = _holding(state, opening, firstSeq);
            uint256 struckAt;
            (over, struckAt) = _over(state, batchId, header, opening.seq - firstSeq, due);
            late = header.anchor() > due || struckAt != 0;
        }
        if (!late) revert IPromises.NotBroken(opening.inclusion.lane, opening.seq);
        return _pay(state, opening, MISSED_DEADLINE, over, terms);
    }

    /// @dev See `IPromises.claimOmitted`.
    function omitted(
        State storage state,
        Opening calldata opening,
        uint64 firstSeq,
        bytes32 other,
        bytes32[] calldata path
    ) internal returns (Payout memory) {
        _binding(state, opening, Receipts.domainSeparator(address(this)));
        // A number that stands in a batch was below the limit: that slot need not be read.
        (uint256 batchId, Header header) = _holding(state, opening, firstSeq);
        uint256 index = opening.seq - firstSeq;
        Batch storage batch = state.batches[batchId];
        if (!BatchTree.contains(batch.root, other, index, header.count(), path)) {
            revert ISettlement.NotIncluded(batchId, index);
        }
        if (other == opening.leafHash) revert IPromises.NotBroken(opening.inclusion.lane, opening.seq);
        PromiseTerms memory terms = state.epochs.promisesAt(opening.inclusion.includeBy);
        (uint256 over, ) = _over(
            state,
            batchId,
            header,
            index,
            _due(state, opening.inclusion.includeBy, terms)
        );
        return _pay(state, opening, OMITTED_RECEIPT, over, terms);
    }

    /// @dev See `IPromises.claimDouble`.
    function doubled(
        State storage state,
        Opening calldata first,
        Opening calldata second,
        uint64 firstSeq
    ) internal returns (Payout memory) {
        bytes32 separator = Receipts.domainSeparator(address(this));
        Lane storage lane = _enforceable(state, first, separator);
        // The limit is the same for both.
        _binding(state, second, separator);
        uint256 seq = first.seq;
        uint256 laneId = first.inclusion.lane;
        if (laneId != second.inclusion.lane || seq != second.seq || first.leafHash == second.leafHash) {
            revert IPromises.NotBroken(laneId, seq);
        }
        uint256 word = state.claims[laneId][seq];
        bool firstWasPaid = word & BROKEN != 0 && (word ^ uint256(first.leafHash)) & LEAF_MASK == 0;
        Opening calldata paid = firstWasPaid ? second : first;
        PromiseTerms memory terms = state.epochs.promisesAt(paid.inclusion.includeBy);
        uint256 over = _due(state, paid.inclusion.includeBy, terms);
        if (seq < lane.sequence.nextSeq()) {
            (uint256 batchId, Header header) = _holding(state, first, firstSeq);
            (over, ) = _over(state, batchId, header, seq - firstSeq, over);
        }
        return _pay(state, paid, DOUBLE_PROMISE, over, terms);
    }

    /// @dev The last second in which a promise is in time.
    function dueOf(State storage state, uint256 includeBy) internal view returns (uint256) {
        return _due(state, includeBy, state.epochs.promisesAt(includeBy));
    }

    // ------------------------------------------------------------------------------ what a claim rests on

    /// @dev Never before the catch-up after a pause is over.
    function _due(
        State storage state,
        uint256 includeBy,
        PromiseTerms memory terms
    ) private view returns (uint256) {
        if (terms.pausedUntil == 0 || includeBy > type(uint48).max) return includeBy;
        uint256 pauseEnd = state.pauses.all.upperLookupRecent(uint48(includeBy));
        if (pauseEnd == 0) return includeBy;
        uint256 caughtUp = pauseEnd + terms.catchUp;
        return includeBy > caughtUp ? includeBy : caughtUp;
    }

    /// @dev The lane of a promise that its authority signed, opened rightly, and within what may be promised.
    function _enforceable(
        State storage state,
        Opening calldata opening,
        bytes32 separator
    ) private view returns (Lane storage lane) {
        lane = _binding(state, opening, separator);
        if (!lane.isWithinLimit(opening.seq)) {
            revert IPromises.Unenforceable(opening.inclusion.lane, opening.seq);
        }
    }

    /// @dev The lane of a promise that its authority signed, opened rightly, and due before the lane is free.
    function _binding(
        State storage state,
        Opening calldata opening,
        bytes32 separator
    ) private view returns (Lane storage lane) {
        InclusionPromise calldata inclusion = opening.inclusion;
        uint256 seq = opening.seq;
        lane = state.lanes[inclusion.lane];
        address key = lane.promiseKeyOf(seq);
        uint256 lastDue = lane.lastDue;
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
        // slither-disable-next-line unused-return: the third value only says more of a failure
        (address signer, ECDSA.RecoverError failure, ) = ECDSA.tryRecoverCalldata(
            _digest(inclusion, separator),
            opening.signature
        );
        // A lane that is none has no key, and nobody signs as the zero address.
        if (!held || failure != ECDSA.RecoverError.NoError || signer != key) {
            revert IPromises.NotPromised(inclusion.lane, seq);
        }
        if (lastDue != 0 && inclusion.includeBy > lastDue)
            revert IPromises.Unenforceable(inclusion.lane, seq);
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

    /// @dev The batch that starts at `firstSeq`, which must hold the number.
    function _holding(
        State storage state,
        Opening calldata opening,
        uint256 firstSeq
    ) private view returns (uint256 batchId, Header header) {
        batchId = (uint256(opening.inclusion.lane) << 64) | firstSeq;
        header = state.batches[batchId].header;
        if (!header.exists()) revert ISettlement.UnknownBatch(batchId);
        if (opening.seq < firstSeq || opening.seq >= firstSeq + header.count()) {
            revert IPromises.NotBroken(opening.inclusion.lane, opening.seq);
        }
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

    function _pay(
        State storage state,
        Opening calldata opening,
        uint8 fault,
        uint256 over,
        PromiseTerms memory terms
    ) private returns (Payout memory payout) {
        InclusionPromise calldata inclusion = opening.inclusion;
        // Check:
        if (over != Tiles.OPEN && block.timestamp > over + terms.claimWindow) {
            revert ISettlement.TooLate(over + terms.claimWindow);
        }
        uint256 word = state.claims[inclusion.lane][opening.seq];
        uint256 flag = fault == DOUBLE_PROMISE ? DOUBLED : BROKEN;
        if (word & flag != 0) revert IPromises.AlreadyClaimed(inclusion.lane, opening.seq);

        // Effect:
        if (flag == BROKEN) word |= uint256(opening.leafHash) & LEAF_MASK;
        state.claims[inclusion.lane][opening.seq] = word | flag;
        bool hasBeneficiary = inclusion.beneficiary != address(0);
        uint256 slashed;
        (slashed, payout.beneficiaryShare, payout.callerShare) = state.lanes[inclusion.lane].slash(
            terms.slashGwei,
            hasBeneficiary ? BENEFICIARY_PERCENT : 0,
            CALLER_PERCENT
        );
        payout.beneficiary = inclusion.beneficiary;
        payout.beneficiaryShare *= 1 gwei;
        payout.callerShare *= 1 gwei;
        emit IPromises.PromiseBroken(
            inclusion.lane,
            opening.seq,
            fault,
            inclusion.beneficiary,
            msg.sender,
            slashed * 1 gwei
        );
    }
}

// slither-disable-end timestamp
