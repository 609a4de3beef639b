// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAttestationRegistry} from "../interfaces/IAttestationRegistry.sol";
import {IDemands} from "../interfaces/IDemands.sol";
import {Claim, IFault} from "../interfaces/IFault.sol";
import {IPromises, Opening} from "../interfaces/IPromises.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Demands} from "../libraries/Demands.sol";
import {FaultKinds} from "../libraries/FaultKinds.sol";
import {Lanes} from "../libraries/Lanes.sol";
import {PromiseClaims} from "../libraries/PromiseClaims.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {Tiles} from "../libraries/Tiles.sol";
import {Header} from "../types/Header.sol";
import {FaultEntry, Lane} from "../types/State.sol";
import {Credits} from "./Credits.sol";
import {SettlementViews} from "./SettlementViews.sol";

// slither-disable-start timestamp: deadlines are what this file is about; a few seconds either way belong to whoever builds the block

/// @title SettlementDisputes: faults, demands and claims on promises: all that takes from a lane's stake, and whom it credits
abstract contract SettlementDisputes is SettlementViews, Credits {
    using Lanes for Lane;

    constructor(IAttestationRegistry registry_) SettlementViews(registry_) {}

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
            Lanes.PROVER_PERCENT,
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
        (address to, uint256 amount, uint256 own) = PromiseClaims.missed(
            _state,
            opening,
            firstSeq,
            _promiseSeparator()
        );
        _payOut(to, amount, own);
    }

    /// @inheritdoc IPromises
    function claimOmitted(
        Opening calldata opening,
        uint64 firstSeq,
        bytes32 other,
        bytes32[] calldata path
    ) external override {
        (address to, uint256 amount, uint256 own) = PromiseClaims.omitted(
            _state,
            opening,
            firstSeq,
            other,
            path,
            _promiseSeparator()
        );
        _payOut(to, amount, own);
    }

    /// @inheritdoc IPromises
    function claimDouble(Opening calldata first, Opening calldata second, uint64 firstSeq) external override {
        (address to, uint256 amount, uint256 own) = PromiseClaims.doubled(
            _state,
            first,
            second,
            firstSeq,
            _promiseSeparator()
        );
        _payOut(to, amount, own);
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

    /// @dev What a claim is paid: to the beneficiary of the promise, and to the caller.
    function _payOut(address beneficiary, uint256 beneficiaryShare, uint256 callerShare) private {
        if (beneficiaryShare != 0) _credit(beneficiary, beneficiaryShare);
        if (callerShare != 0) _credit(msg.sender, callerShare);
    }
}

// slither-disable-end timestamp
